//! Everything that may hold a wanted rescale back. Each gate comes with its reason; all that hold are told.

use crate::budget;
use crate::event::{KillSwitch, PauseScope};
use crate::job::JobKey;
use crate::memory::{Ineffective, JobMemory, Kind};
use crate::observation::{Checkpoints, Observation, Scheduler};
use crate::policy::{Mode, Policy, Scaling};
use crate::reason::{Gate, Reason};
use crate::redeploy;
use crate::sizing::{Advice, Direction, worth};
use crate::state::{Pause, State};
use crate::units::{Millis, Timestamp};
use crate::view::JobView;
use std::sync::Arc;

/// Gate and why.
pub(crate) type Held = (Gate, Reason);

/// What a rescale is judged by.
pub(crate) struct Wanted<'a> {
    pub at: Timestamp,
    pub job: &'a JobKey,
    pub policy: &'a Policy,
    pub observation: &'a Observation,
    pub advice: &'a Advice,
    pub direction: Direction,
}

/// All that holds it back; empty: nothing does.
pub(crate) fn all(state: &State, wanted: &Wanted) -> Vec<Held> {
    let Some(job) = state.jobs.get(wanted.job) else { return Vec::new() };
    let mut held = stopped(state, wanted);
    held.extend(unread(&job.view));
    held.extend(in_flight(&job.memory));
    held.extend(scheduler(wanted));
    held.extend(savepoint(wanted.observation));
    held.extend(checkpoint_age(wanted));
    held.extend(cooldown(&job.memory, wanted));
    held.extend(by_hand(&job.memory, wanted));
    held.extend(pending(wanted));
    held.extend(flapping(&job.memory, wanted));
    held.extend(tried(&job.memory, wanted));
    held.extend(budget::refusals(state, wanted.job, &wanted.policy.limits, wanted.direction, wanted.at));
    held.extend(opt_in(wanted));
    held
}

/// A person, a calendar, or the fleet says stop.
fn stopped(state: &State, wanted: &Wanted) -> Vec<Held> {
    let mut held = Vec::new();
    if let Some(switch) = state.fleet.kill_switch.filter(|k| *k != KillSwitch::Off) {
        held.push((Gate::Paused, Reason::KillSwitch { readable: switch == KillSwitch::On }));
    }
    held.extend(paused(state, wanted));
    held.extend(frozen(wanted));
    held.extend(storm(state, wanted.at));
    if let Some(until) = state.fleet.breaker_until.filter(|until| wanted.at < *until) {
        let failed = state.fleet.failed_verifications.len() as u32;
        held.push((Gate::Breaker, Reason::BreakerOpen { failed, within: BREAKER_WITHIN, until }));
    }
    held
}

/// A kill switch or a pause of everything holds even an undo back; a freeze does not, because an undo ends what began
/// before it.
pub(crate) fn hands_off(state: &State, key: &JobKey, at: Timestamp) -> Option<Reason> {
    if let Some(switch) = state.fleet.kill_switch.filter(|k| *k != KillSwitch::Off) {
        return Some(Reason::KillSwitch { readable: switch == KillSwitch::On });
    }
    state.fleet.pauses.iter().find(|p| p.only.is_none() && p.covers(key, at)).map(paused_by)
}

fn paused_by(p: &Pause) -> Reason {
    Reason::PausedBy { by: p.by.clone(), reason: p.reason.clone(), until: p.until }
}

/// Only an approval can come while the job cannot be read: what was seen before stands no longer.
fn unread(view: &JobView) -> Option<Held> {
    let unread = view.unread.as_ref()?;
    let gate = if unread.incomplete { Gate::Incomplete } else { Gate::Stale };
    Some((gate, Reason::NotRead { why: unread.why.clone() }))
}

/// Failed verifications are counted over this.
pub(crate) const BREAKER_WITHIN: Millis = Millis::hours(1);
/// So many open the breaker.
pub(crate) const BREAKER_AT: usize = 3;
/// Failures are counted together over this.
pub(crate) const STORM_WITHIN: Millis = Millis::minutes(5);
const STORM_JOBS: usize = 5;
const STORM_SHARE: f64 = 0.30;

fn paused(state: &State, wanted: &Wanted) -> Vec<Held> {
    let scope = if wanted.direction == Direction::Up { PauseScope::Up } else { PauseScope::Down };
    let applies = |p: &&Pause| p.covers(wanted.job, wanted.at) && p.only.is_none_or(|o| o == scope);
    state.fleet.pauses.iter().filter(applies).map(|p| (Gate::Paused, paused_by(p))).collect()
}

fn frozen(wanted: &Wanted) -> Vec<Held> {
    let freezes = wanted.policy.freeze.iter();
    freezes
        .filter_map(|f| {
            Some((Gate::Frozen, Reason::FrozenUntil { until: f.when.active(wanted.at)?, reason: f.reason.clone() }))
        })
        .collect()
}

