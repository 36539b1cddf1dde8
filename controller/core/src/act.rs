//! Starts rescales, takes what came of them, and ends them. The intent is in the state before the effect goes out.

use crate::decide::put;
use crate::decision::{Decision, Verdict};
use crate::effect::{Action, ActionKind, CheckpointOrder, Effect, Purpose, RunId, Token};
use crate::event::Outcome;
use crate::gates::Wanted;
use crate::job::JobKey;
use crate::memory::{Disruption, Ineffective, Kind, MAX_DISRUPTIONS, MAX_RUNS, Rise};
use crate::observation::{Bounds, Checkpoints, Observation, Scheduler};
use crate::reason::Reason;
use crate::run::{Phase, Promise, Run};
use crate::sizing::{Direction, worth};
use crate::state::{Config, JobState, State};
use crate::units::{Millis, Parallelism, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A checkpoint before the PUT is waited for at most this long, whatever the job's time-out.
const LONGEST_WAIT: Millis = Millis::minutes(2);
/// What happened is asked again after this, when the outcome is not clear.
const ASK_AGAIN: Millis = Millis::secs(10);
/// And given up after this.
const ASK_FOR: Millis = Millis::minutes(10);
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
    let pause = memory.map(worth::pause).unwrap_or_default();
    let first = memory.and_then(|m| worth::first_checkpoint(m, observation.checkpoints.as_ref())).unwrap_or_default();
    let patience =
        (pause.times(3) + first).max(wanted.policy.scaling.catch_up).max(wanted.policy.scaling.warm_up.times(2));
    let upper = |p: u32| Bounds { lower: Parallelism(1), upper: Parallelism(p) };
    let vertices = || observation.graph.vertices.iter().enumerate();
    Run {
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
        asked_at: None,
        patience,
        plan_hash: decision.plan_hash.clone().unwrap_or_default(),
        approved_by: None,
        log: Vec::new(),
    }
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
    let kind = kind(&run, wanted.observation, wanted.policy.scaling.apply);
    spend(state, wanted, &run);
    let action = send(state, wanted.job, &mut run, kind);
    keep(state, wanted.job, run);
    let mut effects = put(state, decision);
    effects.push(action);
    effects
}

