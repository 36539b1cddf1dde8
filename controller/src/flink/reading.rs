//! What the readers of one cycle share: the cluster's own figures, and how a part that cannot be read is told.

use super::client::{FlinkClient, Lane, job_path};
use super::error::FlinkError;
use super::observer::Clock;
use super::scrub;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::observation::{ClusterFacts, Scheduler, Slots};
use weirkeeper_core::units::Millis;

/// A cluster in one cycle.
pub struct Cluster {
    pub client: Arc<FlinkClient>,
    pub clock: Clock,
    /// Absent: the configuration could not be read.
    pub scheduler: Option<Scheduler>,
    pub facts: ClusterFacts,
    pub slots: Option<Slots>,
    /// Figures by TaskManager; empty in the cycles in which they are not read.
    pub hosts: BTreeMap<Arc<str>, HostFigures>,
    /// How long Flink serves a metric before it fetches it again.
    pub fetch_interval: Millis,
    /// Many jobs: read less of each.
    pub thrifty: bool,
    /// Whether figures of vertices and TaskManagers are read; otherwise they come from elsewhere.
    pub figures: bool,
    /// What could not be read of the cluster.
    pub notes: Vec<String>,
}

/// Memory of one TaskManager.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostFigures {
    pub heap_used: Option<f64>,
    pub heap_max: Option<f64>,
    pub gc_rate: Option<f64>,
    pub buffers: Option<f64>,
}

/// Why a job was not observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    pub why: String,
    /// A part of the answer said so of itself.
    pub incomplete: bool,
    /// It did not answer in time: next time it queues with its like.
    pub hung: bool,
}

impl Skip {
    pub fn because(why: impl Into<String>) -> Skip {
        Skip { why: scrub::line(&why.into(), 300), incomplete: false, hung: false }
    }
}

impl From<FlinkError> for Skip {
    fn from(error: FlinkError) -> Skip {
        Skip { hung: matches!(error, FlinkError::Timeout { .. }), ..Skip::because(error.to_string()) }
    }
}

/// Notes per observation; more would only repeat themselves.
const MAX_NOTES: usize = 20;

/// Reads the parts of one job.
pub struct Reader<'a> {
    pub cluster: &'a Cluster,
    pub job_id: Arc<str>,
    lane: Lane,
    /// What was missing, stale or not understood.
    pub missing: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(cluster: &'a Cluster, job_id: Arc<str>, hung: bool) -> Reader<'a> {
        let lane = if hung { Lane::Slow } else { Lane::Poll };
        Reader { cluster, job_id, lane, missing: cluster.notes.clone() }
    }

    /// Tells of something that is missing.
    pub fn note(&mut self, text: impl AsRef<str>) {
        if self.missing.len() < MAX_NOTES {
            self.missing.push(scrub::line(text.as_ref(), 200));
        }
    }

    /// A part without which the job is not observed.
    pub async fn need<T: DeserializeOwned>(&self, rest: &str) -> Result<T, Skip> {
        Ok(self.fetch(rest).await?)
    }

    /// A part that may fail: the error is for the caller. A time-out is not such an error, because what hangs once
    /// would hang with every further part.
    pub async fn attempt<T: DeserializeOwned>(&self, rest: &str) -> Result<Result<T, FlinkError>, Skip> {
        match self.fetch(rest).await {
            Err(error @ FlinkError::Timeout { .. }) => Err(error.into()),
            answer => Ok(answer),
        }
    }

    /// A part that may fail: then it is noted as missing.
    pub async fn want<T: DeserializeOwned>(&mut self, what: &str, rest: &str) -> Result<Option<T>, Skip> {
        match self.attempt(rest).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                self.note(format!("{what}: {error}"));
                Ok(None)
            }
        }
    }

    async fn fetch<T: DeserializeOwned>(&self, rest: &str) -> Result<T, FlinkError> {
        self.cluster.client.get(self.lane, &job_path(&self.job_id, rest)?).await
    }

    /// Bytes that metric names may take in a request for `rest`.
    pub fn room(&self, rest: &str) -> usize {
        let fixed = job_path(&self.job_id, rest).map_or(usize::MAX, |p| p.len());
        self.cluster.client.room().saturating_sub(fixed)
    }
}
