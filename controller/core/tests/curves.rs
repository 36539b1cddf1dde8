//! Reaching a size: how many rescales it takes, and what is remembered for the next time.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::units::{Millis, Parallelism};

/// Nexmark Q1, records/s by parallelism, as published; linear between the points and along the last two beyond.
const Q1: [(u32, f64); 13] = [
    (1, 529.6e3),
    (2, 966.8e3),
    (4, 1.830e6),
    (6, 2.536e6),
    (7, 2.937e6),
    (8, 3.118e6),
    (10, 3.721e6),
    (14, 4.625e6),
    (15, 4.968e6),
    (20, 6.351e6),
    (21, 6.465e6),
    (25, 7.089e6),
    (26, 7.476e6),
];

fn q1(p: u32) -> f64 {
    let after = Q1.iter().position(|(q, _)| *q >= p).unwrap_or(Q1.len() - 1).max(1);
    let ((a, x), (b, y)) = (Q1[after - 1], Q1[after]);
    x + (y - x) * (f64::from(p) - f64::from(a)) / f64::from(b - a)
}

fn nexmark() -> Rig {
    let source = part("src", 1, 100e6);
    let mut work = part("q1", 1, 0.0);
    work.curve = Some(q1);
    let mut rig = Rig::new(vec![source, work], 400e3);
    // What arrives is known; it is the capacity that has to be found.
    rig.brokers = true;
    let scaling = &mut rig.policy().scaling;
    scaling.target_utilization = 0.9;
    scaling.scale_up_at = 0.95;
    scaling.catch_up = Millis(0);
    scaling.cooldown.up = Millis::minutes(1);
    scaling.cooldown.down = Millis::hours(24);
    let limits = &mut rig.policy().limits;
    limits.per_job[0].count = 100;
    limits.per_job.truncate(1);
    limits.per_fleet.count = 100;
    rig
}

fn teach(rig: &mut Rig, p: u32, load: f64) {
    rig.parts[1].p = p;
    rig.arriving = load;
    rig.restart(0);
    rig.observation.requirements = None;
    rig.run_until(rig.at / 1_000 + 900);
}

#[test]
fn the_curve_is_the_published_one() {
    assert_eq!(q1(1), 529.6e3);
    assert_eq!(q1(20), 6.351e6);
    assert!((q1(12) - 4.173e6).abs() < 1.0, "half way between 3.721 and 4.625");
    assert!((q1(27) - 7.863e6).abs() < 1.0);
}

#[test]
fn q1_reaches_seven_million_in_two_rescales_from_one_observation() {
    let mut rig = nexmark();
    rig.run_until(600);
    assert_eq!(rig.rescales(), []);
    rig.arriving = 7.0e6;
    rig.run_until(3_000);
    let sizes: Vec<u32> = rig.rescales().iter().map(|(_, p)| p[1]).collect();
    // By hand: 7.0 / 0.9 = 7.778M. From 1: (7.778/0.5296)^(1/0.9) = 19.8 -> 20, which does 6.351M; from there
    // 20 * (7.778/6.351)^(1/0.9) = 25.05 -> 26, which does 7.476M.
    assert_eq!(sizes, [20, 26], "{:#?}", rig.log);
    assert!(q1(26) >= 7.0e6);
}

#[test]
fn q1_reaches_seven_million_in_one_rescale_from_three_observations() {
    let mut rig = nexmark();
    // Observed at 1, 10 and 20, each well loaded.
    rig.policy().mode = weirkeeper_core::policy::Mode::Observe;
    teach(&mut rig, 10, 3.0e6);
    teach(&mut rig, 20, 5.0e6);
    teach(&mut rig, 1, 400e3);
    rig.policy().mode = weirkeeper_core::policy::Mode::Auto;
    let learned: Vec<u32> = rig.state.jobs[&key()].memory.learned["q1"].points.keys().copied().collect();
    assert_eq!(learned, [1, 10, 20]);
    rig.state.jobs.get_mut(&key()).unwrap().memory.by_hand = None;
    rig.arriving = 7.0e6;
    rig.run_until(rig.at / 1_000 + 2_400);
    let sizes: Vec<u32> = rig.rescales().iter().map(|(_, p)| p[1]).collect();
    assert_eq!(sizes, [26], "{:#?}", rig.log);
}

