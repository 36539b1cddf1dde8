//! What came of an action: taken, refused, not known; asking until it is known, and giving up; the undo.

use crate::act::{self, ineffective, keep, progress, send};
use crate::effect::{ActionKind, CheckpointOrder, Effect, Purpose, RunId, Token};
use crate::event::Outcome;
use crate::gates;
use crate::job::JobKey;
use crate::memory::{Disruption, Kind};
use crate::observation::Bounds;
use crate::redeploy;
use crate::run::{Phase, Run, Undo};
use crate::state::{Config, State};
use crate::units::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What happened is asked again after this, while that is not known.
const ASK_AGAIN: Millis = Millis::secs(10);
/// And given up after this.
const ASK_FOR: Millis = Millis::minutes(10);
/// An action that has not been answered after this is asked after: the longest wait for a checkpoint, and a minute of
/// time-outs.
const UNANSWERED: Millis = Millis(act::LONGEST_WAIT.0 + 60_000);
/// An undo that is found not to have been carried out is sent so often.
const MOST_UNDOS: u32 = 3;

/// What came of an action.
pub(crate) fn outcome(
    config: &Config,
    state: &mut State,
    at: Timestamp,
    id: RunId,
    token: Token,
    outcome: &Outcome,
) -> Vec<Effect> {
    let run = |j: &crate::state::JobState| j.memory.run.clone().filter(|r| r.id == id && r.token == token);
    let Some((key, run)) = state.jobs.iter().find_map(|(k, j)| Some((k.clone(), run(j)?))) else { return Vec::new() };
    if run.taken || !matches!(run.phase, Phase::Acting | Phase::RollingBack) {
        return Vec::new();
    }
    if run.redeploy.is_some() {
        return redeploy::outcome(config, state, &key, at, run, outcome);
    }
    match outcome {
        Outcome::Stopped { .. } | Outcome::Started { .. } | Outcome::StillRuns | Outcome::NotStarted { .. } => {
            Vec::new()
        }
        Outcome::Accepted => accepted(state, &key, at, run),
        Outcome::DryRun => dry_run(config, state, &key, at, run),
        Outcome::Changed(what) => {
            not_done(state, &key, at, run, format!("the live job is not as planned: {what}"), Left::Undone)
        }
        Outcome::Refused(what) => {
            not_done(state, &key, at, run, format!("Flink refused it: {what}"), Left::WouldBeRefusedAgain)
        }
        Outcome::Unclear(what) => unclear(state, &key, at, run, what),
        Outcome::Found { requirements, job_id, .. } => found(state, &key, at, run, requirements, job_id),
    }
}

fn accepted(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let undoing = run.phase == Phase::RollingBack;
    let asked = if undoing { run.before.clone() } else { run.target.clone() };
    run.note(at, if undoing { "undo accepted" } else { "accepted" });
    (run.taken, run.asked) = (true, None);
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

/// Nothing was sent. What was sent before, in another mode, has been spent all the same.
pub(crate) fn dry_run(config: &Config, state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    if run.phase == Phase::RollingBack {
        return not_done(state, key, at, run, "only recommending now: nothing is sent".to_owned(), Left::Unknown);
    }
    if !config.dry_run_counts {
        unspend(state, key, run.id);
    }
    run.enter(at, Phase::DryRun);
    keep(state, key, run);
    Vec::new()
}

/// What an action that failed leaves behind.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Left {
    /// Nothing was changed, and it may be decided anew.
    Undone,
    /// Nothing was changed, and the same would be refused again: not tried again soon.
    WouldBeRefusedAgain,
    /// It may have been carried out: it stays spent.
    Unknown,
}

pub(crate) fn not_done(
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    run: Run,
    why: String,
    left: Left,
) -> Vec<Effect> {
    if run.phase == Phase::RollingBack {
        return not_undone(state, key, at, run, why);
    }
    // What was not clear once may have been done: what may have been done is spent.
    if left != Left::Unknown && !run.unclear {
        unspend(state, key, run.id);
    }
    let refused = left == Left::WouldBeRefusedAgain;
    let escalated = if refused { ineffective(state, key, at, &run) } else { None };
    let end = if refused { Phase::Failed { why: why.clone() } } else { Phase::Aborted { why: why.clone() } };
    let mut effects = act::end(state, key, at, run, end, why);
    effects.extend(escalated);
    effects
}

/// It should have been undone and was not: a person is needed.
pub(crate) fn not_undone(state: &mut State, key: &JobKey, at: Timestamp, run: Run, why: String) -> Vec<Effect> {
    needs_a_person(state, key, at, run, why, "could not be undone", |why| Phase::RollbackFailed { why })
}