/// Many jobs fail together: the cause is not in one of them.
pub(crate) fn storm(state: &State, at: Timestamp) -> Option<Held> {
    let recent = state.fleet.failures.iter().filter(|f| at.since(f.0) <= STORM_WITHIN).map(|f| &f.1);
    let failing = recent.collect::<std::collections::BTreeSet<_>>().len();
    let jobs = state.jobs.values().filter(|s| s.view.seen_at.is_some()).count();
    let reason = Reason::FailingTogether { failing: failing as u32, jobs: jobs as u32, within: STORM_WITHIN };
    (failing >= STORM_JOBS && failing as f64 >= STORM_SHARE * jobs as f64).then_some((Gate::Storm, reason))
}

fn in_flight(memory: &JobMemory) -> Option<Held> {
    let run = memory.run.as_ref().filter(|r| r.phase.is_in_flight())?;
    Some((Gate::Locked, Reason::InFlight { what: format!("{} ({})", run.id, run.phase.as_str()) }))
}

fn scheduler(wanted: &Wanted) -> Option<Held> {
    let observation = wanted.observation;
    let scheduler = match &observation.scheduler {
        Some(Scheduler::Adaptive) if observation.requirements.is_some() => return unproven_backend(observation),
        Some(Scheduler::Adaptive) => {
            let what = "what is asked of Flink now (resource-requirements)".to_owned();
            return Some((Gate::Incomplete, Reason::Missing { what }));
        }
        Some(Scheduler::Other(_)) if redeploy::is_allowed(&wanted.policy.scaling) => return redeploy::refused(wanted),
        Some(Scheduler::Other(name)) => Some(name.clone()),
        None => None,
    };
    Some((Gate::Scheduler, Reason::NotAdaptive { scheduler }))
}

/// Versions of Flink (major, minor) on which a rescale in place with ForSt is known to work: none yet.
///
/// ForSt keeps its state in the remote storage and shares files between checkpoints. Rescaling it came with 2.0
/// (FLINK-36749, FLINK-37021) and was mended there at once (FLINK-37367: files of a restored checkpoint were not taken
/// over); the stable documentation goes on to call the backend experimental, and in 2026 Flink's developers would not
/// promise that what it backs up can always be restored (discussion of FLINK-39949).
const FORST_RESCALES_ON: &[(u32, u32)] = &[];

fn unproven_backend(observation: &Observation) -> Option<Held> {
    let forst = observation.checkpoints.as_ref().and_then(|c| c.forst) == Some(true);
    let known = is_known(observation.facts.version, FORST_RESCALES_ON);
    (forst && !known).then(|| (Gate::Scheduler, Reason::UnprovenBackend { backend: "ForSt".to_owned() }))
}

/// A version that was not read is not known to do anything.
fn is_known(version: Option<(u32, u32)>, versions: &[(u32, u32)]) -> bool {
    version.is_some_and(|v| versions.contains(&v))
}

fn savepoint(observation: &Observation) -> Option<Held> {
    match observation.checkpoints.as_ref()?.savepoint_in_progress {
        Some(false) => None,
        Some(true) => Some((Gate::SnapshotInProgress, Reason::Savepoint)),
        None => Some((Gate::Incomplete, Reason::Missing { what: "whether a savepoint is under way".to_owned() })),
    }
}

/// The age a completed checkpoint may have.
pub(crate) fn checkpoint_limit(scaling: &Scaling, checkpoints: &Checkpoints) -> Millis {
    let (interval, timeout) =
        (checkpoints.interval.unwrap_or(Millis::minutes(1)), checkpoints.timeout.unwrap_or(Millis::minutes(10)));
    scaling.checkpoint_limit.unwrap_or(interval.times(3) + timeout)
}

/// Before a scale-down or a redeploy the last checkpoint must be young; before a scale-up in place its age is a cost.
/// Without any checkpoint a rescale would start from nothing.
fn checkpoint_age(wanted: &Wanted) -> Option<Held> {
    let none = Checkpoints::default();
    let checkpoints = wanted.observation.checkpoints.as_ref().unwrap_or(&none);
    let limit = checkpoint_limit(&wanted.policy.scaling, checkpoints);
    let age = checkpoints.last_completed.map(|at| wanted.at.since(at));
    let in_place_up = wanted.direction == Direction::Up && wanted.observation.scheduler == Some(Scheduler::Adaptive);
    let fine = age.is_some_and(|age| in_place_up || age <= limit);
    (!fine).then_some((Gate::CheckpointTooOld, Reason::CheckpointAge { age, limit }))
}

/// No scale-up within cooldown.up, no scale-down within cooldown.down after any rescale of ours; neither within three
/// times what a restart and its first checkpoint take.
fn cooldown(memory: &JobMemory, wanted: &Wanted) -> Option<Held> {
    let last = memory.disruptions.back()?.at;
    let cooldown = wanted.policy.scaling.cooldown;
    let up = wanted.direction == Direction::Up;
    let rest = if up { cooldown.up } else { cooldown.down }.max(least_rest(memory, wanted.observation));
    let until = last.plus(rest);
    (wanted.at < until).then_some((Gate::Cooldown, Reason::InCooldown { until, up }))
}

