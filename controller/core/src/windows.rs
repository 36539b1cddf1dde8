//! The windows of one job: what was sampled, bounded, and the index that sizing reads them by.

use crate::job::JobGraph;
use crate::observation::Sample;
use crate::series::{Agg, MAX_SAMPLES, SeriesKey, Window};
use crate::units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Series kept per job; a job of 300 vertices has about 20 each. More are not taken in, and it is said.
pub const MAX_SERIES: usize = 8_000;
/// Flink counts in longs: more than their largest is no figure of its, and its square no number.
const MOST: f64 = 9.3e18;
/// Samples older than this are of no use to anything that reads windows: an hour covers `deriv(...[1h])`-like rules,
/// the sample bound of the window is usually tighter.
const KEEP: Millis = Millis::hours(1);

/// Labels of a series, by name.
pub type Labels = Vec<(Arc<str>, Arc<str>)>;

/// All windows of one job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// When the job was observed, oldest first.
    times: VecDeque<Timestamp>,
    /// By key, sorted.
    series: Vec<(Arc<SeriesKey>, Window)>,
    #[serde(skip)]
    cache: Cache,
}

/// What is worked out once and holds until a series comes or goes.
#[derive(Clone, Debug, Default)]
struct Cache {
    /// Where the samples of the last observation went: the next one mostly has the same, in the same order.
    places: Vec<usize>,
    layout: Option<Arc<Layout>>,
}

impl PartialEq for Cache {
    /// It follows from the rest.
    fn eq(&self, _: &Cache) -> bool {
        true
    }
}

impl Windows {
    /// Takes in one observation's samples. Negative and non-finite values, and what is no figure of Flink's, are left out.
    pub fn push(&mut self, at: Timestamp, samples: &[Sample]) {
        if self.times.back().is_some_and(|t| *t >= at) {
            return;
        }
        self.times.push_back(at);
        while self.times.len() > MAX_SAMPLES {
            self.times.pop_front();
        }
        let mut places = std::mem::take(&mut self.cache.places);
        places.resize(samples.len(), usize::MAX);
        for (sample, place) in samples.iter().zip(&mut places) {
            if (0.0..=MOST).contains(&sample.value) {
                self.take(at, sample, place);
            }
        }
        self.cache.places = places;
        let oldest = at.minus(KEEP);
        let old = |w: &Window| w.last().is_none_or(|(t, _)| t < oldest);
        if self.series.iter().any(|(_, w)| old(w)) {
            self.series.retain(|(_, w)| !old(w));
            self.cache = Cache::default();
        }
    }

    /// `place` is where it is thought to go, and then where it went.
    fn take(&mut self, at: Timestamp, sample: &Sample, place: &mut usize) {
        let same = |key: &Arc<SeriesKey>| Arc::ptr_eq(key, &sample.key) || **key == *sample.key;
        if !self.series.get(*place).is_some_and(|(key, _)| same(key)) {
            *place = match self.series.binary_search_by(|(key, _)| key.cmp(&sample.key)) {
                Ok(found) => found,
                Err(_) if self.series.len() >= MAX_SERIES => return,
                Err(gap) => {
                    self.series.insert(gap, (sample.key.clone(), Window::default()));
                    self.cache.layout = None;
                    gap
                }
            };
        }
        self.series[*place].1.push(at, sample.value, KEEP);
    }

    /// Works the index out for that graph, unless it is known.
    pub fn arrange(&mut self, graph: &JobGraph) {
        if self.layout_of(graph).is_none() {
            self.cache.layout = Some(Arc::new(self.lay_out(graph)));
        }
    }

    fn layout_of(&self, graph: &JobGraph) -> Option<&Arc<Layout>> {
        self.cache.layout.as_ref().filter(|l| l.vertices.iter().eq(graph.vertices.iter().map(|v| &v.name)))
    }

