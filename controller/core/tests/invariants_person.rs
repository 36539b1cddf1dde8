//! Design section 12, 48: approvals. And what a person does by hand is respected, told and learned from.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::{Effect, RunId};
use weirkeeper_core::event::{Control, Event, KillSwitch};
use weirkeeper_core::policy::Mode;
use weirkeeper_core::units::Millis;

fn approve(run: RunId, plan_hash: &str) -> Event {
    Event::Control(Control::Approve { run, plan_hash: plan_hash.to_owned(), by: "ann".into() })
}

/// The first decision that wants a change.
fn first_wish(rig: &mut Rig) -> Decision {
    for _ in 0..20 {
        for effect in rig.tick() {
            if let Effect::Record(decision) = effect
                && !decision.rescale.is_empty()
            {
                return *decision;
            }
        }
    }
    panic!("nothing wanted: {:#?}", rig.log);
}

fn awaiting() -> (Rig, RunId, String) {
    let mut rig = Rig::overloaded();
    rig.policy().mode = Mode::Approve;
    let wish = first_wish(&mut rig);
    assert_eq!(wish.verdict, Verdict::AwaitApproval);
    (rig, wish.run.unwrap(), wish.plan_hash.unwrap())
}

#[test]
fn inv_48_an_approval_carries_its_plan_out_once() {
    let (mut rig, run, hash) = awaiting();
    assert_eq!((rig.acts.len(), rig.gates()), (0, vec!["needs-approval"]));
    rig.feed(&approve(run, &hash));
    assert_eq!(rig.rescales().len(), 1);
    assert_eq!(rig.memory().run.as_ref().unwrap().approved_by.as_deref(), Some("ann"));
    rig.feed(&approve(run, &hash));
    rig.run_for(120);
    rig.feed(&approve(run, &hash));
    assert_eq!(rig.rescales().len(), 1, "used once");
}

#[test]
fn inv_48_it_is_bound_to_the_plan() {
    let (mut rig, run, _) = awaiting();
    rig.feed(&approve(run, "0000000000000000"));
    rig.feed(&approve(RunId(run.0 + 100), "0000000000000000"));
    assert_eq!(rig.acts, []);
}

#[test]
fn inv_48_it_expires() {
    let (mut rig, run, hash) = awaiting();
    rig.at += 30 * 60_000;
    rig.feed(&approve(run, &hash));
    assert_eq!(rig.acts, []);
    rig.feed(&Event::Tick);
    assert_eq!((rig.phase(), rig.ends()), ("none", vec!["aborted"]));
}

#[test]
fn inv_48_it_expires_also_where_the_plan_is_still_the_same() {
    // 460/s of 500/s: always 1 to 2, and nothing piles up.
    let mut rig = Rig::fast(1, 460.0);
    rig.policy().mode = Mode::Approve;
    let wish = first_wish(&mut rig);
    let late = rig.at + 30 * 60_000;
    while rig.at < late {
        rig.flow();
        let seen = rig.observe();
        rig.feed(&Event::Observed(Box::new(seen)));
    }
    assert_eq!(rig.standing().plan_hash, wish.plan_hash);
    rig.feed(&approve(wish.run.unwrap(), &wish.plan_hash.unwrap()));
    assert_eq!(rig.acts, []);
}

#[test]
fn inv_48_it_is_of_no_use_for_what_the_policy_would_plan_now() {
    let (mut rig, run, hash) = awaiting();
    rig.policy().scaling.max_parallelism = Some(weirkeeper_core::units::Parallelism(2));
    rig.feed(&approve(run, &hash));
    assert_eq!((rig.acts.len(), rig.phase(), rig.gates()), (0, "none", vec!["changed-since-plan"]));
}

#[test]
fn inv_48_it_is_checked_against_what_is_seen_now() {
    // The load has changed, and with it the plan.
    let (mut rig, run, hash) = awaiting();
    rig.arriving = 300.0;
    rig.backlog = 0.0;
    rig.run_for(60);
    rig.feed(&approve(run, &hash));
    assert_eq!(rig.acts, []);
    // The gates are asked again.
    let (mut rig, run, hash) = awaiting();
    rig.feed(&Event::KillSwitch(KillSwitch::On));
    rig.feed(&approve(run, &hash));
    assert_eq!((rig.acts.len(), rig.gates()), (0, vec!["paused"]));
    // What cannot be read now is not approved on what was read before; the plan goes on waiting.
    let (mut rig, run, hash) = awaiting();
    rig.feed(&Event::Unobserved { job: key(), why: "connection refused".into(), incomplete: false });
    rig.feed(&approve(run, &hash));
    assert_eq!((rig.acts.len(), rig.phase()), (0, "awaiting-approval"));
    assert_eq!(rig.gates(), ["stale"]);
    // The policy only recommends now.
    let (mut rig, run, hash) = awaiting();
    rig.policy().mode = Mode::Recommend;
    rig.feed(&approve(run, &hash));
    assert_eq!((rig.acts.len(), rig.phase()), (0, "none"));
}

