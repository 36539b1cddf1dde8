//! A pretended cluster on a port of this machine: `weirkeeper-simulator`'s fleet behind HTTP. It counts what it is asked.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use weirkeeper_simulator::fleet::Fleet;

struct Shared {
    fleet: Mutex<Fleet>,
    requests: AtomicU64,
    changes: Mutex<Vec<String>>,
    failing: AtomicBool,
}

/// A running stand-in; it ends when dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    url: String,
    _runtime: Runtime,
}

/// Milliseconds since the epoch.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl StandIn {
    /// Starts it.
    pub fn start(fleet: Fleet) -> anyhow::Result<StandIn> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let shared = Arc::new(Shared {
            fleet: Mutex::new(fleet),
            requests: AtomicU64::new(0),
            changes: Mutex::default(),
            failing: AtomicBool::new(false),
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(StandIn { shared, url, _runtime: runtime })
    }

    /// Its REST API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Requests that could change something: method and path.
    pub fn changes(&self) -> Vec<String> {
        self.shared.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on every answer is 500, or not any more.
    pub fn fail(&self, failing: bool) {
        self.shared.failing.store(failing, Ordering::SeqCst);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> (StatusCode, String) {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    if method != Method::GET {
        let change = format!("{method} {}", uri.path());
        shared.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
    if shared.failing.load(Ordering::SeqCst) {
        return (StatusCode::INTERNAL_SERVER_ERROR, r#"{"errors":["out of order"]}"#.to_owned());
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut fleet = shared.fleet.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, json) = fleet.answer(method.as_str(), uri.path(), uri.query().unwrap_or(""), &body, now());
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), json.to_string())
}
