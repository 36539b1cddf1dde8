//! What a reader of Flink's REST API sees now: the same samples, labels and gaps as the real reader gives.

use super::figures::{JobFigures, Moment, VertexFigures};
use super::job::{Job, Phase};
use super::keys::Keys;
use super::{Seen, World};
use crate::scenario::{Cluster, Mechanism};
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Vertex};
use weirkeeper_core::observation::{
    Checkpoints, ClusterFacts, Failure, JobStatus, Observation, Sample, Scheduler, Slots,
};
use weirkeeper_core::series::SeriesKey;
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

/// Memory of TaskManagers is read once a minute.
const HOSTS_AGE: i64 = 60_000;
/// Operator metrics of a new attempt are believed after this, or the fetch interval and 2 s.
const SETTLE: i64 = 10_000;
/// `Status.Shuffle.Netty.TotalMemorySegments`: 128 MiB of network memory in segments of 32 KiB.
const SEGMENTS: f64 = 4_096.0;
/// A TaskManager's memory is about twice its heap.
const MEMORY_OVER_HEAP: u64 = 2;
/// Figures that old are told.
const STILL: i64 = 5_000;

impl World {
    /// What a reader sees now.
    pub fn poll(&mut self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.jobs.len() + 1);
        let errors = self.faults.reading("").errors;
        if self.api.misses(errors) {
            let unread = |job: &Job| unobserved(&job.key, "the list of jobs: 500 Internal Server Error".into());
            return self.jobs.iter().filter(|j| is_listed(j)).map(unread).collect();
        }
        let listed: Vec<JobKey> = self.jobs.iter().filter(|j| is_listed(j)).map(|j| j.key.clone()).collect();
        if listed.is_empty() {
            return events;
        }
        events.push(Event::Jobs { cluster: self.cluster_name.clone(), jobs: listed });
        let hosts = self.hosts_read.is_none_or(|t| self.now - t >= HOSTS_AGE);
        if hosts {
            self.hosts_read = Some(self.now);
        }
        let slots = self.slots();
        for i in 0..self.jobs.len() {
            if is_listed(&self.jobs[i]) {
                events.push(self.read_job(i, slots, hosts));
            }
        }
        events
    }

    fn read_job(&mut self, i: usize, slots: Slots, hosts: bool) -> Event {
        let reading = self.seen[i].reading;
        let job = &self.jobs[i];
        if self.api.misses(reading.errors) {
            return unobserved(&job.key, format!("GET /jobs/{}: 500 Internal Server Error", job.id));
        }
        if self.api.misses(reading.timeouts) {
            return unobserved(&job.key, "not read within 10 s".into());
        }
        if reading.incomplete {
            let why = format!("Flink calls its figures of {} incomplete", job.spec.vertices[0].name);
            return Event::Unobserved { job: job.key.clone(), why, incomplete: true };
        }
        let cluster = &self.scenario.cluster;
        let seen = &mut self.seen[i];
        seen.refresh_graph(job);
        let delay = cluster.metric_delay.0 as i64 + reading.delay;
        let mut out = Reading { samples: Vec::with_capacity(seen.room), missing: Vec::new() };
        match seen.moments.shown(self.now, delay).filter(|_| !reading.gap) {
            Some(moment) => out.take(job, cluster, moment, &mut seen.keys, (self.now, delay, hosts), reading.lie),
            None => out.nothing(job),
        }
        seen.room = out.samples.len().max(seen.room);
        Event::Observed(Box::new(Observation {
            job: job.key.clone(),
            job_id: job.id.clone(),
            labels: job.spec.labels.clone(),
            graph: seen.graph.clone(),
            status: status(job),
            running_since: job.running_since.map(Timestamp),
            scheduler: Some(scheduler(cluster.mechanism)),
            slots: Some(slots),
            requirements: (cluster.mechanism == Mechanism::InPlace).then(|| job.bounds.clone()),
            checkpoints: Some(checkpoints(job)),
            failure: failure(job),
            facts: facts(cluster),
            samples: out.samples,
            missing: out.missing,
        }))
    }

    fn slots(&self) -> Slots {
        let (per, most) = (self.pool.per(), self.pool.most);
        Slots {
            total: self.pool.total(),
            free: self.pool.free(),
            max: most.map(|m| m * per),
            on_demand: most.is_some(),
            per_taskmanager: Some(per),
            taskmanagers: self.pool.count(),
        }
    }
}

