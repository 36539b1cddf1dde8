//! Pretends to be Flink, so that Weirkeeper can be tried without a cluster.

pub mod fleet;
