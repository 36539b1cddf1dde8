//! What has happened so far: kept by job, bounded, and never more than the invariants ask for.

use super::facts::JobFacts;
use crate::truth::JobTruth;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use weirkeeper_core::effect::{Purpose, RunId};
use weirkeeper_core::observation::{Bounds, Observation, Slots};
use weirkeeper_core::series::Agg;
use weirkeeper_core::units::{Millis, Timestamp};

/// Lag and load are remembered in steps of this.
const STEP: Millis = Millis::secs(10);
/// So many of them: what is asked for reaches back five minutes.
const STEPS: usize = 36;
/// Observations remembered: more than a window holds.
const OBSERVATIONS: usize = 256;
/// Runs and changes remembered: more than any budget counts.
const RUNS: usize = 256;

/// A change that was commanded.
#[derive(Clone, Debug)]
pub struct Done {
    pub at: Timestamp,
    pub run: RunId,
    pub purpose: Purpose,
    /// Position of a vertex, what it had, what it is to have.
    pub vertices: Vec<(usize, u32, u32)>,
    /// What truly arrived at the job then, records/s.
    pub arriving: f64,
}

/// A run, as its commands and records tell it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub purpose: Purpose,
    /// Bounds before, where they are said.
    pub before: BTreeMap<Arc<str>, Bounds>,
    pub target: BTreeMap<Arc<str>, Bounds>,
    /// Positions of the vertices that change.
    pub changes: BTreeSet<usize>,
    /// Checkpoints that had completed.
    pub checkpoints: u32,
    /// Some answer left open whether it was done.
    pub unclear: bool,
    pub accepted: bool,
    /// An undo was sent.
    pub undoing: bool,
    /// It was undone, and that was accepted.
    pub undone: bool,
    /// Its failure has been counted.
    pub failed: bool,
    pub over: bool,
}

/// The history of a job.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub parallelism: Vec<u32>,
    pub running: bool,
    /// Since when it runs, or does not.
    pub since: Timestamp,
    /// Since when it runs at this parallelism.
    pub sized_since: Timestamp,
    pub checkpoints: u32,
    pub completed_at: Timestamp,
    pub restarts: u32,
    rescales: u32,
    steps: VecDeque<(Timestamp, u64, f64)>,
    /// What arrived since the last step, and in how many ticks.
    came: (f64, u32),
    /// By vertex, every parallelism at which it has run.
    pub ran: BTreeSet<(usize, u32)>,
    /// When it was shown, and what it looked like.
    observed: VecDeque<(Timestamp, u64)>,
    /// Whether the newest answer was none.
    pub unread: bool,
    pub ids: Vec<Arc<str>>,
    pub slots: Option<Slots>,
    pub runs: BTreeMap<RunId, Seen>,
    pub done: VecDeque<Done>,
    /// What was last asked for, and when.
    pub asked: Option<(Timestamp, Vec<u32>)>,
    /// Attempts that failed: down, which vertices, when.
    pub failed: Vec<(bool, BTreeSet<usize>, Timestamp)>,
    /// It is stopped by us since then.
    pub stopped: Option<Timestamp>,
}

impl History {
    pub fn new(began: Timestamp, facts: &JobFacts) -> History {
        History {
            since: began,
            sized_since: began,
            completed_at: began,
            parallelism: facts.parallelism.clone(),
            running: true,
            ..History::default()
        }
    }

    /// Takes a tick in; true when the job failed in it.
    pub fn tick(&mut self, at: Timestamp, truth: &JobTruth) -> bool {
        let (restarted, rescaled) = (truth.restarts != self.restarts, truth.rescales != self.rescales);
        let failures = truth.restarts.saturating_sub(self.restarts) > truth.rescales.saturating_sub(self.rescales);
        if truth.running != self.running || restarted || rescaled {
            self.since = at;
        }
        if truth.parallelism != self.parallelism || restarted || rescaled {
            self.sized_since = at;
            self.parallelism.clone_from(&truth.parallelism);
        }
        if truth.running && self.since == at || self.ran.is_empty() {
            self.ran.extend(truth.parallelism.iter().copied().enumerate());
        }
        (self.running, self.restarts, self.rescales) = (truth.running, truth.restarts, truth.rescales);
        if truth.checkpoints != self.checkpoints {
            (self.checkpoints, self.completed_at) = (truth.checkpoints, at);
        }
        self.remember(at, truth);
        failures
    }

