//! A server that answers as it is told and remembers what it was asked.

use super::super::{ClientConfig, FlinkClient, Limits, Observer};
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::Observation;
use weirkeeper_core::series::Agg;
use weirkeeper_core::units::Timestamp;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Req {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Value,
    pub auth: Option<String>,
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum Reply {
    Json(u16, Value),
    Raw(u16, String),
    Hang,
}

pub type Handler = Arc<dyn Fn(&Req) -> Reply + Send + Sync>;

/// A running server.
pub struct Fake {
    pub url: String,
    pub seen: Arc<Mutex<Vec<Req>>>,
}

impl Fake {
    pub async fn start(handler: Handler) -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Req>>> = Arc::default();
        let log = seen.clone();
        let app = axum::Router::new().fallback(move |request: Request| answer(request, handler.clone(), log.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Fake { url, seen }
    }

    pub fn client(&self) -> Arc<FlinkClient> {
        self.client_with(|_| {})
    }

    pub fn client_with(&self, change: impl FnOnce(&mut ClientConfig)) -> Arc<FlinkClient> {
        let mut config = ClientConfig::new(&self.url);
        config.limits = Limits { timeout: Duration::from_secs(5), ..Limits::default() };
        change(&mut config);
        Arc::new(FlinkClient::new(config).unwrap())
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|r| format!("{} {}", r.method, r.path)).collect()
    }

    pub fn mutating(&self) -> Vec<String> {
        self.paths().into_iter().filter(|p| !p.starts_with("GET ")).collect()
    }
}

async fn answer(request: Request, handler: Handler, log: Arc<Mutex<Vec<Req>>>) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = parts.headers.get("authorization").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let request = Req {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").replace("%2C", ","),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        auth: header,
    };
    log.lock().unwrap().push(request.clone());
    let (status, text) = match handler(&request) {
        Reply::Json(status, value) => (status, value.to_string()),
        Reply::Raw(status, text) => (status, text),
        Reply::Hang => std::future::pending().await,
    };
    (axum::http::StatusCode::from_u16(status).unwrap(), text).into_response()
}

/// A recorded answer: its status and what was answered.
pub fn fixture(name: &str) -> (u16, Value) {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/flink-rest").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut all: Value = serde_json::from_str(&text).unwrap();
    match all.get("status").and_then(Value::as_u64) {
        Some(status) => (u16::try_from(status).unwrap(), all["response"].take()),
        None => (200, all),
    }
}

/// Answers by path of one recorded cluster.
#[derive(Clone)]
pub struct Recorded {
    pub job: String,
    pub now: i64,
    pub answers: BTreeMap<String, (u16, Value)>,
    metrics: BTreeMap<String, Vec<Value>>,
    names: BTreeMap<String, Value>,
}

const VERTICES: [(&str, &str); 3] = [
    ("f362c87ffabe89c8a91fa7d0a523ba6c", "source"),
    ("674df9b0384c0348e0b9d1034a44c46c", "enrich"),
    ("2e588ce1c86a9d46e2e85186773ce4fd", "sink"),
];

impl Recorded {
    pub fn of(version: &str) -> Recorded {
        let get = |name: &str| fixture(&format!("{version}/{name}"));
        let details = get("job");
        let job = details.1["jid"].as_str().unwrap().to_owned();
        let now = details.1["now"].as_i64().unwrap();
        let mut answers = BTreeMap::new();
        for name in ["jobs_overview", "config", "jobmanager_config", "overview", "taskmanagers"] {
            answers.insert(format!("/{}", name.replace('_', "/")), get(name));
        }
        for tm in ["tm1", "tm2"] {
            answers.insert(format!("/taskmanagers/{tm}/metrics"), get("taskmanager_metrics_values"));
        }
        let parts = [
            ("", "job"),
            ("/status", "job_status"),
            ("/metrics", "job_metrics_values"),
            ("/checkpoints", "job_checkpoints"),
            ("/checkpoints/config", "job_checkpoints_config"),
            ("/exceptions", "job_exceptions"),
            ("/resource-requirements", "job_resource_requirements_get"),
        ];
        for (path, name) in parts {
            answers.insert(format!("/jobs/{job}{path}"), get(name));
        }
        let (mut metrics, mut names) = (BTreeMap::new(), BTreeMap::new());
        for (id, short) in VERTICES {
            let base = format!("/jobs/{job}/vertices/{id}");
            answers.insert(base.clone(), get(&format!("vertex_{short}")));
            answers.insert(format!("{base}/taskmanagers"), get(&format!("vertex_{short}_taskmanagers")));
            let files = if version == "2.2.1" { vec!["_0", "_1"] } else { vec![""] };
            let values = files
                .iter()
                .flat_map(|f| get(&format!("vertex_{short}_subtask_metrics_agg{f}")).1.as_array().unwrap().clone());
            metrics.insert(format!("{base}/subtasks/metrics"), values.collect());
            names.insert(format!("{base}/subtasks/metrics"), get(&format!("vertex_{short}_subtask_metrics_names")).1);
        }
        Recorded { job, now, answers, metrics, names }
    }

