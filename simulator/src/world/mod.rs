//! The model of a Flink cluster: jobs as fluids in a graph of vertices and buffers, with the restarts, checkpoints,
//! metrics and faults that a controller of a real one meets. One tick is one second. Nothing here reads a clock or an
//! unseeded random number: the same scenario, seed and commands give the same world, to the byte.

mod act;
mod again;
mod capacity;
mod checkpoint;
pub mod costs;
mod effects;
mod failure;
mod faults;
mod fetch;
mod figures;
mod flow;
mod job;
mod keys;
mod lifecycle;
mod meters;
mod observe;
mod pool;
mod restart;
mod source;
#[cfg(test)]
pub(crate) mod tests;
pub mod view;

pub(crate) use capacity::carries;
pub use checkpoint::{Checkpoint, Fate};
pub use failure::Failed;
pub use figures::{HostFigures, JobFigures, SourceFigures, VertexFigures};
pub use flow::Totals;
pub(crate) use job::id;
pub(crate) use keys::is_sink;
pub use meters::Averages;
pub use pool::{TaskManager, TaskManagerState};

use crate::rng::Rng;
use crate::scenario::{FaultKind, Scenario};
use crate::truth::JobTruth;
use act::Pending;
use effects::Effects;
use faults::Faults;
pub use faults::Reading;
use figures::Moments;
use job::{Around, Job, Phase};
use keys::Keys;
use pool::Pool;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::Token;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{JobGraph, JobKey};
use weirkeeper_core::units::{Millis, Timestamp};

/// When every world begins: Monday, 2025-01-06T00:00:00Z.
pub const BEGAN: Timestamp = Timestamp(1_736_121_600_000);
/// A tick, ms.
const TICK: i64 = 1_000;
/// The name of every simulated cluster, in the keys of its jobs.
pub const CLUSTER: &str = "simulated";
/// On demand, TaskManagers that have become idle are looked for this often, ms; new ones are asked for at once.
const PROVIDE: i64 = 5_000;

/// What a reader keeps of a job between two polls.
#[derive(Debug)]
struct Seen {
    moments: Moments,
    keys: Keys,
    graph: Arc<JobGraph>,
    version: u64,
    reading: Reading,
    /// Samples of the largest reading so far.
    room: usize,
}

/// Calls that fail.
#[derive(Clone, Debug)]
struct Api(Rng);

impl Api {
    /// Does one of so large a share of failing calls fail? Draws only when there are such.
    fn misses(&mut self, share: f64) -> bool {
        share > 0.0 && self.0.chance(share)
    }
}

/// A Flink cluster and its jobs.
#[derive(Debug)]
pub struct World {
    scenario: Arc<Scenario>,
    cluster_name: Arc<str>,
    now: i64,
    pool: Pool,
    jobs: Vec<Job>,
    seen: Vec<Seen>,
    faults: Faults,
    api: Api,
    hosts_read: Option<i64>,
    pending: Vec<Pending>,
    outcomes: Vec<Event>,
    tokens: BTreeMap<JobKey, Token>,
    truth: Vec<JobTruth>,
    /// What jobs ask for has changed.
    asked: bool,
}

