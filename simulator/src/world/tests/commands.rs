//! Actions of the core: compare and set, fencing, waits, and answers that do not come.

use super::*;
use weirkeeper_core::effect::{Action, ActionKind, CheckpointOrder, Purpose, Redeploy, RunId, Stage, Token};
use weirkeeper_core::event::Outcome;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::policy::Jar;
use weirkeeper_core::units::Parallelism;

fn bounds(world: &World, enrich: u32) -> BTreeMap<Arc<str>, Bounds> {
    let one = |p| Bounds { lower: Parallelism(1), upper: Parallelism(p) };
    let ids = &world.jobs[0].ids;
    BTreeMap::from([(ids[0].clone(), one(1)), (ids[1].clone(), one(enrich))])
}

fn action(world: &World, token: u64, kind: ActionKind) -> Command {
    let (job, job_id) = (world.jobs[0].key.clone(), world.jobs[0].id.clone());
    Command::Act(Box::new(Action { run: RunId(token), token: Token(token), job, job_id, kind }))
}

fn rescale(world: &World, token: u64, from: u32, to: u32, checkpoint: CheckpointOrder) -> Command {
    let (target, expected) = (bounds(world, to), bounds(world, from));
    action(world, token, ActionKind::Rescale { purpose: Purpose::Up, target, expected, checkpoint })
}

fn outcomes(world: &mut World) -> Vec<Outcome> {
    let outcome = |event| match event {
        Event::Outcome { outcome, .. } => Some(outcome),
        _ => None,
    };
    world.outcomes().into_iter().filter_map(outcome).collect()
}

fn only(world: &mut World) -> Outcome {
    let mut all = outcomes(world);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_rescale_with_a_checkpoint_asked_for_is_done_within_seconds() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.jobs[0].checkpoints.interval = Millis::secs(60);
    let mut world = world(scenario);
    run(&mut world, 20);
    let command = rescale(&world, 1, 1, 3, CheckpointOrder::AfterPut);
    world.carry_out(&command);
    assert_eq!(only(&mut world), Outcome::Accepted);
    run(&mut world, 3);
    assert_eq!((world.truth()[0].parallelism[1], world.truth()[0].running), (3, true));
}

#[test]
fn nothing_is_sent_when_the_live_job_is_not_as_planned() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(50, Some(50), FaultKind::Busy)];
    let mut world = world(scenario);
    run(&mut world, 20);
    let changed = |outcome: Outcome, with: &str| match outcome {
        Outcome::Changed(why) => assert!(why.contains(with), "{why}"),
        other => panic!("{other:?}"),
    };
    let command = rescale(&world, 1, 2, 3, CheckpointOrder::AfterPut);
    world.carry_out(&command);
    changed(only(&mut world), "it now asks for 1..1 of ");
    run(&mut world, 40);
    let command = rescale(&world, 2, 1, 3, CheckpointOrder::AfterPut);
    world.carry_out(&command);
    changed(only(&mut world), "a savepoint is in progress");
    assert_eq!(observe(&mut world).checkpoints.unwrap().savepoint_in_progress, Some(true));
    run(&mut world, 60);
    world.jobs[0].id = "other".into();
    world.carry_out(&command);
    changed(only(&mut world), "not there any more");
    run(&mut world, 30);
    assert_eq!(world.truth()[0].rescales, 0);
}

#[test]
fn an_older_token_is_refused_and_so_is_what_cannot_be() {
    let mut world = world(lab(1, Shape::Constant(300.0)));
    run(&mut world, 20);
    let command = rescale(&world, 5, 1, 129, CheckpointOrder::AfterPut);
    world.carry_out(&command);
    assert!(matches!(only(&mut world), Outcome::Refused(why) if why.contains("above its max parallelism 128")));
    let command = rescale(&world, 4, 1, 2, CheckpointOrder::AfterPut);
    world.carry_out(&command);
    assert!(matches!(only(&mut world), Outcome::Refused(why) if why.contains("fencing token 4 is older than 5")));
}

#[test]
fn a_checkpoint_before_is_waited_for() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    (scenario.cluster.version, scenario.jobs[0].checkpoints.interval) = ((1, 20), Millis::secs(600));
    scenario.jobs[0].vertices[1].state = 5e8;
    let mut world = world(scenario);
    run(&mut world, 20);
    let wait = Millis::secs(30);
    let command = rescale(&world, 1, 1, 2, CheckpointOrder::BeforePut { wait });
    world.carry_out(&command);
    // By hand: half a gigabyte at 100 MB/s is 5 s.
    run(&mut world, 5);
    assert_eq!(outcomes(&mut world), []);
    run(&mut world, 2);
    assert_eq!(only(&mut world), Outcome::Accepted);
    run(&mut world, 1);
    let job = &world.jobs[0];
    assert_eq!((job.parallelism[1], job.checkpoints.restore.as_ref().unwrap().positions[0]), (2, 6_000.0));
}

