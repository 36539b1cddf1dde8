//! What a reader sees: samples, averages, delays and faults of reading.

use super::*;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::observation::{JobStatus, Scheduler};

const SOURCE: &str = "Source: orders";

#[test]
fn an_observation_has_what_the_real_reader_gives() {
    let mut world = world(lab(2, Shape::Constant(300.0)));
    run(&mut world, 60);
    let seen = observe(&mut world);
    let names = |task: Option<&str>| {
        let of = |s: &&weirkeeper_core::observation::Sample| s.key.task.as_deref() == task && s.key.labels.is_empty();
        let word = |s: &weirkeeper_core::observation::Sample| {
            let short = s.key.name.rsplit('_').next().unwrap_or("").to_owned();
            s.key.agg.map_or(short.clone(), |a| format!("{short} {}", a.as_str()))
        };
        let mut names: Vec<String> = seen.samples.iter().filter(of).map(word).collect();
        names.sort();
        names.join(", ")
    };
    assert_eq!(
        names(None),
        "lastCheckpointDuration, lastCheckpointFullSize, lastCheckpointSize, numRescales, numRestarts, \
         numberOfCompletedCheckpoints, numberOfFailedCheckpoints, numberOfInProgressCheckpoints"
    );
    assert_eq!(
        names(Some("enrich")),
        "accumulateBackPressuredTimeMs sum, accumulateBusyTimeMs avg, accumulateBusyTimeMs max, accumulateBusyTimeMs \
         min, accumulateBusyTimeMs sum, accumulateIdleTimeMs sum, backPressuredTimeMsPerSecond avg, \
         busyTimeMsPerSecond avg, busyTimeMsPerSecond max, inPoolUsage avg, numRecordsIn sum, numRecordsInPerSecond \
         sum, numRecordsOutPerSecond sum"
    );
    assert_eq!(
        names(Some(SOURCE)),
        "accumulateBackPressuredTimeMs sum, accumulateBusyTimeMs avg, accumulateBusyTimeMs max, accumulateBusyTimeMs \
         min, accumulateBusyTimeMs sum, accumulateIdleTimeMs sum, backPressuredTimeMsPerSecond avg, \
         busyTimeMsPerSecond avg, busyTimeMsPerSecond max, commitsFailed sum, count sum, currentEmitEventTimeLag avg, \
         currentEmitEventTimeLag max, inPoolUsage avg, numRecordsInPerSecond sum, numRecordsOut sum, \
         numRecordsOutPerSecond sum, partitions sum, pendingRecords sum, sourceIdleTime min"
    );
    let hosts: Vec<_> = seen.samples.iter().filter(|s| !s.key.labels.is_empty()).collect();
    assert_eq!(hosts.len(), 4);
    assert!(hosts.iter().all(|s| &*s.key.labels[0].0 == "tm_id" && &*s.key.labels[0].1 == "tm-1"));
    assert_eq!(seen.missing, Vec::<String>::new());
    facts(&seen);
}

fn facts(seen: &Observation) {
    assert_eq!((seen.status, seen.scheduler.clone()), (JobStatus::Running, Some(Scheduler::Adaptive)));
    let slots = seen.slots.unwrap();
    assert_eq!((slots.total, slots.free, slots.max, slots.on_demand, slots.taskmanagers), (12, 10, None, false, 3));
    let graph: &JobGraph = &seen.graph;
    let shape: Vec<_> = graph.vertices.iter().map(|v| (v.parallelism.0, v.running, v.partitions)).collect();
    assert_eq!(shape, [(1, Some(1), Some(8)), (2, Some(2), None)]);
    assert!(graph.vertices.iter().all(|v| v.id.len() == 32) && seen.job_id.len() == 32);
    let asked = seen.requirements.as_ref().unwrap();
    assert!(asked.len() == 2 && asked.keys().all(|id| graph.vertices.iter().any(|v| v.id == *id)));
    let checkpoints = seen.checkpoints.as_ref().unwrap();
    assert_eq!(
        (checkpoints.completed, checkpoints.failed, checkpoints.last_completed_id),
        (Some(11), Some(0), Some(11))
    );
    assert_eq!(checkpoints.last_duration, Some(Millis(50)));
}

#[test]
fn counters_are_sums_over_subtasks() {
    let mut world = world(lab(2, Shape::Constant(600.0)));
    run(&mut world, 50);
    let seen = observe(&mut world);
    let get = |series, agg| value(&seen, "enrich", series, agg).unwrap();
    // By hand: two subtasks, 300 of 500/s each: 60 % of 50 s each.
    assert!(close(get(name::BUSY_TOTAL, Agg::Sum), 60_000.0, 1e-6));
    assert!(close(get(name::IDLE_TOTAL, Agg::Sum), 40_000.0, 1e-6));
    assert!(close(get(name::BUSY_TOTAL, Agg::Avg), 30_000.0, 1e-6));
    assert!(close(get(name::RECORDS_IN, Agg::Sum), 30_000.0, 1e-6));
    // The 60 s averages after 50 s: 30,000 / 60, and busy over the ten looks that there were.
    assert!(close(get(name::RECORDS_IN_RATE, Agg::Sum), 500.0, 1e-6));
    assert!(close(get(name::BUSY_RATE, Agg::Avg), 600.0, 1e-6));
    assert!(close(value(&seen, SOURCE, name::RECORDS_OUT, Agg::Sum).unwrap(), 30_000.0, 1e-6));
    assert_eq!(value(&seen, SOURCE, name::RECORDS_IN, Agg::Sum), None);
}

