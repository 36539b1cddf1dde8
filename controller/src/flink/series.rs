//! Samples of one job, with keys that are made once and shared from then on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::observation::Sample;
use weirkeeper_core::series::{Agg, SeriesKey};

/// Whose series it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The job's.
    Job,
    /// That of the vertex at this position.
    Vertex(usize),
    /// A TaskManager's.
    TaskManager(Arc<str>),
    /// That of a partition (topic and number) which the vertex at this position reads.
    Partition(usize, Arc<str>, u32),
}

/// The keys of one job.
#[derive(Debug, Default)]
pub struct Keys(BTreeMap<(&'static str, Owner, Option<Agg>), Arc<SeriesKey>>);

/// Names are shared by all jobs.
static NAMES: Mutex<BTreeMap<&'static str, Arc<str>>> = Mutex::new(BTreeMap::new());

fn shared(name: &'static str) -> Arc<str> {
    let mut names = NAMES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    names.entry(name).or_insert_with(|| name.into()).clone()
}

impl Keys {
    /// Forgets all: the graph is another.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn get(&mut self, graph: &JobGraph, name: &'static str, owner: Owner, agg: Option<Agg>) -> Arc<SeriesKey> {
        let make = |owner: &Owner| {
            let mut key = SeriesKey { name: shared(name), task: None, operator: None, agg, labels: Vec::new() };
            match owner {
                Owner::Job => {}
                Owner::Vertex(v) => key.task = graph.vertices.get(*v).map(|v| v.name.clone()),
                Owner::TaskManager(id) => key.labels.push((shared("tm_id"), id.clone())),
                Owner::Partition(v, topic, number) => {
                    key.task = graph.vertices.get(*v).map(|v| v.name.clone());
                    key.labels.push((shared("partition"), number.to_string().into()));
                    key.labels.push((shared("topic"), topic.clone()));
                }
            }
            Arc::new(key)
        };
        let slot = (name, owner, agg);
        if let Some(key) = self.0.get(&slot) {
            return key.clone();
        }
        let key = make(&slot.1);
        self.0.insert(slot, key.clone());
        key
    }
}

/// Collects the samples of one observation.
pub struct Samples<'a> {
    keys: &'a mut Keys,
    graph: &'a JobGraph,
    /// What was collected.
    pub samples: Vec<Sample>,
}

impl<'a> Samples<'a> {
    /// Nothing yet.
    pub fn new(keys: &'a mut Keys, graph: &'a JobGraph) -> Samples<'a> {
        Samples { keys, graph, samples: Vec::with_capacity(graph.vertices.len() * 8 + 8) }
    }

    /// Takes a value if there is one. All that Weirkeeper reads counts up from 0; Flink's -1 is "not yet", and the
    /// smallest long a watermark that never came.
    pub fn push(&mut self, name: &'static str, owner: Owner, agg: Option<Agg>, value: Option<f64>) {
        match value {
            Some(value) if value.is_finite() && value >= 0.0 => self.push_signed(name, owner, agg, value),
            _ => {}
        }
    }

    /// Takes a value in place of what another answer said of the same series; keeps that where there is none.
    pub fn replace(&mut self, name: &'static str, owner: Owner, agg: Option<Agg>, value: Option<f64>) {
        let Some(value) = value.filter(|v| v.is_finite() && *v >= 0.0) else { return };
        let key = self.keys.get(self.graph, name, owner, agg);
        match self.samples.iter_mut().find(|s| s.key == key) {
            Some(sample) => sample.value = value,
            None => self.samples.push(Sample { key, value }),
        }
    }

    /// Takes a value that may be negative: a drift.
    pub fn push_signed(&mut self, name: &'static str, owner: Owner, agg: Option<Agg>, value: f64) {
        // Beyond this lie only Flink's smallest and largest long.
        if value.abs() < 9e18 {
            let key = self.keys.get(self.graph, name, owner, agg);
            self.samples.push(Sample { key, value });
        }
    }
}
