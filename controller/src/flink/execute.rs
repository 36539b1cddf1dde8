//! Carries out actions on one cluster: looks at the live job first, sends what changes it once, and says plainly when it
//! is not known what became of it.

use super::answers::{JobDetails, OperationAnswer, Requirements, StatusAnswer, TriggerAnswer};
use super::client::{FlinkClient, Lane, job_path};
use super::error::FlinkError;
use super::{graph, job, redeploy, scrub};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weirkeeper_core::effect::{Action, ActionKind, CheckpointOrder, Purpose, Token};
use weirkeeper_core::event::Outcome;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::{Bounds, JobStatus};
use weirkeeper_core::units::Parallelism;

type BoundsById = BTreeMap<Arc<str>, Bounds>;

/// Carries out actions. One per process: it keeps the highest fencing token of each job.
#[derive(Debug, Default)]
pub struct Executor {
    tokens: Mutex<BTreeMap<JobKey, Token>>,
}

/// Between two looks at a checkpoint under way.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// The way out of a step: an outcome that ends the action.
pub(super) type Step<T> = Result<T, Outcome>;

impl Executor {
    /// No token seen yet.
    pub fn new() -> Executor {
        Executor::default()
    }

    /// Carries out one action. With `dry_run` nothing is sent that changes anything.
    pub async fn execute(&self, client: &FlinkClient, action: &Action, dry_run: bool) -> Outcome {
        if let Err(outcome) = self.admit(action) {
            return outcome;
        }
        let done = match &action.kind {
            ActionKind::Inquire => inquire(client, action).await,
            ActionKind::InquireRedeploy(redeploy) => redeploy::inquire(client, action, redeploy).await,
            _ if dry_run => Ok(Outcome::DryRun),
            ActionKind::Rescale { .. } => self.rescale(client, action).await,
            ActionKind::Redeploy(redeploy) => redeploy::carry_out(self, client, action, redeploy).await,
        };
        done.unwrap_or_else(|outcome| outcome)
    }

    fn admit(&self, action: &Action) -> Step<()> {
        let mut tokens = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let highest = tokens.entry(action.job.clone()).or_insert(action.token);
        if action.token < *highest {
            return Err(fenced(action.token, *highest));
        }
        *highest = action.token;
        Ok(())
    }

    /// Right before anything is sent: has a newer action begun while this one waited?
    pub(super) fn still_ours(&self, action: &Action) -> Step<()> {
        let tokens = self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match tokens.get(&action.job) {
            Some(highest) if *highest > action.token => Err(fenced(action.token, *highest)),
            _ => Ok(()),
        }
    }

    async fn rescale(&self, client: &FlinkClient, action: &Action) -> Step<Outcome> {
        let ActionKind::Rescale { purpose, target, expected, checkpoint } = &action.kind else {
            return Err(Outcome::Refused("not a rescale".into()));
        };
        look(client, action, *purpose).await?;
        compare(client, action, expected, target).await?;
        if let CheckpointOrder::BeforePut { wait } = checkpoint {
            self.still_ours(action)?;
            checkpoint_first(client, action, Duration::from_millis(wait.0)).await;
            // The wait was long enough for somebody else to have changed the job.
            compare(client, action, expected, target).await?;
        }
        self.still_ours(action)?;
        let put = client.send(Method::PUT, &path(action, "/resource-requirements")?, &body(target)).await;
        put.map_err(|error| not_taken(&error))?;
        if *checkpoint == CheckpointOrder::AfterPut
            && let Err(error) = trigger(client, action).await
        {
            // The rescale will happen at the next checkpoint that Flink itself triggers.
            tracing::warn!(job = %action.job, %error, "no checkpoint was triggered after the rescale was asked for");
        }
        Ok(Outcome::Accepted)
    }
}

fn fenced(token: Token, highest: Token) -> Outcome {
    Outcome::Refused(format!("fencing token {} is older than {}: another action has begun since", token.0, highest.0))
}

