//! The heartbeat: time passes for the core also when nothing else happens.

use crate::clock::{self, JumpDetector};
use crate::run::input::{Inbox, Input};
use crate::run::killswitch;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use weirkeeper_core::event::KillSwitch;

/// At least every 5 s: deadlines of runs, and the kill switch, are not looked at less often, whatever the interval.
pub const SLOWEST: Duration = Duration::from_secs(5);

/// The present tick, with the state of the kill switch where there is one.
pub fn tick(switch: Option<&Path>) -> Input {
    Input::Tick(switch.map_or(KillSwitch::Off, killswitch::read))
}

/// Ticks until told to stop.
pub async fn run(interval: Duration, switch: Option<PathBuf>, inbox: Inbox, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(interval.min(SLOWEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut jumps = JumpDetector::new(clock::now(), Instant::now());
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        if jumps.jumped(clock::now(), Instant::now()) && inbox.send(Input::ClockJumped).await.is_err() {
            return;
        }
        if inbox.send(tick(switch.as_deref())).await.is_err() {
            return;
        }
    }
}
