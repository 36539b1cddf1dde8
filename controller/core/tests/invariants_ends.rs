//! Design section 12, 37: every run ends, whatever becomes of the job, the policy, Flink or Weirkeeper. And what is
//! asked of Flink and not there is asked no longer (7.7).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::effect::{ActionKind, Purpose};
use weirkeeper_core::event::{Control, Event, KillSwitch, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::JobStatus;
use weirkeeper_core::policy::Mode;
use weirkeeper_core::series::{SeriesKey, name};

fn acting() -> Rig {
    let mut rig = Rig::overloaded();
    rig.obeys = false;
    rig.show_requirements(Rig::bounds(1, 1));
    rig.until_act(60);
    rig
}

fn settling() -> Rig {
    let mut rig = acting();
    rig.obey();
    rig.tick();
    assert_eq!(rig.phase(), "settling");
    rig
}

fn undoing() -> Rig {
    let mut rig = settling();
    rig.parts[1].each = 50.0;
    rig.until_act(120);
    assert_eq!(rig.phase(), "rolling-back");
    rig
}

fn is_undo(action: &weirkeeper_core::effect::Action) -> bool {
    matches!(action.kind, ActionKind::Rescale { purpose: Purpose::Undo, .. })
}

#[test]
fn inv_37_an_action_that_nobody_answers_is_asked_after_and_given_up() {
    for (mut rig, end) in [(acting(), "inconclusive"), (undoing(), "rollback-failed")] {
        let before = rig.acts.len();
        rig.run_for(150);
        assert_eq!(rig.acts.len(), before, "it may be waiting for a checkpoint");
        rig.run_for(60);
        assert_eq!(rig.acts[before].1.kind, ActionKind::Inquire);
        rig.run_for(500);
        assert!(rig.memory().run.is_some(), "not given up before ten minutes of asking");
        rig.run_for(120);
        assert_eq!(rig.ends().last(), Some(&end), "{:#?}", rig.log);
        assert!(rig.log.iter().any(|l| l.contains("ESCALATE") && l.contains("found out")));
    }
}

#[test]
fn inv_37_a_job_that_ends_takes_its_run_with_it() {
    let mut rig = settling();
    rig.observation.status = JobStatus::Ended;
    rig.observation.running_since = None;
    rig.run_for(600);
    assert_eq!(rig.ends(), ["inconclusive"]);
    assert_eq!(rig.acts.len(), 1, "there is nothing to undo");
    let mut rig = undoing();
    rig.answer(Outcome::Accepted);
    rig.observation.status = JobStatus::Ended;
    rig.tick();
    assert_eq!(rig.ends(), ["rollback-failed"]);
}

#[test]
fn inv_37_a_job_that_vanishes_from_the_list_does_not_keep_its_run_open() {
    let other = JobKey { name: "other".into(), ..key() };
    for (mut rig, end) in [(settling(), "inconclusive"), (undoing(), "rollback-failed")] {
        if rig.phase() == "rolling-back" {
            rig.answer(Outcome::Accepted);
        }
        rig.feed(&Event::Jobs { cluster: "c".into(), jobs: vec![other.clone()] });
        let patience = rig.memory().run.as_ref().unwrap().patience.0 as i64 / 1_000;
        rig.tick_unseen(patience - 150);
        assert!(rig.memory().run.is_some(), "it may come back");
        rig.tick_unseen(160);
        assert_eq!(rig.ends(), [end], "and the cluster is free for others");
    }
}

#[test]
fn inv_37_a_job_that_cannot_be_read_does_not_keep_its_run_open() {
    let mut rig = settling();
    let patience = rig.memory().run.as_ref().unwrap().patience.0 as i64 / 1_000;
    for _ in 0..patience / 5 {
        rig.flow();
        rig.feed(&Event::Unobserved { job: key(), why: "connection refused".into(), incomplete: false });
        rig.feed(&Event::Tick);
    }
    assert_eq!(rig.ends(), ["inconclusive"]);
}

#[test]
fn inv_37_a_policy_that_goes_does_not_keep_the_run_open() {
    let mut rig = settling();
    rig.config.policies.clear();
    rig.run_for(700);
    assert_eq!(rig.memory().run, None, "{:#?}", rig.log);
    assert_eq!(rig.ends().len(), 1);
    let mut rig = undoing();
    rig.config.policies.clear();
    rig.obey();
    rig.run_for(60);
    assert_eq!(rig.ends(), ["rolled-back"]);
}

#[test]
fn inv_37_another_submission_ends_the_run() {
    let mut rig = settling();
    rig.observation.job_id = "2".into();
    rig.show_requirements(Rig::bounds(1, 1));
    rig.parts[1].p = 1;
    rig.restart(1_000);
    rig.run_for(10);
    assert_eq!(rig.ends(), ["aborted"]);
    assert!(rig.memory().by_hand.is_none(), "a submission is no change by hand");
    assert!(!rig.memory().asked_by_us, "what it asks for is not ours");
}

#[test]
fn inv_37_somebody_elses_rescale_ends_the_run_and_it_is_filed() {
    let mut rig = settling();
    rig.show_requirements(Rig::bounds(1, 7));
    rig.parts[1].p = 7;
    rig.restart(1_000);
    rig.run_for(10);
    assert_eq!(rig.ends(), ["aborted"]);
    assert_eq!(rig.memory().run, None);
    assert!(rig.log.iter().any(|l| l.contains("somebody else")), "{:#?}", rig.log);
    assert_eq!(rig.memory().by_hand.as_ref().unwrap().to.0, 7);
}

#[test]
fn inv_37_a_person_who_takes_it_back_by_hand_is_respected() {
    let mut rig = settling();
    rig.show_requirements(Rig::bounds(1, 1));
    rig.parts[1].p = 1;
    rig.restart(1_000);
    // A poll that began before Flink took it looks the same: it is believed after a minute.
    rig.run_for(40);
    assert_eq!(rig.phase(), "settling");
    rig.run_for(30);
    assert_eq!((rig.phase(), rig.ends()), ("none", vec!["aborted"]));
    assert!(rig.memory().by_hand.is_some());
}

#[test]
fn inv_37_what_fails_again_and_again_cannot_run() {
    let mut rig = settling();
    rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 0.0);
    rig.tick();
    rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 2.0);
    rig.tick();
    assert_eq!(rig.acts.len(), 1);
    rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 3.0);
    rig.tick();
    assert!(rig.acts.len() == 2 && is_undo(&rig.acts[1].1), "{:#?}", rig.log);
}