/// At its deadline neither success nor failure could be shown.
pub(crate) fn inconclusive(state: &mut State, key: &JobKey, at: Timestamp, run: Run, why: String) -> Vec<Effect> {
    needs_a_person(state, key, at, run, why, "inconclusive", |why| Phase::Inconclusive { why })
}

fn needs_a_person(
    state: &mut State,
    key: &JobKey,
    at: Timestamp,
    run: Run,
    why: String,
    what: &str,
    phase: fn(String) -> Phase,
) -> Vec<Effect> {
    let why = redeploy::with_the_way_back(&run, why);
    let message = format!("{key}: {} {what}: {why}", run.id);
    let mut effects = act::end(state, key, at, run, phase(why.clone()), why);
    effects.push(Effect::Escalate { job: Some(key.clone()), at, message });
    effects
}

fn unspend(state: &mut State, key: &JobKey, id: RunId) {
    if let Some(job) = state.jobs.get_mut(key) {
        job.memory.disruptions.retain(|d| d.run != id);
        state.touch(key);
    }
}

/// Asked at once the first time; an inquiry that is not answered either waits for its turn.
pub(crate) fn unclear(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run, what: &str) -> Vec<Effect> {
    if run.asked.is_some() {
        return Vec::new();
    }
    run.unclear = true;
    run.note(at, format!("not clear what came of it: {what}"));
    inquire(state, key, at, run)
}

/// Asks what is there before anything is repeated.
pub(crate) fn inquire(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    run.asked = Some((run.asked.map_or(at, |a| a.0), at));
    let stage = redeploy::stage(&run).map(|stage| ActionKind::InquireRedeploy(Box::new(stage)));
    let effect = send(state, key, &mut run, stage.unwrap_or(ActionKind::Inquire));
    keep(state, key, run);
    vec![effect]
}

/// Upper bounds decide: Flink moves parallelism within the others by itself.
pub(crate) fn same(a: &BTreeMap<Arc<str>, Bounds>, b: &BTreeMap<Arc<str>, Bounds>) -> bool {
    a.len() == b.len() && a.iter().all(|(id, bounds)| b.get(id).is_some_and(|other| other.upper == bounds.upper))
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
    let (carried_out, not_carried_out) = (same(done, asked), same(undone, asked));
    if *job_id != run.job_id {
        return not_done(state, key, at, run, "the job was submitted anew".to_owned(), Left::Unknown);
    }
    match (carried_out, not_carried_out) {
        (true, _) => accepted(state, key, at, run),
        (_, true) if undoing && run.undo.as_ref().is_some_and(|u| u.sent < MOST_UNDOS) => {
            send_undo(state, key, at, run, "the undo had not been carried out: sent again".to_owned())
        }
        (_, true) => not_done(state, key, at, run, "it had not been carried out".to_owned(), Left::Undone),
        _ => not_done(state, key, at, run, "something else is asked of Flink now".to_owned(), Left::Unknown),
    }
}

/// Back to what was recorded, once, free of budgets; only a kill switch or a pause of everything holds it back.
pub(crate) fn undo(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run, why: String) -> Vec<Effect> {
    let escalated = failed_verification(state, key, at, &run);
    let hands_off = gates::hands_off(state, key, at);
    if run.redeploy.is_some() {
        let mut effects = redeploy::not_worth_it(state, key, at, run, &why);
        effects.extend(escalated);
        return effects;
    }
    let what = format!("undone: {why}");
    run.undo = Some(Undo { at, why, sent: 0 });
    run.phase = Phase::RollingBack;
    let mut effects = match hands_off {
        Some(reason) => not_undone(state, key, at, run, format!("{what}, but {reason}")),
        None => send_undo(state, key, at, run, what),
    };
    effects.extend(escalated);
    effects
}

fn send_undo(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run, what: String) -> Vec<Effect> {
    let observation = state.jobs.get(key).and_then(|j| j.view.last.as_ref());
    let checkpoint = match observation.and_then(|o| o.facts.version) {
        Some((major, _)) if major >= 2 => CheckpointOrder::AfterPut,
        _ => CheckpointOrder::None,
    };
    run.note(at, what.clone());
    (run.sent_at, run.taken, run.asked) = (at, false, None);
    if let Some(undo) = run.undo.as_mut() {
        undo.sent += 1;
    }
    let (target, expected) = (run.before.clone(), run.target.clone());
    let kind = ActionKind::Rescale { purpose: Purpose::Undo, target, expected, checkpoint };
    let action = send(state, key, &mut run, kind);
    if let Some(job) = state.jobs.get_mut(key) {
        act::disrupt(job, Disruption { at, kind: Kind::Undo, run: run.id, changes: BTreeMap::new() });
    }
    keep(state, key, run.clone());
    let mut effects = progress(state, key, at, &run, what);
    effects.push(action);
    effects
}

