//! What a simulation costs: 18 hours of a job of five vertices with 24 subtasks each, in steps of a second, with the
//! controller deciding every 15 s and the invariants checked after every tick. The bound is 50 ms on one core.
#![allow(clippy::expect_used, reason = "a bench that cannot play has to stop")]

use criterion::{Criterion, criterion_group, criterion_main};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::controllers::weirkeeper::Weirkeeper;
use weirkeeper_simulator::play::play;
use weirkeeper_simulator::scenario::*;
use weirkeeper_simulator::world::{World, costs};

const NAMES: [&str; 5] = ["Source: in", "parse", "enrich", "window", "Sink: out"];

fn vertex(i: usize) -> Vertex {
    Vertex {
        name: NAMES[i].into(),
        parallelism: 24,
        max_parallelism: 128,
        slot_group: "default".into(),
        partitions: (i == 0).then_some(48),
        capacity: Capacity { lambda: 1_000.0, sigma: 0.001, kappa: 0.0, points: Vec::new() },
        selectivity: 1.0,
        emits_every: None,
        skew: 0.1,
        state: if i == 2 { 2e9 } else { 0.0 },
        state_per_record: 0.0,
        state_on_heap: false,
        noise: 0.02,
    }
}

fn job() -> Job {
    let shape = Shape::Diurnal { low: 6_000.0, high: 15_000.0, peak: Millis::hours(9), weekend: 1.0 };
    let edge = |i| Edge { from: i, to: i + 1, ship: Ship::Hash, buffer: 2_000 };
    Job {
        name: "job".into(),
        vertices: (0..5).map(vertex).collect(),
        edges: (0..4).map(edge).collect(),
        load: BTreeMap::from([(0, Load { shapes: vec![shape], factor: 1.0, noise: 0.03 })]),
        checkpoints: Checkpoints {
            interval: Millis::minutes(1),
            timeout: Millis::minutes(10),
            tolerable_failures: 0,
            upload: 100e6,
            incremental: 0.1,
            unaligned: false,
            base: Millis(500),
        },
        restart: Restart::Exponential {
            initial: Millis::secs(1),
            max: Millis::minutes(1),
            multiplier: 1.5,
            reset: Millis::hours(1),
        },
        labels: BTreeMap::new(),
    }
}

/// From midnight to six in the evening.
fn day() -> Scenario {
    Scenario {
        name: "18h".into(),
        summary: String::new(),
        duration: Millis::hours(18),
        seed: 1,
        interval: Millis::secs(15),
        cluster: Cluster {
            version: (2, 2),
            mechanism: Mechanism::InPlace,
            task_managers: 8,
            slots_per_task_manager: 4,
            most_task_managers: None,
            start_up: costs::START_UP,
            heartbeat_timeout: costs::HEARTBEAT_TIMEOUT,
            rescale_cooldown: costs::RESCALE_COOLDOWN,
            rescale_pause: Millis::secs(10),
            restart_pause: Millis::secs(5),
            cold_capacity: costs::COLD_CAPACITY,
            warm_up: costs::WARM_UP,
            metric_delay: Millis::secs(1),
            metric_update: Millis::secs(10),
            heap: 1 << 30,
        },
        jobs: vec![job()],
        faults: Vec::new(),
    }
}

fn world(c: &mut Criterion) {
    let scenario = day();
    let mut group = c.benchmark_group("world");
    group.sample_size(10);
    group.bench_function("18h", |b| {
        b.iter(|| {
            let mut controller = Weirkeeper::acting(&[Policy::default()], &scenario);
            black_box(play(&scenario, 1, &mut controller, &mut ()).expect("nothing that may never happen"))
        });
    });
    let shared = Arc::new(day());
    group.bench_function("18h, the world alone", |b| {
        b.iter(|| {
            let mut world = World::new(shared.clone(), 1);
            (0..18 * 3_600).for_each(|_| world.tick());
            black_box(world.truth()[0].consumed)
        });
    });
    group.finish();
}

criterion_group!(benches, world);
criterion_main!(benches);
