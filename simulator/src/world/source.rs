//! A source: what has arrived in its partitions, how far it has read, and what it tells of that.

use super::fetch::Fetches;
use std::collections::VecDeque;

/// Times of arrival remembered. A backlog that spans more seconds is remembered more coarsely, so memory is bounded.
const MAX_TIMES: usize = 4_096;
/// Less than this is no backlog: what is left of rounding.
const NOTHING: f64 = 1e-6;
/// Age of what is emitted by a source that keeps up (measured: a few ms).
const FRESH_MS: f64 = 5.0;

/// A source in motion. Records are counted over all partitions.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Which vertex reads it.
    pub vertex: usize,
    /// Partitions, where it has some.
    pub partitions: Option<u32>,
    /// Arrived so far.
    pub arrived: f64,
    /// Read so far; goes back at a restart.
    pub position: f64,
    /// Arrived in the last tick.
    pub arrives: f64,
    /// Read for the first time in the last tick.
    pub fresh: f64,
    /// Nothing can be read.
    pub outage: bool,
    /// It has emitted something in this attempt.
    pub emitted: bool,
    /// It has had nothing to emit since.
    pub idle_since: Option<i64>,
    /// Age of what was emitted last, ms.
    pub emit_lag: f64,
    highest: f64,
    /// When how much had arrived.
    times: VecDeque<(i64, f64)>,
    /// Of a source that has partitions: a Kafka consumer's. Others tell what is pending as it is.
    fetches: Option<Fetches>,
}

impl Source {
    pub fn new(vertex: usize, partitions: Option<u32>) -> Source {
        Source {
            vertex,
            partitions,
            arrived: 0.0,
            position: 0.0,
            arrives: 0.0,
            fresh: 0.0,
            outage: false,
            emitted: false,
            idle_since: None,
            emit_lag: FRESH_MS,
            highest: 0.0,
            times: VecDeque::new(),
            fetches: partitions.map(Fetches::new),
        }
    }

    /// `records` arrive evenly between two times. What was read before `keep` will not be read again.
    pub fn arrive(&mut self, from: i64, to: i64, records: f64, keep: f64) {
        self.fresh = 0.0;
        if self.times.is_empty() {
            self.times.push_back((from, self.arrived));
        }
        self.arrives = records.max(0.0);
        self.arrived += self.arrives;
        while self.times.len() > 1 && self.times[1].1 <= keep {
            self.times.pop_front();
        }
        if self.times.len() >= MAX_TIMES {
            self.thin();
        }
        self.times.push_back((to, self.arrived));
    }

    /// Half the times, every second one of the older half gone twice as far apart.
    fn thin(&mut self) {
        let mut kept = 0;
        self.times.retain(|_| {
            kept += 1;
            kept % 2 == 1
        });
    }

    /// Records that can be read.
    pub fn available(&self) -> f64 {
        if self.outage { 0.0 } else { self.backlog() }
    }

    /// Records that have arrived and not been read.
    pub fn backlog(&self) -> f64 {
        (self.arrived - self.position).max(0.0)
    }

    /// Reads on.
    pub fn read(&mut self, records: f64) {
        if let Some(fetches) = &mut self.fetches {
            fetches.read(self.position, records, self.arrived);
        }
        self.position = (self.position + records).min(self.arrived);
        self.fresh += (self.position - self.highest).max(0.0);
        self.highest = self.highest.max(self.position);
        self.emitted |= records > 0.0;
    }

    /// After a step that began at `from`: is it idle?
    pub fn settle(&mut self, done: f64, from: i64) {
        let waits = done <= 0.0 && self.available() <= NOTHING;
        self.idle_since = if waits { self.idle_since.or(Some(from)) } else { None };
    }

    /// `pendingRecords`.
    pub fn pending(&self) -> f64 {
        self.fetches.as_ref().map_or(self.backlog(), |f| f.pending(self.position))
    }

    /// Takes `currentEmitEventTimeLag` anew, unless the source is idle: then it stays at what it was.
    pub fn look(&mut self, now: i64) {
        if self.idle_since.is_none() {
            self.emit_lag = (now as f64 - self.arrival(self.position, now)).max(FRESH_MS);
        }
    }

