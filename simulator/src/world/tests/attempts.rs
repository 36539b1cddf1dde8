//! Checkpoints, restarts and rescales.

use super::*;

/// Seconds since the world began, of a time in ms since the epoch.
fn secs(at: i64) -> f64 {
    (at - crate::world::BEGAN.0) as f64 / 1_000.0
}

#[test]
fn checkpoints_complete_every_interval() {
    let mut world = world(lab(1, Shape::Constant(300.0)));
    run(&mut world, 61);
    let checkpoints = &world.jobs[0].checkpoints;
    assert_eq!((checkpoints.completed, checkpoints.failed), (12, 0));
    let last = checkpoints.last.as_ref().unwrap();
    assert_eq!((secs(last.triggered), last.ended - last.triggered), (60.0, 50));
    assert_eq!(checkpoints.history.len(), 10);
}

#[test]
fn a_barrier_waits_behind_the_records_of_a_full_buffer() {
    for (unaligned, duration) in [(false, 2_050), (true, 51)] {
        let mut scenario = lab(1, Shape::Constant(1_000.0));
        scenario.jobs[0].checkpoints.unaligned = unaligned;
        let mut world = world(scenario);
        run(&mut world, 60);
        let last = world.jobs[0].checkpoints.last.clone().unwrap();
        // By hand: 1000 records at 500/s before it are 2 s. One that overtakes them writes them: 1000 of 100 bytes at
        // 100 MB/s are 1 ms.
        assert_eq!(last.ended - last.triggered, duration, "unaligned {unaligned}");
        assert_eq!(last.written, if unaligned { 100_000.0 } else { 0.0 });
    }
}

#[test]
fn the_first_checkpoint_and_the_first_after_a_rescale_write_everything() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].vertices[1].state = 1e9;
    scenario.jobs[0].checkpoints.interval = Millis::secs(20);
    let mut world = world(scenario);
    run(&mut world, 35);
    // By hand: 1 GB at 100 MB/s of one TaskManager are 10 s; a tenth of it is 1 s.
    let last = |world: &World| world.jobs[0].checkpoints.last.clone().unwrap();
    assert_eq!((last(&world).written, last(&world).ended - last(&world).triggered), (1e9, 10_050));
    run(&mut world, 10);
    assert_eq!((last(&world).written, last(&world).ended - last(&world).triggered), (1e8, 1_050));
    ask(&mut world, 8);
    run(&mut world, 20);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].rescales), (8, 1));
    // Two TaskManagers share the work now.
    run(&mut world, 25);
    assert_eq!((last(&world).written, last(&world).ended - last(&world).triggered), (1e9, 5_050));
    assert_eq!(last(&world).full, 1e9);
}

#[test]
fn a_checkpoint_that_takes_too_long_restarts_the_job_unless_that_is_tolerated() {
    for (tolerable, restarts) in [(0, true), (1_000, false)] {
        let mut scenario = lab(1, Shape::Constant(300.0));
        (scenario.jobs[0].checkpoints.timeout, scenario.jobs[0].checkpoints.interval) =
            (Millis::secs(3), Millis::secs(2));
        scenario.jobs[0].checkpoints.tolerable_failures = tolerable;
        scenario.faults = vec![fault(20, None, FaultKind::SlowCheckpoints(1_000.0))];
        let mut world = world(scenario);
        run(&mut world, 20);
        let before = world.truth()[0].checkpoints;
        run(&mut world, 20);
        let (job, truth) = (&world.jobs[0], &world.truth()[0]);
        assert_eq!(truth.checkpoints, before);
        // Periods of 5 s and a back-off of 1, 1.5, 2.25 s: 3 restarts in 20 s (4 were seen); without, one every 3 s.
        assert_eq!((truth.restarts > 0, job.checkpoints.failed), (restarts, if restarts { 3 } else { 6 }));
        let text = job.failures.front().map_or("", |f| f.root());
        assert_eq!(text.contains("Exceeded checkpoint tolerable failure threshold"), restarts, "{text}");
        assert_eq!(job.checkpoints.last.as_ref().map(|c| c.ended - c.triggered), Some(50), "looks healthy");
    }
}

#[test]
fn a_declined_checkpoint_fails_at_once() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].checkpoints.tolerable_failures = 100;
    scenario.faults = vec![fault(22, None, FaultKind::DeclinedCheckpoints)];
    let mut world = world(scenario);
    run(&mut world, 60);
    let checkpoints = &world.jobs[0].checkpoints;
    assert_eq!((checkpoints.completed, checkpoints.failed), (4, 7), "25, 30, ..., 55");
}

