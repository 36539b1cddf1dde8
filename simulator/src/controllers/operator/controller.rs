//! `operator`: the autoscaler as a controller. One sample and one decision at every look; what was decided is asked of
//! Flink again whenever Flink's requirements say something else.

use super::edges::Counters;
use super::job::{Collected, Memory, Place, decide_all, evaluate};
use super::options::Options;
use super::requirements::{Realizer, requirements};
use super::restarts::restart_time;
use super::vertex::{Change, Past, Vertex};
use super::window::{Phase, Window};
use super::{memory, rates};
use crate::controller::{Command, Controller};
use crate::controllers::reading::{largest, of_vertex, rescales, runs};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{JobKey, Ship};
use weirkeeper_core::observation::Observation;
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::{Millis, Timestamp};

/// One vertex at one look; NaN: not read.
#[derive(Clone, Copy, Debug)]
struct Point {
    records_in: f64,
    records_out: f64,
    in_per_second: f64,
    lag: f64,
    load: f64,
    busy: f64,
    observed: f64,
}

/// All at one look.
#[derive(Clone, Debug)]
struct Sample {
    vertices: Vec<Point>,
    gc_pressure: f64,
    heap_usage: f64,
}

/// A rescale whose restart is timed.
#[derive(Clone, Debug)]
struct Timed {
    at: i64,
    target: BTreeMap<Arc<str>, u32>,
}

/// What it remembers of a job.
#[derive(Clone, Debug, Default)]
struct Job {
    window: Window<Sample>,
    memory: Memory,
    overrides: BTreeMap<Arc<str>, u32>,
    timed: Option<Timed>,
    tracked: Vec<Millis>,
    /// Where Flink does not tell what it is asked for: what was asked last, and when.
    asked: Option<(Timestamp, BTreeMap<Arc<str>, u32>)>,
}

/// The controller.
#[derive(Clone, Debug)]
pub struct Operator {
    options: Options,
    jobs: BTreeMap<JobKey, Job>,
}

impl Operator {
    /// With options.
    pub fn new(options: Options) -> Operator {
        Operator { options, jobs: BTreeMap::new() }
    }

    /// With options by name.
    pub fn with(options: &crate::controllers::options::Options) -> Result<Operator, String> {
        let mut own = Options::default();
        for (key, value) in options {
            own.set(key, value)?;
        }
        Ok(Operator::new(own))
    }
}

fn or_nan(v: Option<f64>) -> f64 {
    v.unwrap_or(f64::NAN)
}

fn places(o: &Observation) -> Vec<Place> {
    let graph = &o.graph;
    let place = |(v, vertex): (usize, &weirkeeper_core::job::Vertex)| {
        let partitions = vertex.partitions.filter(|_| graph.is_source(v)).unwrap_or(0);
        let key_groups = vertex.max_parallelism.map_or(super::vertex::INT_MAX, |p| p.0);
        Place {
            id: vertex.id.clone(),
            parallelism: vertex.parallelism.0,
            max_parallelism: if partitions > 0 { key_groups.min(partitions) } else { key_groups },
            partitions,
            inputs: graph.inputs(v).map(|e| e.from).collect(),
            keyed: graph.inputs(v).any(|e| e.ship == Ship::Hash),
        }
    };
    graph.vertices.iter().enumerate().map(place).collect()
}