    /// Goes back to where a checkpoint was taken.
    pub fn restore(&mut self, position: f64, at: i64) {
        self.position = position;
        if let Some(fetches) = &mut self.fetches {
            fetches.reset(position);
        }
        (self.emitted, self.idle_since) = (false, Some(at));
    }

    /// The furthest it has ever read.
    #[cfg(test)]
    pub fn highest(&self) -> f64 {
        self.highest
    }

    /// How old the oldest record is that is not through, when everything up to `position` is. Milliseconds.
    pub fn age(&self, position: f64, now: i64) -> f64 {
        if self.arrived - position <= NOTHING { 0.0 } else { (now as f64 - self.arrival(position, now)).max(0.0) }
    }

    /// When the record after `position` arrived.
    fn arrival(&self, position: f64, now: i64) -> f64 {
        if self.arrived - position <= NOTHING {
            return now as f64;
        }
        let next = self.times.partition_point(|t| t.1 <= position);
        let Some((t1, c1)) = self.times.get(next).copied() else { return now as f64 };
        let Some((t0, c0)) = next.checked_sub(1).and_then(|i| self.times.get(i)).copied() else { return t1 as f64 };
        let part = if c1 > c0 { (position - c0) / (c1 - c0) } else { 1.0 };
        t0 as f64 + part * (t1 - t0) as f64
    }

    /// Times of arrival that are remembered: for the test that memory is bounded.
    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.times.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One second after the other: arrivals, and what is read of them.
    fn run(source: &mut Source, seconds: std::ops::Range<i64>, arrives: f64, reads: f64) {
        for s in seconds {
            source.arrive(s * 1_000, (s + 1) * 1_000, arrives, 0.0);
            let reads = reads.min(source.available());
            source.read(reads);
            source.settle(reads, s * 1_000);
            source.look((s + 1) * 1_000);
        }
    }

    #[test]
    fn a_lag_in_seconds_is_the_age_of_what_is_emitted() {
        let mut source = Source::new(0, Some(1));
        run(&mut source, 0..40, 2_000.0, 1_000.0);
        // By hand: after 40 s 80,000 have arrived and 40,000 are read; the 40,000th arrived at 20 s.
        assert_eq!((source.backlog(), source.emit_lag), (40_000.0, 20_000.0));
        assert_eq!(source.age(30_000.0, 40_000), 25_000.0);
        // Catching up at 4000/s against 2000/s takes 20 s.
        run(&mut source, 40..60, 2_000.0, 4_000.0);
        assert_eq!((source.backlog(), source.emit_lag), (0.0, 5.0));
    }

    #[test]
    fn an_idle_source_keeps_its_last_lag_and_counts_its_idle_time() {
        let mut source = Source::new(0, Some(1));
        run(&mut source, 0..10, 100.0, 1_000.0);
        source.outage = true;
        run(&mut source, 10..60, 100.0, 1_000.0);
        assert_eq!((source.emit_lag, source.idle_since), (5.0, Some(10_000)));
        assert_eq!(source.pending(), 0.0, "a dead broker looks like a job that keeps up");
        assert_eq!(source.backlog(), 5_000.0);
    }

    #[test]
    fn what_is_replayed_is_not_read_for_the_first_time() {
        let mut source = Source::new(0, Some(1));
        run(&mut source, 0..10, 100.0, 1_000.0);
        source.restore(700.0, 10_000);
        source.arrive(10_000, 11_000, 100.0, 700.0);
        source.read(350.0);
        // By hand: 700 to 1050, of which 1000 to 1050 are new.
        assert_eq!((source.fresh, source.highest()), (50.0, 1_050.0));
    }

    #[test]
    fn a_backlog_of_a_day_is_remembered_in_bounded_memory() {
        let mut source = Source::new(0, Some(1));
        run(&mut source, 0..86_400, 10.0, 0.0);
        assert!(source.remembered() <= MAX_TIMES);
        // The record after the 432,000th arrived at 12 h: within the coarser grid by interpolation.
        assert!((source.age(432_000.0, 86_400_000) - 43_200_000.0).abs() < 1.0);
    }
}
