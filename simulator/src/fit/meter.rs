//! One way of measuring for both sides: what a recording shows and what a world does are brought into the same form
//! before they are scored. A recording has the size of the cluster, whether records were read, and Kafka's largest lag
//! of the last minute; of a world no more is used.

use super::track::Track;
use crate::play::Watch;
use crate::score::{Known, OBJECTIVE, Scorer, Scores};
use crate::truth::JobTruth;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use weirkeeper_core::units::{Millis, Timestamp};

/// The consumer shows the largest of two windows of 30 s.
const WINDOW: i64 = 60_000;
/// A change of size and a pause that are no further apart than this are one restart: a cluster does not get all its
/// TaskManagers at once.
const ONE_EVENT: i64 = 30_000;
/// A change of size so soon after a failure is the TaskManager that was lost and came back.
const BY_FAILURE: i64 = 120_000;
/// A job whose lag is beyond this is late: the goal of the comparison is a minute.
const LATE: Millis = Millis::secs(60);

/// What is seen of a job in one second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// ms since the epoch.
    pub at: i64,
    /// Whether it works.
    pub running: bool,
    /// Its size.
    pub size: u32,
    /// Records behind.
    pub lag: Option<f64>,
    /// Records/s that arrive.
    pub arriving: f64,
    /// Records/s that are read.
    pub consumed: f64,
}

/// Scores a job by what is seen of it.
pub struct Meter {
    scorer: Scorer,
    truth: JobTruth,
    failures: Vec<i64>,
    recent: VecDeque<(i64, f64)>,
    /// Whether the lags that are given are already the largest of a minute.
    smeared: bool,
    last: Option<Seen>,
    behind: f64,
    event: Option<(i64, bool)>,
    settled: u32,
}

impl Meter {
    /// For a job that meets `failures`, ms since the epoch.
    pub fn new(failures: Vec<i64>, smeared: bool) -> Meter {
        let faults = failures.iter().map(|f| Timestamp(*f)).collect();
        let known = Known { objective: LATE.min(OBJECTIVE), sizer: None, faults };
        let truth = JobTruth {
            name: "job".into(),
            at: Timestamp(0),
            arriving: 0.0,
            consumed: 0.0,
            backlog: 0.0,
            lag: Millis(0),
            parallelism: vec![0],
            slots: 0,
            running: false,
            restarts: 0,
            rescales: 0,
            busy: vec![0.0],
            checkpoints: 0,
            capacity: 0.0,
        };
        let scorer = Scorer::new(BTreeMap::from([(Arc::from("job"), known)]));
        Meter {
            scorer,
            truth,
            failures,
            recent: VecDeque::new(),
            smeared,
            last: None,
            behind: 0.0,
            event: None,
            settled: 0,
        }
    }

    /// One second.
    pub fn see(&mut self, seen: Seen) {
        self.count(&seen);
        let since = self.last.map_or(1_000, |l| seen.at - l.at) as f64 / 1e3;
        match seen.lag {
            Some(lag) => self.behind = self.largest(seen.at, lag) / seen.arriving.max(1.0),
            // Nothing is read and nothing shows it: what arrives waits.
            None => self.behind += since,
        }
        self.truth.at = Timestamp(seen.at);
        (self.truth.arriving, self.truth.consumed) = (seen.arriving, seen.consumed);
        self.truth.lag = Millis::from_secs(self.behind);
        self.truth.running = seen.running;
        self.truth.slots = seen.size;
        self.truth.parallelism[0] = seen.size;
        self.scorer.tick(Timestamp(seen.at), std::slice::from_ref(&self.truth));
        self.last = Some(seen);
    }

    fn largest(&mut self, at: i64, lag: f64) -> f64 {
        if self.smeared {
            return lag;
        }
        while self.recent.front().is_some_and(|(t, _)| at - t >= WINDOW) {
            self.recent.pop_front();
        }
        while self.recent.back().is_some_and(|(_, l)| *l <= lag) {
            self.recent.pop_back();
        }
        self.recent.push_back((at, lag));
        self.recent.front().map_or(lag, |r| r.1)
    }

