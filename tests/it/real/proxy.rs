//! A recording proxy between Weirkeeper and Flink: notes every request, and does harm when told to.

use super::http;
use super::timeline::{Timeline, now_ms};
use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is done to a request.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Answers with this status; Flink does not see the request.
    Status(u16),
    /// Never answers; Flink does not see the request.
    Hang,
    /// Closes the connection; Flink does not see the request.
    Drop,
    /// Flink sees the request; its answer is kept back for ever.
    Swallow,
    /// Passed on after that.
    Delay(Duration),
}

/// Which requests get it.
#[derive(Clone, Debug)]
struct Rule {
    method: Option<Method>,
    path: String,
    fault: Fault,
    /// Absent: until cleared.
    left: Option<u32>,
}

/// One request as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it came, epoch milliseconds.
    pub at_ms: u64,
    /// Method.
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    /// Its body, as text.
    pub body: String,
    /// Flink's (or the fault's) status; absent while there is none.
    pub status: Option<u16>,
    /// What was done to it.
    pub fault: Option<Fault>,
}

impl Seen {
    /// Whether it may change something. The savepoint and checkpoint calls of Flink are POSTs, a cancel is a PATCH.
    pub fn is_mutating(&self) -> bool {
        self.method != Method::GET && self.method != Method::HEAD
    }

    /// Whether it asks for a parallelism.
    pub fn is_rescale(&self) -> bool {
        self.method == Method::PUT && self.path.ends_with("/resource-requirements")
    }

    /// The upper bounds it asks for, by vertex id.
    pub fn upper_bounds(&self) -> Vec<(String, u64)> {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        let upper = |v: &serde_json::Value| v["parallelism"]["upperBound"].as_u64();
        let all = body.as_object().into_iter().flatten();
        all.filter_map(|(id, v)| Some((id.clone(), upper(v)?))).collect()
    }
}

struct Inner {
    target: String,
    timeline: Timeline,
    seen: Mutex<Vec<Seen>>,
    rules: Mutex<Vec<Rule>>,
}

/// The proxy; it ends with this value.
pub struct Proxy {
    inner: Arc<Inner>,
    url: String,
    serving: JoinHandle<()>,
}

/// Flink's own limit is smaller.
const MAX_BODY: usize = 16 * 1024 * 1024;

impl Proxy {
    /// Starts one in front of `target`; what changes something goes into the timeline.
    pub fn start(target: &str, timeline: &Timeline) -> Result<Proxy> {
        let inner = Arc::new(Inner {
            target: target.to_owned(),
            timeline: timeline.clone(),
            seen: Mutex::default(),
            rules: Mutex::default(),
        });
        let listener = http::wait(TcpListener::bind("127.0.0.1:0"))??;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(relay).with_state(Arc::clone(&inner));
        let serving = http::runtime()?.spawn(async move { drop(axum::serve(listener, app).await) });
        Ok(Proxy { inner, url, serving })
    }

    /// Where Weirkeeper finds it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on `fault` for requests of this method whose path contains `path`, so many times (absent: until
    /// [`Proxy::clear`]).
    pub fn inject(&self, method: Option<Method>, path: &str, fault: Fault, times: Option<u32>) {
        lock(&self.inner.rules).push(Rule { method, path: path.to_owned(), fault, left: times });
    }

    /// No more faults. A request that hangs goes on hanging until whoever asked gives up.
    pub fn clear(&self) {
        lock(&self.inner.rules).clear();
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.inner.seen).clone()
    }

    /// Every request so far that may change something.
    pub fn mutating(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_mutating).collect()
    }

    /// Every request for a parallelism so far.
    pub fn rescales(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_rescale).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn relay(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let fault = inner.fault(&parts.method, &path);
    let index = inner.note(&parts.method, path, &body, fault);
    let query = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
    let pass = || inner.pass(parts.method.clone(), &query, kind.clone(), body.clone());
    let response = match fault {
        None => pass().await,
        Some(Fault::Status(status)) => answer(status, "{\"errors\":[\"injected by the test\"]}".into()),
        Some(Fault::Hang) => std::future::pending().await,
        // Ends the task of this connection, without a word on stderr: the socket closes and nothing was answered.
        Some(Fault::Drop) => std::panic::resume_unwind(Box::new("dropped by the test")),
        Some(Fault::Swallow) => {
            let response = pass().await;
            inner.answered(index, response.status().as_u16());
            std::future::pending().await
        }
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            pass().await
        }
    };
    inner.answered(index, response.status().as_u16());
    response
}

fn answer(status: u16, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

impl Inner {
    /// The fault for a request; the first rule that matches counts.
    fn fault(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let matches = |r: &Rule| r.method.as_ref().is_none_or(|m| m == method) && path.contains(&r.path);
        let rule = rules.iter_mut().find(|r| r.left != Some(0) && matches(r))?;
        rule.left = rule.left.map(|n| n - 1);
        Some(rule.fault)
    }

    fn note(&self, method: &Method, path: String, body: &Bytes, fault: Option<Fault>) -> usize {
        let body = String::from_utf8_lossy(body).into_owned();
        let seen = Seen { at_ms: now_ms(), method: method.clone(), path, body, status: None, fault };
        let mut all = lock(&self.seen);
        all.push(seen);
        all.len() - 1
    }

    fn answered(&self, index: usize, status: u16) {
        let mut all = lock(&self.seen);
        let Some(seen) = all.get_mut(index).filter(|s| s.status.is_none()) else { return };
        seen.status = Some(status);
        if seen.is_mutating() || (status >= 400 && seen.fault.is_none()) {
            let asked: Vec<_> = seen.upper_bounds().iter().map(|(id, p)| format!("{}={p}", short(id))).collect();
            let fault = seen.fault.map(|f| format!(" [{f:?}]")).unwrap_or_default();
            let line = format!("{} {} {} -> {status}{fault}", seen.method, shorten(&seen.path), asked.join(" "));
            self.timeline.note_at(seen.at_ms, "request", line);
        }
    }

    async fn pass(&self, method: Method, path: &str, kind: Option<header::HeaderValue>, body: Bytes) -> Response {
        let Ok(client) = http::client() else { return answer(502, Bytes::new()) };
        let mut request = client.request(method, format!("{}{path}", self.target)).body(body);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        match request.send().await {
            Ok(found) => {
                let status = found.status().as_u16();
                answer(status, found.bytes().await.unwrap_or_default())
            }
            Err(e) => answer(502, e.to_string().into()),
        }
    }
}

/// The first characters of an id tell vertices apart well enough.
fn short(id: &str) -> &str {
    id.get(..6).unwrap_or(id)
}

fn shorten(path: &str) -> String {
    path.split('/').map(|part| if part.len() == 32 { short(part) } else { part }).collect::<Vec<_>>().join("/")
}
