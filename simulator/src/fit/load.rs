//! What arrived, made of what was read and how the lag changed.

use super::stat::middle;
use super::track::Track;
use weirkeeper_core::units::Millis;

/// What arrived at the sources together, records/s.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    /// (ms since the first row, records/s), linear between.
    pub points: Vec<(Millis, f64)>,
    /// Share of the time that lies in stretches of which it is not known, and that was drawn through.
    pub guessed: f64,
}

/// One point a minute: what a person reads in a chart, and 1080 points for 18 hours.
const BIN: i64 = 60_000;
/// After an event gauges hold the pause and the catch-up for so long.
const DISTURBED: i64 = 180_000;

/// Everything that arrived.
pub fn arrivals(track: &Track) -> Arrivals {
    let (Some(first), Some(last)) = (track.rows.first(), track.rows.last()) else { return Arrivals::default() };
    let (begin, bins) = (first.at, ((last.at - first.at) / BIN + 1) as usize);
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); bins];
    for i in 1..track.rows.len() {
        let known = if track.counted { counted(track, i) } else { gauged(track, i) };
        if let Some(rate) = known {
            all[((track.rows[i].at - begin) / BIN) as usize].push(rate.max(0.0));
        }
    }
    let known: Vec<Option<f64>> = all.iter_mut().map(|bin| middle(bin)).collect();
    let points = known.iter().enumerate().filter_map(|(i, rate)| {
        // A bin's figure is that of its middle; what a gauge shows is an average of the minute before.
        let at = i as i64 * BIN + if track.counted { BIN / 2 } else { 0 };
        Some((Millis(at as u64), (*rate)?))
    });
    let guessed = known.iter().filter(|k| k.is_none()).count() as f64 / bins as f64;
    Arrivals { points: points.collect(), guessed }
}

/// Busier than this, a vertex holds up what arrives, or works off what it held up.
const HELD_UP: f64 = 0.95;

/// Whether the busiest subtask of any vertex is always busy between two rows.
fn held_up(track: &Track, i: usize, secs: f64) -> bool {
    (0..track.vertices).any(|v| {
        let (a, b) = (track.of(i - 1, v), track.of(i, v));
        let share = |a: Option<f64>, b: Option<f64>, n: u32| Some((b? - a?) / 1e3 / secs / f64::from(n.max(1)));
        let busiest = share(a.busiest, b.busiest, 1).or_else(|| share(a.busy, b.busy, b.parallelism));
        busiest.is_some_and(|share| share > HELD_UP)
    })
}

/// Between two rows of one attempt: what is read, while nothing holds it up.
fn counted(track: &Track, i: usize) -> Option<f64> {
    let (a, b) = (&track.rows[i - 1], &track.rows[i]);
    if a.since != b.since || !b.runs {
        return None;
    }
    let secs = (b.at - a.at) as f64 / 1e3;
    let read: Option<f64> =
        track.sources().into_iter().map(|s| Some(track.of(i, s).records? - track.of(i - 1, s).records?)).sum();
    // A catch-up is no arrival.
    let settled = b.since.is_none_or(|s| b.at - s >= DISTURBED);
    read.filter(|r| *r >= 0.0 && settled && !held_up(track, i, secs)).map(|r| r / secs)
}

fn gauged(track: &Track, i: usize) -> Option<f64> {
    let row = &track.rows[i];
    let rate: Option<f64> = track.sources().into_iter().map(|s| track.of(i, s).rate).sum();
    let rate = rate?;
    let newest = track.failures[..track.failures.partition_point(|f| *f <= row.at)].last();
    let calm = newest.is_none_or(|f| row.at - f >= DISTURBED);
    let settled = row.since.is_none_or(|s| row.at - s >= DISTURBED) && row.runs;
    // More than a few seconds behind, it works off what came before.
    let behind = row.lag.is_some_and(|l| l > 5.0 * rate);
    (calm && settled && !behind).then_some(rate)
}
