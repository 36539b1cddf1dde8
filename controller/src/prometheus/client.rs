//! Prometheus' HTTP API: instant and range queries.

use crate::flink::names::encode;
use crate::flink::scrub;
use reqwest::Url;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use weirkeeper_core::units::{Millis, Timestamp};

/// A range query over many series reads much from disk.
const TIMEOUT: Duration = Duration::from_secs(60);
/// An answer may not be longer: a wrong server must not fill the memory.
const MAX_ANSWER: usize = 256 << 20;

/// A series with its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its labels; `__name__` is its name.
    pub labels: BTreeMap<String, String>,
    /// When, and what; times rising.
    pub values: Vec<(Timestamp, f64)>,
}

impl Series {
    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// A Prometheus.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    user: Option<(String, Option<String>)>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    data: Vec<String>,
}

impl Client {
    /// From its URL, which may hold a user and a password. Nothing is asked yet.
    pub fn new(url: &str) -> Result<Client, String> {
        let bad = |why: String| format!("--prometheus: {why}; it looks like http://prometheus:9090");
        let mut base = Url::parse(url).map_err(|e| bad(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("it is no http URL".into()));
        }
        let user =
            (!base.username().is_empty()).then(|| (base.username().to_owned(), base.password().map(str::to_owned)));
        let _ = base.set_username("").and_then(|()| base.set_password(None));
        // An error only says that it was done before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder().timeout(TIMEOUT);
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            // A proxy of the environment knows nothing of this machine's own ports.
            http = http.no_proxy();
        }
        Ok(Client { base, user, http: http.build().map_err(|e| bad(e.to_string()))? })
    }

    /// Its URL, without credentials.
    pub fn shown(&self) -> String {
        self.base.to_string().trim_end_matches('/').to_owned()
    }

    /// The values at one time.
    pub async fn query(&self, expr: &str, at: Timestamp) -> Result<Vec<Series>, String> {
        self.ask("query", &[("query", expr), ("time", &secs(at))]).await
    }

    /// The values at `from`, a step later, and so on until `to`.
    pub async fn query_range(
        &self,
        expr: &str,
        (from, to): (Timestamp, Timestamp),
        step: Millis,
    ) -> Result<Vec<Series>, String> {
        let step = format!("{:.3}", step.as_secs());
        self.ask("query_range", &[("query", expr), ("start", &secs(from)), ("end", &secs(to)), ("step", &step)]).await
    }

    /// The values that a label has.
    pub async fn label_values(&self, label: &str) -> Result<Vec<String>, String> {
        let bytes = self.fetch(self.http.get(self.url(&format!("label/{label}/values")))).await?;
        let words: Words = serde_json::from_slice(&bytes).map_err(|e| self.strange(&e.to_string()))?;
        Ok(words.data)
    }

    async fn ask(&self, what: &str, fields: &[(&str, &str)]) -> Result<Vec<Series>, String> {
        // In the body: expressions are longer than some proxies let a URL be.
        let body: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        let request = self.http.post(self.url(what)).header("content-type", "application/x-www-form-urlencoded");
        let bytes = self.fetch(request.body(body.join("&"))).await?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|e| self.strange(&e.to_string()))?;
        if answer.status != "success" {
            return Err(self.refused(&answer.error.unwrap_or_default()));
        }
        Ok(answer.data.map_or_else(Vec::new, |d| d.result.into_iter().map(series).collect()))
    }

    async fn fetch(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, String> {
        let request = match &self.user {
            Some((user, password)) => request.basic_auth(user, password.as_ref()),
            None => request,
        };
        let mut answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|e| self.unreachable(&e))? {
            bytes.extend_from_slice(&part);
            if bytes.len() > MAX_ANSWER {
                return Err(self.strange("its answer is longer than 256 MiB"));
            }
        }
        if status.is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice::<Answer>(&bytes).ok().and_then(|a| a.error) {
            Some(why) => Err(self.refused(&why)),
            None => Err(self.strange(&format!("it answers {status}"))),
        }
    }

    fn url(&self, what: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(what.split('/'));
        }
        url
    }

    fn refused(&self, why: &str) -> String {
        format!("{} refuses the query: {}", self.shown(), scrub::line(why, 300))
    }

    fn strange(&self, why: &str) -> String {
        format!("{} does not answer as a Prometheus: {}", self.shown(), scrub::line(why, 200))
    }

    fn unreachable(&self, e: &reqwest::Error) -> String {
        let mut cause: &dyn std::error::Error = e;
        while let Some(next) = cause.source() {
            cause = next;
        }
        format!("{} does not answer: {}", self.shown(), scrub::line(&cause.to_string(), 200))
    }
}

fn secs(at: Timestamp) -> String {
    format!("{}.{:03}", at.0.div_euclid(1_000), at.0.rem_euclid(1_000))
}

fn series(found: Found) -> Series {
    let one = |(t, v): (f64, String)| Some((Timestamp((t * 1_000.0).round() as i64), v.parse().ok()?));
    let values = found.value.into_iter().chain(found.values).filter_map(one).collect();
    Series { labels: found.metric, values }
}