pub(super) fn path(action: &Action, rest: &str) -> Step<String> {
    job_path(&action.job_id, rest).map_err(|e| Outcome::Refused(e.to_string()))
}

pub(super) fn changed(text: impl AsRef<str>) -> Outcome {
    Outcome::Changed(scrub::line(text.as_ref(), 300))
}

/// Flink answers 404, and in places 500, for a job that it does not know.
pub(super) fn is_gone(error: &FlinkError) -> bool {
    error.status() == Some(404) || error.reason().is_some_and(|r| r.contains("FlinkJobNotFoundException"))
}

/// Before anything was sent, a read that fails means only that nothing is sent.
pub(super) fn unread(error: &FlinkError) -> Outcome {
    match is_gone(error) {
        true => changed("the job is not there any more under the id that the plan was made for"),
        false => changed(format!("the live job could not be read: {error}")),
    }
}

/// What became of a change that was not answered with success.
fn not_taken(error: &FlinkError) -> Outcome {
    match error {
        error if is_gone(error) => changed("the job is not there any more under the id that the plan was made for"),
        FlinkError::Setup(_) => Outcome::Refused(error.to_string()),
        // 408 and 429 come from proxies, which may have passed the request on.
        FlinkError::Status { status: 408 | 429, .. } => Outcome::Unclear(error.to_string()),
        FlinkError::Status { status: 400..=499, reason, .. } => Outcome::Refused(reason.clone()),
        _ => Outcome::Unclear(error.to_string()),
    }
}

/// Is it still the job that was planned for, at rest, without a savepoint under way? An undo or a withdrawal is allowed
/// while tasks restart, and does not wait for a savepoint.
pub(super) async fn look(client: &FlinkClient, action: &Action, purpose: Purpose) -> Step<()> {
    let details: JobDetails = client.get(Lane::Act, &path(action, "")?).await.map_err(|e| unread(&e))?;
    let name = details.name.as_deref().unwrap_or("");
    if name != &*action.job.name {
        return Err(changed(format!("job {} is now named {name:?}", action.job_id)));
    }
    // `/jobs/:id` is up to 3 s old; this is live.
    let live: StatusAnswer = client.get(Lane::Act, &path(action, "/status")?).await.map_err(|e| unread(&e))?;
    let status = graph::status(&live.status);
    if status == Some(JobStatus::Ended) || status.is_none() {
        return Err(changed(format!("the job is {}", live.status)));
    }
    if matches!(purpose, Purpose::Undo | Purpose::Withdraw) {
        return Ok(());
    }
    if status != Some(JobStatus::Running) {
        return Err(changed(format!("the job is {}", live.status)));
    }
    no_savepoint(client, action).await
}

async fn no_savepoint(client: &FlinkClient, action: &Action) -> Step<()> {
    match client.get(Lane::Act, &path(action, "/checkpoints")?).await {
        Ok(answer) => {
            let seen = super::checkpoints::read(answer, Default::default(), false, 0);
            match seen.savepoint_in_progress {
                Some(true) => Err(changed("a savepoint is in progress")),
                _ => Ok(()),
            }
        }
        Err(error) if super::checkpoints::is_disabled(&error) => Ok(()),
        Err(error) => Err(unread(&error)),
    }
}

/// Compare and set: what is asked of Flink must be what the plan was made for, and the target must name every vertex.
async fn compare(client: &FlinkClient, action: &Action, expected: &BoundsById, target: &BoundsById) -> Step<()> {
    let live = requirements(client, action).await?;
    if !live.keys().eq(target.keys()) {
        return Err(changed("the job has other vertices than the plan"));
    }
    match live == *expected {
        true => Ok(()),
        false => Err(changed(format!("it now asks for {}, not {}", shown(&live), shown(expected)))),
    }
}

async fn requirements(client: &FlinkClient, action: &Action) -> Step<BoundsById> {
    let answer: Requirements =
        client.get(Lane::Act, &path(action, "/resource-requirements")?).await.map_err(|e| unread(&e))?;
    job::bounds(answer).ok_or_else(|| changed("what is asked of Flink could not be understood"))
}

