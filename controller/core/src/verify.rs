//! Follows a rescale to its end: reached, verified, undone, withdrawn, or inconclusive at its deadline.
//!
//! A scale-up is undone only if it cannot run, checkpoints fail, or total capacity fell; never because lag still grows.

use crate::act;
use crate::effect::{Action, ActionKind, CheckpointOrder, Effect, Purpose, Token};
use crate::gates;
use crate::job::JobKey;
use crate::observation::{Bounds, JobStatus, Observation};
use crate::outcome;
use crate::policy::{Mode, Policy};
use crate::redeploy;
use crate::run::{Phase, Run};
use crate::state::{Config, State};
use crate::units::{Millis, Parallelism, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// That many failures since Flink took it mean that it cannot run at this size.
const CANNOT_RUN: u32 = 3;
/// That many failed checkpoints in a row, none completed, mean that they fail at this size.
const CHECKPOINTS_FAIL: u64 = 3;
/// A capacity that fell by more than this fell: less is noise.
const FELL: f64 = 0.95;
/// Of the predicted growth, this much counts as what was promised.
const HALF_OF_IT: f64 = 0.5;

/// What a run is looked at with.
struct Look<'a> {
    policy: &'a Policy,
    key: &'a JobKey,
    at: Timestamp,
    seen: &'a Observation,
}

/// Looks at a run after its job was observed.
pub(crate) fn observed(state: &mut State, policy: &Policy, key: &JobKey, at: Timestamp) -> Vec<Effect> {
    let Some(job) = state.jobs.get(key) else { return Vec::new() };
    let (Some(run), Some(observation)) = (job.memory.run.clone(), job.view.last.clone()) else { return Vec::new() };
    // A job of that name under its old id is what a cache still shows of the one we stopped.
    if run.redeploy.is_some() && run.job_id != observation.job_id {
        return Vec::new();
    }
    let look = Look { policy, key, at, seen: &observation };
    match run.phase {
        Phase::Settling | Phase::RollingBack if observation.status == JobStatus::Ended => job_ended(state, &look, run),
        Phase::Settling => settling(state, &look, run),
        Phase::RollingBack if run.taken => rolling_back(state, &look, run),
        _ => Vec::new(),
    }
}

/// Nothing is left to be verified or undone. A redeploy whose new job ends leaves a person with the way back.
fn job_ended(state: &mut State, look: &Look, run: Run) -> Vec<Effect> {
    let why = "the job ended before that".to_owned();
    let phase = match run.phase {
        Phase::RollingBack => Phase::RollbackFailed { why: why.clone() },
        _ if run.redeploy.is_some() => return outcome::inconclusive(state, look.key, look.at, run, why),
        _ => Phase::Inconclusive { why: why.clone() },
    };
    act::end(state, look.key, look.at, run, phase, why)
}

fn is_reached(observation: &Observation, bounds: &BTreeMap<Arc<str>, Bounds>) -> bool {
    observation.running_since.is_some()
        && observation.graph.vertices.iter().all(|v| bounds.get(&v.id).is_none_or(|b| b.upper == v.parallelism))
}

fn settling(state: &mut State, look: &Look, mut run: Run) -> Vec<Effect> {
    let Look { key, at, seen, .. } = *look;
    if run.restarts >= CANNOT_RUN {
        let why = format!("{} failures since: it does not run at this size", run.restarts);
        return outcome::undo(state, key, at, run, why);
    }
    if run.reached_at.is_some() {
        return judge(state, look, run);
    }
    if !is_reached(seen, &run.target) && !redeploy::is_reached(&run, seen) {
        return unreached(state, look, run);
    }
    let acted = run.acted_at.unwrap_or(run.planned_at);
    reached(state, look, &mut run, acted);
    act::keep(state, key, run.clone());
    let what = format!("every task runs at the new parallelism, {:.1} s after", at.since(acted).as_secs());
    act::progress(state, key, at, &run, what)
}

fn reached(state: &mut State, look: &Look, run: &mut Run, acted: Timestamp) {
    let Look { key, at, seen, .. } = *look;
    run.reached_at = Some(at);
    run.failed_before = seen.checkpoints.as_ref().and_then(|c| c.failed);
    run.note(at, "reached");
    let took = seen.running_since.map_or(Millis(0), |since| since.since(acted));
    if let Some(job) = state.jobs.get_mut(key).filter(|_| took.0 > 0) {
        // Flink 2.x goes on working until its next checkpoint: while tasks were seen to run, nothing stood still.
        let gap = seen.running_since.zip(job.view.ran_before).map(|(since, ran)| since.since(ran));
        let took = gap.filter(|gap| gap.0 > 0).map_or(took, |gap| gap.min(took));
        let before = job.memory.pause.unwrap_or(took);
        job.memory.pause = Some(Millis(u64::midpoint(before.0, took.0)));
    }
}

