//! The slots that a load needs at full utilization, by the true capacities of a scenario's job.

use crate::scenario::{Job, Load};
use crate::world::carries;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;

/// Sizes a job for a load.
#[derive(Clone, Debug)]
pub struct Sizer {
    /// By vertex: records into it per record into the job, slot-sharing group, and what each parallelism carries.
    vertices: Vec<(f64, Arc<str>, Vec<f64>)>,
    most: u32,
}

impl Sizer {
    /// For a job on a cluster of at most `most` slots.
    pub fn new(job: &Job, most: u32) -> Sizer {
        let inflow = inflow(job);
        let vertices = job.vertices.iter().enumerate().map(|(v, vertex)| {
            let keyed = job.edges.iter().any(|e| e.to == v && e.ship == Ship::Hash);
            let ceiling = vertex.max_parallelism.min(most).max(1);
            let curve = (1..=ceiling).map(|p| carries(vertex, keyed, p)).collect();
            (inflow[v], vertex.slot_group.clone(), curve)
        });
        Sizer { vertices: vertices.collect(), most }
    }

    /// Slots for `arriving` records/s over all sources; all there are where even these do not suffice.
    pub fn slots(&self, arriving: f64) -> u32 {
        let mut groups: BTreeMap<&Arc<str>, u32> = BTreeMap::new();
        for (share, group, curve) in &self.vertices {
            let load = arriving * share;
            let enough = curve.iter().position(|c| *c >= load);
            let p = enough.map_or_else(|| best(curve), |i| i as u32 + 1);
            let largest = groups.entry(group).or_default();
            *largest = p.max(*largest);
        }
        groups.values().sum::<u32>().min(self.most.max(1))
    }
}

/// The smallest parallelism that carries the most.
fn best(curve: &[f64]) -> u32 {
    let most = curve.iter().copied().fold(0.0, f64::max);
    curve.iter().position(|c| *c >= most).map_or(1, |i| i as u32 + 1)
}

/// Records into each vertex per record that arrives, sources weighted alike by what their loads peak at.
fn inflow(job: &Job) -> Vec<f64> {
    // A single source takes all: what it peaks at need not be looked for.
    let single = job.load.len() == 1;
    let highest = |l: &Load| if single { 1.0 } else { l.peak(Millis::hours(24)) };
    let peak = |v: usize| job.load.get(&v).map_or(0.0, highest);
    let all: f64 = (0..job.vertices.len()).map(peak).sum();
    let mut inflow: Vec<f64> = (0..job.vertices.len()).map(|v| if all > 0.0 { peak(v) / all } else { 0.0 }).collect();
    // Vertices are listed in topological order: sources first.
    for v in 0..job.vertices.len() {
        let into = job.edges.iter().filter(|e| e.to == v);
        let more: f64 = into.map(|e| inflow[e.from] * job.vertices[e.from].selectivity).sum();
        inflow[v] += more;
    }
    inflow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Capacity, Checkpoints, Edge, Restart, Shape, Vertex};

    fn vertex(name: &str, lambda: f64, selectivity: f64, group: &str) -> Vertex {
        Vertex {
            name: name.into(),
            parallelism: 1,
            max_parallelism: 128,
            slot_group: group.into(),
            partitions: None,
            capacity: Capacity { lambda, sigma: 0.0, kappa: 0.0, points: Vec::new() },
            selectivity,
            emits_every: None,
            skew: 0.0,
            state: 0.0,
            state_per_record: 0.0,
            state_on_heap: false,
            noise: 0.0,
        }
    }

    fn job(group_of_sink: &str) -> Job {
        let ms = Millis(0);
        Job {
            name: "job".into(),
            vertices: vec![
                vertex("source", 1_000.0, 2.0, "a"),
                vertex("map", 500.0, 0.1, "a"),
                vertex("sink", 40.0, 1.0, group_of_sink),
            ],
            edges: vec![
                Edge { from: 0, to: 1, ship: Ship::Rebalance, buffer: 1 },
                Edge { from: 1, to: 2, ship: Ship::Rebalance, buffer: 1 },
            ],
            load: [(0, Load { shapes: vec![Shape::Constant(1.0)], factor: 1.0, noise: 0.0 })].into(),
            checkpoints: Checkpoints {
                interval: ms,
                timeout: ms,
                tolerable_failures: 0,
                upload: 1.0,
                incremental: 1.0,
                unaligned: false,
                base: ms,
            },
            restart: Restart::Fixed { delay: ms, attempts: 1 },
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn the_largest_vertex_of_each_group_counts() {
        // 600/s: source 1; map 1200/500 = 2.4, so 3; sink 120/40 = 3. One group: 3 slots; two: 3 + 3.
        assert_eq!(Sizer::new(&job("a"), 64).slots(600.0), 3);
        assert_eq!(Sizer::new(&job("b"), 64).slots(600.0), 6);
        assert_eq!(Sizer::new(&job("a"), 64).slots(0.0), 1);
    }

    #[test]
    fn what_cannot_be_carried_takes_all_there_is() {
        assert_eq!(Sizer::new(&job("a"), 8).slots(1e9), 8);
    }

    #[test]
    fn a_source_without_load_brings_nothing() {
        let mut job = job("a");
        job.load.clear();
        assert_eq!(Sizer::new(&job, 8).slots(600.0), 1);
    }
}
