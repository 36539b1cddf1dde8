//! Design section 12, act, verify, undo (36 to 42), and 8, 16, 21. The number of each test is the number of the line
//! there. That the executor compares the live object, the token and the job's id right before sending is tested with
//! the executor (controller/src/flink); here is what the core makes of its answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::effect::{ActionKind, CheckpointOrder, Effect, Purpose, Token};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::memory::Kind;
use weirkeeper_core::observation::JobStatus;
use weirkeeper_core::units::{Millis, Timestamp};

/// A rig that has sent its first rescale, `work` 1 to 4, and not heard of it.
fn acting() -> Rig {
    let mut rig = Rig::overloaded();
    rig.obeys = false;
    rig.show_requirements(Rig::bounds(1, 1));
    rig.until_act(60);
    rig
}

/// The same, carried out, and all tasks running.
fn settling() -> Rig {
    let mut rig = acting();
    rig.obey();
    rig.tick();
    rig
}

#[test]
fn inv_08_a_changed_live_object_means_skip_and_decide_anew() {
    let mut rig = acting();
    let first = rig.acts[0].1.clone();
    let ActionKind::Rescale { expected, .. } = &first.kind else { panic!("{first:?}") };
    assert_eq!(*expected, Rig::bounds(1, 1), "what the live job must ask for, or nothing is sent");
    assert_eq!(&*first.job_id, "1");
    rig.answer(Outcome::Changed("it now asks for 3".into()));
    assert_eq!(rig.ends(), ["aborted"]);
    assert!(rig.memory().disruptions.is_empty(), "nothing was sent, nothing is spent");
    let next = rig.until_act(10);
    assert!(next.token > first.token && next.run != first.run, "decided anew, under a new run");
}

#[test]
fn inv_21_one_run_at_a_time_each_action_under_a_higher_token() {
    let mut rig = acting();
    // Nothing but the run itself is in the way.
    rig.policy().limits.max_concurrent.per_cluster = 10;
    rig.policy().limits.max_concurrent.count = 10;
    rig.policy().scaling.cooldown.up = Millis(0);
    rig.run_for(120);
    assert_eq!(rig.gates(), ["locked"]);
    let rescales = rig.acts.iter().filter(|a| matches!(a.1.kind, ActionKind::Rescale { .. })).count();
    assert_eq!(rescales, 1, "an unanswered run keeps others out");
    rig.obey();
    rig.run_for(20);
    rig.parts[1].each = 10.0;
    rig.run_for(60);
    let tokens: Vec<Token> = rig.acts.iter().map(|a| a.1.token).collect();
    assert!(tokens.len() >= 2, "{:#?}", rig.acts);
    assert!(tokens.windows(2).all(|t| t[0] < t[1]), "{tokens:?}");
}

#[test]
fn inv_21_an_answer_under_another_token_is_not_this_runs_answer() {
    let mut rig = acting();
    let action = rig.acts[0].1.clone();
    let late = Event::Outcome { run: action.run, token: Token(action.token.0 + 1), outcome: Outcome::Accepted };
    rig.feed(&late);
    assert_eq!(rig.phase(), "acting");
    let other =
        Event::Outcome { run: weirkeeper_core::effect::RunId(99), token: action.token, outcome: Outcome::Accepted };
    rig.feed(&other);
    assert_eq!(rig.phase(), "acting");
}

#[test]
fn inv_36_the_intent_is_durable_before_the_effect_and_found_again() {
    let mut rig = acting();
    // What the shell wrote before it sent anything: everything that became dirty up to and with that step.
    let stored = rig.state.take_dirty();
    rig.state = weirkeeper_core::State::restore(stored);
    assert_eq!(rig.phase(), "acting");
    assert_eq!(rig.memory().disruptions.len(), 1, "and it is spent");
    let effects = rig.feed(&Event::Resumed);
    let asked = |e: &Effect| matches!(e, Effect::Act(a) if a.kind == ActionKind::Inquire);
    assert!(effects.iter().any(asked), "before anything is repeated it asks: {effects:?}");
}

#[test]
fn inv_36_after_a_crash_before_the_call_it_ends_as_not_done_and_is_free_again() {
    let mut rig = acting();
    rig.feed(&Event::Resumed);
    rig.answer(Rig::found(Rig::bounds(1, 1)));
    assert_eq!((rig.phase(), rig.ends()), ("none", vec!["aborted"]));
    assert!(rig.memory().disruptions.is_empty());
    rig.until_act(60);
}

