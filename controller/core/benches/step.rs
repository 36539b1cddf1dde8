//! What one decision costs: `step` on an observation of a job of ten vertices whose windows are full.
#![allow(clippy::unwrap_used, reason = "the rig is shared with the tests")]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Part, Rig, part};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use weirkeeper_core::event::Event;
use weirkeeper_core::policy::{Mode, Scaling};
use weirkeeper_core::series::MAX_SAMPLES;
use weirkeeper_core::step;
use weirkeeper_core::units::{Millis, Timestamp};

const NAMES: [&str; 10] = ["src", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"];

/// Ten vertices in a row, read so often that every window is full. `arriving`: what 4 subtasks of 500/s are asked for.
fn full(window: Millis, arriving: f64) -> Rig {
    let parts: Vec<Part> = NAMES.iter().map(|name| part(name, 4, 500.0)).collect();
    let mut rig = Rig::new(parts, 1_000.0);
    rig.policy().mode = Mode::Recommend;
    rig.policy().scaling.window = window;
    for n in 0..2 * MAX_SAMPLES {
        if n == 2 * MAX_SAMPLES - 10 {
            rig.arriving = arriving;
        }
        rig.tick();
    }
    rig
}

fn observed(c: &mut Criterion) {
    let usual = Scaling::default().window;
    // The longest window that is kept, all of it judged: the worst there is.
    let cases =
        [("steady", usual, 1_000.0), ("overloaded", usual, 4_000.0), ("an hour judged", Millis::hours(1), 4_000.0)];
    for (name, window, arriving) in cases {
        let mut rig = full(window, arriving);
        let (config, mut state) = (rig.config.clone(), std::mem::take(&mut rig.state));
        // As in life: one observation after the other on one state.
        let next = || {
            rig.at += rig.step_ms as i64;
            rig.flow();
            (Timestamp(rig.at), Event::Observed(Box::new(rig.observe())))
        };
        let decide = |(at, event): (Timestamp, Event)| {
            black_box(step(&config, &mut state, at, &event));
            event
        };
        let mut next = next;
        let mut decide = decide;
        c.bench_function(&format!("step of an observation, ten vertices, {name}"), |b| {
            b.iter_batched(&mut next, &mut decide, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, observed);
criterion_main!(benches);
