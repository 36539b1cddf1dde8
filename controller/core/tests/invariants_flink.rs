//! Design section 12, Flink's state: 26, 27, 31, 32, 34. The number of each test is the number of the line there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::observation::{Checkpoints, Failure, Scheduler};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Timestamp};

fn checkpoints(rig: &mut Rig) -> &mut Checkpoints {
    rig.observation.checkpoints.as_mut().unwrap()
}

fn oversized() -> Rig {
    let mut rig = Rig::fast(4, 1_200.0);
    rig.run_until(120);
    assert_eq!(rig.rescales(), []);
    rig.arriving = 100.0;
    rig
}

#[test]
fn inv_26_nothing_while_a_savepoint_is_in_progress_or_may_be() {
    for (seen, gate) in [(Some(true), "snapshot-in-progress"), (None, "incomplete")] {
        let mut rig = Rig::overloaded();
        checkpoints(&mut rig).savepoint_in_progress = seen;
        rig.run_until(80);
        assert_eq!((rig.rescales(), rig.gates()), (vec![], vec![gate]));
        checkpoints(&mut rig).savepoint_in_progress = Some(false);
        rig.tick();
        assert_eq!(rig.rescales().len(), 1);
    }
}

#[test]
fn inv_26_a_checkpoint_is_not_waited_for() {
    let mut rig = Rig::overloaded();
    checkpoints(&mut rig).checkpoint_in_progress = Some(true);
    rig.run_until(80);
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_27_no_scale_down_on_an_old_checkpoint() {
    let mut rig = oversized();
    rig.completes_checkpoints = false;
    // Three intervals of 10 s and a time-out of 30 s: 60 s, and the last one completed at 120 s.
    checkpoints(&mut rig).timeout = Some(Millis::secs(30));
    rig.run_until(400);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["checkpoint-too-old"]), "{:#?}", rig.log);
    checkpoints(&mut rig).last_completed = Some(Timestamp(rig.at - 50_000));
    rig.tick();
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_27_the_policy_may_set_the_limit() {
    let mut rig = oversized();
    rig.completes_checkpoints = false;
    rig.policy().scaling.checkpoint_limit = Some(Millis::secs(20));
    rig.run_until(400);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["checkpoint-too-old"]));
    let mut rig = oversized();
    rig.completes_checkpoints = false;
    rig.policy().scaling.checkpoint_limit = Some(Millis::hours(1));
    rig.run_until(400);
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_27_for_a_scale_up_in_place_the_age_is_a_cost_but_none_at_all_is_a_veto() {
    let mut rig = Rig::overloaded();
    rig.completes_checkpoints = false;
    checkpoints(&mut rig).last_completed = Some(Timestamp(-86_400_000));
    rig.run_until(80);
    assert_eq!(rig.rescales().len(), 1);
    for nothing in [None, Some(Checkpoints { last_completed: None, ..rig.observation.checkpoints.clone().unwrap() })] {
        let mut rig = Rig::overloaded();
        rig.completes_checkpoints = false;
        rig.observation.checkpoints = nothing;
        rig.run_until(80);
        assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["checkpoint-too-old"]));
    }
}

#[test]
fn inv_31_no_scale_down_while_lag_grows_or_is_beyond_its_objective() {
    let down = |lag: f64, slope: f64| {
        let mut rig = oversized();
        let (mut behind, began) = (lag, rig.at);
        while rig.at < began + 250_000 {
            behind += slope * 5.0;
            rig.extra.insert(SeriesKey::task(name::LAG_SECONDS, "src", Agg::Max), behind);
            rig.tick();
        }
        rig.rescales().iter().filter(|r| r.1[1] < 4).count()
    };
    assert!(down(0.5, 0.0) > 0, "the objective is 2 minutes");
    assert_eq!(down(0.5, 0.1), 0, "growing by 0.1 s per second");
    assert_eq!(down(200.0, 0.0), 0, "beyond the objective");
    assert_eq!(down(119.5, 0.0), 0, "beyond it after the rescale's own pause");
}

#[test]
fn inv_32_no_scale_up_for_what_scaling_cannot_fix() {
    // A hot key.
    let mut rig = Rig::fast(4, 1_500.0);
    rig.parts[1].skew = 0.9;
    rig.run_until(200);
    assert_eq!(rig.rescales(), [], "{:#?}", rig.log);
    // Garbage collection.
    let mut rig = Rig::overloaded();
    rig.extra.insert(SeriesKey { agg: Some(Agg::Max), ..SeriesKey::job(name::GC_RATE) }, 500.0);
    rig.run_until(200);
    assert_eq!(rig.rescales(), []);
    // The broker.
    let mut rig = Rig::overloaded();
    let at = Timestamp(150_000);
    rig.observation.failure =
        Some(Failure { at, text: "TimeoutException".into(), dependency: Some("Kafka".to_owned()) });
    rig.run_until(200);
    assert!(rig.rescales().is_empty() && rig.says("dependency-down"), "{:#?}", rig.log);
}

#[test]
fn inv_34_no_further_scale_up_while_what_was_asked_has_no_slots() {
    let mut rig = Rig::overloaded();
    rig.show_requirements(Rig::bounds(1, 3));
    rig.run_until(200);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["no-capacity"]));
    rig.show_requirements(Rig::bounds(1, 1));
    rig.policy().scaling.cooldown.down = Millis(0);
    rig.run_until(300);
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn a_job_that_cannot_rescale_in_place_is_told_what_to_set() {
    for (scheduler, gate) in [(Some(Scheduler::Other("Default".into())), "scheduler"), (None, "scheduler")] {
        let mut rig = Rig::overloaded();
        rig.observation.scheduler = scheduler;
        rig.run_until(80);
        assert_eq!((rig.acts.len(), rig.gates()), (0, vec![gate]));
        let said: String = rig.standing().reasons.iter().map(ToString::to_string).collect();
        assert!(said.contains("jobmanager.scheduler: adaptive"), "{said}");
    }
}