fn is_listed(job: &Job) -> bool {
    !matches!(job.phase, Phase::Ended(_))
}

fn unobserved(job: &JobKey, why: String) -> Event {
    Event::Unobserved { job: job.clone(), why, incomplete: false }
}

fn status(job: &Job) -> JobStatus {
    match job.phase {
        Phase::Running => JobStatus::Running,
        Phase::Down(_) | Phase::Waiting(_) => JobStatus::Restarting,
        Phase::Ended(_) => JobStatus::Ended,
    }
}

fn scheduler(mechanism: Mechanism) -> Scheduler {
    match mechanism {
        Mechanism::InPlace => Scheduler::Adaptive,
        Mechanism::Reactive => Scheduler::Other("reactive".into()),
        Mechanism::Redeploy => Scheduler::Other("default".into()),
    }
}

fn facts(cluster: &Cluster) -> ClusterFacts {
    ClusterFacts {
        version: Some(cluster.version),
        buffer_debloat: Some(false),
        heartbeat_timeout: Some(cluster.heartbeat_timeout),
        rescale_cooldown: Some(cluster.rescale_cooldown),
        taskmanager_memory: Some(cluster.heap * MEMORY_OVER_HEAP),
    }
}

fn failure(job: &Job) -> Option<Failure> {
    let newest = job.failures.front()?;
    Some(Failure {
        at: Timestamp(newest.at),
        text: newest.root().to_owned(),
        dependency: newest.dependency.map(str::to_owned),
    })
}

fn checkpoints(job: &Job) -> Checkpoints {
    let (settings, now) = (&job.spec.checkpoints, &job.checkpoints);
    let last = now.last.as_ref();
    let ours = now.current.as_ref().is_some_and(|c| c.savepoint);
    Checkpoints {
        last_completed: last.map(|c| Timestamp(c.ended)),
        last_completed_id: last.map(|c| c.id),
        last_duration: last.map(|c| Millis((c.ended - c.triggered).max(0) as u64)),
        full_size: last.map(|c| c.full as u64),
        written: last.map(|c| c.written as u64),
        completed: Some(u64::from(now.completed)),
        failed: Some(u64::from(now.failed)),
        savepoint_in_progress: Some(ours || job.effects.busy),
        checkpoint_in_progress: Some(now.current.is_some() && !ours),
        interval: Some(settings.interval),
        timeout: Some(settings.timeout),
        enabled: Some(true),
        forst: Some(false),
    }
}

impl Seen {
    /// The graph as `GET /jobs/:id` shows it, made anew when the job has changed.
    fn refresh_graph(&mut self, job: &Job) {
        if self.version == job.version {
            return;
        }
        self.version = job.version;
        let running = job.phase == Phase::Running;
        let vertex = |(i, v): (usize, &crate::scenario::Vertex)| Vertex {
            id: job.ids[i].clone(),
            name: v.name.clone(),
            parallelism: Parallelism(job.parallelism[i]),
            max_parallelism: Some(Parallelism(v.max_parallelism)),
            slot_group: v.slot_group.clone(),
            partitions: v.partitions,
            running: Some(if running { job.parallelism[i] } else { 0 }),
        };
        let edge = |e: &crate::scenario::Edge| Edge { from: e.from, to: e.to, ship: e.ship.clone() };
        self.graph = Arc::new(JobGraph {
            vertices: job.spec.vertices.iter().enumerate().map(vertex).collect(),
            edges: job.spec.edges.iter().map(edge).collect(),
        });
    }
}

/// One reading of one job's metrics.
struct Reading {
    samples: Vec<Sample>,
    missing: Vec<String>,
}

impl Reading {
    fn push(&mut self, key: &Arc<SeriesKey>, value: f64) {
        if value.is_finite() && value >= 0.0 {
            self.samples.push(Sample { key: key.clone(), value });
        }
    }

    /// Flink answers `[]`.
    fn nothing(&mut self, job: &Job) {
        self.missing.push("no metrics of the job".into());
        if job.phase == Phase::Running {
            self.missing.extend(job.spec.vertices.iter().map(|v| format!("no counters of {}", v.name)));
        }
    }