/// Counts a failed verification: for this pair of diagnosis and action, and for the fleet's breaker.
pub(crate) fn failed_verification(state: &mut State, key: &JobKey, at: Timestamp, run: &Run) -> Option<Effect> {
    let escalated = ineffective(state, key, at, run);
    let fleet = &mut state.fleet;
    fleet.failed_verifications.push_back(at);
    while fleet.failed_verifications.front().is_some_and(|t| at.since(*t) > gates::BREAKER_WITHIN) {
        fleet.failed_verifications.pop_front();
    }
    if fleet.failed_verifications.len() >= gates::BREAKER_AT {
        fleet.breaker_until = Some(at.plus(gates::BREAKER_WITHIN));
    }
    state.touch_fleet();
    escalated
}

/// Time has passed: what is not known is asked again, approvals expire, and a job that is not seen any more does not
/// keep its run open.
pub(crate) fn tick(config: &Config, state: &mut State, at: Timestamp) -> Vec<Effect> {
    let runs = state.jobs.iter().filter_map(|(k, j)| Some((k.clone(), j.memory.run.clone()?)));
    let runs: Vec<(JobKey, Run)> = runs.collect();
    runs.into_iter().flat_map(|(key, run)| tick_one(config, state, &key, at, run)).collect()
}

fn tick_one(config: &Config, state: &mut State, key: &JobKey, at: Timestamp, run: Run) -> Vec<Effect> {
    match run.phase {
        Phase::AwaitingApproval { expires } if at >= expires => {
            act::end_waiting(state, key, at, "nobody approved it in time");
            Vec::new()
        }
        Phase::Acting if run.redeploy.is_some() => redeploy::tick(state, key, at, run),
        Phase::Acting | Phase::RollingBack if !run.taken => unanswered(state, key, at, run),
        Phase::Settling | Phase::RollingBack => unseen(config, state, key, at, run),
        _ => Vec::new(),
    }
}

pub(crate) fn unanswered(state: &mut State, key: &JobKey, at: Timestamp, run: Run) -> Vec<Effect> {
    match run.asked {
        Some((first, _)) if at.since(first) >= ask_for(&run) => give_up(state, key, at, run),
        Some((_, last)) if at.since(last) >= ASK_AGAIN => inquire(state, key, at, run),
        None if at.since(run.sent_at) >= UNANSWERED => inquire(state, key, at, run),
        _ => Vec::new(),
    }
}

/// A job that may be stopped is asked after for longer: a savepoint may take as long as its time-out, and the JobManager
/// may be away.
fn ask_for(run: &Run) -> Millis {
    if run.redeploy.is_some() { ASK_FOR.times(6) } else { ASK_FOR }
}

fn give_up(state: &mut State, key: &JobKey, at: Timestamp, mut run: Run) -> Vec<Effect> {
    let why = format!("what came of it could not be found out within {}", ask_for(&run));
    run.unclear = true;
    match run.phase {
        Phase::RollingBack => not_undone(state, key, at, run, why),
        _ => inconclusive(state, key, at, run, why),
    }
}

/// An observed job's run is ended by what is observed; a job that is gone, or cannot be read, is not observed.
fn unseen(config: &Config, state: &mut State, key: &JobKey, at: Timestamp, run: Run) -> Vec<Effect> {
    let seen = state.jobs.get(key).and_then(|j| j.view.seen_at);
    let silent = seen.is_none_or(|seen| at.since(seen) > config.interval.times(3));
    let since = run.undo.as_ref().map(|u| u.at).or(run.acted_at).unwrap_or(run.planned_at);
    if !silent || at.since(since) < run.patience {
        return Vec::new();
    }
    let why = "the job is not seen any more".to_owned();
    match run.phase {
        Phase::RollingBack => not_undone(state, key, at, run, why),
        _ => inconclusive(state, key, at, run, why),
    }
}

/// After a start of ours: a run whose intent is durable and whose outcome is not is asked after.
pub(crate) fn resume(state: &mut State, at: Timestamp) -> Vec<Effect> {
    let open = |r: &Run| matches!(r.phase, Phase::Acting | Phase::RollingBack) && !r.taken;
    let runs = state.jobs.iter().filter_map(|(k, j)| Some((k.clone(), j.memory.run.clone().filter(open)?)));
    let runs: Vec<(JobKey, Run)> = runs.collect();
    let ask = |(key, mut run): (JobKey, Run)| {
        run.note(at, "Weirkeeper started anew: asks what came of it");
        run.asked = None;
        inquire(state, &key, at, run)
    };
    runs.into_iter().flat_map(ask).collect()
}
