//! What the controllers to compare read of an observation: as metrics servers, brokers and Flink's REST give it.

use crate::controller::Command;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::Timestamp;

/// The value of a vertex's series under the first of `aggs` that is there; no `aggs`: any.
pub fn of_vertex(o: &Observation, series: &str, vertex: usize, aggs: &[Agg]) -> Option<f64> {
    let task = &o.graph.vertices.get(vertex)?.name;
    let here = || o.samples.iter().filter(|s| *s.key.name == *series && s.key.task.as_ref() == Some(task));
    if aggs.is_empty() {
        return here().map(|s| s.value).next();
    }
    aggs.iter().find_map(|agg| here().find(|s| s.key.agg == Some(*agg)).map(|s| s.value))
}

/// The largest value of a series, whatever its labels.
pub fn largest(o: &Observation, series: &str) -> Option<f64> {
    o.samples.iter().filter(|s| *s.key.name == *series).map(|s| s.value).reduce(f64::max)
}

/// Records that wait for a source: by the brokers where they are asked, else what Flink says is pending.
pub fn lag_records(o: &Observation, source: usize) -> Option<f64> {
    of_vertex(o, name::SOURCE_LAG_RECORDS, source, &[]).or_else(|| of_vertex(o, name::PENDING, source, &[Agg::Sum]))
}

/// The positions of the sources.
pub fn sources(graph: &JobGraph) -> impl Iterator<Item = usize> + '_ {
    (0..graph.vertices.len()).filter(|v| graph.is_source(*v))
}

/// The job runs, and all of its tasks do, as far as that is known.
pub fn runs(o: &Observation) -> bool {
    let whole = |v: &weirkeeper_core::job::Vertex| v.running.is_none_or(|n| n >= v.parallelism.0);
    o.status == JobStatus::Running && o.running_since.is_some() && o.graph.vertices.iter().all(whole)
}

/// The most subtasks that a vertex can use.
pub fn ceiling(graph: &JobGraph, vertex: usize) -> u32 {
    let v = &graph.vertices[vertex];
    let partitions = v.partitions.filter(|_| graph.is_source(vertex));
    v.max_parallelism.map_or(u32::MAX, |p| p.0).min(partitions.unwrap_or(u32::MAX)).max(1)
}

/// A rescale for every job observed whose target is not empty.
pub fn rescales(events: &[Event], mut target: impl FnMut(&Observation) -> BTreeMap<Arc<str>, u32>) -> Vec<Command> {
    let observed = events.iter().filter_map(|event| match event {
        Event::Observed(o) => Some(o),
        _ => None,
    });
    let command = observed.map(|o| (&o.job, target(o))).filter(|(_, target)| !target.is_empty());
    command.map(|(job, target)| Command::Rescale { job: job.clone(), target }).collect()
}

/// The same parallelism for every vertex, as far as each can use it; by vertex id, only what changes.
pub fn uniform(graph: &JobGraph, parallelism: u32) -> BTreeMap<Arc<str>, u32> {
    let each = graph.vertices.iter().enumerate();
    each.map(|(i, v)| (v, parallelism.min(ceiling(graph, i))))
        .filter(|(v, p)| v.parallelism.0 != *p)
        .map(|(v, p)| (v.id.clone(), p))
        .collect()
}

/// What one vertex did between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Activity {
    /// Records/s in; of a source what it sent on.
    pub taken: Option<f64>,
    /// Records/s out.
    pub sent: Option<f64>,
    /// Seconds of work per second, over all subtasks.
    pub busy: Option<f64>,
}

#[derive(Clone, Debug)]
struct Snapshot {
    at: Timestamp,
    attempt: Option<Timestamp>,
    parallelism: Vec<u32>,
    counters: Vec<[Option<f64>; 3]>,
    lag: Vec<Option<f64>>,
}

/// What a job did between two readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Activities {
    /// By vertex.
    pub vertices: Vec<Activity>,
    /// Records/s by which the lag of each source grew, by vertex.
    pub lag_growth: Vec<Option<f64>>,
}

impl Activities {
    /// Records/s that arrive at a source: what it takes, and what its lag grows by.
    pub fn arriving(&self, source: usize) -> Option<f64> {
        let taken = self.vertices.get(source)?.taken?;
        Some((taken + self.lag_growth.get(source).copied().flatten().unwrap_or(0.0)).max(0.0))
    }
}

/// Turns counters into rates between readings of one attempt.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    last: Option<Snapshot>,
}

impl Meter {
    /// Takes a reading. Nothing comes of the first of an attempt, or of one in which a counter went back.
    pub fn read(&mut self, at: Timestamp, o: &Observation) -> Option<Activities> {
        let now = snapshot(at, o);
        let last = self.last.replace(now.clone())?;
        if last.attempt != now.attempt || last.parallelism != now.parallelism || now.at <= last.at {
            return None;
        }
        let seconds = now.at.since(last.at).as_secs();
        let per_second = |a: Option<f64>, b: Option<f64>| Some((b? - a?) / seconds);
        let mut vertices = Vec::with_capacity(now.counters.len());
        for (before, after) in last.counters.iter().zip(&now.counters) {
            let [taken, sent, busy] = [0, 1, 2].map(|i| per_second(before[i], after[i]));
            if [taken, sent, busy].into_iter().flatten().any(|r| r < 0.0) {
                return None;
            }
            vertices.push(Activity { taken, sent, busy: busy.map(|ms| ms / 1_000.0) });
        }
        let lag_growth = last.lag.iter().zip(&now.lag).map(|(a, b)| per_second(*a, *b)).collect();
        Some(Activities { vertices, lag_growth })
    }
}

fn snapshot(at: Timestamp, o: &Observation) -> Snapshot {
    let all = 0..o.graph.vertices.len();
    let sum = |series: &str, v: usize| of_vertex(o, series, v, &[Agg::Sum]);
    let counters = |v: usize| {
        let sent = sum(name::RECORDS_OUT, v);
        let taken = sum(name::RECORDS_IN, v).filter(|n| *n > 0.0);
        let taken = if o.graph.is_source(v) { taken.or(sent) } else { sum(name::RECORDS_IN, v) };
        [taken, sent, sum(name::BUSY_TOTAL, v)]
    };
    Snapshot {
        at,
        attempt: o.running_since,
        parallelism: o.graph.vertices.iter().map(|v| v.parallelism.0).collect(),
        counters: all.clone().map(counters).collect(),
        lag: all.map(|v| if o.graph.is_source(v) { lag_records(o, v) } else { None }).collect(),
    }
}
