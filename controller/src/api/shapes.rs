//! The JSON of the API and of `recommend`: stable, and described in `docs/operations.md`. Fields are only ever added.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weirkeeper_core::decision::{Change, Decision};
use weirkeeper_core::reason::Reason;
use weirkeeper_core::units::Timestamp;

/// RFC 3339, with milliseconds.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.to_string(), |t| format!("{t:.3}"))
}

/// A change of parallelism.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeShape {
    /// Present.
    pub from: u32,
    /// Wanted.
    pub to: u32,
}

impl From<&Change> for ChangeShape {
    fn from(c: &Change) -> ChangeShape {
        ChangeShape { from: c.from.0, to: c.to.0 }
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionShape {
    /// Its number.
    pub id: u64,
    /// When.
    pub at: String,
    /// The cluster.
    pub cluster: String,
    /// The namespace, where there is one.
    pub namespace: Option<String>,
    /// The job's name.
    pub job: String,
    /// The policy it was decided under.
    pub policy: String,
    /// What.
    pub verdict: String,
    /// Changes by vertex.
    pub rescale: BTreeMap<String, ChangeShape>,
    /// What holds it back.
    pub gates: Vec<String>,
    /// Why, as sentences.
    pub reasons: Vec<String>,
    /// Why, as data.
    pub details: Vec<Reason>,
    /// The run, once there is one.
    pub run: Option<String>,
    /// Hash of the plan, where a person may approve it.
    pub plan_hash: Option<String>,
}

impl From<&Decision> for DecisionShape {
    fn from(d: &Decision) -> DecisionShape {
        DecisionShape {
            id: d.id,
            at: rfc3339(d.at),
            cluster: d.job.cluster.to_string(),
            namespace: d.job.namespace.as_deref().map(str::to_owned),
            job: d.job.name.to_string(),
            policy: d.policy.clone(),
            verdict: d.verdict.as_str().to_owned(),
            rescale: d.rescale.iter().map(|(v, c)| (v.to_string(), c.into())).collect(),
            gates: d.gates.iter().map(|g| g.as_str().to_owned()).collect(),
            reasons: d.reasons.iter().map(ToString::to_string).collect(),
            details: d.reasons.clone(),
            run: d.run.map(|r| r.to_string()),
            plan_hash: d.plan_hash.clone(),
        }
    }
}

/// A vertex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VertexShape {
    /// Its name.
    pub name: String,
    /// Parallelism that runs.
    pub parallelism: u32,
    /// Max parallelism.
    pub max_parallelism: Option<u32>,
    /// Subtasks in state RUNNING.
    pub running: Option<u32>,
    /// Share of its subtasks' time that was work, 0 to 1.
    pub busy: Option<f64>,
    /// Share of its subtasks' time that they waited for the next vertex, 0 to 1.
    pub backpressured: Option<f64>,
    /// Records per second it is asked for.
    pub demand: Option<f64>,
    /// The demand is at least that, and may be more.
    pub demand_at_least: bool,
    /// Records per second it can do at the present parallelism.
    pub capacity: Option<f64>,
    /// Demand / capacity.
    pub utilization: Option<f64>,
    /// How far behind a source is, milliseconds.
    pub lag_ms: Option<u64>,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobShape {
    /// The cluster.
    pub cluster: String,
    /// The namespace, where there is one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its present id; absent where it was never read.
    pub id: Option<String>,
    /// `running`, `restarting`, `ended`; `unread` where it was never read, `skipped` where deciding about it failed.
    pub state: String,
    /// The policy for it.
    pub policy: Option<String>,
    /// That policy's mode.
    pub mode: Option<String>,
    /// When it was last read in full.
    pub read_at: Option<String>,
    /// Why the newest read failed.
    pub unread: Option<String>,
    /// Parts that were missing when it was last read.
    pub missing: Vec<String>,
    /// Its vertices, in topological order.
    pub vertices: Vec<VertexShape>,
    /// The newest decision about it.
    pub standing: Option<DecisionShape>,
    /// How its budgets stand.
    pub budgets: Vec<BudgetShape>,
}

/// A budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetShape {
    /// `this job` or `all jobs`.
    pub whose: String,
    /// Disruptions used.
    pub used: u32,
    /// Disruptions allowed.
    pub count: u32,
    /// In this span, milliseconds.
    pub per_ms: u64,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseStanding {
    /// Job name; absent: all.
    pub job: Option<String>,
    /// `up`, `down` or `remedies`; absent: everything.
    pub only: Option<String>,
    /// Absent: until resumed.
    pub until: Option<String>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// What holds for all jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetShape {
    /// `off`, `on` or `unreadable`; absent: not looked at yet.
    pub kill_switch: Option<String>,
    /// Pauses that hold.
    pub pauses: Vec<PauseStanding>,
    /// Only recommending until then: too many verifications failed.
    pub breaker_until: Option<String>,
    /// Every budget counts as spent until then: the state file could not be read.
    pub budgets_spent_until: Option<String>,
}

/// Answer of `/api/v1/jobs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobsShape {
    /// By cluster and name.
    pub jobs: Vec<JobShape>,
    /// What holds for all of them.
    pub fleet: FleetShape,
}

/// Answer of `/api/v1/jobs/NAME/decisions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionsShape {
    /// Newest first.
    pub decisions: Vec<DecisionShape>,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteShape {
    /// When.
    pub at: String,
    /// What.
    pub what: String,
}

/// A run: one rescale of one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionShape {
    /// As `run-12`.
    pub id: String,
    /// The cluster.
    pub cluster: String,
    /// The namespace, where there is one.
    pub namespace: Option<String>,
    /// The job's name.
    pub job: String,
    /// The policy it was decided under.
    pub policy: String,
    /// `up` or `down`.
    pub purpose: String,
    /// Where it stands.
    pub phase: String,
    /// Why it ended as it did.
    pub why: Option<String>,
    /// Changes by vertex.
    pub rescale: BTreeMap<String, ChangeShape>,
    /// Hash of the plan.
    pub plan_hash: String,
    /// An approval must come before.
    pub expires: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When it was planned.
    pub planned_at: String,
    /// When Flink took it.
    pub acted_at: Option<String>,
    /// When every task ran at the new parallelism.
    pub reached_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// What happened, oldest first.
    pub log: Vec<NoteShape>,
}

/// Answer of `/api/v1/actions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionsShape {
    /// Those under way or waiting first, then the newest that ended.
    pub actions: Vec<ActionShape>,
}

/// Body of `approve` and `reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerShape {
    /// Hash of the plan that was looked at; `approve` needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// Who.
    pub by: String,
}

/// Body of `pause` and `resume`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseShape {
    /// Job name; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// `up`, `down` or `remedies`; absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// RFC 3339; absent: until resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who.
    pub by: String,
}

/// Anything that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorShape {
    /// One sentence.
    pub error: String,
}