#[test]
fn averages_begin_anew_with_an_attempt() {
    let mut world = world(lab(1, Shape::Constant(300.0)));
    run(&mut world, 100);
    ask(&mut world, 2);
    run(&mut world, 5);
    let job = &world.jobs[0];
    let ran = (world.now().0 - job.running_since.unwrap()) as f64 / 1_000.0;
    assert!((1.0..5.0).contains(&ran), "{ran}");
    let seen = observe(&mut world);
    let get = |series, agg| value(&seen, "enrich", series, agg).unwrap();
    assert_eq!((get(name::BUSY_RATE, Agg::Avg), get(name::RECORDS_IN_RATE, Agg::Sum)), (1_000.0, 0.0));
    // Its counters count from the start of the attempt.
    let clock = get(name::BUSY_TOTAL, Agg::Sum) + get(name::IDLE_TOTAL, Agg::Sum);
    assert!(close(clock, 2.0 * ran * 1_000.0, 1e-6), "{clock}");
}

#[test]
fn operator_metrics_come_when_the_attempt_has_settled() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.cluster.metric_update = Millis::secs(10);
    let mut world = world(scenario);
    run(&mut world, 9);
    let seen = observe(&mut world);
    assert!(value(&seen, SOURCE, name::EMIT_LAG, Agg::Max).is_none(), "nothing was fetched yet");
    run(&mut world, 2);
    let seen = observe(&mut world);
    assert_eq!(value(&seen, SOURCE, name::EMIT_LAG, Agg::Max), None);
    assert_eq!(seen.missing, ["operator metrics of Source: orders: not yet those of this attempt"]);
    run(&mut world, 10);
    assert_eq!(value(&observe(&mut world), SOURCE, name::EMIT_LAG, Agg::Max), Some(5.0));
}

#[test]
fn what_is_read_is_as_old_as_the_last_fetch_and_the_delay() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.cluster.metric_update = Millis::secs(10);
    scenario.cluster.metric_delay = Millis::secs(2);
    scenario.faults = vec![fault(100, Some(50), FaultKind::MetricDelay(Millis::secs(20)))];
    let mut world = world(scenario);
    let records = |world: &mut World| value(&observe(world), "enrich", name::RECORDS_IN, Agg::Sum);
    // By hand: fetched every 10 s, shown 2 s later, and 22 s later while the fault holds.
    for (second, of) in [(41, 30), (42, 40), (51, 40), (52, 50), (99, 90), (111, 80), (112, 90), (151, 140)] {
        let now = world.now().since(crate::world::BEGAN).0 / 1_000;
        run(&mut world, second - now);
        assert_eq!(records(&mut world), Some(300.0 * f64::from(of)), "at {second}");
    }
}

#[test]
fn frozen_metrics_say_that_they_do_not_move() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(30, Some(60), FaultKind::MetricFreeze)];
    let mut world = world(scenario);
    run(&mut world, 30);
    let before = observe(&mut world);
    run(&mut world, 40);
    let after = observe(&mut world);
    assert_eq!(
        value(&before, "enrich", name::BUSY_TOTAL, Agg::Sum),
        value(&after, "enrich", name::BUSY_TOTAL, Agg::Sum)
    );
    assert_eq!(of_job(&after, name::CHECKPOINTS_COMPLETED), of_job(&before, name::CHECKPOINTS_COMPLETED));
    assert!(after.missing[0].contains("have not moved for 40 s"), "{:?}", after.missing);
    let completed = |seen: &Observation| seen.checkpoints.as_ref().and_then(|c| c.completed);
    assert_eq!((completed(&before), completed(&after)), (Some(5), Some(13)), "the checkpoints' own answer is live");
    run(&mut world, 21);
    assert_eq!(observe(&mut world).missing, Vec::<String>::new());
}

#[test]
fn figures_of_the_attempt_before_are_not_given() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.cluster.metric_update = Millis::secs(10);
    let mut world = world(scenario);
    run(&mut world, 41);
    ask(&mut world, 2);
    run(&mut world, 8);
    assert_eq!((world.truth()[0].rescales, world.truth()[0].running), (1, true));
    let seen = observe(&mut world);
    assert_eq!(value(&seen, "enrich", name::BUSY_TOTAL, Agg::Sum), None);
    assert!(
        seen.missing.iter().any(|m| m == "figures of enrich are those of its former attempt"),
        "{:?}",
        seen.missing
    );
    assert_eq!(of_job(&seen, name::NUM_RESTARTS), Some(0.0), "the job's own are of that moment too");
}

