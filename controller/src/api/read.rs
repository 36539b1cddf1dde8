//! Reading: jobs, decisions, actions.

use super::shapes::{ActionShape, ActionsShape, DecisionShape, DecisionsShape, JobsShape};
use super::{Api, ApiError, actions, jobs};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

/// Decisions in an answer, unless asked otherwise.
const LIMIT: usize = 20;
/// Decisions in an answer at most.
const MOST: usize = 1_000;

/// How many.
#[derive(Deserialize)]
pub struct Limit {
    limit: Option<usize>,
}

type Answer<T> = Result<Json<T>, ApiError>;

/// Every job.
pub async fn jobs(State(api): State<Api>) -> Answer<JobsShape> {
    Ok(Json(api.inbox.ask(jobs::shape).await?))
}

/// The jobs of one name: one per cluster and namespace.
pub async fn job(State(api): State<Api>, Path(name): Path<String>) -> Answer<JobsShape> {
    let mut all = api.inbox.ask(jobs::shape).await?;
    all.jobs.retain(|j| j.name == name);
    if all.jobs.is_empty() {
        return Err(ApiError(StatusCode::NOT_FOUND, format!("there is no job {name:?}")));
    }
    Ok(Json(all))
}

/// The newest decisions about the jobs of one name.
pub async fn decisions(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(limit): Query<Limit>,
) -> Answer<DecisionsShape> {
    read_log(&api, Some(name), limit).await
}

/// The newest decisions.
pub async fn all_decisions(State(api): State<Api>, Query(limit): Query<Limit>) -> Answer<DecisionsShape> {
    read_log(&api, None, limit).await
}

async fn read_log(api: &Api, job: Option<String>, limit: Limit) -> Answer<DecisionsShape> {
    let store = api.store.clone();
    let limit = limit.limit.unwrap_or(LIMIT).min(MOST);
    let read = tokio::task::spawn_blocking(move || store.decisions(job.as_deref(), limit)).await;
    let failed = |why: String| ApiError(StatusCode::INTERNAL_SERVER_ERROR, why);
    let found = read.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
    Ok(Json(DecisionsShape { decisions: found.iter().map(DecisionShape::from).collect() }))
}

/// Every action.
pub async fn actions(State(api): State<Api>) -> Answer<ActionsShape> {
    Ok(Json(ActionsShape { actions: api.inbox.ask(actions::all).await? }))
}

/// One action.
pub async fn action(State(api): State<Api>, Path(id): Path<String>) -> Answer<ActionShape> {
    Ok(Json(find(&api, &id).await?))
}

/// The action of that id.
pub(super) async fn find(api: &Api, id: &str) -> Result<ActionShape, ApiError> {
    let run = actions::parse_id(id)?;
    let found = api.inbox.ask(move |glance| actions::one(glance, run)).await?;
    found.ok_or_else(|| ApiError(StatusCode::NOT_FOUND, format!("there is no action {run}, or not any more")))
}
