//! What each job looked like when it was last read: for the API and for `recommend`. Deciding does not use it.

use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::units::{Parallelism, Timestamp};

/// A vertex when it was last read.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenVertex {
    /// Its name.
    pub name: Arc<str>,
    /// Parallelism that runs.
    pub parallelism: Parallelism,
    /// Max parallelism.
    pub max_parallelism: Option<Parallelism>,
    /// Subtasks in state RUNNING.
    pub running: Option<u32>,
}

/// A job when it was last read.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its present id.
    pub id: Arc<str>,
    /// When it was last read in full.
    pub at: Timestamp,
    /// Its state.
    pub status: JobStatus,
    /// Labels that policies may match.
    pub labels: BTreeMap<String, String>,
    /// Its vertices, in topological order.
    pub vertices: Vec<SeenVertex>,
    /// Parts of the answer that were missing.
    pub missing: Vec<String>,
    /// Why the newest read failed; absent: it did not.
    pub unread: Option<String>,
}

/// Every job that is there.
#[derive(Debug, Default)]
pub struct Directory {
    jobs: BTreeMap<JobKey, Seen>,
    /// Jobs that are listed or were asked for but have never been read, and why.
    unread: BTreeMap<JobKey, String>,
}

impl Directory {
    /// Takes notice of an event.
    pub fn note(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Observed(seen) => self.observed(at, seen),
            Event::Unobserved { job, why, .. } => match self.jobs.get_mut(job) {
                Some(seen) => seen.unread = Some(why.clone()),
                None => drop(self.unread.insert(job.clone(), why.clone())),
            },
            Event::Jobs { cluster, jobs } => {
                let gone = |key: &JobKey| key.cluster == *cluster && !jobs.contains(key);
                self.jobs.retain(|key, _| !gone(key));
                self.unread.retain(|key, _| !gone(key));
            }
            Event::Tick | Event::Resumed | Event::Outcome { .. } | Event::Control(_) | Event::KillSwitch(_) => {}
        }
    }

    /// The jobs that were read at least once.
    pub fn jobs(&self) -> &BTreeMap<JobKey, Seen> {
        &self.jobs
    }

    /// The jobs that could never be read, and why.
    pub fn unread(&self) -> &BTreeMap<JobKey, String> {
        &self.unread
    }

    fn observed(&mut self, at: Timestamp, observation: &Observation) {
        self.unread.remove(&observation.job);
        self.jobs.insert(observation.job.clone(), look(at, observation));
    }
}

fn look(at: Timestamp, o: &Observation) -> Seen {
    let vertices = o.graph.vertices.iter().map(|v| SeenVertex {
        name: v.name.clone(),
        parallelism: v.parallelism,
        max_parallelism: v.max_parallelism,
        running: v.running,
    });
    Seen {
        id: o.job_id.clone(),
        at,
        status: o.status,
        labels: o.labels.clone(),
        vertices: vertices.collect(),
        missing: o.missing.clone(),
        unread: None,
    }
}
