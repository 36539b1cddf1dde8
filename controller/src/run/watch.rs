//! Puts the parts together: pollers, ticker, the loop on its thread, and their orderly end. `run` and `recommend` share it.

use crate::api::ApiCluster;
use crate::metrics::Metrics;
use crate::run::act::Dispatcher;
use crate::run::engine::Engine;
use crate::run::input::{Inbox, Input};
use crate::run::poll::{Poller, SharedHealth};
use crate::run::world::{Executor, Reader};
use crate::run::{mainloop, tick};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Actions that are under way when we are told to stop get this long; what came of the others is asked at the next start.
const LAST_ACTIONS: Duration = Duration::from_secs(10);

/// A cluster to watch.
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// Who reads it.
    pub reader: Box<dyn Reader>,
    /// Who acts on it.
    pub executor: Arc<dyn Executor>,
}

/// Everything under way.
pub struct Watch {
    /// To the loop.
    pub inbox: Inbox,
    /// The clusters.
    pub clusters: Vec<ApiCluster>,
    stop: watch::Sender<bool>,
    under_way: Arc<AtomicUsize>,
    thread: JoinHandle<Engine>,
}

impl Watch {
    /// Starts everything. With a kill switch it acts; without one every action is answered as a dry run.
    pub async fn start(
        engine: Engine,
        clusters: Vec<Cluster>,
        interval: Duration,
        metrics: &Metrics,
        kill_switch: Option<PathBuf>,
    ) -> Result<Watch> {
        let (inbox, receiver) = Inbox::new();
        let executors = clusters.iter().map(|c| (c.name.clone(), c.executor.clone())).collect();
        let mut dispatcher = Dispatcher::new(Handle::current(), executors, inbox.clone(), metrics.clone());
        if let Some(switch) = &kill_switch {
            dispatcher = dispatcher.acting(switch.clone());
        }
        let under_way = dispatcher.under_way();
        let named = std::thread::Builder::new().name("decide".into());
        let thread = named.spawn(move || mainloop::run(engine, &dispatcher, receiver)).context("starting the loop")?;
        // The kill switch is known before the first read.
        inbox.send(tick::tick(kill_switch.as_deref())).await?;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(tick::run(interval, kill_switch, inbox.clone(), stopped.clone()));
        let start = |cluster| poll(cluster, interval, &inbox, metrics, &stopped);
        let clusters = clusters.into_iter().map(start).collect();
        Ok(Watch { inbox, clusters, stop, under_way, thread })
    }

    /// Told when everything is to stop.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Stops reading, waits for what is under way, and gives back the state's owner, everything written.
    pub async fn stop(self) -> Result<Engine> {
        let _ = self.stop.send(true);
        let end = Instant::now() + LAST_ACTIONS;
        while self.under_way.load(Ordering::SeqCst) > 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // An error: it has ended already.
        let _ = self.inbox.send(Input::Stop).await;
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await.context("the end of the loop")?;
        joined.map_err(|_| anyhow::anyhow!("the loop failed (please report this)"))
    }
}

fn poll(
    cluster: Cluster,
    interval: Duration,
    inbox: &Inbox,
    metrics: &Metrics,
    stop: &watch::Receiver<bool>,
) -> ApiCluster {
    let health = SharedHealth::default();
    let (name, executor) = (cluster.name, cluster.executor);
    let poller = Poller {
        cluster: name.clone(),
        interval,
        inbox: inbox.clone(),
        metrics: metrics.clone(),
        health: health.clone(),
    };
    tokio::spawn(poller.run(cluster.reader, stop.clone()));
    ApiCluster { name, health, executor }
}