    fn remember(&mut self, at: Timestamp, truth: &JobTruth) {
        self.came.0 += truth.arriving;
        self.came.1 += 1;
        if self.steps.back().is_some_and(|s| at.since(s.0) < STEP) {
            return;
        }
        let (sum, ticks) = std::mem::take(&mut self.came);
        self.steps.push_back((at, truth.lag.0, sum / f64::from(ticks)));
        if self.steps.len() > STEPS {
            self.steps.pop_front();
        }
    }

    /// The lag as it was then, to ten seconds.
    pub fn lag(&self, at: Timestamp) -> Option<u64> {
        self.steps.iter().rev().find(|s| s.0 <= at).map(|s| s.1)
    }

    /// What arrived in the last so long, on average.
    pub fn arriving(&self, at: Timestamp, within: Millis) -> f64 {
        let recent = self.steps.iter().rev().take_while(|s| at.since(s.0) <= within).map(|s| s.2);
        let (sum, n) = recent.fold((0.0, 0), |(sum, n), rate| (sum + rate, n + 1));
        if n == 0 { 0.0 } else { sum / f64::from(n) }
    }

    /// Takes in what was shown of it.
    pub fn shown(&mut self, at: Timestamp, seen: &Observation) {
        if self.ids.is_empty() {
            // The first look tells since when it has run.
            self.since = seen.running_since.unwrap_or(self.since).min(self.since);
            self.sized_since = self.since;
            self.completed_at = seen
                .checkpoints
                .as_ref()
                .and_then(|c| c.last_completed)
                .unwrap_or(self.completed_at)
                .min(self.completed_at);
        }
        if self.ids.len() != seen.graph.vertices.len() {
            self.ids = seen.graph.vertices.iter().map(|v| v.id.clone()).collect();
        }
        self.slots = seen.slots;
        self.unread = false;
        self.observed.push_back((at, looks(seen)));
        if self.observed.len() > OBSERVATIONS {
            self.observed.pop_front();
        }
    }

    /// Observations since then of which each looks other than the one before.
    pub fn news(&self, since: Timestamp) -> usize {
        let mut news = 0;
        let mut before = None;
        for (_, looks) in self.observed.iter().filter(|o| o.0 >= since) {
            news += usize::from(before != Some(*looks));
            before = Some(*looks);
        }
        news
    }

    /// Upper bounds by position; what is not named stays as it runs.
    pub fn uppers(&self, target: &BTreeMap<Arc<str>, Bounds>) -> Vec<u32> {
        let upper = |(v, now): (usize, &u32)| self.ids.get(v).and_then(|id| target.get(id)).map_or(*now, |b| b.upper.0);
        self.parallelism.iter().enumerate().map(upper).collect()
    }

    /// Which vertices another size changes.
    pub fn changes(&self, target: &[u32]) -> Vec<(usize, u32, u32)> {
        let pairs = self.parallelism.iter().zip(target).enumerate();
        pairs.filter(|(_, (now, then))| now != then).map(|(v, (now, then))| (v, *now, *then)).collect()
    }

    pub fn keep(&mut self, run: RunId, seen: Seen, done: Done) {
        self.runs.insert(run, seen);
        while self.runs.len() > RUNS {
            self.runs.pop_first();
        }
        self.done.push_back(done);
        while self.done.len() > RUNS {
            self.done.pop_front();
        }
    }

    /// A run that is neither over nor known not to have been done.
    pub fn under_way(&self) -> usize {
        self.runs.values().filter(|r| !r.over).count()
    }
}

/// A hash over the counters: two answers that look the same tell one thing.
fn looks(seen: &Observation) -> u64 {
    let sums = seen.samples.iter().filter(|s| s.key.agg == Some(Agg::Sum));
    sums.fold(0xcbf2_9ce4_8422_2325_u64, |h, s| (h ^ s.value.to_bits()).wrapping_mul(0x0100_0000_01b3))
}
