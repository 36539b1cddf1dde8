//! One job: its graph in motion, its attempts, and what one second does to it.

use super::checkpoint::{Checkpoints, News, Setting};
use super::costs;
use super::effects::Effects;
use super::failure::{Cause, Failed};
use super::figures;
use super::flow::Net;
use super::meters::{self, Meters};
use super::pool::{Placement, Pool};
use super::restart::Backoff;
use crate::rng::Rng;
use crate::scenario::load::Noise;
use crate::scenario::{self, Cluster, Mechanism};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::units::{Millis, Parallelism};

/// Restarts within one second; one that fails at once is 0.1 s apart from the next at least.
const MAX_EVENTS: u32 = 32;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// All tasks run.
    Running,
    /// It starts (again) at this time.
    Down(i64),
    /// It waits for slots since.
    Waiting(i64),
    /// FINISHED, CANCELED, FAILED.
    Ended(&'static str),
}

/// It wants to run at another parallelism.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    pub since: i64,
    pub target: Vec<u32>,
    /// All that it asks for is there.
    pub whole: bool,
    /// Checkpoints completed and failed when it began.
    pub checkpoints: (u32, u32),
}

/// Counts over the whole world, whatever Flink's own begin anew with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub restarts: u32,
    pub rescales: u32,
    pub checkpoints: u32,
}

/// A job in motion.
#[derive(Debug)]
pub(super) struct Job {
    pub spec: Arc<scenario::Job>,
    pub key: JobKey,
    /// Present id, 32 hex digits.
    pub id: Arc<str>,
    /// Submissions so far.
    pub submissions: u32,
    /// Ids of its vertices.
    pub ids: Vec<Arc<str>>,
    /// Slot-sharing group of each vertex.
    pub groups: Vec<usize>,
    pub net: Net,
    pub phase: Phase,
    /// Attempts of this submission.
    pub attempt: u32,
    /// When it was submitted.
    pub submitted: i64,
    /// When the present attempt was deployed.
    pub deployed: i64,
    pub running_since: Option<i64>,
    pub parallelism: Vec<u32>,
    /// What is asked of Flink.
    pub bounds: BTreeMap<Arc<str>, Bounds>,
    pub placement: Placement,
    pub checkpoints: Checkpoints,
    pub backoff: Backoff,
    /// Restarts and rescales of this submission, as Flink counts them.
    pub restarts: u32,
    pub rescales: u32,
    pub ever: Counts,
    /// Newest first.
    pub failures: VecDeque<Failed>,
    pub effects: Effects,
    /// Share of what it should be able to do, since a rescale that went wrong.
    pub degraded: f64,
    /// Share of time that garbage collection leaves, on the TaskManager that it leaves least.
    awake: f64,
    pub last_rescale: Option<i64>,
    pub wish: Option<Wish>,
    pub meters: Vec<Meters>,
    pub commits_failed: f64,
    /// Records/s at the sources that it could carry.
    pub capacity: f64,
    /// Rises with everything that shows in its graph.
    pub version: u64,
    /// What it asks for, or what there is, has changed.
    pub dirty: bool,
    pub(super) pool_seen: u64,
    pub(super) changed_size: bool,
    /// It is down for a rescale: it starts with what there is.
    pub(super) rescaling: bool,
    pub(super) poisoned_at: Option<f64>,
    pub(super) outage_since: Option<i64>,
    pub stalled_since: Option<i64>,
    /// It has a watermark strategy.
    pub event_time: bool,
    next_look: i64,
    loads: Vec<(usize, Noise)>,
    noise: Rng,
    windowed: bool,
    on_heap: bool,
    began: i64,
}

/// What a job needs of its world in a tick.
pub(super) struct Around<'a> {
    pub pool: &'a mut Pool,
    pub cluster: &'a Cluster,
}

