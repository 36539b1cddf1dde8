//! How large a job should be. Pure arithmetic over what was observed and what was learned; gates come after it.
//!
//! The order is that of the design: evidence, lag, demand, capacity, what scaling cannot fix, the plan, room, worth.

pub mod advice;
pub mod burst;
pub mod capacity;
pub mod demand;
mod down;
pub mod edges;
pub mod evidence;
pub mod flow;
pub mod grain;
mod hindrance;
mod need;
pub mod obstacles;
pub mod plan;
pub mod room;
pub mod stats;
mod up;
mod work;
pub mod worth;

pub use advice::{Advice, Case, Direction, VertexView, advise};