#[test]
fn inv_36_after_a_crash_after_the_call_it_goes_on() {
    let mut rig = acting();
    rig.show_requirements(Rig::bounds(1, 4));
    rig.apply(&Rig::bounds(1, 4));
    rig.feed(&Event::Resumed);
    rig.answer(Rig::found(Rig::bounds(1, 4)));
    assert_eq!(rig.phase(), "settling");
    rig.run_for(100);
    assert_eq!(rig.ends(), ["succeeded"]);
    assert_eq!(rig.memory().disruptions.len(), 1);
    assert!(rig.memory().by_hand.is_none());
}

#[test]
fn inv_36_after_a_crash_somebody_elses_change_ends_it_and_stays_spent() {
    let mut rig = acting();
    rig.feed(&Event::Resumed);
    rig.answer(Rig::found(Rig::bounds(2, 2)));
    assert_eq!(rig.ends(), ["aborted"]);
    assert_eq!(rig.memory().disruptions.len(), 1, "it may have been done before the other change");
}

#[test]
fn inv_36_after_a_crash_another_submission_ends_it() {
    let mut rig = acting();
    rig.feed(&Event::Resumed);
    let (requirements, running) = (Rig::bounds(1, 4), Default::default());
    rig.answer(Outcome::Found { requirements, running, job_id: "2".into() });
    assert_eq!(rig.ends(), ["aborted"]);
}

/// Every figure that must survive is the same after a crash at any step, and the run comes to one end.
#[test]
fn inv_16_36_killed_at_any_step_nothing_that_must_survive_is_lost() {
    let mut rig = Rig::overloaded();
    let mut store = std::collections::BTreeMap::new();
    let mut ends = 0;
    for n in 0..80 {
        if n == 55 {
            rig.arriving = 4_000.0;
        }
        rig.tick();
        for record in rig.state.take_dirty() {
            let text = serde_json::to_string(&record).unwrap();
            store.insert(record.key(), text);
        }
        let read = store.values().map(|t| serde_json::from_str(t).unwrap());
        let restored = weirkeeper_core::State::restore(read);
        let (was, is) = (rig.memory(), &restored.jobs[&key()].memory);
        assert_eq!((&was.disruptions, &was.run, &was.ended), (&is.disruptions, &is.run, &is.ended), "step {n}");
        assert_eq!((was.token, &was.ineffective, &was.flapping), (is.token, &is.ineffective, &is.flapping), "step {n}");
        assert_eq!((&was.asked, was.asked_by_us, &was.by_hand), (&is.asked, is.asked_by_us, &is.by_hand), "step {n}");
        assert_eq!(rig.state.fleet, restored.fleet, "step {n}");
        let points = |m: &weirkeeper_core::memory::JobMemory| -> Vec<Vec<u32>> {
            m.learned.values().map(|l| l.points.keys().copied().collect()).collect()
        };
        assert_eq!(points(was), points(is), "step {n}");
        if n % 7 == 3 {
            rig.state = restored;
            rig.feed(&Event::Resumed);
        }
        ends = rig.ends().len();
    }
    assert_eq!((rig.rescales().len(), ends), (2, 2), "{:#?}", rig.log);
    assert_eq!(rig.ends(), ["succeeded", "succeeded"]);
}

#[test]
fn inv_36_after_a_crash_in_an_undo_it_is_finished_not_begun_again() {
    let mut rig = worse();
    rig.feed(&Event::Resumed);
    rig.show_requirements(Rig::bounds(1, 1));
    rig.apply(&Rig::bounds(1, 1));
    rig.answer(Rig::found(Rig::bounds(1, 1)));
    rig.run_for(30);
    assert_eq!(rig.ends(), ["rolled-back"], "{:#?}", rig.log);
    let undos = |a: &&(i64, weirkeeper_core::effect::Action)| {
        matches!(a.1.kind, ActionKind::Rescale { purpose: Purpose::Undo, .. })
    };
    assert_eq!(rig.acts.iter().filter(undos).count(), 1);
}

