//! Takes an observation in: which attempt it belongs to, what changed since the last, who changed it.

use crate::event::KillSwitch;
use crate::gates::STORM_WITHIN;
use crate::job::{JobGraph, JobKey};
use crate::learn;
use crate::memory::{HandChange, JobMemory};
use crate::observation::{Bounds, JobStatus, Observation};
use crate::outcome::same;
use crate::policy::Policy;
use crate::run::{Phase, Run};
use crate::series::name;
use crate::state::{JobState, State};
use crate::units::{Millis, Timestamp};
use crate::view::{JobView, MAX_RESTARTS, Unread};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Environments whose lessons are kept while the job runs in another.
const MAX_SHELVED: usize = 4;
/// Without an observation for this long, what was watched before is not a continuous watch any more.
const GAP: Millis = Millis::minutes(5);
/// A job that is down for longer is in an outage or a restart loop: no size makes up for that, and what it took says
/// nothing of how long a lost TaskManager takes.
const LONGEST_RESTART: Millis = Millis::minutes(10);
/// Failures remembered for telling a storm.
const MAX_FAILURES: usize = 1_000;

/// Takes it in. Gives a run that somebody else has overtaken.
pub(crate) fn observed(
    state: &mut State,
    policy: Option<&Policy>,
    at: Timestamp,
    observation: &Observation,
) -> Option<Run> {
    let key = &observation.job;
    let job = state.jobs.entry(key.clone()).or_default();
    let known = job.view.seen_at.is_some();
    let moved = identity(job, observation);
    let failed = attempt(job, at, observation);
    let followed = requirements(&mut job.memory, at, observation);
    job.view.unread = None;
    if job.view.seen_at.is_some_and(|seen| at.since(seen) > GAP) {
        job.view.watched_since = None;
    }
    job.view.windows.push(at, &observation.samples);
    job.view.seen_at = Some(at);
    job.memory.seen = at;
    learn::checkpoints(&job.view, &mut job.memory, observation.checkpoints.as_ref());
    if let (Some(policy), true) = (policy, observation.running_since.is_some()) {
        let from = from(&job.view, policy, at);
        job.view.follow(&observation.graph, from);
        learn::slices(&mut job.view, &mut job.memory, &observation.graph, policy);
    }
    job.view.last = Some(Box::new(observation.without_samples()));
    if followed.news || !known || moved || failed > 0.0 {
        state.touch(key);
    }
    if failed > 0.0 {
        fail(state, at, key);
    }
    state.bound_jobs();
    followed.overtaken
}

fn fail(state: &mut State, at: Timestamp, key: &JobKey) {
    state.fleet.failures.push_back((at, key.clone()));
    while state.fleet.failures.len() > MAX_FAILURES {
        state.fleet.failures.pop_front();
    }
    state.touch_fleet();
}

/// Samples from here on count: within the policy's window, after the warm-up of this attempt, after a jump of the
/// clock.
pub(crate) fn from(view: &JobView, policy: &Policy, at: Timestamp) -> Timestamp {
    let warm = view.attempt_since.map_or(at, |since| since.plus(policy.scaling.warm_up));
    let window = at.minus(policy.scaling.window);
    warm.max(window).max(view.not_before.unwrap_or(window))
}

/// Another job id is another submission; another graph is another job, and what was learned of the old one goes.
fn identity(job: &mut JobState, observation: &Observation) -> bool {
    let fingerprint = observation.graph.fingerprint();
    let memory = &mut job.memory;
    let before = (memory.fingerprint.clone(), memory.environment.clone());
    if memory.fingerprint != fingerprint {
        if !memory.fingerprint.is_empty() {
            memory.forget();
            memory.shelved.clear();
            job.view = JobView { name_count: job.view.name_count, ..JobView::default() };
        }
        memory.fingerprint = fingerprint;
    }
    if let Some(environment) = environment(observation) {
        if memory.environment != environment && !memory.environment.is_empty() {
            let learned = std::mem::take(&mut memory.learned);
            memory.shelved.insert(std::mem::take(&mut memory.environment), learned);
            memory.learned = memory.shelved.remove(&environment).unwrap_or_default();
            while memory.shelved.len() > MAX_SHELVED {
                memory.shelved.pop_first();
            }
        }
        memory.environment = environment;
    }
    let other_id = job.view.last.as_ref().is_some_and(|last| last.job_id != observation.job_id);
    if other_id {
        job.view.forget_samples();
        job.view.counters = None;
        job.view.attempt_since = None;
    }
    before != (job.memory.fingerprint.clone(), job.memory.environment.clone())
}

/// What a measured capacity holds for: slots per TaskManager, its memory, debloating. `None` while any is not known.
fn environment(observation: &Observation) -> Option<String> {
    let slots = observation.slots?.per_taskmanager?;
    let (memory, debloat) = (observation.facts.taskmanager_memory?, observation.facts.buffer_debloat?);
    Some(format!("slots {slots}, memory {memory}, debloat {debloat}"))
}

