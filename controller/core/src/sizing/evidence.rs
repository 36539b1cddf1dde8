//! What a vertex did between readings: rates and time shares from differences of counters over one common window.
//!
//! A vertex's busy, idle and backpressured totals add up to its subtasks' running time, so their differences are the
//! clock of the very moment the figures were taken: Flink's REST serves figures up to 10 s old
//! (`metrics.fetcher.update-interval`), and dividing by the poller's clock would make rates jump by half.

use crate::series::{Agg, Window, name};
use crate::sizing::stats::newest_stretch;
use crate::units::{Millis, Timestamp};
use crate::windows::{Index, Windows, value_at};
use serde::{Deserialize, Serialize};

/// A change point needs this many readings after it: two differences that agree.
pub const MIN_READINGS: usize = 3;
/// A clock that advanced by less than this share of the poller's has not been refreshed.
const MOVED: f64 = 0.05;

/// A vertex between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The earlier reading.
    pub begin: Timestamp,
    /// The later reading.
    pub end: Timestamp,
    /// How long, by the vertex's own clock where it has one.
    pub secs: f64,
    /// Records received per second, all subtasks.
    pub rate_in: Option<f64>,
    /// Records sent per second, all subtasks.
    pub rate_out: Option<f64>,
    /// Share of time busy, mean over subtasks.
    pub busy: Option<f64>,
    /// Share of time backpressured, mean over subtasks.
    pub backpressured: Option<f64>,
    /// Share of time busy of the busiest subtask.
    pub hottest: Option<f64>,
}

/// The slices of one vertex, oldest first, and whether its figures move.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slices {
    /// Between readings in which the figures moved and no counter fell.
    pub slices: Vec<Slice>,
    /// For how long the newest figures have not moved; zero when they did at the newest reading.
    pub still: Millis,
}

impl Slices {
    /// The newest `n` slices.
    pub fn newest(&self, n: usize) -> &[Slice] {
        &self.slices[self.slices.len().saturating_sub(n)..]
    }

    /// The newest slices between which `level` does not change; empty unless enough for [`MIN_READINGS`].
    pub fn stretch(&self, level: impl Fn(&Slice) -> Option<f64>) -> &[Slice] {
        let values: Vec<f64> = self.slices.iter().rev().map_while(&level).collect();
        let values: Vec<f64> = values.into_iter().rev().collect();
        let n = newest_stretch(&values);
        if n + 1 < MIN_READINGS { &[] } else { self.newest(n) }
    }
}

/// Mean of a quantity over slices, weighted by their length; `None` when any lacks it or there is none.
pub fn over(slices: &[Slice], quantity: impl Fn(&Slice) -> Option<f64>) -> Option<f64> {
    let total: f64 = slices.iter().map(|s| s.secs).sum();
    let sum = slices.iter().map(|s| quantity(s).map(|q| q * s.secs)).sum::<Option<f64>>()?;
    (total > 0.0).then(|| sum / total)
}

struct Counters<'a> {
    records_in: Option<&'a Window>,
    records_out: Option<&'a Window>,
    busy: Option<&'a Window>,
    idle: Option<&'a Window>,
    backpressured: Option<&'a Window>,
    hottest: Option<&'a Window>,
    mean: Option<&'a Window>,
    rates: Rates<'a>,
}

/// Flink's own 60 s averages: the fall-back where there is no counter.
struct Rates<'a> {
    records_in: Option<&'a Window>,
    records_out: Option<&'a Window>,
    busy: Option<&'a Window>,
    backpressured: Option<&'a Window>,
    hottest: Option<&'a Window>,
}

