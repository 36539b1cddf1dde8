//! Serves the stand-in for a fleet of steady jobs, for measuring what watching it costs.
//!
//! `cargo run --example fleet -- [JOBS] [VERTICES] [PORT] [BUSY]`

use axum::extract::Request;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use weirkeeper_simulator::fleet::Fleet;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| args.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let busy = args.get(3).and_then(|a| a.parse().ok()).unwrap_or(0.6);
    let fleet = Fleet::new(number(0, 500), number(1, 5), now() - 3_600_000).with_load(500.0, busy);
    let fleet = Arc::new(Mutex::new(fleet));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", u16::try_from(number(2, 8081))?)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = axum::Router::new().fallback(move |request: Request| answer(request, fleet.clone()));
    axum::serve(listener, app).await?;
    Ok(())
}

async fn answer(request: Request, fleet: Arc<Mutex<Fleet>>) -> (axum::http::StatusCode, String) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
    let query = parts.uri.query().unwrap_or("").replace("%2C", ",");
    let mut fleet = fleet.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (status, value) = fleet.answer(parts.method.as_str(), parts.uri.path(), &query, &body, now());
    (axum::http::StatusCode::from_u16(status).unwrap_or_default(), value.to_string())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
