//! Pretends to be Flink, so that Weirkeeper can be tried without a cluster.

pub mod chaos;
pub mod controller;
pub mod controllers;
pub mod fit;
pub mod fleet;
pub mod invariants;
pub mod play;
pub mod recording;
pub mod replay;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod score;
pub mod serve;
pub mod tournament;
pub mod truth;
pub mod world;
