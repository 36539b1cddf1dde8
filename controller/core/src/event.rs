//! What goes into [`crate::step`]. Closed: a new kind is a compile error wherever it must be cared for.

use crate::effect::{RunId, Token};
use crate::job::JobKey;
use crate::observation::{Bounds, Observation};
use crate::units::{Parallelism, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Time passed. Sent at least once per interval, also when nothing else is.
    Tick,
    /// Weirkeeper itself has just started with this state, or noticed that its clock jumped or that it slept.
    Resumed,
    /// A job was read.
    Observed(Box<Observation>),
    /// A job could not be read, or its answer was incomplete: nothing of it is used.
    Unobserved {
        /// Which.
        job: JobKey,
        /// Why, in one line.
        why: String,
        /// An answer came, but a part of it said of itself that it was incomplete.
        incomplete: bool,
    },
    /// The complete list of a cluster's jobs. A list that failed or was empty is not an event: it is unknown.
    Jobs {
        /// The cluster.
        cluster: Arc<str>,
        /// Its jobs that have not ended. A name that stands twice is two jobs.
        jobs: Vec<JobKey>,
    },
    /// What came of an action.
    Outcome {
        /// Which run.
        run: RunId,
        /// The fencing token it was done under.
        token: Token,
        /// What came of it.
        outcome: Outcome,
    },
    /// A person's word.
    Control(Control),
    /// State of the kill switch.
    KillSwitch(KillSwitch),
}

/// The kill switch. Unreadable means on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillSwitch {
    /// Absent.
    Off,
    /// Present.
    On,
    /// It could not be told.
    Unreadable,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// Flink took it.
    Accepted,
    /// Nothing was sent: recommend mode.
    DryRun,
    /// The live job was not as planned: nothing was sent.
    Changed(String),
    /// Flink refused it: nothing was changed.
    Refused(String),
    /// It is not known whether it was done (time-out, connection lost, 5xx).
    Unclear(String),
    /// The job was stopped by us: its savepoint is complete.
    Stopped {
        /// Where it is.
        savepoint: String,
    },
    /// It was run again.
    Started {
        /// Its new id.
        job_id: Arc<str>,
    },
    /// The answer to [`crate::effect::ActionKind::InquireRedeploy`]: the job was not stopped.
    StillRuns,
    /// It was stopped and does not run again.
    NotStarted {
        /// Why.
        why: String,
        /// The id it was given belongs to a job that has ended: another is needed.
        used: bool,
    },
    /// The answer to [`crate::effect::ActionKind::Inquire`].
    Found {
        /// What is asked of Flink now, by vertex id.
        requirements: BTreeMap<Arc<str>, Bounds>,
        /// What runs now, by vertex id.
        running: BTreeMap<Arc<str>, Parallelism>,
        /// The job's present id.
        job_id: Arc<str>,
    },
}

/// Which kinds of effect a pause stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PauseScope {
    /// Scale-ups.
    Up,
    /// Scale-downs.
    Down,
    /// Everything that is not a rescale.
    Remedies,
}

/// A person's word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Control {
    /// Stop acting.
    Pause {
        /// Job name; absent: all.
        job: Option<String>,
        /// Absent: everything.
        only: Option<PauseScope>,
        /// Absent: until resumed.
        until: Option<Timestamp>,
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },
    /// Act again.
    Resume {
        /// Job name; absent: all (also the pauses of single jobs).
        job: Option<String>,
        /// Absent: everything.
        only: Option<PauseScope>,
        /// Who.
        by: String,
    },
    /// Do it.
    Approve {
        /// Which run.
        run: RunId,
        /// Hash of the plan that was looked at.
        plan_hash: String,
        /// Who.
        by: String,
    },
    /// Do not do it.
    Reject {
        /// Which run.
        run: RunId,
        /// Who.
        by: String,
    },
}
