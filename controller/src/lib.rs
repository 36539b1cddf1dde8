//! Weirkeeper: the shell around `weirkeeper-core`.

pub mod clock;
pub mod flink;
pub mod metrics;
pub mod run;
pub mod store;