/// A rescale after which everything is slower: the undo has been sent.
fn worse() -> Rig {
    let mut rig = settling();
    rig.parts[1].each = 50.0;
    let undo = rig.until_act(120);
    assert!(matches!(undo.kind, ActionKind::Rescale { purpose: Purpose::Undo, .. }), "{:#?}", rig.log);
    rig
}

#[test]
fn inv_38_success_needs_a_positive_signal() {
    // No checkpoint completes after it: at the deadline that is not success.
    let mut rig = acting();
    rig.completes_checkpoints = false;
    rig.policy().scaling.catch_up = Millis::secs(100);
    rig.obey();
    rig.run_for(90);
    assert_eq!((rig.phase(), rig.ends()), ("settling", vec![]));
    let patience = rig.memory().run.as_ref().unwrap().patience;
    rig.run_for(patience.0 as i64 / 1_000);
    assert_eq!(rig.ends(), ["inconclusive"]);
    assert!(rig.log.iter().any(|l| l.contains("ESCALATE") && l.contains("no checkpoint has completed")));
    assert!(rig.memory().ineffective.is_empty(), "kept, and not held against it");
}

#[test]
fn inv_38_what_cannot_be_measured_is_not_success() {
    let mut rig = acting();
    rig.without = vec![weirkeeper_core::series::name::BUSY_TOTAL, weirkeeper_core::series::name::IDLE_TOTAL];
    rig.obey();
    rig.run_for(120);
    assert_eq!((rig.phase(), rig.ends()), ("settling", vec![]));
}

#[test]
fn inv_39_undone_once_to_what_was_recorded_by_compare_and_set() {
    let mut rig = worse();
    let (_, action) = rig.acts.last().unwrap().clone();
    let ActionKind::Rescale { target, expected, .. } = action.kind else { panic!("{action:?}") };
    assert_eq!((target, expected), (Rig::bounds(1, 1), Rig::bounds(1, 4)));
    assert_eq!(rig.memory().disruptions.iter().map(|d| d.kind).collect::<Vec<_>>(), [Kind::Up, Kind::Undo]);
    rig.obey();
    rig.run_for(300);
    assert_eq!(rig.ends(), ["rolled-back"]);
    assert_eq!(rig.acts.len(), 2, "and that was all: {:#?}", rig.log);
    assert!(rig.log.iter().any(|l| l.contains("ESCALATE") && l.contains("undone")));
}

#[test]
fn inv_39_an_undo_is_free_of_budgets_and_of_the_gates_that_need_running_tasks() {
    let mut rig = acting();
    rig.policy().limits.per_job[0].count = 1;
    rig.policy().limits.per_fleet.count = 1;
    rig.obey();
    rig.observation.checkpoints.as_mut().unwrap().savepoint_in_progress = Some(true);
    rig.observation.checkpoints.as_mut().unwrap().last_completed = None;
    rig.completes_checkpoints = false;
    // It does not come up again: after `withdraw_after` it counts as unable to run at this size.
    rig.observation.running_since = None;
    rig.observation.status = JobStatus::Restarting;
    let undo = rig.until_act(400);
    assert!(matches!(undo.kind, ActionKind::Rescale { purpose: Purpose::Undo, .. }), "{:#?}", rig.log);
}

#[test]
fn inv_39_an_undo_that_flink_refuses_needs_a_person_and_is_not_repeated() {
    let mut rig = worse();
    let effects = rig.answer(Outcome::Refused("no".into()));
    assert_eq!(rig.ends(), ["rollback-failed"]);
    assert_eq!(escalations(&effects).len(), 1);
    rig.run_for(120);
    assert_eq!(rig.acts.len(), 2);
}

#[test]
fn inv_39_an_undo_that_was_not_carried_out_is_sent_again_but_not_for_ever() {
    let mut rig = worse();
    for _ in 0..10 {
        let inquire = matches!(rig.acts.last().unwrap().1.kind, ActionKind::Inquire);
        let outcome = if inquire { Rig::found(Rig::bounds(1, 4)) } else { Outcome::Unclear("reset".into()) };
        rig.answer(outcome);
    }
    assert_eq!(rig.ends(), ["rollback-failed"]);
    let undos = rig.acts.iter().filter(|a| matches!(a.1.kind, ActionKind::Rescale { purpose: Purpose::Undo, .. }));
    assert_eq!(undos.count(), 3);
}

