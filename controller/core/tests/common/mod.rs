//! A job made of arithmetic, for tests of `step`: a source, vertices behind it with a capacity per subtask, and exact
//! counters. Everything that a test wants to be different is a public field.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::{Action, ActionKind, Effect};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::*;
use weirkeeper_core::policy::*;
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};
use weirkeeper_core::{Config, State, step};

/// One vertex of the rig.
pub struct Part {
    pub name: &'static str,
    pub p: u32,
    /// Records/s of one subtask at full load.
    pub each: f64,
    /// Records received so far, records sent so far, busy, idle and backpressured ms over all subtasks.
    pub totals: [f64; 5],
    /// Busy ms of the busiest subtask.
    pub hottest: f64,
    /// Share of the load that one subtask takes beyond its part, 0 to 1.
    pub skew: f64,
    /// Records sent per record received.
    pub ratio: f64,
    /// Capacity by parallelism, instead of `each`.
    pub curve: Option<fn(u32) -> f64>,
}

impl Part {
    /// Records/s that a balanced part can do.
    pub fn capacity(&self) -> f64 {
        self.curve.map_or(self.each * f64::from(self.p), |c| c(self.p))
    }
}

/// The rig: parts in a row.
pub struct Rig {
    pub at: i64,
    pub step_ms: u64,
    pub parts: Vec<Part>,
    pub ships: Vec<Ship>,
    pub arriving: f64,
    pub backlog: f64,
    pub started: i64,
    pub observation: Observation,
    pub config: Config,
    pub state: State,
    /// Extra series by key, put into every observation.
    pub extra: BTreeMap<SeriesKey, f64>,
    /// Series left out.
    pub without: Vec<&'static str>,
    /// Whether accepted rescales change the rig.
    pub obeys: bool,
    /// Time from the PUT to all tasks running.
    pub pause_ms: i64,
    pub acts: Vec<(i64, Action)>,
    pub log: Vec<String>,
    pub checkpoint_id: u64,
    pub completes_checkpoints: bool,
    /// Whether the brokers' end offsets are known: the true lag.
    pub brokers: bool,
}

pub fn key() -> JobKey {
    JobKey { cluster: "c".into(), namespace: None, name: "job".into() }
}

pub fn part(name: &'static str, p: u32, each: f64) -> Part {
    Part { name, p, each, totals: [0.0; 5], hottest: 0.0, skew: 0.0, ratio: 1.0, curve: None }
}

pub fn policy() -> Policy {
    Policy {
        name: "test".to_owned(),
        matches: Match { jobs: vec![Glob("job".to_owned())], ..Match::default() },
        mode: Mode::Auto,
        ..Policy::default()
    }
}

/// Checkpoints as they should be.
fn healthy() -> Checkpoints {
    Checkpoints {
        last_completed: Some(Timestamp(0)),
        last_completed_id: Some(1),
        last_duration: Some(Millis(100)),
        full_size: Some(1_000),
        written: Some(1_000),
        completed: Some(1),
        failed: Some(0),
        savepoint_in_progress: Some(false),
        checkpoint_in_progress: Some(false),
        interval: Some(Millis::secs(10)),
        timeout: Some(Millis::minutes(10)),
        enabled: Some(true),
        forst: Some(false),
    }
}

impl Rig {
    pub fn new(parts: Vec<Part>, arriving: f64) -> Rig {
        let ships = vec![Ship::Hash; parts.len().saturating_sub(1)];
        let slots =
            Slots { total: 64, free: 60, max: None, on_demand: false, per_taskmanager: Some(4), taskmanagers: 16 };
        let observation = Observation {
            job: key(),
            job_id: "1".into(),
            labels: BTreeMap::new(),
            graph: Arc::new(JobGraph::default()),
            status: JobStatus::Running,
            running_since: Some(Timestamp(0)),
            scheduler: Some(Scheduler::Adaptive),
            slots: Some(slots),
            requirements: None,
            checkpoints: Some(healthy()),
            failure: None,
            facts: ClusterFacts {
                version: Some((2, 2)),
                buffer_debloat: Some(true),
                taskmanager_memory: Some(1 << 30),
                ..ClusterFacts::default()
            },
            samples: Vec::new(),
            missing: Vec::new(),
        };
        let interval = Millis::secs(15);
        let config = Config { policies: vec![policy()], interval, dry_run: false, dry_run_counts: false };
        Rig {
            at: 0,
            step_ms: 15_000,
            parts,
            ships,
            arriving,
            backlog: 0.0,
            started: 0,
            observation,
            config,
            state: State::default(),
            extra: BTreeMap::new(),
            without: Vec::new(),
            obeys: true,
            pause_ms: 1_000,
            acts: Vec::new(),
            log: Vec::new(),
            checkpoint_id: 1,
            completes_checkpoints: true,
            brokers: false,
        }
    }

