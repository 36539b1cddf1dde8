//! Weirkeeper: the shell around `weirkeeper-core`.

pub mod api;
pub mod args;
pub mod clock;
pub mod flink;
pub mod flink_url;
pub mod logging;
pub mod metrics;
pub mod run;
pub mod settings;
pub mod store;
