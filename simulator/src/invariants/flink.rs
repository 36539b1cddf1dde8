//! 26, 27, 30, 31, 32 and 34: what Flink's state and the outside forbid.

use super::Told;
use super::change::Change;
use super::facts::Facts;
use super::history::History;
use crate::scenario::FaultKind;
use weirkeeper_core::effect::Purpose;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::{Millis, Timestamp};

/// A job that we hold stopped is told of by then: well below any transaction's time-out.
const STOPPED_TOLD: Millis = Millis::minutes(10);
/// A lag that grows by more than this in a minute grows.
const GROWS: u64 = 10_000;
/// What truly can be done may differ from what was measured by this much.
const MISMEASURED: f64 = 0.90;
/// Less than this is no gain.
const GAIN: f64 = 1.05;
/// A cause that shows only in metrics over time gets this long to show.
const TO_SHOW: Millis = Millis::minutes(3);

/// 26: never rescale, restart or reconfigure while a savepoint is in progress.
pub fn savepoint(change: &Change, facts: &Facts) -> Told {
    let busy = facts.known(change.job, change.at, |k| *k == FaultKind::Busy)?;
    Some((
        26,
        format!(
            "a change while another holds the job, {} after that began",
            change.at.since(facts.began.plus(busy.at))
        ),
    ))
}

/// 27: no restart, redeploy or scale-down without a completed checkpoint younger than the limit.
pub fn checkpoint(change: &Change, history: &History, facts: &Facts, policy: &Policy) -> Told {
    if !change.redeploy && !change.is_down() {
        return None;
    }
    let settings = &facts.jobs[change.job].spec.checkpoints;
    let limit = policy.scaling.checkpoint_limit.unwrap_or(settings.interval.times(3) + settings.timeout);
    let age = change.at.since(history.completed_at);
    (age > limit + facts.visible).then(|| (27, format!("the last checkpoint is {age} old, the limit is {limit}")))
}

/// 30: a job held stopped is escalated.
pub fn stopped(at: Timestamp, history: &History, told: Option<Timestamp>) -> Told {
    let since = history.stopped?;
    let held = at.since(since);
    let silent = told.is_none_or(|told| told < since);
    (silent && held > STOPPED_TOLD).then(|| (30, format!("the job is held stopped for {held}, and nobody was told")))
}

/// 31: no scale-down while lag grows, or where what is left cannot carry what arrives.
pub fn down(change: &Change, history: &History, facts: &Facts) -> Told {
    if !change.is_down() {
        return None;
    }
    let seen = facts.seen_by(change.job, change.at);
    let lag = |before: u64| history.lag(seen.minus(Millis::secs(before)));
    if let (Some(old), Some(middle), Some(new)) = (lag(60), lag(30), lag(0))
        && new > middle + GROWS / 2
        && middle > old + GROWS / 2
    {
        return Some((31, format!("a scale-down while lag grows: {old}, {middle}, {new} ms")));
    }
    // Capacity that was learned from busy times that lie is nobody's fault.
    if facts.was_touched(change.job, change.at, |k| matches!(k, FaultKind::MetricLie(_))) {
        return None;
    }
    let arriving = history.arriving(change.at, Millis::minutes(2));
    let left = facts.jobs[change.job].capacity(&change.target);
    let message = || format!("a scale-down to {left:.0}/s while {arriving:.0}/s arrive");
    (left < MISMEASURED * arriving).then(|| (31, message()))
}

/// 32: no scale-up for what scaling cannot fix.
pub fn in_vain(change: &Change, history: &History, facts: &Facts) -> Told {
    if change.purpose != Purpose::Up {
        return None;
    }
    // Causes get time to show: they are known when they began so much earlier.
    let long_ago = change.at.minus(TO_SHOW);
    let at = |wanted: &dyn Fn(&FaultKind) -> bool| {
        facts.known(change.job, change.at, wanted).filter(|f| facts.began.plus(f.at) <= long_ago)
    };
    let dead = |k: &FaultKind| matches!(k, FaultKind::Slow { factor, .. } if *factor <= 0.0);
    let looping = |k: &FaultKind| matches!(k, FaultKind::Throws { .. } | FaultKind::PoisonRecord { .. });
    let outage = |k: &FaultKind| matches!(k, FaultKind::BrokerOutage { .. });
    let hot = |k: &FaultKind| is_in_vain(k, change, facts);
    let stalled = |k: &FaultKind| matches!(k, FaultKind::WatermarkStall { .. });
    let told = |why: &str| Some((32, format!("a scale-up, and {why}")));
    match () {
        () if at(&dead).is_some() => told("a vertex does not work at all"),
        () if at(&looping).is_some() => told("the job fails again and again"),
        () if at(&outage).is_some() => told("there is nothing to be read"),
        () if at(&hot).is_some() => told("one key is the limit"),
        () if at(&stalled).is_some() && has_room(change, history, facts) => told("only the watermark stands still"),
        () => None,
    }
}

/// A hot key's subtask stays as loaded, however many others there are.
fn is_in_vain(kind: &FaultKind, change: &Change, facts: &Facts) -> bool {
    let FaultKind::HotKey { vertex, share } = kind else { return false };
    let position = facts.jobs[change.job].spec.vertices.iter().position(|v| v.name == *vertex);
    let [(v, now, then)] = change.vertices.as_slice() else { return false };
    let hottest = |p: u32| share + (1.0 - share) / f64::from(p.max(1));
    position == Some(*v) && hottest(*now) / hottest(*then) < GAIN
}

/// The job can carry what arrives, with room to spare.
fn has_room(change: &Change, history: &History, facts: &Facts) -> bool {
    let arriving = history.arriving(change.at, Millis::minutes(5));
    let slowed =
        facts.touched(change.job, change.at, |k| matches!(k, FaultKind::Slow { .. } | FaultKind::BadRescale(_)));
    !slowed && facts.jobs[change.job].capacity(&history.parallelism) > 1.5 * arriving
}

/// 34: no further scale-up while slots or pods are pending.
pub fn pending(change: &Change, history: &History, facts: &Facts) -> Told {
    let (since, asked) = history.asked.as_ref().filter(|_| change.purpose == Purpose::Up)?;
    if *since > facts.seen_by(change.job, change.at) {
        return None;
    }
    let missing = asked.iter().zip(&history.parallelism).position(|(asked, has)| asked > has)?;
    let name = &facts.jobs[change.job].spec.vertices[missing].name;
    let (asked, has) = (asked[missing], history.parallelism[missing]);
    Some((34, format!("a further scale-up while {name} has {has} of {asked} subtasks")))
}
