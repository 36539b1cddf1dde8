//! The metric window: what counts, from when, and when it is full.

use super::options::Options;
use std::collections::BTreeMap;

/// Samples by time (milliseconds).
#[derive(Clone, Debug)]
pub struct Window<T> {
    samples: BTreeMap<i64, T>,
}

impl<T> Default for Window<T> {
    fn default() -> Window<T> {
        Window { samples: BTreeMap::new() }
    }
}

/// Where collection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Too soon after the job came to run.
    Stabilizing,
    /// The window is not full.
    Filling,
    /// Decide.
    Full,
}

impl<T> Window<T> {
    /// Adds a sample. A job that came to run after the oldest sample drops them all.
    pub fn add(&mut self, now: i64, running_since: i64, sample: T, options: &Options) -> Phase {
        if self.samples.keys().next().is_some_and(|first| running_since > *first) {
            self.samples.clear();
        }
        let stable = running_since + options.stabilization.0 as i64;
        let length = options.metrics_window.0 as i64;
        let first = self.samples.range(stable..).next().map_or(now, |(t, _)| *t);
        self.samples.insert(now, sample);
        if now < stable {
            return Phase::Stabilizing;
        }
        if now < first + length {
            return Phase::Filling;
        }
        self.samples = self.samples.split_off(&(now - length));
        Phase::Full
    }

    /// The samples.
    pub fn samples(&self) -> &BTreeMap<i64, T> {
        &self.samples
    }
}
