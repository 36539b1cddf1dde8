//! The wall clock, and whether it can be trusted: it may be set while we run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weirkeeper_core::units::Timestamp;

/// NTP slews by less than this between two looks; a larger difference between the two clocks is a jump.
pub const JUMP: Duration = Duration::from_secs(2);

/// The wall clock, in milliseconds since the epoch.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Compares how far the wall clock and the monotonic clock have moved since the last look.
pub struct JumpDetector {
    wall: Timestamp,
    steady: Instant,
}

impl JumpDetector {
    /// From now on.
    pub fn new(wall: Timestamp, steady: Instant) -> JumpDetector {
        JumpDetector { wall, steady }
    }

    /// Whether the wall clock jumped, forth or back, since the last look.
    pub fn jumped(&mut self, wall: Timestamp, steady: Instant) -> bool {
        let by_wall = wall.0 - self.wall.0;
        let by_steady = i64::try_from(steady.duration_since(self.steady).as_millis()).unwrap_or(i64::MAX);
        (self.wall, self.steady) = (wall, steady);
        (by_wall - by_steady).unsigned_abs() > JUMP.as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_a_difference_between_the_two_clocks() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut clock = JumpDetector::new(Timestamp(1_000_000), start);
        assert!(!clock.jumped(Timestamp(1_005_000), at(5)), "both moved by 5 s");
        assert!(!clock.jumped(Timestamp(1_011_500), at(10)), "1.5 s is slewing");
        assert!(clock.jumped(Timestamp(1_076_500), at(15)), "an hour change or a suspended machine");
        assert!(!clock.jumped(Timestamp(1_081_500), at(20)), "said once");
        assert!(clock.jumped(Timestamp(1_000_000), at(25)), "set back");
    }
}
