//! Budgets: how much disruption per job and per fleet in a span of time. The tightest wins; a malformed one is zero.

use crate::job::JobKey;
use crate::memory::{Disruption, JobMemory, Kind};
use crate::policy::{FleetLimit, JobLimit, Limits};
use crate::reason::{Gate, Reason};
use crate::sizing::Direction;
use crate::state::State;
use crate::units::{Millis, Timestamp};

/// What a job's own budget is called.
pub const OWN_BUDGET: &str = "this job";

/// A budget as it stands, for those who ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose it is.
    pub whose: &'static str,
    /// Disruptions used.
    pub used: u32,
    /// Disruptions allowed.
    pub count: u32,
    /// In this span.
    pub per: Millis,
}

impl Standing {
    /// What is left.
    pub fn left(&self) -> u32 {
        self.count.saturating_sub(self.used)
    }
}

/// How the budgets of `job` stand. Where the store could not be read, everything is used.
pub fn standing(state: &State, job: &JobKey, limits: &Limits, at: Timestamp) -> Vec<Standing> {
    let Some(memory) = state.jobs.get(job).map(|s| &s.memory) else { return Vec::new() };
    let unreadable = unreadable(state, memory, at).is_some();
    let used = |memory: &JobMemory, per: Millis| counted(memory, at.minus(per)).count() as u32;
    let of_job = limits.per_job.iter().map(|l| {
        let count = if l.per == Millis(0) { 0 } else { l.count };
        Standing { whose: OWN_BUDGET, used: used(memory, l.per), count, per: l.per }
    });
    let fleet = &limits.per_fleet;
    let all = state.jobs.values().map(|s| used(&s.memory, fleet.per)).sum();
    let of_fleet = Standing { whose: "all jobs", used: all, count: fleet_count(state, fleet), per: fleet.per };
    let spend = |s: Standing| Standing { used: if unreadable { s.used.max(s.count) } else { s.used }, ..s };
    of_job.chain([of_fleet]).map(spend).collect()
}

/// Refusals by the budgets, for a new disruption of `job` now. An undo does not count and is not asked.
pub(crate) fn refusals(
    state: &State,
    job: &JobKey,
    limits: &Limits,
    direction: Direction,
    at: Timestamp,
) -> Vec<(Gate, Reason)> {
    let Some(memory) = state.jobs.get(job).map(|s| &s.memory) else { return Vec::new() };
    let mut out = Vec::new();
    out.extend(unreadable(state, memory, at));
    out.extend(limits.per_job.iter().filter_map(|limit| per_job(memory, limit, direction, at)));
    if limits.per_job.is_empty() {
        out.push(spent(0, 0, Millis(0), "no limits.perJob is set"));
    }
    out.extend(per_fleet(state, &limits.per_fleet, at));
    out.extend(concurrency(state, job, limits));
    out
}

fn unreadable(state: &State, memory: &JobMemory, at: Timestamp) -> Option<(Gate, Reason)> {
    let until = state.fleet.spent_until.max(memory.spent_until)?;
    (at < until).then(|| spent(0, 0, until.since(at), "the store could not be read"))
}

fn spent(used: u32, count: u32, per: Millis, whose: &str) -> (Gate, Reason) {
    (Gate::Budget, Reason::BudgetSpent { used, count, per, whose: whose.to_owned() })
}

fn counted(memory: &JobMemory, since: Timestamp) -> impl Iterator<Item = &Disruption> {
    memory.disruptions.iter().filter(move |d| d.at > since && d.kind != Kind::Undo)
}

fn per_job(memory: &JobMemory, limit: &JobLimit, direction: Direction, at: Timestamp) -> Option<(Gate, Reason)> {
    let since = at.minus(limit.per);
    let used = counted(memory, since).count() as u32;
    let downs = counted(memory, since).filter(|d| d.kind == Kind::Down).count() as u32;
    let (allowed, whose) = match direction {
        Direction::Up => (limit.count, OWN_BUDGET),
        Direction::Down => {
            (limit.count.saturating_sub(limit.reserve_up), "this job, what is kept for scaling up left out")
        }
    };
    let down = direction == Direction::Down;
    match limit.downs.filter(|d| down && downs >= *d) {
        _ if used >= allowed || limit.per == Millis(0) => Some(spent(used, allowed, limit.per, whose)),
        Some(most) => Some(spent(downs, most, limit.per, "this job, down")),
        None => None,
    }
}

