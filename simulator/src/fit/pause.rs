//! What restarts cost: from counters, when the job ran again; from averages, how far it was behind afterwards.

use super::stat::{Estimate, median};
use super::track::Track;
use crate::scenario::Mechanism;

/// What was learned of restarts. Absent is not identified.
#[derive(Clone, Debug, Default)]
pub struct Pauses {
    /// How the parallelism seems to be changed.
    pub mechanism: Option<Mechanism>,
    /// Seconds of a rescale, without what is replayed.
    pub rescale: Option<Estimate>,
    /// Seconds of a restart after a failure, without finding out and back-off where these are known.
    pub restart: Option<Estimate>,
    /// Seconds from a failure until the job works again, all in all, what is replayed among them.
    pub outage: Option<Estimate>,
}

/// A change of attempt.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// The last row before, and the first after.
    rows: (usize, usize),
    rescale: bool,
    /// A failure that Flink or the recording told of, ms.
    failure: Option<i64>,
}

/// First back-off of Flink's default strategy: the recording does not tell which one is set.
const BACKOFF: f64 = 1.0;
/// A failure belongs to a change of attempt that comes within this.
const BELONGS: i64 = 120_000;
/// So long after an event its lag is looked for: a redeploy takes a minute and a half, and the gauge is as late again.
const PEAK_WITHIN: i64 = 180_000;
/// A lag counts as rising until it has not risen for this long: Kafka's consumer shows the largest of the last 60 s.
const STILL: i64 = 60_000;

/// All of it.
pub fn pauses(track: &Track) -> Pauses {
    let changes = changes(track);
    let mechanism = mechanism(track, &changes);
    if track.counted {
        return Pauses { mechanism, ..exact(track, &changes) };
    }
    let replay = replay(track);
    let savepoint = mechanism == Some(Mechanism::Redeploy);
    let quiet = |c: &&Change| c.rescale && !near_failure(track, track.rows[c.rows.1].at);
    let rescales: Vec<f64> =
        changes.iter().filter(quiet).filter_map(|c| behind(track, track.rows[c.rows.0].at)).collect();
    let outages: Vec<f64> = track.failures.iter().filter_map(|at| behind(track, *at)).collect();
    let rescale = median(&rescales).filter(|e| e.of > 2).map(|e| e.less(if savepoint { 0.0 } else { replay }));
    let outage = median(&outages).filter(|e| e.of > 2);
    Pauses { mechanism, rescale, restart: None, outage }
}

fn replay(track: &Track) -> f64 {
    let interval = track.context.checkpoints.as_ref().and_then(|c| c.interval).unwrap_or(0);
    interval as f64 / 2_000.0
}

fn near_failure(track: &Track, at: i64) -> bool {
    let next = track.failures.partition_point(|f| *f < at - BELONGS);
    track.failures.get(next).is_some_and(|f| *f <= at)
}

fn changes(track: &Track) -> Vec<Change> {
    let mut all = Vec::new();
    let mut before: Option<usize> = None;
    for (i, row) in track.rows.iter().enumerate().filter(|(_, r)| r.runs) {
        if let Some(last) = before.map(|j| (j, track.rows[j])).filter(|(_, l)| l.since != row.since) {
            let resized = (0..track.vertices).any(|v| track.of(last.0, v).parallelism != track.of(i, v).parallelism);
            let told = row.failure.filter(|f| *f > last.1.at - track.step() && row.failure != last.1.failure);
            all.push(Change { rows: (last.0, i), rescale: resized, failure: told });
        }
        before = Some(i);
    }
    all
}