impl Job {
    /// It is submitted at `at`.
    pub fn new(spec: &scenario::Job, cluster: &Arc<str>, mechanism: Mechanism, rng: &Rng, at: i64) -> Job {
        let rng = rng.split(&spec.name);
        let net = Net::new(spec);
        let load = |(v, load): (&usize, &scenario::Load)| {
            let noise = load.noise(rng.split("load").split(&spec.vertices.get(*v)?.name));
            net.nodes.get(*v)?.source.map(|s| (s, noise))
        };
        let loads = spec.load.iter().filter_map(load).collect();
        let ids: Vec<Arc<str>> = spec.vertices.iter().map(|v| id(&[&spec.name, &v.name])).collect();
        let n = spec.vertices.len();
        let mut job = Job {
            key: JobKey { cluster: cluster.clone(), namespace: None, name: spec.name.clone() },
            id: id(&["job", &spec.name, "1"]),
            submissions: 1,
            groups: groups(spec),
            phase: Phase::Down(at),
            attempt: 0,
            submitted: at,
            deployed: at,
            running_since: None,
            parallelism: spec.vertices.iter().map(|v| v.parallelism).collect(),
            bounds: BTreeMap::new(),
            placement: Vec::new(),
            checkpoints: Checkpoints::new(),
            backoff: Backoff::default(),
            restarts: 0,
            rescales: 0,
            ever: Counts::default(),
            failures: VecDeque::new(),
            effects: Effects::none(n),
            degraded: 1.0,
            awake: 1.0,
            last_rescale: None,
            wish: None,
            meters: vec![Meters::default(); n],
            commits_failed: 0.0,
            capacity: 0.0,
            version: 1,
            dirty: true,
            pool_seen: 0,
            changed_size: true,
            rescaling: false,
            poisoned_at: None,
            outage_since: None,
            stalled_since: None,
            event_time: spec.vertices.iter().any(|v| v.emits_every.is_some()),
            next_look: i64::MAX,
            loads,
            noise: rng.split("capacity"),
            windowed: spec.vertices.iter().any(|v| v.emits_every.is_some()),
            on_heap: spec.vertices.iter().any(|v| v.state_on_heap),
            began: at,
            spec: Arc::new(spec.clone()),
            ids,
            net,
        };
        job.bounds = job.initial(mechanism);
        job
    }

    fn initial(&self, mechanism: Mechanism) -> BTreeMap<Arc<str>, Bounds> {
        let upper = |v: &scenario::Vertex| match mechanism {
            Mechanism::Reactive => v.max_parallelism,
            _ => v.parallelism,
        };
        let bounds = |v| Bounds { lower: Parallelism(1), upper: Parallelism(upper(v)) };
        self.ids.iter().cloned().zip(self.spec.vertices.iter().map(bounds)).collect()
    }

    /// One second.
    pub fn tick(&mut self, around: &mut Around, from: i64, to: i64) {
        self.arrive(from, to);
        let mut at = from;
        for _ in 0..MAX_EVENTS {
            if at >= to {
                return;
            }
            at = match self.phase {
                Phase::Running => self.run(around, at, to),
                Phase::Down(until) if until < to => {
                    let at = until.max(at);
                    self.start(around, at);
                    at
                }
                Phase::Waiting(_) => {
                    self.start(around, at);
                    if matches!(self.phase, Phase::Waiting(_)) { to } else { at }
                }
                Phase::Down(_) | Phase::Ended(_) => to,
            };
        }
    }

    fn arrive(&mut self, from: i64, to: i64) {
        let secs = (to - from) as f64 / 1_000.0;
        let since = Millis((from - self.began).max(0) as u64);
        for (source, noise) in &mut self.loads {
            let Some(load) = self.spec.load.get(&self.net.sources[*source].vertex) else { continue };
            let records = load.rate(since, noise) * secs;
            let through = self.net.sources[*source].position - self.net.in_flight(*source);
            let keep = through.min(self.checkpoints.kept(*source));
            self.net.sources[*source].arrive(from, to, records, keep);
        }
    }

    /// A span in which it runs, up to `to` or to where something happens.
    fn run(&mut self, around: &mut Around, from: i64, to: i64) -> i64 {
        if self.pool_seen != around.pool.version {
            self.pool_seen = around.pool.version;
            self.dirty = true;
            if let Some(lost) = around.pool.lost(&self.placement) {
                self.fail(around, from, Cause::TaskManagerLost(lost));
                return from;
            }
        }
        if let Some(v) = self.effects.throws {
            let at = from + costs::THROWS_AFTER;
            self.fail(around, at, Cause::Throws(v));
            return at;
        }
        if self.rescale_if_due(around, from) {
            return from;
        }
        self.checkpoints.due(&self.net, &self.spec.checkpoints, from);
        let speed = self.speed(around.cluster, from, to) * self.degraded * self.awake;
        self.net.flow((to - from) as f64, speed, &mut self.noise);
        self.after(around, from, to);
        to
    }

    /// Share of what it can do when warm.
    fn speed(&self, cluster: &Cluster, from: i64, to: i64) -> f64 {
        let ran = f64::midpoint(from as f64, to as f64) - self.running_since.unwrap_or(from) as f64;
        let warm_up = cluster.warm_up.0 as f64;
        if ran >= warm_up { 1.0 } else { cluster.cold_capacity + (1.0 - cluster.cold_capacity) * ran / warm_up }
    }

    /// What follows from a step.
    fn after(&mut self, around: &mut Around, from: i64, to: i64) {
        for i in 0..self.net.sources.len() {
            let done = self.net.nodes[self.net.sources[i].vertex].done;
            self.net.sources[i].settle(done, from);
        }
        if self.windowed {
            self.close_windows(from, to);
        }
        if to >= self.next_look {
            self.next_look += meters::EVERY;
            self.meters.iter_mut().zip(&self.net.nodes).for_each(|(m, n)| m.look(&n.totals));
        }
        if self.checkpoints.current.is_some() {
            let setting = Setting {
                task_managers: self.placement.len() as f64,
                slow: self.effects.slow_checkpoints,
                declined: self.effects.declined,
            };
            let news = self.checkpoints.step(&self.net, &self.spec.checkpoints, setting, (from, to));
            self.hear(around, news, to);
        }
        if self.effects.leak > 0.0 || self.on_heap || self.awake < 1.0 {
            self.use_heap(around, from, to);
        }
        if let Some(cause) = self.stumbles(to) {
            self.fail(around, to, cause);
        }
    }

