//! What happens to a job, and how long it takes to be as before.

use serde::Serialize;
use weirkeeper_core::units::{Millis, Timestamp};

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A restart that is no rescale.
    Failure,
    /// A rescale.
    Rescale,
    /// The load stepped.
    Step,
    /// A fault of the scenario began.
    Fault,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Event {
    /// What.
    pub kind: Kind,
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// Seconds until the job ran with a lag at most [`SLACK`] above what it was before; absent: not within the run.
    pub recovery: Option<f64>,
}

/// A lag that is this much above the one before an event counts as gone: less than a second is noise of the world.
pub const SLACK: Millis = Millis::secs(5);
/// Events that are listed; of more, only the figures are kept.
pub const LISTED: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Kind,
    at: Timestamp,
    lag_before: Millis,
    /// Its place in the list, while that has room.
    listed: Option<usize>,
    /// It has begun to tell: the job stopped, or its lag grew.
    told: bool,
}

/// Figures of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Recoveries {
    /// How many events.
    pub events: u32,
    /// Of these, not over at the end of the run.
    pub open: u32,
    /// Mean recovery time of the others, seconds.
    pub mean: Option<f64>,
    /// Longest, seconds.
    pub longest: Option<f64>,
    #[serde(skip)]
    total: f64,
    #[serde(skip)]
    closed: u32,
}

/// Follows events.
#[derive(Clone, Debug, Default)]
pub struct Events {
    open: Vec<Open>,
    list: Vec<Event>,
    figures: [Recoveries; 4],
}

/// An event that has not told by then has passed without a trace: its recovery is 0.
const TELLS_WITHIN: Millis = Millis::secs(60);
/// Open events of one job: one of each kind and a reserve; a new one of a kind that is open extends it.
const MOST_OPEN: usize = 8;

impl Events {
    /// An event. One of the same kind that is still open goes on instead, from where it began.
    pub fn begin(&mut self, kind: Kind, at: Timestamp, lag_before: Millis) {
        self.figures[kind as usize].events += 1;
        let listed = (self.list.len() < LISTED).then_some(self.list.len());
        if listed.is_some() {
            self.list.push(Event { kind, at: at.0, recovery: None });
        }
        if self.open.len() < MOST_OPEN {
            let before = self.open.iter().map(|o| o.lag_before).min().unwrap_or(lag_before).min(lag_before);
            self.open.push(Open { kind, at, lag_before: before, listed, told: false });
        }
    }

    /// A tick.
    pub fn tick(&mut self, at: Timestamp, running: bool, lag: Millis) {
        let (list, figures) = (&mut self.list, &mut self.figures);
        self.open.retain_mut(|open| {
            let calm = running && lag.0 <= open.lag_before.0 + SLACK.0;
            open.told |= !calm;
            let silent = !open.told && at.since(open.at) >= TELLS_WITHIN;
            if !(calm && open.told || silent) {
                return true;
            }
            let seconds = if silent { 0.0 } else { at.since(open.at).as_secs() };
            let f = &mut figures[open.kind as usize];
            f.closed += 1;
            f.total += seconds;
            f.longest = Some(f.longest.unwrap_or(0.0).max(seconds));
            if let Some(event) = open.listed.and_then(|i| list.get_mut(i)) {
                event.recovery = Some(seconds);
            }
            false
        });
    }

    /// Figures of a kind.
    pub fn figures(&self, kind: Kind) -> Recoveries {
        let f = self.figures[kind as usize];
        let mean = (f.closed > 0).then(|| f.total / f64::from(f.closed));
        Recoveries { open: f.events - f.closed, mean, ..f }
    }

    /// The first events, by time.
    pub fn list(&self) -> &[Event] {
        &self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp(s * 1_000)
    }

    fn play(events: &mut Events, from: i64, ticks: &[(bool, u64)]) {
        for (i, (running, lag)) in ticks.iter().enumerate() {
            events.tick(at(from + i as i64 + 1), *running, Millis::secs(*lag));
        }
    }

    #[test]
    fn recovery_ends_when_the_job_runs_and_lag_is_as_before() {
        let mut events = Events::default();
        events.begin(Kind::Failure, at(100), Millis::secs(1));
        // Down for three seconds, 10 s behind, then 7, then 6: 1 + 5 are within the slack. Six seconds in all.
        play(&mut events, 100, &[(false, 2), (false, 3), (false, 4), (true, 10), (true, 7), (true, 6)]);
        let f = events.figures(Kind::Failure);
        assert_eq!((f.events, f.open, f.mean, f.longest), (1, 0, Some(6.0), Some(6.0)));
        assert_eq!(events.list()[0].recovery, Some(6.0));
    }

    #[test]
    fn what_never_told_took_no_time_and_what_never_ended_is_open() {
        let mut events = Events::default();
        events.begin(Kind::Step, at(0), Millis(0));
        play(&mut events, 0, &[(true, 1); 60]);
        assert_eq!(events.figures(Kind::Step).longest, Some(0.0));
        events.begin(Kind::Fault, at(60), Millis(0));
        play(&mut events, 60, &[(true, 30); 500]);
        assert_eq!((events.figures(Kind::Fault).open, events.figures(Kind::Fault).mean), (1, None));
    }

    #[test]
    fn a_second_failure_before_the_first_is_over_is_measured_against_what_was_before_the_first() {
        let mut events = Events::default();
        events.begin(Kind::Failure, at(0), Millis::secs(1));
        play(&mut events, 0, &[(false, 1), (true, 60)]);
        events.begin(Kind::Failure, at(2), Millis::secs(60));
        play(&mut events, 2, &[(false, 61), (true, 60), (true, 30), (true, 2)]);
        assert_eq!(events.list().iter().map(|e| e.recovery).collect::<Vec<_>>(), [Some(6.0), Some(4.0)]);
    }

    #[test]
    fn memory_has_a_bound() {
        let mut events = Events::default();
        for i in 0..10_000 {
            events.begin(Kind::Failure, at(i), Millis(0));
            events.tick(at(i), false, Millis::secs(9));
        }
        assert!(events.list().len() <= LISTED && events.open.len() <= MOST_OPEN);
        assert_eq!(events.figures(Kind::Failure).events, 10_000);
    }
}