/// A cluster whose TaskManagers all go for a rescale runs the job anew; one whose scheduler is adaptive need not.
fn mechanism(track: &Track, changes: &[Change]) -> Option<Mechanism> {
    let rescales: Vec<&Change> = changes.iter().filter(|c| c.rescale).collect();
    if rescales.len() < 3 {
        return None;
    }
    let down = |c: &&&Change| track.rows[c.rows.1].at - track.rows[c.rows.0].at > 25_000 + 2 * track.step();
    let long = rescales.iter().filter(down).count();
    Some(match (long * 2 > rescales.len(), track.context.scheduler.as_deref(), track.counted) {
        (true, ..) => Mechanism::Redeploy,
        (false, Some("adaptive"), _) | (false, _, true) => Mechanism::InPlace,
        _ => Mechanism::Reactive,
    })
}

/// Each pause lies between two bounds; where one value fits all of them, those bounds are the interval.
fn exact(track: &Track, changes: &[Change]) -> Pauses {
    let span = |c: &Change| {
        let (last, next) = (track.rows[c.rows.0], track.rows[c.rows.1]);
        let since = next.since?;
        // It still ran in the last row, as far as that was seen: what is read is a second old at least.
        let first_down = track.rows[c.rows.0 + 1..c.rows.1].iter().map(|r| r.at).next().unwrap_or(since).min(since);
        Some(((since - first_down) as f64 / 1e3, (since - last.at + 1_000) as f64 / 1e3))
    };
    let rescales: Vec<(f64, f64)> =
        changes.iter().filter(|c| c.rescale && c.failure.is_none()).filter_map(span).collect();
    let failed = |c: &Change| Some((track.rows[c.rows.1].since? - c.failure?) as f64 / 1e3 - BACKOFF);
    let lone = |c: &&Change| !c.rescale && c.failure.is_some();
    let restarts: Vec<f64> = changes.iter().filter(lone).filter_map(failed).map(|s| s.max(0.0)).collect();
    let whole = |c: &Change| Some((track.rows[c.rows.1].since? - c.failure?) as f64 / 1e3);
    let outages: Vec<f64> = changes.iter().filter(lone).filter_map(whole).collect();
    let least = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
    // Back-off grows from failure to failure: the shortest had the least of it.
    let restart =
        median(&restarts).map(|e| Estimate { value: least(&restarts), low: 0.0_f64.max(least(&restarts) - 0.5), ..e });
    Pauses { mechanism: None, rescale: bounded(&rescales), restart, outage: median(&outages) }
}

fn bounded(spans: &[(f64, f64)]) -> Option<Estimate> {
    let low = spans.iter().map(|s| s.0).reduce(f64::max)?;
    let high = spans.iter().map(|s| s.1).reduce(f64::min)?;
    if low <= high {
        return Some(Estimate { value: f64::midpoint(low, high), low, high, of: spans.len() });
    }
    let middles: Vec<f64> = spans.iter().map(|s| f64::midpoint(s.0, s.1)).collect();
    median(&middles)
}

/// Seconds by which an event put the job back: how much its lag rose, over what arrives.
fn behind(track: &Track, at: i64) -> Option<f64> {
    let first = track.rows.partition_point(|r| r.at <= at);
    let before = track.rows[..first].iter().rev().take(30).filter_map(|r| r.lag).next()?;
    let arrives = arrival(track, first)?;
    let (mut peak, mut peak_at) = (before, at);
    for row in track.rows[first..].iter().take_while(|r| r.at <= at + PEAK_WITHIN) {
        if let Some(lag) = row.lag.filter(|l| *l > peak) {
            (peak, peak_at) = (lag, row.at);
        }
        if peak_at > at && row.at - peak_at > STILL {
            break;
        }
    }
    (peak > before && arrives > 0.0).then(|| (peak - before) / arrives)
}

/// Records/s right before a row: the middle of the minute before.
fn arrival(track: &Track, row: usize) -> Option<f64> {
    let sources = track.sources();
    let of = |i: usize| sources.iter().filter_map(|s| track.of(i, *s).rate).reduce(|a, b| a + b);
    let from = track.rows[..row].partition_point(|r| r.at < track.rows[row.min(track.rows.len() - 1)].at - 90_000);
    let mut rates: Vec<f64> = (from..row).filter_map(of).collect();
    super::stat::middle(&mut rates)
}
