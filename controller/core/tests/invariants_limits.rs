//! Design section 12, limits: how much may be done. The number of each test is the number of the line there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::effect::{ActionKind, Purpose};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::Ship;
use weirkeeper_core::memory::Kind;
use weirkeeper_core::policy::JobLimit;
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

fn limit(count: u32, per: Millis) -> JobLimit {
    JobLimit { count, per, downs: None, reserve_up: 0 }
}

/// Load that swings every five minutes between what 1 and what 4 subtasks can do, for `secs`.
fn swing(rig: &mut Rig, secs: i64) {
    rig.policy().scaling.cooldown.down = Millis::secs(20);
    rig.policy().scaling.cooldown.up = Millis::secs(20);
    while rig.at < secs * 1_000 {
        rig.arriving = if rig.at / 300_000 % 2 == 0 { 1_200.0 } else { 100.0 };
        rig.tick();
    }
}

/// Most rescales in any span of that length.
fn densest(rig: &Rig, span: i64) -> usize {
    let times: Vec<i64> = rig.rescales().iter().map(|r| r.0).collect();
    times.iter().map(|t| times.iter().filter(|u| **u >= *t && **u < *t + span).count()).max().unwrap_or(0)
}

#[test]
fn inv_12_at_most_so_many_rescales_of_a_job_in_any_span() {
    let mut free = Rig::fast(1, 100.0);
    swing(&mut free, 2_400);
    assert!(densest(&free, 900) > 3, "{:#?}", free.rescales());
    let mut rig = Rig::fast(1, 100.0);
    rig.policy().limits.per_job = vec![limit(3, Millis::minutes(15))];
    swing(&mut rig, 2_400);
    assert_eq!(densest(&rig, 900), 3, "{:#?}", rig.rescales());
    assert!(rig.rescales().len() > 3, "what is spent comes back");
}

/// Four subtasks have shown 300/s each, and 100/s are left for them.
fn oversized() -> Rig {
    let mut rig = Rig::fast(4, 1_200.0);
    rig.run_until(120);
    assert_eq!(rig.rescales(), []);
    rig.arriving = 100.0;
    rig
}

#[test]
fn inv_12_a_unit_is_kept_for_scaling_up_and_downs_are_counted_apart() {
    let mut rig = oversized();
    rig.policy().limits.per_job = vec![JobLimit { reserve_up: 1, ..limit(1, Millis::hours(1)) }];
    rig.run_until(300);
    assert_eq!(
        (rig.rescales(), rig.gates()),
        (vec![], vec!["budget"]),
        "the only unit is for scaling up: {:#?}",
        rig.log
    );
    rig.arriving = 4_000.0;
    rig.run_until(400);
    assert_eq!(rig.rescales().len(), 1);

    let mut rig = oversized();
    rig.policy().limits.per_job = vec![JobLimit { downs: Some(1), ..limit(10, Millis::hours(1)) }];
    rig.policy().scaling.cooldown.down = Millis::secs(20);
    rig.run_until(1_200);
    assert_eq!(rig.rescales().len(), 1, "4 to 2, and the way to 1 is another down: {:#?}", rig.log);
    assert_eq!(rig.gates(), ["budget"]);
}

#[test]
fn inv_12_an_undo_takes_nothing_from_the_budget() {
    let mut rig = Rig::overloaded();
    rig.policy().limits.per_job = vec![limit(2, Millis::hours(1))];
    rig.policy().limits.per_fleet.count = 2;
    rig.policy().limits.per_fleet.per = Millis::hours(1);
    rig.until_act(60);
    rig.parts[1].each = 50.0;
    rig.run_for(120);
    assert_eq!(rig.ends(), ["rolled-back"], "{:#?}", rig.log);
    let (job, only, by) = (Some("job".to_owned()), None, "ann".to_owned());
    rig.feed(&Event::Control(weirkeeper_core::event::Control::Resume { job, only, by }));
    let again = rig.until_act(120);
    assert!(matches!(again.kind, ActionKind::Rescale { purpose: Purpose::Up, .. }));
}

