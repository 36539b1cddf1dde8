//! Design section 12, evidence: what must not be acted upon. The number of each test is the number of the line there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::{Failure, JobStatus};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Timestamp};

/// The rig that every test here starts from acts when nothing is in the way, or the tests would prove nothing.
#[test]
fn the_rig_acts_where_nothing_stands_in_the_way() {
    let mut rig = Rig::overloaded();
    rig.run_until(60);
    assert_eq!(rig.rescales().len(), 1, "{:#?}", rig.log);
    assert_eq!(rig.rescales()[0].1, [1, 4]);
}

#[test]
fn inv_01_too_few_samples_move_nothing() {
    let mut rig = Rig::overloaded();
    // Readings count from 10 s on, and two differences that agree need three: at 15 s there are two.
    rig.run_until(15);
    assert_eq!(rig.rescales(), []);
    assert_eq!(rig.reasons(), ["too-few-samples"]);
    rig.until_act(60);
}

#[test]
fn inv_01_figures_that_do_not_move_move_nothing() {
    let mut rig = Rig::overloaded();
    rig.obeys = false;
    rig.policy().mode = weirkeeper_core::policy::Mode::Recommend;
    rig.run_until(40);
    assert!(!rig.wanted().is_empty());
    let frozen = rig.observe();
    for _ in 0..4 {
        rig.at += 5_000;
        rig.feed(&Event::Observed(Box::new(frozen.clone())));
    }
    assert!(rig.wanted().is_empty(), "{:?}", rig.standing());
    assert_eq!(rig.gates(), ["stale"]);
    assert!(rig.says("not-moving"), "{:?}", rig.reasons());
}

#[test]
fn inv_01_a_job_that_is_not_heard_of_is_stale_after_three_intervals() {
    let mut rig = Rig::overloaded();
    rig.policy().mode = weirkeeper_core::policy::Mode::Recommend;
    rig.run_until(40);
    let jobs = vec![key()];
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs });
    rig.tick_unseen(15);
    assert!(!rig.wanted().is_empty());
    rig.tick_unseen(5);
    assert!(rig.wanted().is_empty());
    assert_eq!(rig.gates(), ["stale"]);
}

#[test]
fn inv_02_nan_infinite_and_negative_values_satisfy_nothing() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        let mut rig = Rig::overloaded();
        rig.without = vec![name::BUSY_TOTAL];
        for agg in [Agg::Sum, Agg::Max] {
            rig.extra.insert(SeriesKey::task(name::BUSY_TOTAL, "work", agg), bad);
            rig.extra.insert(SeriesKey::task(name::BUSY_RATE, "work", agg), bad);
        }
        rig.run_until(120);
        assert_eq!(rig.rescales(), [], "{bad}: {:#?}", rig.log);
    }
}

#[test]
fn inv_03_an_incomplete_answer_is_discarded_whole() {
    let mut rig = Rig::overloaded();
    rig.run_until(15);
    let before = rig.state.jobs[&key()].view.windows.len();
    for _ in 0..12 {
        rig.flow();
        let why = "metrics of TaskManager 2 are missing".to_owned();
        rig.feed(&Event::Unobserved { job: key(), why, incomplete: true });
    }
    assert_eq!(rig.state.jobs[&key()].view.windows.len(), before);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["incomplete"]));
}

#[test]
fn inv_04_nothing_before_every_task_has_run_for_the_warm_up() {
    let mut rig = Rig::overloaded();
    rig.policy().scaling.warm_up = Millis::secs(120);
    rig.run_until(115);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["warm-up"]));
    rig.run_until(180);
    assert_eq!(rig.rescales().len(), 1);

    let mut rig = Rig::overloaded();
    rig.observation.running_since = None;
    rig.run_until(180);
    assert_eq!(rig.rescales(), []);
    assert!(rig.says("missing"), "{:?}", rig.reasons());
}

#[test]
fn inv_04_a_restart_begins_the_warm_up_anew() {
    let mut rig = Rig::fast(1, 300.0);
    rig.policy().scaling.warm_up = Millis::secs(60);
    rig.run_until(100);
    rig.arriving = 1_200.0;
    rig.restart(1_000);
    rig.run_until(155);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["warm-up"]));
    rig.run_until(200);
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_05_what_was_measured_before_an_action_does_not_verify_it() {
    let mut rig = Rig::overloaded();
    rig.obeys = false;
    rig.until_act(60);
    // Before the rescale `work` at 1 could do 500/s. After it, it can do less than that: the old figure must not be
    // taken for a success, nor for anything else, while the new attempt warms up.
    rig.policy().scaling.warm_up = Millis::secs(60);
    rig.obey();
    rig.run_for(50);
    assert_eq!((rig.phase(), rig.ends()), ("settling", vec![]));
    rig.run_for(60);
    assert_eq!(rig.ends(), ["succeeded"]);
}

#[test]
fn inv_05_nor_while_nothing_can_be_measured_after_it() {
    // Down: 4 subtasks could do 2000/s, and 100/s are asked for, so the figure of before would do as a success.
    let mut rig = Rig::fast(4, 1_200.0);
    rig.run_until(120);
    rig.arriving = 100.0;
    rig.until_act(120);
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs: vec![key(), key()] });
    rig.run_for(60);
    assert_eq!((rig.phase(), rig.ends()), ("settling", vec![]));
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs: vec![key()] });
    rig.run_for(10);
    assert_eq!(rig.ends(), ["succeeded"]);
}

