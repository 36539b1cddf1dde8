//! Health and figures.

use super::{Api, ApiCluster};
use crate::api::jobs;
use crate::api::shapes::{JobShape, rfc3339};
use crate::clock;
use crate::metrics::{BudgetLabels, ClusterLabels, Metrics, StateLabels};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use weirkeeper_core::budget::OWN_BUDGET;

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
    // A loop that has ended has no jobs to tell of; the other figures stand.
    let jobs = api.inbox.ask(jobs::all).await.unwrap_or_default();
    count_states(&api.metrics, &jobs);
    tell_budgets(&api.metrics, &jobs);
    for cluster in &api.clusters {
        let labels = ClusterLabels { cluster: cluster.name.to_string() };
        let counter = api.metrics.requests.get_or_create_owned(&labels);
        counter.inner().store(cluster.executor.requests(), Ordering::Relaxed);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], api.metrics.encode()).into_response()
}

fn count_states(metrics: &Metrics, jobs: &[JobShape]) {
    for state in ["running", "restarting", "ended", "unread", "skipped"] {
        let count = jobs.iter().filter(|j| j.state == state).count();
        let labels = StateLabels { state: state.to_owned() };
        metrics.jobs.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// Anew each time, so that a job that is gone leaves no line behind.
fn tell_budgets(metrics: &Metrics, jobs: &[JobShape]) {
    metrics.budget_left.clear();
    for (job, budget) in jobs.iter().flat_map(|j| j.budgets.iter().map(move |b| (j, b))) {
        if budget.whose == OWN_BUDGET {
            let labels =
                BudgetLabels { cluster: job.cluster.clone(), job: job.name.clone(), per: budget.per_ms / 1000 };
            metrics.budget_left.get_or_create(&labels).set(i64::from(budget.count.saturating_sub(budget.used)));
        }
    }
}
