//! What seldom changes of a job: its graph, settings, and what is asked of Flink. Stands in the header, and again where
//! it changes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::{
    Bounds, Checkpoints, ClusterFacts, Failure, JobStatus, Observation, Scheduler, Slots,
};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

/// The header of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Version of the format.
    pub version: u32,
    /// Cluster, as the recorder named it.
    pub cluster: String,
    /// Kubernetes namespace, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the job.
    pub job: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How often it was read, ms; a row may be missing.
    pub interval: u64,
    /// The job as it was at the first row.
    pub context: Context,
}

/// Where a recording comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// `flink`, `prometheus`, `csv` or `simulation`.
    pub kind: String,
    /// The program that wrote it, with its version.
    pub by: String,
    /// Anything a reader should know of how it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What seldom changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// Flink's id of the job.
    pub job_id: String,
    /// Labels that policies may match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The vertices, in topological order.
    pub vertices: Vec<ChainedVertex>,
    /// The edges; absent: not known, and nothing can be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges: Option<Vec<EdgeContext>>,
    /// `adaptive`, or another scheduler's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    /// Settings of checkpoints; absent: nothing is known of checkpoints at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointContext>,
    /// What is asked of Flink, by vertex id: lower and upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirements: Option<BTreeMap<String, [u32; 2]>>,
    /// Slots; absent: nothing is known of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<SlotContext>,
    /// The newest failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureContext>,
    /// Settings of the cluster.
    pub cluster: ClusterContext,
}

/// A vertex.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChainedVertex {
    /// Flink's id of it.
    pub id: String,
    /// Its name, raw.
    pub name: String,
    /// Parallelism at the time of this context; the columns say it for every row.
    pub parallelism: u32,
    /// Key groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<u32>,
    /// Slot sharing group.
    pub slot_group: String,
    /// Partitions of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// The operators chained in it, where known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<String>,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeContext {
    /// Position of the vertex it leaves.
    pub from: usize,
    /// Position of the vertex it enters.
    pub to: usize,
    /// Flink's `ship_strategy`.
    pub ship: String,
}

/// Settings of checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckpointContext {
    /// Interval, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    /// Time-out, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Whether there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether the state backend is ForSt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forst: Option<bool>,
}

/// Slots, as far as they seldom change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SlotContext {
    /// `slotmanager.number-of-slots.max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// A resource manager starts TaskManagers on demand.
    pub on_demand: bool,
    /// Slots per TaskManager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_taskmanager: Option<u32>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureContext {
    /// When, ms since the epoch.
    pub at: i64,
    /// Root cause, without secrets.
    pub text: String,
    /// The outside system it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
}

/// Settings of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterContext {
    /// Flink's version, major and minor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<[u32; 2]>,
    /// Buffer debloating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer_debloat: Option<bool>,
    /// `heartbeat.timeout`, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_timeout: Option<u64>,
    /// Flink's own cooldown after a rescale, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescale_cooldown: Option<u64>,
    /// Memory of a TaskManager, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taskmanager_memory: Option<u64>,
}

impl Header {
    /// The job's key.
    pub fn key(&self) -> JobKey {
        let namespace = self.namespace.as_deref().map(Arc::from);
        JobKey { cluster: self.cluster.as_str().into(), namespace, name: self.job.as_str().into() }
    }
}

impl Context {
    /// Of an observation; `edges`: whether those of its graph are known.
    pub fn of(o: &Observation, edges: bool) -> Context {
        let edge = |e: &Edge| EdgeContext { from: e.from, to: e.to, ship: ship_word(&e.ship) };
        Context {
            job_id: o.job_id.to_string(),
            labels: o.labels.clone(),
            vertices: o.graph.vertices.iter().map(vertex_of).collect(),
            edges: edges.then(|| o.graph.edges.iter().map(edge).collect()),
            scheduler: o.scheduler.as_ref().map(|s| match s {
                Scheduler::Adaptive => ADAPTIVE.to_owned(),
                Scheduler::Other(name) => name.clone(),
            }),
            checkpoints: o.checkpoints.as_ref().map(checkpoints_of),
            requirements: o
                .requirements
                .as_ref()
                .map(|all| all.iter().map(|(id, b)| (id.to_string(), [b.lower.0, b.upper.0])).collect()),
            slots: o.slots.map(|s| SlotContext {
                max: s.max,
                on_demand: s.on_demand,
                per_taskmanager: s.per_taskmanager,
            }),
            failure: o.failure.as_ref().map(|f| FailureContext {
                at: f.at.0,
                text: f.text.clone(),
                dependency: f.dependency.clone(),
            }),
            cluster: cluster_of(&o.facts),
        }
    }

    /// Whether it is the same but for the parallelism, which the columns tell.
    pub(super) fn same_shape(&self, other: &Context) -> bool {
        let level = |c: &Context| {
            let mut c = c.clone();
            c.vertices.iter_mut().for_each(|v| v.parallelism = 0);
            c
        };
        self == other || level(self) == level(other)
    }