#[test]
fn what_was_learned_survives_a_restart_and_not_a_change_of_the_job() {
    let mut rig = Rig::simple(2, 800.0);
    rig.run_until(900);
    let learned = |rig: &Rig| rig.state.jobs[&key()].memory.learned.get("work").map(|l| l.points.len()).unwrap_or(0);
    assert_eq!(learned(&rig), 1);
    // A restart that is not ours, and then one of Weirkeeper itself.
    rig.restart(20_000);
    rig.run_until(1_000);
    assert_eq!(learned(&rig), 1);
    let stored = weirkeeper_core::State::restore(rig.state.take_dirty());
    assert_eq!(stored.jobs[&key()].memory.learned["work"].points.len(), 1);
    rig.state = stored;
    rig.run_until(1_030);
    assert_eq!(learned(&rig), 1);
    // Another operator in the chain: another job.
    rig.parts.push(part("sink", 2, 9_000.0));
    rig.ships.push(weirkeeper_core::job::Ship::Hash);
    rig.run_until(1_060);
    assert_eq!(learned(&rig), 0);
}

#[test]
fn what_was_learned_holds_for_its_environment() {
    let mut rig = Rig::simple(2, 800.0);
    let learned = |rig: &Rig| rig.state.jobs[&key()].memory.learned.get("work").map(|l| l.points.len()).unwrap_or(0);
    rig.run_until(900);
    assert_eq!(learned(&rig), 1);
    rig.restart(1_000);
    rig.observation.facts.buffer_debloat = Some(false);
    rig.run_until(915);
    assert_eq!(learned(&rig), 0, "without debloating it is another machine");
    rig.observation.facts.buffer_debloat = None;
    rig.run_until(930);
    rig.observation.facts.buffer_debloat = Some(true);
    rig.run_until(945);
    assert_eq!(learned(&rig), 1, "what was learned there is kept");
}

#[test]
fn a_cold_state_backend_is_not_taught() {
    let mut rig = Rig::simple(2, 150.0);
    rig.parts[1].each = 100.0;
    let points = |rig: &Rig| rig.state.jobs[&key()].memory.learned.get("work").and_then(|l| l.points.get(&2).copied());
    // It warms up: every window of 90 s it does 30 % more, until it does 500/s.
    for _ in 0..6 {
        rig.run_until(rig.at / 1_000 + 90);
        rig.parts[1].each = (rig.parts[1].each * 1.3).min(500.0);
        assert_eq!(points(&rig).map(|p| p.capacity.round()), None, "at {} s", rig.at / 1_000);
    }
    rig.run_until(1_200);
    let taught = points(&rig).unwrap();
    assert!(taught.capacity > 700.0, "{taught:?}");
}

#[test]
fn while_draining_nothing_shrinks_and_nothing_grows_unless_the_drain_is_too_slow() {
    let mut rig = Rig::simple(4, 1_200.0);
    let scaling = &mut rig.policy().scaling;
    scaling.scale_down.after = Millis::minutes(1);
    scaling.cooldown.up = Millis::minutes(1);
    scaling.cooldown.down = Millis::minutes(1);
    rig.run_until(600);
    // An outage of five minutes: 360,000 records behind, drained at 800/s net: 450 s, within the 600 s allowed.
    rig.restart(300_000);
    rig.run_until(600 + 300 + 150 + 120);
    assert!(rig.says("draining"), "{}", rig.standing());
    assert_eq!(rig.rescales(), [], "{:#?}", rig.log);
    // The same with 60 s allowed and 30 s good: the drain misses it, and the size is reconsidered.
    rig.policy().scaling.catch_up = Millis::secs(60);
    rig.policy().scaling.lag_objective = Millis::secs(30);
    rig.run_until(rig.at / 1_000 + 60);
    assert_eq!(rig.rescales().len(), 1, "{}", rig.standing());
    assert!(rig.rescales()[0].1[1] > 4);
}

