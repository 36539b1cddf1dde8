//! The independent check: a recording that the simulator made of a world with known parameters gives them back.

use super::capacity::Vertex as Learned;
use super::*;
use crate::controller::Command;
use crate::recording::{Context, Header, Origin, VERSION, Writer};
use crate::scenario::Vertex;
use crate::scenario::*;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::Ship;
use weirkeeper_core::observation::Observation;
use weirkeeper_core::units::Millis;

const RESCALE: f64 = 9.0;
const RESTART: f64 = 6.0;

fn vertex(name: &str, lambda: f64, sigma: f64, kappa: f64, skew: f64) -> Vertex {
    Vertex {
        name: name.into(),
        parallelism: 8,
        max_parallelism: 128,
        slot_group: "default".into(),
        partitions: None,
        capacity: Capacity { lambda, sigma, kappa, points: Vec::new() },
        selectivity: 1.0,
        emits_every: None,
        skew,
        state: 0.0,
        state_per_record: 0.0,
        state_on_heap: false,
        noise: 0.05,
    }
}

#[allow(clippy::too_many_lines, reason = "a scenario in full")]
fn known() -> Scenario {
    let source = vertex("Source: a", 2_000.0, 0.0, 0.0, 0.0);
    let sink = vertex("Sink: b", 900.0, 0.0, 0.0, 0.0);
    let mut work = vertex("work", 700.0, 0.03, 0.001, 0.2);
    work.selectivity = 0.5;
    work.state = 400e6;
    let throws = |h: u64| Fault {
        at: Millis::minutes(20 + 70 * h),
        lasts: Some(Millis::secs(1)),
        job: None,
        kind: FaultKind::Throws { vertex: "work".into() },
    };
    Scenario {
        name: "known".into(),
        summary: String::new(),
        duration: Millis::hours(6),
        seed: 1,
        interval: Millis::secs(10),
        cluster: Cluster {
            version: (1, 20),
            mechanism: Mechanism::InPlace,
            task_managers: 16,
            slots_per_task_manager: 1,
            most_task_managers: None,
            start_up: Millis::secs(10),
            heartbeat_timeout: Millis::secs(50),
            rescale_cooldown: Millis::secs(0),
            rescale_pause: Millis::from_secs(RESCALE),
            restart_pause: Millis::from_secs(RESTART),
            cold_capacity: 0.5,
            warm_up: Millis::secs(60),
            metric_delay: Millis::secs(1),
            metric_update: Millis::secs(10),
            heap: 1 << 30,
        },
        jobs: vec![Job {
            name: "job".into(),
            vertices: vec![source, work, sink],
            edges: vec![
                Edge { from: 0, to: 1, ship: Ship::Hash, buffer: 100 },
                Edge { from: 1, to: 2, ship: Ship::Rebalance, buffer: 100 },
            ],
            load: BTreeMap::from([(
                0,
                Load {
                    shapes: vec![Shape::Sine {
                        mean: 1_800.0,
                        amplitude: 600.0,
                        period: Millis::hours(3),
                        shift: Millis(0),
                    }],
                    factor: 1.0,
                    noise: 0.02,
                },
            )]),
            checkpoints: crate::scenario::Checkpoints {
                interval: Millis::secs(30),
                timeout: Millis::minutes(10),
                tolerable_failures: 0,
                upload: 20e6,
                incremental: 0.1,
                unaligned: false,
                base: Millis(700),
            },
            restart: Restart::Exponential {
                initial: Millis::secs(1),
                max: Millis::minutes(1),
                multiplier: 1.5,
                reset: Millis::hours(1),
            },
            labels: BTreeMap::new(),
        }],
        faults: (0..5).map(throws).collect(),
    }
}

/// Plays it, with a change of size every 24 minutes, and records what a reader sees, changed by `edit`.
fn record(scenario: &Scenario, seed: u64, edit: impl Fn(&mut Observation)) -> Vec<u8> {
    let mut world = World::new(Arc::new(scenario.clone()), seed);
    let mut writer: Option<Writer<Vec<u8>>> = None;
    let sizes = [12, 5, 16, 3, 8, 10, 6, 14, 4, 16];
    for second in 1..=scenario.duration.0 / 1_000 {
        world.tick();
        if second % 10 != 0 {
            continue;
        }
        for event in world.poll() {
            let Event::Observed(mut o) = event else { continue };
            edit(&mut o);
            let writer = writer.get_or_insert_with(|| Writer::new(Vec::new(), header(&o)).unwrap());
            writer.observe(world.now(), &o).unwrap();
            if second % 1_440 == 0 {
                let to = sizes[(second / 1_440) as usize % sizes.len()];
                let target = o.graph.vertices.iter().map(|v| (v.id.clone(), to)).collect();
                world.carry_out(&Command::Rescale { job: o.job.clone(), target });
            }
        }
        world.outcomes();
    }
    writer.unwrap().finish().unwrap()
}

