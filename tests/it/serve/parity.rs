//! The same scenario twice: played in the simulator with the core behind it, and served over HTTP to the observer and
//! the executor of `run`, with the same core behind them. Time is the scenario's in both, so nothing waits.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weirkeeper::flink::{ClientConfig, Executor, FlinkClient, Observer};
use weirkeeper::policy::builtin;
use weirkeeper::scenario;
use weirkeeper_core::effect::{Action, ActionKind, Effect};
use weirkeeper_core::event::Event;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::{Millis, Timestamp};
use weirkeeper_core::{Config, State, step};
use weirkeeper_simulator::controller::Command;
use weirkeeper_simulator::controllers::weirkeeper::{Weirkeeper, acting};
use weirkeeper_simulator::play::{Watch, play};
use weirkeeper_simulator::scenario::Scenario;
use weirkeeper_simulator::serve::{Request, Server};
use weirkeeper_simulator::world::BEGAN;

const SCENARIO: &str = "apiVersion: weirkeeper.dev/v1
kind: Scenario
metadata: { name: parity }
duration: 80m
interval: 15s
cluster: { taskManagers: 4, slotsPerTaskManager: 4, coldCapacity: 1, warmUp: 1s, metricDelay: 0s, metricUpdate: 5s }
jobs:
  - name: lab-job
    vertices:
      - { name: \"Source: orders\", parallelism: 1, partitions: 16, capacity: 20000 }
      - { name: enrich, parallelism: 1, capacity: 500 }
    edges: [ [\"Source: orders\", enrich, HASH] ]
    load: [ steps: [[0s, 300], [15m, 1200]] ]
    checkpoints: { interval: 10s }
";

/// What was asked for: each new set of upper bounds, in order, by vertex id.
type Targets = Vec<BTreeMap<Arc<str>, u32>>;

/// Both give the same targets, and there is at least one.
pub fn equal_targets() -> Result<()> {
    let loaded = scenario::read(Path::new("parity.yaml"), SCENARIO);
    ensure!(loaded.is_good(), "{:?}", loaded.report());
    let scenario = loaded.scenarios.into_iter().next().context("no scenario")?;
    let policies = acting(&builtin(), &scenario);
    let played = played(&scenario, &policies)?;
    let served = crate::real::runtime()?.block_on(served(&scenario, policies))?;
    ensure!(!played.is_empty(), "nothing was decided");
    ensure!(played == served, "played: {played:?}\nserved: {served:?}");
    Ok(())
}

fn target(action: &Action) -> Option<BTreeMap<Arc<str>, u32>> {
    match &action.kind {
        ActionKind::Rescale { target, .. } => Some(target.iter().map(|(id, b)| (id.clone(), b.upper.0)).collect()),
        _ => None,
    }
}

#[derive(Default)]
struct Seen(Targets);

impl Watch for Seen {
    fn command(&mut self, _at: Timestamp, command: &Command) {
        if let Command::Act(action) = command {
            self.0.extend(target(action));
        }
    }
}

fn played(scenario: &Scenario, policies: &[Policy]) -> Result<Targets> {
    let mut controller = Weirkeeper::new(policies.to_vec(), scenario.interval);
    let mut seen = Seen::default();
    play(scenario, scenario.seed, &mut controller, &mut seen).map_err(|v| anyhow::anyhow!("{v:?}"))?;
    Ok(seen.0)
}

/// A served world whose clock the test turns.
struct Bench {
    server: Arc<Mutex<Server>>,
    now: Arc<AtomicI64>,
}

impl Bench {
    fn new(scenario: &Scenario) -> Bench {
        let server = Server::new(scenario, scenario.seed, BEGAN.0, 1.0);
        Bench { server: Arc::new(Mutex::new(server)), now: Arc::new(AtomicI64::new(BEGAN.0)) }
    }

    async fn listen(&self) -> Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (server, now) = (self.server.clone(), self.now.clone());
        let router = axum::Router::new().fallback(move |request| answer(server.clone(), now.clone(), request));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    fn at(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    /// Flink's fetch of metrics is asked for a little before they are read, as the observer does where it matters.
    fn turn(&self, interval: Millis) {
        let end = self.at().0 + interval.0 as i64;
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.answer(&Request::new("GET", "/jobs/metrics", b""), end);
        self.now.store(end + 50, Ordering::SeqCst);
    }

    fn settle(&self) {
        self.now.fetch_sub(50, Ordering::SeqCst);
    }
}

async fn answer(
    server: Arc<Mutex<Server>>,
    now: Arc<AtomicI64>,
    request: axum::extract::Request,
) -> (axum::http::StatusCode, String) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let target = parts.uri.path_and_query().map_or("/", |t| t.as_str());
    let request = Request::new(parts.method.as_str(), target, &body);
    let answer = server.lock().unwrap_or_else(PoisonError::into_inner).answer(&request, now.load(Ordering::SeqCst));
    (axum::http::StatusCode::from_u16(answer.status).unwrap_or_default(), answer.body.to_string())
}

async fn served(scenario: &Scenario, policies: Vec<Policy>) -> Result<Targets> {
    let bench = Bench::new(scenario);
    let client = Arc::new(FlinkClient::new(ClientConfig::new(&bench.listen().await?))?);
    let now = bench.now.clone();
    let clock = Arc::new(move || Timestamp(now.load(Ordering::SeqCst)));
    let mut observer = Observer::new(client.clone(), "simulated".into(), Duration::from_secs(15), clock);
    let executor = Executor::new();
    let config = Config { policies, interval: scenario.interval, dry_run: false, dry_run_counts: false };
    let (mut state, mut targets) = (State::default(), Vec::new());
    let mut events = vec![Event::Resumed];
    for _ in 0..scenario.duration.0 / scenario.interval.0 {
        bench.turn(scenario.interval);
        observer.poll(|e| events.push(e)).await;
        bench.settle();
        events.push(Event::Tick);
        // What became of an action is an event too, and may lead to another.
        while let Some(event) = (!events.is_empty()).then(|| events.remove(0)) {
            for effect in step(&config, &mut state, bench.at(), &event) {
                let Effect::Act(action) = effect else { continue };
                targets.extend(target(&action));
                let outcome = executor.execute(&client, &action, false).await;
                observer.expect_change(&action.job);
                events.push(Event::Outcome { run: action.run, token: action.token, outcome });
            }
        }
    }
    Ok(targets)
}
