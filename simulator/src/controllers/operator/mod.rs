//! The Flink Kubernetes Operator's autoscaler, restated from its documentation and its published algorithm.
//!
//! Pure functions first, then [`Operator`], a controller made of them. Here NaN means "not known" and infinity "nothing
//! came in", and numbers are rounded as Java rounds them: to decide as that project does is the point, and its own
//! tests are the measure (`tests/peer_vectors`). Nothing of this is used by Weirkeeper's own decisions.

pub mod align;
pub mod capacity;
pub mod controller;
pub mod delayed;
pub mod edges;
pub mod health;
pub mod job;
pub mod memory;
pub mod options;
pub mod partitions;
pub mod rates;
pub mod requirements;
pub mod restarts;
pub mod scalability;
pub mod slots;
pub mod vertex;
pub mod window;

pub use controller::Operator;
