//! Weirkeeper: the shell around `weirkeeper-core`.

pub mod api;
pub mod args;
pub mod cli;
pub mod client;
pub mod clock;
pub mod cmd_check;
pub mod cmd_schema;
pub mod cmd_test;
pub mod exit;
pub mod flink;
pub mod import;
pub mod logging;
pub mod metrics;
pub mod policies;
pub mod policy;
pub mod prometheus;
pub mod recommend;
pub mod record;
pub mod recording_file;
pub mod replay;
pub mod run;
pub mod scenario;
pub mod settings;
pub mod show;
pub mod simulate;
pub mod store;