fn kind(run: &Run, observation: &Observation, apply: crate::policy::Apply) -> ActionKind {
    if apply == crate::policy::Apply::StopWithSavepoint && observation.scheduler != Some(Scheduler::Adaptive) {
        let target = run.target.iter().map(|(id, b)| (id.clone(), b.upper)).collect();
        return ActionKind::Redeploy { purpose: run.purpose, target };
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
fn longest_wait(checkpoints: Option<&Checkpoints>) -> Millis {
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

fn disrupt(job: &mut JobState, disruption: Disruption) {
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
fn send(state: &mut State, key: &JobKey, run: &mut Run, kind: ActionKind) -> Effect {
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

/// Ends a run that waits for approval.
pub(crate) fn end_waiting(state: &mut State, key: &JobKey, at: Timestamp, why: &str) {
    let waiting = state.jobs.get(key).and_then(|j| j.memory.run.clone());
    if let Some(mut run) = waiting.filter(|r| matches!(r.phase, Phase::AwaitingApproval { .. })) {
        run.note(at, why);
        run.enter(at, Phase::Aborted { why: why.to_owned() });
        keep(state, key, run);
    }
}

/// What came of an action.
pub(crate) fn outcome(
    config: &Config,
    state: &mut State,
    at: Timestamp,
    id: RunId,
    token: Token,
    outcome: &Outcome,
) -> Vec<Effect> {
    let Some(key) =
        state.jobs.iter().find(|(_, j)| j.memory.run.as_ref().is_some_and(|r| r.id == id)).map(|(k, _)| k.clone())
    else {
        return Vec::new();
    };
    let Some(mut run) = state.jobs.get(&key).and_then(|j| j.memory.run.clone()).filter(|r| r.token == token) else {
        return Vec::new();
    };
    let undoing = run.phase == Phase::RollingBack;
    if !undoing && run.phase != Phase::Acting {
        return Vec::new();
    }
    match outcome {
        Outcome::Accepted => accepted(state, &key, at, run),
        Outcome::DryRun => {
            if !config.dry_run_counts {
                unspend(state, &key, id);
            }
            run.enter(at, Phase::DryRun);
            keep(state, &key, run);
            Vec::new()
        }
        Outcome::Changed(what) => {
            not_done(state, &key, at, run, format!("the live job is not as planned: {what}"), false)
        }
        Outcome::Refused(what) => not_done(state, &key, at, run, format!("Flink refused it: {what}"), true),
        Outcome::Unclear(what) => {
            run.note(at, format!("not clear what came of it: {what}"));
            inquire(state, &key, at, run)
        }
        Outcome::Found { requirements, job_id, .. } => found(state, &key, at, run, requirements, job_id),
    }
}

fn accepted(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let undoing = run.phase == Phase::RollingBack;
    let asked = if undoing { run.before.clone() } else { run.target.clone() };
    run.note(at, if undoing { "undo accepted" } else { "accepted" });
    if !undoing {
        run.acted_at = Some(at);
        run.enter(at, Phase::Settling);
    }
    if let Some(job) = state.jobs.get_mut(key) {
        job.memory.asked = asked;
        job.memory.asked_by_us = true;
    }
    keep(state, key, run.clone());
    progress(state, key, at, &run, "Flink has taken it".to_owned())
}

/// Nothing was changed. `again_later`: it would be refused again, so it is not tried again soon.
fn not_done(
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    mut run: Run,
    why: String,
    again_later: bool,
) -> Vec<Effect> {
    run.note(at, why.clone());
    if run.phase == Phase::RollingBack {
        run.enter(at, Phase::RollbackFailed { why: why.clone() });
        keep(state, key, run.clone());
        let message = format!("{key}: {} could not be undone: {why}", run.id);
        let mut effects = progress(state, key, at, &run, why);
        effects.push(Effect::Escalate { job: Some(key.clone()), at, message });
        return effects;
    }
    unspend(state, key, run.id);
    if again_later {
        ineffective(state, key, at, &run);
        run.enter(at, Phase::Failed { why: why.clone() });
    } else {
        run.enter(at, Phase::Aborted { why: why.clone() });
    }
    keep(state, key, run.clone());
    progress(state, key, at, &run, why)
}

fn unspend(state: &mut State, key: &JobKey, id: RunId) {
    if let Some(job) = state.jobs.get_mut(key) {
        job.memory.disruptions.retain(|d| d.run != id);
        state.touch(key);
    }
}

/// It was tried and did not help: not again soon; twice needs a person.
pub(crate) fn ineffective(state: &mut State, key: &JobKey, at: Timestamp, run: &Run) {
    let Some(job) = state.jobs.get_mut(key) else { return };
    let entry = job.memory.ineffective.entry(run.attempt_key()).or_insert(Ineffective { times: 0, until: at });
    entry.times += 1;
    let rest = if entry.times >= 2 { NEEDS_A_PERSON } else { NOT_AGAIN };
    entry.until = at.plus(rest);
    state.touch(key);
}

/// Asks what is there before anything is repeated.
fn inquire(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    run.asked_at = Some(at);
    let effect = send(state, key, &mut run, ActionKind::Inquire);
    keep(state, key, run);
    vec![effect]
}

fn found(
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    run: Run,
    asked: &BTreeMap<Arc<str>, Bounds>,
    job_id: &Arc<str>,
) -> Vec<Effect> {
    let undoing = run.phase == Phase::RollingBack;
    let (done, undone) = if undoing { (&run.before, &run.target) } else { (&run.target, &run.before) };
    let uppers =
        |b: &BTreeMap<Arc<str>, Bounds>| b.iter().map(|(id, b)| (id.clone(), b.upper)).collect::<BTreeMap<_, _>>();
    if *job_id != run.job_id {
        return not_done(state, key, at, run, "the job was submitted anew".to_owned(), false);
    }
    if uppers(done) == uppers(asked) {
        return accepted(state, key, at, run);
    }
    let why = if uppers(undone) == uppers(asked) {
        "it had not been carried out"
    } else {
        "something else is asked of Flink now"
    };
    if undoing && uppers(undone) == uppers(asked) {
        return undo(state, key, at, run, "the undo had not been carried out".to_owned(), false);
    }
    not_done(state, key, at, run, why.to_owned(), false)
}

/// Back to what was recorded, once, free of budgets.
pub(crate) fn undo(
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    mut run: Run,
    why: String,
    first: bool,
) -> Vec<Effect> {
    let observation = state.jobs.get(key).and_then(|j| j.view.last.clone());
    let checkpoint = match observation.as_ref().and_then(|o| o.facts.version) {
        Some((major, _)) if major >= 2 => CheckpointOrder::AfterPut,
        _ => CheckpointOrder::None,
    };
    run.note(at, format!("undone: {why}"));
    run.phase = Phase::RollingBack;
    run.asked_at = None;
    let (target, expected) = (run.before.clone(), run.target.clone());
    let kind = ActionKind::Rescale { purpose: Purpose::Undo, target, expected, checkpoint };
    let action = send(state, key, &mut run, kind);
    if first {
        failed_verification(state, key, at, &run);
    }
    if let Some(job) = state.jobs.get_mut(key) {
        disrupt(job, Disruption { at, kind: Kind::Undo, run: run.id, changes: BTreeMap::new() });
    }
    keep(state, key, run.clone());
    let mut effects = progress(state, key, at, &run, format!("undone: {why}"));
    effects.push(action);
    effects
}

/// Counts a failed verification: for this pair of diagnosis and action, and for the fleet's breaker.
pub(crate) fn failed_verification(state: &mut State, key: &JobKey, at: Timestamp, run: &Run) {
    ineffective(state, key, at, run);
    let fleet = &mut state.fleet;
    fleet.failed_verifications.push_back(at);
    while fleet.failed_verifications.front().is_some_and(|t| at.since(*t) > crate::gates::BREAKER_WITHIN) {
        fleet.failed_verifications.pop_front();
    }
    if fleet.failed_verifications.len() >= crate::gates::BREAKER_AT {
        fleet.breaker_until = Some(at.plus(crate::gates::BREAKER_WITHIN));
    }
    state.touch_fleet();
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

/// Time has passed: unclear outcomes are asked again, approvals expire.
pub(crate) fn tick(state: &mut State, at: Timestamp) -> Vec<Effect> {
    let keys: Vec<JobKey> = state.jobs.iter().filter(|(_, j)| j.memory.run.is_some()).map(|(k, _)| k.clone()).collect();
    keys.into_iter().flat_map(|key| tick_one(state, &key, at)).collect()
}

fn tick_one(state: &mut State, key: &JobKey, at: Timestamp) -> Vec<Effect> {
    let Some(run) = state.jobs.get(key).and_then(|j| j.memory.run.clone()) else { return Vec::new() };
    match run.phase {
        Phase::AwaitingApproval { expires } if at >= expires => {
            end_waiting(state, key, at, "nobody approved it in time");
            Vec::new()
        }
        Phase::Acting | Phase::RollingBack => {
            let Some(asked) = run.asked_at.filter(|asked| at.since(*asked) >= ASK_AGAIN) else { return Vec::new() };
            if at.since(run.planned_at) >= ASK_FOR && asked > run.planned_at {
                return give_up(state, key, at, run);
            }
            inquire(state, key, at, run)
        }
        _ => Vec::new(),
    }
}

fn give_up(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let why = format!("what came of it could not be found out within {ASK_FOR}");
    let undoing = run.phase == Phase::RollingBack;
    let end =
        if undoing { Phase::RollbackFailed { why: why.clone() } } else { Phase::Inconclusive { why: why.clone() } };
    run.note(at, why.clone());
    run.enter(at, end);
    keep(state, key, run.clone());
    let mut effects = progress(state, key, at, &run, why.clone());
    effects.push(Effect::Escalate { job: Some(key.clone()), at, message: format!("{key}: {}: {why}", run.id) });
    effects
}

/// After a start of ours: a run whose intent is durable and whose outcome is not is asked after.
pub(crate) fn resume(state: &mut State, at: Timestamp) -> Vec<Effect> {
    let open = |r: &Run| matches!(r.phase, Phase::Acting | Phase::RollingBack);
    let keys: Vec<JobKey> =
        state.jobs.iter().filter(|(_, j)| j.memory.run.as_ref().is_some_and(open)).map(|(k, _)| k.clone()).collect();
    let mut effects = Vec::new();
    for key in keys {
        if let Some(mut run) = state.jobs.get(&key).and_then(|j| j.memory.run.clone()) {
            run.note(at, "Weirkeeper started anew: asks what came of it");
            effects.extend(inquire(state, &key, at, run));
        }
    }
    effects
}