fn point(o: &Observation, v: usize, options: &Options, before: f64) -> Point {
    let sum = |series: &str| of_vertex(o, series, v, &[Agg::Sum]);
    let is_source = o.graph.is_source(v);
    // A source without figures of what it takes in is counted by what it sends.
    let out_if_source = |taken: Option<f64>, sent: Option<f64>| match taken {
        Some(n) if n > 0.0 || !is_source => Some(n),
        _ if is_source => sent,
        other => other,
    };
    let in_per_second = out_if_source(sum(name::RECORDS_IN_RATE), sum(name::RECORDS_OUT_RATE));
    let lag = if is_source { sum(name::PENDING).unwrap_or(0.0) } else { f64::NAN };
    let busy = |agg: Agg| or_nan(of_vertex(o, name::BUSY_RATE, v, &[agg, Agg::Avg]));
    let hindered = or_nan(of_vertex(o, name::BACKPRESSURED_RATE, v, &[Agg::Avg]));
    let observed = match in_per_second.filter(|_| is_source) {
        Some(input) => rates::observed_rate(lag, input, hindered, before, options),
        None => f64::NAN,
    };
    Point {
        records_in: or_nan(out_if_source(sum(name::RECORDS_IN), sum(name::RECORDS_OUT))),
        records_out: or_nan(sum(name::RECORDS_OUT)),
        in_per_second: or_nan(in_per_second),
        lag,
        load: rates::load(busy(Agg::Min), busy(Agg::Max), busy(Agg::Avg), options.aggregator),
        busy: or_nan(sum(name::BUSY_TOTAL)),
        observed,
    }
}

fn series(window: &Window<Sample>, v: usize, pick: fn(&Point) -> f64) -> Vec<(i64, f64)> {
    window.samples().iter().filter_map(|(t, s)| Some((*t, pick(s.vertices.get(v)?)))).collect()
}

fn collected(window: &Window<Sample>, v: usize) -> Collected {
    Collected {
        counters: Counters {
            records_in: series(window, v, |p| p.records_in),
            records_out: series(window, v, |p| p.records_out),
        },
        in_per_second: series(window, v, |p| p.in_per_second),
        lag: series(window, v, |p| p.lag),
        load: series(window, v, |p| p.load),
        busy: series(window, v, |p| p.busy),
        observed: series(window, v, |p| p.observed),
    }
}

impl Job {
    fn sample(&self, o: &Observation, options: &Options) -> Sample {
        let observed = |v: usize| rates::average(&series(&self.window, v, |p| p.observed), options.observe_least);
        let heap = memory::heap_usage(or_nan(largest(o, name::HEAP_USED)), or_nan(largest(o, name::HEAP_MAX)));
        Sample {
            vertices: (0..o.graph.vertices.len()).map(|v| point(o, v, options, observed(v))).collect(),
            gc_pressure: or_nan(largest(o, name::GC_RATE)) / 1_000.0,
            heap_usage: heap,
        }
    }

    /// Decides, and returns what Flink is to be asked for.
    fn look(&mut self, at: Timestamp, o: &Observation, options: &Options) -> BTreeMap<Arc<str>, u32> {
        let Some(since) = o.running_since.filter(|_| runs(o)) else { return BTreeMap::new() };
        self.time_restart(o, since);
        let sample = self.sample(o, options);
        if self.window.add(at.0, since.0, sample, options) == Phase::Full {
            self.decide(at, o, options);
        }
        self.ask(at, o)
    }

    fn decide(&mut self, at: Timestamp, o: &Observation, options: &Options) {
        let restart = restart_time(options, &self.tracked);
        let places = places(o);
        let all: Vec<Collected> = (0..places.len()).map(|v| collected(&self.window, v)).collect();
        if self.is_short_of_memory(options) {
            return;
        }
        let evaluated = evaluate(&places, &all, options, restart);
        // The project gives up a cycle in which it does not know what arrives.
        let blind = |(p, v): (&Place, &Vertex)| p.inputs.is_empty() && v.demand.target.is_nan();
        if places.iter().zip(&evaluated).any(blind) {
            return;
        }
        let vertices: Vec<_> = places.iter().map(|p| p.id.clone()).zip(evaluated).collect();
        let changes = decide_all(&vertices, &mut self.memory, options, restart, at.0);
        if options.scaling && !changes.is_empty() {
            self.take(at, &vertices, &changes, options);
        }
    }

    fn is_short_of_memory(&self, options: &Options) -> bool {
        let heap: Vec<(i64, f64)> = self.window.samples().iter().map(|(t, s)| (*t, s.heap_usage)).collect();
        let gc = self.window.samples().values().next_back().map_or(f64::NAN, |s| s.gc_pressure);
        memory::is_short(gc, rates::average(&heap, 1), options)
    }

