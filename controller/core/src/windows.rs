//! The windows of one job: what was sampled, bounded, and the index that sizing reads them by.

use crate::job::JobGraph;
use crate::observation::Sample;
use crate::series::{Agg, MAX_SAMPLES, SeriesKey, Window};
use crate::units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Series kept per job; a job of 300 vertices has about 20 each. More are not taken in, and it is said.
pub const MAX_SERIES: usize = 8_000;
/// Samples older than this are of no use to anything that reads windows: an hour covers `deriv(...[1h])`-like rules,
/// the sample bound of the window is usually tighter.
const KEEP: Millis = Millis::hours(1);

/// All windows of one job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// When the job was observed, oldest first.
    times: VecDeque<Timestamp>,
    #[serde(with = "as_list")]
    series: BTreeMap<Arc<SeriesKey>, Window>,
}

mod as_list {
    //! JSON has no maps with structured keys.
    use super::{Arc, BTreeMap, SeriesKey, Window};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(map: &BTreeMap<Arc<SeriesKey>, Window>, s: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<Arc<SeriesKey>, Window>, D::Error> {
        Ok(Vec::<(Arc<SeriesKey>, Window)>::deserialize(d)?.into_iter().collect())
    }
}

impl Windows {
    /// Takes in one observation's samples. Negative and non-finite values are left out.
    pub fn push(&mut self, at: Timestamp, samples: &[Sample]) {
        if self.times.back().is_some_and(|t| *t >= at) {
            return;
        }
        self.times.push_back(at);
        while self.times.len() > MAX_SAMPLES {
            self.times.pop_front();
        }
        for sample in samples.iter().filter(|s| s.value.is_finite() && s.value >= 0.0) {
            if self.series.len() < MAX_SERIES || self.series.contains_key(&sample.key) {
                self.series.entry(sample.key.clone()).or_default().push(at, sample.value, KEEP);
            }
        }
        let oldest = at.minus(KEEP);
        self.series.retain(|_, w| w.last().is_some_and(|(t, _)| t >= oldest));
    }

    /// Forgets every sample: they are from another job, or from before the clock jumped.
    pub fn clear(&mut self) {
        self.times.clear();
        self.series.clear();
    }

    /// When the job was observed, at or after `from`.
    pub fn times(&self, from: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        self.times.iter().copied().filter(move |t| *t >= from)
    }

    /// How many samples it holds, over all series.
    pub fn len(&self) -> usize {
        self.series.values().map(Window::len).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The index for one reading of all of them.
    pub fn index<'a>(&'a self, graph: &'a JobGraph) -> Index<'a> {
        let mut map: ByTask = BTreeMap::new();
        for (key, window) in &self.series {
            let task = key.task.as_deref().or_else(|| task_of(graph, key.operator.as_deref()?)).unwrap_or("");
            map.entry(task).or_default().entry(&key.name).or_default().push((key.agg, window));
        }
        Index { map }
    }
}

/// The vertex that an operator belongs to: the one whose name begins with it, else the one that holds it.
fn task_of<'a>(graph: &'a JobGraph, operator: &str) -> Option<&'a str> {
    let names = || graph.vertices.iter().map(|v| &*v.name);
    names().find(|n| n.starts_with(operator)).or_else(|| names().find(|n| n.contains(operator)))
}

/// Windows by vertex and name.
pub struct Index<'a> {
    map: ByTask<'a>,
}

type ByName<'a> = BTreeMap<&'a str, Vec<(Option<Agg>, &'a Window)>>;
type ByTask<'a> = BTreeMap<&'a str, ByName<'a>>;

impl<'a> Index<'a> {
    /// A vertex's series, over its operators the first.
    pub fn task(&self, task: &str, name: &str, agg: Agg) -> Option<&'a Window> {
        self.all(task, name, Some(agg)).next()
    }

    /// A vertex's series under any of `aggs`, the first that is there.
    pub fn task_any(&self, task: &str, name: &str, aggs: &[Agg]) -> Option<&'a Window> {
        aggs.iter().find_map(|a| self.task(task, name, *a)).or_else(|| self.all(task, name, None).next())
    }

    /// A series of the job.
    pub fn job(&self, name: &str) -> Option<&'a Window> {
        self.all("", name, None).next()
    }

    /// Every series under that name and aggregation (one per TaskManager, say).
    pub fn all(&self, task: &str, name: &str, agg: Option<Agg>) -> impl Iterator<Item = &'a Window> + '_ {
        let series = self.map.get(task).and_then(|t| t.get(name)).map_or(&[][..], Vec::as_slice);
        series.iter().filter(move |s| s.0 == agg).map(|s| s.1)
    }
}

/// The sample at exactly `at`.
pub fn value_at(window: &Window, at: Timestamp) -> Option<f64> {
    window.since(at).next().filter(|s| s.0 == at).map(|s| s.1)
}
