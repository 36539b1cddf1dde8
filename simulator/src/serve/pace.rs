//! The world's clock and the reader's. At speed N everything happens N times as fast: the reader's clock is the true
//! one, and every span, rate and time of day that is served is what that clock would measure.

use crate::world::BEGAN;

/// How the two clocks go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// When the world began, ms of the reader's clock.
    began: i64,
    /// Seconds of the world in one of the reader's.
    speed: f64,
}

impl Pace {
    /// The world began at `began`, ms of the reader's clock. A speed that is no positive number counts as 1.
    pub fn new(began: i64, speed: f64) -> Pace {
        let usable = speed.is_finite() && speed > 0.0;
        Pace { began, speed: if usable { speed } else { 1.0 } }
    }

    /// Time of the world, ms, when the reader's clock says `now`.
    pub fn world(&self, now: i64) -> i64 {
        BEGAN.0.saturating_add(((now - self.began).max(0) as f64 * self.speed) as i64)
    }

    /// What the reader's clock said then.
    pub fn at(&self, world: i64) -> i64 {
        self.began + self.span(world - BEGAN.0)
    }

    /// A span of the world, in ms of the reader's clock.
    pub fn span(&self, world: i64) -> i64 {
        self.time(world as f64) as i64
    }

    /// The same, not rounded.
    pub fn time(&self, world: f64) -> f64 {
        world / self.speed
    }

    /// Something per second.
    pub fn rate(&self, world: f64) -> f64 {
        world * self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_ten_times_the_speed_a_minute_takes_six_seconds() {
        let pace = Pace::new(1_000, 10.0);
        assert_eq!((pace.world(1_000), pace.world(7_000)), (BEGAN.0, BEGAN.0 + 60_000));
        assert_eq!((pace.at(BEGAN.0 + 60_000), pace.span(60_000)), (7_000, 6_000));
        assert_eq!((pace.rate(5.0), pace.time(25.0)), (50.0, 2.5));
        assert_eq!(pace.world(0), BEGAN.0, "before it began it stands");
        assert_eq!(Pace::new(0, f64::NAN), Pace::new(0, 1.0));
    }
}