impl<'a> Counters<'a> {
    fn of(index: &Index<'a>, task: &str) -> Counters<'a> {
        let get = |name, agg| index.task(task, name, agg);
        Counters {
            records_in: get(name::RECORDS_IN, Agg::Sum),
            records_out: get(name::RECORDS_OUT, Agg::Sum),
            busy: get(name::BUSY_TOTAL, Agg::Sum),
            idle: get(name::IDLE_TOTAL, Agg::Sum),
            backpressured: get(name::BACKPRESSURED_TOTAL, Agg::Sum),
            hottest: get(name::BUSY_TOTAL, Agg::Max),
            mean: get(name::BUSY_TOTAL, Agg::Avg),
            rates: Rates {
                records_in: get(name::RECORDS_IN_RATE, Agg::Sum),
                records_out: get(name::RECORDS_OUT_RATE, Agg::Sum),
                busy: get(name::BUSY_RATE, Agg::Avg),
                backpressured: get(name::BACKPRESSURED_RATE, Agg::Avg),
                hottest: get(name::BUSY_RATE, Agg::Max),
            },
        }
    }

    /// Whether a counter of some or all subtasks began anew. Busy time alone does not tell: Flink counts it as what is
    /// left of the running time after idle and backpressured time, which it takes at other moments, so the total of a
    /// vertex that is hardly busy, or held back, falls by some milliseconds again and again.
    fn fell(&self, from: Timestamp, to: Timestamp) -> bool {
        let counted = [self.records_in, self.records_out, self.idle, self.backpressured];
        let fell = counted.into_iter().flatten().any(|w| rise(w, from, to).is_some_and(|d| d < 0.0));
        fell || self.clock(1.0, from, to).is_some_and(|secs| secs < 0.0)
    }

    /// Seconds between two readings by the vertex's own clock; `None` without one.
    fn clock(&self, parallelism: f64, from: Timestamp, to: Timestamp) -> Option<f64> {
        let part = |w: Option<&Window>| rise(w?, from, to);
        let ms = part(self.busy)? + part(self.idle)? + part(self.backpressured)?;
        Some(ms / parallelism / 1_000.0)
    }

    fn slice(&self, parallelism: f64, secs: f64, from: Timestamp, to: Timestamp) -> Slice {
        let rate = |counter: Option<&Window>, fallback: Option<&Window>| {
            counter.and_then(|w| rise(w, from, to)).map(|d| d / secs).or_else(|| value_at(fallback?, to))
        };
        let share = |counter: Option<&Window>, subtasks: f64, fallback: Option<&Window>| {
            let counted = counter.and_then(|w| rise(w, from, to)).map(|ms| ms / subtasks / secs / 1_000.0);
            counted.or_else(|| Some(value_at(fallback?, to)? / 1_000.0)).map(|s| s.clamp(0.0, 1.0))
        };
        let busy = share(self.busy, parallelism, self.rates.busy);
        let hottest = || Some(value_at(self.rates.hottest?, to)? / 1_000.0);
        Slice {
            begin: from,
            end: to,
            secs,
            rate_in: rate(self.records_in, self.rates.records_in),
            rate_out: rate(self.records_out, self.rates.records_out),
            busy,
            backpressured: share(self.backpressured, parallelism, self.rates.backpressured),
            hottest: self.hottest(busy, to).or_else(hottest).map(|h| h.clamp(0.0, 1.0)),
        }
    }

    /// Share of time busy of the busiest subtask. It comes from another answer than the sums, taken at another moment
    /// and not at every reading: so it is told as a multiple of the mean of its own answer, between its own two newest
    /// readings.
    fn hottest(&self, busy: Option<f64>, to: Timestamp) -> Option<f64> {
        let window = self.hottest?;
        let (at, newest) = window.since(Timestamp(i64::MIN)).rfind(|s| s.0 <= to)?;
        let (before, older) = window.since(Timestamp(i64::MIN)).rfind(|s| s.0 < at)?;
        let rose = newest - older;
        if rose < 0.0 || to.since(at) > at.since(before) {
            return None;
        }
        match self.mean.and_then(|w| rise(w, before, at)) {
            Some(mean) if mean > 0.0 => Some(busy? * rose / mean),
            Some(_) => busy,
            None => Some(rose / at.since(before).as_secs() / 1_000.0),
        }
    }
}

fn rise(window: &Window, from: Timestamp, to: Timestamp) -> Option<f64> {
    Some(value_at(window, to)? - value_at(window, from)?)
}

/// The slices of one vertex, kept from reading to reading: what follows from a new one is worked out, and no more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    parallelism: u32,
    /// Readings before this do not count.
    from: Timestamp,
    /// The newest reading.
    upto: Option<Timestamp>,
    /// What the next reading is compared with.
    base: Option<Timestamp>,
    slices: Slices,
}