/// Not there yet. What we asked and what does not come is not asked for ever: Flink would rescale by itself, outside
/// every budget, when a TaskManager joins.
fn unreached(state: &mut State, look: &Look, run: Run) -> Vec<Effect> {
    let Look { key, at, seen, .. } = *look;
    let after = look.policy.scaling.withdraw_after;
    if at.since(run.acted_at.unwrap_or(run.planned_at)) < after {
        return Vec::new();
    }
    if seen.running_since.is_none() || run.redeploy.is_some() {
        let what = if seen.running_since.is_none() { "not all tasks run" } else { "it runs at another parallelism" };
        let why = format!("{what} {after} after it");
        return outcome::undo(state, key, at, run, why);
    }
    let why = format!("not reached within {after}: what does not come is asked no longer");
    let escalated = outcome::failed_verification(state, key, at, &run);
    let mut effects = act::end(state, key, at, run.clone(), Phase::Failed { why: why.clone() }, why);
    effects.extend(escalated);
    effects.extend(withdraw(state, key, at, &run, seen));
    effects
}

/// Asks for what runs. Whether Flink took it shows in what it is next seen to ask for.
fn withdraw(state: &mut State, key: &JobKey, at: Timestamp, run: &Run, seen: &Observation) -> Option<Effect> {
    if gates::hands_off(state, key, at).is_some() {
        return None;
    }
    let bounds = |p: Parallelism| Bounds { lower: Parallelism(1), upper: p };
    let target: BTreeMap<_, _> = seen.graph.vertices.iter().map(|v| (v.id.clone(), bounds(v.parallelism))).collect();
    let job = state.jobs.get_mut(key)?;
    job.memory.token = Token(job.memory.token.0 + 1);
    job.memory.withdrawn = Some(target.clone());
    job.view.unmet_since = None;
    let (expected, token) = (job.memory.asked.clone(), job.memory.token);
    state.touch(key);
    let kind = ActionKind::Rescale { purpose: Purpose::Withdraw, target, expected, checkpoint: CheckpointOrder::None };
    let (job, job_id) = (key.clone(), seen.job_id.clone());
    Some(Effect::Act(Box::new(Action { run: run.id, token, job, job_id, kind })))
}

/// What we asked for was reached once, and slots have gone since: after a while it is asked no longer.
pub(crate) fn withdraw_unmet(
    config: &Config,
    state: &mut State,
    policy: &Policy,
    key: &JobKey,
    at: Timestamp,
) -> Vec<Effect> {
    let may = policy.mode >= Mode::Approve && !config.dry_run && gates::hands_off(state, key, at).is_none();
    let Some(job) = state.jobs.get_mut(key).filter(|_| may) else { return Vec::new() };
    let Some(seen) = job.view.last.clone() else { return Vec::new() };
    let idle = job.memory.run.is_none() && job.memory.asked_by_us && seen.running_since.is_some();
    let below = |v: &crate::job::Vertex| job.memory.asked.get(&v.id).is_some_and(|b| b.upper > v.parallelism);
    let unmet = idle && seen.requirements.as_ref() == Some(&job.memory.asked) && seen.graph.vertices.iter().any(below);
    let since = if unmet { *job.view.unmet_since.get_or_insert(at) } else { at };
    if !unmet {
        job.view.unmet_since = None;
    }
    let Some(run) = job.memory.ended.back().cloned().filter(|_| at.since(since) >= policy.scaling.withdraw_after)
    else {
        return Vec::new();
    };
    let what = "slots have gone: what does not come back is asked no longer".to_owned();
    let mut effects = act::progress(state, key, at, &run, what);
    effects.extend(withdraw(state, key, at, &run, &seen));
    effects
}

fn judge(state: &mut State, look: &Look, run: Run) -> Vec<Effect> {
    let Look { key, at, seen, .. } = *look;
    let reached = run.reached_at.unwrap_or(at);
    if let Some(why) = checkpoints_fail(&run, seen) {
        return outcome::undo(state, key, at, run, why);
    }
    let jumped = state.jobs.get(key).is_some_and(|j| j.view.not_before.is_some_and(|t| at < t));
    let warm = !jumped && seen.running_since.is_some_and(|since| at.since(since) >= look.policy.scaling.warm_up);
    let found = if warm { capacity(state, key, &run) } else { Capacity::Unknown };
    let checkpoint = checkpoint_since(&run, seen, reached);
    let late = at.since(run.acted_at.unwrap_or(run.planned_at)) >= run.patience;
    match (found, checkpoint) {
        (Capacity::Fell(why), _) => outcome::undo(state, key, at, run, why),
        (Capacity::Grew(what), true) => act::end(state, key, at, run, Phase::Succeeded, what),
        (found, checkpoint) if late => outcome::inconclusive(state, key, at, run, unshown(&found, checkpoint)),
        _ => Vec::new(),
    }
}

