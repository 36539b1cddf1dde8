//! Small clauses of sizing that decide something, each alone.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::{JobGraph, Ship};
use weirkeeper_core::policy::VertexPolicy;
use weirkeeper_core::reason::{Limit, Reason};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::sizing::capacity::Curve;
use weirkeeper_core::sizing::flow::Arrival;
use weirkeeper_core::sizing::plan::{Need, Task};
use weirkeeper_core::state::Stored;
use weirkeeper_core::units::{Millis, Parallelism, RecordsPerSec};

/// Eight subtasks on two TaskManagers, four of which would do; 8 GB of state.
fn oversized(heap: &[(&str, f64)]) -> Rig {
    let mut rig = Rig::simple(8, 2_600.0);
    rig.config.dry_run = true;
    rig.policy().scaling.scale_down.after = Millis::minutes(1);
    rig.observation.checkpoints.as_mut().unwrap().full_size = Some(8_000_000_000);
    rig.extra.extend(heap.iter().map(|(name, bytes)| (SeriesKey::job(name), *bytes)));
    rig.run_until(900);
    rig.arriving = 160.0;
    rig.run_until(1_500);
    rig
}

#[test]
fn a_smaller_job_must_have_the_heap_for_its_state() {
    // By hand: 3 GB are used after a collection, of which 4 are state on one of two TaskManagers; on one alone it would be
    // 3 + 4 = 7 GB, more than 75 % of 8 GB.
    let rig = oversized(&[(name::HEAP_USED, 3e9), (name::HEAP_MAX, 8e9)]);
    assert!(rig.wanted().is_empty() && rig.says("state-too-large"), "{}", rig.standing());
    // 1.9 + 4 = 5.9 GB are less.
    let rig = oversized(&[(name::HEAP_USED, 1.9e9), (name::HEAP_MAX, 8e9)]);
    assert_eq!(rig.wanted()["work"], 4, "{}", rig.standing());
}

#[test]
fn a_heap_of_which_half_is_unknown_is_not_judged() {
    for heap in [[(name::HEAP_MAX, 4e9)], [(name::HEAP_USED, 3e9)]] {
        let rig = oversized(&heap);
        assert_eq!(rig.wanted()["work"], 4, "{}", rig.standing());
    }
}

#[test]
fn without_a_lag_a_free_source_whose_backlog_stands_still_sends_what_arrives() {
    let mut rig = Rig::simple(2, 200.0);
    rig.without = vec![name::EMIT_LAG];
    rig.run_until(300);
    let source = &rig.state.jobs[&key()].view.vertices[0];
    assert!(source.exact, "{}", rig.standing());
    // One whose backlog grows: at least what it consumes, and the growth.
    rig.arriving = 1_200.0;
    rig.run_until(400);
    assert!(!rig.state.jobs[&key()].view.vertices[0].exact, "{}", rig.standing());
}

#[test]
fn a_capacity_that_is_told_needs_no_busy_time() {
    let mut rig = Rig::new(vec![part("src", 2, 100_000.0), part("work", 2, 500.0)], 3_000.0);
    rig.config.dry_run = true;
    rig.without = vec![name::BUSY_TOTAL];
    rig.extra.insert(SeriesKey::task(name::BUSY_RATE, "work", Agg::Avg), 100.0);
    rig.extra.insert(SeriesKey::task(name::BUSY_RATE, "src", Agg::Avg), 10.0);
    let told = VertexPolicy { capacity_per_subtask: Some(RecordsPerSec(500.0)), ..VertexPolicy::default() };
    rig.policy().scaling.vertices = vec![(Glob("work".into()), told)];
    rig.run_until(300);
    assert!(!rig.says("unknown-capacity") && rig.wanted().contains_key("work"), "{}", rig.standing());
}

#[test]
fn what_teaches_nothing_new_is_not_written() {
    let mut rig = Rig::simple(2, 600.0);
    rig.run_until(1_200);
    rig.state.take_dirty();
    rig.run_until(1_260);
    let jobs = rig.state.take_dirty().into_iter().filter(|s| matches!(s, Stored::Job { .. })).count();
    assert_eq!(jobs, 0, "each reading would be a write of the whole memory");
}

#[test]
fn what_a_limited_vertex_cannot_feed_is_told() {
    let mut graph: JobGraph = Rig::simple(1, 1.0).graph();
    graph.edges[0].ship = Ship::Hash;
    let need = |max| Need {
        arrival: Some(Arrival { split: 1_000.0, each: 0.0, exact: true }),
        curve: Some(Curve::told(100.0, None)),
        min: 1,
        max,
        max_by: Limit::PolicyMax,
        obstacle: false,
    };
    // By hand: 10 of each are needed; the first may have 5, which pass half of the load on, for which 5 will do.
    let needs = [need(5), need(100)];
    let plan = Task { graph: &graph, needs: &needs, target: 1.0, catch_up: 0.0, slots: None, floor: 0 }.up();
    assert_eq!(plan.parallelism, [5, 5]);
    let limited = |by, vertex: &str| Reason::Limited {
        vertex: vertex.into(),
        wanted: Parallelism(10),
        given: Parallelism(5),
        by,
    };
    assert_eq!(plan.reasons, [limited(Limit::PolicyMax, "src"), limited(Limit::Feeder, "work")]);
    let needs = [need(100), need(100)];
    let plan = Task { graph: &graph, needs: &needs, target: 1.0, catch_up: 0.0, slots: None, floor: 0 }.up();
    assert_eq!((plan.parallelism, plan.reasons), (vec![10, 10], vec![]));
}