#[test]
fn inv_37_checkpoints_that_fail_undo_it() {
    let mut rig = settling();
    rig.completes_checkpoints = false;
    rig.observation.checkpoints.as_mut().unwrap().failed = Some(2);
    rig.tick();
    assert_eq!(rig.acts.len(), 1);
    rig.observation.checkpoints.as_mut().unwrap().failed = Some(3);
    rig.tick();
    assert!(rig.acts.len() == 2 && is_undo(&rig.acts[1].1), "{:#?}", rig.log);
}

#[test]
fn inv_37_an_undo_that_is_not_seen_to_work_ends_at_its_deadline() {
    let mut rig = undoing();
    rig.answer(Outcome::Accepted);
    rig.show_requirements(Rig::bounds(1, 1));
    let patience = rig.memory().run.as_ref().unwrap().patience.0 as i64 / 1_000;
    rig.run_for(patience - 10);
    assert_eq!(rig.phase(), "rolling-back");
    rig.run_for(20);
    assert_eq!(rig.ends(), ["rollback-failed"]);
}

/// Rescaled to 4 by us, and 1 of the 4 are lost with their TaskManager.
fn shrunk() -> Rig {
    let mut rig = settling();
    rig.run_for(60);
    assert_eq!(rig.ends(), ["succeeded"]);
    rig.parts[1].p = 3;
    rig.restart(1_000);
    rig
}

