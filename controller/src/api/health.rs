//! Health and figures.

use super::{Api, ApiCluster};
use crate::api::jobs;
use crate::api::shapes::rfc3339;
use crate::clock;
use crate::metrics::{ClusterLabels, StateLabels};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The loop answers within microseconds; if it cannot in this time it hangs, and a restart is the cure.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// Reads older than this many intervals are not fresh.
const FRESH_INTERVALS: u32 = 3;

/// The loop turns.
pub async fn live(State(api): State<Api>) -> Response {
    match tokio::time::timeout(ALIVE_WITHIN, api.inbox.ask(|_| ())).await {
        Ok(Ok(())) => "ok\n".into_response(),
        Ok(Err(closed)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{closed}\n")).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the loop does not answer\n").into_response(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    ready: bool,
    clusters: Vec<ReadyCluster>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyCluster {
    name: String,
    fresh: bool,
    read_at: Option<String>,
    failure: Option<String>,
}

/// At least one cluster was read within three intervals.
pub async fn ready(State(api): State<Api>) -> Response {
    let clusters: Vec<_> = api.clusters.iter().map(|c| freshness(c, api.interval)).collect();
    let ready = clusters.iter().any(|c| c.fresh);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, clusters })).into_response()
}

fn freshness(cluster: &ApiCluster, interval: Duration) -> ReadyCluster {
    let health = cluster.health.get();
    let limit = interval.saturating_mul(FRESH_INTERVALS).as_millis();
    let fresh = health.read_at.is_some_and(|at| u128::from(clock::now().since(at).0) <= limit);
    ReadyCluster {
        name: cluster.name.to_string(),
        fresh,
        read_at: health.read_at.map(rfc3339),
        failure: health.failure,
    }
}

/// Weirkeeper's own figures.
pub async fn metrics(State(api): State<Api>) -> Response {
    let states = api.inbox.ask(|glance| jobs::all(glance).into_iter().map(|j| j.state).collect::<Vec<_>>()).await;
    for state in ["running", "restarting", "ended", "unread", "skipped"] {
        let count = states.as_ref().map_or(0, |all| all.iter().filter(|s| *s == state).count());
        let labels = StateLabels { state: state.to_owned() };
        api.metrics.jobs.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    for cluster in &api.clusters {
        let labels = ClusterLabels { cluster: cluster.name.to_string() };
        let counter = api.metrics.requests.get_or_create_owned(&labels);
        counter.inner().store(cluster.executor.requests(), Ordering::Relaxed);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], api.metrics.encode()).into_response()
}
