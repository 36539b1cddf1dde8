use super::*;
use crate::clock;
use crate::run::act::Dispatcher;
use crate::run::engine::{Engine, Step};
use crate::run::input::Input;
use crate::run::mainloop;
use crate::run::world::Work;
use crate::store::MemoryStore;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::runtime::Handle;
use weirkeeper_core::effect::{Action, Effect, Purpose, RunId, Token as Fence};
use weirkeeper_core::event::{Control, Event, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::run::{Phase, Run};
use weirkeeper_core::units::{Millis, Timestamp};
use weirkeeper_core::{Config, State as CoreState};

struct Idle;

impl Executor for Idle {
    fn execute<'a>(&'a self, _: &'a Action, _: bool) -> Work<'a, Outcome> {
        Box::pin(async { Outcome::DryRun })
    }
    fn requests(&self) -> u64 {
        7
    }
}

fn key() -> JobKey {
    JobKey { cluster: "c".into(), namespace: None, name: "or/ders".into() }
}

fn waiting() -> Run {
    Run {
        id: RunId(12),
        token: Fence(1),
        policy: "p".into(),
        job_id: "id".into(),
        purpose: Purpose::Up,
        changes: BTreeMap::new(),
        before: BTreeMap::new(),
        target: BTreeMap::new(),
        promises: BTreeMap::new(),
        phase: Phase::AwaitingApproval { expires: Timestamp(i64::MAX) },
        planned_at: Timestamp(0),
        acted_at: None,
        reached_at: None,
        ended_at: None,
        checkpoint_before: None,
        failed_before: None,
        restarts: 0,
        sent_at: Timestamp(0),
        taken: false,
        unclear: false,
        asked: None,
        undo: None,
        patience: Millis(0),
        plan_hash: "abc".into(),
        approved_by: None,
        redeploy: None,
        log: Vec::new(),
    }
}

/// Approves as the core does, without its checks: those are the core's to test.
fn step(config: &Config, state: &mut CoreState, at: Timestamp, event: &Event) -> Vec<Effect> {
    match event {
        Event::Control(Control::Approve { run, plan_hash, by }) => {
            let job = state.jobs.get_mut(&key()).unwrap();
            let standing = job.memory.run.as_mut().unwrap();
            assert_eq!((*run, plan_hash.as_str()), (RunId(12), "abc"));
            (standing.phase, standing.approved_by) = (Phase::Acting, Some(by.clone()));
            Vec::new()
        }
        other => weirkeeper_core::step(config, state, at, other),
    }
}

struct Served {
    api: Api,
    base: String,
    _dir: tempfile::TempDir,
}

async fn serve(open_reads: bool) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let (inbox, receiver) = Inbox::new();
    let (metrics, store) = (Metrics::default(), Arc::new(MemoryStore::default()));
    let config = Config { policies: vec![], interval: Millis::secs(10), dry_run: false, dry_run_counts: false };
    let mut state = CoreState::default();
    state.jobs.entry(key()).or_default().memory.run = Some(waiting());
    let engine = Engine::new(config, state, step as Step, store.clone(), metrics.clone());
    let dispatcher = Dispatcher::new(Handle::current(), BTreeMap::new(), inbox.clone(), metrics.clone());
    std::thread::spawn(move || mainloop::run(engine, &dispatcher, receiver));
    let (name, health, executor) = ("c".into(), SharedHealth::default(), Arc::new(Idle));
    let clusters = vec![ApiCluster { name, health, executor }];
    let token = Token::read_or_make(&dir.path().join("token")).unwrap();
    let interval = Duration::from_secs(10);
    let api = Api { inbox, store, metrics, clusters, interval, token, open_reads };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(api.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Served { api, base, _dir: dir }
}

impl Served {
    async fn ask(&self, method: Method, path: &str, token: bool, body: Value) -> (u16, Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = http.request(method, format!("{}{path}", self.base));
        if token {
            request = request.header("authorization", self.api.token.header());
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, false, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(Method::POST, path, true, body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_the_token_and_reading_does_where_others_can_reach_it() {
    let open = serve(true).await;
    assert_eq!(open.get("/api/v1/jobs").await.0, 200);
    let body = json!({"reason": "r", "by": "ann"});
    let (status, said) = open.ask(Method::POST, "/api/v1/pause", false, body.clone()).await;
    assert!(status == 401 && said["error"].as_str().unwrap().contains("STATE.token"), "{said}");
    assert!(open.api.inbox.ask(|g| g.state.fleet.pauses.is_empty()).await.unwrap());
    assert_eq!(open.post("/api/v1/pause", body).await, (200, json!({"done": true})));
    assert_eq!(open.api.inbox.ask(|g| g.state.fleet.pauses.len()).await.unwrap(), 1);

    let closed = serve(false).await;
    for path in ["/api/v1/jobs", "/api/v1/actions", "/api/v1/decisions"] {
        assert_eq!(closed.get(path).await.0, 401, "{path}");
        assert_eq!(closed.ask(Method::GET, path, true, Value::Null).await.0, 200, "{path}");
    }
    for path in ["/live", "/metrics"] {
        assert_eq!(closed.get(path).await.0, 200, "probes carry no token: {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t48_an_approval_names_its_plan_and_is_used_once() {
    let served = serve(true).await;
    let (status, action) = served.get("/api/v1/actions/run-12").await;
    assert_eq!((status, &action["phase"], &action["planHash"]), (200, &json!("awaiting-approval"), &json!("abc")));
    let approve = "/api/v1/actions/run-12/approve";
    assert_eq!(served.post(approve, json!({"by": "ann"})).await.0, 400, "which plan?");
    let (status, said) = served.post(approve, json!({"by": "ann", "planHash": "old"})).await;
    assert!(status == 409 && said["error"].as_str().unwrap().contains("abc"), "{said}");
    let (status, action) = served.post(approve, json!({"by": "ann", "planHash": "abc"})).await;
    assert_eq!((status, &action["phase"], &action["approvedBy"]), (200, &json!("acting"), &json!("ann")));
    assert_eq!(served.post(approve, json!({"by": "ann", "planHash": "abc"})).await.0, 409, "used");
    assert_eq!(served.post("/api/v1/actions/run-12/reject", json!({"by": "ann"})).await.0, 409, "too late");
    assert_eq!(served.get("/api/v1/actions/run-13").await.0, 404);
    assert_eq!(served.get("/api/v1/actions/nonsense").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_say_nothing_clear_are_refused() {
    let served = serve(true).await;
    let bad = [
        json!({"by": "ann"}),
        json!({"by": "ann", "reason": "  "}),
        json!({"by": "ann", "reason": "r", "only": "sideways"}),
        json!({"by": "ann", "reason": "r", "until": "tomorrow"}),
        json!({"by": "ann", "reason": "x".repeat(501)}),
        json!({"by": "", "reason": "r"}),
        json!({"by": "ann", "reason": "r", "unti": "x"}),
        json!({"by": 7, "reason": "r"}),
        json!([]),
    ];
    for body in bad {
        let (status, said) = served.post("/api/v1/pause", body.clone()).await;
        assert!(status == 400 && said["error"].is_string(), "{body}: {status} {said}");
    }
    assert!(served.api.inbox.ask(|g| g.state.fleet.pauses.is_empty()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_slashes_have_their_place_in_a_path() {
    let served = serve(true).await;
    let unobserved = Event::Unobserved { job: key(), why: "hangs".into(), incomplete: false };
    served.api.inbox.send(Input::Event(unobserved)).await.unwrap();
    let (status, found) = served.get("/api/v1/jobs/or%2Fders").await;
    assert_eq!(
        (status, &found["jobs"][0]["name"], &found["jobs"][0]["unread"]),
        (200, &json!("or/ders"), &json!("hangs"))
    );
    let (status, found) = served.get("/api/v1/jobs/or%2Fders/decisions").await;
    assert!(status == 200 && found["decisions"].is_array());
    assert_eq!(served.get("/api/v1/jobs/other").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_while_a_cluster_was_read_within_three_intervals() {
    let served = serve(true).await;
    let health = &served.api.clusters[0].health;
    assert_eq!(served.get("/ready").await.0, 503, "never read");
    health.update(&Ok(()), clock::now());
    assert_eq!(served.get("/ready").await.0, 200);
    health.update(&Ok(()), clock::now().minus(Millis::secs(31)));
    let (status, said) = served.get("/ready").await;
    assert_eq!((status, &said["clusters"][0]["fresh"]), (503, &json!(false)));
    health.update(&Err("refused".into()), clock::now());
    assert_eq!(served.get("/ready").await.1["clusters"][0]["failure"], json!("refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_tell_calls_and_jobs() {
    let served = serve(true).await;
    let (status, text) = served.get("/metrics").await;
    let text = text.as_str().unwrap();
    assert_eq!(status, 200);
    for line in ["weirkeeper_rest_requests_total{cluster=\"c\"} 7", "weirkeeper_jobs{state=\"running\"} 0", "# EOF"] {
        assert!(text.lines().any(|l| l == line), "{line} is missing:\n{text}");
    }
}
