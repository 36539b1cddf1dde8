//! Plain requests of the tests themselves, and the runtime that they and the proxies share.

use anyhow::{Context, Result, anyhow};
use reqwest::{Client, Method};
use serde_json::Value;
use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Longer than any answer of a Flink on a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Started once, for the whole process.
pub fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let start = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().map_err(|e| e.to_string())
    };
    RUNTIME.get_or_init(start).as_ref().map_err(|e| anyhow!("no runtime: {e}"))
}

/// Runs a future to its end.
pub fn wait<F: Future>(future: F) -> Result<F::Output> {
    Ok(runtime()?.block_on(future))
}

/// The client; connections are kept.
pub fn client() -> Result<&'static Client> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    CLIENT.get_or_init(build).as_ref().map_err(|e| anyhow!("no HTTP client: {e}"))
}

fn build() -> Result<Client, String> {
    // An error: there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(|e| e.to_string())
}

/// GET; an answer other than 2xx is an error.
pub fn get(url: &str) -> Result<Value> {
    send(Method::GET, url, None)
}

/// Any request; an answer other than 2xx is an error. No body in the answer is null.
pub fn send(method: Method, url: &str, body: Option<&Value>) -> Result<Value> {
    let mut request = client()?.request(method.clone(), url);
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = wait(async { request.send().await?.error_for_status()?.text().await })?;
    let text = answer.with_context(|| format!("{method} {url}"))?;
    if text.trim().is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
}
