//! Rescales a job that cannot be rescaled in place: it is stopped with a savepoint, and its jar is run again from there.
//!
//! Two stages, and what the first gives (the savepoint) is in the state before the second goes out. Between them the job
//! does not run, and it is we who stopped it: it is tried again, a person is told, and nothing is forgotten. The job's
//! new id and the id of the stop's trigger are chosen beforehand, so that after a crash both can be asked after, and so
//! that Flink itself refuses a second submission. A redeploy is not undone by itself: that would be a second stop of a
//! job that may be in trouble; a person is told what to do instead.

use crate::act::{self, keep, progress, send};
use crate::effect::{ActionKind, Effect, Redeploy, Stage};
use crate::event::Outcome;
use crate::gates::{self, Held, Wanted};
use crate::job::{JobKey, Vertex};
use crate::observation::{Observation, Scheduler};
use crate::outcome::{self, Left};
use crate::policy::{Apply, Scaling};
use crate::reason::{Gate, Reason};
use crate::run::{Phase, Progress, Run};
use crate::sizing::Direction;
use crate::state::{Config, State};
use crate::units::{Millis, Parallelism, Timestamp};
use std::sync::Arc;

/// So often it is tried to run a stopped job again.
const MOST_STARTS: u32 = 6;
/// Before the second try; doubled each time: the last comes five minutes after the first.
const FIRST_RETRY: Millis = Millis::secs(10);
/// A job that has been stopped for so long without running again is told.
const TELL_AFTER: Millis = Millis::minutes(1);
/// A job must be found running twice, this far apart, before a stop counts as never carried out: the request may have
/// been on its way.
const STILL: Millis = Millis::secs(10);

/// Whether the policy says so, and says what to run.
pub(crate) fn is_allowed(scaling: &Scaling) -> bool {
    scaling.apply == Apply::StopWithSavepoint && scaling.jar.is_some()
}

fn applies(wanted: &Wanted) -> bool {
    let other = matches!(wanted.observation.scheduler, Some(Scheduler::Other(_)));
    other && is_allowed(&wanted.policy.scaling)
}

/// Before 2.x Flink takes a parallelism per vertex with a jar; later lines ignore it without a word (measured on 2.2.1).
fn one_for_all(observation: &Observation) -> bool {
    observation.facts.version.is_none_or(|(major, _)| major >= 2)
}

fn largest(wanted: &Wanted) -> Parallelism {
    Parallelism(wanted.advice.target.iter().copied().max().unwrap_or(1))
}

/// What the decision says beside the sizes.
pub(crate) fn reason(wanted: &Wanted) -> Option<Reason> {
    let largest = largest(wanted);
    let differ = wanted.advice.target.iter().any(|p| *p != largest.0);
    let told = applies(wanted) && differ && one_for_all(wanted.observation) && refused(wanted).is_none();
    told.then_some(Reason::OneParallelism { largest, refused: None })
}

/// A vertex that must not have the parallelism that all would get.
pub(crate) fn refused(wanted: &Wanted) -> Option<Held> {
    if !one_for_all(wanted.observation) {
        return None;
    }
    let largest = largest(wanted);
    let scaling = &wanted.policy.scaling;
    let above = |most: Option<Parallelism>| most.is_some_and(|most| largest > most);
    let pairs = wanted.observation.graph.vertices.iter().zip(&wanted.advice.target);
    let refuses = |(vertex, target): &(&Vertex, &u32)| {
        let own = scaling.vertex(&vertex.name);
        let bounds = [own.max_parallelism, vertex.max_parallelism, vertex.partitions.map(Parallelism)];
        **target != largest.0 && (own.fixed || bounds.into_iter().any(above))
    };
    let vertex = pairs.into_iter().find(refuses).map(|(vertex, _)| vertex.name.clone());
    let held = vertex.is_some() || saves_nothing(wanted, largest);
    held.then_some((Gate::Scheduler, Reason::OneParallelism { largest, refused: vertex }))
}

