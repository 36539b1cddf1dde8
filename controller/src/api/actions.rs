//! Runs, as the API shows them.

use super::ApiError;
use super::shapes::{ActionShape, NoteShape, rfc3339};
use crate::run::engine::Glance;
use axum::http::StatusCode;
use weirkeeper_core::effect::{Purpose, RunId};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::run::{Phase, Run};
use weirkeeper_core::state::JobState;

/// The phase of a run that waits for a person.
pub const WAITING: &str = "awaiting-approval";

/// `run-12` or `12`.
pub fn parse_id(text: &str) -> Result<RunId, ApiError> {
    let number = text.strip_prefix("run-").unwrap_or(text).parse();
    number.map(RunId).map_err(|_| ApiError(StatusCode::BAD_REQUEST, format!("{text:?} is no id: it looks like run-12")))
}

/// Ended runs that are listed, over all jobs.
const ENDED: usize = 50;

/// Every run: those under way or waiting first, by job; then the newest that ended.
pub fn all(glance: &Glance<'_>) -> Vec<ActionShape> {
    let jobs = &glance.state.jobs;
    let current = jobs.iter().filter_map(|(key, job)| Some(shape(key, job.memory.run.as_ref()?)));
    let mut ended: Vec<_> = jobs.iter().flat_map(|(key, job)| job.memory.ended.iter().map(move |r| (key, r))).collect();
    ended.sort_by_key(|(_, r)| std::cmp::Reverse((r.ended_at, r.id)));
    current.chain(ended.into_iter().take(ENDED).map(|(key, r)| shape(key, r))).collect()
}

/// One run.
pub fn one(glance: &Glance<'_>, run: RunId) -> Option<ActionShape> {
    let of_job = |job: &JobState| job.memory.run.iter().chain(&job.memory.ended).find(|r| r.id == run).cloned();
    glance.state.jobs.iter().find_map(|(key, job)| Some(shape(key, &of_job(job)?)))
}

fn shape(key: &JobKey, run: &Run) -> ActionShape {
    let (expires, why) = match &run.phase {
        Phase::AwaitingApproval { expires } => (Some(*expires), None),
        Phase::Failed { why } | Phase::RolledBack { why } | Phase::RollbackFailed { why } => (None, Some(why)),
        Phase::Inconclusive { why } | Phase::Aborted { why } => (None, Some(why)),
        Phase::Acting | Phase::Settling | Phase::RollingBack | Phase::Succeeded | Phase::DryRun => (None, None),
    };
    ActionShape {
        id: run.id.to_string(),
        cluster: key.cluster.to_string(),
        namespace: key.namespace.as_deref().map(str::to_owned),
        job: key.name.to_string(),
        policy: run.policy.clone(),
        purpose: purpose(run.purpose).to_owned(),
        phase: run.phase.as_str().to_owned(),
        why: why.cloned(),
        rescale: run.changes.iter().map(|(v, c)| (v.to_string(), c.into())).collect(),
        plan_hash: run.plan_hash.clone(),
        expires: expires.map(rfc3339),
        approved_by: run.approved_by.clone(),
        planned_at: rfc3339(run.planned_at),
        acted_at: run.acted_at.map(rfc3339),
        reached_at: run.reached_at.map(rfc3339),
        ended_at: run.ended_at.map(rfc3339),
        log: run.log.iter().map(|(at, what)| NoteShape { at: rfc3339(*at), what: what.clone() }).collect(),
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Up => "up",
        Purpose::Down => "down",
        Purpose::Undo => "undo",
        Purpose::Withdraw => "withdraw",
    }
}