#[test]
fn inv_13_the_fleet_has_a_budget_of_its_own() {
    let fleet_of = |count| {
        let mut fleet = Fleet::new((0..5).map(|_| Rig::overloaded()).collect());
        for rig in &mut fleet.rigs {
            rig.policy().limits.per_fleet.count = count;
            rig.policy().limits.per_fleet.percent = 0.0;
            rig.policy().limits.max_concurrent.count = 100;
        }
        fleet.run_for(120);
        fleet.sent()
    };
    assert_eq!(fleet_of(2), 2);
    assert_eq!(fleet_of(100), 5);
}

#[test]
fn inv_13_of_count_and_percent_the_larger() {
    let mut fleet = Fleet::new((0..5).map(|_| Rig::overloaded()).collect());
    for rig in &mut fleet.rigs {
        rig.policy().limits.per_fleet.count = 1;
        rig.policy().limits.per_fleet.percent = 79.0;
        rig.policy().limits.max_concurrent.count = 100;
    }
    fleet.run_for(120);
    // 79 % of 5 are 3.95: three.
    assert_eq!(fleet.sent(), 3);
}

#[test]
fn inv_13_the_tightest_budget_wins_and_a_malformed_one_is_zero() {
    let sent = |spoil: fn(&mut Rig)| {
        let mut rig = Rig::overloaded();
        spoil(&mut rig);
        rig.run_until(90);
        (rig.rescales().len(), rig.gates().contains(&"budget"))
    };
    assert_eq!(sent(|_| ()).0, 1);
    assert_eq!(sent(|r| r.policy().limits.per_job.push(limit(0, Millis::hours(1)))), (0, true), "the tightest");
    assert_eq!(sent(|r| r.policy().limits.per_job.clear()), (0, true), "none at all");
    assert_eq!(sent(|r| r.policy().limits.per_job = vec![limit(5, Millis(0))]), (0, true), "in no time");
    assert_eq!(sent(|r| r.policy().limits.per_fleet.per = Millis(0)), (0, true), "in no time");
    let nan = |r: &mut Rig| {
        r.policy().limits.per_fleet.count = 0;
        r.policy().limits.per_fleet.percent = f64::NAN;
    };
    assert_eq!(sent(nan), (0, true), "no number");
}

#[test]
fn inv_14_running_and_verifying_rescales_count() {
    // On one cluster, one at a time.
    let mut fleet = Fleet::new((0..2).map(|_| Rig::overloaded()).collect());
    for (i, rig) in fleet.rigs.iter_mut().enumerate() {
        rig.observation.job.cluster = "same".into();
        rig.observation.job.name = ["job", "jobb"][i].into();
        rig.policy().matches.jobs =
            vec![weirkeeper_core::glob::Glob("job".into()), weirkeeper_core::glob::Glob("jobb".into())];
        rig.obeys = false;
    }
    fleet.run_for(40);
    assert_eq!(fleet.sent(), 1, "acting counts");
    let second = fleet.rigs[1].observation.job.clone();
    let gates = |fleet: &mut Fleet| fleet.state().jobs[&second].view.standing.clone().unwrap().gates;
    assert_eq!(gates(&mut fleet), [weirkeeper_core::reason::Gate::Locked]);
    // Flink takes the first and never shows it: it is being verified.
    let state = std::mem::take(fleet.state());
    fleet.rigs[0].state = state;
    fleet.rigs[0].show_requirements(Rig::bounds(1, 4));
    fleet.rigs[0].answer(Outcome::Accepted);
    let state = std::mem::take(&mut fleet.rigs[0].state);
    *fleet.state() = state;
    fleet.run_for(60);
    assert_eq!(fleet.sent(), 1, "verifying counts");
    assert_eq!(gates(&mut fleet), [weirkeeper_core::reason::Gate::Locked]);
}

