//! What is triggered and asked after later: savepoints, stops, checkpoints.

use super::{Answer, refused};
use crate::world::{Fate, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Operations remembered; Flink forgets one five minutes after it was asked after.
const MOST: usize = 1_000;

/// What was triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Savepoint,
    /// A savepoint, then the end: FINISHED.
    Stop,
    /// A savepoint, then the end: CANCELED.
    SavepointAndCancel,
    Checkpoint,
}

impl Kind {
    fn is_asked_under(self, word: &str) -> bool {
        (word == "checkpoints") == (self == Kind::Checkpoint)
    }
}

/// One of them.
#[derive(Clone, Debug)]
struct Operation {
    kind: Kind,
    /// Position of its job, and the number of its checkpoint.
    job: usize,
    number: u64,
    /// The job's id; under another id it is another job.
    job_id: String,
    /// Flink's `operation`, once it is over.
    result: Option<Value>,
}

/// All of them, by trigger id.
#[derive(Debug, Default)]
pub(super) struct Operations {
    all: BTreeMap<String, Operation>,
    order: std::collections::VecDeque<String>,
    made: u64,
    open: usize,
}

impl Operations {
    /// Triggers one at a job (`None`: there is no such job), under the id that the client chose, if it did. Asked for
    /// twice, it is done once.
    pub fn trigger(
        &mut self,
        world: &mut World,
        kind: Kind,
        (job, job_id): (Option<usize>, &str),
        chosen: Option<&str>,
    ) -> Answer {
        let id = chosen.filter(|id| refused::is_id(id)).map_or_else(|| self.make_id(), str::to_owned);
        if !self.all.contains_key(&id) {
            let number = job.and_then(|job| begin(world, kind, job));
            let why = match job {
                None => format!(
                    "org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job ({job_id})"
                ),
                Some(_) => {
                    "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint triggering task is not \
                            being executed at the moment. Aborting checkpoint."
                        .to_owned()
                }
            };
            let result = number.is_none().then(|| failure(&why));
            let job_id = job_id.to_owned();
            self.add(
                id.clone(),
                Operation { kind, job: job.unwrap_or(0), number: number.unwrap_or(0), job_id, result },
            );
        }
        Answer::of(202, json!({"request-id": id}))
    }

    fn make_id(&mut self) -> String {
        self.made += 1;
        super::id(&["trigger", &self.made.to_string()])
    }

    fn add(&mut self, id: String, operation: Operation) {
        self.open += usize::from(operation.result.is_none());
        self.all.insert(id.clone(), operation);
        self.order.push_back(id);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }

    /// Asks after one; `word` is the path it is asked under.
    pub fn ask(&self, word: &str, job_id: &str, id: &str) -> Answer {
        let found = self.all.get(id).filter(|o| o.job_id == job_id && o.kind.is_asked_under(word));
        let what = word.trim_end_matches('s');
        match found.map(|o| &o.result) {
            None => refused::not_found(&format!("There is no {what} operation with triggerId={id} for job {job_id}.")),
            Some(None) => Answer::ok(json!({"status": {"id": "IN_PROGRESS"}, "operation": null})),
            // COMPLETED says only that it is over.
            Some(Some(result)) => Answer::ok(json!({"status": {"id": "COMPLETED"}, "operation": result})),
        }
    }

    /// A tick is over: what has come of those that are open?
    pub fn follow(&mut self, world: &mut World) {
        if self.open == 0 {
            return;
        }
        for operation in self.all.values_mut().filter(|o| o.result.is_none()) {
            operation.result = outcome(world, operation);
        }
        self.open = self.all.values().filter(|o| o.result.is_none()).count();
    }
}

fn begin(world: &mut World, kind: Kind, job: usize) -> Option<u64> {
    match kind {
        Kind::Savepoint | Kind::SavepointAndCancel => world.trigger_savepoint(job),
        Kind::Stop => world.trigger_stop(job),
        Kind::Checkpoint => world.trigger_checkpoint(job),
    }
}

fn outcome(world: &mut World, of: &Operation) -> Option<Value> {
    let state = world.job(of.job)?;
    let path = || world.path_of(of.job, of.number, true);
    let ended = matches!(state.word, "FINISHED" | "CANCELED" | "FAILED");
    match (world.fate_of(of.job, of.number), of.kind) {
        _ if *state.id != *of.job_id => Some(failure("org.apache.flink.util.FlinkException: The job is over.")),
        (Some(Fate::Completed), Kind::Checkpoint) => Some(json!({"checkpointId": of.number})),
        (Some(Fate::Completed), Kind::Savepoint) => Some(json!({"location": path()})),
        (Some(Fate::Completed), Kind::Stop) => ended.then(|| json!({"location": path()})),
        (Some(Fate::Completed), Kind::SavepointAndCancel) => {
            let location = path();
            world.cancel(of.job);
            Some(json!({"location": location}))
        }
        (Some(Fate::Failed), kind) => Some(failure(&why(world, of, kind))),
        (None, _) if ended => Some(failure(&why(world, of, of.kind))),
        (None, _) => None,
    }
}

fn why(world: &World, of: &Operation, kind: Kind) -> String {
    let checkpoints = world.checkpoints(of.job);
    let found = checkpoints.and_then(|c| c.history.iter().find(|c| c.id == of.number).map(|c| c.why));
    let exception = "org.apache.flink.runtime.checkpoint.CheckpointException";
    let cause = format!("{exception}: {}", found.unwrap_or("The job has stopped."));
    match kind {
        Kind::Stop => format!(
            "org.apache.flink.util.FlinkException: Stop with savepoint operation could not be completed.\nCaused by: {cause}"
        ),
        _ => cause,
    }
}

/// As recorded, but for the serialised Java object, which only Java could make.
fn failure(trace: &str) -> Value {
    let class = "java.util.concurrent.CompletionException";
    json!({"failure-cause": {"class": class, "stack-trace": format!("{class}: {trace}\n"), "serialized-throwable": ""}})
}