#[test]
fn a_restart_goes_back_to_the_last_checkpoint() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(13, Some(1), FaultKind::Throws { vertex: "enrich".into() })];
    let mut world = world(scenario);
    run(&mut world, 13);
    assert_eq!(world.jobs[0].net.sources[0].position, 3_900.0);
    let mut consumed = 0.0;
    for _ in 0..60 {
        world.tick();
        consumed += world.truth()[0].consumed;
    }
    let job = &world.jobs[0];
    // It failed at 13.01 s and started 1.2 s later, from what was read at 10 s: 3000. What it read anew until 3900
    // is not new.
    assert_eq!((job.restarts, job.attempt, secs(job.running_since.unwrap())), (1, 2, 14.21));
    assert_eq!(job.net.sources[0].position, 73.0 * 300.0);
    assert!(close(consumed, 60.0 * 300.0, 1e-6), "{consumed}");
    assert!(close(job.net.nodes[0].totals.records_in, 73.0 * 300.0 - 3_000.0, 1e-6), "counters begin anew");
    assert!(close(job.net.nodes[0].totals.clock, 73_000.0 - 14_210.0, 1e-6));
}

#[test]
fn a_restart_loop_goes_as_measured() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(60, Some(80), FaultKind::Throws { vertex: "enrich".into() })];
    let mut world = world(scenario);
    let mut failures = Vec::new();
    for _ in 0..140 {
        world.tick();
        let newest = world.jobs[0].failures.front().map(|f| secs(f.at) - 60.0);
        failures.extend(newest.filter(|n| failures.last() != Some(n)));
    }
    // Measured on Flink 2.2.1 with these settings and 10 % of jitter.
    let measured = [0.1, 1.3, 3.0, 5.4, 9.3, 14.9, 22.5, 33.0, 49.4, 73.0];
    assert_eq!(failures.len(), 10, "{failures:?}");
    for (ours, theirs) in failures.iter().zip(measured) {
        assert!(close(*ours, theirs, 0.1 + 0.07 * theirs), "{failures:?}");
    }
    assert_eq!(world.truth()[0].restarts, 10);
    // The cause is gone after 80 s; the job still waits out its back-off.
    assert!(!world.truth()[0].running);
    run(&mut world, 37);
    assert!(world.truth()[0].running);
}

#[test]
fn a_poison_record_comes_back_from_every_checkpoint() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(62, Some(600), FaultKind::PoisonRecord { vertex: "enrich".into() })];
    let mut world = world(scenario);
    run(&mut world, 600);
    let truth = world.truth()[0].clone();
    assert!(truth.restarts >= 5 && truth.backlog > 100_000.0, "{truth:?}");
    assert!(world.jobs[0].net.sources[0].position <= 62.0 * 300.0 + 1_500.0);
    assert!(world.jobs[0].failures[0].root().contains("cannot read record 18601"));
    run(&mut world, 700);
    assert!(world.truth()[0].running && world.jobs[0].net.sources[0].position > 100_000.0, "{:?}", world.truth());
}

#[test]
fn a_strategy_that_gives_up_ends_the_job() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].restart = Restart::Fixed { delay: Millis::secs(2), attempts: 2 };
    scenario.faults = vec![fault(10, None, FaultKind::Throws { vertex: "enrich".into() })];
    let mut world = world(scenario);
    run(&mut world, 60);
    assert_eq!((world.truth()[0].restarts, world.truth()[0].slots, world.pool.free()), (2, 0, 12));
    assert_eq!(world.poll(), [], "an empty list is no event");
    assert!(close(world.truth()[0].backlog, 50.0 * 300.0, 1_500.0), "what arrives is not lost");
}

/// Two TaskManagers of two slots, all in use.
fn small() -> Scenario {
    let mut scenario = lab(4, Shape::Constant(300.0));
    (scenario.cluster.task_managers, scenario.cluster.slots_per_task_manager) = (2, 2);
    scenario
}

#[test]
fn a_killed_task_manager_costs_what_was_measured() {
    let mut scenario = small();
    scenario.faults = vec![fault(100, None, FaultKind::TaskManagerLoss(1))];
    let mut world = world(scenario);
    run(&mut world, 150);
    let (job, truth) = (&world.jobs[0], &world.truth()[0]);
    // Measured: a pause of 33.8 s and 6 restarts. By hand: six attempts on the dead one, which is known to be dead after
    // 20 s; the next back-off ends at 124.5 s, and 10 s later it starts with the two slots that there are.
    assert_eq!((truth.restarts, truth.parallelism.clone()), (6, vec![1, 2]));
    let pause = secs(job.running_since.unwrap()) - 100.0;
    assert!(close(pause, 33.8, 2.0), "{pause}");
    assert!(job.failures[0].root().contains("RecipientUnreachable") && job.failures[5].root().contains("'tm-1'"));
    assert_eq!(job.bounds.values().map(|b| b.upper.0).max(), Some(4), "what is asked for stays");
}