#[test]
fn while_it_is_down_there_are_no_figures_of_vertices() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(30, None, FaultKind::Throws { vertex: "enrich".into() })];
    let mut world = world(scenario);
    run(&mut world, 60);
    let seen = observe(&mut world);
    assert_eq!((seen.status, seen.running_since), (JobStatus::Restarting, None));
    assert!(seen.samples.iter().all(|s| s.key.task.is_none()));
    assert!(seen.graph.vertices.iter().all(|v| v.running == Some(0)));
    assert_eq!(seen.failure.unwrap().text, "java.lang.RuntimeException: enrich throws");
}

#[test]
fn gaps_and_incomplete_answers() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(30, Some(10), FaultKind::MetricGap), fault(40, Some(10), FaultKind::MetricIncomplete)];
    let mut world = world(scenario);
    run(&mut world, 31);
    let seen = observe(&mut world);
    assert!(seen.samples.is_empty() && seen.missing.len() == 3 && seen.running_since.is_some(), "{:?}", seen.missing);
    run(&mut world, 10);
    let events = world.poll();
    assert!(matches!(&events[1], Event::Unobserved { incomplete: true, .. }), "{events:?}");
    run(&mut world, 10);
    assert!(!observe(&mut world).samples.is_empty());
}

#[test]
fn a_lie_about_busy_time_still_adds_up() {
    let mut scenario = lab(2, Shape::Constant(300.0));
    scenario.faults = vec![fault(0, None, FaultKind::MetricLie(2.0))];
    let mut world = world(scenario);
    run(&mut world, 50);
    let seen = observe(&mut world);
    let get = |series, agg| value(&seen, "enrich", series, agg).unwrap();
    // By hand: 30 % of 50 s of two subtasks, doubled; the rest of 100 s is idle.
    assert!(
        close(get(name::BUSY_TOTAL, Agg::Sum), 60_000.0, 1e-6)
            && close(get(name::IDLE_TOTAL, Agg::Sum), 40_000.0, 1e-6)
    );
    assert!(close(get(name::BUSY_RATE, Agg::Avg), 600.0, 1e-6));
    assert_eq!(world.truth()[0].busy[1], 0.3);
}

#[test]
fn calls_fail_in_the_share_that_is_asked_for() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(0, None, FaultKind::ApiErrors(0.3))];
    let mut world = world(scenario);
    let mut unobserved = 0;
    for _ in 0..1_000 {
        run(&mut world, 1);
        unobserved += world.poll().iter().filter(|e| matches!(e, Event::Unobserved { .. })).count();
    }
    // The list fails in 30 % of polls, and the job's answer in 30 % of the rest: 51 %.
    assert!((450..570).contains(&unobserved), "{unobserved}");
}

#[test]
fn a_dead_broker_shows_in_connections_and_commits_only() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(60, Some(100), FaultKind::BrokerOutage { vertex: SOURCE.into() })];
    let mut world = world(scenario);
    run(&mut world, 60);
    let get = |seen: &Observation, series, agg| value(seen, SOURCE, series, agg).unwrap();
    let before = observe(&mut world);
    assert_eq!(get(&before, name::CONNECTION_COUNT, Agg::Sum), 2.0);
    run(&mut world, 40);
    let after = observe(&mut world);
    assert_eq!(get(&after, name::CONNECTION_COUNT, Agg::Sum), 0.0);
    assert_eq!(get(&after, name::PENDING, Agg::Sum), 0.0);
    assert_eq!(get(&after, name::EMIT_LAG, Agg::Max), 5.0);
    assert_eq!(get(&after, name::SOURCE_IDLE, Agg::Min), 40_000.0);
    // Checkpoints at 60, 65, ..., 95 completed while it was gone.
    assert_eq!(get(&after, name::COMMITS_FAILED, Agg::Sum), 8.0);
    assert!(close(world.truth()[0].backlog, 12_000.0, 1e-6) && world.truth()[0].running);
}

#[test]
fn a_watermark_that_stands_still_stops_windows_and_shows_as_lag() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].vertices.push(vertex("out", 1, 5_000.0));
    scenario.jobs[0].edges.push(edge(1, 2, Ship::Forward, 1_000));
    scenario.jobs[0].vertices[1].emits_every = Some(Millis::secs(10));
    scenario.faults = vec![fault(60, Some(60), FaultKind::WatermarkStall { vertex: SOURCE.into() })];
    let mut world = world(scenario);
    run(&mut world, 65);
    let sent = |world: &World| world.jobs[0].net.nodes[2].totals.records_in;
    let before = sent(&world);
    run(&mut world, 54);
    assert_eq!(sent(&world), before);
    let seen = observe(&mut world);
    assert_eq!(value(&seen, SOURCE, name::WATERMARK_LAG, Agg::Max), Some(59_000.0));
    run(&mut world, 20);
    assert!(sent(&world) > before + 18_000.0);
}
