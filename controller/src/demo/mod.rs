//! `weirkeeper demo`: the engine of `run` on a simulated cluster, faster than the clock, with its API on a port.

mod play;
mod tell;

use crate::api::token::{self, Token};
use crate::api::{Api, ApiCluster, router};
use crate::args::{DemoArgs, Global};
use crate::exit::{OK, Stop};
use crate::logging;
use crate::metrics::Metrics;
use crate::policy;
use crate::run::engine::Engine;
use crate::run::input::Inbox;
use crate::run::poll::SharedHealth;
use crate::run::world::{Executor, Work};
use crate::scenario;
use crate::settings::Level;
use play::Play;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tell::Tell;
use tokio::net::TcpListener;
use weirkeeper_core::effect::Action;
use weirkeeper_core::event::Outcome;
use weirkeeper_core::state::{Config, State};
use weirkeeper_simulator::controllers::weirkeeper::acting;
use weirkeeper_simulator::scenario::Scenario;

/// The scenario that is shown unless another is given.
const BUILTIN: &str = include_str!("../../../simulator/scenarios/demo.yaml");

/// Runs until Ctrl-C.
pub async fn run(global: &Global, args: &DemoArgs) -> Result<u8, Stop> {
    let scenario = scenario(args)?;
    logging::start(logging::level(global, Some(Level::Error)), global.log_format.unwrap_or_default(), global.color);
    let listener = listen(args.port).await?;
    let at = listener.local_addr().map_err(Stop::broke)?;
    let colours = logging::colours(global.color, std::io::stdout().is_terminal(), logging::no_color());
    let tell = Arc::new(Tell::new(colours, &scenario));
    tell.welcome(&scenario, args.speed, at);
    let (metrics, health) = (Metrics::default(), SharedHealth::default());
    let policies = acting(&policy::builtin(), &scenario);
    let config = Config { policies, interval: scenario.interval, dry_run: false, dry_run_counts: false };
    let engine = Engine::new(config, State::default(), weirkeeper_core::step, tell.clone(), metrics.clone());
    let folder = std::env::temp_dir().join(format!("weirkeeper-demo-{}", std::process::id()));
    let token = token_in(&folder)?;
    let (inbox, receiver) = Inbox::new();
    let executor: Arc<dyn Executor> = Arc::new(NoHand);
    let api = Api {
        inbox,
        store: tell.clone(),
        metrics,
        clusters: vec![ApiCluster { name: "simulated".into(), health: health.clone(), executor }],
        interval: Duration::from_millis(scenario.interval.0),
        token,
        open_reads: true,
    };
    let server = tokio::spawn(async move { axum::serve(listener, router(api)).await });
    let stop = Arc::new(AtomicBool::new(false));
    let play = Play::new(scenario, engine, receiver, health, tell, args.speed);
    let playing = tokio::task::spawn_blocking({
        let stop = stop.clone();
        move || play.run(&stop)
    });
    let _ = tokio::signal::ctrl_c().await;
    stop.store(true, Ordering::SeqCst);
    // It looks at the flag many times a second.
    let _ = playing.await;
    server.abort();
    // A folder that stays behind holds nothing but a token that no longer opens anything.
    let _ = std::fs::remove_dir_all(folder);
    Ok(OK)
}

fn scenario(args: &DemoArgs) -> Result<Scenario, Stop> {
    let loaded = match &args.scenario {
        Some(path) => scenario::load(std::slice::from_ref(path)),
        None => scenario::read(Path::new("built-in:simulator/scenarios/demo.yaml"), BUILTIN),
    };
    let good = loaded.is_good();
    let report = loaded.report();
    match loaded.scenarios.into_iter().next().filter(|_| good) {
        Some(scenario) => Ok(scenario),
        None => Err(Stop::report(report)),
    }
}

async fn listen(port: u16) -> Result<TcpListener, Stop> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            Stop::cannot(format!("port {port} is in use, perhaps by another demo; choose another with --port N"))
        }
        _ => Stop::cannot(format!("cannot listen on port {port}: {e}")),
    })
}

fn token_in(folder: &Path) -> Result<Token, Stop> {
    std::fs::create_dir_all(folder).map_err(|e| Stop::cannot(format!("{}: {e}", folder.display())))?;
    Token::read_or_make(&token::path(&folder.join("demo"))).map_err(Stop::cannot)
}

/// The world carries out what the engine says by itself; nothing is sent anywhere.
struct NoHand;

impl Executor for NoHand {
    fn execute<'a>(&'a self, _action: &'a Action, _dry_run: bool) -> Work<'a, Outcome> {
        Box::pin(async { Outcome::Refused("the demo has no cluster to send it to".to_owned()) })
    }

    fn requests(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests;
