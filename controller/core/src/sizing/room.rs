//! How many slots a job may have.

use crate::job::JobGraph;
use crate::observation::Slots;
use crate::policy::Scaling;
use crate::sizing::plan;

/// Slots the job may have in all; `None`: not bounded by anything known.
///
/// On a fixed cluster: what is free and what it has. Where a resource manager starts TaskManagers, free is zero by
/// nature, and the bound is the cluster's own (`slotmanager.number-of-slots.max`), less what others use.
pub fn slots(graph: &JobGraph, slots: Option<&Slots>, scaling: &Scaling) -> Option<u32> {
    let own = plan::slots(graph, &running(graph));
    let there = slots.and_then(|s| {
        let others = s.total.saturating_sub(s.free).saturating_sub(own);
        if s.on_demand {
            s.max.map(|m| m.saturating_sub(others))
        } else {
            Some(s.free + own.min(s.total - s.free.min(s.total)))
        }
    });
    [there, scaling.max_slots].into_iter().flatten().min()
}

/// `taskmanager.network.memory.buffers-per-channel` and `floating-buffers-per-gate`, Flink's defaults.
const PER_CHANNEL: u64 = 2;
const FLOATING: u64 = 8;

/// Network buffers that the fullest TaskManager would need: every slot of it holds one subtask of each vertex of a
/// slot-sharing group. An all-to-all edge needs buffers with both parallelisms.
pub fn buffers(graph: &JobGraph, parallelism: &[u32], slots_per_taskmanager: u32) -> u64 {
    let edge = |e: &crate::job::Edge| {
        let one_to_one = e.ship == crate::job::Ship::Forward;
        let (up, down) = (u64::from(parallelism[e.from]), u64::from(parallelism[e.to]));
        let (channels, subpartitions) = if one_to_one { (1, 1) } else { (up, down) };
        PER_CHANNEL * channels + FLOATING + subpartitions + 1
    };
    graph.edges.iter().map(edge).sum::<u64>() * u64::from(slots_per_taskmanager.max(1))
}

/// What runs, which after the loss of slots is less than what the graph was told.
fn running(graph: &JobGraph) -> Vec<u32> {
    graph.vertices.iter().map(|v| v.running.unwrap_or(v.parallelism.0).min(v.parallelism.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Vertex;
    use crate::units::Parallelism;

    fn graph(p: u32) -> JobGraph {
        let vertex = Vertex {
            id: "a".into(),
            name: "a".into(),
            parallelism: Parallelism(p),
            max_parallelism: None,
            slot_group: "default".into(),
            partitions: None,
            running: Some(p),
        };
        JobGraph { vertices: vec![vertex], edges: Vec::new() }
    }

    #[test]
    fn a_fixed_cluster_offers_what_is_free_and_what_the_job_has() {
        let fixed =
            Slots { total: 12, free: 3, max: Some(99), on_demand: false, per_taskmanager: Some(4), taskmanagers: 3 };
        let scaling = Scaling::default();
        assert_eq!(slots(&graph(4), Some(&fixed), &scaling), Some(7));
        assert_eq!(slots(&graph(4), Some(&fixed), &Scaling { max_slots: Some(6), ..scaling.clone() }), Some(6));
        assert_eq!(slots(&graph(4), None, &scaling), None);
    }

    #[test]
    fn an_all_to_all_edge_needs_buffers_with_both_parallelisms() {
        let mut two = graph(4);
        two.vertices.push(two.vertices[0].clone());
        let edge = |ship| crate::job::Edge { from: 0, to: 1, ship };
        two.edges = vec![edge(crate::job::Ship::Hash)];
        // By hand, 4 slots: 4 * (2 * 10 + 8 + 20 + 1) = 196.
        assert_eq!(buffers(&two, &[10, 20], 4), 196);
        two.edges = vec![edge(crate::job::Ship::Forward)];
        assert_eq!(buffers(&two, &[20, 20], 4), 48, "4 * (2 + 8 + 1 + 1)");
    }

    #[test]
    fn a_resource_manager_offers_its_own_maximum_less_the_others() {
        let k8s =
            Slots { total: 12, free: 0, max: Some(20), on_demand: true, per_taskmanager: Some(4), taskmanagers: 3 };
        // 12 in use, 4 of them ours: 8 are others', 12 of 20 are left.
        assert_eq!(slots(&graph(4), Some(&k8s), &Scaling::default()), Some(12));
        assert_eq!(slots(&graph(4), Some(&Slots { max: None, ..k8s }), &Scaling::default()), None);
    }
}
