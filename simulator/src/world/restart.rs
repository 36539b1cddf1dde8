//! Restart strategies: how long after a failure Flink tries again, and when it gives up.

use crate::scenario::Restart;
use std::collections::VecDeque;

/// Failures remembered for a failure rate; a strategy that allows more in its interval never gives up.
const MAX_RECENT: usize = 1_000;

/// Where a strategy stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Backoff {
    current: Option<f64>,
    last: Option<i64>,
    attempts: u32,
    recent: VecDeque<i64>,
}

impl Backoff {
    /// A failure at `at`: how many ms until the next attempt is begun; `None`: the job has failed for good.
    pub fn next(&mut self, strategy: &Restart, at: i64) -> Option<i64> {
        let last = self.last.replace(at);
        match strategy {
            Restart::Exponential { initial, max, multiplier, reset } => {
                let before = self.current.filter(|current| {
                    let quiet = at - last.unwrap_or(at);
                    (quiet as f64) < reset.0 as f64 + current
                });
                let next = before.map_or(initial.0 as f64, |b| (b * multiplier).min(max.0 as f64));
                self.current = Some(next);
                Some(next as i64)
            }
            Restart::Fixed { delay, attempts } => {
                self.attempts += 1;
                (self.attempts <= *attempts).then_some(delay.0 as i64)
            }
            Restart::Rate { delay, failures, per } => {
                self.recent.push_back(at);
                while self.recent.len() > MAX_RECENT || self.recent.front().is_some_and(|t| at - t > per.0 as i64) {
                    self.recent.pop_front();
                }
                (self.recent.len() as u64 <= u64::from(*failures)).then_some(delay.0 as i64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weirkeeper_core::units::Millis;

    #[test]
    fn an_exponential_delay_grows_and_is_forgotten_after_an_hour() {
        let strategy = Restart::Exponential {
            initial: Millis::secs(1),
            max: Millis::secs(60),
            multiplier: 1.5,
            reset: Millis::hours(1),
        };
        let mut backoff = Backoff::default();
        let delays: Vec<i64> = (0..13).filter_map(|i| backoff.next(&strategy, i * 60_000)).collect();
        assert_eq!(&delays[..4], [1_000, 1_500, 2_250, 3_375]);
        assert_eq!(delays[12], 60_000, "1.5^12 is 129 s, capped");
        assert_eq!(backoff.next(&strategy, 12 * 60_000 + 3_600_000), Some(60_000), "60 s short of the threshold");
        assert_eq!(backoff.next(&strategy, 12 * 60_000 + 2 * 3_600_000 + 60_000), Some(1_000));
    }

    #[test]
    fn the_others_give_up() {
        let fixed = Restart::Fixed { delay: Millis::secs(10), attempts: 2 };
        let mut backoff = Backoff::default();
        let tries: Vec<_> = (0..3).map(|i| backoff.next(&fixed, i)).collect();
        assert_eq!(tries, [Some(10_000), Some(10_000), None]);
        let rate = Restart::Rate { delay: Millis::secs(1), failures: 2, per: Millis::secs(60) };
        let mut backoff = Backoff::default();
        let tries: Vec<_> = [0, 30, 95, 100, 110].map(|s| backoff.next(&rate, s * 1_000)).into();
        assert_eq!(tries, [Some(1_000), Some(1_000), Some(1_000), Some(1_000), None], "three within 60 s");
    }
}