#[test]
fn when_it_comes_back_flink_scales_by_itself() {
    let mut scenario = small();
    scenario.faults = vec![fault(100, Some(60), FaultKind::TaskManagerLoss(1))];
    let mut world = world(scenario);
    run(&mut world, 159);
    assert_eq!(world.truth()[0].parallelism, [1, 2]);
    run(&mut world, 12);
    assert_eq!((world.truth()[0].parallelism.clone(), world.truth()[0].rescales), (vec![1, 4], 1));
}

#[test]
fn more_than_there_is_is_kept_and_taken_when_it_comes() {
    let mut world = world(small());
    run(&mut world, 20);
    ask(&mut world, 6);
    run(&mut world, 300);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].restarts), (4, 0));
    let now = world.now().0;
    world.pool.resize(3, now);
    run(&mut world, 25);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].rescales), (6, 1));
}

#[test]
fn slots_that_do_not_come_are_waited_for_a_minute() {
    let mut world = world(lab(1, Shape::Constant(300.0)));
    run(&mut world, 30);
    ask(&mut world, 64);
    let mut took = 0;
    while world.truth()[0].parallelism[1] == 1 && took < 200 {
        run(&mut world, 1);
        took += 1;
    }
    // Measured: 60.2 s for what is possible when more was asked for, and a checkpoint is at most 5 s away.
    assert_eq!(world.truth()[0].parallelism[1], 12);
    assert!((60..=66).contains(&took), "{took}");
}

#[test]
fn a_rescale_waits_for_the_cooldown_and_for_a_checkpoint() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.cluster.rescale_cooldown = Millis::secs(30);
    scenario.jobs[0].checkpoints.interval = Millis::secs(60);
    let mut world = world(scenario);
    run(&mut world, 70);
    ask(&mut world, 2);
    let until = |world: &mut World, p: u32| {
        let mut took = 0;
        while (world.truth()[0].parallelism[1] != p || !world.truth()[0].running) && took < 200 {
            run(world, 1);
            took += 1;
        }
        took
    };
    // By hand: the next checkpoint is triggered at 120 s and completes within that second; half a second of pause.
    assert_eq!(until(&mut world, 2), 52);
    // A checkpoint within the cooldown counts: asked for at once, the rescale comes 30 s after the one before.
    let job = world.jobs[0].key.clone();
    ask(&mut world, 3);
    world.jobs[0].checkpoints.ask();
    assert!(close(until(&mut world, 3) as f64, 30.0, 2.0));
    assert_eq!(world.jobs[0].key, job);
}

#[test]
fn before_2_it_goes_at_once_from_the_last_checkpoint() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.cluster.version = (1, 20);
    scenario.jobs[0].checkpoints.interval = Millis::secs(60);
    scenario.jobs[0].vertices[1].state = 1e9;
    let mut world = world(scenario);
    // The checkpoint of 120 s is under way (a tenth of 1 GB takes 1 s).
    run(&mut world, 121);
    assert!(world.jobs[0].checkpoints.current.is_some());
    ask(&mut world, 2);
    run(&mut world, 1);
    let job = &world.jobs[0];
    assert_eq!((job.parallelism[1], job.restarts, job.checkpoints.failed), (2, 1, 1));
    // By hand: back to the checkpoint of 60 s, 18,000; in the half second left it fills the buffers of 2 subtasks and
    // they do 500.
    assert_eq!(job.net.sources[0].position, 20_500.0);
}

#[test]
fn on_demand_task_managers_come_first() {
    let mut scenario = lab(4, Shape::Constant(300.0));
    (scenario.cluster.task_managers, scenario.cluster.most_task_managers) = (1, Some(4));
    let mut world = world(scenario);
    run(&mut world, 20);
    ask(&mut world, 12);
    run(&mut world, 9);
    assert_eq!((world.truth()[0].parallelism[1], world.pool.total()), (4, 4));
    run(&mut world, 8);
    assert_eq!((world.truth()[0].parallelism[1], world.pool.total(), world.truth()[0].rescales), (12, 12, 1));
    ask(&mut world, 4);
    run(&mut world, 60);
    assert_eq!((world.truth()[0].parallelism[1], world.pool.total()), (4, 4), "idle ones are released");
}

