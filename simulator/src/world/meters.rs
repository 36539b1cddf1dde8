//! Averages over 60 s as Flink makes them, from counters looked at every 5 s.
//!
//! Both begin with a history of zeros. A rate (`MeterView`) divides by 60 s all the same; a time share (`TimerGauge`)
//! divides by the time since the start. So after a restart a rate is too low by up to twelve times beside a busy time
//! that is right, and what is concluded from both, a capacity, is too.

use super::flow::Totals;

/// Between two looks (`View.UPDATE_INTERVAL_SECONDS`), ms.
pub(super) const EVERY: i64 = 5_000;
/// Looks in 60 s, and the one before them.
const LOOKS: usize = 13;

/// A counter as it was at the newest looks.
#[derive(Clone, Copy, Debug, Default)]
struct Ring([f64; LOOKS]);

/// The averages of one vertex.
#[derive(Clone, Debug, Default)]
pub(super) struct Meters {
    looks: usize,
    records_in: Ring,
    records_out: Ring,
    idle: Ring,
    backpressured: Ring,
    hottest: Ring,
}

/// What they say: records/s over all subtasks, and ms/s of the mean subtask.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Averages {
    /// `numRecordsInPerSecond`.
    pub records_in: f64,
    /// `numRecordsOutPerSecond`.
    pub records_out: f64,
    /// `busyTimeMsPerSecond`.
    pub busy: f64,
    /// `idleTimeMsPerSecond`.
    pub idle: f64,
    /// `backPressuredTimeMsPerSecond`.
    pub backpressured: f64,
    /// Busy time of the busiest subtask.
    pub hottest: f64,
}

impl Meters {
    /// One look.
    pub fn look(&mut self, totals: &Totals) {
        self.looks += 1;
        let at = self.looks % LOOKS;
        self.records_in.0[at] = totals.records_in;
        self.records_out.0[at] = totals.records_out;
        self.idle.0[at] = totals.idle();
        self.backpressured.0[at] = totals.backpressured;
        self.hottest.0[at] = totals.hottest;
    }

    /// How much a counter rose over the newest 60 s, or since the start.
    fn rise(&self, ring: &Ring) -> f64 {
        let newest = ring.0[self.looks % LOOKS];
        newest - ring.0[(self.looks + 1) % LOOKS]
    }

    /// What is shown now.
    pub fn averages(&self) -> Averages {
        let rate = |ring| self.rise(ring) / 60.0;
        let looks = self.looks.min(LOOKS - 1);
        if looks == 0 {
            // Busy time is what idle and backpressured time leave, and those are 0 before the first look.
            return Averages { busy: 1_000.0, hottest: 1_000.0, ..Averages::default() };
        }
        let secs = looks as f64 * EVERY as f64 / 1_000.0;
        let share = |ring| (self.rise(ring) / secs).clamp(0.0, 1_000.0);
        let (idle, backpressured) = (share(&self.idle), share(&self.backpressured));
        Averages {
            records_in: rate(&self.records_in),
            records_out: rate(&self.records_out),
            busy: (1_000.0 - idle - backpressured).max(0.0),
            idle,
            backpressured,
            hottest: share(&self.hottest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 records/s, 20 % busy, for `secs`; looked at every 5 s.
    fn after(secs: u32) -> Averages {
        let mut meters = Meters::default();
        for look in 1..=secs / 5 {
            let s = f64::from(look * 5);
            let totals = Totals {
                records_in: 100.0 * s,
                records_out: 50.0 * s,
                busy: 200.0 * s,
                hottest: 400.0 * s,
                clock: 1_000.0 * s,
                ..Totals::default()
            };
            meters.look(&totals);
        }
        meters.averages()
    }

    #[test]
    fn a_rate_climbs_for_a_minute_while_busy_time_is_right_at_once() {
        // By hand: 500 records after 5 s are 500 / 60 = 8.33/s; 3000 after 30 s are 50/s; from 60 s on it is 100/s.
        for (secs, rate) in [(5, 500.0 / 60.0), (30, 50.0), (55, 5_500.0 / 60.0), (60, 100.0), (300, 100.0)] {
            let a = after(secs);
            assert!((a.records_in - rate).abs() < 1e-9, "{secs}: {a:?}");
            assert!((a.records_out - rate / 2.0).abs() < 1e-9);
            assert_eq!((a.busy, a.idle, a.backpressured, a.hottest), (200.0, 800.0, 0.0, 400.0), "{secs}");
        }
    }

    #[test]
    fn a_capacity_from_both_is_twelve_times_too_small_after_five_seconds() {
        let (young, old) = (after(5), after(60));
        let capacity = |a: &Averages| a.records_in / (a.busy / 1_000.0);
        assert!((capacity(&old) - 500.0).abs() < 1e-9);
        assert!((capacity(&old) / capacity(&young) - 12.0).abs() < 1e-9);
    }

    #[test]
    fn before_the_first_look_it_is_busy_and_does_nothing() {
        let a = Meters::default().averages();
        assert_eq!((a.busy, a.records_in, a.backpressured), (1_000.0, 0.0, 0.0));
    }
}
