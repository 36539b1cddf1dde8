//! The REST client of one cluster: connections are kept, every call has a time-out, how many run at once and how many
//! per second is bounded, reads are repeated a little, and what changes something is sent once.

use super::auth::{self, Auth, Header, Tls};
use super::endpoint::{Endpoint, is_safe_id};
use super::error::{FlinkError, reason_of};
use backon::{ExponentialBuilder, Retryable};
use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Base URL; may hold credentials and a path prefix.
    pub url: String,
    /// Who we are.
    pub auth: Auth,
    /// Whom we trust.
    pub tls: Tls,
    /// Bounds.
    pub limits: Limits,
}

impl ClientConfig {
    /// Defaults for a URL.
    pub fn new(url: &str) -> ClientConfig {
        ClientConfig { url: url.to_owned(), auth: Auth::None, tls: Tls::default(), limits: Limits::default() }
    }
}

/// Bounds of a client.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For a whole call, once it is sent.
    pub timeout: Duration,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// Reads under way at once. A JobManager answers from a few threads; more only wait there.
    pub concurrent: usize,
    /// Calls per second. 500 jobs at 10 s need about 200.
    pub per_second: NonZeroU32,
    /// How often a read that failed in passing is repeated.
    pub retries: usize,
    /// Bytes of an answer. 2,000 subtasks with their details are below 4 MiB.
    pub max_answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            concurrent: 16,
            per_second: NonZeroU32::MIN.saturating_add(999),
            retries: 2,
            max_answer: 16 << 20,
        }
    }
}

/// Which queue a call waits in, so that what hangs holds up only its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The usual reads.
    Poll,
    /// Reads of jobs that did not answer in time before.
    Slow,
    /// Reads and changes of an action: it waits for no poll.
    Act,
}

/// Counts of a client since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests sent, repeated ones among them.
    pub requests: u64,
    /// Of those, the ones that failed.
    pub failures: u64,
    /// Milliseconds spent in all of them together.
    pub millis: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// Requests that could change something.
    pub mutating: u64,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    millis: AtomicU64,
    bytes: AtomicU64,
    mutating: AtomicU64,
}

/// The client of one cluster. Cheap to share in an `Arc`.
pub struct FlinkClient {
    name: Arc<str>,
    endpoint: Endpoint,
    http: reqwest::Client,
    header: Header,
    limits: Limits,
    poll: Semaphore,
    slow: Semaphore,
    act: Semaphore,
    pace: DefaultDirectRateLimiter,
    counters: Counters,
}

impl std::fmt::Debug for FlinkClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlinkClient").field("name", &self.name).field("auth", &self.header).finish_non_exhaustive()
    }
}

/// Jobs that hang share so many calls: one may hang for its whole time-out and another is still looked at.
const SLOW_LANE: usize = 2;
/// Actions at once on one cluster; budgets allow fewer.
const ACT_LANE: usize = 8;
/// Idle connections are kept for longer than any sensible interval between two polls.
const IDLE: Duration = Duration::from_secs(300);

impl FlinkClient {
    /// Checks the configuration and builds the client. No request is made.
    pub fn new(config: ClientConfig) -> Result<FlinkClient, FlinkError> {
        let endpoint = Endpoint::parse(&config.url)?;
        let auth = match (config.auth, endpoint.user()) {
            (Auth::None, Some((user, password))) => {
                Auth::Basic { user: user.clone(), password: auth::Secret::Value(password.clone()) }
            }
            (auth, _) => auth,
        };
        let http = build_http(&endpoint, &config.tls, &config.limits)?;
        Ok(FlinkClient {
            name: endpoint.name().into(),
            header: Header::new(auth)?,
            poll: Semaphore::new(config.limits.concurrent.max(1)),
            slow: Semaphore::new(SLOW_LANE),
            act: Semaphore::new(ACT_LANE),
            pace: RateLimiter::direct(Quota::per_second(config.limits.per_second)),
            counters: Counters::default(),
            limits: config.limits,
            endpoint,
            http,
        })
    }

    /// Name of the cluster: its URL without credentials.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many bytes a path may have: longer ones Flink answers with a 404.
    pub fn room(&self) -> usize {
        self.endpoint.room()
    }

    /// Counts since the client was made.
    pub fn stats(&self) -> Stats {
        let c = &self.counters;
        Stats {
            requests: c.requests.load(Ordering::Relaxed),
            failures: c.failures.load(Ordering::Relaxed),
            millis: c.millis.load(Ordering::Relaxed),
            bytes: c.bytes.load(Ordering::Relaxed),
            mutating: c.mutating.load(Ordering::Relaxed),
        }
    }