fn least_rest(memory: &JobMemory, observation: &Observation) -> Millis {
    let checkpoints = observation.checkpoints.as_ref();
    let first = worth::first_checkpoint(memory, checkpoints).or_else(|| checkpoints?.last_duration).unwrap_or_default();
    (worth::pause(memory, checkpoints) + first).times(3)
}

/// After a person's rescale only a broken objective scales up, and nothing scales down, for cooldown.down.
fn by_hand(memory: &JobMemory, wanted: &Wanted) -> Option<Held> {
    let broken = wanted.advice.objective_broken && wanted.direction == Direction::Up;
    let reason = changed_by_hand(memory, wanted.policy, wanted.at)?;
    (!broken).then_some((Gate::Cooldown, reason))
}

/// A person's rescale, while it is held: said from the moment it is seen, whatever is wanted.
pub(crate) fn changed_by_hand(memory: &JobMemory, policy: &Policy, at: Timestamp) -> Option<Reason> {
    let change = memory.by_hand.as_ref()?;
    let hold_until = change.at.plus(policy.scaling.cooldown.down);
    let (vertex, from, to) = (change.vertex.clone(), change.from, change.to);
    (at < hold_until).then_some(Reason::ChangedByHand { vertex, from, to, hold_until })
}

/// What was asked for last is not there yet: no more is asked for.
fn pending(wanted: &Wanted) -> Option<Held> {
    let asked = wanted.observation.requirements.as_ref()?;
    let missing = |v: &&crate::job::Vertex| asked.get(&v.id).is_some_and(|b| b.upper > v.parallelism);
    let vertex = wanted.observation.graph.vertices.iter().find(missing)?;
    let upper = asked.get(&vertex.id)?.upper;
    let what = format!(
        "{} of {upper} subtasks of {}: the rest is asked for and has no slots yet",
        vertex.parallelism, vertex.name
    );
    (wanted.direction == Direction::Up).then_some((Gate::NoCapacity, Reason::InFlight { what }))
}

/// Demand that changed by less is the same demand.
const SAME_DEMAND: f64 = 0.20;

/// A vertex that went up, then down, and would go up again on the same demand.
fn flapping(memory: &JobMemory, wanted: &Wanted) -> Option<Held> {
    let frozen = memory.flapping.iter().find(|(vertex, until)| wanted.at < **until && changes(wanted, vertex));
    frozen.map(|(vertex, until)| (Gate::Frozen, Reason::Flapping { vertex: vertex.clone(), until: *until }))
}

fn changes(wanted: &Wanted, vertex: &Arc<str>) -> bool {
    let position = wanted.observation.graph.vertices.iter().position(|v| v.name == *vertex);
    position.is_some_and(|v| wanted.advice.target[v] != wanted.observation.graph.vertices[v].parallelism.0)
}

/// Vertices that this rescale would send up after up and down within twice cooldown.down, with demand as it was.
pub(crate) fn new_flapping(memory: &JobMemory, wanted: &Wanted) -> Vec<(Arc<str>, Timestamp)> {
    let within = wanted.policy.scaling.cooldown.down.times(2);
    let recent = || memory.disruptions.iter().filter(|d| d.kind != Kind::Undo && wanted.at.since(d.at) <= within);
    let vertices = wanted.observation.graph.vertices.iter().enumerate();
    let up = vertices.filter(|(v, vertex)| wanted.advice.target[*v] > vertex.parallelism.0);
    up.filter_map(|(v, vertex)| {
        let went: Vec<_> = recent().filter_map(|d| d.changes.get(&vertex.name)).collect();
        let [.., first, second] = went.as_slice() else { return None };
        let demand = wanted.advice.vertices.get(v)?.demand?.0;
        let same = (demand - first.2).abs() < SAME_DEMAND * first.2;
        (first.1 > first.0 && second.1 < second.0 && same).then(|| (vertex.name.clone(), wanted.at.plus(within)))
    })
    .collect()
}

/// It was tried and did not help: neither it nor anything that it is a part of is tried again soon.
fn tried(memory: &JobMemory, wanted: &Wanted) -> Option<Held> {
    let down = wanted.direction == Direction::Down;
    let holds = |e: &&Ineffective| {
        e.down == down && wanted.at < e.until && e.vertices.iter().all(|vertex| changes(wanted, vertex))
    };
    let tried = memory.ineffective.values().filter(holds).max_by_key(|e| e.until)?;
    Some((Gate::Ineffective, Reason::TriedBefore { times: tried.times, until: tried.until }))
}

/// Mode auto needs the job's own word: on a plain cluster its exact name in the policy.
fn opt_in(wanted: &Wanted) -> Option<Held> {
    let named = wanted.policy.matches.jobs.iter().any(|glob| glob.0 == *wanted.job.name);
    let name = wanted.job.name.to_string();
    (wanted.policy.mode == Mode::Auto && !named).then_some((Gate::NotOptedIn, Reason::OptIn { name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_was_not_read_is_not_known_to_do_anything() {
        assert!(is_known(Some((2, 3)), &[(2, 3)]));
        assert!(!is_known(Some((2, 2)), &[(2, 3)]), "later does not prove earlier");
        assert!(!is_known(None, &[(2, 3)]));
    }
}
