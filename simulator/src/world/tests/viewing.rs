//! What the REST API in front of a world is given.

use super::*;
use crate::world::{Fate, TaskManagerState};

#[test]
fn a_job_shows_its_attempt_its_vertices_and_where_they_run() {
    let mut scenario = lab(6, Shape::Constant(300.0));
    scenario.faults = vec![fault(30, Some(1), FaultKind::Throws { vertex: "enrich".into() })];
    let mut world = world(scenario);
    let new = world.job(0).unwrap();
    assert_eq!((new.word, new.attempt, new.vertices[1].word), ("CREATED", 0, "CREATED"));
    run(&mut world, 30);
    run(&mut world, 1);
    let down = world.job(0).unwrap();
    assert_eq!((down.word, down.vertices[1].word, down.restarts), ("RESTARTING", "CREATED", 1));
    assert_eq!(world.failures(0)[0].task, Some(1));
    run(&mut world, 20);
    let up = world.job(0).unwrap();
    assert_eq!((up.word, up.attempt, up.vertices[1].parallelism), ("RUNNING", 2, 6));
    assert_eq!(up.placement, [("tm-1".into(), 4), ("tm-2".into(), 2)]);
    assert_eq!(world.find_job(&up.id), Some(0));
    let managers = world.task_managers();
    assert_eq!(managers.iter().map(|t| (t.slots, t.used)).collect::<Vec<_>>(), [(4, 4), (4, 2), (4, 0)]);
    assert!(managers.iter().all(|t| t.state == TaskManagerState::Up));
    assert_eq!(world.checkpoints(0).unwrap().restored, Some(5));
}

#[test]
fn subtasks_add_up_to_their_vertex() {
    let mut scenario = lab(5, Shape::Constant(300.0));
    scenario.jobs[0].vertices[1].skew = 0.4;
    let mut world = world(scenario);
    run(&mut world, 60);
    let loads: f64 = (0..5).map(|i| world.load_of(0, 1, i)).sum();
    assert!(close(loads, 5.0, 1e-9));
    // By hand: 128 key groups on 5, of which the fullest has 26: 26 * 5 / 128, and 40 % more.
    assert!(close(world.load_of(0, 1, 0), 26.0 * 5.0 / 128.0 * 1.4, 1e-9));
    let figures = world.figures(0).unwrap();
    assert!(figures.own && figures.at == world.now());
    let totals = figures.vertices[1].totals;
    assert!(close(totals.busy * world.load_of(0, 1, 0), totals.hottest, 1e-6));
    assert!(close(totals.busy * world.load_of(0, 1, 4), totals.coldest, 1e-6));
}

#[test]
fn savepoints_stops_cancels_and_new_submissions() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].vertices[1].state = 2e8;
    let mut world = world(scenario);
    run(&mut world, 22);
    let savepoint = world.trigger_savepoint(0).unwrap();
    assert_eq!(world.fate_of(0, savepoint), None);
    assert!(world.checkpoints(0).unwrap().current.is_some_and(|c| c.savepoint));
    run(&mut world, 3);
    assert_eq!(world.fate_of(0, savepoint), Some(Fate::Completed));
    assert_eq!(world.job(0).unwrap().word, "RUNNING");
    let latest = world.checkpoints(0).unwrap().latest.unwrap();
    assert!(!latest.savepoint && latest.id < savepoint, "a savepoint is not the latest checkpoint");
    world.trigger_stop(0).unwrap();
    run(&mut world, 4);
    assert_eq!((world.job(0).unwrap().word, world.truth()[0].running), ("FINISHED", false));
    assert_eq!(world.trigger_savepoint(0), None);
    let bounds = world.jobs[0].bounds.clone();
    let parallelism = bounds.keys().map(|id| (id.clone(), 2)).collect();
    world.run_job(0, "abc".into(), &parallelism).unwrap();
    run(&mut world, 3);
    let again = world.job(0).unwrap();
    assert_eq!((again.word, &*again.id, again.attempt, again.vertices[1].parallelism), ("RUNNING", "abc", 1, 2));
    assert!(world.run_job(0, "abd".into(), &parallelism).is_err());
    world.cancel(0);
    assert_eq!((world.job(0).unwrap().word, world.task_managers()[0].used), ("CANCELED", 0));
}

#[test]
fn jobs_share_slots_and_have_noise_of_their_own() {
    let play = |jobs: usize| {
        let mut scenario = lab(4, Shape::Constant(300.0));
        scenario.jobs[0].vertices[1].noise = 0.2;
        for i in 1..jobs {
            let other = Job { name: format!("other-{i}").into(), ..scenario.jobs[0].clone() };
            scenario.jobs.push(other);
        }
        let mut world = world(scenario);
        run(&mut world, 60);
        world
    };
    let (alone, three) = (play(1), play(3));
    assert_eq!(alone.jobs[0].net.nodes[1].totals, three.jobs[0].net.nodes[1].totals);
    assert_ne!(three.jobs[0].net.nodes[1].totals, three.jobs[1].net.nodes[1].totals);
    assert_eq!(three.pool.free(), 0);
    let mut three = three;
    assert_eq!(three.poll().len(), 4);
    // A fourth of four slots has to wait, as a job that is created.
    let four = play(4);
    assert_eq!((four.job(3).unwrap().word, four.truth()[3].running), ("CREATED", false));
    assert_eq!(four.truth()[3].backlog, 60.0 * 300.0);
}

#[test]
fn a_savepoint_waits_for_the_checkpoint_under_way() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].vertices[1].state = 5e8;
    scenario.jobs[0].checkpoints.interval = Millis::secs(20);
    scenario.faults = vec![fault(47, Some(1), FaultKind::Throws { vertex: "enrich".into() })];
    let mut world = world(scenario);
    run(&mut world, 22);
    // The first checkpoint takes 5 s from 20 s on, and so does the savepoint after it.
    let savepoint = world.trigger_savepoint(0).unwrap();
    run(&mut world, 6);
    assert_eq!((world.fate_of(0, savepoint), world.checkpoints(0).unwrap().completed), (None, 1));
    run(&mut world, 4);
    assert_eq!((world.fate_of(0, savepoint), world.checkpoints(0).unwrap().failed), (Some(Fate::Completed), 0));
    // One that has not begun when the job restarts never will.
    run(&mut world, 14);
    world.jobs[0].checkpoints.ask();
    run(&mut world, 1);
    let savepoint = world.trigger_savepoint(0).unwrap();
    run(&mut world, 1);
    assert_eq!(world.fate_of(0, savepoint), Some(Fate::Failed));
}

#[test]
fn a_loss_hits_the_job_that_it_names() {
    let mut scenario = lab(4, Shape::Constant(300.0));
    scenario.jobs.push(Job { name: "other".into(), ..scenario.jobs[0].clone() });
    let loss = fault(30, None, FaultKind::TaskManagerLoss(1));
    scenario.faults = vec![Fault { job: Some("other".into()), ..loss }];
    let mut world = world(scenario);
    run(&mut world, 40);
    assert_eq!((world.truth()[0].restarts, world.truth()[1].restarts > 0), (0, true));
}