/// Follows attempts and restarts; gives how many failures are new.
fn attempt(job: &mut JobState, at: Timestamp, observation: &Observation) -> f64 {
    let restarts = restarts(&mut job.view, observation, job.memory.run.as_ref());
    if restarts > 0.0 {
        job.view.restarts.push_back((at, restarts));
        while job.view.restarts.len() > MAX_RESTARTS {
            job.view.restarts.pop_front();
        }
        if let Some(run) = job.memory.run.as_mut().filter(|r| r.phase == Phase::Settling) {
            run.restarts = run.restarts.saturating_add(restarts as u32);
        }
    }
    unplanned(job, restarts > 0.0, at, observation);
    if observation.running_since.is_some() && observation.running_since != job.view.attempt_since {
        job.view.attempt_since = observation.running_since;
        job.view.settle.clear();
        // Figures of the attempt before are served for a while: what was sampled until now is not compared with them.
        job.view.logs.clear();
    }
    let was_running = job.view.last.as_ref().is_some_and(|l| l.status == JobStatus::Running);
    // FINISHED and CANCELED are no failures: only an end with a fresh cause is.
    let failed = observation.failure.as_ref().is_some_and(|f| at.since(f.at) <= STORM_WITHIN);
    let ended = was_running && observation.status == JobStatus::Ended && failed;
    restarts + f64::from(u8::from(ended))
}

/// Measures what a failure costs: from when all tasks were last seen to run until they run again, and the replay since
/// the last checkpoint before it.
fn unplanned(job: &mut JobState, failed: bool, at: Timestamp, observation: &Observation) {
    let checkpoint = job.view.last.as_ref().and_then(|l| l.checkpoints.as_ref()?.last_completed);
    if let Some(ran) = job.view.ran_at.filter(|_| failed && job.view.failed_at.is_none()) {
        job.view.failed_at = Some((ran, checkpoint.map_or(Millis(0), |c| ran.since(c))));
    }
    let Some(since) = observation.running_since else { return };
    let over = job.view.failed_at.take_if(|f| since > f.0).map(|(ran, replay)| since.since(ran) + replay);
    if let Some(took) = over.filter(|took| *took <= LONGEST_RESTART) {
        let before = job.memory.unplanned.unwrap_or(took);
        job.memory.unplanned = Some(Millis(u64::midpoint(before.0, took.0)));
    }
    if observation.running_since != job.view.attempt_since {
        job.view.ran_before = job.view.ran_at;
    }
    job.view.ran_at = Some(at);
}

/// New restarts since the last observation, rescales left out. `numRestarts` counts both; 2.x tells rescales apart,
/// before that a restart that changed a parallelism was a rescale.
fn restarts(view: &mut JobView, observation: &Observation, run: Option<&Run>) -> f64 {
    let value = |name: &str| observation.samples.iter().find(|s| &*s.key.name == name).map(|s| s.value);
    let Some(restarts) = value(name::NUM_RESTARTS) else { return 0.0 };
    let rescales = value(name::NUM_RESCALES);
    let before = view.counters.replace((restarts, rescales));
    let Some((was, rescales_were)) = before else { return 0.0 };
    let rose = (restarts - was).max(0.0);
    let rescaled = match (rescales, rescales_were) {
        (Some(now), Some(then)) => (now - then).max(0.0),
        _ => f64::from(u8::from(changed_parallelism(view, observation) || run.is_some_and(is_coming_up))),
    };
    (rose - rescaled).max(0.0)
}

/// Its own restart is still to come or under way: later ones are failures.
fn is_coming_up(run: &Run) -> bool {
    run.phase == Phase::RollingBack || run.phase.is_in_flight() && run.reached_at.is_none()
}

fn changed_parallelism(view: &JobView, observation: &Observation) -> bool {
    let parallelism = |g: &JobGraph| g.vertices.iter().map(|v| v.parallelism).collect::<Vec<_>>();
    view.last.as_ref().is_some_and(|last| parallelism(&last.graph) != parallelism(&observation.graph))
}

/// A poll that began before Flink took a change may be delivered this long after it.
const OLD_ANSWER: Millis = Millis::secs(60);

/// What following the requirements has shown.
#[derive(Default)]
struct Followed {
    /// Something that must survive has changed.
    news: bool,
    /// A run that somebody else has overtaken.
    overtaken: Option<Run>,
}

