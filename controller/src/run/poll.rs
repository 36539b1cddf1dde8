//! One task per cluster: reads it every interval. A cluster that is dead delays only itself.

use crate::metrics::{ClusterLabels, Metrics};
use crate::run::input::{Inbox, Input};
use crate::run::world::Reader;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use weirkeeper_core::event::Event;
use weirkeeper_core::units::Timestamp;

/// How the reads of a cluster go.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// When it was last read as a whole.
    pub read_at: Option<Timestamp>,
    /// Why the newest read failed; absent: it did not, or there was none yet.
    pub failure: Option<String>,
    /// Reads that have ended.
    pub reads: u64,
    /// Reads that failed, since the last good one.
    pub failed_in_a_row: u64,
}

/// How the reads of a cluster go, shared with whoever asks.
#[derive(Clone, Debug, Default)]
pub struct SharedHealth(Arc<Mutex<Health>>);

impl SharedHealth {
    /// As it is now.
    pub fn get(&self) -> Health {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A read has ended.
    pub fn update(&self, result: &Result<(), String>, at: Timestamp) {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        health.reads += 1;
        health.failure = result.as_ref().err().cloned();
        health.failed_in_a_row = if result.is_ok() { 0 } else { health.failed_in_a_row + 1 };
        if result.is_ok() {
            health.read_at = Some(at);
        }
    }
}

/// Until a cluster has been read for the first time it is tried more often: someone is waiting.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// What a poll task needs.
pub struct Poller {
    /// The cluster's name.
    pub cluster: Arc<str>,
    /// How often.
    pub interval: Duration,
    /// To the loop.
    pub inbox: Inbox,
    /// Figures.
    pub metrics: Metrics,
    /// How it goes.
    pub health: SharedHealth,
}

impl Poller {
    /// Reads until told to stop, the first time at once. A read that takes longer than the interval delays the next.
    pub async fn run(self, mut reader: Box<dyn Reader>, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.changed() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                _ = stop.changed() => return,
                () = self.once(&mut *reader) => {}
            }
            if self.health.get().read_at.is_none() {
                ticks.reset_after(self.interval.min(FIRST_RETRY));
            }
        }
    }

    async fn once(&self, reader: &mut dyn Reader) {
        let started = Instant::now();
        let result = self.stream(reader).await;
        let labels = ClusterLabels { cluster: self.cluster.to_string() };
        self.metrics.scrape.get_or_create(&labels).observe(started.elapsed().as_secs_f64());
        if result.is_err() {
            self.metrics.scrape_failures.get_or_create(&labels).inc();
        }
        self.say_once(&result);
        self.health.update(&result, crate::clock::now());
    }

    /// Passes events on as they come up: one job whose calls hang does not hold back the others. The unbounded
    /// channel holds at most one read's events, because the next read waits for the forwarding of this one.
    async fn stream(&self, reader: &mut dyn Reader) -> Result<(), String> {
        let (sender, mut receiver) = mpsc::unbounded_channel::<(Timestamp, Event)>();
        let reading = async {
            let sink = |event| drop(sender.send((crate::clock::now(), event)));
            let result = reader.read(&sink).await;
            drop(sender);
            result
        };
        let forwarding = async {
            while let Some((at, event)) = receiver.recv().await {
                if self.inbox.send_at(at, Input::Event(event)).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(reading, forwarding).0
    }

    /// A dead cluster is said once, and once more when it is back.
    fn say_once(&self, result: &Result<(), String>) {
        let before = self.health.get();
        let cluster = &*self.cluster;
        match result {
            Err(why) if before.failed_in_a_row == 0 => {
                tracing::warn!(cluster, why, "the cluster cannot be read; trying again every interval");
            }
            Ok(()) if before.failed_in_a_row > 0 => {
                tracing::info!(cluster, failed = before.failed_in_a_row, "the cluster can be read again");
            }
            Ok(()) if before.reads == 0 => tracing::info!(cluster, "reading the cluster"),
            _ => {}
        }
    }
}