    /// Path of the recorded job.
    pub fn path(&self, rest: &str) -> String {
        format!("/jobs/{}{rest}", self.job)
    }

    /// The answer under a path of the job, to be changed.
    pub fn part(&mut self, rest: &str) -> &mut Value {
        let path = self.path(rest);
        &mut self.answers.get_mut(&path).unwrap().1
    }

    /// The source's metrics with aggregation, to be changed.
    pub fn source_metric(&mut self, id: &str) -> &mut Value {
        self.vertex_metric(0, id)
    }

    /// A vertex's metrics with aggregation, to be changed.
    pub fn vertex_metric(&mut self, v: usize, id: &str) -> &mut Value {
        let path = format!("/jobs/{}/vertices/{}/subtasks/metrics", self.job, VERTICES[v].0);
        let list = self.metrics.get_mut(&path).unwrap();
        let at = match list.iter().position(|m| m["id"] == id) {
            Some(at) => at,
            None => {
                list.push(serde_json::json!({"id": id}));
                list.len() - 1
            }
        };
        &mut list[at]
    }

    /// The source's list of names, to be changed.
    pub fn source_names(&mut self) -> &mut Value {
        let path = format!("/jobs/{}/vertices/{}/subtasks/metrics", self.job, VERTICES[0].0);
        self.names.get_mut(&path).unwrap()
    }

    pub fn reply(&self, request: &Req) -> Reply {
        if let Some(values) = self.metrics.get(&request.path) {
            let wanted = request.query.split('&').find_map(|q| q.strip_prefix("get="));
            let Some(wanted) = wanted else { return Reply::Json(200, self.names[&request.path].clone()) };
            let wanted: Vec<&str> = wanted.split(',').collect();
            let found = values.iter().filter(|m| wanted.contains(&m["id"].as_str().unwrap())).cloned().collect();
            return Reply::Json(200, Value::Array(found));
        }
        match self.answers.get(&request.path) {
            Some((status, value)) => Reply::Json(*status, value.clone()),
            None => Reply::Json(404, serde_json::json!({"errors": ["Not found."]})),
        }
    }

    pub fn handler(self) -> Handler {
        Arc::new(move |request| self.reply(request))
    }
}

/// Polls once at `now` and gives what was sent.
pub async fn poll(client: Arc<FlinkClient>, now: i64) -> Vec<Event> {
    observe(&mut observer(client, now)).await
}

/// An observer whose clock stands.
pub fn observer(client: Arc<FlinkClient>, now: i64) -> Observer {
    let name = client.name().clone();
    Observer::new(client, name, Duration::from_secs(5), Arc::new(move || Timestamp(now)))
}

/// One poll.
pub async fn observe(observer: &mut Observer) -> Vec<Event> {
    let mut events = Vec::new();
    observer.poll(|e| events.push(e)).await;
    events
}

/// The only observation among the events.
pub fn observation(events: &[Event]) -> &Observation {
    let found: Vec<_> =
        events.iter().filter_map(|e| if let Event::Observed(o) = e { Some(&**o) } else { None }).collect();
    assert_eq!(found.len(), 1, "{events:?}");
    found[0]
}

/// Why the only job was not observed, and whether because it was incomplete.
pub fn unobserved(events: &[Event]) -> (String, bool) {
    let found: Vec<_> = events
        .iter()
        .filter_map(|e| {
            if let Event::Unobserved { why, incomplete, .. } = e { Some((why.clone(), *incomplete)) } else { None }
        })
        .collect();
    assert_eq!(found.len(), 1, "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Observed(_))), "{events:?}");
    found[0].clone()
}

/// Value of a vertex's series.
pub fn of(o: &Observation, name: &str, task: &str, agg: Agg) -> Option<f64> {
    let hit = |k: &weirkeeper_core::series::SeriesKey| {
        &*k.name == name && k.task.as_deref() == Some(task) && k.agg == Some(agg)
    };
    o.samples.iter().find(|s| hit(&s.key)).map(|s| s.value)
}

/// Value of a job's series.
pub fn of_job(o: &Observation, name: &str) -> Option<f64> {
    o.samples.iter().find(|s| &*s.key.name == name && s.key.task.is_none() && s.key.labels.is_empty()).map(|s| s.value)
}