    fn lay_out(&self, graph: &JobGraph) -> Layout {
        let mut tasks: BTreeMap<&str, BTreeMap<&Arc<str>, Places>> = BTreeMap::new();
        for (place, (key, _)) in self.series.iter().enumerate() {
            let of = |operator: &str| task_of(graph, operator);
            let task = key.task.as_deref().or_else(|| of(key.operator.as_deref()?)).unwrap_or("");
            tasks.entry(task).or_default().entry(&key.name).or_default().push((key.agg, place));
        }
        let names = |names: BTreeMap<&Arc<str>, Places>| {
            let mut names: Names = names.into_iter().map(|(n, p)| (n.clone(), p)).collect();
            names.sort_by(|a, b| order(&a.0, &b.0));
            names
        };
        let mut tasks: Vec<_> = tasks.into_iter().map(|(task, by_name)| (task.into(), names(by_name))).collect();
        tasks.sort_by(|a: &(Box<str>, _), b| order(&a.0, &b.0));
        Layout { vertices: graph.vertices.iter().map(|v| v.name.clone()).collect(), tasks }
    }

    /// Forgets every sample: they are from another job, or from before the clock jumped.
    pub fn clear(&mut self) {
        *self = Windows::default();
    }

    /// When the job was observed, at or after `from`.
    pub fn times(&self, from: Timestamp) -> impl DoubleEndedIterator<Item = Timestamp> + '_ {
        let first = self.times.partition_point(|t| *t < from);
        self.times.range(first..).copied()
    }

    /// How many samples it holds, over all series.
    pub fn len(&self) -> usize {
        self.series.iter().map(|(_, w)| w.len()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The series of a vertex that one name has with different labels.
    pub fn labelled(&self, task: &str, name: &str) -> impl Iterator<Item = (&Labels, &Window)> {
        let same = move |key: &SeriesKey| *key.name == *name && key.task.as_deref() == Some(task);
        self.series.iter().filter(move |(key, _)| same(key)).map(|(key, window)| (&key.labels, window))
    }

    /// The index for one reading of all of them.
    pub fn index<'a>(&'a self, graph: &JobGraph) -> Index<'a> {
        let known = self.layout_of(graph).cloned();
        Index { windows: self, layout: known.unwrap_or_else(|| Arc::new(self.lay_out(graph))) }
    }
}

/// The vertex that an operator belongs to: the one whose name begins with it, else the one that holds it.
fn task_of<'a>(graph: &'a JobGraph, operator: &str) -> Option<&'a str> {
    let names = || graph.vertices.iter().map(|v| &*v.name);
    names().find(|n| n.starts_with(operator)).or_else(|| names().find(|n| n.contains(operator)))
}

/// Aggregation and position, of all series of one name.
type Places = Vec<(Option<Agg>, usize)>;

/// The series of one vertex, by name.
type Names = Vec<(Arc<str>, Places)>;

/// Where the series of each vertex are.
#[derive(Debug)]
struct Layout {
    /// The vertices it was made for.
    vertices: Vec<Arc<str>>,
    /// By task, then by name, both in [`order`].
    tasks: Vec<(Box<str>, Names)>,
}

/// By length first: the names have a long beginning in common, and hardly two are as long.
fn order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl Layout {
    fn places(&self, task: &str, name: &str) -> &[(Option<Agg>, usize)] {
        let task = self.tasks.binary_search_by(|(t, _)| order(t, task)).ok().map(|at| &self.tasks[at].1);
        let found = task.and_then(|names| {
            let at = names.binary_search_by(|(n, _)| order(n, name)).ok()?;
            Some(names[at].1.as_slice())
        });
        found.unwrap_or_default()
    }
}

/// Windows by vertex and name.
pub struct Index<'a> {
    windows: &'a Windows,
    layout: Arc<Layout>,
}

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
        let windows = self.windows;
        let places = self.layout.places(task, name).iter();
        places.filter(move |(of, _)| *of == agg).map(move |(_, place)| &windows.series[*place].1)
    }
}

/// The sample at exactly `at`.
pub fn value_at(window: &Window, at: Timestamp) -> Option<f64> {
    window.value_at(at)
}
