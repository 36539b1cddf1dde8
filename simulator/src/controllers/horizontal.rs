//! Kubernetes' horizontal pod autoscaling: a recommendation is stabilized over a window, then held to a pace.
//!
//! Source: Kubernetes' documentation, "Horizontal Pod Autoscaling", with its defaults: tolerance 0.1; up at once, by the
//! larger of 4 pods and 100 % per 15 s; down to the largest recommendation of 5 minutes, by up to 100 % per 15 s.

use std::collections::VecDeque;
use weirkeeper_core::units::{Millis, Timestamp};

/// How much may change within a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many replicas.
    Replicas(u32),
    /// So many percent of what there was at the start of the period.
    Percent(u32),
}

/// `policies` of a direction: the most generous counts (`selectPolicy: Max`).
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// `stabilizationWindowSeconds`.
    pub stabilization: Millis,
    /// `policies`, each over a period.
    pub policies: Vec<(Amount, Millis)>,
}

/// `behavior`, tolerance and bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// A ratio of 1 give or take this changes nothing.
    pub tolerance: f64,
    /// Scaling up.
    pub up: Pace,
    /// Scaling down.
    pub down: Pace,
    /// `minReplicas`.
    pub min: u32,
    /// `maxReplicas`.
    pub max: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        let period = Millis::secs(15);
        Rules {
            tolerance: 0.1,
            up: Pace {
                stabilization: Millis(0),
                policies: vec![(Amount::Replicas(4), period), (Amount::Percent(100), period)],
            },
            down: Pace { stabilization: Millis::secs(300), policies: vec![(Amount::Percent(100), period)] },
            min: 1,
            // It must be given in Kubernetes; here what a vertex and the cluster can use bounds it anyway.
            max: 200,
        }
    }
}

/// What it remembers of one workload.
#[derive(Clone, Debug, Default)]
pub struct Horizontal {
    recommended: VecDeque<(Timestamp, u32)>,
    changes: VecDeque<(Timestamp, i64)>,
}

/// Replicas for a metric that is `ratio` times its target, where `measured` replicas were measured.
pub fn wanted(measured: u32, ratio: f64, tolerance: f64) -> u32 {
    if !ratio.is_finite() || (ratio - 1.0).abs() <= tolerance {
        return measured;
    }
    (ratio * f64::from(measured)).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

impl Horizontal {
    /// From a recommendation to what is asked for now, out of `current`.
    pub fn decide(&mut self, now: Timestamp, current: u32, wanted: u32, rules: &Rules) -> u32 {
        let steady = self.stabilize(now, current, wanted, rules);
        let paced = self.pace(now, current, steady, rules).clamp(rules.min, rules.max.max(rules.min));
        if paced != current {
            self.changes.push_back((now, i64::from(paced) - i64::from(current)));
        }
        paced
    }

    fn stabilize(&mut self, now: Timestamp, current: u32, wanted: u32, rules: &Rules) -> u32 {
        let longest = rules.up.stabilization.max(rules.down.stabilization);
        while self.recommended.front().is_some_and(|(t, _)| now.since(*t) >= longest) {
            self.recommended.pop_front();
        }
        let within = |window: Millis| self.recommended.iter().filter(move |(t, _)| now.since(*t) < window);
        let up = within(rules.up.stabilization).map(|r| r.1).fold(wanted, u32::min);
        let down = within(rules.down.stabilization).map(|r| r.1).fold(wanted, u32::max);
        self.recommended.push_back((now, wanted));
        current.max(up).min(down)
    }

    fn pace(&mut self, now: Timestamp, current: u32, steady: u32, rules: &Rules) -> u32 {
        let longest = rules.up.policies.iter().chain(&rules.down.policies).map(|p| p.1).max().unwrap_or_default();
        while self.changes.front().is_some_and(|(t, _)| now.since(*t) >= longest) {
            self.changes.pop_front();
        }
        let start = |period: Millis| {
            let changed: i64 = self.changes.iter().filter(|(t, _)| now.since(*t) < period).map(|c| c.1).sum();
            u32::try_from(i64::from(current) - changed).unwrap_or(0)
        };
        let up = |(amount, period): &(Amount, Millis)| match amount {
            Amount::Replicas(n) => start(*period).saturating_add(*n),
            Amount::Percent(n) => (u64::from(start(*period)) * u64::from(100 + n)).div_ceil(100) as u32,
        };
        let down = |(amount, period): &(Amount, Millis)| match amount {
            Amount::Replicas(n) => start(*period).saturating_sub(*n),
            Amount::Percent(n) => (u64::from(start(*period)) * u64::from(100 - (*n).min(100)) / 100) as u32,
        };
        if steady > current {
            steady.min(rules.up.policies.iter().map(up).max().unwrap_or(steady).max(current))
        } else {
            steady.max(rules.down.policies.iter().map(down).min().unwrap_or(steady).min(current))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds as i64 * 1_000)
    }

    #[test]
    fn a_tenth_off_is_left_alone() {
        assert_eq!(wanted(10, 1.09, 0.1), 10);
        assert_eq!(wanted(10, 0.91, 0.1), 10);
        assert_eq!(wanted(10, 1.11, 0.1), 12); // 11.1, rounded up
        assert_eq!(wanted(10, 0.5, 0.1), 5);
    }

    #[test]
    fn up_doubles_or_adds_four_per_15_s() {
        let (mut h, rules) = (Horizontal::default(), Rules::default());
        assert_eq!(h.decide(at(0), 1, 40, &rules), 5); // 1 + 4
        assert_eq!(h.decide(at(14), 5, 40, &rules), 5); // the period began at 1
        assert_eq!(h.decide(at(15), 5, 40, &rules), 10); // twice 5
        assert_eq!(h.decide(at(30), 10, 40, &rules), 20);
        assert_eq!(h.decide(at(45), 20, 40, &rules), 40);
    }

    #[test]
    fn down_waits_for_the_largest_of_five_minutes() {
        let (mut h, rules) = (Horizontal::default(), Rules::default());
        assert_eq!(h.decide(at(0), 10, 10, &rules), 10);
        assert_eq!(h.decide(at(15), 10, 4, &rules), 10);
        assert_eq!(h.decide(at(30), 10, 6, &rules), 10);
        // The 10 is five minutes old; of what is left, 6 is the largest.
        assert_eq!(h.decide(at(300), 10, 4, &rules), 6);
        assert_eq!(h.decide(at(330), 6, 4, &rules), 4);
    }

    #[test]
    fn bounds_hold() {
        let rules = Rules { min: 2, max: 8, ..Rules::default() };
        let mut h = Horizontal::default();
        assert_eq!(h.decide(at(0), 6, 100, &rules), 8);
        assert_eq!(Horizontal::default().decide(at(0), 6, 0, &rules), 2);
    }

    #[test]
    fn a_stabilized_scale_up_takes_the_smallest() {
        let mut rules = Rules::default();
        rules.up.stabilization = Millis::secs(60);
        let mut h = Horizontal::default();
        assert_eq!(h.decide(at(0), 2, 2, &rules), 2);
        assert_eq!(h.decide(at(30), 2, 6, &rules), 2);
        assert_eq!(h.decide(at(60), 2, 5, &rules), 5); // of 6 and 5
    }
}
