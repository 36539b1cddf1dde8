//! What Flink's metrics said at the moments at which they were fetched: what is read is always one of these.

use super::costs;
use super::flow::Totals;
use super::job::Job;
use super::meters::Averages;
use super::pool::Pool;
use std::collections::VecDeque;
use std::sync::Arc;

/// Moments kept at most; a longer delay than these span shows the oldest.
const MAX_MOMENTS: usize = 1_000;

/// Figures of a vertex.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VertexFigures {
    /// Counters.
    pub totals: Totals,
    /// 60 s averages.
    pub averages: Averages,
    /// Share of its input buffers in use.
    pub in_pool: f64,
    /// Latency of a sink's last send, ms.
    pub send_time: f64,
    /// Of a source.
    pub source: Option<SourceFigures>,
}

/// Figures of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SourceFigures {
    /// `pendingRecords`.
    pub pending: f64,
    /// `currentEmitEventTimeLag`, ms.
    pub emit_lag: f64,
    /// `watermarkLag`, ms.
    pub watermark_lag: f64,
    /// `sourceIdleTime`, ms.
    pub idle_time: f64,
    /// `assigned-partitions`, over all subtasks; absent without partitions.
    pub partitions: Option<f64>,
    /// `connection-count`, over all subtasks.
    pub connections: f64,
    /// `commitsFailed`.
    pub commits_failed: f64,
    /// It has emitted something in this attempt.
    pub emitted: bool,
    /// Offset that it has read up to, over all partitions.
    pub position: f64,
}

/// Figures of the job, as the JobManager's metrics give them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JobFigures {
    /// `numRestarts`.
    pub restarts: u32,
    /// `numRescales`.
    pub rescales: u32,
    /// `numberOfCompletedCheckpoints`.
    pub completed: u32,
    /// `numberOfFailedCheckpoints`.
    pub failed: u32,
    /// `numberOfInProgressCheckpoints`.
    pub in_progress: u32,
    /// Duration, bytes written and bytes of state of the newest that completed.
    pub last: Option<(f64, f64, f64)>,
}

/// Figures of a TaskManager.
#[derive(Clone, Debug, PartialEq)]
pub struct HostFigures {
    /// Its id.
    pub id: Arc<str>,
    /// Heap in use, bytes.
    pub heap_used: f64,
    /// Time in garbage collection, ms/s.
    pub gc: f64,
}

/// One moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    pub at: i64,
    /// Submission and attempt.
    pub attempt: (u32, u32),
    pub job: JobFigures,
    pub vertices: Vec<VertexFigures>,
    pub hosts: Vec<HostFigures>,
}

/// The newest moments of one job, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    list: VecDeque<Moment>,
    most: usize,
}

impl Moments {
    /// `delay`: the longest that what is read may be old; `update`: between two moments, ms.
    pub fn new(delay: i64, update: i64) -> Moments {
        let most = (delay / update.max(1)) as usize + 2;
        Moments { list: VecDeque::new(), most: most.min(MAX_MOMENTS) }
    }

    /// Metrics are fetched.
    pub fn take(&mut self, job: &mut Job, pool: &Pool, heap: f64, now: i64) {
        let full = self.list.len() >= self.most;
        let mut moment = if full { self.list.pop_front() } else { None }.unwrap_or_else(|| Moment {
            at: 0,
            attempt: (0, 0),
            job: JobFigures::default(),
            vertices: Vec::new(),
            hosts: Vec::new(),
        });
        moment.at = now;
        moment.attempt = (job.submissions, job.attempt);
        moment.job = job_figures(job);
        job.net.sources.iter_mut().for_each(|s| s.look(now));
        moment.vertices.clear();
        moment.vertices.extend((0..job.net.nodes.len()).map(|v| vertex_figures(job, v, now)));
        moment.hosts.clear();
        let each = job.heap_state() / job.placement.len().max(1) as f64;
        moment.hosts.extend(pool.hosts(&job.placement).map(|tm| {
            let used = (heap * costs::HEAP_BASE + each + tm.leaked).min(heap);
            HostFigures { id: tm.id.clone(), heap_used: used, gc: garbage(used / heap.max(1.0)) }
        }));
        self.list.push_back(moment);
    }

    /// What is shown at `now` when figures are `delay` old.
    pub fn shown(&self, now: i64, delay: i64) -> Option<&Moment> {
        self.list.iter().rev().find(|m| m.at <= now - delay).or(self.list.front())
    }
}

/// Collections take a little time, and ever more as the heap fills.
pub(super) fn garbage(used: f64) -> f64 {
    let over = ((used - 0.7) / 0.3).clamp(0.0, 1.0);
    20.0 * used + 700.0 * over * over
}

fn job_figures(job: &Job) -> JobFigures {
    let checkpoints = &job.checkpoints;
    let last = checkpoints.last.as_ref();
    JobFigures {
        restarts: job.restarts,
        rescales: job.rescales,
        completed: checkpoints.completed,
        failed: checkpoints.failed,
        in_progress: u32::from(checkpoints.current.is_some()),
        last: last.map(|c| ((c.ended - c.triggered) as f64, c.written, c.full)),
    }
}

fn vertex_figures(job: &Job, v: usize, now: i64) -> VertexFigures {
    let node = &job.net.nodes[v];
    let inputs = job.net.inputs[v].iter().map(|e| &job.net.links[*e]);
    let in_pool = inputs.map(|l| (l.queue / l.limit.max(1.0)).min(1.0)).fold(0.0, f64::max);
    let each = node.nominal / f64::from(node.parallelism.max(1));
    VertexFigures {
        totals: node.totals,
        averages: job.meters[v].averages(),
        in_pool,
        send_time: if each > 0.0 { 1_000.0 / each } else { 60_000.0 },
        source: node.source.map(|s| source_figures(job, v, s, now)),
    }
}

fn source_figures(job: &Job, v: usize, s: usize, now: i64) -> SourceFigures {
    let source = &job.net.sources[s];
    let readers = source.partitions.map_or(job.parallelism[v], |m| m.min(job.parallelism[v]));
    let stalled = job.effects.stalled[v];
    SourceFigures {
        pending: source.pending(),
        emit_lag: source.emit_lag,
        watermark_lag: if stalled { (now - job.stalled_since.unwrap_or(now)) as f64 } else { source.emit_lag },
        idle_time: source.idle_since.map_or(0.0, |since| (now - since).max(0) as f64),
        partitions: source.partitions.map(f64::from),
        // Two or three connections of each consumer; none within 2 s of the brokers' death.
        connections: if source.outage { 0.0 } else { 2.0 * f64::from(readers) },
        commits_failed: job.commits_failed,
        emitted: source.emitted,
        position: source.position,
    }
}