impl Track {
    /// Takes in what was read since. What comes out is what a track that begins now would give.
    pub fn follow(&mut self, windows: &Windows, index: &Index, task: &str, parallelism: u32, from: Timestamp) {
        let from = windows.times(from).next().unwrap_or(from);
        if self.parallelism != parallelism || from < self.from || !self.drop_before(from) {
            *self = Track { parallelism, from, ..Track::default() };
        }
        let unread = self.upto.map_or(from, |t| t.plus(Millis(1)).max(from));
        let mut unread = windows.times(unread).peekable();
        if unread.peek().is_some() {
            let counters = Counters::of(index, task);
            unread.for_each(|at| self.read(&counters, at));
        }
    }

    /// The slices.
    pub fn slices(&self) -> &Slices {
        &self.slices
    }

    /// `from` is a reading. False where all has to be worked out anew, because what spans it begins there.
    fn drop_before(&mut self, from: Timestamp) -> bool {
        self.from = from;
        let kept = &mut self.slices.slices;
        let old = kept.iter().take_while(|s| s.begin < from).count();
        let cut = old > 0 && kept[old - 1].end > from;
        kept.drain(..old);
        !cut && self.base.is_none_or(|base| base >= from)
    }

    fn read(&mut self, counters: &Counters, at: Timestamp) {
        self.upto = Some(at);
        let Some(start) = self.base.replace(at) else { return };
        if counters.fell(start, at) {
            // A restart of some or all subtasks: neither negative nor a burst.
            self.slices = Slices::default();
            return;
        }
        let p = f64::from(self.parallelism.max(1));
        let wall = at.since(start).as_secs();
        let secs = counters.clock(p, start, at).unwrap_or(wall);
        if secs < MOVED * wall {
            self.slices.still = at.since(start);
            self.base = Some(start);
            return;
        }
        self.slices.still = Millis(0);
        let slice = counters.slice(p, secs, start, at);
        if slice.rate_in.is_some() || slice.rate_out.is_some() {
            self.slices.slices.push(slice);
        }
    }
}

impl Slices {
    /// How many readings the newest stretch has: for saying that it is too few.
    pub fn stretch_readings(&self, level: impl Fn(&Slice) -> Option<f64>) -> u32 {
        let values: Vec<f64> = self.slices.iter().rev().map_while(&level).collect();
        let values: Vec<f64> = values.into_iter().rev().collect();
        let n = newest_stretch(&values);
        if n == 0 { 0 } else { n as u32 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Sample;
    use crate::series::SeriesKey;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Readings of one vertex: milliseconds since the last, busy and idle ms and records since then, and whether its
    /// counters begin anew.
    fn reading() -> impl Strategy<Value = (u64, f64, f64, f64, bool)> {
        let still = prop_oneof![4 => 500.0..1_500.0f64, 1 => Just(0.0)];
        (500u64..4_000, still, 0.0..500.0f64, 0.0..900.0f64, prop::bool::weighted(0.05))
    }

    proptest! {
        #[test]
        fn a_track_that_is_kept_gives_what_a_new_one_gives(
            readings in prop::collection::vec(reading(), 1..160),
            window in 2_000u64..20_000,
            parallelism in prop::collection::vec(1u32..3, 160),
        ) {
            let graph = crate::job::JobGraph::default();
            let key = |name: &str| Arc::new(SeriesKey::task(name, "v", Agg::Sum));
            let keys = [name::BUSY_TOTAL, name::IDLE_TOTAL, name::BACKPRESSURED_TOTAL, name::RECORDS_IN].map(key);
            let (mut windows, mut kept, mut at, mut totals) = (Windows::default(), Track::default(), Timestamp(0), [0.0; 4]);
            for (n, (gap, busy, idle, records, anew)) in readings.into_iter().enumerate() {
                at = at.plus(Millis(gap));
                if anew {
                    totals = [0.0; 4];
                }
                for (total, more) in totals.iter_mut().zip([busy, idle, 0.0, records]) {
                    *total += more;
                }
                let samples: Vec<Sample> =
                    keys.iter().zip(totals).map(|(key, value)| Sample { key: key.clone(), value }).collect();
                windows.push(at, &samples);
                let index = windows.index(&graph);
                // A size holds for twenty readings.
                let (p, from) = (parallelism[n / 20], at.minus(Millis(window)));
                kept.follow(&windows, &index, "v", p, from);
                let mut new = Track::default();
                new.follow(&windows, &index, "v", p, from);
                prop_assert_eq!(&kept.slices, &new.slices);
            }
        }
    }
}