impl World {
    /// Its jobs are submitted at [`BEGAN`].
    pub fn new(scenario: Arc<Scenario>, seed: u64) -> World {
        let rng = Rng::new(seed);
        let cluster = &scenario.cluster;
        let name: Arc<str> = CLUSTER.into();
        let began = BEGAN.0;
        let job = |spec| Job::new(spec, &name, cluster.mechanism, &rng, began);
        let jobs: Vec<Job> = scenario.jobs.iter().map(job).collect();
        let faults = Faults::new(scenario.clone(), began);
        let update = (cluster.metric_update.0 as i64).max(TICK);
        let delay = cluster.metric_delay.0 as i64 + faults.longest_delay();
        let seen = |job: &Job| Seen {
            moments: Moments::new(delay, update),
            keys: Keys::new(&job.spec),
            graph: Arc::default(),
            version: 0,
            reading: Reading::default(),
            room: 0,
        };
        let seen = jobs.iter().map(seen).collect();
        let truth = jobs.iter().map(first_truth).collect();
        let mut world = World {
            cluster_name: name,
            now: began,
            pool: Pool::new(cluster),
            jobs,
            seen,
            faults,
            api: Api(rng.split("api")),
            hosts_read: None,
            pending: Vec::new(),
            outcomes: Vec::new(),
            tokens: BTreeMap::new(),
            truth,
            asked: true,
            scenario,
        };
        world.change_faults();
        world.provide();
        world
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    /// What is true at the end of the last tick, one per job in the scenario's order.
    pub fn truth(&self) -> &[JobTruth] {
        &self.truth
    }

    /// One second passes.
    pub fn tick(&mut self) {
        let (from, to) = (self.now, self.now + TICK);
        if from >= self.faults.next_at() {
            self.change_faults();
        }
        let before = self.pool.version;
        self.pool.advance(from);
        if from % PROVIDE == 0 || self.asked || self.pool.version != before {
            self.provide();
        }
        if !self.pending.is_empty() {
            self.follow(from);
        }
        let mut around = Around { pool: &mut self.pool, cluster: &self.scenario.cluster };
        for job in &mut self.jobs {
            job.tick(&mut around, from, to);
        }
        self.now = to;
        self.fetch();
        for (truth, job) in self.truth.iter_mut().zip(&self.jobs) {
            tell(truth, job, to);
        }
    }

    /// Metrics are fetched every so often.
    fn fetch(&mut self) {
        let update = (self.scenario.cluster.metric_update.0 as i64).max(TICK);
        if (self.now - BEGAN.0) % update >= TICK {
            return;
        }
        let heap = self.scenario.cluster.heap as f64;
        for (seen, job) in self.seen.iter_mut().zip(&mut self.jobs) {
            if !seen.reading.freeze {
                seen.moments.take(job, &self.pool, heap, self.now);
            }
        }
    }

    /// On demand, as many TaskManagers as the jobs ask for.
    fn provide(&mut self) {
        self.asked = false;
        if self.pool.most.is_some() && self.scenario.cluster.mechanism != crate::scenario::Mechanism::Reactive {
            let slots = self.jobs.iter().map(Job::wants_slots).sum();
            self.pool.provide(slots, self.now);
        }
    }

    /// Takes the faults that begin or end now.
    fn change_faults(&mut self) {
        let (begun, _) = self.faults.advance(self.now);
        for fault in begun {
            let fault = self.faults.get(fault);
            if let FaultKind::TaskManagerLoss(count) = fault.kind {
                let back = fault.lasts.map(|l| l.0 as i64);
                let of = |name: &Arc<str>| self.jobs.iter().find(|j| j.spec.name == *name);
                let first = fault.job.as_ref().and_then(of).map_or(&[][..], |j| &j.placement);
                self.pool.kill(count, self.now, back, first);
            }
        }
        self.pool.stuck = self.faults.of(None).any(|k| *k == FaultKind::NoSlots);
        for (job, seen) in self.jobs.iter_mut().zip(&mut self.seen) {
            seen.reading = self.faults.reading(&job.spec.name);
            job.effects = Effects::now(&job.spec, &mut job.net, &self.faults);
            job.note_faults(self.now);
            job.refresh();
        }
    }
}

impl Job {
    /// Since when what is stalled is stalled, and where the poison is.
    fn note_faults(&mut self, now: i64) {
        let since = |holds: bool, since: Option<i64>| if holds { since.or(Some(now)) } else { None };
        let outage = self.net.sources.iter().any(|s| s.outage && s.partitions.is_some());
        self.outage_since = since(outage, self.outage_since);
        let stalled = self.effects.stalled.iter().any(|s| *s);
        self.stalled_since = since(stalled, self.stalled_since);
        self.event_time |= stalled;
        self.poisoned_at = self.effects.poison.map(|v| {
            // The next record that this source will read.
            self.poisoned_at.unwrap_or(self.net.sources[self.net.roots[v]].position + 1.0)
        });
    }
}

fn first_truth(job: &Job) -> JobTruth {
    JobTruth {
        name: job.spec.name.clone(),
        at: BEGAN,
        arriving: 0.0,
        consumed: 0.0,
        backlog: 0.0,
        lag: Millis(0),
        parallelism: job.parallelism.clone(),
        slots: 0,
        running: false,
        restarts: 0,
        rescales: 0,
        busy: vec![0.0; job.net.nodes.len()],
        checkpoints: 0,
        capacity: 0.0,
    }
}

/// Writes down what is true of a job after a tick.
fn tell(truth: &mut JobTruth, job: &Job, now: i64) {
    truth.at = Timestamp(now);
    let (mut arrived, mut consumed, mut backlog, mut lag) = (0.0, 0.0, 0.0, 0.0_f64);
    for (i, source) in job.net.sources.iter().enumerate() {
        let buffered = job.net.in_flight(i);
        arrived += source.arrives;
        consumed += source.fresh;
        backlog += source.backlog() + buffered;
        lag = lag.max(source.age(source.position - buffered, now));
    }
    let secs = TICK as f64 / 1_000.0;
    (truth.arriving, truth.consumed, truth.backlog) = (arrived / secs, consumed / secs, backlog);
    truth.lag = Millis(lag as u64);
    truth.parallelism.copy_from_slice(&job.parallelism);
    truth.slots = job.holds_slots();
    truth.running = job.phase == Phase::Running;
    (truth.restarts, truth.rescales, truth.checkpoints) = (job.ever.restarts, job.ever.rescales, job.ever.checkpoints);
    truth.busy.iter_mut().zip(&job.net.nodes).for_each(|(b, n)| *b = n.busy);
    truth.capacity = job.capacity;
}

impl crate::play::Stage for World {
    fn now(&self) -> Timestamp {
        World::now(self)
    }
    fn tick(&mut self) {
        World::tick(self);
    }
    fn poll(&mut self) -> Vec<Event> {
        World::poll(self)
    }
    fn carry_out(&mut self, command: &crate::controller::Command) {
        World::carry_out(self, command);
    }
    fn outcomes(&mut self) -> Vec<Event> {
        World::outcomes(self)
    }
    fn truth(&self) -> &[JobTruth] {
        World::truth(self)
    }
}