#[test]
fn one_that_takes_too_long_is_not_waited_for() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    (scenario.cluster.version, scenario.jobs[0].checkpoints.interval) = ((1, 20), Millis::secs(600));
    scenario.jobs[0].vertices[1].state = 5e9;
    let mut world = world(scenario);
    run(&mut world, 20);
    let wait = Millis::secs(10);
    let command = rescale(&world, 1, 1, 2, CheckpointOrder::BeforePut { wait });
    world.carry_out(&command);
    run(&mut world, 12);
    assert_eq!(only(&mut world), Outcome::Accepted);
    // No checkpoint has ever completed: it begins anew.
    assert!(world.jobs[0].net.sources[0].position < 6_000.0);
}

#[test]
fn a_call_that_is_not_answered_may_have_been_done() {
    let (mut done, mut unclear, mut changed) = (0, 0, 0);
    for seed in 0..1_000 {
        let mut scenario = lab(1, Shape::Constant(300.0));
        scenario.faults = vec![fault(10, Some(10), FaultKind::ApiTimeouts(0.5))];
        let mut world = World::new(Arc::new(scenario), seed);
        run(&mut world, 15);
        let command = rescale(&world, 1, 1, 2, CheckpointOrder::AfterPut);
        world.carry_out(&command);
        let at_once = outcomes(&mut world);
        run(&mut world, 11);
        match at_once.into_iter().chain(outcomes(&mut world)).next() {
            Some(Outcome::Unclear(_)) => {
                unclear += 1;
                done += u32::from(world.jobs[0].bounds == bounds(&world, 2));
                let question = action(&world, 2, ActionKind::Inquire);
                world.carry_out(&question);
                assert!(
                    matches!(only(&mut world), Outcome::Found { requirements, .. } if requirements == world.jobs[0].bounds)
                );
            }
            Some(Outcome::Changed(_)) => changed += 1,
            Some(Outcome::Accepted) => {}
            other => panic!("{other:?}"),
        }
    }
    // Half of the reads before fail; half of what is left times out, and half of those are done all the same.
    let shares = [(changed, 500), (unclear, 250), (done, 125)];
    assert!(shares.iter().all(|(n, of)| close(f64::from(*n), f64::from(*of), 55.0)), "{shares:?}");
}

#[test]
fn a_redeploy_goes_in_two_stages() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    (scenario.cluster.mechanism, scenario.cluster.rescale_pause) = (Mechanism::Redeploy, Millis::secs(60));
    let mut world = world(scenario);
    run(&mut world, 30);
    let parallelism = |p| {
        BTreeMap::from([(world.jobs[0].ids[0].clone(), Parallelism(1)), (world.jobs[0].ids[1].clone(), Parallelism(p))])
    };
    let stage = |stage| Redeploy {
        purpose: Purpose::Up,
        stage,
        jar: Jar { name: "lab.jar".into(), entry_class: None, args: Vec::new(), config: BTreeMap::new() },
        trigger: "0".into(),
        checkpoint_before: Some(5),
        expected: parallelism(1),
        target: parallelism(4),
        wait: Millis::secs(60),
    };
    let (first, new): (_, Arc<str>) = (stage(Stage::Stop), "00000000000000000000000000000abc".into());
    let second = stage(Stage::Run { savepoint: "x".into(), job_id: new.clone() });
    let command = action(&world, 1, ActionKind::Redeploy(Box::new(first.clone())));
    let question = action(&world, 2, ActionKind::InquireRedeploy(Box::new(first)));
    world.carry_out(&command);
    run(&mut world, 2);
    let Outcome::Stopped { savepoint } = only(&mut world) else { panic!() };
    assert!(savepoint.starts_with("file:/savepoints/"), "{savepoint}");
    assert_eq!((world.poll(), world.truth()[0].slots), (vec![], 0));
    world.carry_out(&question);
    assert_eq!(only(&mut world), Outcome::Stopped { savepoint });
    let command = action(&world, 3, ActionKind::Redeploy(Box::new(second)));
    world.carry_out(&command);
    assert_eq!(only(&mut world), Outcome::Started { job_id: new.clone() });
    run(&mut world, 1);
    let seen = observe(&mut world);
    assert!(seen.samples.iter().all(|s| s.key.task.is_none()));
    run(&mut world, 60);
    let seen = observe(&mut world);
    assert_eq!((seen.job_id, seen.graph.vertices[1].parallelism.0), (new, 4));
    assert!(world.truth()[0].running && seen.requirements.is_none());
}
