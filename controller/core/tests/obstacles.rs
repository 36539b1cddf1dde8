//! What scaling cannot fix, what is not worth it, and what the calendar says.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use weirkeeper_core::calendar::Cron;
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::{Edge, Ship};
use weirkeeper_core::observation::{Failure, JobStatus};
use weirkeeper_core::policy::{Calendar, Floor, VertexPolicy};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

fn overloaded() -> Rig {
    let mut rig = Rig::simple(1, 900.0);
    rig.config.dry_run = true;
    rig
}

fn is_held_by(rig: &Rig, reason: &str) {
    assert!(rig.wanted().is_empty() && rig.says(reason) && rig.says("overloaded"), "{}", rig.standing());
}

#[test]
fn garbage_collection_is_memory_not_parallelism() {
    let mut rig = overloaded();
    rig.extra.insert(SeriesKey::job(name::GC_RATE), 310.0);
    rig.run_until(200);
    is_held_by(&rig, "gc-pressure");
    rig.extra.insert(SeriesKey::job(name::GC_RATE), 290.0);
    rig.tick();
    assert!(!rig.wanted().is_empty());
}

#[test]
fn a_job_that_restarts_again_and_again_is_not_sized() {
    let mut rig = overloaded();
    let restarts = SeriesKey::job(name::NUM_RESTARTS);
    rig.extra.insert(restarts.clone(), 0.0);
    rig.extra.insert(SeriesKey::job(name::NUM_RESCALES), 0.0);
    rig.run_until(195);
    assert!(!rig.wanted().is_empty());
    rig.extra.insert(restarts.clone(), 2.0);
    rig.tick();
    assert!(!rig.wanted().is_empty(), "two restarts are no loop");
    rig.extra.insert(restarts, 3.0);
    rig.tick();
    is_held_by(&rig, "restart-loop");
    assert_eq!(rig.reasons()[0], "restart-loop", "the log line shows the first: {}", rig.standing());
    // Between two restarts, and just after one, too.
    rig.observation.status = JobStatus::Restarting;
    rig.tick();
    assert_eq!(rig.reasons()[..2], ["restart-loop", "not-running"], "{}", rig.standing());
    rig.observation.status = JobStatus::Running;
    rig.restart(10_000);
    rig.tick();
    rig.tick();
    assert_eq!(rig.reasons()[..2], ["restart-loop", "warming-up"], "{}", rig.standing());
    assert_eq!(rig.gates(), ["warm-up"]);
    rig.run_until(rig.at / 1_000 + 320);
    assert!(!rig.wanted().is_empty(), "it has stayed up for five minutes: {}", rig.standing());
}

#[test]
fn a_failure_that_names_an_outside_system_holds_until_records_have_flowed_since() {
    let mut rig = overloaded();
    rig.run_until(200);
    let failure =
        |at| Failure { at: Timestamp(at), text: "TimeoutException: ...".into(), dependency: Some("Kafka".into()) };
    rig.observation.failure = Some(failure(rig.at));
    rig.tick();
    is_held_by(&rig, "dependency-down");
    // It restarts, and from then on records flow.
    rig.restart(1_000);
    rig.run_until(rig.at / 1_000 + 200);
    assert!(!rig.wanted().is_empty(), "{}", rig.standing());
}

#[test]
fn between_two_restarts_the_outside_system_is_told_though_nothing_can_be_judged() {
    let mut rig = overloaded();
    rig.run_until(200);
    let text = "TimeoutException: Timed out waiting for a node assignment".into();
    rig.observation.failure = Some(Failure { at: Timestamp(rig.at), text, dependency: Some("Kafka".into()) });
    rig.observation.status = JobStatus::Restarting;
    rig.tick();
    assert!(rig.wanted().is_empty() && rig.says("not-running") && rig.says("dependency-down"), "{}", rig.standing());
    rig.observation.status = JobStatus::Running;
    rig.restart(1_000);
    rig.arriving = 0.0;
    rig.tick();
    assert!(rig.wanted().is_empty() && rig.says("warming-up") && rig.says("dependency-down"), "{}", rig.standing());
}

#[test]
fn a_silent_source_without_a_connection_is_a_dead_broker() {
    let mut rig = Rig::simple(4, 1_400.0);
    rig.config.dry_run = true;
    rig.policy().scaling.scale_down.after = Millis::secs(30);
    rig.run_until(300);
    rig.arriving = 0.0;
    rig.extra.insert(SeriesKey::task(name::CONNECTION_COUNT, "src", Agg::Sum), 0.0);
    rig.run_until(600);
    assert!(rig.wanted().is_empty() && rig.says("dependency-down"), "{}", rig.standing());
    rig.extra.insert(SeriesKey::task(name::CONNECTION_COUNT, "src", Agg::Sum), 2.0);
    for failed in 0..4 {
        rig.extra.insert(SeriesKey::task(name::COMMITS_FAILED, "src", Agg::Sum), f64::from(failed));
        rig.tick();
    }
    assert!(rig.wanted().is_empty() && rig.says("dependency-down"), "commits fail: {}", rig.standing());
}