    /// The graph.
    pub fn graph(&self) -> JobGraph {
        let edge = |e: &EdgeContext| Edge { from: e.from, to: e.to, ship: Ship::parse(&e.ship) };
        JobGraph {
            vertices: self.vertices.iter().map(ChainedVertex::vertex).collect(),
            edges: self.edges.iter().flatten().map(edge).collect(),
        }
    }

    /// An observation of which all is known but what the columns hold.
    pub fn observation(&self, job: &JobKey) -> Observation {
        let bounds = |b: &[u32; 2]| Bounds { lower: Parallelism(b[0]), upper: Parallelism(b[1]) };
        let requirements = |all: &BTreeMap<String, [u32; 2]>| {
            all.iter().map(|(id, b)| (Arc::from(id.as_str()), bounds(b))).collect::<BTreeMap<_, _>>()
        };
        Observation {
            job: job.clone(),
            job_id: self.job_id.as_str().into(),
            labels: self.labels.clone(),
            graph: Arc::new(self.graph()),
            status: JobStatus::Running,
            running_since: None,
            scheduler: self.scheduler.as_deref().map(|s| match s {
                ADAPTIVE => Scheduler::Adaptive,
                other => Scheduler::Other(other.to_owned()),
            }),
            slots: self.slots.as_ref().map(SlotContext::slots),
            requirements: self.requirements.as_ref().map(requirements),
            checkpoints: self.checkpoints.as_ref().map(CheckpointContext::checkpoints),
            failure: self.failure.as_ref().map(|f| Failure {
                at: Timestamp(f.at),
                text: f.text.clone(),
                dependency: f.dependency.clone(),
            }),
            facts: self.cluster.facts(),
            samples: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// What cannot be: an edge to nowhere. In one line.
    pub(super) fn problem(&self) -> Option<String> {
        let n = self.vertices.len();
        let lost = self.edges.iter().flatten().find(|e| e.from >= n || e.to >= n)?;
        Some(format!("an edge goes from vertex {} to vertex {}, and there are {n} vertices", lost.from, lost.to))
    }
}

const ADAPTIVE: &str = "adaptive";

fn ship_word(ship: &Ship) -> String {
    match ship {
        Ship::Forward => "FORWARD".into(),
        Ship::Hash => "HASH".into(),
        Ship::Rebalance => "REBALANCE".into(),
        Ship::Rescale => "RESCALE".into(),
        Ship::Broadcast => "BROADCAST".into(),
        Ship::Other(word) => word.clone(),
    }
}

fn vertex_of(v: &Vertex) -> ChainedVertex {
    ChainedVertex {
        id: v.id.to_string(),
        name: v.name.to_string(),
        parallelism: v.parallelism.0,
        max_parallelism: v.max_parallelism.map(|p| p.0),
        slot_group: v.slot_group.to_string(),
        partitions: v.partitions,
        operators: Vec::new(),
    }
}

impl ChainedVertex {
    fn vertex(&self) -> Vertex {
        Vertex {
            id: self.id.as_str().into(),
            name: self.name.as_str().into(),
            parallelism: Parallelism(self.parallelism),
            max_parallelism: self.max_parallelism.map(Parallelism),
            slot_group: self.slot_group.as_str().into(),
            partitions: self.partitions,
            running: None,
        }
    }
}

fn checkpoints_of(c: &Checkpoints) -> CheckpointContext {
    let (interval, timeout) = (c.interval.map(|d| d.0), c.timeout.map(|d| d.0));
    CheckpointContext { interval, timeout, enabled: c.enabled, forst: c.forst }
}

impl CheckpointContext {
    fn checkpoints(&self) -> Checkpoints {
        Checkpoints {
            interval: self.interval.map(Millis),
            timeout: self.timeout.map(Millis),
            enabled: self.enabled,
            forst: self.forst,
            ..Checkpoints::default()
        }
    }
}

impl SlotContext {
    fn slots(&self) -> Slots {
        Slots {
            total: 0,
            free: 0,
            max: self.max,
            on_demand: self.on_demand,
            per_taskmanager: self.per_taskmanager,
            taskmanagers: 0,
        }
    }
}

fn cluster_of(f: &ClusterFacts) -> ClusterContext {
    ClusterContext {
        version: f.version.map(|(major, minor)| [major, minor]),
        buffer_debloat: f.buffer_debloat,
        heartbeat_timeout: f.heartbeat_timeout.map(|d| d.0),
        rescale_cooldown: f.rescale_cooldown.map(|d| d.0),
        taskmanager_memory: f.taskmanager_memory,
    }
}

impl ClusterContext {
    fn facts(&self) -> ClusterFacts {
        ClusterFacts {
            version: self.version.map(|[major, minor]| (major, minor)),
            buffer_debloat: self.buffer_debloat,
            heartbeat_timeout: self.heartbeat_timeout.map(Millis),
            rescale_cooldown: self.rescale_cooldown.map(Millis),
            taskmanager_memory: self.taskmanager_memory,
        }
    }
}