#[test]
fn on_demand_none_may_come() {
    let mut scenario = lab(4, Shape::Constant(300.0));
    (scenario.cluster.task_managers, scenario.cluster.most_task_managers) = (1, Some(4));
    scenario.faults = vec![fault(10, Some(200), FaultKind::NoSlots)];
    let mut world = world(scenario);
    run(&mut world, 20);
    ask(&mut world, 12);
    run(&mut world, 180);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].rescales), (4, 0));
    run(&mut world, 20);
    assert_eq!(world.truth()[0].parallelism[1], 12);
}

#[test]
fn a_leak_kills_its_task_manager_again_and_again() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.cluster.task_managers = 1;
    scenario.faults = vec![fault(10, None, FaultKind::MemoryLeak { vertex: "enrich".into(), rate: 1e7 })];
    let mut world = world(scenario);
    run(&mut world, 90);
    // By hand: three quarters of 1 GiB at 10 MB/s are 80.5 s.
    assert_eq!(world.truth()[0].restarts, 0);
    run(&mut world, 1);
    assert_eq!(
        (world.truth()[0].restarts, world.jobs[0].failures[0].root()),
        (1, "java.lang.OutOfMemoryError: Java heap space")
    );
    run(&mut world, 60);
    assert!(world.truth()[0].running, "a new process took its place");
    run(&mut world, 300);
    let out_of_memory = world.jobs[0].failures.iter().filter(|f| f.root().contains("OutOfMemory")).count();
    assert!((3..=5).contains(&out_of_memory), "{:?}", world.jobs[0].failures);
}

#[test]
fn a_source_notices_dead_brokers_late_and_then_every_minute() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(60, Some(600), FaultKind::BrokerOutage { vertex: "Source: orders".into() })];
    let mut world = world(scenario);
    run(&mut world, 419);
    // Looks for partitions every 5 minutes, and waits a minute for the answer.
    assert_eq!((world.truth()[0].restarts, world.truth()[0].consumed), (0, 0.0));
    run(&mut world, 200);
    let job = &world.jobs[0];
    // Measured: cycles of 61.5 s, of which the job runs for 60.
    assert_eq!(job.restarts, 4, "{:?}", job.failures);
    assert_eq!(job.failures[0].dependency, Some("Kafka"));
    let cycle = (job.failures[0].at - job.failures[1].at) as f64 / 1_000.0;
    assert!(close(cycle, 63.0, 1.5), "{cycle}");
    run(&mut world, 100);
    assert!(world.truth()[0].running && world.truth()[0].consumed > 300.0, "{:?}", world.truth());
}

#[test]
fn reactive_mode_takes_every_slot() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    (scenario.cluster.mechanism, scenario.cluster.task_managers) = (Mechanism::Reactive, 1);
    scenario.cluster.most_task_managers = Some(5);
    let mut world = world(scenario);
    run(&mut world, 5);
    assert_eq!(world.truth()[0].parallelism, [4, 4]);
    ask(&mut world, 7);
    run(&mut world, 15);
    assert_eq!((world.truth()[0].parallelism.clone(), world.truth()[0].slots), (vec![8, 8], 8));
    ask(&mut world, 3);
    run(&mut world, 5);
    assert_eq!(world.truth()[0].parallelism, [4, 4]);
}

#[test]
fn a_redeploy_stops_with_a_savepoint_and_runs_another_job() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    (scenario.cluster.mechanism, scenario.cluster.rescale_pause) = (Mechanism::Redeploy, Millis::secs(60));
    let mut world = world(scenario);
    run(&mut world, 30);
    let before = world.jobs[0].id.clone();
    ask(&mut world, 3);
    run(&mut world, 61);
    assert!(!world.truth()[0].running && world.jobs[0].id != before);
    run(&mut world, 2);
    let (job, truth) = (&world.jobs[0], &world.truth()[0]);
    assert_eq!((truth.parallelism[1], truth.restarts, truth.rescales, job.restarts), (3, 1, 1, 0));
    // It goes on where the savepoint was taken: at 30 s.
    assert_eq!(job.net.sources[0].position - job.net.nodes[0].totals.records_in, 9_000.0);
}

#[test]
fn a_bad_rescale_leaves_less_until_the_next() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(10, Some(30), FaultKind::BadRescale(0.25))];
    let mut world = world(scenario);
    run(&mut world, 20);
    ask(&mut world, 4);
    run(&mut world, 10);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].capacity), (4, 500.0));
    run(&mut world, 20);
    ask(&mut world, 8);
    run(&mut world, 10);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].capacity), (8, 4_000.0));
}