#[test]
fn a_change_of_the_graph_is_seen_by_names_edges_and_key_groups_only() {
    let rig = Rig::simple(2, 1.0);
    let graph = rig.graph();
    let mut same = graph.clone();
    same.vertices[0].parallelism = Parallelism(9);
    assert_eq!(graph.fingerprint(), same.fingerprint());
    for change in [
        |g: &mut JobGraph| g.vertices[0].name = "other".into(),
        |g: &mut JobGraph| g.vertices[0].max_parallelism = Some(Parallelism(7)),
        |g: &mut JobGraph| g.edges.clear(),
        |g: &mut JobGraph| g.edges[0].ship = weirkeeper_core::job::Ship::Forward,
    ] {
        let mut other = graph.clone();
        change(&mut other);
        assert_ne!(graph.fingerprint(), other.fingerprint());
    }
}

#[test]
fn a_size_that_was_seen_under_load_is_gone_back_to_in_one_step() {
    // 20 s at 1, three quarters busy: too short to be taught as its capacity, long enough to be seen.
    let mut rig = Rig::simple(1, 380.0);
    let scaling = &mut rig.policy().scaling;
    (scaling.warm_up, scaling.window) = (Millis::secs(10), Millis::secs(30));
    scaling.scale_down.after = Millis::secs(60);
    (scaling.cooldown.up, scaling.cooldown.down) = (Millis::secs(10), Millis::secs(30));
    rig.policy().limits.per_job =
        vec![weirkeeper_core::policy::JobLimit { count: 100, per: Millis::hours(1), downs: None, reserve_up: 0 }];
    rig.step_ms = 5_000;
    rig.config.interval = Millis::secs(5);
    rig.run_until(30);
    rig.arriving = 1_300.0;
    rig.run_until(120);
    let up = rig.rescales().last().unwrap().1[1];
    assert!(up >= 4, "{:?}", rig.rescales());
    rig.arriving = 300.0;
    rig.run_until(400);
    let sizes: Vec<u32> = rig.rescales().iter().map(|r| r.1[1]).collect();
    assert_eq!(sizes, [up, 1], "{:#?}", rig.log);
}

#[test]
fn what_an_unplanned_restart_takes_is_measured() {
    let mut rig = Rig::simple(2, 600.0);
    let restarts = weirkeeper_core::series::SeriesKey::job(weirkeeper_core::series::name::NUM_RESTARTS);
    rig.extra.insert(weirkeeper_core::series::SeriesKey::job(weirkeeper_core::series::name::NUM_RESCALES), 0.0);
    rig.extra.insert(restarts.clone(), 0.0);
    rig.run_until(600);
    let unplanned = |rig: &Rig| rig.state.jobs[&key()].memory.unplanned;
    assert_eq!(unplanned(&rig), None);
    // The last checkpoint is 100 s old when it fails; it runs again 40 s after it was last seen to run.
    rig.completes_checkpoints = false;
    rig.run_until(705);
    rig.restart(40_000);
    rig.extra.insert(restarts, 1.0);
    rig.run_until(900);
    assert_eq!(unplanned(&rig), Some(Millis::secs(40 + 105)));
    // Down for a quarter of an hour: an outage or a loop, and not what a restart takes.
    rig.restart(900_000);
    rig.extra.insert(weirkeeper_core::series::SeriesKey::job(weirkeeper_core::series::name::NUM_RESTARTS), 2.0);
    rig.run_until(3_600);
    assert_eq!(unplanned(&rig), Some(Millis::secs(40 + 105)));
}

#[test]
fn a_checkpoint_that_waits_in_full_buffers_does_not_tell_how_fast_is_uploaded() {
    let mut rig = Rig::simple(1, 300.0);
    rig.config.dry_run = true;
    rig.run_until(300);
    rig.arriving = 1_000.0;
    rig.run_until(360);
    let checkpoints = rig.observation.checkpoints.as_mut().unwrap();
    (checkpoints.full_size, checkpoints.written) = (Some(200_000_000), Some(200_000_000));
    checkpoints.last_duration = Some(Millis::secs(100));
    rig.state.jobs.get_mut(&key()).unwrap().memory.upload_rate = None;
    rig.run_until(420);
    let rate = |rig: &Rig| rig.state.jobs[&key()].memory.upload_rate;
    assert_eq!(rate(&rig), None, "the source is held back half of the time");
    (rig.arriving, rig.backlog) = (100.0, 0.0);
    rig.run_until(480);
    assert_eq!(rate(&rig), Some(2e6));
}