    fn take(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        moment: &Moment,
        keys: &mut Keys,
        (now, delay, hosts): (i64, i64, bool),
        lie: Option<f64>,
    ) {
        if moment.attempt.0 != job.submissions {
            // Of a job that was just submitted nothing has been fetched.
            return self.nothing(job);
        }
        self.job(&moment.job, keys, cluster.version);
        if job.phase != Phase::Running {
            return;
        }
        let update = cluster.metric_update.0 as i64;
        let old = now - moment.at;
        let settled = moment.at - job.deployed >= SETTLE.max(update + 2_000);
        for (v, figures) in moment.vertices.iter().enumerate() {
            let name = &job.spec.vertices[v].name;
            if moment.attempt != (job.submissions, job.attempt) {
                self.missing.push(format!("figures of {name} are those of its former attempt"));
                continue;
            }
            if old > update + delay + STILL {
                self.missing.push(format!("figures of {name} have not moved for {} s", old / 1_000));
            }
            self.vertex(job, v, figures, keys, lie);
            match (figures.source.is_some(), settled) {
                (true, true) => self.source(job, v, figures, keys),
                (true, false) => {
                    self.missing.push(format!("operator metrics of {name}: not yet those of this attempt"));
                }
                (false, true) => {
                    if let Some(key) = keys.vertices[v].send_time.clone() {
                        self.push(&key, figures.send_time);
                    }
                }
                (false, false) => {}
            }
        }
        if hosts {
            self.hosts(moment, keys, cluster.heap as f64);
        }
    }

    fn job(&mut self, figures: &JobFigures, keys: &Keys, version: (u32, u32)) {
        let last = |pick: fn((f64, f64, f64)) -> f64| figures.last.map_or(-1.0, pick);
        let values = [
            f64::from(figures.restarts),
            f64::from(figures.completed),
            f64::from(figures.failed),
            f64::from(figures.in_progress),
            // Flink 1.x does not tell rescales.
            if version.0 >= 2 { f64::from(figures.rescales) } else { -1.0 },
            last(|l| l.0),
            last(|l| l.1),
            last(|l| l.2),
        ];
        keys.job.iter().zip(values).for_each(|(key, value)| self.push(key, value));
    }

    fn vertex(&mut self, job: &Job, v: usize, figures: &VertexFigures, keys: &Keys, lie: Option<f64>) {
        let p = f64::from(job.parallelism[v]);
        let (t, a) = (&figures.totals, &figures.averages);
        // A lie about busy time is made up for by idle time, so that time still adds up.
        let lied = |busy: f64, idle: f64| lie.map_or(busy, |f| (busy * f).min(busy + idle));
        let (busy, averaged) = (lied(t.busy, t.idle()), lied(a.busy, a.idle));
        let hot = |value: f64, most: f64| lie.map_or(value, |f| (value * f).min(most));
        let values = [
            busy * p,
            (t.busy + t.idle() - busy) * p,
            t.backpressured * p,
            hot(t.hottest, t.clock).max(busy),
            hot(t.coldest, t.clock).min(busy),
            busy,
            averaged,
            hot(a.hottest, 1_000.0).max(averaged),
            a.backpressured,
            a.records_in,
            a.records_out,
            figures.in_pool,
        ];
        let keys = &keys.vertices[v].task;
        keys.iter().zip(values).for_each(|(key, value)| self.push(key, value));
        let source = figures.source.is_some();
        if !source {
            self.push(&keys[12], t.records_in);
        }
        if !job.net.outputs[v].is_empty() {
            self.push(&keys[13], t.records_out);
        } else if source {
            // A sink is chained to it: only the source operator itself tells what it has sent.
            self.push(&keys[13], t.records_in);
        }
    }

    fn source(&mut self, job: &Job, v: usize, figures: &VertexFigures, keys: &Keys) {
        let Some(source) = figures.source else { return };
        let keys = &keys.vertices[v].source;
        if source.emitted {
            self.push(&keys[0], source.pending);
            self.push(&keys[1], source.emit_lag);
            self.push(&keys[2], source.emit_lag);
        }
        if job.event_time {
            self.push(&keys[3], source.watermark_lag);
        }
        self.push(&keys[4], source.idle_time);
        if let Some(partitions) = source.partitions {
            self.push(&keys[5], partitions);
            self.push(&keys[6], source.connections);
            self.push(&keys[7], source.commits_failed);
        }
    }

    fn hosts(&mut self, moment: &Moment, keys: &mut Keys, heap: f64) {
        for host in &moment.hosts {
            let values = [host.heap_used, heap, SEGMENTS, host.gc];
            keys.host(&host.id).iter().zip(values).for_each(|(key, value)| self.push(key, value));
        }
    }
}