#[test]
fn inv_48_a_plan_lapses_with_the_mode_that_asked_for_it() {
    let (mut rig, ..) = awaiting();
    rig.policy().mode = Mode::Recommend;
    rig.tick();
    assert_eq!((rig.phase(), rig.ends()), ("none", vec!["aborted"]));
}

#[test]
fn inv_48_what_is_rejected_is_not_asked_again_soon() {
    let (mut rig, run, hash) = awaiting();
    rig.feed(&Event::Control(Control::Reject { run, by: "ann".into() }));
    rig.run_for(300);
    assert_eq!((rig.phase(), rig.gates()), ("none", vec!["ineffective"]));
    rig.feed(&approve(run, &hash));
    assert_eq!(rig.acts, []);
}

/// A person sets `work` from 4 to 8.
fn by_hand(arriving: f64) -> Rig {
    let mut rig = Rig::fast(4, arriving);
    rig.policy().scaling.cooldown.down = Millis::minutes(10);
    rig.show_requirements(Rig::bounds(4, 4));
    rig.run_until(100);
    assert_eq!(rig.rescales(), []);
    rig.show_requirements(Rig::bounds(4, 8));
    rig.parts[1].p = 8;
    rig.restart(1_000);
    rig
}

#[test]
fn a_change_by_hand_is_respected_told_and_learned_from() {
    let mut rig = by_hand(1_200.0);
    rig.arriving = 400.0;
    rig.run_until(600);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["cooldown"]), "{:#?}", rig.log);
    let told = rig.standing().reasons.iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("somebody set work from 4 to 8"), "{told}");
    assert!(rig.memory().learned["work"].points.contains_key(&8), "what it can do at 8 is known now");
    rig.run_until(760);
    assert_eq!(rig.rescales().len(), 1, "after cooldown.down it may be smaller again");
}

#[test]
fn within_the_hold_only_a_broken_objective_scales_up() {
    let mut rig = by_hand(1_200.0);
    rig.policy().scaling.lag_objective = Millis::secs(60);
    rig.run_until(150);
    // 8 subtasks can do 4000/s: 3800 is too much for the aim, and breaks nothing.
    rig.arriving = 3_800.0;
    rig.run_until(300);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["cooldown"]), "{:#?}", rig.log);
    rig.arriving = 6_000.0;
    rig.run_until(580);
    assert_eq!(rig.rescales().len(), 1, "{:#?}", rig.log);
}

#[test]
fn a_name_that_stands_twice_is_not_touched() {
    let mut rig = Rig::overloaded();
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs: vec![key(), key()] });
    rig.run_until(80);
    assert_eq!(rig.acts, []);
    assert!(rig.says("name-twice"));
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs: vec![key()] });
    rig.tick();
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn a_restart_that_is_not_ours_keeps_the_window_and_what_was_learned() {
    let mut rig = Rig::fast(4, 1_200.0);
    rig.run_until(700);
    let (learned, watched) = (rig.memory().learned.clone(), rig.state.jobs[&key()].view.watched_since);
    let samples = rig.state.jobs[&key()].view.windows.len();
    assert!(learned["work"].points.contains_key(&4));
    rig.restart(3_000);
    rig.run_for(5);
    assert_eq!(rig.memory().learned, learned);
    assert_eq!(rig.state.jobs[&key()].view.watched_since, watched);
    assert!(rig.state.jobs[&key()].view.windows.len() >= samples);
    assert!(rig.memory().by_hand.is_none());
}

#[test]
fn another_submission_keeps_what_was_learned_and_another_graph_does_not() {
    let mut rig = Rig::fast(4, 1_200.0);
    rig.run_until(700);
    let learned = rig.memory().learned.clone();
    rig.observation.job_id = "2".into();
    rig.restart(3_000);
    rig.run_for(5);
    assert_eq!(rig.memory().learned, learned);
    rig.parts.push(part("sink", 4, 100_000.0));
    rig.ships.push(weirkeeper_core::job::Ship::Hash);
    rig.tick();
    assert!(rig.memory().learned.is_empty());
}
