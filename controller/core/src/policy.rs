//! Policies as they are used: every default filled in. Reading them from YAML is the shell's.

use crate::calendar::Cron;
use crate::glob::Glob;
use crate::units::{Millis, Parallelism, RecordsPerSec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a policy may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Watches and learns; says nothing but what it sees.
    Observe,
    /// Says what it would do.
    #[default]
    Recommend,
    /// Does it once a person has approved.
    Approve,
    /// Does it.
    Auto,
}

/// Which jobs a policy is for. An empty list or map matches everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Kubernetes namespaces.
    pub namespaces: Vec<Glob>,
    /// Job names.
    pub jobs: Vec<Glob>,
    /// Labels, all of which the job must have.
    pub labels: BTreeMap<String, String>,
}

/// What a policy says of one vertex.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VertexPolicy {
    /// Never change its parallelism.
    pub fixed: bool,
    /// Lower bound, instead of the policy's.
    pub min_parallelism: Option<Parallelism>,
    /// Upper bound, instead of the policy's.
    pub max_parallelism: Option<Parallelism>,
    /// Its input ends: it has work, but no demand.
    pub bounded: Option<bool>,
    /// A deadline for a bounded or backfilling source.
    pub deadline: Option<Millis>,
    /// Its lag does not count (a slow-moving side input).
    pub lag_exempt: bool,
    /// An async operator: requests in flight per subtask and what one takes.
    pub async_io: Option<AsyncIo>,
    /// Capacity of one subtask as measured elsewhere: as good as proven.
    pub capacity_per_subtask: Option<RecordsPerSec>,
    /// A series that gives the share of throttled CPU periods of its TaskManagers.
    pub throttled_series: Option<String>,
}

/// An async operator's capacity is queue / latency; its busy time says nothing until the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsyncIo {
    /// `capacity` of `AsyncDataStream`: requests in flight per subtask.
    pub capacity: u32,
    /// What one request takes.
    pub latency: Millis,
}

/// When to scale down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleDown {
    /// How long demand must have been low.
    pub after: Millis,
    /// Least share of slots it must free, 0 to 1.
    pub min_saving: f64,
}

/// No rescale in that direction for that long after any rescale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Before a scale-up.
    pub up: Millis,
    /// Before a scale-down.
    pub down: Millis,
}

/// How a rescale is carried out on a plain Flink cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Apply {
    /// `PUT resource-requirements`; a job without the adaptive scheduler is left alone.
    #[default]
    InPlace,
    /// Stop with savepoint and run the jar again, where in place is not possible.
    StopWithSavepoint,
}

/// What is run again after a job was stopped with a savepoint. Flink tells neither jar nor arguments nor settings of a
/// job that runs, and a new submission inherits none of them: all are said here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jar {
    /// Its name, as `GET /jars` lists it.
    pub name: String,
    /// Absent: the one in its manifest.
    pub entry_class: Option<String>,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Settings of the job.
    pub config: BTreeMap<String, String>,
}

/// A floor by calendar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// When it begins.
    pub when: Calendar,
    /// No vertex below this (the policy's own minimum may be higher).
    pub min_parallelism: Option<Parallelism>,
    /// No fewer slots than this for the whole job.
    pub min_slots: Option<u32>,
}

/// A repeated span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub cron: Cron,
    /// How long each lasts.
    pub lasts: Millis,
    /// IANA name.
    pub timezone: String,
}

/// A span in which nothing is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    /// When.
    pub when: Calendar,
    /// Why, for the person who wonders.
    pub reason: String,
}

