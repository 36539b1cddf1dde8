//! The keys of a job's series, made once.

use crate::scenario;
use std::sync::Arc;
use weirkeeper_core::series::{Agg, SeriesKey, name};

/// Of the whole job, in the order in which they are given.
pub(super) const OF_JOB: [&str; 8] = [
    name::NUM_RESTARTS,
    name::CHECKPOINTS_COMPLETED,
    name::CHECKPOINTS_FAILED,
    name::CHECKPOINTS_IN_PROGRESS,
    name::NUM_RESCALES,
    name::CHECKPOINT_DURATION,
    name::CHECKPOINT_SIZE,
    name::CHECKPOINT_FULL_SIZE,
];

/// Of each vertex.
pub(super) const OF_VERTEX: [(&str, Agg); 14] = [
    (name::BUSY_TOTAL, Agg::Sum),
    (name::IDLE_TOTAL, Agg::Sum),
    (name::BACKPRESSURED_TOTAL, Agg::Sum),
    (name::BUSY_TOTAL, Agg::Max),
    (name::BUSY_TOTAL, Agg::Min),
    (name::BUSY_TOTAL, Agg::Avg),
    (name::BUSY_RATE, Agg::Avg),
    (name::BUSY_RATE, Agg::Max),
    (name::BACKPRESSURED_RATE, Agg::Avg),
    (name::RECORDS_IN_RATE, Agg::Sum),
    (name::RECORDS_OUT_RATE, Agg::Sum),
    (name::IN_POOL_USAGE, Agg::Avg),
    (name::RECORDS_IN, Agg::Sum),
    (name::RECORDS_OUT, Agg::Sum),
];

/// Of a source's operator.
pub(super) const OF_SOURCE: [(&str, Agg); 8] = [
    (name::PENDING, Agg::Sum),
    (name::EMIT_LAG, Agg::Max),
    (name::EMIT_LAG, Agg::Avg),
    (name::WATERMARK_LAG, Agg::Max),
    (name::SOURCE_IDLE, Agg::Min),
    (name::ASSIGNED_PARTITIONS, Agg::Sum),
    (name::CONNECTION_COUNT, Agg::Sum),
    (name::COMMITS_FAILED, Agg::Sum),
];

/// Of each TaskManager.
const OF_HOST: [&str; 4] = [name::HEAP_USED, name::HEAP_MAX, name::NETWORK_BUFFERS, name::GC_RATE];

/// Of one vertex.
#[derive(Debug)]
pub(super) struct VertexKeys {
    pub task: [Arc<SeriesKey>; 14],
    pub source: [Arc<SeriesKey>; 8],
    /// Of a sink by its name.
    pub send_time: Option<Arc<SeriesKey>>,
}

/// Of one job.
#[derive(Debug)]
pub(super) struct Keys {
    pub job: [Arc<SeriesKey>; 8],
    pub vertices: Vec<VertexKeys>,
    /// The newest TaskManagers', by id.
    hosts: Vec<(Arc<str>, [Arc<SeriesKey>; 4])>,
}

/// Keys of TaskManagers kept; a cluster that has had more makes some anew.
const MAX_HOSTS: usize = 500;

impl Keys {
    pub fn new(job: &scenario::Job) -> Keys {
        let has_output = |v: usize| job.edges.iter().any(|e| e.from == v);
        let vertices = job.vertices.iter().enumerate().map(|(v, vertex)| {
            let key = |(name, agg): (&str, Agg)| Arc::new(SeriesKey::task(name, &vertex.name, agg));
            let sink = !has_output(v) && is_sink(&vertex.name);
            VertexKeys {
                task: OF_VERTEX.map(key),
                source: OF_SOURCE.map(key),
                send_time: sink.then(|| key((name::SEND_TIME, Agg::Avg))),
            }
        });
        let vertices = vertices.collect();
        Keys { job: OF_JOB.map(|n| Arc::new(SeriesKey::job(n))), vertices, hosts: Vec::new() }
    }

    /// Those of one TaskManager.
    pub fn host(&mut self, id: &Arc<str>) -> [Arc<SeriesKey>; 4] {
        if let Some((_, keys)) = self.hosts.iter().find(|(known, _)| known == id) {
            return keys.clone();
        }
        let label = || vec![(Arc::from("tm_id"), id.clone())];
        let keys = OF_HOST.map(|n| Arc::new(SeriesKey { labels: label(), ..SeriesKey::job(n) }));
        if self.hosts.len() >= MAX_HOSTS {
            self.hosts.remove(0);
        }
        self.hosts.push((id.clone(), keys.clone()));
        keys
    }
}

/// By Flink's names: `Sink: ` or the parts of a two-phase sink.
pub(crate) fn is_sink(name: &str) -> bool {
    let first = name.split(" -> ").next().unwrap_or(name);
    first.starts_with("Sink: ") || first.ends_with(": Writer") || first.ends_with(": Committer")
}