fn withdrawals(rig: &Rig) -> usize {
    rig.acts.iter().filter(|a| matches!(a.1.kind, ActionKind::Rescale { purpose: Purpose::Withdraw, .. })).count()
}

#[test]
fn a_taskmanager_that_is_lost_is_no_change_by_hand_and_starts_no_rescales() {
    let mut rig = shrunk();
    rig.arriving = 1_480.0;
    rig.run_for(120);
    assert!(rig.memory().by_hand.is_none());
    assert_eq!(rig.acts.len(), 1, "{:#?}", rig.log);
    assert!(rig.gates().contains(&"no-capacity"), "{:?}", rig.standing());
}

#[test]
fn what_we_asked_for_and_is_not_there_is_asked_no_longer() {
    let mut rig = shrunk();
    rig.run_for(295);
    assert_eq!(withdrawals(&rig), 0);
    rig.run_for(30);
    assert_eq!(withdrawals(&rig), 1);
    let ActionKind::Rescale { target, expected, .. } = rig.acts.last().unwrap().1.kind.clone() else { panic!() };
    assert_eq!((target, expected), (Rig::bounds(1, 3), Rig::bounds(1, 4)));
    // Flink did not take it: it is not taken for a change by hand, and tried again after as long.
    rig.run_for(60);
    assert!(rig.memory().by_hand.is_none() && rig.memory().asked_by_us);
    rig.run_for(260);
    assert_eq!(withdrawals(&rig), 2);
    rig.show_requirements(Rig::bounds(1, 3));
    rig.run_for(600);
    assert_eq!(withdrawals(&rig), 2);
    assert!(rig.memory().by_hand.is_none());
}

#[test]
fn what_somebody_else_asked_for_stays_asked_for() {
    let mut rig = Rig::fast(3, 600.0);
    rig.show_requirements(Rig::bounds(3, 5));
    rig.run_for(1_000);
    assert_eq!(rig.acts, []);
    // The same after a rescale of ours that somebody has changed since.
    let mut rig = settling();
    rig.run_for(60);
    rig.show_requirements(Rig::bounds(1, 9));
    rig.run_for(1_000);
    assert_eq!(withdrawals(&rig), 0);
}

#[test]
fn nothing_is_withdrawn_where_nothing_may_be_done() {
    let still = |stop: fn(&mut Rig)| {
        let mut rig = shrunk();
        stop(&mut rig);
        rig.run_for(600);
        withdrawals(&rig)
    };
    assert!(still(|_| ()) > 0);
    assert_eq!(still(|r| r.policy().mode = Mode::Recommend), 0);
    assert_eq!(still(|r| r.config.dry_run = true), 0);
    assert_eq!(still(|r| drop(r.feed(&Event::KillSwitch(KillSwitch::Unreadable)))), 0);
    let pause = |r: &mut Rig| {
        let (job, only, until) = (None, None, None);
        r.feed(&Event::Control(Control::Pause { job, only, until, reason: "x".into(), by: "y".into() }));
    };
    assert_eq!(still(pause), 0);
}

#[test]
fn inv_34_what_never_came_is_asked_no_longer_and_counts_as_failed() {
    let mut rig = acting();
    rig.show_requirements(Rig::bounds(1, 4));
    rig.answer(Outcome::Accepted);
    rig.parts[1].p = 2;
    rig.restart(1_000);
    rig.run_for(280);
    assert_eq!((rig.acts.len(), rig.phase()), (1, "settling"));
    rig.run_for(30);
    assert_eq!((rig.ends(), withdrawals(&rig)), (vec!["failed"], 1));
    assert_eq!(rig.state.fleet.failed_verifications.len(), 1);
}
