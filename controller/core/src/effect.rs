//! What comes out of [`crate::step`]. Closed, like [`crate::event::Event`].

use crate::decision::Decision;
use crate::job::JobKey;
use crate::observation::Bounds;
use crate::policy::Jar;
use crate::units::{Millis, Parallelism, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Number of a run, unique within a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run-{}", self.0)
    }
}

/// Fencing token: rises with every action on a job. The executor refuses one lower than it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub u64);

/// One thing the core asks the world to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Do this, after the state has been made durable. The result comes back as [`crate::event::Event::Outcome`].
    Act(Box<Action>),
    /// Write this down: the log line, the audit record, what `explain` shows.
    Record(Box<Decision>),
    /// A person is needed.
    Escalate {
        /// Which job; absent: the fleet.
        job: Option<JobKey>,
        /// When.
        at: Timestamp,
        /// One sentence with its numbers.
        message: String,
    },
}

/// An action on one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The run it belongs to.
    pub run: RunId,
    /// Fencing token.
    pub token: Token,
    /// Which job.
    pub job: JobKey,
    /// The id it had when the plan was made; another id means another job.
    pub job_id: Arc<str>,
    /// What.
    pub kind: ActionKind,
}

/// Why a rescale is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// More.
    Up,
    /// Less.
    Down,
    /// Back to what it was.
    Undo,
    /// Ask for no more than what runs.
    Withdraw,
}

/// When to trigger a checkpoint around a `PUT resource-requirements`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckpointOrder {
    /// Before 2.x: Flink restarts at once from the last one, so take one first and wait at most this long.
    BeforePut {
        /// At most.
        wait: Millis,
    },
    /// From 2.x on: Flink waits for the next one, so ask for it.
    AfterPut,
    /// The job has none, or an undo must not wait.
    None,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionKind {
    /// `PUT /jobs/:id/resource-requirements`, all vertices in it.
    Rescale {
        /// Why.
        purpose: Purpose,
        /// Bounds by vertex id: all vertices of the job.
        target: BTreeMap<Arc<str>, Bounds>,
        /// What the live job must ask for now, or nothing is sent (compare and set).
        expected: BTreeMap<Arc<str>, Bounds>,
        /// Checkpoint.
        checkpoint: CheckpointOrder,
    },
    /// One stage of: stop with savepoint, and run the jar again with this parallelism.
    Redeploy(Box<Redeploy>),
    /// What is asked and what runs now? Reads only: after a crash or an unclear outcome.
    Inquire,
    /// What became of a stage of a redeploy? Reads only.
    InquireRedeploy(Box<Redeploy>),
}

/// Which stage of a redeploy. What the first has given is durable before the second is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Stop with a savepoint.
    Stop,
    /// Run the jar from it.
    Run {
        /// Where it is.
        savepoint: String,
        /// Id that the job is given: Flink refuses a second submission under it, so none runs twice.
        job_id: Arc<str>,
    },
}

/// A redeploy of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeploy {
    /// Why.
    pub purpose: Purpose,
    /// Which part of it.
    pub stage: Stage,
    /// What is run again.
    pub jar: Jar,
    /// Id of the trigger of the stop: chosen beforehand, so that what came of it can be asked.
    pub trigger: Arc<str>,
    /// The newest checkpoint before the plan: the savepoint's number is higher.
    pub checkpoint_before: Option<u64>,
    /// What must run now, by vertex id, or the job is not stopped.
    pub expected: BTreeMap<Arc<str>, Parallelism>,
    /// By vertex id.
    pub target: BTreeMap<Arc<str>, Parallelism>,
    /// How long the stop is waited for.
    pub wait: Millis,
}