    /// Source `src` with ample capacity, then `work` of 500/s per subtask.
    pub fn simple(p: u32, arriving: f64) -> Rig {
        Rig::new(vec![part("src", p, 100_000.0), part("work", p, 500.0)], arriving)
    }

    pub fn policy(&mut self) -> &mut Policy {
        &mut self.config.policies[0]
    }

    pub fn graph(&self) -> JobGraph {
        let vertex = |part: &Part| Vertex {
            id: part.name.into(),
            name: part.name.into(),
            parallelism: Parallelism(part.p),
            max_parallelism: Some(Parallelism(1 << 15)),
            slot_group: "default".into(),
            partitions: None,
            running: Some(part.p),
        };
        let edge = |(i, ship): (usize, &Ship)| Edge { from: i, to: i + 1, ship: ship.clone() };
        JobGraph {
            vertices: self.parts.iter().map(vertex).collect(),
            edges: self.ships.iter().enumerate().map(edge).collect(),
        }
    }

    /// One interval of physics: what passes is what the narrowest part lets pass.
    pub fn flow(&mut self) {
        let secs = self.step_ms as f64 / 1_000.0;
        let up = self.at >= self.started;
        let capacity = |p: &Part| p.capacity() / (1.0 + p.skew * (f64::from(p.p) - 1.0));
        let mut narrowest = f64::INFINITY;
        let mut gain = 1.0;
        for p in &self.parts {
            narrowest = narrowest.min(capacity(p) / gain);
            gain *= p.ratio;
        }
        let offered = self.arriving + self.backlog / secs;
        let passed = if up { offered.min(narrowest) } else { 0.0 };
        self.backlog = ((self.arriving - passed) * secs + self.backlog).max(0.0);
        let held = self.backlog > 0.0;
        let bottleneck =
            self.parts.iter().map(&capacity).enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |m| m.0);
        let mut rate = passed;
        for (i, p) in self.parts.iter_mut().enumerate() {
            let busy = (rate / p.capacity()).min(1.0);
            let waits = if held && i < bottleneck { 1.0 - busy } else { 0.0 };
            let ms = secs * 1_000.0 * f64::from(p.p);
            p.totals[0] += if i == 0 { 0.0 } else { rate * secs };
            p.totals[1] += rate * p.ratio * secs;
            p.totals[2] += busy * ms;
            p.totals[3] += (1.0 - busy - waits) * ms;
            p.totals[4] += waits * ms;
            p.hottest += (busy * (1.0 + p.skew * (f64::from(p.p) - 1.0))).min(1.0) * secs * 1_000.0;
            rate *= p.ratio;
        }
        self.at += self.step_ms as i64;
        if up && self.completes_checkpoints {
            self.checkpoint_id += 1;
            if let Some(c) = self.observation.checkpoints.as_mut() {
                c.last_completed = Some(Timestamp(self.at));
                c.last_completed_id = Some(self.checkpoint_id);
                c.completed = c.completed.map(|n| n + 1);
            }
        }
    }

    /// What Flink would show now.
    pub fn observe(&self) -> Observation {
        let mut seen = self.observation.clone();
        seen.graph = Arc::new(self.graph());
        seen.running_since = seen.running_since.filter(|_| self.at >= self.started).map(|_| Timestamp(self.started));
        if seen.requirements.is_none() {
            let bounds = |p: &Part| Bounds { lower: Parallelism(1), upper: Parallelism(p.p) };
            seen.requirements = Some(self.parts.iter().map(|p| (p.name.into(), bounds(p))).collect());
        }
        if let Some(slots) = seen.slots.as_mut() {
            slots.free = slots.total - self.parts.iter().map(|p| p.p).max().unwrap_or(0).min(slots.total);
        }
        let mut put = |key: SeriesKey, value: f64| {
            if !self.without.contains(&&*key.name) {
                seen.samples.push(Sample { key: Arc::new(key), value });
            }
        };
        let names =
            [name::RECORDS_IN, name::RECORDS_OUT, name::BUSY_TOTAL, name::IDLE_TOTAL, name::BACKPRESSURED_TOTAL];
        for part in &self.parts {
            names.iter().zip(part.totals).for_each(|(n, v)| put(SeriesKey::task(n, part.name, Agg::Sum), v));
            put(SeriesKey::task(name::BUSY_TOTAL, part.name, Agg::Max), part.hottest);
        }
        let lag = self.backlog / self.arriving.max(1.0) * 1_000.0;
        put(SeriesKey::task(name::EMIT_LAG, self.parts[0].name, Agg::Max), lag + 5.0);
        put(SeriesKey::task(name::PENDING, self.parts[0].name, Agg::Sum), self.backlog / 5.0);
        if self.brokers {
            put(SeriesKey::task(name::SOURCE_LAG_RECORDS, self.parts[0].name, Agg::Sum), self.backlog);
        }
        self.extra.iter().for_each(|(k, v)| put(k.clone(), *v));
        seen
    }

    /// Feeds one event and carries its effects out.
    pub fn feed(&mut self, event: &Event) -> Vec<Effect> {
        let effects = step(&self.config, &mut self.state, Timestamp(self.at), event);
        for effect in &effects {
            match effect {
                Effect::Act(action) => self.carry_out(action),
                Effect::Record(decision) => self.log.push(format!("{:>5} {decision}", self.at / 1_000)),
                Effect::Escalate { message, .. } => self.log.push(format!("{:>5} ESCALATE {message}", self.at / 1_000)),
            }
        }
        effects
    }

    fn carry_out(&mut self, action: &Action) {
        self.acts.push((self.at, action.clone()));
        if !self.obeys {
            return;
        }
        let outcome = match &action.kind {
            ActionKind::Rescale { target, .. } if !self.config.dry_run => {
                self.apply(target);
                Outcome::Accepted
            }
            ActionKind::Inquire => Outcome::Found {
                requirements: self.observe().requirements.unwrap_or_default(),
                running: BTreeMap::new(),
                job_id: action.job_id.clone(),
            },
            _ => Outcome::DryRun,
        };
        self.feed(&Event::Outcome { run: action.run, token: action.token, outcome });
    }

    /// Sets parallelism as Flink would: new attempt, counters from zero.
    pub fn apply(&mut self, target: &BTreeMap<Arc<str>, Bounds>) {
        for part in &mut self.parts {
            part.p = target[part.name].upper.0;
        }
        self.restart(self.pause_ms);
        if self.observation.requirements.is_some() {
            self.observation.requirements = Some(target.clone());
        }
    }

    pub fn restart(&mut self, pause_ms: i64) {
        self.started = self.at + pause_ms;
        for part in &mut self.parts {
            (part.totals, part.hottest) = ([0.0; 5], 0.0);
        }
    }

    pub fn tick(&mut self) -> Vec<Effect> {
        self.flow();
        let seen = self.observe();
        let mut effects = self.feed(&Event::Observed(Box::new(seen)));
        effects.extend(self.feed(&Event::Tick));
        effects
    }

    /// Runs until `secs` since the epoch.
    pub fn run_until(&mut self, secs: i64) -> &mut Rig {
        while self.at < secs * 1_000 {
            self.tick();
        }
        self
    }

    /// Parallelism asked for by each rescale that was sent, with its time in seconds.
    pub fn rescales(&self) -> Vec<(i64, Vec<u32>)> {
        let target = |a: &Action| match &a.kind {
            ActionKind::Rescale { target, .. } => Some(self.parts.iter().map(|p| target[p.name].upper.0).collect()),
            _ => None,
        };
        self.acts.iter().filter_map(|(at, a)| Some((at / 1_000, target(a)?))).collect()
    }

    pub fn standing(&self) -> &weirkeeper_core::decision::Decision {
        self.state.jobs[&key()].view.standing.as_ref().unwrap()
    }

    /// The wanted parallelism by vertex that stands now.
    pub fn wanted(&self) -> BTreeMap<String, u32> {
        self.standing().rescale.iter().map(|(v, c)| (v.to_string(), c.to.0)).collect()
    }

    pub fn gates(&self) -> Vec<&'static str> {
        self.standing().gates.iter().map(|g| g.as_str()).collect()
    }

    pub fn reasons(&self) -> Vec<&'static str> {
        self.standing().reasons.iter().map(|r| r.name()).collect()
    }

    pub fn says(&self, reason: &str) -> bool {
        self.reasons().contains(&reason)
    }
}
