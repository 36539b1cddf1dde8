//! Weirkeeper: the shell around `weirkeeper-core`.

pub mod flink;
