//! The world by numbers worked out by hand. `lab` is the job that was measured on a real Flink: a source, and a vertex
//! that does exactly 500 records/s per subtask.

mod attempts;
mod chaos;
mod commands;
mod core;
mod flows;
mod peer;
mod reading;
mod speed;
mod viewing;

use super::World;
use crate::controller::Command;
use crate::scenario::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::Ship;
use weirkeeper_core::observation::Observation;
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::Millis;

/// A vertex without state, noise and skew.
pub fn vertex(name: &str, parallelism: u32, each: f64) -> Vertex {
    Vertex {
        name: name.into(),
        parallelism,
        max_parallelism: 128,
        slot_group: "default".into(),
        partitions: None,
        capacity: Capacity { lambda: each, sigma: 0.0, kappa: 0.0, points: Vec::new() },
        selectivity: 1.0,
        emits_every: None,
        skew: 0.0,
        state: 0.0,
        state_per_record: 0.0,
        state_on_heap: false,
        noise: 0.0,
    }
}

pub fn edge(from: usize, to: usize, ship: Ship, buffer: u32) -> Edge {
    Edge { from, to, ship, buffer }
}

pub fn load(shape: Shape) -> Load {
    Load { shapes: vec![shape], factor: 1.0, noise: 0.0 }
}

/// What every job has unless a test says otherwise.
pub fn job(vertices: Vec<Vertex>, edges: Vec<Edge>, shape: Shape) -> Job {
    Job {
        name: "lab-job".into(),
        vertices,
        edges,
        load: BTreeMap::from([(0, load(shape))]),
        checkpoints: Checkpoints {
            interval: Millis::secs(5),
            timeout: Millis::secs(60),
            tolerable_failures: 0,
            upload: 100e6,
            incremental: 0.1,
            unaligned: false,
            base: Millis(50),
        },
        restart: Restart::Exponential {
            initial: Millis::secs(1),
            max: Millis::secs(60),
            multiplier: 1.5,
            reset: Millis::hours(1),
        },
        labels: BTreeMap::new(),
    }
}

/// Three TaskManagers of four slots, warm at once, metrics fresh every second.
pub fn cluster() -> Cluster {
    Cluster {
        version: (2, 2),
        mechanism: Mechanism::InPlace,
        task_managers: 3,
        slots_per_task_manager: 4,
        most_task_managers: None,
        start_up: Millis::secs(10),
        heartbeat_timeout: Millis::secs(50),
        rescale_cooldown: Millis::secs(1),
        rescale_pause: Millis(500),
        restart_pause: Millis(200),
        cold_capacity: 1.0,
        warm_up: Millis(0),
        metric_delay: Millis(0),
        metric_update: Millis::secs(1),
        heap: 1 << 30,
    }
}

/// The lab job at that load, `enrich` with that many subtasks of 500/s and buffers of 1000 records each.
pub fn lab(parallelism: u32, shape: Shape) -> Scenario {
    let source = Vertex { partitions: Some(8), ..vertex("Source: orders", 1, 20_000.0) };
    let vertices = vec![source, vertex("enrich", parallelism, 500.0)];
    Scenario {
        name: "lab".into(),
        summary: String::new(),
        duration: Millis::hours(1),
        seed: 1,
        interval: Millis::secs(5),
        cluster: cluster(),
        jobs: vec![job(vertices, vec![edge(0, 1, Ship::Hash, 1_000)], shape)],
        faults: Vec::new(),
    }
}

pub fn fault(at: u64, lasts: Option<u64>, kind: FaultKind) -> Fault {
    Fault { at: Millis::secs(at), lasts: lasts.map(Millis::secs), job: None, kind }
}

pub fn world(scenario: Scenario) -> World {
    World::new(Arc::new(scenario), 1)
}

pub fn run(world: &mut World, secs: u64) {
    (0..secs).for_each(|_| world.tick());
}

/// The observation of the first job.
pub fn observe(world: &mut World) -> Observation {
    let seen = world.poll().into_iter().find_map(|e| match e {
        Event::Observed(o) => Some(*o),
        _ => None,
    });
    seen.expect("an observation")
}

pub fn value(seen: &Observation, task: &str, series: &str, agg: Agg) -> Option<f64> {
    let of = |s: &&weirkeeper_core::observation::Sample| {
        s.key.task.as_deref() == Some(task) && &*s.key.name == series && s.key.agg == Some(agg)
    };
    seen.samples.iter().find(of).map(|s| s.value)
}

pub fn of_job(seen: &Observation, series: &str) -> Option<f64> {
    seen.samples.iter().find(|s| s.key.task.is_none() && &*s.key.name == series).map(|s| s.value)
}

/// A rescale of `enrich` as a baseline asks for it.
pub fn ask(world: &mut World, parallelism: u32) {
    let (job, id) = (world.jobs[0].key.clone(), world.jobs[0].ids[1].clone());
    world.carry_out(&Command::Rescale { job, target: BTreeMap::from([(id, parallelism)]) });
}

pub fn close(a: f64, b: f64, within: f64) -> bool {
    (a - b).abs() <= within
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let scenario = || {
        let mut s = lab(2, Shape::Walk { low: 200.0, high: 1_500.0, step: 50.0, every: Millis::secs(10) });
        s.jobs[0].vertices[1].noise = 0.1;
        s.faults =
            vec![fault(100, Some(60), FaultKind::TaskManagerLoss(1)), fault(300, Some(100), FaultKind::ApiErrors(0.3))];
        s
    };
    let play = |seed| {
        let mut world = World::new(Arc::new(scenario()), seed);
        let mut text = String::new();
        for second in 0..900 {
            world.tick();
            if second % 15 == 0 {
                text += &format!("{:?} {:?}\n", world.poll(), world.truth());
            }
        }
        text
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7), play(8));
}

#[test]
fn a_world_begins_on_a_monday() {
    let world = world(lab(1, Shape::Constant(1.0)));
    assert_eq!(world.now().to_string(), "2025-01-06T00:00:00Z");
    let _ = name::BUSY_TOTAL;
}