/// Less for some vertices is nothing where all run at the largest.
fn saves_nothing(wanted: &Wanted, largest: Parallelism) -> bool {
    let now = wanted.observation.graph.vertices.iter().map(|v| v.parallelism).max();
    wanted.direction == Direction::Down && now.is_none_or(|now| largest >= now)
}

/// The redeploy that a wanted rescale would be.
pub(crate) fn planned(wanted: &Wanted) -> Option<Progress> {
    let jar = wanted.policy.scaling.jar.clone().filter(|_| applies(wanted))?;
    let vertices = wanted.observation.graph.vertices.iter();
    Some(Progress {
        from: wanted.observation.job_id.clone(),
        jar,
        expected: vertices.map(|v| (v.id.clone(), v.parallelism)).collect(),
        wait: act::longest_wait(wanted.observation.checkpoints.as_ref()),
        stopped: None,
        sent: 0,
        used: 0,
        retry_at: None,
        told: false,
        still_runs: None,
    })
}

/// Where all vertices get the same, that is what is asked for.
pub(crate) fn level(run: &mut Run, wanted: &Wanted) {
    if run.redeploy.is_none() || !one_for_all(wanted.observation) {
        return;
    }
    let largest = largest(wanted);
    run.target.values_mut().for_each(|b| b.upper = largest);
    run.changes.values_mut().for_each(|c| c.to = largest);
}

/// The stage that is due.
pub(crate) fn stage(run: &Run) -> Option<Redeploy> {
    let progress = run.redeploy.as_ref()?;
    let stage = match &progress.stopped {
        None => Stage::Stop,
        Some((savepoint, _)) => Stage::Run { savepoint: savepoint.clone(), job_id: progress.job_id(run.id) },
    };
    Some(Redeploy {
        purpose: run.purpose,
        stage,
        jar: progress.jar.clone(),
        trigger: progress.trigger(run.id),
        checkpoint_before: run.checkpoint_before,
        expected: progress.expected.clone(),
        target: run.target.iter().map(|(id, b)| (id.clone(), b.upper)).collect(),
        wait: progress.wait,
    })
}

/// What came of a stage, or of asking after it.
pub(crate) fn outcome(
    config: &Config,
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    run: Run,
    outcome: &Outcome,
) -> Vec<Effect> {
    let is_stopped = run.redeploy.as_ref().is_some_and(|r| r.stopped.is_some());
    match outcome {
        Outcome::Unclear(what) => outcome::unclear(state, key, at, run, what),
        _ if is_stopped => second(state, key, at, run, outcome),
        _ => first(config, state, key, at, run, outcome),
    }
}

fn first(config: &Config, state: &mut State, key: &JobKey, at: Timestamp, run: Run, outcome: &Outcome) -> Vec<Effect> {
    match outcome {
        Outcome::Stopped { savepoint } => stopped(state, key, at, run, savepoint),
        Outcome::StillRuns => still_runs(state, key, at, run),
        Outcome::DryRun => outcome::dry_run(config, state, key, at, run),
        Outcome::Changed(what) => changed(state, key, at, run, what),
        Outcome::Refused(what) => {
            let why = format!("it was not stopped: {what}");
            outcome::not_done(state, key, at, run, why, Left::WouldBeRefusedAgain)
        }
        _ => Vec::new(),
    }
}

fn second(state: &mut State, key: &JobKey, at: Timestamp, run: Run, outcome: &Outcome) -> Vec<Effect> {
    match outcome {
        Outcome::Started { job_id } => started(state, key, at, run, job_id),
        Outcome::NotStarted { why, used } => not_started(state, key, at, run, why, *used),
        Outcome::Refused(why) => not_started(state, key, at, run, why, false),
        Outcome::DryRun => not_started(state, key, at, run, "only recommending now: nothing is sent", false),
        Outcome::Changed(why) => {
            outcome::not_done(state, key, at, run, format!("somebody else saw to it: {why}"), Left::Unknown)
        }
        _ => Vec::new(),
    }
}

