//! Reads Flink's metrics from a Prometheus that scrapes Flink's own reporter: the same series as through REST, for all jobs
//! in a few queries.

mod assemble;
mod client;
mod live;
mod names;
mod queries;

pub use assemble::{Assembler, Feed};
pub use client::{Client, Series};
pub use live::Live;
pub use names::mangle;
pub use queries::{Filter, Kind, all};

#[cfg(test)]
mod tests;
