//! Everything read about one job at one instant. Unknown is absent, never 0 or NaN.

use crate::job::{JobGraph, JobKey};
use crate::series::SeriesKey;
use crate::units::{Millis, Parallelism, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Flink's job status, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobStatus {
    /// RUNNING. It does not mean that every task runs: see [`crate::job::Vertex::running`].
    Running,
    /// RESTARTING, CREATED, INITIALIZING, FAILING: on its way. A rescale and a crash use the same words.
    Restarting,
    /// FINISHED, CANCELED, CANCELLING, FAILED, SUSPENDED: not coming back by itself.
    Ended,
}

/// Which scheduler runs the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduler {
    /// `jobmanager.scheduler: adaptive`: can rescale in place.
    Adaptive,
    /// Another one, by its name: cannot.
    Other(String),
}

/// Slots of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// All registered.
    pub total: u32,
    /// Not in use.
    pub free: u32,
    /// `slotmanager.number-of-slots.max`, where it is set.
    pub max: Option<u32>,
    /// Whether a resource manager starts TaskManagers on demand (Kubernetes native, YARN): free is then 0 by nature.
    pub on_demand: bool,
    /// Slots per TaskManager, where all have the same.
    pub per_taskmanager: Option<u32>,
    /// TaskManagers registered.
    pub taskmanagers: u32,
}

/// The parallelism asked for, per vertex: `PUT /jobs/:id/resource-requirements`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// `lowerBound`.
    pub lower: Parallelism,
    /// `upperBound`.
    pub upper: Parallelism,
}

/// What is known of checkpoints. Ages are counted from the JobManager's own clock where it gives one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// When the last one completed.
    pub last_completed: Option<Timestamp>,
    /// Its id, so that one after an action can be told from one before.
    pub last_completed_id: Option<u64>,
    /// How long it took.
    pub last_duration: Option<Millis>,
    /// Bytes of the whole state in it.
    pub full_size: Option<u64>,
    /// Bytes it wrote.
    pub written: Option<u64>,
    /// Completed so far (from zero after a JobManager failover).
    pub completed: Option<u64>,
    /// Failed so far.
    pub failed: Option<u64>,
    /// A savepoint is under way.
    pub savepoint_in_progress: Option<bool>,
    /// A checkpoint is under way.
    pub checkpoint_in_progress: Option<bool>,
    /// `execution.checkpointing.interval`; absent when checkpointing is off or not known.
    pub interval: Option<Millis>,
    /// `execution.checkpointing.timeout`.
    pub timeout: Option<Millis>,
    /// False when the job has no checkpoints at all (known, not guessed).
    pub enabled: Option<bool>,
    /// Whether the state backend is ForSt, which keeps its state in the remote checkpoint storage.
    #[serde(default)]
    pub forst: Option<bool>,
}

/// The newest failure in the job's exception history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// The root cause's class and first line, without secrets.
    pub text: String,
    /// The outside system that the cause chain names (`org.apache.kafka.common.errors`: Kafka), if any.
    pub dependency: Option<String>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Which series.
    pub key: Arc<SeriesKey>,
    /// The value; what is not finite or "not yet" is left out by the reader.
    pub value: f64,
}

/// Settings of the cluster that sizing depends on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// Flink's version, major and minor.
    pub version: Option<(u32, u32)>,
    /// `taskmanager.network.memory.buffer-debloat.enabled`.
    pub buffer_debloat: Option<bool>,
    /// `heartbeat.timeout`.
    pub heartbeat_timeout: Option<Millis>,
    /// The cooldown after a rescale that Flink itself keeps, where the cluster's configuration tells it.
    pub rescale_cooldown: Option<Millis>,
    /// Memory of one TaskManager, bytes: what was learned holds for this size only.
    pub taskmanager_memory: Option<u64>,
}

/// Everything read about one job at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which job.
    pub job: JobKey,
    /// Its present id (32 hex digits).
    pub job_id: Arc<str>,
    /// Labels that policies may match.
    pub labels: BTreeMap<String, String>,
    /// The graph with the parallelism that runs.
    pub graph: Arc<JobGraph>,
    /// Flink's word for its state.
    pub status: JobStatus,
    /// When all tasks of the present attempt came to run; absent while they do not, or when not known.
    pub running_since: Option<Timestamp>,
    /// Where absent, it is not known, and rescaling in place is not tried.
    pub scheduler: Option<Scheduler>,
    /// Slots.
    pub slots: Option<Slots>,
    /// What is asked of Flink now; absent without the adaptive scheduler.
    pub requirements: Option<BTreeMap<Arc<str>, Bounds>>,
    /// Checkpoints.
    pub checkpoints: Option<Checkpoints>,
    /// The newest failure, if the history holds one.
    pub failure: Option<Failure>,
    /// Settings of the cluster.
    pub facts: ClusterFacts,
    /// The samples. Counters are sums over subtasks as Flink gives them.
    pub samples: Vec<Sample>,
    /// Parts of the answer that were missing, stale or not understood, each in a few words: told, never guessed.
    pub missing: Vec<String>,
}

impl Observation {
    /// All of it but the samples.
    pub fn without_samples(&self) -> Observation {
        Observation {
            job: self.job.clone(),
            job_id: self.job_id.clone(),
            labels: self.labels.clone(),
            graph: self.graph.clone(),
            status: self.status,
            running_since: self.running_since,
            scheduler: self.scheduler.clone(),
            slots: self.slots,
            requirements: self.requirements.clone(),
            checkpoints: self.checkpoints.clone(),
            failure: self.failure.clone(),
            facts: self.facts.clone(),
            samples: Vec::new(),
            missing: self.missing.clone(),
        }
    }
}