#[test]
fn inv_15_cooldown_is_of_the_job_and_editing_the_policy_does_not_reset_it() {
    let mut rig = Rig::overloaded();
    rig.policy().scaling.cooldown.up = Millis::minutes(10);
    let first = rig.until_act(60);
    assert!(matches!(first.kind, ActionKind::Rescale { purpose: Purpose::Up, .. }));
    let at = rig.rescales()[0].0;
    rig.arriving = 10_000.0;
    rig.run_for(120);
    // Another file, another name: the same job.
    let mut other = rig.config.policies[0].clone();
    other.name = "other".to_owned();
    other.scaling.window = Millis::secs(31);
    rig.config.policies = vec![other];
    rig.run_until(at + 595);
    assert_eq!(rig.rescales().len(), 1, "{:#?}", rig.log);
    assert_eq!(rig.gates(), ["cooldown"]);
    rig.run_until(at + 610);
    assert_eq!(rig.rescales().len(), 2);
}

#[test]
fn inv_15_up_and_down_rest_for_their_own_time_after_any_rescale() {
    let mut rig = Rig::overloaded();
    rig.policy().scaling.cooldown.up = Millis::secs(30);
    rig.policy().scaling.cooldown.down = Millis::secs(600);
    rig.until_act(60);
    let first = rig.rescales()[0].0;
    rig.arriving = 100.0;
    rig.run_until(first + 595);
    assert_eq!((rig.rescales().len(), rig.gates()), (1, vec!["cooldown"]));
    rig.arriving = 5_000.0;
    rig.run_until(first + 660);
    assert_eq!(rig.rescales().len(), 2, "up may go sooner: {:#?}", rig.log);
    assert!(rig.memory().disruptions.iter().all(|d| d.kind == Kind::Up));
}

#[test]
fn inv_15_neither_rest_is_shorter_than_three_times_restart_and_first_checkpoint() {
    let mut rig = Rig::overloaded();
    rig.policy().scaling.cooldown.up = Millis::secs(1);
    rig.pause_ms = 5_000;
    // A checkpoint took 35 s; until measured a restart is taken for 5 s. By hand: 3 * (5 + 35) = 120 s.
    rig.observation.checkpoints.as_mut().unwrap().last_duration = Some(Millis::secs(35));
    rig.observation.checkpoints.as_mut().unwrap().full_size = None;
    rig.until_act(60);
    let first = rig.rescales()[0].0;
    rig.arriving = 10_000.0;
    rig.run_until(first + 115);
    assert_eq!((rig.rescales().len(), rig.gates()), (1, vec!["cooldown"]), "{:#?}", rig.log);
    rig.run_until(first + 140);
    assert_eq!(rig.rescales().len(), 2, "{:#?}", rig.log);
}

#[test]
fn inv_16_where_the_store_cannot_be_read_budgets_count_as_spent() {
    let mut rig = Rig::overloaded();
    rig.state = weirkeeper_core::State::unreadable(Timestamp(0));
    rig.run_until(90);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["budget"]));
    let mut rig = Rig::overloaded();
    rig.state = weirkeeper_core::State::unreadable(Timestamp(0).minus(Millis::hours(24)));
    rig.run_until(90);
    assert_eq!(rig.rescales().len(), 1);
}

/// What is first asked for where one bound is set.
fn first(bound: impl Fn(&mut Rig)) -> Vec<u32> {
    let mut rig = Rig::overloaded();
    rig.policy().scaling.catch_up = Millis(0);
    bound(&mut rig);
    rig.run_until(90);
    rig.rescales().first().map_or_else(Vec::new, |r| r.1.clone())
}

