//! From an observation to a decision: what is wanted, what holds it back, and the record of it.

use crate::act;
use crate::decision::{Change, Decision, Verdict};
use crate::effect::Effect;
use crate::gates::{self, Held, Wanted};
use crate::job::JobKey;
use crate::learn;
use crate::observation::{JobStatus, Observation};
use crate::policy::{Mode, Policy};
use crate::reason::{Gate, Reason};
use crate::redeploy;
use crate::run::{Phase, plan_hash};
use crate::select::select;
use crate::sizing::{self, Advice, Case, Direction};
use crate::state::{Config, State};
use crate::units::{Millis, Parallelism, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a person has to approve.
pub(crate) const APPROVAL: Millis = Millis::minutes(30);

/// Decides about a job that has just been observed.
pub(crate) fn decide(config: &Config, state: &mut State, key: &JobKey, at: Timestamp) -> Vec<Effect> {
    let Some(observation) = state.jobs.get(key).and_then(|j| j.view.last.clone()) else { return Vec::new() };
    let Some(policy) = select(&config.policies, key, &observation.labels) else {
        return hold(state, nothing(key, "", at, vec![Reason::NoPolicy], Vec::new()));
    };
    if let Some(reasons) = unfit(state, key, &observation, policy, at) {
        let young = reasons.iter().any(|r| matches!(r, Reason::WarmingUp { .. } | Reason::NotAllRunning { .. }));
        let gates = young.then_some(Gate::WarmUp).into_iter().collect();
        let reasons = reasons.into_iter().chain(by_hand(state, key, policy, at)).collect();
        return hold(state, nothing(key, &policy.name, at, reasons, gates));
    }
    let advice = advise(config, state, key, policy, &observation, at);
    let taught = teach(state, key, policy, &observation, &advice, at);
    if taught {
        state.touch(key);
    }
    let Some(direction) = advice.direction else {
        let gates = [(advice.stale, Gate::Stale), (advice.short, Gate::NoCapacity)];
        let gates = gates.into_iter().filter(|g| g.0).map(|g| g.1).collect();
        let reasons = advice.reasons.into_iter().chain(by_hand(state, key, policy, at)).collect();
        return hold(state, nothing(key, &policy.name, at, reasons, gates));
    };
    let wanted = Wanted { at, job: key, policy, observation: &observation, advice: &advice, direction };
    wants(config, state, &wanted)
}

/// What is to be told of a person's rescale also where nothing else is wanted.
fn by_hand(state: &State, key: &JobKey, policy: &Policy, at: Timestamp) -> Option<Reason> {
    gates::changed_by_hand(&state.jobs.get(key)?.memory, policy, at)
}

/// A job that cannot be judged at all.
fn unfit(
    state: &State,
    key: &JobKey,
    observation: &Observation,
    policy: &Policy,
    at: Timestamp,
) -> Option<Vec<Reason>> {
    let view = &state.jobs.get(key)?.view;
    if view.name_count > 1 {
        return Some(vec![Reason::NameTwice { count: view.name_count }]);
    }
    // Between two restarts a job is never fit, so that it restarts again and again, and why, has to be told here.
    let dependency = sizing::obstacles::failed_dependency(at, observation.failure.as_ref(), view.flowing_since);
    let looping = sizing::obstacles::restart_loop(at, &view.restarts);
    let with_cause = |reason: Reason| Some([reason].into_iter().chain(dependency).chain(looping).collect());
    if observation.status != JobStatus::Running {
        let status = if observation.status == JobStatus::Ended { "ended" } else { "restarting or not yet running" };
        return with_cause(Reason::NotRunning { status: status.to_owned() });
    }
    let Some(since) = observation.running_since else {
        return with_cause(not_all_running(observation));
    };
    let until = since.plus(policy.scaling.warm_up).max(view.not_before.unwrap_or(since));
    if at < until { with_cause(Reason::WarmingUp { until }) } else { None }
}

fn not_all_running(observation: &Observation) -> Reason {
    let behind = observation.graph.vertices.iter().find(|v| v.running.is_some_and(|r| r < v.parallelism.0));
    match behind {
        Some(v) => Reason::NotAllRunning { vertex: v.name.clone(), running: v.running.unwrap_or(0), of: v.parallelism },
        None => Reason::Missing { what: "whether all tasks run, and since when".to_owned() },
    }
}

fn advise(
    config: &Config,
    state: &mut State,
    key: &JobKey,
    policy: &Policy,
    observation: &Observation,
    at: Timestamp,
) -> Advice {
    let Some(job) = state.jobs.get_mut(key) else { return Advice::default() };
    let rising = learn::rising(&job.view, &observation.graph, at);
    let case = Case {
        at,
        interval: config.interval,
        graph: &observation.graph,
        windows: &job.view.windows,
        tracks: &job.view.tracks,
        policy,
        memory: &job.memory,
        logs: &job.view.logs,
        peaks: &job.view.peaks,
        watched_since: job.view.watched_since,
        flowing_since: job.view.flowing_since,
        rising: &rising,
        restarts: &job.view.restarts,
        slots: observation.slots.as_ref(),
        checkpoints: observation.checkpoints.as_ref(),
        failure: observation.failure.as_ref(),
        facts: &observation.facts,
    };
    sizing::advise(&case)
}

fn teach(
    state: &mut State,
    key: &JobKey,
    policy: &Policy,
    observation: &Observation,
    advice: &Advice,
    at: Timestamp,
) -> bool {
    let Some(job) = state.jobs.get_mut(key) else { return false };
    job.view.vertices.clone_from(&advice.vertices);
    learn::lesson(&mut job.view, &mut job.memory, &observation.graph, policy, &advice.lesson, at)
}

/// Something is wanted: what holds it back, and how far the mode lets it go.
fn wants(config: &Config, state: &mut State, wanted: &Wanted) -> Vec<Effect> {
    let mut effects = freeze_flapping(state, wanted);
    effects.extend(go(config, state, wanted));
    effects
}

/// How far the policy lets it go, in this process.
fn mode(config: &Config, policy: &Policy) -> Mode {
    if config.dry_run && !config.dry_run_counts { policy.mode.min(Mode::Recommend) } else { policy.mode }
}

fn go(config: &Config, state: &mut State, wanted: &Wanted) -> Vec<Effect> {
    let held = gates::all(state, wanted);
    let mode = mode(config, wanted.policy);
    if mode < Mode::Approve {
        act::end_waiting(state, wanted.job, wanted.at, "the policy only recommends now");
    }
    let changes = changes(&wanted.observation.graph, &wanted.advice.target);
    let mut decision = record(wanted, changes, &held);
    if mode == Mode::Observe {
        decision.rescale.clear();
        decision.gates.clear();
        decision.verdict = Verdict::Hold;
        return put(state, decision);
    }
    if !held.is_empty() {
        withdraw_approval(state, wanted, &decision);
        return put(state, decision);
    }
    match mode {
        Mode::Observe | Mode::Recommend => {
            decision.verdict = Verdict::Recommend;
            put(state, decision)
        }
        Mode::Approve => ask(state, wanted, decision),
        Mode::Auto => act::start(state, wanted, decision, None),
    }
}

/// A person has approved this plan: it is judged anew on what was last seen, and must come out the same.
pub(crate) fn approved(
    config: &Config,
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    hash: &str,
    by: &str,
) -> Vec<Effect> {
    let Some(observation) = state.jobs.get(key).and_then(|j| j.view.last.clone()) else { return Vec::new() };
    let Some(policy) = select(&config.policies, key, &observation.labels) else { return Vec::new() };
    if mode(config, policy) < Mode::Approve {
        act::end_waiting(state, key, at, "the policy only recommends now");
        return Vec::new();
    }
    let advice = match unfit(state, key, &observation, policy, at) {
        None => advise(config, state, key, policy, &observation, at),
        Some(reasons) => Advice { reasons, ..Advice::default() },
    };
    let changed = |state: &mut State| {
        act::end_waiting(state, key, at, "the plan changed before it was approved");
        hold(state, nothing(key, &policy.name, at, advice.reasons.clone(), vec![Gate::ChangedSincePlan]))
    };
    let Some(direction) = advice.direction else { return changed(state) };
    let rescale = changes(&observation.graph, &advice.target);
    if plan_hash(&observation.job_id, &rescale) != hash {
        return changed(state);
    }
    let wanted = Wanted { at, job: key, policy, observation: &observation, advice: &advice, direction };
    let held = gates::all(state, &wanted);
    let decision = record(&wanted, rescale, &held);
    if held.is_empty() { act::start(state, &wanted, decision, Some(by.to_owned())) } else { put(state, decision) }
}

fn record(wanted: &Wanted, rescale: BTreeMap<Arc<str>, Change>, held: &[Held]) -> Decision {
    let mut gates: Vec<Gate> = held.iter().map(|h| h.0).collect();
    gates.sort();
    gates.dedup();
    let reasons = redeploy::reason(wanted).into_iter().chain(held.iter().map(|h| h.1.clone()));
    Decision {
        id: 0,
        at: wanted.at,
        job: wanted.job.clone(),
        policy: wanted.policy.name.clone(),
        verdict: Verdict::Gated,
        plan_hash: Some(plan_hash(&wanted.observation.job_id, &rescale)),
        rescale,
        gates,
        reasons: wanted.advice.reasons.iter().cloned().chain(reasons).collect(),
        run: None,
    }
}

/// Changes by vertex name.
pub(crate) fn changes(graph: &crate::job::JobGraph, target: &[u32]) -> BTreeMap<Arc<str>, Change> {
    let pairs = graph.vertices.iter().zip(target);
    let changed = pairs.filter(|(vertex, p)| vertex.parallelism.0 != **p);
    changed.map(|(vertex, p)| (vertex.name.clone(), Change { from: vertex.parallelism, to: Parallelism(*p) })).collect()
}

/// Up, down and up again on the same demand: left alone, and told once.
fn freeze_flapping(state: &mut State, wanted: &Wanted) -> Vec<Effect> {
    if wanted.direction != Direction::Up {
        return Vec::new();
    }
    let Some(job) = state.jobs.get_mut(wanted.job) else { return Vec::new() };
    job.memory.flapping.retain(|_, until| wanted.at < *until);
    let new: Vec<_> = gates::new_flapping(&job.memory, wanted)
        .into_iter()
        .filter(|(v, _)| !job.memory.flapping.contains_key(v))
        .collect();
    let (key, at) = (wanted.job, wanted.at);
    let escalate = |(vertex, until): &(Arc<str>, Timestamp)| {
        let reason = Reason::Flapping { vertex: vertex.clone(), until: *until };
        Effect::Escalate { job: Some(key.clone()), at, message: format!("{key}: {reason}") }
    };
    let effects: Vec<Effect> = new.iter().map(escalate).collect();
    if !new.is_empty() {
        job.memory.flapping.extend(new);
        state.touch(wanted.job);
    }
    effects
}

/// Approve mode: one plan waits; another plan takes its place.
fn ask(state: &mut State, wanted: &Wanted, mut decision: Decision) -> Vec<Effect> {
    let hash = decision.plan_hash.clone().unwrap_or_default();
    let waiting = state.jobs.get(wanted.job).and_then(|j| j.memory.run.clone()).filter(|r| r.plan_hash == hash);
    let expires = match waiting.as_ref().map(|r| &r.phase) {
        Some(Phase::AwaitingApproval { expires }) => *expires,
        _ => wanted.at.plus(APPROVAL),
    };
    decision.verdict = Verdict::AwaitApproval;
    decision.gates = vec![Gate::NeedsApproval];
    decision.reasons.push(Reason::AwaitingApproval { expires });
    match waiting {
        Some(run) => decision.run = Some(run.id),
        None => {
            act::end_waiting(state, wanted.job, wanted.at, "another plan took its place");
            let run = act::plan(state, wanted, &decision, Phase::AwaitingApproval { expires });
            decision.run = Some(run.id);
            act::keep(state, wanted.job, run);
        }
    }
    put(state, decision)
}

fn withdraw_approval(state: &mut State, wanted: &Wanted, decision: &Decision) {
    let other = state.jobs.get(wanted.job).and_then(|j| j.memory.run.as_ref());
    if other.is_some_and(|r| Some(&r.plan_hash) != decision.plan_hash.as_ref()) {
        act::end_waiting(state, wanted.job, wanted.at, "the plan changed");
    }
}

/// Nothing is wanted, or nothing can be said: a plan that waits for approval waits no longer.
fn hold(state: &mut State, nothing: Decision) -> Vec<Effect> {
    act::end_waiting(state, &nothing.job, nothing.at, "nothing is wanted any more");
    put(state, nothing)
}

/// A decision that changes nothing.
pub(crate) fn nothing(key: &JobKey, policy: &str, at: Timestamp, reasons: Vec<Reason>, gates: Vec<Gate>) -> Decision {
    Decision {
        id: 0,
        at,
        job: key.clone(),
        policy: policy.to_owned(),
        verdict: if gates.is_empty() { Verdict::Hold } else { Verdict::Gated },
        rescale: BTreeMap::new(),
        gates,
        reasons,
        run: None,
        plan_hash: None,
    }
}

/// While there are too few samples since a change of load, what stood before stands for so long: two readings are not
/// news, and a recommendation is not lost because the load has just moved.
const STANDS: Millis = Millis::secs(60);

/// Makes it the standing decision; it is recorded once, until it says something else.
pub(crate) fn put(state: &mut State, mut decision: Decision) -> Vec<Effect> {
    cause_first(&mut decision.reasons);
    let standing = state.jobs.get(&decision.job).and_then(|j| j.view.standing.as_ref());
    let waits = matches!(decision.reasons.first(), Some(Reason::TooFewSamples { .. })) && decision.rescale.is_empty();
    let holds = |s: &Decision| decision.at.since(s.at) <= STANDS && !s.gates.contains(&Gate::WarmUp);
    if waits && standing.is_some_and(|s| s.policy == decision.policy && holds(s)) {
        return Vec::new();
    }
    let id = standing.filter(|s| says_the_same(s, &decision)).map(|s| s.id);
    decision.id = id.unwrap_or_else(|| state.number());
    if let Some(job) = state.jobs.get_mut(&decision.job) {
        job.view.standing = Some(decision.clone());
    }
    if id.is_some() { Vec::new() } else { vec![Effect::Record(Box::new(decision))] }
}

/// A log line shows the first reasons: a restart loop is what all the others follow from.
fn cause_first(reasons: &mut [Reason]) {
    reasons.sort_by_key(|r| !matches!(r, Reason::RestartLoop { .. }));
}

fn says_the_same(a: &Decision, b: &Decision) -> bool {
    let first = |d: &Decision| d.reasons.first().map(Reason::name);
    a.verdict == b.verdict
        && a.rescale == b.rescale
        && a.gates == b.gates
        && a.run == b.run
        && a.policy == b.policy
        && (!a.rescale.is_empty() || first(a) == first(b))
}
