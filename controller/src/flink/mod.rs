//! Apache Flink's REST API, 1.18 to 2.x: [`client`] talks, [`observer`] reads jobs into events, [`execute`] carries out
//! actions. What Flink answers is never trusted to be there, fresh, complete or of the right type.

pub mod answers;
mod attempt;
pub mod auth;
mod checkpoints;
pub mod client;
mod cluster;
pub mod endpoint;
pub mod error;
pub mod execute;
mod failure;
mod graph;
mod job;
pub(crate) mod names;
pub mod observer;
mod reading;
mod redeploy;
pub mod scrub;
mod series;
mod vertices;

pub use auth::{Auth, Secret, Tls};
pub use client::{ClientConfig, FlinkClient, Limits, Stats};
pub use error::FlinkError;
pub use execute::Executor;
pub use observer::{Clock, Observer, PollReport};

#[cfg(test)]
mod tests;
