//! A tournament of two on a small world.

use super::table::{ALL, Cell, Table, legend};
use super::*;
use crate::scenario::{Capacity, Checkpoints, Cluster, Edge, Job, Load, Mechanism, Restart, Shape, Vertex};
use std::collections::BTreeMap;
use weirkeeper_core::job::Ship;

fn vertex(name: &str, lambda: f64, partitions: Option<u32>) -> Vertex {
    Vertex {
        name: name.into(),
        parallelism: 2,
        max_parallelism: 64,
        slot_group: "default".into(),
        partitions,
        capacity: Capacity { lambda, sigma: 0.0, kappa: 0.0, points: Vec::new() },
        selectivity: 1.0,
        emits_every: None,
        skew: 0.0,
        state: 1e6,
        state_per_record: 0.0,
        state_on_heap: false,
        noise: 0.01,
    }
}

fn scenario(name: &str, shapes: Vec<Shape>) -> Arc<Scenario> {
    let job = Job {
        name: "job".into(),
        vertices: vec![vertex("Source: in", 100_000.0, Some(16)), vertex("work", 500.0, None)],
        edges: vec![Edge { from: 0, to: 1, ship: Ship::Rebalance, buffer: 100 }],
        load: [(0, Load { shapes, factor: 1.0, noise: 0.02 })].into(),
        checkpoints: Checkpoints {
            interval: Millis::secs(30),
            timeout: Millis::minutes(10),
            tolerable_failures: 3,
            upload: 1e8,
            incremental: 0.1,
            unaligned: false,
            base: Millis(500),
        },
        restart: Restart::Fixed { delay: Millis::secs(1), attempts: 100 },
        labels: BTreeMap::new(),
    };
    let cluster = Cluster {
        version: (2, 2),
        mechanism: Mechanism::InPlace,
        task_managers: 4,
        slots_per_task_manager: 4,
        most_task_managers: None,
        start_up: Millis(0),
        heartbeat_timeout: Millis::secs(50),
        rescale_cooldown: Millis::secs(30),
        rescale_pause: Millis(500),
        restart_pause: Millis::secs(5),
        cold_capacity: 1.0,
        warm_up: Millis(0),
        metric_delay: Millis(0),
        metric_update: Millis::secs(10),
        heap: 1 << 30,
    };
    Arc::new(Scenario {
        name: name.into(),
        summary: String::new(),
        duration: Millis::minutes(90),
        seed: 1,
        interval: Millis::secs(15),
        cluster,
        jobs: vec![job],
        faults: Vec::new(),
    })
}

fn scenarios() -> Vec<Arc<Scenario>> {
    let step = Shape::Steps(vec![(Millis(0), 700.0), (Millis::minutes(40), 2_000.0)]);
    vec![scenario("steady", vec![Shape::Constant(700.0)]), scenario("step", vec![step])]
}

fn run(controllers: &[&str], threads: usize) -> Vec<Run> {
    let controllers: Vec<String> = controllers.iter().map(|c| (*c).to_owned()).collect();
    let (scenarios, options) = (scenarios(), Options::new());
    let tournament = Tournament {
        scenarios: &scenarios,
        controllers: &controllers,
        seeds: &[1, 2],
        policies: &[],
        options: &options,
        objective: Millis::minutes(2),
    };
    tournament.run(threads, &|_| ()).unwrap()
}

#[test]
fn the_same_on_one_thread_and_on_three() {
    let names = ["static", "hpa", "ds2", "operator"];
    let (one, three) = (run(&names, 1), run(&names, 3));
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&three).unwrap());
    assert_eq!(Table::of(&one).text(), Table::of(&three).text());
}

#[test]
fn who_reacts_is_on_time_and_who_does_not_is_late() {
    let table = Table::of(&run(&["static", "ds2", "keda"], 2));
    let of = |controller: &str, key: &str| {
        let row = table.rows.iter().find(|r| r.scenario == "step" && r.controller == controller).unwrap();
        row.scores[key].median
    };
    // Twice 500/s against 2000/s for 50 of 90 minutes.
    assert!(of("static", "late_time_percent") > 40.0 && of("static", "rescales") == 0.0);
    assert!(of("ds2", "rescales") >= 1.0 && of("ds2", "lag_max") < of("static", "lag_max"));
    assert!(of("keda", "rescales") >= 1.0);
    assert!(of("static", "clairvoyant_ratio") < of("ds2", "clairvoyant_ratio"));
}

#[test]
fn a_table_has_a_row_for_each_pair_and_one_for_all() {
    let runs = run(&["static", "ds2"], 2);
    let table = Table::of(&runs);
    let places: Vec<(&str, &str, u32)> =
        table.rows.iter().map(|r| (r.scenario.as_str(), r.controller.as_str(), r.plays)).collect();
    let each = [("steady", "static", 2), ("steady", "ds2", 2), ("step", "static", 2), ("step", "ds2", 2)];
    assert_eq!(places[..4], each);
    assert_eq!(places[4..], [(ALL, "static", 4), (ALL, "ds2", 4)]);
    let text = table.text();
    assert_eq!(text.lines().count(), 7);
    assert!(text.starts_with("scenario"), "{text}");
}

#[test]
fn medians_and_worst_cases() {
    let mut runs = run(&["static"], 1);
    for (run, hours) in runs.iter_mut().zip([1.0, 2.0, 4.0, 10.0]) {
        run.scenario = "one".into();
        run.scores[0].slot_hours = hours;
    }
    let table = Table::of(&runs);
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.rows[0].scores["slot_hours"], Cell { median: 3.0, worst: 10.0 });
}

#[test]
fn a_wrong_name_is_said_before_anything_is_played() {
    let (scenarios, options) = (scenarios(), Options::new());
    let tournament = Tournament {
        scenarios: &scenarios,
        controllers: &["static".to_owned(), "nobody".to_owned()],
        seeds: &[1],
        policies: &[],
        options: &options,
        objective: Millis::minutes(2),
    };
    assert!(tournament.run(1, &|_| ()).unwrap_err().contains("nobody"));
}

#[test]
fn every_column_says_what_it_means() {
    let legend = legend();
    let heading = Table::of(&run(&["static"], 1)).text();
    let titles =
        ["slot-h", "x best", "late %", "late rec %", "p50 s", "max s", "in 30m", "under", "settling", "recov s"];
    for title in titles {
        assert!(heading.lines().next().unwrap().contains(title), "{title}: {heading}");
        let line = legend.lines().find(|l| l.starts_with(&format!("{title:<10}  "))).unwrap();
        assert!(line.len() > 20, "{line}");
    }
}
