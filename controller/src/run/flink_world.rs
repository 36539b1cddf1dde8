//! A Flink cluster behind the border of [`crate::run::world`].

use crate::clock;
use crate::flink::{
    Auth, ClientConfig, Executor as FlinkExecutor, FlinkClient, FlinkError, Limits, Observer, Secret, Tls,
};
use crate::prometheus::{Client as Prometheus, Live};
use crate::run::command::millis;
use crate::run::watch::Cluster;
use crate::run::world::{Executor, Reader, Sink, Work};
use crate::settings::{AuthSettings, ClusterSettings};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weirkeeper_core::effect::Action;
use weirkeeper_core::event::Outcome;
use weirkeeper_core::job::JobKey;

/// Jobs that were acted on since the last read: what is cached of them is read again.
type Touched = Arc<Mutex<Vec<JobKey>>>;

struct FlinkReader {
    observer: Observer,
    touched: Touched,
    /// Where figures come from, if not from Flink itself.
    figures: Option<Live>,
}

impl FlinkReader {
    /// State from Flink, figures of all jobs from Prometheus; an event goes out when both are there.
    async fn read_both(observer: &mut Observer, figures: &mut Live, sink: Sink<'_>) -> Result<(), String> {
        let mut seen = Vec::new();
        let report = observer.poll(|event| seen.push(event)).await;
        figures.complete(clock::now(), seen).await.into_iter().for_each(sink);
        report.error.map_or(Ok(()), Err)
    }
}

impl Reader for FlinkReader {
    fn read<'a>(&'a mut self, sink: Sink<'a>) -> Work<'a, Result<(), String>> {
        let touched = std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        touched.iter().for_each(|job| self.observer.expect_change(job));
        Box::pin(async move {
            if let Some(figures) = &mut self.figures {
                return FlinkReader::read_both(&mut self.observer, figures, sink).await;
            }
            match self.observer.poll(sink).await.error {
                None => Ok(()),
                Some(why) => Err(why),
            }
        })
    }
}

struct FlinkHand {
    client: Arc<FlinkClient>,
    executor: FlinkExecutor,
    touched: Touched,
}

impl Executor for FlinkHand {
    fn execute<'a>(&'a self, action: &'a Action, dry_run: bool) -> Work<'a, Outcome> {
        Box::pin(async move {
            let outcome = self.executor.execute(&self.client, action, dry_run).await;
            self.touched.lock().unwrap_or_else(PoisonError::into_inner).push(action.job.clone());
            outcome
        })
    }

    fn requests(&self) -> u64 {
        self.client.stats().requests
    }
}

/// The cluster. No request is made yet.
pub fn cluster(settings: &ClusterSettings, interval: Duration) -> Result<Cluster, FlinkError> {
    let client = Arc::new(FlinkClient::new(client_config(settings))?);
    let name: Arc<str> = settings.name.as_str().into();
    let touched = Touched::default();
    let observer = Observer::new(Arc::clone(&client), Arc::clone(&name), interval, Arc::new(clock::now));
    // It was looked at when the settings were read.
    let prometheus = settings.prometheus.as_deref().and_then(|url| Prometheus::new(url).ok());
    let figures = prometheus.map(|client| Live::new(client, millis(interval)));
    let observer = if figures.is_some() { observer.without_figures() } else { observer };
    let reader = Box::new(FlinkReader { observer, touched: Arc::clone(&touched), figures });
    let executor = Arc::new(FlinkHand { client, executor: FlinkExecutor::new(), touched });
    Ok(Cluster { name, reader, executor })
}

fn client_config(settings: &ClusterSettings) -> ClientConfig {
    let (certificate, key) = settings.identity.clone().unzip();
    let defaults = Limits::default();
    let limits = Limits {
        timeout: settings.timeout.unwrap_or(defaults.timeout),
        connect_timeout: settings.timeout.map_or(defaults.connect_timeout, |t| t.min(defaults.connect_timeout)),
        per_second: settings.requests_per_second.and_then(NonZeroU32::new).unwrap_or(defaults.per_second),
        concurrent: settings.max_concurrent.map_or(defaults.concurrent, |n| n as usize),
        ..defaults
    };
    let auth = match settings.auth.clone() {
        AuthSettings::None => Auth::None,
        AuthSettings::Basic(user, file) => Auth::Basic { user, password: Secret::File(file) },
        AuthSettings::Bearer(file) => Auth::Bearer(Secret::File(file)),
    };
    ClientConfig {
        auth,
        tls: Tls { ca: settings.ca.clone(), certificate, key },
        limits,
        ..ClientConfig::new(&settings.url)
    }
}
