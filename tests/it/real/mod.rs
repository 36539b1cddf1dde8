//! Scenarios on a real Flink: what Weirkeeper promises, shown on a cluster with a job whose load is known exactly.
//!
//! `cargo test -p weirkeeper-tests -- real::` runs them all; each writes a timeline to `target/scenarios/NAME-FLINK.md`.
//!
//! The harness, for whoever adds a scenario:
//!
//! - a scenario is `fn(&Stage) -> Result<()>` in a module of its own, and a line in [`trials`] per Flink line;
//! - [`stage::Stage`]: `submit` gives a [`job::Job`], `controller` a [`controller::Controller`] with the scenarios'
//!   policy; Weirkeeper goes through `stage.proxy`, which counts and spoils requests; `stage.timeline` takes notes,
//!   `stage.seconds` a figure for the end of the run;
//! - a cluster ([`cluster::Cluster`]: 2 TaskManagers with 4 slots each) is lent to one scenario at a time and goes back
//!   when it ends; one that cannot be cleaned (`cluster.spoil()`) is stopped;
//! - [`watch::Watch`] notes every change of what runs; [`wait::eventually`] waits for what must come;
//! - never assert seconds: assert the order of events, numbers of requests and sizes, and report the seconds.

mod byhand;
mod cluster;
mod controller;
mod crash;
mod hotkey;
mod http;
mod job;
mod kafka;
mod kafka_outage;
mod kafka_overload;
mod measure;
mod prometheus;
mod proxy;
mod recommend;
mod redeploy;
mod restart;
mod session;
mod slots;
mod stage;
mod steps;
mod taskmanager;
mod timeline;
mod wait;
mod watch;
mod worse;

pub use cluster::{reap, stop_all};
pub use controller::{Controller, policy};
pub use http::{get, runtime};
pub use stage::tell_figures;
pub use timeline::Timeline;
pub use wait::within;

use libtest_mimic::Trial;
use stage::{kafka_scenario, prometheus_scenario, scenario, scenario_on};

/// The newer line.
const FLINK_2: &str = "2.2.1";
/// The older line.
const FLINK_1: &str = "1.20.5";

/// The trials of this area, the longest first: they run side by side.
pub fn trials() -> Vec<Trial> {
    vec![
        scenario("steps", FLINK_2, steps::up_and_down),
        scenario("steps", FLINK_1, steps::up_and_down),
        scenario("session", FLINK_2, session::served_as_before),
        kafka_scenario("kafka-outage", FLINK_2, kafka_outage::nothing_moves),
        kafka_scenario("kafka-outage", FLINK_1, kafka_outage::nothing_moves),
        scenario("crash", FLINK_2, crash::one_terminal_state),
        scenario("crash", FLINK_1, crash::one_terminal_state),
        scenario("worse", FLINK_2, worse::undone_once),
        scenario("restart", FLINK_2, restart::survived),
        scenario_on("redeploy", FLINK_1, &["jobmanager.scheduler=Default"], redeploy::by_savepoint),
        scenario_on("redeploy", FLINK_2, &["jobmanager.scheduler=Default"], redeploy::by_savepoint_2),
        kafka_scenario("kafka-overload", FLINK_2, kafka_overload::right_size_at_once),
        scenario("slots", FLINK_2, slots::short_of),
        scenario("slots", FLINK_1, slots::short_of),
        scenario("by-hand", FLINK_2, byhand::respected),
        scenario("taskmanager", FLINK_2, taskmanager::lost),
        scenario("taskmanager", FLINK_1, taskmanager::lost),
        scenario("hot-key", FLINK_2, hotkey::told_not_scaled),
        prometheus_scenario("prometheus", FLINK_2, prometheus::same_as_rest),
        scenario("recommend", FLINK_2, recommend::same_but_nothing_moves),
        // Commands rather than tests: `-- --ignored real::measure`.
        scenario("measure-2s", FLINK_2, measure::short_2s).with_ignored_flag(true),
        scenario("measure-5s", FLINK_2, measure::short_5s).with_ignored_flag(true),
        scenario("measure-defaults", FLINK_2, measure::defaults).with_ignored_flag(true),
    ]
}
