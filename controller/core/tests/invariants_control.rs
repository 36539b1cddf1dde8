//! Design section 12, control and audit: 43 to 55 without 48, which has a file of its own. The number of each test is the
//! number of the line there. 49, 50 and 55 are about what is loaded and written: tested with the shell.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod runs;
use runs::*;
use weirkeeper_core::calendar::Cron;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::{ActionKind, Effect, Purpose};
use weirkeeper_core::event::{Control, Event, KillSwitch, Outcome, PauseScope};
use weirkeeper_core::glob::Glob;
use weirkeeper_core::policy::{Calendar, Freeze, Mode, Policy};
use weirkeeper_core::units::{Millis, Timestamp};

fn pause(job: Option<&str>, only: Option<PauseScope>, until: Option<Timestamp>) -> Event {
    let job = job.map(str::to_owned);
    Event::Control(Control::Pause { job, only, until, reason: "deploy".into(), by: "ann".into() })
}

fn resume(job: Option<&str>, only: Option<PauseScope>) -> Event {
    Event::Control(Control::Resume { job: job.map(str::to_owned), only, by: "ann".into() })
}

/// Rescales sent within a minute after `stop`, and the gates that stand.
fn after(stop: Event) -> (usize, Vec<&'static str>) {
    let mut rig = Rig::overloaded();
    rig.feed(&stop);
    rig.run_until(80);
    (rig.rescales().len(), rig.gates())
}

#[test]
fn inv_43_the_kill_switch_stops_everything_and_unreadable_means_on() {
    assert_eq!(after(Event::KillSwitch(KillSwitch::On)), (0, vec!["paused"]));
    assert_eq!(after(Event::KillSwitch(KillSwitch::Unreadable)), (0, vec!["paused"]));
    assert_eq!(after(Event::KillSwitch(KillSwitch::Off)).0, 1);
}

#[test]
fn inv_43_it_holds_over_a_restart_and_ends_when_it_is_off() {
    let mut rig = Rig::overloaded();
    rig.feed(&Event::KillSwitch(KillSwitch::On));
    rig.run_until(60);
    let stored = rig.state.take_dirty();
    rig.state = weirkeeper_core::State::restore(stored);
    rig.feed(&Event::Resumed);
    rig.run_until(120);
    assert_eq!(rig.rescales(), []);
    rig.feed(&Event::KillSwitch(KillSwitch::Off));
    rig.tick();
    assert_eq!(rig.rescales().len(), 1);
}

/// A rescale that makes it worse, and `stop` before that shows.
fn undos_after(stop: &Event) -> (usize, Vec<&'static str>) {
    let mut rig = Rig::overloaded();
    rig.until_act(60);
    rig.parts[1].each = 50.0;
    rig.feed(stop);
    rig.run_until(300);
    let undo = |a: &&(i64, weirkeeper_core::effect::Action)| {
        matches!(a.1.kind, ActionKind::Rescale { purpose: Purpose::Undo, .. })
    };
    let told = rig.log.iter().any(|l| l.contains("ESCALATE") && l.contains("undone"));
    assert!(told, "{:#?}", rig.log);
    (rig.acts.iter().filter(undo).count(), rig.ends())
}

#[test]
fn inv_43_44_an_undo_is_held_back_too_and_a_person_is_told() {
    assert_eq!(undos_after(&Event::Tick), (1, vec!["rolled-back"]));
    assert_eq!(undos_after(&Event::KillSwitch(KillSwitch::On)), (0, vec!["rollback-failed"]));
    assert_eq!(undos_after(&pause(Some("job"), None, None)), (0, vec!["rollback-failed"]));
    assert_eq!(undos_after(&pause(None, Some(PauseScope::Up), None)), (1, vec!["rolled-back"]));
}

#[test]
fn inv_44_a_pause_is_of_a_job_or_all_of_a_direction_or_all() {
    assert_eq!(after(pause(None, None, None)), (0, vec!["paused"]));
    assert_eq!(after(pause(Some("job"), None, None)), (0, vec!["paused"]));
    assert_eq!(after(pause(Some("job"), Some(PauseScope::Up), None)), (0, vec!["paused"]));
    assert_eq!(after(pause(Some("other"), None, None)).0, 1);
    assert_eq!(after(pause(None, Some(PauseScope::Down), None)).0, 1);
    assert_eq!(after(pause(None, Some(PauseScope::Remedies), None)).0, 1);
}

