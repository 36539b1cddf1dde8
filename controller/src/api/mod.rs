//! The small HTTP API of `run`: health, figures, what is known, and a person's word.

mod actions;
mod change;
mod health;
pub mod jobs;
mod read;
pub mod shapes;
pub mod token;

#[cfg(test)]
mod tests;

use crate::metrics::Metrics;
use crate::run::input::{Closed, Inbox};
use crate::run::poll::SharedHealth;
use crate::run::world::Executor;
use crate::store::Store;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use shapes::ErrorShape;
use std::sync::Arc;
use std::time::Duration;
use token::Token;

/// A cluster, as far as the API must know it.
#[derive(Clone)]
pub struct ApiCluster {
    /// Its name.
    pub name: Arc<str>,
    /// How its reads go.
    pub health: SharedHealth,
    /// Who counts the calls to it.
    pub executor: Arc<dyn Executor>,
}

/// What the API works with.
#[derive(Clone)]
pub struct Api {
    /// To the loop.
    pub inbox: Inbox,
    /// The log of decisions.
    pub store: Arc<dyn Store>,
    /// Figures.
    pub metrics: Metrics,
    /// Clusters.
    pub clusters: Vec<ApiCluster>,
    /// How often they are read.
    pub interval: Duration,
    /// What a change needs.
    pub token: Token,
    /// Whether reading is free: only where nobody but this machine can ask.
    pub open_reads: bool,
}

/// An error, as it is answered.
pub struct ApiError(pub StatusCode, pub String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, Json(ErrorShape { error: self.1 })).into_response()
    }
}

impl From<Closed> for ApiError {
    fn from(closed: Closed) -> ApiError {
        ApiError(StatusCode::SERVICE_UNAVAILABLE, closed.to_string())
    }
}

/// All routes.
pub fn router(api: Api) -> Router {
    let reads = Router::new()
        .route("/api/v1/jobs", get(read::jobs))
        .route("/api/v1/jobs/{name}", get(read::job))
        .route("/api/v1/jobs/{name}/decisions", get(read::decisions))
        .route("/api/v1/decisions", get(read::all_decisions))
        .route("/api/v1/actions", get(read::actions))
        .route("/api/v1/actions/{id}", get(read::action))
        .route_layer(middleware::from_fn_with_state(api.clone(), guard_reads));
    let changes = Router::new()
        .route("/api/v1/actions/{id}/approve", post(change::approve))
        .route("/api/v1/actions/{id}/reject", post(change::reject))
        .route("/api/v1/pause", post(change::pause))
        .route("/api/v1/resume", post(change::resume))
        .route_layer(middleware::from_fn_with_state(api.clone(), guard_changes));
    Router::new()
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(reads)
        .merge(changes)
        .fallback(|| async { ApiError(StatusCode::NOT_FOUND, "no such path".into()) })
        .with_state(api)
}

async fn guard_reads(State(api): State<Api>, request: Request, next: Next) -> Response {
    if api.open_reads || allowed(&api, request.headers()) { next.run(request).await } else { refused() }
}

async fn guard_changes(State(api): State<Api>, request: Request, next: Next) -> Response {
    if allowed(&api, request.headers()) { next.run(request).await } else { refused() }
}

fn allowed(api: &Api, headers: &HeaderMap) -> bool {
    api.token.accepts(headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()))
}

fn refused() -> Response {
    let why = "this needs the header `Authorization: Bearer TOKEN`, with the token in the file STATE.token beside the state file";
    ApiError(StatusCode::UNAUTHORIZED, why.into()).into_response()
}