#[test]
fn the_worst_source_that_counts_counts() {
    // Two sources into one vertex; the side input is 10 minutes behind and stays so.
    let mut rig = Rig::new(vec![part("src", 2, 1e5), part("work", 2, 500.0), part("side", 2, 1e5)], 600.0);
    rig.config.dry_run = true;
    let edges = || vec![Edge { from: 0, to: 1, ship: Ship::Hash }, Edge { from: 2, to: 1, ship: Ship::Hash }];
    let observe = |rig: &mut Rig| {
        rig.flow();
        let mut seen = rig.observe();
        std::sync::Arc::make_mut(&mut seen.graph).edges = edges();
        seen.samples.push(weirkeeper_core::observation::Sample {
            key: std::sync::Arc::new(SeriesKey::task(name::EMIT_LAG, "side", Agg::Max)),
            value: 600_000.0,
        });
        rig.feed(&weirkeeper_core::event::Event::Observed(Box::new(seen)));
    };
    (0..14).for_each(|_| observe(&mut rig));
    assert!(rig.says("misses-objective"), "{}", rig.standing());
    rig.policy().scaling.vertices =
        vec![(Glob("side".into()), VertexPolicy { lag_exempt: true, ..VertexPolicy::default() })];
    observe(&mut rig);
    assert!(!rig.says("misses-objective"), "{}", rig.standing());
}

#[test]
fn a_floor_by_calendar_raises_and_keeps() {
    let mut rig = Rig::simple(1, 200.0);
    rig.config.dry_run = true;
    // The epoch was a Thursday: at midnight, for an hour.
    let when = Calendar { cron: Cron::parse("0 0 * * THU").unwrap(), lasts: Millis::hours(1), timezone: "UTC".into() };
    let vertices = Some(Parallelism(3));
    rig.policy().scaling.floors = vec![Floor { when, min_parallelism: vertices, min_slots: None }];
    rig.run_until(300);
    assert_eq!(rig.wanted().into_iter().collect::<Vec<_>>(), [("src".to_owned(), 3), ("work".to_owned(), 3)]);
    rig.run_until(3_630);
    assert!(rig.wanted().is_empty(), "{}", rig.standing());
}

#[test]
fn a_floor_of_slots_keeps_a_job_from_shrinking_below_it() {
    let mut rig = Rig::simple(8, 2_600.0);
    rig.config.dry_run = true;
    rig.policy().scaling.scale_down.after = Millis::minutes(1);
    let when = Calendar { cron: Cron::parse("* * * * *").unwrap(), lasts: Millis::hours(1), timezone: "UTC".into() };
    rig.policy().scaling.floors = vec![Floor { when, min_parallelism: None, min_slots: Some(5) }];
    rig.run_until(900);
    rig.arriving = 160.0;
    rig.run_until(1_500);
    assert!(rig.wanted().is_empty() && rig.says("limited"), "four would do, five are kept: {}", rig.standing());
}

#[test]
fn a_first_checkpoint_near_its_timeout_refuses_both_ways() {
    let mut rig = overloaded();
    let checkpoints = rig.observation.checkpoints.as_mut().unwrap();
    // 100 GB in 200 s are 500 MB/s; 250 GB take 500 s: more than 0.7 of 600 s.
    (checkpoints.full_size, checkpoints.written) = (Some(100_000_000_000), Some(100_000_000_000));
    checkpoints.last_duration = Some(Millis::secs(200));
    rig.run_until(60);
    let checkpoints = rig.observation.checkpoints.as_mut().unwrap();
    (checkpoints.full_size, checkpoints.written) = (Some(250_000_000_000), Some(1_000));
    rig.run_until(200);
    is_held_by(&rig, "first-checkpoint");
}

#[test]
fn windows_that_fire_are_sized_by_their_whole_period() {
    // 1000/s all the time, and every minute a window fires: 100 % busy for 10 s, 2 % otherwise.
    let mut rig = Rig::simple(2, 1_000.0);
    rig.config.dry_run = true;
    rig.step_ms = 10_000;
    rig.config.interval = Millis::secs(10);
    rig.policy().scaling.scale_down.after = Millis::secs(30);
    let mut busy = 0.0;
    for i in 0..42 {
        rig.flow();
        let seen = rig.observe();
        busy += if i % 6 == 5 { 20_000.0 } else { 400.0 };
        let mut seen = seen;
        for sample in seen.samples.iter_mut().filter(|s| s.key.task.as_deref() == Some("work")) {
            match (&*sample.key.name, sample.key.agg) {
                (name::BUSY_TOTAL, Some(Agg::Sum)) => sample.value = busy,
                (name::BUSY_TOTAL, _) => sample.value = busy / 2.0,
                (name::IDLE_TOTAL, _) => sample.value = rig.at as f64 * 2.0 - busy,
                (name::BACKPRESSURED_TOTAL, _) => sample.value = 0.0,
                _ => {}
            }
        }
        rig.feed(&weirkeeper_core::event::Event::Observed(Box::new(seen)));
        assert!(!rig.wanted().contains_key("work") || rig.standing().rescale["work"].to.0 < 2, "{}", rig.standing());
    }
    assert!(rig.says("bursts"), "{}", rig.standing());
    // By hand: 22 busy seconds of two subtasks' 120 in a minute: 18 %, not the 100 % of the moment it fires.
    let seen = rig.state.jobs[&key()].view.vertices[1].utilization.unwrap().0;
    assert!((seen - 22.0 / 120.0).abs() < 0.02, "{seen}");
}