#[test]
fn inv_17_every_change_is_within_every_bound() {
    // Without a catch-up: 1100 / 0.7 = 1571 needs 4.
    assert_eq!(first(|_| ()), [1, 4]);
    assert_eq!(first(|r| r.policy().scaling.max_parallelism = Some(Parallelism(3))), [1, 3]);
    assert_eq!(first(|r| r.policy().scaling.min_parallelism = Parallelism(6)), [6, 6]);
    assert_eq!(first(|r| r.policy().scaling.max_slots = Some(2)), [1, 2]);
    assert_eq!(first(|r| r.observation.slots.as_mut().unwrap().total = 3), [1, 3], "slots of the cluster");
    assert_eq!(first(|r| r.ships = vec![Ship::Forward]), [4, 4], "equal across FORWARD");
}

#[test]
fn inv_18_a_plan_equal_to_the_present_is_no_action() {
    let mut rig = Rig::overloaded();
    rig.policy().scaling.max_parallelism = Some(Parallelism(1));
    rig.run_until(120);
    assert_eq!((rig.rescales(), rig.wanted().len()), (vec![], 0));
    assert!(rig.says("overloaded") && rig.says("limited"), "{:?}", rig.reasons());
}

/// Up, down, and a load that asks for up again.
fn up_down_up(last: f64) -> (Rig, Vec<String>) {
    let mut rig = Rig::fast(1, 300.0);
    rig.policy().scaling.cooldown.down = Millis::minutes(10);
    rig.policy().scaling.cooldown.up = Millis::secs(30);
    rig.policy().scaling.catch_up = Millis(0);
    rig.run_until(100);
    rig.arriving = 1_200.0;
    rig.run_until(300);
    rig.arriving = 300.0;
    while rig.rescales().len() < 2 && rig.at < 1_500_000 {
        rig.tick();
    }
    assert_eq!(rig.rescales().len(), 2, "{:#?}", rig.log);
    rig.run_for(60);
    rig.arriving = last;
    let mut effects = Vec::new();
    for _ in 0..30 {
        effects.extend(rig.tick());
    }
    let told = escalations(&effects);
    (rig, told)
}

#[test]
fn inv_20_up_down_up_on_the_same_demand_freezes_the_vertex_and_tells_a_person() {
    let (mut rig, told) = up_down_up(1_200.0);
    assert_eq!((rig.rescales().len(), rig.gates()), (2, vec!["frozen"]), "{:#?}", rig.log);
    assert_eq!(told.len(), 1, "once: {told:?}");
    assert!(told[0].contains("work went up, down and up"), "{told:?}");
    let until = rig.memory().flapping["work"];
    rig.run_for(60);
    assert_eq!(rig.memory().flapping["work"], until, "it is not pushed out");
    rig.run_until(until.0 / 1_000 - 5);
    assert_eq!(rig.rescales().len(), 2);
    rig.run_until(until.0 / 1_000 + 15);
    assert_eq!(rig.rescales().len(), 3, "twice cooldown.down later it is over: {:#?}", rig.log);
}

#[test]
fn inv_20_another_demand_is_no_flapping() {
    let (rig, told) = up_down_up(2_000.0);
    assert_eq!((rig.rescales().len(), told.len()), (3, 0), "{:#?}", rig.log);
}

#[test]
fn inv_20_a_person_may_lift_it() {
    let (mut rig, _) = up_down_up(1_200.0);
    rig.feed(&Event::Control(weirkeeper_core::event::Control::Resume {
        job: Some("job".into()),
        only: None,
        by: "ann".into(),
    }));
    assert!(rig.memory().flapping.is_empty());
}

#[test]
fn inv_22_what_was_held_back_is_decided_anew_not_queued() {
    let mut rig = Rig::overloaded();
    let pause = weirkeeper_core::event::Control::Pause {
        job: None,
        only: None,
        until: Some(Timestamp(120_000)),
        reason: "deploy".into(),
        by: "ann".into(),
    };
    rig.feed(&Event::Control(pause));
    rig.run_until(60);
    assert_eq!((rig.rescales(), rig.wanted().len()), (vec![], 1));
    rig.arriving = 300.0;
    rig.backlog = 0.0;
    rig.run_until(180);
    assert_eq!(rig.rescales(), [], "the plan of before is not carried out: {:#?}", rig.log);
}