#[test]
fn inv_40_what_failed_is_not_repeated_soon_and_twice_needs_a_person() {
    let mut rig = acting();
    rig.answer(Outcome::Refused("not enough of anything".into()));
    assert_eq!(rig.ends(), ["failed"]);
    assert!(rig.memory().disruptions.is_empty(), "nothing was changed, nothing is spent");
    rig.run_for(600);
    assert_eq!((rig.acts.len(), rig.gates()), (1, vec!["ineffective"]), "not each cycle");
    rig.run_for(3_010);
    assert_eq!(rig.acts.len(), 2, "an hour later");
    let effects = rig.answer(Outcome::Refused("not enough of anything".into()));
    assert_eq!(escalations(&effects).len(), 1, "twice needs a person, who is told");
    let until = rig.memory().ineffective.values().next().unwrap().until;
    assert!(until > Timestamp(rig.at).plus(Millis::hours(24 * 300)));
    rig.feed(&Event::Control(weirkeeper_core::event::Control::Resume {
        job: Some("job".into()),
        only: None,
        by: "ann".into(),
    }));
    rig.until_act(10);
}

#[test]
fn inv_40_neither_is_a_plan_that_what_failed_is_a_part_of() {
    let mut rig = acting();
    rig.answer(Outcome::Refused("no".into()));
    rig.policy().scaling.min_parallelism = weirkeeper_core::units::Parallelism(2);
    rig.run_for(60);
    assert!(rig.wanted().len() == 2 && rig.acts.len() == 1, "{:#?}", rig.log);
    assert_eq!(rig.gates(), ["ineffective"]);
}

#[test]
fn inv_40_a_rescale_that_made_it_worse_is_not_tried_again_soon() {
    let mut rig = worse();
    rig.obey();
    rig.parts[1].each = 500.0;
    rig.run_for(900);
    assert_eq!((rig.acts.len(), rig.gates()), (2, vec!["ineffective"]), "{:#?}", rig.log);
}

#[test]
fn inv_42_an_unclear_outcome_is_asked_after_before_anything_is_repeated() {
    let mut rig = acting();
    rig.answer(Outcome::Unclear("timed out".into()));
    assert_eq!(rig.acts.len(), 2);
    assert_eq!(rig.acts[1].1.kind, ActionKind::Inquire);
    // The inquiry is not answered either: asked again after a while, not at once.
    rig.answer(Outcome::Unclear("timed out".into()));
    assert_eq!(rig.acts.len(), 2);
    rig.tick();
    rig.tick();
    assert_eq!(rig.acts.len(), 3);
    assert!(rig.acts[1..].iter().all(|a| a.1.kind == ActionKind::Inquire));
    rig.answer(Rig::found(Rig::bounds(1, 1)));
    assert_eq!(rig.ends(), ["aborted"]);
    assert_eq!(rig.memory().disruptions.len(), 1, "what may have been done is spent: no PUT in every cycle");
    rig.run_for(30);
    assert_eq!(rig.gates(), ["cooldown"]);
}

#[test]
fn inv_42_a_change_that_lands_after_all_is_ours_not_a_persons() {
    let mut rig = acting();
    rig.answer(Outcome::Unclear("timed out".into()));
    rig.answer(Rig::found(Rig::bounds(1, 1)));
    rig.run_for(10);
    rig.show_requirements(Rig::bounds(1, 4));
    rig.apply(&Rig::bounds(1, 4));
    rig.run_for(30);
    assert!(rig.memory().by_hand.is_none() && rig.memory().asked_by_us);
}

#[test]
fn the_order_of_checkpoint_and_put_is_that_of_the_version() {
    let order = |version| {
        let mut rig = Rig::overloaded();
        rig.obeys = false;
        rig.observation.facts.version = version;
        match rig.until_act(60).kind {
            ActionKind::Rescale { checkpoint, .. } => checkpoint,
            other => panic!("{other:?}"),
        }
    };
    // Two intervals of 10 s.
    let before = CheckpointOrder::BeforePut { wait: Millis::secs(20) };
    assert_eq!(order(Some((2, 0))), CheckpointOrder::AfterPut);
    assert_eq!(order(Some((1, 20))), before);
    assert_eq!(order(None), before);
}
