//! A job of two vertices for the tests of controllers: a source that is never the limit, and `work` at a fixed rate
//! per subtask. Counters and the 60 s averages that Flink makes of them; a rescale restarts both.

use crate::controller::{Command, Controller};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::{Bounds, ClusterFacts, JobStatus, Observation, Sample, Scheduler};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Parallelism, Timestamp};

/// The job.
pub struct Bench {
    /// Seconds since the start.
    pub now: i64,
    /// Records/s of one subtask of `work`.
    pub each: f64,
    /// Records that wait.
    pub backlog: f64,
    /// Subtasks of the source and of `work`.
    pub parallelism: [u32; 2],
    /// Partitions of the source.
    pub partitions: Option<u32>,
    /// What was asked for, and when.
    pub asked: Vec<(i64, BTreeMap<String, u32>)>,
    /// Seconds that a rescale takes.
    pub pause: i64,
    /// Seconds from a request until it is carried out.
    pub takes_effect_after: i64,
    /// What Flink says it is asked for, of both vertices; absent: it does not tell.
    pub requirements: Option<[u32; 2]>,
    due: Option<(i64, BTreeMap<Arc<str>, u32>)>,
    since: i64,
    counters: Counters,
    minute: VecDeque<Counters>,
}

#[derive(Clone, Copy, Default)]
struct Counters {
    records: f64,
    busy_ms: f64,
    hindered_ms: f64,
}

fn bounds(upper: u32) -> Bounds {
    Bounds { lower: Parallelism(1), upper: Parallelism(upper) }
}

const NAMES: [&str; 2] = ["Source: in", "work"];

impl Bench {
    /// One subtask each.
    pub fn new(each: f64) -> Bench {
        Bench {
            now: 0,
            each,
            backlog: 0.0,
            parallelism: [1, 1],
            partitions: Some(8),
            asked: Vec::new(),
            pause: 1,
            takes_effect_after: 0,
            requirements: Some([1, 1]),
            due: None,
            since: 0,
            counters: Counters::default(),
            minute: VecDeque::from([Counters::default()]),
        }
    }

    /// Lets `arriving` records/s come in for `seconds`, with `controller` at the wheel.
    pub fn run(&mut self, seconds: i64, arriving: f64, controller: &mut dyn Controller) {
        let every = controller.interval().map_or(15, |i| i.0 as i64 / 1_000);
        for _ in 0..seconds {
            self.second(arriving);
            if self.now % every != 0 {
                continue;
            }
            let at = Timestamp(self.now * 1_000);
            for command in controller.look(at, &[Event::Observed(Box::new(self.observation()))]) {
                self.carry_out(&command);
            }
        }
    }

    fn second(&mut self, arriving: f64) {
        self.now += 1;
        self.change();
        self.backlog += arriving;
        if self.now <= self.since {
            return;
        }
        let limit = self.each * f64::from(self.parallelism[1]);
        let done = self.backlog.min(limit);
        self.backlog -= done;
        self.counters.records += done;
        self.counters.busy_ms += done / limit * 1_000.0;
        self.counters.hindered_ms += if self.backlog > 0.0 { 950.0 } else { 0.0 };
        self.minute.push_back(self.counters);
        if self.minute.len() > 61 {
            self.minute.pop_front();
        }
    }

    fn carry_out(&mut self, command: &Command) {
        let Command::Rescale { target, .. } = command else { return };
        self.asked.push((self.now, target.iter().map(|(id, p)| (id.to_string(), *p)).collect()));
        for (id, p) in target {
            let vertex = NAMES.iter().position(|n| **n == **id).unwrap();
            self.requirements.iter_mut().for_each(|asked| asked[vertex] = *p);
        }
        self.due = Some((self.now + self.takes_effect_after, target.clone()));
        self.change();
    }

    fn change(&mut self) {
        let Some((_, target)) = self.due.take_if(|(at, _)| *at <= self.now) else { return };
        for (id, p) in target {
            let vertex = NAMES.iter().position(|n| **n == *id);
            self.parallelism[vertex.unwrap()] = p;
        }
        self.since = self.now + self.pause;
        self.counters = Counters::default();
        self.minute = VecDeque::from([Counters::default()]);
    }

    /// A person changes the parallelism of `work`.
    pub fn by_hand(&mut self, parallelism: u32) {
        self.parallelism[1] = parallelism;
        self.requirements.iter_mut().for_each(|asked| asked[1] = parallelism);
    }

    /// What Flink says.
    pub fn observation(&self) -> Observation {
        let vertex = |v: usize| Vertex {
            id: NAMES[v].into(),
            name: NAMES[v].into(),
            parallelism: Parallelism(self.parallelism[v]),
            max_parallelism: Some(Parallelism(128)),
            slot_group: "default".into(),
            partitions: self.partitions.filter(|_| v == 0),
            running: None,
        };
        let edges = vec![Edge { from: 0, to: 1, ship: Ship::Rebalance }];
        Observation {
            job: JobKey { cluster: "test".into(), namespace: None, name: "two".into() },
            job_id: "00".into(),
            labels: BTreeMap::new(),
            graph: Arc::new(JobGraph { vertices: vec![vertex(0), vertex(1)], edges }),
            status: JobStatus::Running,
            running_since: (self.now > self.since).then_some(Timestamp(self.since * 1_000)),
            scheduler: Some(Scheduler::Adaptive),
            slots: None,
            requirements: self.requirements.map(|asked| (0..2).map(|v| (NAMES[v].into(), bounds(asked[v]))).collect()),
            checkpoints: None,
            failure: None,
            facts: ClusterFacts::default(),
            samples: self.samples(),
            missing: Vec::new(),
        }
    }

    /// Flink divides by a minute even when less has passed.
    fn samples(&self) -> Vec<Sample> {
        let (first, c) = (self.minute.front().copied().unwrap_or_default(), self.counters);
        let averaged = |v: fn(&Counters) -> f64| (v(&c) - v(&first)) / 60.0;
        // Busy time is averaged over the seconds there are.
        let seconds = (self.minute.len() as f64 - 1.0).max(1.0);
        let of_time = |v: fn(&Counters) -> f64| (v(&c) - v(&first)) / seconds;
        let value = |series: &str, v: usize, agg: Agg, value: f64| Sample {
            key: Arc::new(SeriesKey::task(series, NAMES[v], agg)),
            value,
        };
        let p = f64::from(self.parallelism[1]);
        vec![
            value(name::RECORDS_OUT, 0, Agg::Sum, c.records),
            value(name::RECORDS_OUT_RATE, 0, Agg::Sum, averaged(|c| c.records)),
            value(name::BUSY_TOTAL, 0, Agg::Sum, c.records * 0.001),
            value(name::BUSY_RATE, 0, Agg::Max, 0.001 * averaged(|c| c.records)),
            value(name::BUSY_RATE, 0, Agg::Avg, 0.001 * averaged(|c| c.records)),
            value(name::BACKPRESSURED_RATE, 0, Agg::Avg, of_time(|c| c.hindered_ms)),
            value(name::PENDING, 0, Agg::Sum, self.backlog),
            value(name::RECORDS_IN, 1, Agg::Sum, c.records),
            value(name::RECORDS_IN_RATE, 1, Agg::Sum, averaged(|c| c.records)),
            value(name::BUSY_TOTAL, 1, Agg::Sum, c.busy_ms * p),
            value(name::BUSY_RATE, 1, Agg::Max, of_time(|c| c.busy_ms)),
            value(name::BUSY_RATE, 1, Agg::Avg, of_time(|c| c.busy_ms)),
        ]
    }
}
