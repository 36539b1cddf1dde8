//! A run: one rescale of one job, from the plan to its end. Every run ends.

use crate::decision::Change;
use crate::effect::{Purpose, RunId, Token};
use crate::observation::Bounds;
use crate::policy::Jar;
use crate::units::{Millis, Parallelism, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// A person has to agree.
    AwaitingApproval {
        /// Until then.
        expires: Timestamp,
    },
    /// The intent is durable; what came of it is not known yet.
    Acting,
    /// Flink has taken it; the tasks come up and warm up.
    Settling,
    /// Undone; the tasks come up.
    RollingBack,
    /// It did what was predicted.
    Succeeded,
    /// It did not, and nothing was changed, or it could not be undone.
    Failed {
        /// In one sentence.
        why: String,
    },
    /// Undone.
    RolledBack {
        /// In one sentence.
        why: String,
    },
    /// It should have been undone and was not.
    RollbackFailed {
        /// In one sentence.
        why: String,
    },
    /// At its deadline neither success nor failure could be shown. Not success.
    Inconclusive {
        /// In one sentence.
        why: String,
    },
    /// Nothing was done.
    Aborted {
        /// In one sentence.
        why: String,
    },
    /// Recommend mode: nothing was sent.
    DryRun,
}

impl Phase {
    /// Whether a run in it is over.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Phase::AwaitingApproval { .. } | Phase::Acting | Phase::Settling | Phase::RollingBack)
    }

    /// Whether it keeps others out: it disrupts or may disrupt.
    pub fn is_in_flight(&self) -> bool {
        matches!(self, Phase::Acting | Phase::Settling | Phase::RollingBack)
    }

    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Phase::AwaitingApproval { .. } => "awaiting-approval",
            Phase::Acting => "acting",
            Phase::Settling => "settling",
            Phase::RollingBack => "rolling-back",
            Phase::Succeeded => "succeeded",
            Phase::Failed { .. } => "failed",
            Phase::RolledBack { .. } => "rolled-back",
            Phase::RollbackFailed { .. } => "rollback-failed",
            Phase::Inconclusive { .. } => "inconclusive",
            Phase::Aborted { .. } => "aborted",
            Phase::DryRun => "dry-run",
        }
    }
}

/// What was measured of a vertex before, and what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// Records/s it could do.
    pub before: f64,
    /// Records/s it should be able to do.
    pub predicted: f64,
    /// Records/s it was asked for.
    pub demand: f64,
}

/// An undo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// When it was decided.
    pub at: Timestamp,
    /// Why.
    pub why: String,
    /// How often it was sent: more than once only where it was found not to have been carried out.
    pub sent: u32,
}

/// How far a redeploy has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The job's id before it.
    pub from: Arc<str>,
    /// What is run again: as the policy said when it was planned, whatever becomes of the policy.
    pub jar: Jar,
    /// What ran before, by vertex id.
    pub expected: BTreeMap<Arc<str>, Parallelism>,
    /// How long the stop is waited for.
    pub wait: Millis,
    /// Where the savepoint is, and since when: the job is stopped, and it is we who stopped it.
    pub stopped: Option<(String, Timestamp)>,
    /// How often it was tried to run it again.
    pub sent: u32,
    /// How many ids were used up by jobs that ended at once.
    pub used: u32,
    /// The next try.
    pub retry_at: Option<Timestamp>,
    /// A person was told that it does not run.
    pub told: bool,
    /// Since when it is found to run as before.
    pub still_runs: Option<Timestamp>,
}

impl Progress {
    /// The id it is given when it is run again.
    pub fn job_id(&self, run: RunId) -> Arc<str> {
        hex_id(&format!("{}|{run}|run {}", self.from, self.used))
    }

    /// The id of the stop's trigger.
    pub fn trigger(&self, run: RunId) -> Arc<str> {
        hex_id(&format!("{}|{run}|stop", self.from))
    }
}

