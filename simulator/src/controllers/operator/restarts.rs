//! How long a restart is taken to last.

use super::options::Options;
use weirkeeper_core::units::Millis;

/// The longest that was tracked, up to the limit, where tracking is on and knows one; else the configured time.
pub fn restart_time(options: &Options, tracked: &[Millis]) -> Millis {
    let longest = tracked.iter().map(|t| Millis(t.0 / 1_000 * 1_000)).max();
    match longest.filter(|_| options.restart_tracking) {
        Some(t) => t.min(options.restart_tracking_limit),
        None => options.restart_time,
    }
}

/// Drops what is older than `age`, then the oldest beyond `count`; the newest always stays. `ages` newest first.
pub fn prune(ages: &[u64], age: u64, count: usize) -> usize {
    let young = ages.iter().filter(|a| **a <= age).count().min(count);
    if ages.is_empty() { 0 } else { young.max(1) }
}
