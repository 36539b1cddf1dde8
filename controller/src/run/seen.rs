//! What each job looked like when it was last read: for the API and for `recommend`. Deciding does not use it.

use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::{Parallelism, Ratio, Timestamp};

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
    /// Share of its subtasks' time that was work, between the last two reads.
    pub busy: Option<Ratio>,
    total: Option<f64>,
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
        let before = self.jobs.get(&observation.job).filter(|s| s.id == observation.job_id);
        let seen = look(at, observation, before);
        self.jobs.insert(observation.job.clone(), seen);
    }
}

fn look(at: Timestamp, o: &Observation, before: Option<&Seen>) -> Seen {
    let vertices = o.graph.vertices.iter().map(|v| {
        let old = before.and_then(|s| Some((s.at, s.vertices.iter().find(|w| w.name == v.name)?)));
        let total = sample(o, name::BUSY_TOTAL, &v.name, Agg::Sum);
        let busy = busy(at, old, total, v.parallelism).or_else(|| average(o, &v.name));
        let (name, parallelism, running) = (v.name.clone(), v.parallelism, v.running);
        SeenVertex { name, parallelism, max_parallelism: v.max_parallelism, running, busy, total }
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

fn sample(o: &Observation, series: &str, task: &str, agg: Agg) -> Option<f64> {
    let wanted = |k: &weirkeeper_core::series::SeriesKey| {
        &*k.name == series && k.task.as_deref() == Some(task) && k.agg == Some(agg)
    };
    o.samples.iter().find(|s| wanted(&s.key)).map(|s| s.value)
}

/// Difference of the counter over the time between the two reads; nothing after a reset or a rescale.
fn busy(at: Timestamp, old: Option<(Timestamp, &SeenVertex)>, total: Option<f64>, p: Parallelism) -> Option<Ratio> {
    let (then, vertex) = old.filter(|(then, v)| v.parallelism == p && *then < at)?;
    let worked = total? - vertex.total?;
    let could = at.since(then).0 as f64 * f64::from(p.0);
    (worked >= 0.0 && could > 0.0).then(|| Ratio((worked / could).min(1.0)))
}

/// Flink's own 60 s average, until there are two reads.
fn average(o: &Observation, task: &str) -> Option<Ratio> {
    sample(o, name::BUSY_RATE, task, Agg::Avg).filter(|v| v.is_finite()).map(|v| Ratio(v / 1000.0))
}
