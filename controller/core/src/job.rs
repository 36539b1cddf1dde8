//! What a job is: its identity and its graph.

use crate::units::Parallelism;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Which job. Job ids rotate with every submission, so history is kept by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobKey {
    /// The cluster, as the shell names it (the REST URL without credentials).
    pub cluster: Arc<str>,
    /// The Kubernetes namespace, where there is one.
    pub namespace: Option<Arc<str>>,
    /// The job's name.
    pub name: Arc<str>,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(ns) => write!(f, "{ns}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// How records travel along an edge: Flink's `ship_strategy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ship {
    /// One subtask to the subtask of the same index: both ends keep one parallelism.
    Forward,
    /// By key group.
    Hash,
    /// Round robin.
    Rebalance,
    /// Round robin within a group of subtasks.
    Rescale,
    /// Every record to every subtask: the load does not fall with parallelism.
    Broadcast,
    /// Something this version does not know.
    Other(String),
}

impl Ship {
    /// From Flink's word for it.
    pub fn parse(word: &str) -> Ship {
        match word.to_ascii_uppercase().as_str() {
            "FORWARD" => Ship::Forward,
            "HASH" => Ship::Hash,
            "REBALANCE" => Ship::Rebalance,
            "RESCALE" => Ship::Rescale,
            "BROADCAST" => Ship::Broadcast,
            _ => Ship::Other(word.to_owned()),
        }
    }
}

/// One vertex of the job graph (a chain of operators that run as one task).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vertex {
    /// Flink's vertex id (32 hex digits); the name again where there is none.
    pub id: Arc<str>,
    /// The name, raw, as Flink shows it.
    pub name: Arc<str>,
    /// Present parallelism.
    pub parallelism: Parallelism,
    /// Key groups: the most subtasks it can have.
    pub max_parallelism: Option<Parallelism>,
    /// Slot sharing group.
    pub slot_group: Arc<str>,
    /// Partitions of its source, where known: more subtasks than that idle.
    pub partitions: Option<u32>,
    /// Subtasks that are in state RUNNING; absent when not known.
    pub running: Option<u32>,
}

/// An edge of the job graph, by positions in [`JobGraph::vertices`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Position of the upstream vertex.
    pub from: usize,
    /// Position of the downstream vertex.
    pub to: usize,
    /// How records travel.
    pub ship: Ship,
}

/// Vertices and edges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobGraph {
    /// The vertices, in topological order as Flink lists them.
    pub vertices: Vec<Vertex>,
    /// The edges.
    pub edges: Vec<Edge>,
}

impl JobGraph {
    /// The edges that arrive at `v`.
    pub fn inputs(&self, v: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |e| e.to == v)
    }

    /// The edges that leave `v`.
    pub fn outputs(&self, v: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |e| e.from == v)
    }

    /// A vertex that reads from outside the job.
    pub fn is_source(&self, v: usize) -> bool {
        self.inputs(v).next().is_none()
    }

    /// Whether `v` is keyed, so that key groups bound how evenly it can spread.
    pub fn is_keyed(&self, v: usize) -> bool {
        self.inputs(v).any(|e| e.ship == Ship::Hash)
    }

    /// What identifies the job's shape: what was learned is dropped when it changes. Parallelism is not part of it.
    pub fn fingerprint(&self) -> String {
        let vertices =
            self.vertices.iter().map(|v| format!("{}={}/{}", v.id, v.name, v.max_parallelism.map_or(0, |p| p.0)));
        let edges = self.edges.iter().map(|e| format!("{}>{}:{:?}", e.from, e.to, e.ship));
        vertices.chain(edges).collect::<Vec<_>>().join("|")
    }
}
