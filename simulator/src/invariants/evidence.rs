//! 1, 4, 5 and 9: nothing is done on evidence that is old, cold, or another's.

use super::Told;
use super::change::Change;
use super::facts::Facts;
use super::history::{History, Seen};
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::{Millis, Timestamp};

/// Fewer readings than this are no evidence.
const LEAST_READINGS: usize = 3;
/// Truth is kept in seconds, and so is what the reader is told.
const ROUNDING: Millis = Millis::secs(2);
/// Failures within this are failures together.
const TOGETHER: Millis = Millis::minutes(5);
const TOGETHER_JOBS: usize = 5;
const TOGETHER_SHARE: f64 = 0.30;

/// 1: no action on a series older than its limit or with too few samples.
pub fn fresh(change: &Change, history: &History, policy: &Policy, interval: Millis) -> Told {
    if history.unread {
        return Some((1, "a change of a job whose newest answer was none".to_owned()));
    }
    let since = change.at.minus(policy.scaling.window + interval);
    let news = history.news(since);
    let message = || format!("a change on {news} readings that differ since {since}, {LEAST_READINGS} are needed");
    (news < LEAST_READINGS).then(|| (1, message()))
}

/// 4: no action before every task has run for the stabilization time.
pub fn warm(change: &Change, history: &History, facts: &Facts, policy: &Policy) -> Told {
    // What happened after this may not have been seen.
    if history.since > facts.seen_by(change.job, change.at) {
        return None;
    }
    let ran = change.at.since(history.since);
    if !history.running {
        return Some((4, format!("a change of a job that has not run for {ran}")));
    }
    let needed = policy.scaling.warm_up;
    (ran + ROUNDING < needed).then(|| (4, format!("a change of a job that has run for {ran}; {needed} are needed")))
}

/// 5: samples from before an action never count for its verification; and without a checkpoint nothing is shown.
pub fn verified(at: Timestamp, run: &Seen, history: &History, policy: &Policy) -> Told {
    let ran = at.since(history.sized_since);
    let needed = policy.scaling.warm_up;
    if history.uppers(&run.target) != history.parallelism || !history.running || ran + ROUNDING < needed {
        let now = &history.parallelism;
        return Some((
            5,
            format!("verified while the job has run at {now:?} for {ran}; {needed} at its target are needed"),
        ));
    }
    let news = history.news(history.sized_since);
    if news < LEAST_READINGS {
        return Some((5, format!("verified on {news} readings since the change, {LEAST_READINGS} are needed")));
    }
    (history.checkpoints <= run.checkpoints).then(|| (5, "verified without a checkpoint since the change".to_owned()))
}

/// Jobs that failed within the last five minutes, as far as that must have been seen.
pub fn failing<'a>(failures: impl Iterator<Item = &'a (Timestamp, usize)>, facts: &Facts, at: Timestamp) -> usize {
    let counts = |f: &&(Timestamp, usize)| at.since(f.0) <= TOGETHER && f.0 <= facts.seen_by(f.1, at);
    failures.filter(counts).map(|f| f.1).collect::<std::collections::BTreeSet<_>>().len()
}

/// Whether so many are too many together.
pub fn is_storm(failing: usize, jobs: usize) -> bool {
    failing >= TOGETHER_JOBS && failing as f64 >= TOGETHER_SHARE * jobs as f64
}

/// 9: when many jobs fail together, no new disruptive action.
pub fn together(failing: usize, jobs: usize) -> Told {
    is_storm(failing, jobs).then(|| (9, format!("a change while {failing} of {jobs} jobs fail together")))
}