/// 32 hexadecimal digits, the same for the same text. The text holds an id of Flink's and the number of a run, which
/// make it unique.
fn hex_id(text: &str) -> Arc<str> {
    format!("{:016x}{:016x}", fnv(text), fnv(&format!("{text}|"))).into()
}

/// One rescale of one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Fencing token of its newest action.
    pub token: Token,
    /// The policy it was decided under.
    pub policy: String,
    /// The job's id when it was planned.
    pub job_id: Arc<str>,
    /// Up or down.
    pub purpose: Purpose,
    /// By vertex name.
    pub changes: BTreeMap<Arc<str>, Change>,
    /// What was asked of Flink before, by vertex id.
    pub before: BTreeMap<Arc<str>, Bounds>,
    /// What is asked, by vertex id.
    pub target: BTreeMap<Arc<str>, Bounds>,
    /// By vertex name, for those that change.
    pub promises: BTreeMap<Arc<str>, Promise>,
    /// Where it stands.
    pub phase: Phase,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When Flink took it.
    pub acted_at: Option<Timestamp>,
    /// When every task ran at the new parallelism.
    pub reached_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Id of the newest checkpoint before it.
    pub checkpoint_before: Option<u64>,
    /// Failed checkpoints before it was reached.
    pub failed_before: Option<u64>,
    /// Restarts (rescales left out) seen since Flink took it.
    pub restarts: u32,
    /// When its newest change was sent.
    pub sent_at: Timestamp,
    /// Whether Flink has taken its newest change.
    pub taken: bool,
    /// An answer left open whether a change was carried out.
    pub unclear: bool,
    /// When what happened was first asked, and last, while that is not known.
    pub asked: Option<(Timestamp, Timestamp)>,
    /// Its undo, once there is one.
    pub undo: Option<Undo>,
    /// Set where it is carried out by stop-with-savepoint and a new run of the jar.
    #[serde(default)]
    pub redeploy: Option<Progress>,
    /// Time given before it counts as inconclusive.
    pub patience: Millis,
    /// Hash of the plan.
    pub plan_hash: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// What happened, oldest first, in sentences.
    pub log: Vec<(Timestamp, String)>,
}

/// Sentences kept per run: its phases are few.
const MAX_LOG: usize = 40;

impl Run {
    /// Writes a sentence down.
    pub fn note(&mut self, at: Timestamp, what: impl Into<String>) {
        if self.log.len() < MAX_LOG {
            self.log.push((at, what.into()));
        }
    }

    /// Whether this is a job of it: a redeploy goes from one id to another.
    pub fn is_about(&self, job_id: &str) -> bool {
        let other = self.redeploy.as_ref().map(|r| (r.from.clone(), r.job_id(self.id)));
        *self.job_id == *job_id || other.is_some_and(|(from, to)| *from == *job_id || *to == *job_id)
    }

    /// Moves it on.
    pub fn enter(&mut self, at: Timestamp, phase: Phase) {
        if phase.is_terminal() {
            self.ended_at = Some(at);
        }
        self.phase = phase;
    }

    /// `up: enrich, sink`: what must not be tried again soon when it fails.
    pub fn attempt_key(&self) -> String {
        attempt_key(self.purpose, self.changes.keys())
    }
}

/// The pair of diagnosis and action, as text: which way, and which vertices.
pub fn attempt_key<'a>(purpose: Purpose, vertices: impl Iterator<Item = &'a Arc<str>>) -> String {
    let way = if purpose == Purpose::Down { "down" } else { "up" };
    format!("{way}: {}", vertices.map(|v| v.to_string()).collect::<Vec<_>>().join(", "))
}

/// A hash that identifies a plan (FNV-1a, 64 bits): for telling whether the plan a person saw is still the plan; it is
/// not a secret.
pub fn plan_hash(job_id: &str, changes: &BTreeMap<Arc<str>, Change>) -> String {
    let text = changes.iter().fold(job_id.to_owned(), |text, (v, c)| format!("{text}|{v}:{}>{}", c.from, c.to));
    format!("{:016x}", fnv(&text))
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