fn shown(bounds: &BoundsById) -> String {
    let one = |(id, b): (&Arc<str>, &Bounds)| {
        format!("{}..{} of {}", b.lower, b.upper, id.chars().take(8).collect::<String>())
    };
    bounds.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn body(target: &BoundsById) -> Value {
    let one = |(id, b): (&Arc<str>, &Bounds)| {
        (id.to_string(), json!({"parallelism": {"lowerBound": b.lower.0, "upperBound": b.upper.0}}))
    };
    Value::Object(target.iter().map(one).collect())
}

async fn trigger(client: &FlinkClient, action: &Action) -> Result<String, FlinkError> {
    let path = job_path(&action.job_id, "/checkpoints")?;
    let answer = client.send(Method::POST, &path, &json!({"checkpointType": "CONFIGURED"})).await?;
    let unreadable =
        |why: serde_json::Error| FlinkError::Unreadable { call: format!("POST {path}"), why: why.to_string() };
    serde_json::from_value::<TriggerAnswer>(answer).map(|t| t.request_id).map_err(unreadable)
}

/// Before 2.x Flink restarts at once from the last checkpoint, so a fresh one saves replay. One that fails or takes too
/// long only costs that replay: the rescale goes on.
async fn checkpoint_first(client: &FlinkClient, action: &Action, wait: Duration) {
    let until = Instant::now() + wait;
    let taken = tokio::time::timeout(wait, taken(client, action, until)).await;
    match taken {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::warn!(job = %action.job, why, "no checkpoint was taken before the rescale"),
        Err(_) => tracing::warn!(job = %action.job, "the checkpoint before the rescale takes too long; going on"),
    }
}

async fn taken(client: &FlinkClient, action: &Action, until: Instant) -> Result<(), String> {
    let request = trigger(client, action).await.map_err(|e| e.to_string())?;
    if !super::endpoint::is_safe_id(&request) {
        return Err("the trigger's id cannot be asked for".into());
    }
    let path = job_path(&action.job_id, &format!("/checkpoints/{request}")).map_err(|e| e.to_string())?;
    while Instant::now() < until {
        let answer: OperationAnswer = client.get(Lane::Act, &path).await.map_err(|e| e.to_string())?;
        if answer.status.id == "COMPLETED" {
            return outcome_of(answer);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err("it did not complete in time".into())
}

/// COMPLETED says only that it is over.
pub(super) fn outcome_of(answer: OperationAnswer) -> Result<(), String> {
    match answer.operation.as_ref().and_then(|o| o.get("failure-cause")) {
        None => Ok(()),
        Some(cause) => {
            let trace = cause.get("stack-trace").or_else(|| cause.get("serialized-throwable")).and_then(Value::as_str);
            Err(scrub::line(trace.and_then(|t| t.lines().next()).unwrap_or("it failed"), 300))
        }
    }
}

async fn inquire(client: &FlinkClient, action: &Action) -> Step<Outcome> {
    let unclear = |e: FlinkError| match is_gone(&e) {
        true => changed("the job is not there any more under the id that the plan was made for"),
        false => Outcome::Unclear(e.to_string()),
    };
    let details: JobDetails = client.get(Lane::Act, &path(action, "")?).await.map_err(unclear)?;
    let graph = graph::build(&details, None).map_err(Outcome::Unclear)?;
    let answer: Requirements =
        client.get(Lane::Act, &path(action, "/resource-requirements")?).await.map_err(unclear)?;
    let requirements =
        job::bounds(answer).ok_or_else(|| Outcome::Unclear("what is asked of Flink could not be understood".into()))?;
    let running = graph.vertices.iter().map(|v| (v.id.clone(), Parallelism(v.running.unwrap_or(0)))).collect();
    Ok(Outcome::Found { requirements, running, job_id: action.job_id.clone() })
}
