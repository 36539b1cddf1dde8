//! Delayed scale-down: a vertex shrinks only after it has been told to for a whole interval, and then to the largest
//! size that was recommended within it.

use std::collections::VecDeque;

/// One recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// When, milliseconds.
    pub at: i64,
    /// Parallelism.
    pub parallelism: u32,
    /// The vertex was outside of its utilization band.
    pub outside: bool,
}

/// A scale-down that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delayed {
    /// When it was first called for.
    pub first: i64,
    /// Parallelism falls from front to back: what is smaller and older can never be the largest.
    falling: VecDeque<Recommendation>,
}

impl Delayed {
    /// Begins to wait.
    pub fn new(first: i64) -> Delayed {
        Delayed { first, falling: VecDeque::new() }
    }

    /// Adds a recommendation, in order of time.
    pub fn record(&mut self, recommendation: Recommendation) {
        while self.falling.back().is_some_and(|r| r.parallelism <= recommendation.parallelism) {
            self.falling.pop_back();
        }
        self.falling.push_back(recommendation);
    }

    /// The largest since `start`; what is older is forgotten.
    pub fn largest_since(&mut self, start: i64) -> Option<Recommendation> {
        while self.falling.front().is_some_and(|r| r.at < start) {
            self.falling.pop_front();
        }
        self.falling.front().copied()
    }
}