    /// Restarts, and which of them changed the size.
    fn count(&mut self, seen: &Seen) {
        let Some(last) = self.last else {
            self.settled = seen.size;
            return;
        };
        let happens = seen.size != last.size || (last.running && !seen.running);
        let fresh = self.event.is_none_or(|(at, _)| seen.at - at > ONE_EVENT);
        if happens && fresh {
            self.truth.restarts += 1;
            self.event = Some((seen.at, false));
        } else if let Some(event) = self.event.as_mut().filter(|_| happens || !seen.running) {
            event.0 = seen.at;
        }
        let newest = self.failures[..self.failures.partition_point(|f| *f <= seen.at)].last();
        let failed = newest.is_some_and(|f| seen.at - f < BY_FAILURE);
        if let Some((_, counted)) = self.event.as_mut().filter(|e| !e.1 && !failed && seen.running)
            && seen.size != self.settled
        {
            *counted = true;
            self.truth.rescales += 1;
        }
        if seen.running && seen.size > 0 {
            self.settled = seen.size;
        }
    }

    /// What it came to.
    pub fn finish(&self) -> Option<Scores> {
        self.scorer.finish().into_iter().next()
    }
}

/// Scores of a recording. `arrives` gives records/s by ms since its first row.
pub fn recorded(track: &Track, arrives: &dyn Fn(i64) -> f64) -> Option<Scores> {
    let begin = track.rows.first()?.at;
    let mut meter = Meter::new(track.failures.clone(), !track.counted);
    let sources = track.sources();
    for (i, row) in track.rows.iter().enumerate() {
        let rate: Option<f64> = sources.iter().map(|s| track.of(i, *s).rate).sum();
        meter.see(Seen {
            at: row.at,
            running: row.runs,
            size: row.task_managers.map_or(row.size, |t| t.min(row.size).max(u32::from(t > 0))),
            lag: row.lag,
            arriving: arrives(row.at - begin),
            consumed: rate.unwrap_or(0.0),
        });
    }
    meter.finish()
}

impl Watch for Meter {
    fn tick(&mut self, at: Timestamp, truth: &[JobTruth]) {
        let Some(job) = truth.first() else { return };
        self.see(Seen {
            at: at.0,
            running: job.running,
            size: job.slots,
            lag: job.running.then_some(job.backlog),
            arriving: job.arriving,
            consumed: job.consumed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: i64, running: bool, size: u32, lag: Option<f64>) -> Seen {
        Seen { at: at * 1_000, running, size, lag, arriving: 100.0, consumed: 100.0 }
    }

    #[test]
    fn a_cluster_that_comes_back_one_by_one_was_rescaled_once() {
        let mut meter = Meter::new(vec![200_000], true);
        (1..100).for_each(|t| meter.see(seen(t, true, 4, Some(0.0))));
        (100..140).for_each(|t| meter.see(seen(t, false, 4, None)));
        [5, 7, 8, 8].iter().zip(140..).for_each(|(n, t)| meter.see(seen(t, true, *n, Some(4_000.0))));
        // 40 s in which nothing was seen, and after that 4000 records at 100/s: 40 s.
        assert_eq!(meter.truth.lag, Millis::secs(40));
        (144..210).for_each(|t| meter.see(seen(t, true, 8, Some(0.0))));
        (210..240).for_each(|t| meter.see(seen(t, false, 8, None)));
        (240..400).for_each(|t| meter.see(seen(t, true, 8, Some(0.0))));
        let scores = meter.finish().unwrap();
        assert_eq!((scores.restarts, scores.rescales), (2, 1));
        // The failure at 200 stopped it at 210; at 240 it ran without lag.
        let fault = scores.events.iter().find(|e| e.kind == crate::score::events::Kind::Fault).unwrap();
        assert_eq!(fault.recovery, Some(40.0));
        assert_eq!(scores.downtime, 70.0);
    }

    #[test]
    fn a_lag_is_shown_for_a_minute() {
        let mut meter = Meter::new(Vec::new(), false);
        meter.see(seen(1, true, 1, Some(500.0)));
        meter.see(seen(60, true, 1, Some(0.0)));
        assert_eq!(meter.truth.lag, Millis::secs(5));
        meter.see(seen(61, true, 1, Some(0.0)));
        assert_eq!(meter.truth.lag, Millis(0));
    }
}
