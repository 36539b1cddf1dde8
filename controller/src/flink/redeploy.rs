//! Stops a job with a savepoint, and runs its jar again from there: each stage once, and each can be asked after.

use super::answers::{JarRunAnswer, Jars, JobDetails, JobsOverview, OperationAnswer, StatusAnswer};
use super::client::{FlinkClient, Lane, job_path};
use super::error::FlinkError;
use super::execute::{Executor, LOOK, Step, changed, is_gone, look, outcome_of, path, unread};
use super::{graph, scrub};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weirkeeper_core::effect::{Action, Redeploy, Stage};
use weirkeeper_core::event::Outcome;
use weirkeeper_core::observation::JobStatus;
use weirkeeper_core::units::Parallelism;

/// A job that has been stopped is ended 0.02 s later, one that was run fails at once where its savepoint cannot be read
/// (measured): this long is looked for either.
const PATIENCE: Duration = Duration::from_secs(10);
/// Honoured by 1.20.5, ignored by 2.2.1: what came of it is read back.
const OVERRIDES: &str = "pipeline.jobvertex-parallelism-overrides";

/// Carries one stage out.
pub async fn carry_out(
    executor: &Executor,
    client: &FlinkClient,
    action: &Action,
    redeploy: &Redeploy,
) -> Step<Outcome> {
    match &redeploy.stage {
        Stage::Stop => stop(executor, client, action, redeploy).await,
        Stage::Run { savepoint, job_id } => run(executor, client, action, redeploy, savepoint, job_id).await,
    }
}

/// What became of a stage? Reads only.
pub async fn inquire(client: &FlinkClient, action: &Action, redeploy: &Redeploy) -> Step<Outcome> {
    match &redeploy.stage {
        Stage::Stop => inquire_stop(client, action, redeploy).await,
        Stage::Run { job_id, .. } => Ok(match runs(client, action, job_id).await? {
            Runs::Yes => Outcome::Started { job_id: job_id.clone() },
            Runs::Ended(word) => NotYet::Ended(word).outcome(),
            Runs::Unknown => Outcome::NotStarted { why: "no job runs under the id it was given".into(), used: false },
        }),
    }
}

