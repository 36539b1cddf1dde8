//! A job that cannot be rescaled in place: stopped with a savepoint and run again, and what a crash may leave.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
use common::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::{Action, ActionKind, Effect, Redeploy, Stage};
use weirkeeper_core::event::{Event, KillSwitch, Outcome};
use weirkeeper_core::observation::{JobStatus, Scheduler};
use weirkeeper_core::policy::{Apply, Jar};
use weirkeeper_core::run::{Phase, Run};
use weirkeeper_core::state::State;
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

const SAVEPOINT: &str = "file:/sp/savepoint-1";

fn jar() -> Jar {
    let config = BTreeMap::from([("execution.checkpointing.interval".to_owned(), "5 s".to_owned())]);
    Jar { name: "ledger.jar".into(), entry_class: None, args: vec!["--secret".into(), "x".into()], config }
}

/// A job at 1 under the default scheduler, overloaded. Nothing that it is told happens by itself.
fn rig(version: (u32, u32)) -> Rig {
    let mut rig = Rig::simple(1, 300.0);
    rig.obeys = false;
    rig.step_ms = 5_000;
    rig.config.interval = Millis::secs(5);
    rig.observation.scheduler = Some(Scheduler::Other("Default".to_owned()));
    rig.observation.facts.version = Some(version);
    let scaling = &mut rig.policy().scaling;
    (scaling.apply, scaling.jar) = (Apply::StopWithSavepoint, Some(jar()));
    scaling.window = Millis::secs(30);
    scaling.warm_up = Millis::secs(10);
    rig.run_until(75);
    rig.arriving = 1_200.0;
    rig
}

/// Until the stop has gone out.
fn stopping() -> Rig {
    let mut rig = rig((1, 20));
    while rig.acts.is_empty() {
        rig.tick();
        assert!(rig.at < 200_000, "{:#?}", rig.log);
    }
    rig
}

/// Until the second stage has gone out.
fn stopped() -> Rig {
    let mut rig = stopping();
    answer(&mut rig, stopped_at());
    rig
}

fn stopped_at() -> Outcome {
    Outcome::Stopped { savepoint: SAVEPOINT.into() }
}

fn not_started(used: bool) -> Outcome {
    Outcome::NotStarted { why: "jar gone".into(), used }
}

fn last(rig: &Rig) -> Action {
    rig.acts.last().unwrap().1.clone()
}

fn redeploy(action: &Action) -> Redeploy {
    match &action.kind {
        ActionKind::Redeploy(r) | ActionKind::InquireRedeploy(r) => (**r).clone(),
        other => panic!("{other:?}"),
    }
}

fn given_id(rig: &Rig) -> Arc<str> {
    match redeploy(&last(rig)).stage {
        Stage::Run { job_id, .. } => job_id,
        Stage::Stop => panic!("not the second stage"),
    }
}

/// Answers the newest action.
fn answer(rig: &mut Rig, outcome: Outcome) -> Vec<Effect> {
    let action = last(rig);
    rig.feed(&Event::Outcome { run: action.run, token: action.token, outcome })
}

fn run(rig: &Rig) -> Run {
    let memory = &rig.state.jobs[&key()].memory;
    memory.run.clone().or_else(|| memory.ended.back().cloned()).unwrap()
}

/// kill -9: what is stored is read again.
fn crash(rig: &mut Rig) {
    let text = serde_json::to_string(&rig.state.jobs[&key()].memory).unwrap();
    let mut fresh = State::default();
    fresh.jobs.entry(key()).or_default().memory = serde_json::from_str(&text).unwrap();
    rig.state = fresh;
    rig.feed(&Event::Resumed);
}

/// The job runs again under its new id, at the size that it was started with.
fn comes_up(rig: &mut Rig) {
    let Redeploy { stage: Stage::Run { job_id, .. }, target, .. } = redeploy(&last(rig)) else { panic!() };
    rig.parts.iter_mut().for_each(|p| p.p = target[p.name].0);
    rig.observation.job_id = job_id;
    rig.restart(1_000);
}

/// No job of that name for so long: only time passes.
fn silence(rig: &mut Rig, secs: i64) -> Vec<Effect> {
    let until = rig.at + secs * 1_000;
    let mut effects = Vec::new();
    while rig.at < until {
        rig.at += 5_000;
        effects.extend(rig.feed(&Event::Tick));
    }
    effects
}

fn alarms(effects: &[Effect]) -> Vec<&String> {
    effects.iter().filter_map(|e| if let Effect::Escalate { message, .. } = e { Some(message) } else { None }).collect()
}

