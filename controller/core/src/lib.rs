//! Decides how an Apache Flink job should be sized. One function, [`step`]: events in, effects out. It does no I/O and
//! reads no clock, environment or random number; the same events give the same effects, everywhere.

pub mod calendar;
pub mod decision;
pub mod effect;
pub mod event;
pub mod glob;
pub mod job;
pub mod observation;
pub mod policy;
pub mod reason;
mod reason_text;
pub mod select;
pub mod series;
pub mod state;
pub mod units;

pub use state::{Config, State};
use units::Timestamp;

/// The heart: takes what happened, updates the state, and says what is to be done.
pub fn step(config: &Config, state: &mut State, at: Timestamp, event: &event::Event) -> Vec<effect::Effect> {
    let _ = (config, state, at, event);
    Vec::new()
}
