//! The controllers to compare on a job of two vertices.

use super::bench_of_two::Bench;
use super::options::Options;
use super::{Setup, by_name, ds2::Ds2, hpa::Hpa, keda::Keda, operator::Operator};
use crate::scenario::{Cluster, Mechanism, Scenario};
use weirkeeper_core::units::Millis;

fn options(pairs: &[(&str, &str)]) -> Options {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn work(bench: &Bench) -> Vec<u32> {
    bench.asked.iter().filter_map(|(_, t)| t.get("work").copied()).collect()
}

fn empty() -> Scenario {
    let cluster = Cluster {
        version: (2, 2),
        mechanism: Mechanism::InPlace,
        task_managers: 1,
        slots_per_task_manager: 1,
        most_task_managers: None,
        start_up: Millis(0),
        heartbeat_timeout: Millis::secs(50),
        rescale_cooldown: Millis(0),
        rescale_pause: Millis(0),
        restart_pause: Millis(0),
        cold_capacity: 1.0,
        warm_up: Millis(0),
        metric_delay: Millis(0),
        metric_update: Millis(0),
        heap: 1,
    };
    Scenario {
        name: "empty".into(),
        summary: String::new(),
        duration: Millis(0),
        seed: 0,
        interval: Millis::secs(15),
        cluster,
        jobs: Vec::new(),
        faults: Vec::new(),
    }
}

/// The fast settings that the peer was measured with on a real Flink.
fn short() -> Options {
    options(&[
        ("interval", "5s"),
        ("stabilization.interval", "10s"),
        ("metrics.window", "30s"),
        ("scale-down.interval", "30s"),
        ("catch-up.duration", "60s"),
        ("restart.time", "5s"),
    ])
}

#[test]
fn operator_leaves_a_steady_load_alone() {
    let mut bench = Bench::new(500.0);
    bench.run(3_600, 300.0, &mut Operator::with(&Options::new()).unwrap());
    assert_eq!(work(&bench), [0_u32; 0]);
}

/// Measured on a real Flink with default settings: too small a first step, and then blind for 20 minutes.
#[test]
fn operator_by_default_is_blind_for_twenty_minutes_after_a_step() {
    let mut bench = Bench::new(500.0);
    let mut operator = Operator::with(&Options::new()).unwrap();
    bench.run(1_500, 300.0, &mut operator);
    assert_eq!(work(&bench), [0_u32; 0]);
    bench.run(3_600, 1_200.0, &mut operator);
    let steps = work(&bench);
    assert_eq!(steps[0], 2, "15 minutes' average is well below 1200/s");
    assert!(steps[1] >= 3, "{steps:?}");
    assert!(bench.asked[1].0 - bench.asked[0].0 >= 20 * 60, "{:?}", bench.asked);
}

/// Measured with short settings: more than one request for a step of four times, then 4, then down by halves.
#[test]
fn operator_with_short_settings_goes_up_in_steps_and_down_in_steps() {
    let mut bench = Bench::new(500.0);
    let mut operator = Operator::with(&short()).unwrap();
    bench.run(75, 300.0, &mut operator);
    assert_eq!(work(&bench), [0_u32; 0]);
    bench.run(300, 1_200.0, &mut operator);
    assert!(bench.parallelism[1] >= 3 && bench.backlog < 1_200.0, "{:?}", bench.asked);
    assert!(bench.asked[0].0 <= 75 + 60, "{:?}", bench.asked);
    bench.run(600, 300.0, &mut operator);
    assert_eq!(bench.parallelism[1], 1, "{:?}", bench.asked);
}

#[test]
fn operator_never_passes_the_partitions_of_a_source() {
    let mut bench = Bench::new(500.0);
    bench.partitions = Some(2);
    let mut operator = Operator::with(&short()).unwrap();
    bench.run(900, 3_000.0, &mut operator);
    let sources = bench.asked.iter().filter_map(|(_, t)| t.get("Source: in").copied());
    assert!(sources.max().unwrap_or(1) <= 2, "{:?}", bench.asked);
    assert!(bench.parallelism[1] >= 6);
}

#[test]
fn operator_reverts_what_a_person_changed() {
    let mut bench = Bench::new(500.0);
    let mut operator = Operator::with(&short()).unwrap();
    bench.run(400, 1_200.0, &mut operator);
    let (asked, decided) = (bench.asked.len(), bench.parallelism[1]);
    bench.by_hand(decided + 2);
    bench.run(10, 1_200.0, &mut operator);
    assert_eq!(bench.parallelism[1], decided);
    assert_eq!(bench.asked.len(), asked + 1);
}

/// 900/s at 250/s each need 3.6 subtasks; at 80 % of a core that is 4.5, so 5. The ratio there, 0.9, is within 0.1.
#[test]
fn hpa_goes_where_cpu_is_at_its_target() {
    let mut bench = Bench::new(250.0);
    bench.run(1_200, 900.0, &mut Hpa::new(&Options::new()).unwrap());
    assert!((4..=5).contains(&bench.parallelism[1]), "{:?}", bench.asked);
    let last = bench.asked.last().unwrap().0;
    assert!(last < 900, "it comes to rest: {:?}", bench.asked);
}

#[test]
fn hpa_never_sees_more_than_all_cores_busy() {
    let mut bench = Bench::new(250.0);
    bench.run(16 * 4, 4_000.0, &mut Hpa::new(&Options::new()).unwrap());
    // Fully busy is 1 / 0.8 = 1.25 times the target: 1, 2, 3, 4 and not 16 at once.
    let steps = work(&bench);
    assert!(steps.windows(2).all(|w| f64::from(w[1]) <= (f64::from(w[0]) * 1.26).ceil()), "{steps:?}");
}

#[test]
fn keda_follows_lag_and_stops_at_the_partitions() {
    let mut bench = Bench::new(100.0);
    bench.partitions = Some(6);
    bench.run(1_800, 1_000.0, &mut Keda::new(&options(&[("lagThreshold", "500")])).unwrap());
    assert_eq!(bench.parallelism, [6, 6], "{:?}", bench.asked);
}

#[test]
fn keda_goes_to_the_least_when_nothing_waits() {
    let mut bench = Bench::new(100.0);
    let mut keda = Keda::new(&options(&[("lagThreshold", "500")])).unwrap();
    bench.run(600, 350.0, &mut keda);
    assert!(bench.parallelism[1] >= 3, "{:?}", bench.asked);
    bench.run(1_800, 50.0, &mut keda);
    assert_eq!(bench.parallelism[1], 1, "{:?}", bench.asked);
}

/// One step, to what 1500/s need at a true rate of 500/s each: three. It never aims at spare room, so what has piled up
/// by then stays.
#[test]
fn ds2_needs_one_step_and_leaves_no_room() {
    let mut bench = Bench::new(500.0);
    bench.run(1_200, 1_500.0, &mut Ds2::new(&Options::new()).unwrap());
    assert_eq!(work(&bench), [3], "{:?}", bench.asked);
    assert!(bench.backlog > 100_000.0, "{}", bench.backlog);
}

#[test]
fn ds2_waits_for_warm_up_and_for_all_decisions() {
    let mut bench = Bench::new(500.0);
    let slow = options(&[("policy_interval", "10s"), ("activation_time", "3"), ("warm_up_time", "2")]);
    bench.run(600, 1_200.0, &mut Ds2::new(&slow).unwrap());
    // A reading to begin with (10 s), two skipped, three decisions.
    assert_eq!(bench.asked[0].0, 60);
}

#[test]
fn every_name_makes_its_controller_and_no_other_does() {
    let scenario = empty();
    let none = Options::new();
    let setup = Setup { scenario: &scenario, policies: &[], options: &none };
    for name in super::NAMES {
        assert_eq!(by_name(name, &setup).unwrap().name(), name);
    }
    let message = by_name("hpb", &setup).err().unwrap();
    assert!(message.contains("hpb") && message.contains("operator"), "{message}");
}

#[test]
fn an_option_reaches_only_its_controller_and_a_wrong_one_is_named() {
    let scenario = empty();
    let of = |pairs: &[(&str, &str)]| options(pairs);
    let given = of(&[("operator.metrics.window", "3m"), ("ds2.activation_time", "2")]);
    let setup = Setup { scenario: &scenario, policies: &[], options: &given };
    assert!(by_name("operator", &setup).is_ok() && by_name("hpa", &setup).is_ok());
    let wrong = of(&[("hpa.averageUtilisation", "70")]);
    let setup = Setup { options: &wrong, ..setup };
    assert!(by_name("hpa", &setup).err().unwrap().contains("averageUtilisation"));
    assert!(by_name("static", &setup).is_ok());
}

/// Where Flink does not tell what it is asked for, a decision that has not come about yet is not asked for again.
#[test]
fn operator_asks_once_for_an_upgrade_that_takes_its_time() {
    let mut bench = Bench::new(500.0);
    (bench.takes_effect_after, bench.requirements) = (40, None);
    let mut operator = Operator::with(&short()).unwrap();
    bench.run(75, 300.0, &mut operator);
    bench.run(60, 1_200.0, &mut operator);
    assert!(bench.asked.windows(2).all(|w| w[0].1 != w[1].1), "{:?}", bench.asked);
    assert!(!bench.asked.is_empty());
}