#[test]
fn without_the_policys_word_it_is_gated_with_the_setting_to_change() {
    for change in [(|r: &mut Rig| r.policy().scaling.apply = Apply::InPlace) as fn(&mut Rig), |r: &mut Rig| {
        r.policy().scaling.jar = None
    }] {
        let mut rig = rig((1, 20));
        change(&mut rig);
        rig.run_until(150);
        assert_eq!(rig.acts, []);
        assert_eq!(rig.gates(), ["scheduler"]);
        let text = rig.standing().to_string();
        assert!(text.contains("set jobmanager.scheduler: adaptive on the cluster"), "{text}");
    }
}

#[test]
fn it_is_stopped_run_again_verified_and_what_was_learned_stays() {
    let mut rig = stopping();
    let first = redeploy(&last(&rig));
    assert_eq!((first.stage, first.jar, first.checkpoint_before.is_some()), (Stage::Stop, jar(), true));
    assert_eq!(first.expected[&*Arc::<str>::from("work")], Parallelism(1));
    // By hand: 1200 / 0.7 = 1714, and 500 * 4^0.9 = 1741 is the first above it.
    assert_eq!(first.target, BTreeMap::from([("src".into(), Parallelism(1)), ("work".into(), Parallelism(4))]));
    // What Flink still shows of the job that was stopped changes nothing.
    rig.observation.status = JobStatus::Ended;
    rig.tick();
    answer(&mut rig, stopped_at());
    let id = given_id(&rig);
    assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    let stored = run(&rig).redeploy.unwrap().stopped.unwrap().0;
    assert_eq!(stored, SAVEPOINT, "in the state with the step that sends the second stage");
    assert!(!rig.state.jobs[&key()].memory.learned.is_empty());
    let learned: Vec<_> = rig.state.jobs[&key()].memory.learned.keys().cloned().collect();
    // The job is seen under its new id before the answer comes.
    comes_up(&mut rig);
    rig.observation.status = JobStatus::Running;
    rig.tick();
    assert_eq!(run(&rig).phase, Phase::Acting, "{:#?}", rig.log);
    answer(&mut rig, Outcome::Started { job_id: id.clone() });
    assert_eq!((run(&rig).phase, run(&rig).job_id), (Phase::Settling, id));
    // And an answer out of a cache shows the old one once more.
    let new = std::mem::replace(&mut rig.observation.job_id, "1".into());
    rig.observation.status = JobStatus::Ended;
    rig.tick();
    assert_eq!(run(&rig).phase, Phase::Settling);
    (rig.observation.job_id, rig.observation.status) = (new, JobStatus::Running);
    let until = rig.at / 1_000 + 300;
    rig.run_until(until);
    assert_eq!(run(&rig).phase, Phase::Succeeded, "{:#?}", rig.log);
    assert_eq!(rig.acts.len(), 2, "nothing more is wanted");
    let memory = &rig.state.jobs[&key()].memory;
    assert!(learned.iter().all(|v| memory.learned.contains_key(v)));
    assert_eq!((memory.by_hand.clone(), memory.disruptions.len()), (None, 1));
}

#[test]
fn a_crash_before_or_in_the_stop_is_asked_after() {
    // It runs as before, found twice: nothing was done, and nothing is spent.
    let mut rig = stopping();
    crash(&mut rig);
    assert!(matches!(last(&rig).kind, ActionKind::InquireRedeploy(_)));
    answer(&mut rig, Outcome::StillRuns);
    assert_eq!(run(&rig).phase, Phase::Acting, "the stop may have been on its way");
    silence(&mut rig, 10);
    answer(&mut rig, Outcome::StillRuns);
    assert!(matches!(run(&rig).phase, Phase::Aborted { .. }));
    assert_eq!(rig.state.jobs[&key()].memory.disruptions.len(), 0);

    // It has ended with our savepoint: on with the second stage.
    let mut rig = stopping();
    crash(&mut rig);
    answer(&mut rig, stopped_at());
    assert!(matches!(redeploy(&last(&rig)).stage, Stage::Run { savepoint, .. } if savepoint == SAVEPOINT));

    // The stop has failed: the job runs.
    let mut rig = stopping();
    crash(&mut rig);
    answer(&mut rig, Outcome::Refused("Checkpoint expired before completing.".into()));
    assert!(matches!(run(&rig).phase, Phase::Failed { .. }));

    // It has ended, and no savepoint is known: a person is told, with the job's id.
    let mut rig = stopping();
    crash(&mut rig);
    let effects = answer(&mut rig, Outcome::Changed("the job is CANCELED".into()));
    assert!(matches!(run(&rig).phase, Phase::Aborted { .. }));
    assert!(alarms(&effects)[0].contains("may have stopped the job"), "{effects:?}");
    assert_eq!(rig.state.jobs[&key()].memory.disruptions.len(), 1, "what may have been done is spent");
}