/// The savepoint is written down, and with it the next stage goes out.
fn stopped(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run, savepoint: &str) -> Vec<Effect> {
    let what = format!("stopped; its savepoint is {savepoint}");
    run.note(at, what.clone());
    if let Some(redeploy) = run.redeploy.as_mut() {
        redeploy.stopped = Some((savepoint.to_owned(), at));
    }
    let mut effects = progress(state, key, at, &run, what);
    effects.extend(run_again(state, key, at, run));
    effects
}

/// Sends the second stage. Only a kill switch or a pause of everything holds it back, which [`tick`] tells a person.
fn run_again(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let held = gates::hands_off(state, key, at).is_some();
    let Some(redeploy) = run.redeploy.as_mut() else { return Vec::new() };
    redeploy.retry_at = held.then_some(at);
    if held {
        keep(state, key, run);
        return Vec::new();
    }
    redeploy.sent += 1;
    (run.sent_at, run.asked) = (at, None);
    let Some(stage) = stage(&run) else { return Vec::new() };
    let effect = send(state, key, &mut run, ActionKind::Redeploy(Box::new(stage)));
    keep(state, key, run);
    vec![effect]
}

fn still_runs(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let Some(redeploy) = run.redeploy.as_mut() else { return Vec::new() };
    let since = *redeploy.still_runs.get_or_insert(at);
    if at.since(since) < STILL {
        keep(state, key, run);
        return Vec::new();
    }
    outcome::not_done(state, key, at, run, "it had not been carried out".to_owned(), Left::Undone)
}

/// Before the stop went out nothing was done. Afterwards the job may have ended by it: a person is told.
fn changed(state: &mut State, key: &JobKey, at: Timestamp, run: Run, what: &str) -> Vec<Effect> {
    let (id, asked, from) = (run.id, run.asked.is_some(), run.job_id.clone());
    let why = format!("the live job is not as planned: {what}");
    let mut effects = outcome::not_done(state, key, at, run, why, if asked { Left::Unknown } else { Left::Undone });
    let message = format!(
        "{key}: {id} may have stopped the job, and no savepoint of that is known: {what}; look for one of job {from} \
         under state.savepoints.dir"
    );
    effects.extend(asked.then(|| Effect::Escalate { job: Some(key.clone()), at, message }));
    effects
}

fn started(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run, job_id: &Arc<str>) -> Vec<Effect> {
    let what = format!("runs again as job {job_id}");
    run.note(at, what.clone());
    (run.taken, run.asked, run.job_id) = (true, None, job_id.clone());
    // The pause began with the first try at the latest; a later try is not the pause of a redeploy.
    run.acted_at = Some(run.sent_at);
    run.enter(at, Phase::Settling);
    if let Some(job) = state.jobs.get_mut(key) {
        job.memory.job_id = Some(job_id.clone());
        job.memory.asked.clear();
    }
    keep(state, key, run.clone());
    progress(state, key, at, &run, what)
}

/// Told at once, and tried again. What was only asked after, after a crash of ours, is sent at once.
fn not_started(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run, why: &str, used: bool) -> Vec<Effect> {
    let asked = run.asked.take().is_some();
    let Some(redeploy) = run.redeploy.as_mut() else { return Vec::new() };
    redeploy.used += u32::from(used);
    let (sent, told) = (redeploy.sent, redeploy.told);
    if sent >= MOST_STARTS {
        return lost(state, key, at, run, why);
    }
    if asked && !used && !run.unclear {
        run.note(at, "it had not been run again: sent again");
        return run_again(state, key, at, run);
    }
    redeploy.retry_at = Some(at.plus(FIRST_RETRY.times(1 << sent.saturating_sub(1).min(8))));
    redeploy.told = true;
    let what = format!("could not be run again ({sent} of {MOST_STARTS} tries): {why}");
    run.note(at, what.clone());
    keep(state, key, run.clone());
    let mut effects = progress(state, key, at, &run, what.clone());
    effects.extend((!told).then(|| stands_still(key, at, &run, &what)));
    effects
}