/// Follows what is asked of Flink, and who asks it.
fn requirements(memory: &mut JobMemory, at: Timestamp, observation: &Observation) -> Followed {
    let mut out = Followed::default();
    let ours = memory.run.as_ref().is_some_and(|r| r.phase.is_in_flight() && r.is_about(&observation.job_id));
    let resubmitted = memory.job_id.as_ref().is_some_and(|id| *id != observation.job_id) && !ours;
    if memory.job_id.as_ref() != Some(&observation.job_id) {
        memory.job_id = Some(observation.job_id.clone());
        out.news = true;
    }
    if resubmitted {
        out.overtaken = overtake(memory, at, "the job was submitted anew in the meantime");
        memory.withdrawn = None;
    }
    let Some(asked) = &observation.requirements else { return out };
    if resubmitted || memory.asked.is_empty() {
        (memory.asked, memory.asked_by_us) = (asked.clone(), false);
        out.news = true;
        return out;
    }
    if same(&memory.asked, asked) || memory.run.as_ref().is_some_and(|run| in_doubt(run, at, asked)) {
        return out;
    }
    out.news = true;
    if ours_late(memory, asked) {
        (memory.asked, memory.asked_by_us, memory.withdrawn) = (asked.clone(), true, None);
        return out;
    }
    memory.by_hand = hand_change(memory, at, observation, asked).or(memory.by_hand.take());
    (memory.asked, memory.asked_by_us, memory.withdrawn) = (asked.clone(), false, None);
    out.overtaken = overtake(memory, at, "somebody else rescaled the job in the meantime");
    out
}

/// While a change of ours is on its way, what was asked before it and what it asks for are both expected.
fn in_doubt(run: &Run, at: Timestamp, asked: &BTreeMap<Arc<str>, Bounds>) -> bool {
    let young = run.acted_at.is_some_and(|acted| at.since(acted) < OLD_ANSWER);
    let (target, before) = (same(&run.target, asked), same(&run.before, asked));
    run.phase.is_in_flight() && (target || before && (run.phase != Phase::Settling || young))
}

/// A withdrawal that Flink has taken, or a change whose outcome was never learned.
fn ours_late(memory: &JobMemory, asked: &BTreeMap<Arc<str>, Bounds>) -> bool {
    let late = |run: &Run| run.unclear && same(&run.target, asked) && same(&run.before, &memory.asked);
    memory.withdrawn.as_ref().is_some_and(|w| same(w, asked)) || memory.ended.back().is_some_and(late)
}

fn overtake(memory: &mut JobMemory, at: Timestamp, why: &str) -> Option<Run> {
    let mut run = memory.run.take()?;
    run.note(at, why);
    run.enter(at, Phase::Aborted { why: why.to_owned() });
    Some(run)
}

fn hand_change(
    memory: &JobMemory,
    at: Timestamp,
    observation: &Observation,
    asked: &BTreeMap<Arc<str>, Bounds>,
) -> Option<HandChange> {
    observation.graph.vertices.iter().find_map(|vertex| {
        let (from, to) = (memory.asked.get(&vertex.id)?.upper, asked.get(&vertex.id)?.upper);
        (from != to).then(|| HandChange { at, vertex: vertex.name.clone(), from, to })
    })
}

/// A job that could not be read.
pub(crate) fn unobserved(state: &mut State, at: Timestamp, job: &JobKey, why: &str, incomplete: bool) {
    let view = &mut state.jobs.entry(job.clone()).or_default().view;
    let since = view.unread.as_ref().map_or(at, |u| u.since);
    view.unread = Some(Unread { since, why: why.to_owned(), incomplete });
}

/// The complete list of a cluster's jobs: how often each name stands in it. Jobs that are gone are not seen any more.
pub(crate) fn listed(state: &mut State, cluster: &str, jobs: &[JobKey]) {
    let mut counts: BTreeMap<&JobKey, u32> = BTreeMap::new();
    jobs.iter().for_each(|job| *counts.entry(job).or_default() += 1);
    for (key, job) in state.jobs.iter_mut().filter(|(k, _)| &*k.cluster == cluster) {
        job.view.name_count = counts.get(key).copied().unwrap_or(0);
        if job.view.name_count == 0 {
            job.view = JobView::default();
        }
    }
    for (key, count) in counts {
        state.jobs.entry(key.clone()).or_default().view.name_count = count;
    }
    state.bound_jobs();
}

/// After a jump of the clock or a sleep of ours, what was sampled before says nothing: warm up first.
pub(crate) fn resumed(state: &mut State, warm_up: Millis, at: Timestamp) {
    for job in state.jobs.values_mut().filter(|j| !j.view.windows.is_empty()) {
        job.view.forget_samples();
        job.view.watched_since = None;
        job.view.peaks.clear();
        job.view.not_before = Some(at.plus(warm_up));
    }
}

/// The kill switch.
pub(crate) fn kill_switch(state: &mut State, switch: KillSwitch) {
    if state.fleet.kill_switch != Some(switch) {
        state.fleet.kill_switch = Some(switch);
        state.touch_fleet();
    }
}