#[test]
fn a_stop_that_is_not_clear_is_asked_after_and_goes_on() {
    let mut rig = stopping();
    answer(&mut rig, Outcome::Unclear("time-out".into()));
    assert!(matches!(last(&rig).kind, ActionKind::InquireRedeploy(_)));
    answer(&mut rig, Outcome::Unclear("a savepoint is under way".into()));
    let asked = rig.acts.len();
    silence(&mut rig, 15);
    assert_eq!(rig.acts.len(), asked + 1, "asked again");
    answer(&mut rig, stopped_at());
    assert!(matches!(redeploy(&last(&rig)).stage, Stage::Run { .. }));
}

#[test]
fn a_stop_that_is_refused_changes_nothing_and_tells_nobody_that_it_might_have() {
    let mut rig = stopping();
    let effects = answer(&mut rig, Outcome::Refused("no jar ledger.jar".into()));
    assert!(matches!(run(&rig).phase, Phase::Failed { .. }));
    assert_eq!(alarms(&effects), Vec::<&String>::new());
    let mut rig = stopping();
    let effects = answer(&mut rig, Outcome::Changed("a savepoint is in progress".into()));
    assert!(matches!(run(&rig).phase, Phase::Aborted { .. }));
    assert_eq!(alarms(&effects), Vec::<&String>::new());
}

#[test]
fn a_crash_between_the_stages_or_after_the_second_starts_it_once() {
    // The second stage had not been sent: it is sent now, under the same id.
    let mut rig = stopped();
    let id = given_id(&rig);
    crash(&mut rig);
    assert!(matches!(last(&rig).kind, ActionKind::InquireRedeploy(_)));
    answer(&mut rig, not_started(false));
    assert!(matches!(last(&rig).kind, ActionKind::Redeploy(_)));
    assert_eq!(given_id(&rig), id, "Flink refuses it if it runs already");

    // It had been started.
    let mut rig = stopped();
    crash(&mut rig);
    answer(&mut rig, Outcome::Started { job_id: id.clone() });
    assert_eq!((run(&rig).phase, run(&rig).job_id), (Phase::Settling, id.clone()));

    // Seen running before the answer: still ours.
    let mut rig = stopped();
    crash(&mut rig);
    comes_up_after_inquiry(&mut rig, &id);
    rig.tick();
    assert_eq!(run(&rig).phase, Phase::Acting);

    // A crash while it settles.
    answer(&mut rig, Outcome::Started { job_id: id });
    crash(&mut rig);
    let until = rig.at / 1_000 + 300;
    rig.run_until(until);
    assert_eq!(run(&rig).phase, Phase::Succeeded, "{:#?}", rig.log);

    // Somebody else has started it.
    let mut rig = stopped();
    crash(&mut rig);
    answer(&mut rig, Outcome::Changed("job 77 of that name runs".into()));
    assert!(matches!(run(&rig).phase, Phase::Aborted { .. }));
}

fn comes_up_after_inquiry(rig: &mut Rig, id: &Arc<str>) {
    comes_up(rig);
    assert_eq!(rig.observation.job_id, *id);
}

#[test]
fn a_job_that_cannot_be_run_again_is_told_tried_again_and_told_at_the_end() {
    let mut rig = stopped();
    let first = given_id(&rig);
    let effects = answer(&mut rig, not_started(false));
    let [alarm] = alarms(&effects)[..] else { panic!("{effects:?}") };
    for part in [SAVEPOINT, "\"parallelism\": 4", "ledger.jar", "POST /jars/ID/run", "jar gone", "does not run"] {
        assert!(alarm.contains(part), "{part}: {alarm}");
    }
    assert!(!alarm.contains("--secret"), "{alarm}");
    let sent = |rig: &Rig| rig.acts.iter().filter(|a| matches!(a.1.kind, ActionKind::Redeploy(_))).count();
    silence(&mut rig, 5);
    assert_eq!(sent(&rig), 2, "not at once");
    silence(&mut rig, 10);
    assert_eq!(sent(&rig), 3);
    assert_eq!(given_id(&rig), first, "nothing has run under it");
    // What ended at once has used its id up.
    answer(&mut rig, not_started(true));
    silence(&mut rig, 30);
    assert_ne!(given_id(&rig), first);
    let mut told = Vec::new();
    for _ in 0..4 {
        told.extend(answer(&mut rig, not_started(false)));
        told.extend(silence(&mut rig, 400));
    }
    assert_eq!(sent(&rig), 1 + 6, "one stop, six tries");
    assert!(matches!(run(&rig).phase, Phase::Failed { .. }), "{:?}", run(&rig).phase);
    assert!(alarms(&told).iter().any(|a| a.contains("after 6 tries") && a.contains(SAVEPOINT)), "{told:?}");
}

