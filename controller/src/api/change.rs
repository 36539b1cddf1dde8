//! A person's word: approve, reject, pause, resume. Answered once it is durable.

use super::read::find;
use super::shapes::{ActionShape, AnswerShape, PauseShape};
use super::{Api, ApiError, actions};
use crate::run::narrate::one_line;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use weirkeeper_core::event::{Control, Event, PauseScope};
use weirkeeper_core::units::Timestamp;

/// Longest reason or name that is kept.
const LONGEST: usize = 500;

/// Done.
#[derive(Serialize)]
pub struct Done {
    done: bool,
}

/// A body, or what is wrong with it.
type Body<T> = Result<Json<T>, JsonRejection>;

fn given<T>(body: Body<T>) -> Result<T, ApiError> {
    let Json(body) = body.map_err(|e| ApiError(StatusCode::BAD_REQUEST, one_line(&e.body_text())))?;
    Ok(body)
}

/// Have it done.
pub async fn approve(
    State(api): State<Api>,
    Path(id): Path<String>,
    body: Body<AnswerShape>,
) -> Result<Json<ActionShape>, ApiError> {
    let body = given(body)?;
    let Some(plan_hash) = body.plan_hash else {
        return Err(ApiError(StatusCode::BAD_REQUEST, "planHash is missing: say which plan is approved".into()));
    };
    let before = waiting(&api, &id).await?;
    if before.plan_hash != plan_hash {
        let why = format!("{} is another plan now ({}): look at it again", before.id, before.plan_hash);
        return Err(ApiError(StatusCode::CONFLICT, why));
    }
    let run = actions::parse_id(&id)?;
    let _done = tell(&api, Control::Approve { run, plan_hash, by: text("by", body.by)? }).await?;
    find(&api, &id).await.map(Json)
}

/// Have it not done.
pub async fn reject(
    State(api): State<Api>,
    Path(id): Path<String>,
    body: Body<AnswerShape>,
) -> Result<Json<ActionShape>, ApiError> {
    let body = given(body)?;
    waiting(&api, &id).await?;
    let run = actions::parse_id(&id)?;
    let _done = tell(&api, Control::Reject { run, by: text("by", body.by)? }).await?;
    find(&api, &id).await.map(Json)
}

async fn waiting(api: &Api, id: &str) -> Result<ActionShape, ApiError> {
    let action = find(api, id).await?;
    if action.phase == actions::WAITING {
        return Ok(action);
    }
    Err(ApiError(StatusCode::CONFLICT, format!("{} waits for nobody: it is {}", action.id, action.phase)))
}

/// Stop acting.
pub async fn pause(State(api): State<Api>, body: Body<PauseShape>) -> Result<Json<Done>, ApiError> {
    let body = given(body)?;
    let reason = text("reason", body.reason.unwrap_or_default())?;
    let (only, until) = (scope(body.only)?, time(body.until)?);
    tell(&api, Control::Pause { job: body.job, only, until, reason, by: text("by", body.by)? }).await
}

/// Act again.
pub async fn resume(State(api): State<Api>, body: Body<PauseShape>) -> Result<Json<Done>, ApiError> {
    let body = given(body)?;
    if body.until.is_some() {
        return Err(ApiError(StatusCode::BAD_REQUEST, "resume has no `until`".into()));
    }
    let (only, by) = (scope(body.only)?, text("by", body.by)?);
    tell(&api, Control::Resume { job: body.job, only, by }).await
}

async fn tell(api: &Api, control: Control) -> Result<Json<Done>, ApiError> {
    tracing::info!(word = one_line(&format!("{control:?}")), "a person's word");
    let durable = api.inbox.control(Event::Control(control)).await?;
    durable.map_err(|why| ApiError(StatusCode::SERVICE_UNAVAILABLE, why))?;
    Ok(Json(Done { done: true }))
}

fn text(field: &str, value: String) -> Result<String, ApiError> {
    let value = value.trim();
    match value.chars().count() {
        0 => Err(ApiError(StatusCode::BAD_REQUEST, format!("`{field}` is missing"))),
        n if n > LONGEST => {
            Err(ApiError(StatusCode::BAD_REQUEST, format!("`{field}` is longer than {LONGEST} characters")))
        }
        _ => Ok(one_line(value)),
    }
}

fn scope(word: Option<String>) -> Result<Option<PauseScope>, ApiError> {
    match word.as_deref() {
        None => Ok(None),
        Some("up") => Ok(Some(PauseScope::Up)),
        Some("down") => Ok(Some(PauseScope::Down)),
        Some("remedies") => Ok(Some(PauseScope::Remedies)),
        Some(_) => Err(ApiError(StatusCode::BAD_REQUEST, "`only` is up, down or remedies".into())),
    }
}

fn time(text: Option<String>) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let bad = |_| ApiError(StatusCode::BAD_REQUEST, format!("`until` {text:?} is no RFC 3339 time"));
    let at: jiff::Timestamp = text.parse().map_err(bad)?;
    Ok(Some(Timestamp(at.as_millisecond())))
}