fn unshown(found: &Capacity, checkpoint: bool) -> String {
    let capacity = match found {
        Capacity::Less(what) => what.clone(),
        Capacity::Grew(_) => "capacity is as promised".to_owned(),
        _ => "what it can do now could not be measured".to_owned(),
    };
    let checkpoint = if checkpoint { "a checkpoint completed" } else { "no checkpoint has completed since" };
    format!("kept, but not shown to work: {capacity}; {checkpoint}")
}

fn checkpoints_fail(run: &Run, seen: &Observation) -> Option<String> {
    let checkpoints = seen.checkpoints.as_ref()?;
    let failed = checkpoints.failed?.checked_sub(run.failed_before?)?;
    let completed = checkpoint_since(run, seen, run.reached_at?);
    (failed >= CHECKPOINTS_FAIL && !completed).then(|| format!("{failed} checkpoints failed since, none completed"))
}

/// A checkpoint completed after every task ran at the new parallelism; without checkpoints none is asked for.
fn checkpoint_since(run: &Run, seen: &Observation, reached: Timestamp) -> bool {
    let Some(checkpoints) = &seen.checkpoints else { return false };
    let newer = checkpoints.last_completed_id > run.checkpoint_before;
    let attempt = seen.running_since.unwrap_or(reached);
    checkpoints.enabled == Some(false)
        || (newer && checkpoints.last_completed.is_some_and(|at| at >= attempt.min(reached)))
}

enum Capacity {
    Grew(String),
    Less(String),
    Fell(String),
    Unknown,
}

/// Compares what the changed vertices can do with what was promised. The weakest of them counts.
fn capacity(state: &State, key: &JobKey, run: &Run) -> Capacity {
    let Some(job) = state.jobs.get(key) else { return Capacity::Unknown };
    let mut worst = Capacity::Unknown;
    for (name, promise) in &run.promises {
        // What was measured at the parallelism before does not speak of this one.
        let to = run.changes.get(name).map(|c| c.to.0);
        let view = job.view.vertices.iter().find(|v| v.name == *name && to.is_none_or(|to| v.parallelism == to));
        let Some(view) = view else { return Capacity::Unknown };
        let Some(now) = view.capacity.map(|c| c.0) else { return Capacity::Unknown };
        let (before, predicted) = (promise.before, promise.predicted);
        let what = format!("{name} can do {now:.0}/s now, {before:.0}/s before, {predicted:.0}/s were predicted");
        // A vertex that is far from its limits cannot be told by its capacity: what it is asked for is far below.
        let demanded = promise.demand > 0.5 * before.min(predicted);
        let found = if run.purpose == Purpose::Down {
            if now < promise.demand { Capacity::Fell(what) } else { Capacity::Grew(what) }
        } else if now < FELL * before && demanded {
            Capacity::Fell(what)
        } else if now >= before + HALF_OF_IT * (predicted - before) || !demanded {
            Capacity::Grew(what)
        } else {
            Capacity::Less(what)
        };
        worst = weaker(worst, found);
    }
    worst
}

fn weaker(a: Capacity, b: Capacity) -> Capacity {
    let rank = |c: &Capacity| match c {
        Capacity::Fell(_) => 0,
        Capacity::Less(_) => 1,
        Capacity::Grew(_) => 2,
        Capacity::Unknown => 3,
    };
    if rank(&a) <= rank(&b) { a } else { b }
}

fn rolling_back(state: &mut State, look: &Look, mut run: Run) -> Vec<Effect> {
    let Look { key, at, seen, .. } = *look;
    let undo = run.undo.clone();
    let (since, why) = undo.map_or((run.planned_at, String::new()), |u| (u.at, format!("undone: {}", u.why)));
    if is_reached(seen, &run.before) {
        run.note(at, "back at what it was");
        let message = format!("{key}: {} {why}", run.id);
        let mut effects = act::end(state, key, at, run, Phase::RolledBack { why: why.clone() }, why);
        effects.push(Effect::Escalate { job: Some(key.clone()), at, message });
        return effects;
    }
    if at.since(since) < run.patience.max(Millis::minutes(5)) {
        return Vec::new();
    }
    outcome::not_undone(state, key, at, run, "the job did not come back to what it was".to_owned())
}