#[test]
fn inv_06_counters_that_fall_are_neither_negative_nor_a_burst() {
    let mut rig = Rig::fast(1, 300.0);
    rig.run_until(60);
    // One of the counters begins anew without a restart of the job (a subtask was replaced).
    for _ in 0..3 {
        rig.parts[1].totals[0] = 0.0;
        rig.run_for(20);
    }
    assert_eq!(rig.rescales(), [], "{:#?}", rig.log);
    let rates: Vec<_> = rig.state.jobs[&key()].view.vertices.iter().filter_map(|v| v.demand).collect();
    assert!(rates.iter().all(|r| r.0 < 330.0), "{rates:?}");
}

fn restarts_after(rescales: bool) -> f64 {
    let mut rig = Rig::fast(1, 300.0);
    for n in 0..5 {
        rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), f64::from(n));
        if rescales {
            rig.extra.insert(SeriesKey::job(name::NUM_RESCALES), f64::from(n));
        }
        rig.tick();
    }
    rig.state.jobs[&key()].view.restarts.iter().map(|r| r.1).sum()
}

#[test]
fn inv_07_restarts_exclude_rescales() {
    assert_eq!(restarts_after(false), 4.0);
    assert_eq!(restarts_after(true), 0.0);
}

#[test]
fn inv_07_before_2x_a_restart_that_changed_the_parallelism_is_a_rescale() {
    let mut rig = Rig::fast(1, 300.0);
    rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 0.0);
    rig.tick();
    rig.parts[1].p = 2;
    rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 1.0);
    rig.tick();
    assert!(rig.state.jobs[&key()].view.restarts.is_empty());
}

fn restarted(rig: &mut Rig, times: f64) {
    rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), times);
}

/// `n` of eleven jobs fail while `c0` is overloaded; on a cluster each.
fn storm_of(n: usize) -> (usize, Vec<&'static str>, usize) {
    let mut rigs = vec![Rig::overloaded()];
    rigs.extend((0..10).map(|_| Rig::fast(1, 300.0)));
    let mut fleet = Fleet::new(rigs);
    for rig in &mut fleet.rigs {
        rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 0.0);
    }
    fleet.tick();
    for rig in &mut fleet.rigs[1..=n] {
        rig.extra.insert(SeriesKey::job(name::NUM_RESTARTS), 1.0);
    }
    fleet.run_for(60);
    let told = fleet.rigs.iter().flat_map(|r| &r.log).filter(|l| l.contains("ESCALATE")).count();
    let job = fleet.rigs[0].observation.job.clone();
    let standing = fleet.state().jobs[&job].view.standing.clone().unwrap();
    (fleet.sent(), standing.gates.iter().map(|g| g.as_str()).collect(), told)
}

#[test]
fn inv_09_jobs_that_fail_together_stop_every_new_rescale_and_are_told_once() {
    // At least 5, and at least 30 % of 11 (3.3).
    assert_eq!(storm_of(5), (0, vec!["storm"], 1));
    let (sent, _, told) = storm_of(4);
    assert_eq!((sent, told), (1, 0));
}

#[test]
fn inv_09_five_of_many_are_no_storm() {
    let mut rigs = vec![Rig::overloaded()];
    rigs.extend((0..17).map(|_| Rig::fast(1, 300.0)));
    let mut fleet = Fleet::new(rigs);
    fleet.rigs.iter_mut().for_each(|r| restarted(r, 0.0));
    fleet.tick();
    fleet.rigs[1..=5].iter_mut().for_each(|r| restarted(r, 1.0));
    fleet.run_for(60);
    // 5 of 18 are 28 %.
    assert_eq!(fleet.sent(), 1);
}

#[test]
fn inv_09_demand_is_no_failure_and_neither_is_a_job_that_finishes() {
    let mut fleet = Fleet::new((0..6).map(|_| Rig::fast(1, 300.0)).collect());
    fleet.run_for(20);
    for rig in &mut fleet.rigs[1..] {
        rig.observation.status = JobStatus::Ended;
    }
    fleet.rigs[0].arriving = 1_200.0;
    fleet.run_for(60);
    assert_eq!(fleet.sent(), 1);
    assert!(fleet.state().fleet.failures.is_empty());
}

#[test]
fn inv_09_a_job_that_ends_by_a_failure_counts() {
    let mut rig = Rig::fast(1, 300.0);
    rig.run_until(20);
    rig.observation.status = JobStatus::Ended;
    rig.observation.failure = Some(Failure { at: Timestamp(20_000), text: "boom".into(), dependency: None });
    rig.run_until(30);
    assert_eq!(rig.state.fleet.failures.len(), 1);
}

#[test]
fn inv_09_failures_survive_a_crash() {
    let mut rig = Rig::fast(1, 300.0);
    restarted(&mut rig, 0.0);
    rig.run_until(30);
    rig.state.take_dirty();
    restarted(&mut rig, 1.0);
    rig.tick();
    let restored = weirkeeper_core::State::restore(rig.state.take_dirty());
    assert_eq!(restored.fleet.failures.len(), 1);
}

#[test]
fn inv_10_after_a_jump_of_the_clock_it_warms_up_first() {
    let mut rig = Rig::fast(1, 300.0);
    rig.run_until(60);
    rig.arriving = 1_200.0;
    rig.policy().scaling.warm_up = Millis::secs(60);
    rig.feed(&Event::Resumed);
    assert!(rig.state.jobs[&key()].view.windows.is_empty());
    rig.run_until(115);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["warm-up"]));
    rig.run_until(180);
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_11_an_empty_list_is_unknown() {
    let mut rig = Rig::overloaded();
    rig.run_until(15);
    let before = rig.state.clone();
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs: Vec::new() });
    assert_eq!(rig.state, before);
    // A list that does not hold the job is another matter: it is not seen any more.
    let other = weirkeeper_core::job::JobKey { name: "other".into(), ..key() };
    rig.feed(&Event::Jobs { cluster: "c".into(), jobs: vec![other] });
    assert!(rig.state.jobs[&key()].view.windows.is_empty());
}