    fn take(
        &mut self,
        at: Timestamp,
        vertices: &[(Arc<str>, Vertex)],
        changes: &BTreeMap<Arc<str>, Change>,
        options: &Options,
    ) {
        let mut target = BTreeMap::new();
        for (id, vertex) in vertices {
            let change = changes.get(id);
            let to = change.and_then(|c| c.to).map_or(vertex.parallelism, |(p, _)| p);
            self.overrides.insert(id.clone(), to);
            let Some(change) = change else { continue };
            target.insert(id.clone(), to);
            let past = self.memory.past.entry(id.clone()).or_default();
            past.push(Past {
                at: at.0,
                from: vertex.parallelism,
                to,
                true_rate: vertex.true_rate,
                expected_rate: change.expected_rate.unwrap_or(f64::NAN),
            });
            past.retain(|p| at.0 - p.at <= options.history_age.0 as i64);
            past.drain(..past.len().saturating_sub(options.history_count));
        }
        self.memory.waiting.clear();
        self.timed = Some(Timed { at: at.0, target });
    }

    /// A restart lasted from the decision until the job ran as decided.
    fn time_restart(&mut self, o: &Observation, since: Timestamp) {
        let Some(timed) = self.timed.take_if(|t| since.0 > t.at) else { return };
        let runs_as =
            |(id, p): (&Arc<str>, &u32)| o.graph.vertices.iter().any(|v| v.id == *id && v.parallelism.0 == *p);
        if timed.target.iter().all(runs_as) {
            self.tracked.push(since.since(Timestamp(timed.at)));
            self.tracked.drain(..self.tracked.len().saturating_sub(MOST_TRACKED));
        }
    }

    /// What has been decided and is not asked of Flink now.
    fn ask(&mut self, at: Timestamp, o: &Observation) -> BTreeMap<Arc<str>, u32> {
        let asked = |id: &Arc<str>, runs: u32| {
            o.requirements.as_ref().and_then(|r| r.get(id)).map_or((runs, runs), |b| (b.lower.0, b.upper.0))
        };
        let now: BTreeMap<String, (u32, u32)> =
            o.graph.vertices.iter().map(|v| (v.id.to_string(), asked(&v.id, v.parallelism.0))).collect();
        let wanted = self.overrides.iter().map(|(id, p)| (id.to_string(), *p)).collect();
        let (new, _) = requirements(&now, &wanted, Realizer::Operator);
        let differs = |id: &str| new.get(id).map(|b| b.1) != now.get(id).map(|b| b.1);
        if !new.keys().any(|id| differs(id)) {
            return BTreeMap::new();
        }
        let target: BTreeMap<Arc<str>, u32> = new.into_iter().map(|(id, b)| (Arc::from(id), b.1)).collect();
        let repeats = |(t, asked): &(Timestamp, BTreeMap<Arc<str>, u32>)| *asked == target && at.since(*t) < UPGRADE;
        if o.requirements.is_none() && self.asked.as_ref().is_some_and(repeats) {
            return BTreeMap::new();
        }
        self.asked = Some((at, target.clone()));
        target
    }
}

/// Without requirements to compare with, a change is an upgrade that the project carries out once; one that has not
/// come about by then has failed, and is tried again.
const UPGRADE: Millis = Millis::minutes(10);

/// Restarts that are remembered: the project keeps as many as rescales per vertex, of which there are three by default;
/// a few more do no harm, as only the longest counts.
const MOST_TRACKED: usize = 10;

impl Controller for Operator {
    fn name(&self) -> &str {
        "operator"
    }

    fn interval(&self) -> Option<Millis> {
        Some(self.options.interval)
    }

    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        rescales(events, |o| self.jobs.entry(o.job.clone()).or_default().look(at, o, &self.options))
    }

    /// Samples are kept in its state store too.
    fn restarted(&mut self, _at: Timestamp) {}
}