/// Nothing is stopped before everything is there for running it again.
async fn stop(executor: &Executor, client: &FlinkClient, action: &Action, redeploy: &Redeploy) -> Step<Outcome> {
    look(client, action, redeploy.purpose).await?;
    compare(client, action, redeploy).await?;
    let found = jar(client, &redeploy.jar.name).await.map_err(|e| unread(&e))?;
    if found.is_none() {
        return Err(Outcome::Refused(unknown_jar(&redeploy.jar.name)));
    }
    executor.still_ours(action)?;
    let body = json!({"drain": false, "triggerId": &*redeploy.trigger});
    client.send(Method::POST, &path(action, "/stop")?, &body).await.map_err(|e| not_sent(&e))?;
    let until = Instant::now() + Duration::from_millis(redeploy.wait.0);
    loop {
        match stopped(client, action, redeploy).await? {
            Some(Ok(savepoint)) => {
                ended(client, action).await;
                return Ok(Outcome::Stopped { savepoint });
            }
            Some(Err(why)) => return Err(Outcome::Refused(why)),
            None if Instant::now() >= until => {
                return Err(Outcome::Unclear("the savepoint is not complete yet".into()));
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The jar is known by its name; of several the one that was uploaded last.
async fn jar(client: &FlinkClient, name: &str) -> Result<Option<String>, FlinkError> {
    let jars: Jars = client.get(Lane::Act, "/jars").await?;
    let named = jars.files.into_iter().filter(|f| f.name == name && super::endpoint::is_safe_id(&f.id));
    Ok(named.max_by(|a, b| a.uploaded.0.unwrap_or(0.0).total_cmp(&b.uploaded.0.unwrap_or(0.0))).map(|f| f.id))
}

fn unknown_jar(name: &str) -> String {
    format!("the cluster knows no jar {name:?}: upload it (POST /jars/upload), or correct scaling.jar.name")
}

/// What runs must be what the plan was made for.
async fn compare(client: &FlinkClient, action: &Action, redeploy: &Redeploy) -> Step<()> {
    let details: JobDetails = client.get(Lane::Act, &path(action, "")?).await.map_err(|e| unread(&e))?;
    let graph = graph::build(&details, None).map_err(changed)?;
    let now: BTreeMap<_, _> = graph.vertices.iter().map(|v| (v.id.clone(), v.parallelism)).collect();
    match now == redeploy.expected {
        true => Ok(()),
        false => Err(changed("its vertices or their parallelism are not those that the plan was made for")),
    }
}

fn not_sent(error: &FlinkError) -> Outcome {
    match error {
        error if is_gone(error) => changed("the job is not there any more under the id that the plan was made for"),
        FlinkError::Setup(_) => Outcome::Refused(error.to_string()),
        // 408 and 429 come from proxies, which may have passed the request on.
        FlinkError::Status { status: 408 | 429, .. } => Outcome::Unclear(error.to_string()),
        FlinkError::Status { status: 400..=499, reason, .. } => Outcome::Refused(reason.clone()),
        _ => Outcome::Unclear(error.to_string()),
    }
}

/// What the trigger of the stop has given: nothing yet, the savepoint, or why it failed. Unknown to Flink: `Changed`.
async fn stopped(client: &FlinkClient, action: &Action, redeploy: &Redeploy) -> Step<Option<Result<String, String>>> {
    let path = path(action, &format!("/savepoints/{}", redeploy.trigger))?;
    let answer: OperationAnswer = client.get(Lane::Act, &path).await.map_err(|e| Outcome::Unclear(e.to_string()))?;
    if answer.status.id != "COMPLETED" {
        return Ok(None);
    }
    let location = answer.operation.as_ref().and_then(|o| o.get("location")).and_then(Value::as_str).map(str::to_owned);
    match (outcome_of(answer), location) {
        (Err(why), _) => Ok(Some(Err(why))),
        (Ok(()), Some(savepoint)) => Ok(Some(Ok(savepoint))),
        (Ok(()), None) => Err(Outcome::Unclear("the stop is complete and tells no savepoint".into())),
    }
}

/// Waits a little until the stopped job has ended.
async fn ended(client: &FlinkClient, action: &Action) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match word(client, &action.job_id).await {
            Ok(None) => return true,
            Ok(Some(word)) if graph::status(&word) == Some(JobStatus::Ended) => return true,
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    false
}

/// Flink's word for the state of a job, live; `None` where it knows none of that id.
async fn word(client: &FlinkClient, id: &str) -> Result<Option<String>, FlinkError> {
    match client.get::<StatusAnswer>(Lane::Act, &job_path(id, "/status")?).await {
        Ok(answer) => Ok(Some(answer.status)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a job runs under the id that we gave.
enum Runs {
    Yes,
    Ended(String),
    Unknown,
}

/// Looks for the job under its new id, and for another of its name: that one is somebody else's.
async fn runs(client: &FlinkClient, action: &Action, job_id: &str) -> Step<Runs> {
    let unclear = |e: FlinkError| Outcome::Unclear(e.to_string());
    match word(client, job_id).await.map_err(unclear)? {
        Some(word) if graph::status(&word) == Some(JobStatus::Ended) => return Ok(Runs::Ended(word)),
        Some(_) => return Ok(Runs::Yes),
        None => {}
    }
    let overview: JobsOverview = client.get(Lane::Act, "/jobs/overview").await.map_err(unclear)?;
    let jobs = overview.jobs.into_iter().filter_map(super::answers::Entry::good);
    let mut others = jobs.filter(|j| j.name == *action.job.name && j.jid != *action.job_id);
    match others.find(|j| graph::status(&j.state) != Some(JobStatus::Ended)) {
        Some(other) => Err(changed(format!("job {} of that name runs", other.jid))),
        None => Ok(Runs::Unknown),
    }
}

/// Why a job that was stopped does not run again.
enum NotYet {
    /// The id that it was given is used up.
    Ended(String),
    Other(String),
}

impl NotYet {
    fn outcome(self) -> Outcome {
        match self {
            NotYet::Ended(word) => {
                let why = format!("it was {word} at once: is the savepoint there, and does it fit the jar?");
                Outcome::NotStarted { why, used: true }
            }
            NotYet::Other(why) => Outcome::NotStarted { why: scrub::line(&why, 300), used: false },
        }
    }
}

async fn run(
    executor: &Executor,
    client: &FlinkClient,
    action: &Action,
    redeploy: &Redeploy,
    savepoint: &str,
    job_id: &std::sync::Arc<str>,
) -> Step<Outcome> {
    match runs(client, action, job_id).await? {
        Runs::Yes => return Ok(Outcome::Started { job_id: job_id.clone() }),
        Runs::Ended(word) => return Err(NotYet::Ended(word).outcome()),
        Runs::Unknown => {}
    }
    let not_yet = |why: String| NotYet::Other(why).outcome();
    if !ended(client, action).await {
        return Err(not_yet("the job that was stopped has not ended".into()));
    }
    let found = jar(client, &redeploy.jar.name).await.map_err(|e| not_yet(e.to_string()))?;
    let jar = found.ok_or_else(|| not_yet(unknown_jar(&redeploy.jar.name)))?;
    executor.still_ours(action)?;
    let sent = client.send(Method::POST, &format!("/jars/{jar}/run"), &body(redeploy, savepoint, job_id)).await;
    let answer = sent.map_err(|error| match not_sent(&error) {
        Outcome::Unclear(why) => Outcome::Unclear(why),
        Outcome::Refused(why) | Outcome::Changed(why) => not_yet(why),
        other => other,
    })?;
    let given = serde_json::from_value::<JarRunAnswer>(answer).ok().and_then(|a| a.jobid);
    if given.as_deref().is_some_and(|id| id != &**job_id) {
        let why = format!("job {} was started under an id that nobody asked for", given.unwrap_or_default());
        return Err(Outcome::Unclear(why));
    }
    came_up(client, action, job_id).await
}

/// A submission is answered with 200 also where the job then fails at once.
async fn came_up(client: &FlinkClient, action: &Action, job_id: &std::sync::Arc<str>) -> Step<Outcome> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match runs(client, action, job_id).await? {
            Runs::Ended(word) => return Err(NotYet::Ended(word).outcome()),
            Runs::Yes if word(client, job_id).await.is_ok_and(|w| w.as_deref() == Some("RUNNING")) => break,
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    Ok(Outcome::Started { job_id: job_id.clone() })
}

/// A jar takes one parallelism, the largest; the rest is asked for by vertex.
fn body(redeploy: &Redeploy, savepoint: &str, job_id: &str) -> Value {
    let jar = &redeploy.jar;
    let parallelism = redeploy.target.values().copied().max().unwrap_or(Parallelism(1));
    let overrides: Vec<String> = redeploy.target.iter().map(|(id, p)| format!("{id}:{p}")).collect();
    let mut config: BTreeMap<&str, &str> = jar.config.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let overrides = overrides.join(",");
    config.insert(OVERRIDES, &overrides);
    let mut body = json!({
        "programArgsList": jar.args,
        "parallelism": parallelism.0,
        "savepointPath": savepoint,
        "allowNonRestoredState": false,
        "jobId": job_id,
        "flinkConfiguration": config,
    });
    if let Some(class) = &jar.entry_class {
        body["entryClass"] = json!(class);
    }
    body
}

/// The trigger's own answer is kept for five minutes; afterwards, or after a restart of the JobManager, the ended job's
/// checkpoints tell.
async fn inquire_stop(client: &FlinkClient, action: &Action, redeploy: &Redeploy) -> Step<Outcome> {
    let unclear = |e: FlinkError| Outcome::Unclear(e.to_string());
    let Some(word) = word(client, &action.job_id).await.map_err(unclear)? else {
        return Err(changed("the job is not there any more under the id that the plan was made for"));
    };
    let has_ended = graph::status(&word) == Some(JobStatus::Ended);
    match triggered(client, action, redeploy).await? {
        Trigger::Gave(savepoint) if has_ended => return Ok(Outcome::Stopped { savepoint }),
        Trigger::Gave(_) => return Err(Outcome::Unclear("the savepoint is there, the job has not ended yet".into())),
        Trigger::Failed(why) if !has_ended => return Err(Outcome::Refused(why)),
        Trigger::Waits => return Err(Outcome::Unclear("the savepoint is not complete yet".into())),
        Trigger::Failed(_) | Trigger::Unknown => {}
    }
    let checkpoints: Value = match client.get(Lane::Act, &path(action, "/checkpoints")?).await {
        Ok(answer) => answer,
        Err(error) if super::checkpoints::is_disabled(&error) => Value::Null,
        Err(error) => return Err(unclear(error)),
    };
    match has_ended {
        true => from_checkpoints(&checkpoints, redeploy, &word),
        false if savepoint_under_way(&checkpoints) => Err(Outcome::Unclear("a savepoint is under way".into())),
        false => Ok(Outcome::StillRuns),
    }
}

enum Trigger {
    Gave(String),
    Failed(String),
    Waits,
    Unknown,
}

async fn triggered(client: &FlinkClient, action: &Action, redeploy: &Redeploy) -> Step<Trigger> {
    let path = path(action, &format!("/savepoints/{}", redeploy.trigger))?;
    match client.get::<Value>(Lane::Act, &path).await {
        Err(error) if error.status() == Some(404) => return Ok(Trigger::Unknown),
        Err(error) => return Err(Outcome::Unclear(error.to_string())),
        Ok(_) => {}
    }
    Ok(match stopped(client, action, redeploy).await? {
        Some(Ok(savepoint)) => Trigger::Gave(savepoint),
        Some(Err(why)) => Trigger::Failed(why),
        None => Trigger::Waits,
    })
}

fn savepoint_under_way(checkpoints: &Value) -> bool {
    let history = checkpoints["history"].as_array().into_iter().flatten();
    history.into_iter().any(|c| c["status"] == "IN_PROGRESS" && c["is_savepoint"] == true)
}

/// A job that was stopped is FINISHED, and its savepoint is the last that it completed.
fn from_checkpoints(checkpoints: &Value, redeploy: &Redeploy, word: &str) -> Step<Outcome> {
    let latest = &checkpoints["latest"];
    let (savepoint, completed) = (&latest["savepoint"], latest["completed"]["id"].as_u64());
    let id = savepoint["id"].as_u64();
    let ours = word == "FINISHED" && id > redeploy.checkpoint_before && id >= completed;
    match savepoint["external_path"].as_str().filter(|_| ours && id.is_some()) {
        Some(savepoint) => Ok(Outcome::Stopped { savepoint: savepoint.to_owned() }),
        None => Err(changed(format!("the job is {word}"))),
    }
}