/// Count or percent of the jobs, the larger.
fn larger(count: u32, percent: f64, jobs: usize) -> u32 {
    let share = if percent.is_finite() { (percent.clamp(0.0, 100.0) / 100.0 * jobs as f64).floor() as u32 } else { 0 };
    count.max(share)
}

fn per_fleet(state: &State, limit: &FleetLimit, at: Timestamp) -> Option<(Gate, Reason)> {
    let since = at.minus(limit.per);
    let used: usize = state.jobs.values().map(|s| counted(&s.memory, since).count()).sum();
    let allowed = fleet_count(state, limit);
    (used as u32 >= allowed).then(|| spent(used as u32, allowed, limit.per, "all jobs"))
}

fn fleet_count(state: &State, limit: &FleetLimit) -> u32 {
    if limit.per == Millis(0) { 0 } else { larger(limit.count, limit.percent, known(state)) }
}

/// Jobs that have been seen by this process.
fn known(state: &State) -> usize {
    state.jobs.values().filter(|s| s.view.seen_at.is_some()).count()
}

fn concurrency(state: &State, job: &JobKey, limits: &Limits) -> Option<(Gate, Reason)> {
    let in_flight = |s: &crate::state::JobState| s.memory.run.as_ref().is_some_and(|r| r.phase.is_in_flight());
    let all = state.jobs.values().filter(|s| in_flight(s)).count() as u32;
    let here = state.jobs.iter().filter(|(k, s)| k.cluster == job.cluster && in_flight(s)).count() as u32;
    let most = larger(limits.max_concurrent.count, limits.max_concurrent.percent, known(state));
    let what = match (all >= most, here >= limits.max_concurrent.per_cluster) {
        (true, _) => format!("{all} rescales of other jobs (at most {most} at once)"),
        (false, true) => format!("{here} rescale on the same cluster (at most {})", limits.max_concurrent.per_cluster),
        (false, false) => return None,
    };
    Some((Gate::Locked, Reason::InFlight { what }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::RunId;
    use crate::state::JobState;
    use std::collections::BTreeMap;

    fn disruption(at: i64, kind: Kind) -> Disruption {
        Disruption { at: Timestamp(at), kind, run: RunId(1), changes: BTreeMap::new() }
    }

    fn state(at: &[i64]) -> (State, JobKey) {
        let key = JobKey { cluster: "c".into(), namespace: None, name: "a".into() };
        let mut job = JobState::default();
        job.memory.disruptions = at.iter().map(|t| disruption(*t, Kind::Up)).collect();
        job.memory.disruptions.push_back(disruption(3_600_000, Kind::Undo));
        let mut state = State::default();
        state.jobs.insert(key.clone(), job);
        (state, key)
    }

    #[test]
    fn what_stands_is_what_refuses_and_an_undo_is_free() {
        // At 01:00:00.000: one in the last 10 minutes, two in the last hour (the third is just an hour old), three in the day.
        let (mut state, key) = state(&[0, 600_000, 3_500_000]);
        let at = Timestamp(3_600_000);
        let limits = Limits::default();
        let shown: Vec<_> = standing(&state, &key, &limits, at).iter().map(|s| (s.whose, s.used, s.left())).collect();
        assert_eq!(shown, [("this job", 2, 1), ("this job", 3, 5), ("all jobs", 1, 2)]);
        assert!(refusals(&state, &key, &limits, Direction::Up, at).is_empty());
        state.fleet.spent_until = Some(Timestamp(3_600_001));
        assert!(standing(&state, &key, &limits, at).iter().all(|s| s.left() == 0));
        assert!(!refusals(&state, &key, &limits, Direction::Up, at).is_empty());
    }
}
