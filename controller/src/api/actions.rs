//! Runs, as the API shows them.

use super::ApiError;
use super::shapes::ActionShape;
use crate::run::engine::Glance;
use axum::http::StatusCode;
use weirkeeper_core::effect::RunId;

/// The phase of a run that waits for a person.
pub const WAITING: &str = "awaiting-approval";

/// `run-12` or `12`.
pub fn parse_id(text: &str) -> Result<RunId, ApiError> {
    let number = text.strip_prefix("run-").unwrap_or(text).parse();
    number.map(RunId).map_err(|_| ApiError(StatusCode::BAD_REQUEST, format!("{text:?} is no id: it looks like run-12")))
}

/// Every run.
pub fn all(glance: &Glance<'_>) -> Vec<ActionShape> {
    let _ = glance;
    Vec::new()
}

/// One run.
pub fn one(glance: &Glance<'_>, run: RunId) -> Option<ActionShape> {
    all(glance).into_iter().find(|a| a.id == run.to_string())
}
