//! Work that comes in bursts (windows that fire): sized by records per burst and the time allowed to drain it, not by
//! the moment.

use crate::sizing::stats::{mean, median, quantile};
use crate::units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Slices kept: an hour of 10 s.
pub const MAX_LOG: usize = 360;
/// Shorter slices are put together: the ratio below is defined on 10 s.
const SLICE: Millis = Millis::secs(10);
/// p95 / mean above which work comes in bursts.
const BURSTY: f64 = 3.0;
/// Slices needed before that is judged: two minutes of 10 s.
const NEEDED: usize = 12;

/// What one vertex did in a slice of at least ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// End of the slice.
    pub end: Timestamp,
    /// Its length, seconds.
    pub secs: f64,
    /// Share of time busy.
    pub busy: f64,
    /// Records worked on.
    pub records: f64,
}

/// The log of one vertex.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkLog {
    slices: VecDeque<Work>,
}

/// How the bursts are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// p95 / mean of busy time.
    pub ratio: f64,
    /// Bursts seen.
    pub seen: u32,
    /// Between their beginnings; `None` until two were seen.
    pub period: Option<f64>,
    /// Records/s at full load, over whole periods.
    pub capacity: f64,
}

impl WorkLog {
    /// Takes a slice in; one that is short is joined to the one before until ten seconds are full.
    pub fn push(&mut self, work: Work) {
        match self.slices.back_mut() {
            Some(last) if last.secs < SLICE.as_secs() => {
                let secs = last.secs + work.secs;
                last.busy = (last.busy * last.secs + work.busy * work.secs) / secs;
                (last.secs, last.end) = (secs, work.end);
                last.records += work.records;
            }
            _ => self.slices.push_back(work),
        }
        while self.slices.len() > MAX_LOG {
            self.slices.pop_front();
        }
    }

    /// The bursts, if work comes in any.
    pub fn bursts(&self) -> Option<Bursts> {
        let busy: Vec<f64> = self.slices.iter().map(|w| w.busy).collect();
        let (mean, high) = (mean(&busy)?, quantile(&busy, 0.95)?);
        if busy.len() < NEEDED || mean <= 0.0 || high / mean <= BURSTY {
            return None;
        }
        let begins = self.begins(BURSTY * mean);
        let gaps: Vec<f64> = begins.windows(2).map(|w| w[1].since(w[0]).as_secs()).collect();
        let busy_secs: f64 = self.slices.iter().map(|w| w.busy * w.secs).sum();
        let records: f64 = self.slices.iter().map(|w| w.records).sum();
        let (ratio, seen, capacity) = (high / mean, begins.len() as u32, records / busy_secs);
        Some(Bursts { ratio, seen, period: median(&gaps), capacity })
    }

    fn begins(&self, above: f64) -> Vec<Timestamp> {
        let mut begins = Vec::new();
        let mut inside = false;
        for work in &self.slices {
            if work.busy > above && !inside {
                begins.push(work.end);
            }
            inside = work.busy > above;
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of `period` slices of 10 s that fires for one of them.
    fn log(slices: i64, period: i64) -> WorkLog {
        let mut log = WorkLog::default();
        for i in 0..slices {
            let busy = if i % period == period - 1 { 1.0 } else { 0.02 };
            log.push(Work { end: Timestamp(i * 10_000), secs: 10.0, busy, records: 1_000.0 });
        }
        log
    }

    #[test]
    fn a_window_that_fires_every_minute_is_a_burst() {
        let bursts = log(24, 6).bursts().unwrap();
        // By hand: mean (5*0.02 + 1) / 6 = 0.1833, p95 of 24 is the 23rd of them: 1.0.
        assert!((bursts.ratio - 1.0 / 0.183_333_333).abs() < 1e-6, "{}", bursts.ratio);
        assert_eq!((bursts.seen, bursts.period), (4, Some(60.0)));
        // 24,000 records in 24 * 10 * 0.18333 = 44 busy seconds.
        assert!((bursts.capacity - 24_000.0 / 44.0).abs() < 1e-9);
    }

    #[test]
    fn steady_or_little_work_is_not() {
        assert_eq!(log(24, 1).bursts(), None);
        assert_eq!(log(11, 6).bursts(), None, "eleven slices are too few");
        assert_eq!(WorkLog::default().bursts(), None);
    }

    #[test]
    fn short_slices_are_joined_and_the_log_is_bounded() {
        let mut log = WorkLog::default();
        for i in 0..4_000 {
            log.push(Work { end: Timestamp(i * 5_000), secs: 5.0, busy: 0.5, records: 1.0 });
        }
        assert_eq!(log.slices.len(), MAX_LOG);
        assert!(log.slices.iter().all(|w| w.secs == 10.0 && w.records == 2.0 && w.busy == 0.5));
    }
}