fn header(o: &Observation) -> Header {
    Header {
        version: VERSION,
        cluster: o.job.cluster.to_string(),
        namespace: None,
        job: o.job.name.to_string(),
        origin: Origin::default(),
        interval: 10_000,
        context: Context::of(o, true),
    }
}

fn fitted(recording: &[u8]) -> Fitted {
    fit(&mut Rows::new(recording).unwrap()).unwrap()
}

/// How many of the intervals hold the truth, and every interval that does not.
fn check(what: &str, estimate: Option<Estimate>, truth: f64, wrong: &mut Vec<String>) {
    let Some(e) = estimate else {
        wrong.push(format!("{what}: not identified"));
        return;
    };
    let near = |v: f64| v.abs().max(1e-9);
    if truth < e.low || truth > e.high {
        wrong.push(format!("{what}: {truth} is not within {} .. {} ({})", e.low, e.high, e.value));
    }
    // An interval that holds everything says nothing.
    assert!(e.high - e.low < 3.0 * near(truth) + 0.02, "{what}: {e:?}");
}

#[test]
fn known_parameters_come_back_within_their_intervals() {
    let mut wrong = Vec::new();
    for seed in 1..=4 {
        let f = fitted(&record(&known(), seed, |_| {}));
        let w = &f.vertices[1];
        check("source lambda", f.vertices[0].lambda, 2_000.0, &mut wrong);
        assert_eq!(f.vertices[0].selectivity, None, "what a source read is not shown");
        check("sink lambda", f.vertices[2].lambda, 900.0, &mut wrong);
        check("selectivity", w.selectivity, 0.5, &mut wrong);
        check("lambda", w.lambda, 700.0, &mut wrong);
        check("sigma", w.sigma, 0.03, &mut wrong);
        check("kappa", w.kappa, 0.001, &mut wrong);
        check("skew", w.skew, 0.2, &mut wrong);
        check("noise", w.noise, 0.05, &mut wrong);
        check("rescale", f.pauses.rescale, RESCALE, &mut wrong);
        check("restart", f.pauses.restart, RESTART, &mut wrong);
        check("base", f.checkpoints.base, 0.7, &mut wrong);
        check("upload", f.checkpoints.upload, 20e6, &mut wrong);
    }
    // 48 intervals of 95 %: two or three may miss by chance.
    assert!(wrong.len() <= 4, "{wrong:#?}");
}

/// Takes series out, by the end of their names.
fn without(o: &mut Observation, series: &[&str]) {
    o.samples.retain(|s| !series.iter().any(|end| s.key.name.ends_with(end)));
}

#[test]
fn what_a_recording_lacks_is_not_identified() {
    let busy = ["accumulateBusyTimeMs", "busyTimeMsPerSecond"];
    let f = fitted(&record(&known(), 1, |o| without(o, &busy)));
    let of = |v: &Learned| (v.lambda, v.sigma, v.kappa, v.skew, v.noise);
    assert!(f.vertices.iter().all(|v| of(v) == (None, None, None, None, None)), "{:?}", f.vertices);
    assert!(f.pauses.rescale.is_some() && f.checkpoints.base.is_some());
    let made = scenario(&f);
    let remark = made.remarks.iter().find(|r| r.what == "work: lambda").unwrap();
    assert_eq!(remark.estimate, None);
    let f = fitted(&record(&known(), 1, |o| o.checkpoints = None));
    assert!(f.checkpoints.base.is_none() && f.checkpoints.upload.is_none() && f.checkpoints.state.is_none());
    assert!(f.vertices[1].lambda.is_some());
}

#[test]
fn one_size_tells_nothing_of_the_curve() {
    let mut scenario = known();
    scenario.duration = Millis::minutes(20);
    scenario.faults.clear();
    let f = fitted(&record(&scenario, 1, |_| {}));
    let v = &f.vertices[1];
    assert!(v.lambda.is_some() && v.sigma.is_none() && v.kappa.is_none(), "{v:?}");
    assert!(f.pauses.rescale.is_none() && f.pauses.restart.is_none());
}

#[test]
fn the_load_comes_back() {
    let f = fitted(&record(&known(), 2, |_| {}));
    let mut truth = known().jobs.remove(0).load.remove(&0).unwrap();
    truth.noise = 0.0;
    let mut noise = truth.noise(crate::rng::Rng::new(1));
    for (at, rate) in &f.arrivals.points {
        let want = truth.rate(*at, &mut noise);
        assert!((rate / want - 1.0).abs() < 0.05, "at {at}: {rate} for {want}");
    }
    assert!(f.arrivals.points.len() > 150, "{}", f.arrivals.points.len());
}
