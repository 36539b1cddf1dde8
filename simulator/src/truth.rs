//! What is true in a world, as against what can be read of it: for scores, invariants and reports.

use std::sync::Arc;
use weirkeeper_core::units::{Millis, Timestamp};

/// One job, over one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTruth {
    /// Job name.
    pub name: Arc<str>,
    /// At the end of the tick.
    pub at: Timestamp,
    /// Records that arrived at its sources, records/s.
    pub arriving: f64,
    /// Records its sources read, records/s; what is replayed is not counted again.
    pub consumed: f64,
    /// Records that have arrived and are not through all vertices.
    pub backlog: f64,
    /// Age of the oldest of those.
    pub lag: Millis,
    /// Parallelism by vertex, in the scenario's order.
    pub parallelism: Vec<u32>,
    /// Slots it holds.
    pub slots: u32,
    /// All tasks run.
    pub running: bool,
    /// Restarts so far, rescales among them.
    pub restarts: u32,
    /// Rescales so far.
    pub rescales: u32,
    /// Busy share of each vertex, 0 to 1.
    pub busy: Vec<f64>,
    /// Completed checkpoints so far.
    pub checkpoints: u32,
    /// Records/s that the job could carry with what it has now, counted at its sources.
    pub capacity: f64,
}