/// The last try has failed. The job does not run, and only a person can change that.
fn lost(state: &mut State, key: &JobKey, at: Timestamp, run: Run, why: &str) -> Vec<Effect> {
    let why = format!("stopped, and not running again after {MOST_STARTS} tries: {why}");
    let alarm = stands_still(key, at, &run, &why);
    let failed = outcome::failed_verification(state, key, at, &run);
    let mut effects = act::end(state, key, at, run, Phase::Failed { why: why.clone() }, why);
    effects.push(alarm);
    effects.extend(failed);
    effects
}

fn stands_still(key: &JobKey, at: Timestamp, run: &Run, what: &str) -> Effect {
    let message = format!("{key}: the job does not run; {} {}", run.id, with_the_way_back(run, what.to_owned()));
    Effect::Escalate { job: Some(key.clone()), at, message }
}

/// The call that starts it by hand. Arguments and settings are named, not told: they may hold secrets.
pub(crate) fn with_the_way_back(run: &Run, what: String) -> String {
    let Some(Progress { jar, stopped: Some((savepoint, _)), .. }) = &run.redeploy else { return what };
    let parallelism = run.target.values().map(|b| b.upper.0).max().unwrap_or(1);
    let body = body_of(savepoint, parallelism, jar.entry_class.as_deref());
    format!(
        "{what}. By hand, if it does not run: POST /jars/ID/run {body}, ID being that of {:?} in GET /jars, with \
         programArgsList and flinkConfiguration as scaling.jar of policy {:?} says (args, config)",
        jar.name, run.policy
    )
}

fn body_of(savepoint: &str, parallelism: u32, entry_class: Option<&str>) -> String {
    let class = entry_class.map(|c| format!(", \"entryClass\": {c:?}")).unwrap_or_default();
    format!("{{\"savepointPath\": {savepoint:?}, \"parallelism\": {parallelism}{class}}}")
}

/// It runs and does not do what was promised. It is left as it is.
pub(crate) fn not_worth_it(state: &mut State, key: &JobKey, at: Timestamp, run: Run, why: &str) -> Vec<Effect> {
    let before = run.redeploy.as_ref().map_or(1, |r| r.expected.values().map(|p| p.0).max().unwrap_or(1));
    let why = format!("{why}; a redeploy is not undone by itself (it ran at {before} before)");
    outcome::not_undone(state, key, at, run, why)
}

/// Time has passed while it is not known to run.
pub(crate) fn tick(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let mut effects = Vec::new();
    let Some(redeploy) = run.redeploy.as_mut() else { return effects };
    let long = redeploy.stopped.as_ref().is_some_and(|(_, since)| at.since(*since) >= TELL_AFTER);
    let retry = redeploy.retry_at;
    if long && !redeploy.told {
        redeploy.told = true;
        let why = gates::hands_off(state, key, at).map_or_else(String::new, |reason| format!(": {reason}"));
        effects.push(stands_still(key, at, &run, &format!("was stopped {TELL_AFTER} ago and does not run again{why}")));
        keep(state, key, run.clone());
    }
    effects.extend(match retry {
        Some(retry) if at >= retry => run_again(state, key, at, run),
        Some(_) => Vec::new(),
        None => outcome::unanswered(state, key, at, run),
    });
    effects
}

/// A vertex that was not to change may have a parallelism of its own in the program, which it keeps.
pub(crate) fn is_reached(run: &Run, seen: &Observation) -> bool {
    let Some(redeploy) = &run.redeploy else { return false };
    let kept = |v: &Vertex| !run.changes.contains_key(&v.name) && redeploy.expected.get(&v.id) == Some(&v.parallelism);
    let fits = |v: &Vertex| run.target.get(&v.id).is_none_or(|b| b.upper == v.parallelism) || kept(v);
    seen.running_since.is_some() && seen.graph.vertices.iter().all(fits)
}