    fn close_windows(&mut self, from: i64, to: i64) {
        for (v, spec) in self.spec.vertices.iter().enumerate() {
            let Some(every) = spec.emits_every.map(|e| (e.0 as i64).max(1)) else { continue };
            if from.div_euclid(every) != to.div_euclid(every) && !self.effects.stalled[v] {
                let node = &mut self.net.nodes[v];
                node.bursting += std::mem::take(&mut node.held);
                // What a window held is dropped when it has been sent.
                node.state = if spec.state_per_record > 0.0 { spec.state } else { node.state };
            }
        }
    }

    fn hear(&mut self, around: &mut Around, news: Option<News>, at: i64) {
        match news {
            Some(News::Completed { savepoint: false }) => {
                self.ever.checkpoints += 1;
                let readers = self.net.sources.iter().filter(|s| s.outage && s.partitions.is_some());
                // Offsets are committed with each checkpoint, and with the brokers gone that fails in each subtask.
                let failed: u32 = readers.map(|s| self.parallelism[s.vertex].min(s.partitions.unwrap_or(1))).sum();
                self.commits_failed += f64::from(failed);
            }
            Some(News::TooMany(why)) => self.fail(around, at, Cause::Checkpoints(why)),
            _ => {}
        }
    }

    /// Does it fail by itself at `to`?
    fn stumbles(&self, to: i64) -> Option<Cause> {
        if self.phase != Phase::Running {
            return None;
        }
        if let (Some(v), Some(poison)) = (self.effects.poison, self.poisoned_at) {
            let source = &self.net.sources[self.net.roots[v]];
            if source.position >= poison {
                return Some(Cause::Poison(v, poison as u64));
            }
        }
        let since = self.outage_since?;
        let ran = self.running_since?;
        let notices = if ran >= since { ran } else { since + costs::DISCOVERY };
        (to >= notices + costs::API_TIMEOUT).then_some(Cause::Brokers)
    }

    fn use_heap(&mut self, around: &mut Around, from: i64, to: i64) {
        let leaks = self.effects.leak * (to - from) as f64 / 1_000.0;
        let each = self.heap_state() / self.placement.len().max(1) as f64;
        let heap = around.cluster.heap as f64;
        let (mut full, mut worst) = (None, 0.0_f64);
        for tm in around.pool.members.iter_mut().filter(|t| self.placement.iter().any(|p| p.0 == t.number)) {
            tm.leaked += leaks;
            let used = heap * costs::HEAP_BASE + each + tm.leaked;
            worst = worst.max(used / heap.max(1.0));
            if used >= heap {
                full = Some(tm.number);
            }
        }
        // The little that every heap costs is part of what a vertex was measured to do.
        let pressure = figures::garbage(worst) - figures::garbage(costs::HEAP_BASE);
        self.awake = 1.0 - (pressure / 1_000.0).clamp(0.0, 0.9);
        if let Some(number) = full {
            // Whoever watches over the process starts it anew.
            around.pool.kill_one(number, to, Some(around.cluster.start_up.0 as i64));
            self.pool_seen = around.pool.version;
            self.fail(around, to, Cause::OutOfMemory);
        }
    }

    /// Bytes of state on the heap, over all TaskManagers.
    pub fn heap_state(&self) -> f64 {
        let on_heap = self.spec.vertices.iter().zip(&self.net.nodes).filter(|(v, _)| v.state_on_heap);
        on_heap.map(|(_, n)| n.state).sum()
    }

    /// All tasks of a new attempt run from `at` on: averages begin anew.
    pub(super) fn begin_meters(&mut self, at: i64) {
        self.meters.iter_mut().for_each(|m| *m = Meters::default());
        self.next_look = at + meters::EVERY;
    }
}

/// 32 hex digits of a name: FNV-1a twice.
pub(crate) fn id(parts: &[&str]) -> Arc<str> {
    let hash = |mut h: u64| {
        for part in parts {
            for byte in part.bytes().chain([0xff]) {
                h = (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        h
    };
    format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x6c62_272e_07bb_0142)).into()
}

fn groups(spec: &scenario::Job) -> Vec<usize> {
    let mut names: Vec<&str> = Vec::new();
    let place = |name: &'_ str, names: &[&str]| names.iter().position(|n| *n == name);
    let mut out = Vec::new();
    for v in &spec.vertices {
        let group = place(&v.slot_group, &names).unwrap_or(names.len());
        if group == names.len() {
            names.push(&v.slot_group);
        }
        out.push(group);
    }
    out
}
