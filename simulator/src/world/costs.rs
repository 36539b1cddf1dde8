//! What restarts cost, as measured on real systems. A scenario may say otherwise for each that it has a field for.

use crate::scenario::Mechanism;
use weirkeeper_core::units::Millis;

/// Pause of a rescale in place with free slots and little state: 0.2 to 1.4 s on Flink 1.20.5 and 2.2.1, 20 rescales.
pub const IN_PLACE: Millis = Millis(800);
/// Further pause per gigabyte of state: 5 to 25 s were measured with gigabytes.
pub const IN_PLACE_PER_GB: Millis = Millis::secs(5);
/// The most of that.
pub const IN_PLACE_MOST: Millis = Millis::secs(25);
/// Reactive mode: 7 to 13 s, median of published runs.
pub const REACTIVE: Millis = Millis::secs(10);
/// Redeploy from a savepoint: 61 to 93 s, median of published runs.
pub const REDEPLOY: Millis = Millis::secs(77);
/// Restart after a failure of a task, besides its back-off: deploying and restoring little state (Flink 2.2.1: gaps
/// between the failures of a restart loop are its back-off and 0.2 s).
pub const RESTART: Millis = Millis(200);
/// A TaskManager's start: a rescale that needed new ones took 12 s in all.
pub const START_UP: Millis = Millis::secs(10);
/// `heartbeat.timeout`, Flink's default.
pub const HEARTBEAT_TIMEOUT: Millis = Millis::secs(50);
/// Cool-down after a rescale, Flink's default (both lines).
pub const RESCALE_COOLDOWN: Millis = Millis::secs(30);
/// Share of full capacity right after a restart (cold RocksDB caches), and how long until it is warm: measured on
/// Nexmark jobs as a ramp from a half to all of it within a minute.
pub const COLD_CAPACITY: f64 = 0.5;
/// See [`COLD_CAPACITY`].
pub const WARM_UP: Millis = Millis::secs(60);

/// The pause of a rescale of a job with that much state, where a scenario does not say.
pub fn rescale_pause(mechanism: Mechanism, state_bytes: f64) -> Millis {
    match mechanism {
        Mechanism::InPlace => {
            let by_state = Millis::from_secs(IN_PLACE_PER_GB.as_secs() * state_bytes.max(0.0) / 1e9);
            IN_PLACE + by_state.min(IN_PLACE_MOST)
        }
        Mechanism::Reactive => REACTIVE,
        Mechanism::Redeploy => REDEPLOY,
    }
}

/// A TaskManager that was killed counts as lost after this share of `heartbeat.timeout`: two heartbeats
/// (`heartbeat.rpc-failure-threshold`) of a fifth of it each. With it the pauses measured after a kill come out: 34 s by
/// default (20 s, the rest of a back-off, and 10 s of waiting for slots), 11 to 14 s at 2 s / 8 s.
pub(super) const LOST_AFTER: f64 = 0.4;
/// How long a job that has fewer slots than it wants waits for more before it starts
/// (`jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout`).
pub(super) const STABILIZATION: i64 = 10_000;
/// And one that runs, before it takes less than it wants (measured: 60.2 s when 64 of 10 possible were asked for).
pub(super) const EXECUTING_STABILIZATION: i64 = 60_000;
/// Without a completed checkpoint Flink 2.x rescales after so many failed ones (`rescale-trigger.max-checkpoint-failures`).
pub(super) const FAILED_CHECKPOINTS: u32 = 2;
/// A task that throws whenever it runs does so with its first record.
pub(super) const THROWS_AFTER: i64 = 10;
/// A deployment on a TaskManager that is dead and not known to be fails about so late.
pub(super) const UNREACHABLE_AFTER: i64 = 500;
/// A source notices dead brokers when it looks for new partitions (`partition.discovery.interval.ms`, 5 minutes) ...
pub(super) const DISCOVERY: i64 = 300_000;
/// ... and its request times out (`default.api.timeout.ms`): a restart loop on a dead broker has cycles of 61.5 s, 60 s
/// of which the job runs (measured).
pub(super) const API_TIMEOUT: i64 = 60_000;
/// An idle TaskManager is released after this (`slotmanager.taskmanager-timeout`).
pub(super) const IDLE_TASK_MANAGER: i64 = 30_000;
/// Bytes of a record in a network buffer, for what an unaligned checkpoint writes of them.
pub(super) const RECORD_BYTES: f64 = 100.0;
/// Heap in use without any state: code, buffers, young objects.
pub(super) const HEAP_BASE: f64 = 0.25;
/// A client gives up on a call that is not answered after this.
pub(super) const CALL_TIMEOUT: i64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_with_the_state() {
        assert_eq!(rescale_pause(Mechanism::InPlace, 1e6), Millis(805));
        assert_eq!(rescale_pause(Mechanism::InPlace, 2e9), Millis(10_800));
        assert_eq!(rescale_pause(Mechanism::InPlace, 1e12), Millis(25_800));
        assert_eq!(rescale_pause(Mechanism::Redeploy, 1e9), REDEPLOY);
    }
}