#[test]
fn inv_44_down_is_paused_apart() {
    let down = |scope| {
        let mut rig = Rig::fast(4, 1_200.0);
        rig.feed(&pause(None, Some(scope), None));
        rig.run_until(120);
        rig.arriving = 100.0;
        rig.run_until(300);
        rig.rescales().len()
    };
    assert_eq!((down(PauseScope::Down), down(PauseScope::Up)), (0, 1));
}

#[test]
fn inv_44_a_pause_ends_by_itself_or_by_a_word() {
    let mut rig = Rig::overloaded();
    rig.feed(&pause(None, None, Some(Timestamp(60_000))));
    rig.run_until(55);
    assert_eq!(rig.rescales(), []);
    rig.run_until(60);
    assert_eq!(rig.rescales().len(), 1);

    let mut rig = Rig::overloaded();
    rig.feed(&pause(Some("job"), Some(PauseScope::Up), None));
    rig.feed(&resume(Some("other"), None));
    rig.feed(&resume(None, Some(PauseScope::Down)));
    rig.run_until(40);
    assert_eq!(rig.rescales(), [], "another job's, another direction's");
    rig.feed(&resume(Some("job"), Some(PauseScope::Up)));
    rig.tick();
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_45_a_freeze_stops_actions_for_its_time() {
    let mut rig = Rig::overloaded();
    let when = Calendar { cron: Cron::parse("0 0 * * *").unwrap(), lasts: Millis::secs(90), timezone: "UTC".into() };
    rig.policy().freeze = vec![Freeze { when, reason: "trading open".into() }];
    rig.run_until(85);
    assert_eq!((rig.rescales(), rig.gates()), (vec![], vec!["frozen"]));
    assert!(!rig.wanted().is_empty(), "what is wanted is said");
    rig.run_until(95);
    assert_eq!(rig.rescales().len(), 1);
}

#[test]
fn inv_46_the_default_is_recommend_and_auto_needs_the_jobs_own_name() {
    assert_eq!(Policy::default().mode, Mode::Recommend);
    let sent = |jobs: &[&str], mode| {
        let mut rig = Rig::overloaded();
        rig.policy().matches.jobs = jobs.iter().map(|j| Glob((*j).to_owned())).collect();
        rig.policy().mode = mode;
        rig.run_until(80);
        (rig.rescales().len(), rig.gates())
    };
    assert_eq!(sent(&["job"], Mode::Auto).0, 1);
    assert_eq!(sent(&["x", "job"], Mode::Auto).0, 1);
    for globs in [&[][..], &["*"], &["jo?"], &["job*"]] {
        assert_eq!(sent(globs, Mode::Auto), (0, vec!["not-opted-in"]), "{globs:?}");
    }
    assert_eq!(sent(&["job"], Mode::Recommend).0, 0);
    assert_eq!(sent(&["job"], Mode::Observe).0, 0);
}

#[test]
fn inv_46_without_a_policy_nothing_is_wanted() {
    let mut rig = Rig::overloaded();
    rig.policy().matches.jobs = vec![Glob("other".into())];
    rig.run_until(80);
    assert_eq!(rig.acts, []);
    assert!(rig.says("no-policy"));
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

#[test]
fn inv_47_recommend_sends_nothing_and_decides_the_same() {
    let mut auto = Rig::overloaded();
    let acts = first_wish(&mut auto);
    for spoil in [(|r: &mut Rig| r.policy().mode = Mode::Recommend) as fn(&mut Rig), |r| r.config.dry_run = true] {
        let mut rig = Rig::overloaded();
        spoil(&mut rig);
        let wish = first_wish(&mut rig);
        assert_eq!((acts.verdict, wish.verdict), (Verdict::Act, Verdict::Recommend));
        assert_eq!((&wish.rescale, &wish.reasons, wish.at), (&acts.rescale, &acts.reasons, acts.at));
        assert_eq!(wish.plan_hash, acts.plan_hash);
        rig.run_until(300);
        assert_eq!(rig.acts, []);
    }
}

#[test]
fn inv_47_a_dry_run_that_counts_keeps_to_cooldown_and_budget() {
    let mut rig = Rig::overloaded();
    (rig.config.dry_run, rig.config.dry_run_counts) = (true, true);
    rig.run_until(70);
    assert_eq!((rig.rescales().len(), rig.gates()), (1, vec!["cooldown"]));
    assert_eq!((rig.ends(), rig.memory().disruptions.len()), (vec!["dry-run"], 1));
}

#[test]
fn inv_47_an_undo_that_is_only_a_dry_run_gives_no_budget_back() {
    let mut rig = Rig::overloaded();
    rig.until_act(60);
    rig.config.dry_run = true;
    rig.parts[1].each = 50.0;
    rig.run_until(300);
    assert_eq!(rig.ends(), ["rollback-failed"]);
    assert_eq!(rig.memory().disruptions.len(), 2, "the rescale and its undo");
}

#[test]
fn inv_51_three_failed_verifications_open_the_breaker() {
    let fleet_of = |worse: usize| {
        let mut fleet = Fleet::new((0..4).map(|i| Rig::fast(1, if i == 3 { 300.0 } else { 1_200.0 })).collect());
        fleet.rigs.iter_mut().for_each(|r| r.policy().limits.max_concurrent.count = 100);
        fleet.run_for(45);
        fleet.rigs[..worse].iter_mut().for_each(|r| r.parts[1].each = 50.0);
        fleet.run_for(90);
        fleet.rigs[3].arriving = 1_200.0;
        fleet.run_for(60);
        fleet
    };
    let mut fleet = fleet_of(3);
    assert_eq!(fleet.rigs[3].rescales(), []);
    let job = fleet.rigs[3].observation.job.clone();
    let gates = fleet.state().jobs[&job].view.standing.clone().unwrap().gates;
    assert_eq!(gates, [weirkeeper_core::reason::Gate::Breaker]);
    assert_eq!(fleet_of(2).rigs[3].rescales().len(), 1);
    // An hour later it closes.
    fleet.run_for(3_700);
    assert_eq!(fleet.rigs[3].rescales().len(), 1);
}

#[test]
fn inv_52_an_action_is_of_one_job_that_the_policy_matches() {
    let mut fleet = Fleet::new((0..2).map(|_| Rig::overloaded()).collect());
    fleet.rigs[1].observation.job.name = "other".into();
    fleet.run_for(120);
    assert_eq!((fleet.rigs[0].rescales().len(), fleet.rigs[1].acts.len()), (1, 0));
    assert!(fleet.rigs[0].acts.iter().all(|a| a.1.job == fleet.rigs[0].observation.job));
}

#[test]
fn inv_53_what_turns_true_is_recorded_once_until_it_says_something_else() {
    let mut rig = Rig::overloaded();
    rig.policy().mode = Mode::Recommend;
    rig.policy().scaling.catch_up = Millis(0);
    rig.policy().scaling.window = Millis::secs(120);
    let mut records = Vec::new();
    for _ in 0..24 {
        let effects = rig.tick();
        records.extend(effects.into_iter().filter_map(|e| match e {
            Effect::Record(d) if !d.rescale.is_empty() => Some(*d),
            _ => None,
        }));
    }
    assert_eq!(records.len(), 1, "{records:#?}");
    assert!(records[0].reasons.len() > 2 && records[0].policy == "test");
    // Held back it is recorded as well, with what holds it.
    rig.feed(&pause(None, None, None));
    let gated = rig.tick();
    assert!(matches!(&gated[..], [Effect::Record(d)] if d.verdict == Verdict::Gated && !d.reasons.is_empty()));
}

#[test]
fn inv_53_each_act_and_each_step_of_a_run_is_recorded() {
    let mut rig = Rig::overloaded();
    rig.run_until(120);
    let log = rig.log.join("\n");
    for step in ["act rescale work 1 -> 4", "Flink has taken it", "every task runs", "succeeded"] {
        assert_eq!(log.matches(step).count(), 1, "{step}: {log}");
    }
}

#[test]
fn an_outcome_for_a_run_that_is_over_changes_nothing() {
    let mut rig = Rig::overloaded();
    rig.run_until(120);
    let before = rig.state.clone();
    let effects = rig.answer(Outcome::Refused("late".into()));
    assert!(effects.is_empty() && rig.state == before);
}