#[test]
fn answers_that_leave_it_open_are_not_a_storm_of_requests() {
    let mut rig = stopped();
    for _ in 0..3 {
        answer(&mut rig, Outcome::Unclear("503".into()));
        assert!(matches!(last(&rig).kind, ActionKind::InquireRedeploy(_)));
        let sent = rig.acts.len();
        answer(&mut rig, not_started(false));
        assert_eq!(rig.acts.len(), sent, "it waits");
        silence(&mut rig, 60);
    }
}

#[test]
fn a_kill_switch_holds_the_second_stage_and_says_so() {
    let mut rig = stopping();
    rig.feed(&Event::KillSwitch(KillSwitch::On));
    let acts = rig.acts.len();
    answer(&mut rig, stopped_at());
    let effects = silence(&mut rig, 70);
    assert_eq!(rig.acts.len(), acts);
    let [alarm] = alarms(&effects)[..] else { panic!("{effects:?}") };
    assert!(alarm.contains(SAVEPOINT) && alarm.contains("kill switch"), "{alarm}");
    rig.feed(&Event::KillSwitch(KillSwitch::Off));
    silence(&mut rig, 5);
    assert_eq!(rig.acts.len(), acts + 1);
}

#[test]
fn it_is_not_undone_by_itself_and_a_person_is_told_how() {
    let mut rig = stopped();
    let id = given_id(&rig);
    answer(&mut rig, Outcome::Started { job_id: id });
    comes_up(&mut rig);
    // Flink runs it at another parallelism than it was asked for.
    rig.parts.iter_mut().for_each(|p| p.p = 2);
    let acts = rig.acts.len();
    let until = rig.at / 1_000 + 400;
    rig.run_until(until);
    assert!(matches!(run(&rig).phase, Phase::RollbackFailed { .. }), "{:?}", run(&rig).phase);
    assert_eq!(rig.acts.len(), acts, "neither undo nor withdrawal");
    let told =
        rig.log.iter().any(|l| l.contains("ESCALATE") && l.contains("not undone by itself") && l.contains(SAVEPOINT));
    assert!(told, "{:#?}", rig.log);
}

#[test]
fn from_2_on_all_vertices_get_the_largest_and_the_reason_says_so() {
    let mut rig = rig((2, 2));
    while rig.acts.is_empty() {
        rig.tick();
        assert!(rig.at < 200_000, "{:#?}", rig.log);
    }
    assert!(redeploy(&last(&rig)).target.values().all(|p| *p == Parallelism(4)));
    assert!(rig.log.iter().any(|l| l.contains("one parallelism for all vertices") && l.contains("run at 4")));
    // The source keeps what its program says: that is reached, too.
    answer(&mut rig, stopped_at());
    let id = given_id(&rig);
    answer(&mut rig, Outcome::Started { job_id: id });
    comes_up(&mut rig);
    rig.parts[0].p = 1;
    let until = rig.at / 1_000 + 300;
    rig.run_until(until);
    assert_eq!(run(&rig).phase, Phase::Succeeded, "{:#?}", rig.log);
}

#[test]
fn law_17_from_2_on_a_vertex_that_may_not_have_the_largest_gates_it() {
    let mut rig = rig((2, 2));
    let fixed = weirkeeper_core::policy::VertexPolicy { fixed: true, ..Default::default() };
    rig.policy().scaling.vertices = vec![("src".into(), fixed)];
    rig.run_until(150);
    assert_eq!(rig.acts, []);
    assert_eq!((rig.gates(), rig.says("one-parallelism")), (vec!["scheduler"], true));
    assert!(rig.standing().to_string().contains("is more than src may have"), "{}", rig.standing());
}

#[test]
fn law_27_a_redeploy_needs_a_young_checkpoint_also_upwards() {
    let mut rig = rig((1, 20));
    rig.completes_checkpoints = false;
    rig.observation.checkpoints.as_mut().unwrap().last_completed = Some(Timestamp(0));
    rig.policy().scaling.checkpoint_limit = Some(Millis::secs(10));
    rig.run_until(150);
    assert_eq!((rig.acts.len(), rig.gates()), (0, vec!["checkpoint-too-old"]));
}

#[test]
fn law_26_no_redeploy_while_a_savepoint_is_under_way() {
    let mut rig = rig((1, 20));
    rig.observation.checkpoints.as_mut().unwrap().savepoint_in_progress = Some(true);
    rig.run_until(150);
    assert_eq!((rig.acts.len(), rig.gates()), (0, vec!["snapshot-in-progress"]));
}
