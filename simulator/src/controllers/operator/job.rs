//! A whole job: from the window to what is asked of each vertex, and to the changes of one decision.

use super::capacity::{Demand, band};
use super::delayed::Delayed;
use super::edges::{Counters, Flow};
use super::options::Options;
use super::rates;
use super::rates::Series;
use super::vertex::{Change, Past, Vertex, decide};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::units::Millis;

/// What does not change between rescales: one vertex, in topological order.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its id.
    pub id: Arc<str>,
    /// What runs.
    pub parallelism: u32,
    /// Key groups.
    pub max_parallelism: u32,
    /// Partitions of a source; 0: none or not known.
    pub partitions: u32,
    /// Positions of the vertices that feed it; none: a source.
    pub inputs: Vec<usize>,
    /// An input arrives by key.
    pub keyed: bool,
}

/// What was collected of a vertex, over the window.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// Counters of records.
    pub counters: Counters,
    /// `numRecordsInPerSecond`.
    pub in_per_second: Series,
    /// Pending records of a source.
    pub lag: Series,
    /// Busy share, 0 to 1.
    pub load: Series,
    /// Busy milliseconds, accumulated over all subtasks.
    pub busy: Series,
    /// [`rates::observed_rate`] of a source.
    pub observed: Series,
}

fn latest(series: &[(i64, f64)]) -> f64 {
    series.last().map_or(f64::NAN, |(_, v)| *v)
}

/// Evaluates the window: demand travels from the sources down, times the ratio of each edge.
pub fn evaluate(places: &[Place], collected: &[Collected], options: &Options, restart: Millis) -> Vec<Vertex> {
    let sources = || places.iter().zip(collected).filter(|(p, _)| p.inputs.is_empty());
    let backlog = sources().any(|(_, c)| rates::has_backlog(latest(&c.lag), &c.counters.records_in, options));
    let flow = Flow {
        inputs: places.iter().map(|p| p.inputs.clone()).collect(),
        counters: collected.iter().map(|c| c.counters.clone()).collect(),
    };
    let mut demands: Vec<Demand> = Vec::with_capacity(places.len());
    let mut vertices = Vec::with_capacity(places.len());
    for (v, (place, c)) in places.iter().zip(collected).enumerate() {
        let demand = if place.inputs.is_empty() {
            rates::source_demand(&c.counters.records_in, &c.lag, latest(&c.lag), options)
        } else {
            handed_down(&flow, v, &demands)
        };
        demands.push(demand);
        vertices.push(Vertex {
            parallelism: place.parallelism,
            max_parallelism: place.max_parallelism,
            partitions: place.partitions,
            keyed: place.keyed,
            demand,
            true_rate: true_rate(place, c, options),
            band: band(demand, options, restart, backlog),
        });
    }
    vertices
}

/// Demand of a vertex from the demand of those that feed it.
pub fn handed_down(flow: &Flow, v: usize, demands: &[Demand]) -> Demand {
    let mut sum = Demand { target: 0.0, catch_up: 0.0 };
    for from in &flow.inputs[v] {
        let (Some(demand), ratio) = (demands.get(*from), flow.ratio(*from, v)) else { continue };
        sum.target += demand.target * ratio;
        sum.catch_up += demand.catch_up * ratio;
    }
    sum
}

fn true_rate(place: &Place, c: &Collected, options: &Options) -> f64 {
    let busy = rates::busy_time(&c.load, &c.busy, place.parallelism, options.aggregator);
    let records = &c.counters.records_in;
    let input = if options.gauge_over_gauge {
        rates::input_rate_for_busy(records, &c.in_per_second, options.aggregator)
    } else {
        rates::rate(records)
    };
    rates::true_rate(busy, input, &c.observed, options)
}

/// What is remembered of the vertices of a job, by id.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Rescales, oldest first.
    pub past: BTreeMap<Arc<str>, Vec<Past>>,
    /// Scale-downs that wait.
    pub waiting: BTreeMap<Arc<str>, Delayed>,
}

/// The changes of one decision by id, if any vertex that changes is outside of its band; else none.
pub fn decide_all(
    vertices: &[(Arc<str>, Vertex)],
    memory: &mut Memory,
    options: &Options,
    restart: Millis,
    now: i64,
) -> BTreeMap<Arc<str>, Change> {
    let mut changes = BTreeMap::new();
    for (id, vertex) in vertices.iter().filter(|(id, _)| !options.exclude.iter().any(|x| **x == **id)) {
        let past = memory.past.get(id).map_or(&[][..], Vec::as_slice);
        let mut waiting = memory.waiting.remove(id);
        let change = decide(vertex, past, options, restart, now, &mut waiting);
        if let Some(w) = waiting {
            memory.waiting.insert(id.clone(), w);
        }
        if change.to.is_some_and(|(p, _)| p != vertex.parallelism) {
            changes.insert(id.clone(), change);
        }
    }
    let any_outside = changes.values().any(|c| c.to.is_some_and(|(_, outside)| outside));
    if any_outside { changes } else { BTreeMap::new() }
}
