//! The capacity that a vertex must have, and the band in which nothing is done.

use super::options::Options;
use weirkeeper_core::units::Millis;

/// What is asked of a vertex.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Records/s that arrive, `TARGET_DATA_RATE`.
    pub target: f64,
    /// Records/s that clear the backlog within the catch-up time, `CATCH_UP_DATA_RATE`.
    pub catch_up: f64,
}

/// Rates between which a vertex is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// A true rate below it calls for more.
    pub scale_up: f64,
    /// A true rate above it calls for less.
    pub scale_down: f64,
}

/// Whole seconds, as that project counts spans of time here.
fn whole_secs(span: Millis) -> f64 {
    (span.0 / 1_000) as f64
}

/// Half up to a whole number; NaN is 0, as Java's `Math.round` has it.
fn round(v: f64) -> f64 {
    if v.is_nan() {
        return 0.0;
    }
    let floor = v.floor();
    let up = if v - floor >= 0.5 { floor + 1.0 } else { floor };
    up.clamp(i64::MIN as f64, i64::MAX as f64)
}

/// Capacity that serves `demand` at `utilization`: backlog, plus what a restart will pile up, plus the load itself.
pub fn required(demand: Demand, options: &Options, utilization: f64, restart: Option<Millis>) -> f64 {
    if demand.catch_up.is_nan() || demand.target.is_nan() {
        return f64::NAN;
    }
    let utilization = utilization.clamp(0.0, 1.0);
    if utilization == 0.0 {
        return f64::INFINITY;
    }
    let window = whole_secs(options.catch_up);
    let pause = restart.map_or(0.0, whole_secs);
    let after_restart = if window == 0.0 { 0.0 } else { demand.target * pause / window };
    round(demand.catch_up + after_restart + demand.target / utilization)
}

/// The band. While a backlog is worked off nothing is taken away, and full utilization is allowed.
pub fn band(demand: Demand, options: &Options, restart: Millis, backlog: bool) -> Band {
    let (upper, lower) = if backlog {
        (1.0, 0.0)
    } else {
        (
            options.max_utilization.unwrap_or(options.target + options.boundary),
            options.min_utilization.unwrap_or(options.target - options.boundary),
        )
    };
    Band {
        scale_up: required(demand, options, upper, None),
        scale_down: required(demand, options, lower, Some(restart)),
    }
}
