//! Steps of the load, and how many changes of size it takes to answer one.

use serde::Serialize;

/// The load of a minute against the mean of the five before it: beyond this share it has stepped.
const STEP: f64 = 0.3;
/// Minutes that are compared with, and within which a second step is the same one.
const BEFORE: usize = 5;
/// Minutes after a step in which changes of size count as its answer.
const ANSWER: u32 = 30;

/// Figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Settling {
    /// Steps of the load.
    pub steps: u32,
    /// Changes of size after a step, on average.
    pub mean: Option<f64>,
    /// The most after one step.
    pub most: u32,
    #[serde(skip)]
    changes: u32,
}

/// Follows the load.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    before: Vec<f64>,
    since: Option<u32>,
    now: u32,
    figures: Settling,
}

impl Steps {
    /// A minute's mean load, records/s. True: it has stepped.
    pub fn minute(&mut self, load: f64) -> bool {
        self.since = self.since.map(|m| m + 1).filter(|m| *m < ANSWER);
        let mean = self.before.iter().sum::<f64>() / self.before.len().max(1) as f64;
        let stepped = self.before.len() == BEFORE && (load - mean).abs() > STEP * mean.max(f64::MIN_POSITIVE);
        if stepped {
            self.figures.steps += 1;
            self.since = Some(0);
            self.now = 0;
            self.before.clear();
        } else if self.before.len() == BEFORE {
            self.before.remove(0);
        }
        self.before.push(load);
        stepped
    }

    /// A change of size.
    pub fn change(&mut self) {
        if self.since.is_some() {
            self.now += 1;
            self.figures.changes += 1;
            self.figures.most = self.figures.most.max(self.now);
        }
    }

    /// Figures.
    pub fn figures(&self) -> Settling {
        let f = self.figures;
        Settling { mean: (f.steps > 0).then(|| f64::from(f.changes) / f64::from(f.steps)), ..f }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_within_half_an_hour_of_a_step_are_its_answer() {
        let mut steps = Steps::default();
        (0..10).for_each(|_| assert!(!steps.minute(100.0)));
        steps.change();
        assert!(steps.minute(400.0));
        assert!(!steps.minute(400.0));
        steps.change();
        steps.change();
        (0..40).for_each(|_| assert!(!steps.minute(400.0)));
        steps.change();
        assert!(steps.minute(100.0));
        steps.change();
        let f = steps.figures();
        assert_eq!((f.steps, f.mean, f.most), (2, Some(1.5), 2));
    }

    #[test]
    fn a_slow_ramp_is_no_step() {
        let mut steps = Steps::default();
        let mut load = 100.0;
        for _ in 0..200 {
            assert!(!steps.minute(load));
            load *= 1.05;
        }
    }
}
