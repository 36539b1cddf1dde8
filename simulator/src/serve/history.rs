//! When a job came into the states that it has been in: the world knows only the present one.

use crate::world::World;
use crate::world::view::JobState;
use std::sync::Arc;
use weirkeeper_core::units::Timestamp;

/// Times are the world's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct History {
    last: (&'static str, u32),
    /// When its state changed last.
    pub changed: i64,
    /// When its tasks stopped, if they do not run.
    pub down: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
}

impl History {
    pub fn new(now: i64) -> History {
        History { last: ("INITIALIZING", 0), changed: now, down: None, ended: None }
    }

    /// A tick is over.
    pub fn look(&mut self, (word, attempt): (&'static str, u32), now: i64) {
        if self.last == (word, attempt) {
            return;
        }
        let ran = self.last.0 == "RUNNING";
        self.last = (word, attempt);
        self.changed = now;
        match word {
            "RUNNING" => (self.down, self.ended) = (None, None),
            "FINISHED" | "CANCELED" | "FAILED" => {
                self.down = self.down.or(Some(now));
                self.ended = self.ended.or(Some(now));
            }
            _ if ran => self.down = Some(now),
            _ => {}
        }
    }
}

/// A job as it was shown at some time.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// When, in the world's time.
    pub at: i64,
    /// Which of the scenario's.
    pub index: usize,
    pub state: JobState,
    pub history: History,
    pub failures: Vec<crate::world::Failed>,
}

impl Shown {
    pub fn take(world: &World, index: usize, history: &History) -> Option<Shown> {
        let (state, failures) = (world.job(index)?, world.failures(index));
        Some(Shown { at: world.now().0, index, state, history: history.clone(), failures })
    }

    /// A submission that failed before it ran.
    pub fn failed_at_once(&self, id: Arc<str>, now: i64) -> Shown {
        let mut shown = self.clone();
        let history = History { last: ("FAILED", 0), changed: now, down: None, ended: Some(now) };
        (shown.at, shown.history, shown.failures) = (now, history, Vec::new());
        let state = &mut shown.state;
        (state.id, state.word, state.attempt, state.restarts) = (id, "FAILED", 0, 0);
        (state.submitted, state.deployed, state.running_since) = (Timestamp(now), Timestamp(now), None);
        state.placement.clear();
        shown
    }

    pub fn ran(&self) -> bool {
        self.state.attempt > 0
    }

    pub fn has_ended(&self) -> bool {
        self.history.ended.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_and_an_end_are_remembered() {
        let mut history = History::new(0);
        history.look(("CREATED", 0), 0);
        history.look(("RUNNING", 1), 1_000);
        assert_eq!((history.changed, history.down, history.ended), (1_000, None, None));
        history.look(("RESTARTING", 1), 5_000);
        history.look(("RESTARTING", 1), 6_000);
        assert_eq!((history.changed, history.down), (5_000, Some(5_000)));
        history.look(("RUNNING", 2), 7_000);
        history.look(("RUNNING", 3), 8_000);
        assert_eq!((history.changed, history.down), (8_000, None), "one that restarts within a tick has changed too");
        history.look(("CANCELED", 3), 9_000);
        history.look(("CANCELED", 3), 19_000);
        assert_eq!((history.down, history.ended), (Some(9_000), Some(9_000)));
    }
}
