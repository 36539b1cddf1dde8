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
    fn a_resource_manager_offers_its_own_maximum_less_the_others() {
        let k8s =
            Slots { total: 12, free: 0, max: Some(20), on_demand: true, per_taskmanager: Some(4), taskmanagers: 3 };
        // 12 in use, 4 of them ours: 8 are others', 12 of 20 are left.
        assert_eq!(slots(&graph(4), Some(&k8s), &Scaling::default()), Some(12));
        assert_eq!(slots(&graph(4), Some(&Slots { max: None, ..k8s }), &Scaling::default()), None);
    }
}
