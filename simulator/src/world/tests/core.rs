//! Weirkeeper's own core drives the world.

use super::*;
use crate::controller::Controller;
use crate::controllers::weirkeeper::Weirkeeper;
use weirkeeper_core::effect::ActionKind;
use weirkeeper_core::glob::Glob;
use weirkeeper_core::policy::{Mode, Policy};

/// It may act on this one job.
fn auto() -> Policy {
    let mut policy = Policy { name: "lab".into(), mode: Mode::Auto, ..Policy::default() };
    policy.matches.jobs = vec![Glob("lab-job".into())];
    policy
}

/// The policy of the real scenario: short spans, and little time to catch up.
fn policy() -> Policy {
    let mut policy = auto();
    let scaling = &mut policy.scaling;
    scaling.window = Millis::secs(30);
    scaling.warm_up = Millis::secs(10);
    scaling.catch_up = Millis::secs(60);
    scaling.scale_down.after = Millis::secs(60);
    scaling.cooldown.up = Millis::secs(30);
    scaling.cooldown.down = Millis::secs(60);
    policy
}

/// What was asked for: when, and for how many subtasks of `enrich`.
struct Asked(Vec<(u64, u32)>);

fn play(world: &mut World, controller: &mut dyn Controller, interval: u64, secs: u64, asked: &mut Asked) {
    let began = super::super::BEGAN;
    let enrich = world.jobs[0].ids[1].clone();
    for _ in 0..secs {
        world.tick();
        let mut events = world.outcomes();
        let second = world.now().since(began).0 / 1_000;
        if second.is_multiple_of(interval) {
            events.extend(world.poll());
        } else if events.is_empty() {
            continue;
        }
        for command in controller.look(world.now(), &events) {
            if let Command::Act(action) = &command
                && let ActionKind::Rescale { target, .. } = &action.kind
            {
                asked.0.push((second, target[&enrich].upper.0));
            }
            world.carry_out(&command);
        }
    }
}

#[test]
fn four_times_the_load_is_answered_by_one_rescale_and_taken_back_by_one() {
    let steps = vec![(Millis(0), 300.0), (Millis::secs(75), 1_200.0), (Millis::secs(400), 300.0)];
    let mut scenario = lab(1, Shape::Steps(steps));
    scenario.cluster.heartbeat_timeout = Millis::secs(8);
    let mut world = world(scenario);
    let mut controller = Weirkeeper::new(vec![policy()], Millis::secs(5));
    let mut asked = Asked(Vec::new());
    play(&mut world, &mut controller, 5, 75, &mut asked);
    assert_eq!(asked.0, [], "60 % busy is no reason to rescale");
    play(&mut world, &mut controller, 5, 325, &mut asked);
    // As on a real Flink: 1200 / 0.65 and something for the backlog are 4 subtasks of 500/s, or 5 at p^0.9.
    assert_eq!(asked.0.len(), 1, "{:?}", asked.0);
    let (at, p) = asked.0[0];
    assert!((4..=5).contains(&p) && at < 115, "{:?}", asked.0);
    let truth = &world.truth()[0];
    assert_eq!((truth.parallelism[1], truth.rescales, truth.restarts), (p, 1, 1));
    assert!(truth.lag < Millis::secs(1), "{truth:?}");
    play(&mut world, &mut controller, 5, 500, &mut asked);
    assert_eq!(asked.0.len(), 2, "{:?}", asked.0);
    assert_eq!(world.truth()[0].parallelism, [1, 1]);
}

#[test]
fn a_steady_load_is_left_alone() {
    let mut scenario = lab(2, Shape::Constant(650.0));
    scenario.jobs[0].load.values_mut().for_each(|l| l.noise = 0.05);
    scenario.jobs[0].vertices[1].noise = 0.05;
    scenario.cluster.metric_update = Millis::secs(10);
    let mut world = world(scenario);
    let mut controller = Weirkeeper::new(vec![auto()], Millis::secs(15));
    let mut asked = Asked(Vec::new());
    play(&mut world, &mut controller, 15, 3 * 3_600, &mut asked);
    assert_eq!(asked.0, []);
}
