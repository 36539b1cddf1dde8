//! What the scenario says beforehand: capacities, and when the truth may not be seen yet.

use crate::scenario::{Capacity, Fault, FaultKind, Job, Scenario, Vertex};
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::{Millis, Timestamp};

/// A reader may be this much later than delay, renewal and interval make it: calls take time.
const LATE: Millis = Millis::secs(5);

/// A scenario, as far as the invariants need it.
pub struct Facts {
    pub began: Timestamp,
    pub faults: Vec<Fault>,
    pub jobs: Vec<JobFacts>,
    /// How old the truth is that a reader sees, at most, while nothing blinds it.
    pub visible: Millis,
}

/// A job.
pub struct JobFacts {
    pub name: Arc<str>,
    pub spec: Job,
    pub parallelism: Vec<u32>,
    /// Records into a vertex per record that arrives at the job's sources.
    per_arrival: Vec<f64>,
}

impl Facts {
    pub fn new(scenario: &Scenario, began: Timestamp, interval: Millis) -> Facts {
        let cluster = &scenario.cluster;
        let visible = cluster.metric_delay + cluster.metric_update + interval + LATE;
        let jobs = scenario.jobs.iter().map(JobFacts::new).collect();
        Facts { began, faults: scenario.faults.clone(), jobs, visible }
    }

    /// Faults of a job, or of all.
    fn of(&self, job: usize) -> impl Iterator<Item = &Fault> {
        let name = self.jobs[job].name.clone();
        self.faults.iter().filter(move |f| f.job.as_ref().is_none_or(|j| *j == name))
    }

    fn begins(&self, fault: &Fault) -> Timestamp {
        self.began.plus(fault.at)
    }

    fn ends(&self, fault: &Fault) -> Option<Timestamp> {
        Some(self.began.plus(fault.at + fault.lasts?))
    }

    /// Whether it is there at a time. What has no end goes on.
    pub fn active(&self, fault: &Fault, at: Timestamp) -> bool {
        at >= self.begins(fault) && self.ends(fault).is_none_or(|end| at < end)
    }

    /// What was true at this time must have been seen by `at`. While something blinds the reader, that is the time at
    /// which it began to.
    pub fn seen_by(&self, job: usize, at: Timestamp) -> Timestamp {
        let mut seen = at.minus(self.visible);
        // A blind span may begin within what another makes late.
        for fault in self.of(job).filter(|f| blinds(&f.kind)) {
            let extra = if let FaultKind::MetricDelay(delay) = fault.kind { delay } else { Millis(0) };
            let touches = self.begins(fault) <= at && self.ends(fault).is_none_or(|end| end.plus(extra) >= seen);
            if touches {
                seen = seen.min(self.begins(fault).minus(self.visible)).minus(extra);
            }
        }
        seen
    }

    /// A fault of this job that a reader has had the time to notice, and that is still there.
    pub fn known(&self, job: usize, at: Timestamp, wanted: impl Fn(&FaultKind) -> bool) -> Option<&Fault> {
        let seen = self.seen_by(job, at);
        self.of(job).find(|f| wanted(&f.kind) && self.active(f, at) && self.begins(f) <= seen)
    }

    /// Whether a fault of this kind has begun for a job, be it over or not.
    pub fn was_touched(&self, job: usize, at: Timestamp, wanted: impl Fn(&FaultKind) -> bool) -> bool {
        self.of(job).any(|f| wanted(&f.kind) && self.begins(f) <= at)
    }

    /// Whether a fault of this kind touches a job now, known or not.
    pub fn touched(&self, job: usize, at: Timestamp, wanted: impl Fn(&FaultKind) -> bool) -> bool {
        self.of(job).any(|f| wanted(&f.kind) && self.active(f, at))
    }
}

/// Whether a reader sees less than there is.
fn blinds(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::MetricGap
            | FaultKind::MetricFreeze
            | FaultKind::MetricDelay(_)
            | FaultKind::MetricIncomplete
            | FaultKind::ApiErrors(_)
            | FaultKind::ApiTimeouts(_)
    )
}

impl JobFacts {
    fn new(spec: &Job) -> JobFacts {
        JobFacts {
            name: spec.name.clone(),
            parallelism: spec.vertices.iter().map(|v| v.parallelism).collect(),
            per_arrival: per_arrival(spec),
            spec: spec.clone(),
        }
    }

    /// Records/s that the job could carry at this size, counted at its sources, were nothing wrong with it.
    pub fn capacity(&self, parallelism: &[u32]) -> f64 {
        let vertices = self.spec.vertices.iter().zip(parallelism).zip(&self.per_arrival);
        let carried = vertices.filter(|(_, per)| **per > 0.0).map(|((vertex, p), per)| able(vertex, *p) / per);
        carried.fold(f64::INFINITY, f64::min)
    }

    /// Slots at this size: per sharing group those of the widest vertex.
    pub fn slots(&self, parallelism: &[u32]) -> u32 {
        let groups: std::collections::BTreeSet<&str> = self.spec.vertices.iter().map(|v| &*v.slot_group).collect();
        let widest = |group: &str| {
            let of = self.spec.vertices.iter().zip(parallelism).filter(move |(v, _)| *v.slot_group == *group);
            of.map(|(_, p)| *p).max().unwrap_or(0)
        };
        groups.into_iter().map(widest).sum()
    }

    /// Pairs that must have one parallelism.
    pub fn forward(&self) -> impl Iterator<Item = (usize, usize)> {
        self.spec.edges.iter().filter(|e| e.ship == Ship::Forward).map(|e| (e.from, e.to))
    }
}

/// Records/s of one vertex at a size.
fn able(vertex: &Vertex, parallelism: u32) -> f64 {
    let used = vertex.partitions.map_or(parallelism, |n| parallelism.min(n)).min(vertex.max_parallelism);
    curve(&vertex.capacity, used) / (1.0 + vertex.skew)
}

fn curve(capacity: &Capacity, parallelism: u32) -> f64 {
    let p = f64::from(parallelism);
    let Capacity { lambda, sigma, kappa, points } = capacity;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return lambda * p / (1.0 + sigma * (p - 1.0) + kappa * p * (p - 1.0));
    };
    let between = points.windows(2).find(|w| (w[0].0..=w[1].0).contains(&parallelism));
    match between {
        Some([a, b]) => a.1 + (b.1 - a.1) * (p - f64::from(a.0)) / f64::from(b.0 - a.0),
        _ if parallelism < first.0 => first.1 * p / f64::from(first.0),
        _ => last.1,
    }
}

/// Sources share what arrives as the highest rates of their loads do.
fn per_arrival(spec: &Job) -> Vec<f64> {
    let peaks: Vec<f64> =
        (0..spec.vertices.len()).map(|v| spec.load.get(&v).map_or(0.0, |l| l.peak(Millis::hours(24)))).collect();
    let all: f64 = peaks.iter().sum();
    let mut into: Vec<f64> = peaks.iter().map(|p| if all > 0.0 { p / all } else { 0.0 }).collect();
    for (v, vertex) in spec.vertices.iter().enumerate() {
        let out = into[v] * vertex.selectivity;
        spec.edges.iter().filter(|e| e.from == v).for_each(|e| into[e.to] += out);
    }
    into
}
