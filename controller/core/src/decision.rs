//! The record of a decision, taken or refused.

use crate::effect::RunId;
use crate::job::JobKey;
use crate::reason::{Gate, Reason};
use crate::units::{Parallelism, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A rescale is carried out.
    Act,
    /// A rescale waits for a person.
    AwaitApproval,
    /// A rescale is recommended.
    Recommend,
    /// A rescale is wanted, and something holds it back.
    Gated,
    /// Nothing is wanted, or nothing can be said: the reasons tell.
    Hold,
    /// A step of a run: what became of an action.
    Progress,
}

impl Verdict {
    /// The word for it, as in JSON and in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Act => "act",
            Verdict::AwaitApproval => "await-approval",
            Verdict::Recommend => "recommend",
            Verdict::Gated => "gated",
            Verdict::Hold => "hold",
            Verdict::Progress => "progress",
        }
    }
}

/// One vertex's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Present parallelism.
    pub from: Parallelism,
    /// Wanted parallelism.
    pub to: Parallelism,
}

/// A decision about one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Unique within a state, rising.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Which job.
    pub job: JobKey,
    /// The policy it was decided under.
    pub policy: String,
    /// What.
    pub verdict: Verdict,
    /// Changes of parallelism by vertex name; empty where none is wanted.
    pub rescale: BTreeMap<Arc<str>, Change>,
    /// What holds it back.
    pub gates: Vec<Gate>,
    /// Why, every number with its unit.
    pub reasons: Vec<Reason>,
    /// The run, once there is one.
    pub run: Option<RunId>,
    /// Hash of the plan, where a person may approve it.
    pub plan_hash: Option<String>,
}

impl fmt::Display for Decision {
    /// One line: job, what, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.job, self.verdict.as_str())?;
        let changes: Vec<_> = self.rescale.iter().map(|(v, c)| format!("{v} {} -> {}", c.from, c.to)).collect();
        if !changes.is_empty() {
            write!(f, " rescale {}", changes.join(", "))?;
        }
        let gates: Vec<_> = self.gates.iter().map(|g| g.as_str()).collect();
        if !gates.is_empty() {
            write!(f, " [{}]", gates.join(", "))?;
        }
        let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
        if !reasons.is_empty() {
            write!(f, ": {}", reasons.join("; "))?;
        }
        Ok(())
    }
}