    /// Reads `path` (it begins with `/` and is encoded). Repeated where that may help.
    pub async fn get<T: DeserializeOwned>(&self, lane: Lane, path: &str) -> Result<T, FlinkError> {
        let patience = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(1))
            .with_max_times(self.limits.retries)
            .with_jitter();
        let body = (|| self.call(lane, Method::GET, path, None)).retry(patience).when(FlinkError::may_pass).await?;
        parse(&format!("GET {path}"), &body)
    }

    /// Sends something that changes the cluster. Once: what became of it when no answer comes, must be asked.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, FlinkError> {
        self.counters.mutating.fetch_add(1, Ordering::Relaxed);
        let call = format!("{method} {path}");
        let answer = self.call(Lane::Act, method, path, Some(body)).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        parse(&call, &answer)
    }

    async fn call(&self, lane: Lane, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>, FlinkError> {
        let call = format!("{method} {}", super::scrub::line(path, 120));
        if path.len() > self.room() {
            return Err(FlinkError::Setup(format!(
                "{call}: longer than Flink's limit of 4096 bytes for a request line"
            )));
        }
        let closed = |_| FlinkError::Setup("the client was shut down".into());
        let queue = match lane {
            Lane::Poll => &self.poll,
            Lane::Slow => &self.slow,
            Lane::Act => &self.act,
        };
        let _permit = queue.acquire().await.map_err(closed)?;
        if lane != Lane::Act {
            self.wait_for_pace().await;
        }
        let began = std::time::Instant::now();
        let answer = self.exchange(&call, method, path, body).await;
        self.count(began.elapsed(), &answer);
        answer
    }

    async fn wait_for_pace(&self) {
        while let Err(not_yet) = self.pace.check() {
            tokio::time::sleep(not_yet.wait_time_from(self.pace.clock().now())).await;
        }
    }

    fn count(&self, took: Duration, answer: &Result<Vec<u8>, FlinkError>) {
        let c = &self.counters;
        c.requests.fetch_add(1, Ordering::Relaxed);
        c.millis.fetch_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        match answer {
            Ok(body) => c.bytes.fetch_add(body.len() as u64, Ordering::Relaxed),
            Err(_) => c.failures.fetch_add(1, Ordering::Relaxed),
        };
    }

    async fn exchange(
        &self,
        call: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Vec<u8>, FlinkError> {
        let mut request = self.http.request(method, self.endpoint.url(path));
        if let Some(value) = self.header.value()? {
            request = request.header(reqwest::header::AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |e| translate(call, &self.limits, e);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let answer = self.body(call, response).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(FlinkError::Status {
            call: call.to_owned(),
            status: status.as_u16(),
            reason: reason_of(&String::from_utf8_lossy(&answer)),
        })
    }

    async fn body(&self, call: &str, mut response: reqwest::Response) -> Result<Vec<u8>, FlinkError> {
        let limit = self.limits.max_answer;
        let too_large = || FlinkError::TooLarge { call: call.to_owned(), limit };
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_large());
        }
        let mut out = Vec::with_capacity(announced);
        while let Some(chunk) = response.chunk().await.map_err(|e| translate(call, &self.limits, e))? {
            if out.len() + chunk.len() > limit {
                return Err(too_large());
            }
            out.extend_from_slice(&chunk);
        }
        Ok(out)
    }
}

fn build_http(endpoint: &Endpoint, tls: &Tls, limits: &Limits) -> Result<reqwest::Client, FlinkError> {
    // Whoever comes first installs the provider; a second attempt fails and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut http = reqwest::Client::builder()
        .timeout(limits.timeout)
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(limits.concurrent.max(1) + SLOW_LANE)
        // A redirect could lead credentials elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("weirkeeper/", env!("CARGO_PKG_VERSION")));
    if endpoint.loopback {
        http = http.no_proxy();
    }
    http = match endpoint.secure {
        true => auth::apply_tls(http, tls)?,
        // No TLS will be spoken: do not load the system's authorities, which a bare container may not even have.
        false => http.tls_certs_only([]),
    };
    http.build().map_err(|e| FlinkError::Setup(format!("cannot set up the connection: {}", causes(e))))
}

fn translate(call: &str, limits: &Limits, error: reqwest::Error) -> FlinkError {
    let call = call.to_owned();
    match () {
        () if error.is_connect() && !error.is_timeout() => FlinkError::Connect { call, why: causes(error) },
        () if error.is_connect() => FlinkError::Timeout { call, after: limits.connect_timeout },
        () if error.is_timeout() => FlinkError::Timeout { call, after: limits.timeout },
        () => FlinkError::Broken { call, why: causes(error) },
    }
}

/// The innermost cause says most; the outer ones repeat the URL.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut inner: &dyn std::error::Error = &error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    super::scrub::line(&inner.to_string(), 200)
}

fn parse<T: DeserializeOwned>(call: &str, body: &[u8]) -> Result<T, FlinkError> {
    serde_json::from_slice(body).map_err(|e| FlinkError::Unreadable {
        call: super::scrub::line(call, 120),
        why: super::scrub::line(&e.to_string(), 200),
    })
}

/// `/jobs/ID` + rest, refused where the id is not one that can stand in a path.
pub fn job_path(id: &str, rest: &str) -> Result<String, FlinkError> {
    match is_safe_id(id) {
        true => Ok(format!("/jobs/{id}{rest}")),
        false => Err(FlinkError::Setup(format!("{:?} is not a job id", super::scrub::line(id, 60)))),
    }
}