/// Everything about size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Aim: demand / capacity.
    pub target_utilization: f64,
    /// Act above.
    pub scale_up_at: f64,
    /// Act below.
    pub scale_down_at: f64,
    /// Samples older than this do not judge.
    pub window: Millis,
    /// Samples from this long after a (re)start are ignored.
    pub warm_up: Millis,
    /// No vertex below.
    pub min_parallelism: Parallelism,
    /// No vertex above; absent: its max parallelism.
    pub max_parallelism: Option<Parallelism>,
    /// No more slots than this for the job.
    pub max_slots: Option<u32>,
    /// Lag that is still good.
    pub lag_objective: Millis,
    /// How soon a backlog must be gone; zero: no catch-up is planned for.
    pub catch_up: Millis,
    /// When to scale down.
    pub scale_down: ScaleDown,
    /// Rest after a rescale.
    pub cooldown: Cooldown,
    /// Per vertex; the first glob that matches counts.
    pub vertices: Vec<(Glob, VertexPolicy)>,
    /// Floors by calendar.
    pub floors: Vec<Floor>,
    /// How a rescale is carried out.
    pub apply: Apply,
    /// What is run again with [`Apply::StopWithSavepoint`].
    pub jar: Option<Jar>,
    /// An upper bound still unmet after this long is withdrawn to what runs.
    pub withdraw_after: Millis,
    /// Local disk per TaskManager for RocksDB state, bytes.
    pub disk_limit: Option<u64>,
    /// No restart or redeploy when the last completed checkpoint is older; absent: three intervals + timeout.
    pub checkpoint_limit: Option<Millis>,
}

impl Default for Scaling {
    fn default() -> Scaling {
        Scaling {
            target_utilization: 0.70,
            scale_up_at: 0.85,
            scale_down_at: 0.50,
            window: Millis::secs(90),
            warm_up: Millis::secs(120),
            min_parallelism: Parallelism(1),
            max_parallelism: None,
            max_slots: None,
            lag_objective: Millis::minutes(2),
            catch_up: Millis::minutes(10),
            scale_down: ScaleDown { after: Millis::minutes(60), min_saving: 0.20 },
            cooldown: Cooldown { up: Millis::minutes(10), down: Millis::minutes(30) },
            vertices: Vec::new(),
            floors: Vec::new(),
            apply: Apply::InPlace,
            jar: None,
            withdraw_after: Millis::minutes(5),
            disk_limit: None,
            checkpoint_limit: None,
        }
    }
}

impl Scaling {
    /// What is said of the vertex called `name`.
    pub fn vertex(&self, name: &str) -> VertexPolicy {
        self.vertices.iter().find(|(glob, _)| glob.matches(name)).map(|(_, v)| v.clone()).unwrap_or_default()
    }
}

/// At most `count` rescales of a job in `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLimit {
    /// Rescales.
    pub count: u32,
    /// In this span.
    pub per: Millis,
    /// Of which down.
    pub downs: Option<u32>,
    /// Units that only a scale-up may use.
    pub reserve_up: u32,
}

/// At most this many disruptive effects over all jobs in `per`: count or percent of jobs, the larger.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetLimit {
    /// Effects.
    pub count: u32,
    /// Of the jobs known, 0 to 100.
    pub percent: f64,
    /// In this span.
    pub per: Millis,
}

/// Effects under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// Over the fleet: count or percent of jobs, the larger.
    pub count: u32,
    /// Of the jobs known, 0 to 100.
    pub percent: f64,
    /// On one session cluster.
    pub per_cluster: u32,
}

/// Budgets. The tightest wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Per job.
    pub per_job: Vec<JobLimit>,
    /// Over all jobs.
    pub per_fleet: FleetLimit,
    /// At once.
    pub max_concurrent: Concurrency,
}

impl Default for Limits {
    fn default() -> Limits {
        let hour = JobLimit { count: 3, per: Millis::hours(1), downs: Some(1), reserve_up: 1 };
        let day = JobLimit { count: 8, per: Millis::hours(24), downs: None, reserve_up: 1 };
        Limits {
            per_job: vec![hour, day],
            per_fleet: FleetLimit { count: 3, percent: 5.0, per: Millis::minutes(10) },
            max_concurrent: Concurrency { count: 2, percent: 2.0, per_cluster: 1 },
        }
    }
}

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// `metadata.name`.
    pub name: String,
    /// Which jobs.
    pub matches: Match,
    /// How far it may go.
    pub mode: Mode,
    /// Size.
    pub scaling: Scaling,
    /// Budgets.
    pub limits: Limits,
    /// Spans in which nothing is done.
    pub freeze: Vec<Freeze>,
}
