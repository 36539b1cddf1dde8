//! Starts rescales, takes what came of them, and ends them. The intent is in the state before the effect goes out.

use crate::decide::put;
use crate::decision::{Decision, Verdict};
use crate::effect::{Action, ActionKind, CheckpointOrder, Effect, Purpose, RunId, Token};
use crate::gates::Wanted;
use crate::job::JobKey;
use crate::memory::{Disruption, Ineffective, Kind, MAX_DISRUPTIONS, MAX_INEFFECTIVE, MAX_RUNS, Rise};
use crate::observation::{Bounds, Checkpoints, Observation};
use crate::reason::Reason;
use crate::redeploy;
use crate::run::{Phase, Promise, Run};
use crate::sizing::{Direction, worth};
use crate::state::{JobState, State};
use crate::units::{Millis, Parallelism, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A checkpoint before the PUT is waited for at most this long, whatever the job's time-out.
pub(crate) const LONGEST_WAIT: Millis = Millis::minutes(2);
/// A failed attempt is not repeated for at least this long, doubled each time.
const NOT_AGAIN: Millis = Millis::hours(1);
/// Failed twice needs a person: in effect for ever.
const NEEDS_A_PERSON: Millis = Millis::hours(24 * 365);

/// The run that a wanted rescale would be.
pub(crate) fn plan(state: &mut State, wanted: &Wanted, decision: &Decision, phase: Phase) -> Run {
    let observation = wanted.observation;
    let id = RunId(state.number());
    let memory = state.jobs.get(wanted.job).map(|j| &j.memory);
    let token = memory.map_or(Token(0), |m| m.token);
    let pause = memory.map(|m| worth::pause(m, observation.checkpoints.as_ref())).unwrap_or_default();
    let first = memory.and_then(|m| worth::first_checkpoint(m, observation.checkpoints.as_ref())).unwrap_or_default();
    let scaling = &wanted.policy.scaling;
    // Whatever the deadline, there must be time to come up, to warm up, and to be measured over a window.
    let measured = pause.times(3) + first + scaling.warm_up + scaling.window;
    let patience = measured.max(scaling.catch_up);
    let upper = |p: u32| Bounds { lower: Parallelism(1), upper: Parallelism(p) };
    let vertices = || observation.graph.vertices.iter().enumerate();
    let mut run = Run {
        id,
        token,
        policy: wanted.policy.name.clone(),
        job_id: observation.job_id.clone(),
        purpose: if wanted.direction == Direction::Up { Purpose::Up } else { Purpose::Down },
        changes: decision.rescale.clone(),
        before: observation.requirements.clone().unwrap_or_else(|| running(observation)),
        target: vertices().map(|(v, vertex)| (vertex.id.clone(), upper(wanted.advice.target[v]))).collect(),
        promises: promises(wanted),
        phase,
        planned_at: wanted.at,
        acted_at: None,
        reached_at: None,
        ended_at: None,
        checkpoint_before: observation.checkpoints.as_ref().and_then(|c| c.last_completed_id),
        failed_before: None,
        restarts: 0,
        sent_at: wanted.at,
        taken: false,
        unclear: false,
        asked: None,
        undo: None,
        redeploy: redeploy::planned(wanted),
        patience,
        plan_hash: decision.plan_hash.clone().unwrap_or_default(),
        approved_by: None,
        log: Vec::new(),
    };
    redeploy::level(&mut run, wanted);
    run
}

fn running(observation: &Observation) -> BTreeMap<Arc<str>, Bounds> {
    let bounds = |p: Parallelism| Bounds { lower: Parallelism(1), upper: p };
    observation.graph.vertices.iter().map(|v| (v.id.clone(), bounds(v.parallelism))).collect()
}

fn promises(wanted: &Wanted) -> BTreeMap<Arc<str>, Promise> {
    let capacity = wanted.advice.reasons.iter().filter_map(|r| match r {
        Reason::Capacity { vertex, now, then, .. } => Some((vertex.clone(), now.0, then.0)),
        _ => None,
    });
    let demand = |name: &Arc<str>| wanted.advice.vertices.iter().find(|v| v.name == *name).and_then(|v| v.demand);
    capacity
        .filter_map(|(v, before, predicted)| Some((v.clone(), Promise { before, predicted, demand: demand(&v)?.0 })))
        .filter(|(_, p)| [p.before, p.predicted, p.demand].iter().all(|x| x.is_finite()))
        .collect()
}

/// Carries a wanted rescale out: intent, budget, token, then the effect.
pub(crate) fn start(
    state: &mut State,
    wanted: &Wanted,
    mut decision: Decision,
    approved_by: Option<String>,
) -> Vec<Effect> {
    end_waiting(
        state,
        wanted.job,
        wanted.at,
        if approved_by.is_some() { "approved" } else { "another plan took its place" },
    );
    let mut run = plan(state, wanted, &decision, Phase::Acting);
    run.approved_by = approved_by;
    run.note(wanted.at, "planned");
    decision.verdict = Verdict::Act;
    decision.run = Some(run.id);
    let kind = kind(&run, wanted.observation);
    spend(state, wanted, &run);
    let action = send(state, wanted.job, &mut run, kind);
    keep(state, wanted.job, run);
    let mut effects = put(state, decision);
    effects.push(action);
    effects
}

fn kind(run: &Run, observation: &Observation) -> ActionKind {
    if let Some(stage) = redeploy::stage(run) {
        return ActionKind::Redeploy(Box::new(stage));
    }
    let checkpoint = checkpoint_order(observation);
    ActionKind::Rescale { purpose: run.purpose, target: run.target.clone(), expected: run.before.clone(), checkpoint }
}

/// Before 2.x Flink restarts at once from the last checkpoint, and kills one that has just begun: take one first. From
/// 2.x on it waits for the next one: ask for it afterwards. A version that is not known is taken for an old one.
fn checkpoint_order(observation: &Observation) -> CheckpointOrder {
    let checkpoints = observation.checkpoints.as_ref();
    if checkpoints.is_none_or(|c| c.enabled == Some(false)) {
        return CheckpointOrder::None;
    }
    match observation.facts.version {
        Some((major, _)) if major >= 2 => CheckpointOrder::AfterPut,
        _ => CheckpointOrder::BeforePut { wait: longest_wait(checkpoints) },
    }
}

/// At most its time-out, two intervals, or two minutes.
pub(crate) fn longest_wait(checkpoints: Option<&Checkpoints>) -> Millis {
    let timeout = checkpoints.and_then(|c| c.timeout).unwrap_or(LONGEST_WAIT);
    let intervals = checkpoints.and_then(|c| c.interval).map_or(LONGEST_WAIT, |i| i.times(2).max(Millis::secs(10)));
    timeout.min(intervals).min(LONGEST_WAIT)
}

/// Counts against the budgets from the intent on.
fn spend(state: &mut State, wanted: &Wanted, run: &Run) {
    let Some(job) = state.jobs.get_mut(wanted.job) else { return };
    let demand = |name: &Arc<str>| run.promises.get(name).map_or(0.0, |p| p.demand);
    let changes = run.changes.iter().map(|(name, c)| (name.clone(), (c.from, c.to, demand(name)))).collect();
    let kind = if run.purpose == Purpose::Down { Kind::Down } else { Kind::Up };
    disrupt(job, Disruption { at: wanted.at, kind, run: run.id, changes });
    rise(job, wanted, run);
}

pub(crate) fn disrupt(job: &mut JobState, disruption: Disruption) {
    job.memory.disruptions.push_back(disruption);
    while job.memory.disruptions.len() > MAX_DISRUPTIONS {
        job.memory.disruptions.pop_front();
    }
}

/// Remembers the rate per subtask before a rise: whether it holds afterwards tells a slow vertex from a slow outside.
fn rise(job: &mut JobState, wanted: &Wanted, run: &Run) {
    if run.purpose != Purpose::Up {
        return;
    }
    for (v, vertex) in wanted.observation.graph.vertices.iter().enumerate() {
        let (Some(change), Some(Some(measured))) =
            (run.changes.get(&vertex.name), wanted.advice.lesson.measured.get(v))
        else {
            continue;
        };
        let before = measured.rate / f64::from(change.from.0.max(1));
        let (from, to) = (change.from.0, change.to.0);
        job.memory.learned.entry(vertex.id.clone()).or_default().last_rise =
            Some(Rise { from, to, before, after: None });
    }
}

/// The effect, under a new token.
pub(crate) fn send(state: &mut State, key: &JobKey, run: &mut Run, kind: ActionKind) -> Effect {
    if let Some(job) = state.jobs.get_mut(key) {
        job.memory.token = Token(job.memory.token.0 + 1);
        run.token = job.memory.token;
    }
    state.touch(key);
    let (job, job_id) = (key.clone(), run.job_id.clone());
    Effect::Act(Box::new(Action { run: run.id, token: run.token, job, job_id, kind }))
}

/// Makes it the job's run, or files it when it has ended.
pub(crate) fn keep(state: &mut State, key: &JobKey, run: Run) {
    let Some(job) = state.jobs.get_mut(key) else { return };
    if run.phase.is_terminal() {
        job.memory.run = None;
        job.memory.ended.push_back(run);
        while job.memory.ended.len() > MAX_RUNS {
            job.memory.ended.pop_front();
        }
    } else {
        job.memory.run = Some(run);
    }
    state.touch(key);
}

/// A run that somebody else has overtaken: it has ended, and is filed and told.
pub(crate) fn file(state: &mut State, key: &JobKey, at: Timestamp, run: Run) -> Vec<Effect> {
    let why = run.log.last().map_or_else(String::new, |l| l.1.clone());
    keep(state, key, run.clone());
    progress(state, key, at, &run, why)
}

/// Ends a run: why is in its log, and told.
pub(crate) fn end(
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    mut run: Run,
    phase: Phase,
    why: String,
) -> Vec<Effect> {
    run.note(at, why);
    run.enter(at, phase);
    file(state, key, at, run)
}

/// Ends a run that waits for approval.
pub(crate) fn end_waiting(state: &mut State, key: &JobKey, at: Timestamp, why: &str) {
    let waiting = state.jobs.get(key).and_then(|j| j.memory.run.clone());
    if let Some(mut run) = waiting.filter(|r| matches!(r.phase, Phase::AwaitingApproval { .. })) {
        run.note(at, why);
        run.enter(at, Phase::Aborted { why: why.to_owned() });
        keep(state, key, run);
    }
}

/// It was tried and did not help: not again soon; twice needs a person, who is told.
pub(crate) fn ineffective(state: &mut State, key: &JobKey, at: Timestamp, run: &Run) -> Option<Effect> {
    let job = state.jobs.get_mut(key)?;
    let (down, vertices) = (run.purpose == Purpose::Down, run.changes.keys().cloned().collect());
    let new = Ineffective { down, vertices, times: 0, until: at };
    let entry = job.memory.ineffective.entry(run.attempt_key()).or_insert(new);
    entry.times = entry.times.saturating_add(1);
    let twice = entry.times >= 2;
    entry.until = at.plus(if twice { NEEDS_A_PERSON } else { NOT_AGAIN });
    let (times, what) = (entry.times, run.attempt_key());
    while job.memory.ineffective.len() > MAX_INEFFECTIVE {
        let first = job.memory.ineffective.iter().min_by_key(|(_, e)| e.until).map(|(k, _)| k.clone())?;
        job.memory.ineffective.remove(&first);
    }
    state.touch(key);
    let message = format!(
        "{key}: scaling {what} was tried {times} times without success and is left to a person; \
         resuming the job by name allows it again"
    );
    twice.then(|| Effect::Escalate { job: Some(key.clone()), at, message })
}

/// A step of a run, written down.
pub(crate) fn progress(state: &mut State, key: &JobKey, at: Timestamp, run: &Run, what: String) -> Vec<Effect> {
    let id = state.number();
    let decision = Decision {
        id,
        at,
        job: key.clone(),
        policy: run.policy.clone(),
        verdict: Verdict::Progress,
        rescale: run.changes.clone(),
        gates: Vec::new(),
        reasons: vec![Reason::Run { what: format!("{} {}: {what}", run.id, run.phase.as_str()) }],
        run: Some(run.id),
        plan_hash: None,
    };
    vec![Effect::Record(Box::new(decision))]
}
