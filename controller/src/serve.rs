//! `weirkeeper serve`: Flink's REST API in front of a simulated cluster. Everything that is answered is decided by
//! [`weirkeeper_simulator::serve`]; here are only the port and the clock.

use crate::args::{Global, ServeArgs};
use crate::clock;
use crate::exit::{OK, Stop};
use crate::scenario;
use crate::settings::Level;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io::{Write, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use weirkeeper_simulator::scenario::Scenario;
use weirkeeper_simulator::serve::{self, Server, copies};

/// The world also moves while nobody asks, so that a first request after a silence is answered at once.
const BEAT: Duration = Duration::from_millis(100);
/// An answer that comes too late comes this late: longer than any client waits.
const LATE: Duration = Duration::from_secs(60);
/// The largest upload that is taken; of a jar only its name counts.
const MAX_BODY: usize = 1 << 29;

/// A world that is served.
#[derive(Clone)]
pub struct Served(Arc<Mutex<Server>>);

impl Served {
    /// A scenario, begun now.
    pub fn begin(scenario: &Scenario, seed: u64, speed: f64) -> Served {
        Served(Arc::new(Mutex::new(Server::new(scenario, seed, clock::now().0, speed))))
    }

    /// What answers.
    pub fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its routes: one, for Flink's are known to the server alone.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Lets time pass, for ever.
    pub async fn live(self) {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.server().advance(clock::now().0);
        }
    }
}

async fn answer(State(served): State<Served>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let target = parts.uri.path_and_query().map_or("/", |t| t.as_str());
    let request = serve::Request::new(parts.method.as_str(), target, &body);
    let answer = served.server().answer(&request, clock::now().0);
    if answer.late {
        tokio::time::sleep(LATE).await;
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(answer.body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Runs the command until it is told to stop.
pub async fn run(global: &Global, args: &ServeArgs) -> Result<u8, Stop> {
    crate::logging::start(
        crate::logging::level(global, Some(Level::Info)),
        global.log_format.unwrap_or_default(),
        global.color,
    );
    let scenario = read(args)?;
    let listener = TcpListener::bind((args.bind.as_str(), args.port)).await;
    let listener =
        listener.map_err(|e| Stop::cannot(format!("{}:{}: {e}; try another --port", args.bind, args.port)))?;
    let address = listener.local_addr().map_err(Stop::broke)?;
    let served = Served::begin(&scenario, args.seed.unwrap_or(scenario.seed), args.speed);
    let (name, jobs, speed) = (&scenario.name, scenario.jobs.len(), args.speed);
    // A reader that has gone is no error.
    let _ = writeln!(stdout(), "{name}: {jobs} jobs at {speed} times real time, Flink's REST API on http://{address}");
    tokio::spawn(served.clone().live());
    let mut terminate = signal(SignalKind::terminate()).map_err(Stop::broke)?;
    let ends = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::select! {
        done = async { axum::serve(listener, served.router()).await } => done.map_err(Stop::broke)?,
        // Not gracefully: a client that keeps its connection open would hold it up.
        () = ends => {}
    }
    Ok(OK)
}

/// The scenario that is served, with its copies.
fn read(args: &ServeArgs) -> Result<Scenario, Stop> {
    let loaded = scenario::load(std::slice::from_ref(&args.scenario));
    if !loaded.is_good() {
        return Err(Stop::report(loaded.report()));
    }
    match loaded.scenarios.as_slice() {
        [one] => Ok(copies(one, args.copies)),
        [] => Err(Stop::cannot(format!("{} holds no scenario", args.scenario.display()))),
        several => {
            let names = several.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(Stop::cannot(format!("{} holds several scenarios ({names}); serve needs one", args.scenario.display())))
        }
    }
}
