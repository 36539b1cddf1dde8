//! From columns to observations.

use super::columns::Columns;
use super::mapping::{ColumnOf, FieldOf, Mapping, VertexOf};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::{Checkpoints, ClusterFacts, JobStatus, Observation, Sample, Scheduler, Slots};
use weirkeeper_core::series::SeriesKey;
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};
use weirkeeper_simulator::recording::{Context, Header, NoteKind, Origin};

/// A row: what happened before it, and what was read.
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// What happened before it.
    pub notes: Vec<(Timestamp, NoteKind)>,
    /// What was read; absent at the end, where only notes are left.
    pub observation: Option<Observation>,
}

/// The header of the recording.
pub fn header(mapping: &Mapping, job: &str, columns: &Columns) -> Header {
    let mut context = Context::of(&blank(mapping, job), true);
    for (v, told) in context.vertices.iter_mut().zip(&mapping.graph.vertices) {
        v.operators.clone_from(&told.operators);
    }
    Header {
        version: weirkeeper_simulator::recording::VERSION,
        cluster: mapping.job.cluster.clone(),
        namespace: None,
        job: job.to_owned(),
        origin: Origin {
            kind: "csv".into(),
            by: concat!("weirkeeper ", env!("CARGO_PKG_VERSION")).into(),
            notes: columns.notes.clone(),
        },
        interval: millis(mapping.interval.0).0,
        context,
    }
}

fn millis(d: std::time::Duration) -> Millis {
    Millis(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// All that the mapping tells without its columns.
fn blank(mapping: &Mapping, job: &str) -> Observation {
    let place = |name: &str| mapping.graph.vertices.iter().position(|v| v.name == name).unwrap_or(0);
    let edge = |(from, to, ship): &(String, String, String)| Edge {
        from: place(from),
        to: place(to),
        ship: Ship::parse(ship),
    };
    let checkpoints = mapping.checkpoints.as_ref().map(|c| Checkpoints {
        interval: c.interval.map(|d| millis(d.0)),
        timeout: c.timeout.map(|d| millis(d.0)),
        enabled: Some(true),
        ..Checkpoints::default()
    });
    Observation {
        job: JobKey { cluster: mapping.job.cluster.as_str().into(), namespace: None, name: job.into() },
        job_id: job.into(),
        labels: mapping.job.labels.clone(),
        graph: Arc::new(JobGraph {
            vertices: mapping.graph.vertices.iter().map(vertex).collect(),
            edges: mapping.graph.edges.iter().map(edge).collect(),
        }),
        status: JobStatus::Running,
        running_since: None,
        scheduler: mapping.scheduler.as_deref().map(|s| match s {
            "adaptive" => Scheduler::Adaptive,
            other => Scheduler::Other(other.to_owned()),
        }),
        slots: None,
        requirements: None,
        checkpoints,
        failure: None,
        facts: facts(mapping),
        samples: Vec::new(),
        missing: Vec::new(),
    }
}

fn vertex(v: &VertexOf) -> Vertex {
    Vertex {
        id: v.name.as_str().into(),
        name: v.name.as_str().into(),
        parallelism: Parallelism(v.parallelism),
        max_parallelism: v.max_parallelism.map(Parallelism),
        slot_group: v.slot_group.as_deref().unwrap_or("default").into(),
        partitions: v.partitions,
        running: None,
    }
}

fn facts(mapping: &Mapping) -> ClusterFacts {
    let version = |text: &String| {
        let (major, rest) = text.split_once('.')?;
        Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
    };
    ClusterFacts {
        version: mapping.flink.version.as_ref().and_then(version),
        buffer_debloat: mapping.flink.buffer_debloat,
        heartbeat_timeout: mapping.flink.heartbeat_timeout.map(|d| millis(d.0)),
        rescale_cooldown: None,
        taskmanager_memory: mapping.flink.taskmanager_memory,
    }
}

/// All rows, in order.
pub fn rows<'a>(mapping: &'a Mapping, job: &str, columns: &'a Columns) -> impl Iterator<Item = Row> + 'a {
    let mut maker = Maker::new(mapping, job, columns);
    let rows = columns.times.iter().map(|at| Some(*at)).chain([None]);
    rows.filter_map(move |at| maker.row(at))
}

struct Maker<'a> {
    mapping: &'a Mapping,
    columns: &'a Columns,
    /// Next value of each column.
    next: Vec<usize>,
    next_running: usize,
    next_failure: usize,
    keys: Vec<Option<Arc<SeriesKey>>>,
    now: Observation,
    ran_at: Option<i64>,
}

impl<'a> Maker<'a> {
    fn new(mapping: &'a Mapping, job: &str, columns: &'a Columns) -> Maker<'a> {
        let keys = mapping.columns.iter().map(key).collect();
        let next = vec![0; mapping.columns.len()];
        let now = blank(mapping, job);
        Maker { mapping, columns, next, next_running: 0, next_failure: 0, keys, now, ran_at: None }
    }

    fn row(&mut self, at: Option<i64>) -> Option<Row> {
        let notes = self.failures(at.unwrap_or(i64::MAX));
        let Some(at) = at else {
            let last = notes.last()?.0;
            return Some(Row { at: last, notes, observation: None });
        };
        let sizes = self.sizes();
        self.now.samples.clear();
        self.now.slots = None;
        for i in 0..self.columns.of.len() {
            if let Some(value) = take(&self.columns.of[i], &mut self.next[i], at) {
                self.put(i, value * self.mapping.columns[i].factor);
            }
        }
        self.settle_slots();
        self.running(at, sizes != self.sizes());
        Some(Row { at: Timestamp(at), notes, observation: Some(self.now.clone()) })
    }

    fn failures(&mut self, until: i64) -> Vec<(Timestamp, NoteKind)> {
        let all = &self.columns.failures[self.next_failure..];
        let due: Vec<_> = all.iter().take_while(|f| f.0 <= until).cloned().collect();
        self.next_failure += due.len();
        due.into_iter().map(|(at, text)| (Timestamp(at), NoteKind::Failure { text })).collect()
    }

    fn sizes(&self) -> Vec<Parallelism> {
        self.now.graph.vertices.iter().map(|v| v.parallelism).collect()
    }

    fn put(&mut self, i: usize, value: f64) {
        let column = &self.mapping.columns[i];
        if let Some(key) = &self.keys[i] {
            self.now.samples.push(Sample { key: Arc::clone(key), value });
            return;
        }
        let count = if value >= 0.0 && value <= f64::from(u32::MAX) { value.round() as u32 } else { return };
        match column.field {
            Some(FieldOf::Parallelism) => self.resize(column.vertex.as_deref(), count),
            Some(FieldOf::SlotsTotal) => self.slots().total = count,
            Some(FieldOf::SlotsFree) => self.slots().free = count,
            Some(FieldOf::Taskmanagers) => self.slots().taskmanagers = count,
            None => {}
        }
    }

    /// Nothing runs at parallelism 0: what a cluster shows between two deployments is not a size.
    fn resize(&mut self, vertex: Option<&str>, count: u32) {
        let changes = |v: &Vertex| vertex.is_none_or(|n| *v.name == *n) && v.parallelism.0 != count;
        if count == 0 || !self.now.graph.vertices.iter().any(changes) {
            return;
        }
        let graph = Arc::make_mut(&mut self.now.graph);
        graph.vertices.iter_mut().filter(|v| changes(v)).for_each(|v| v.parallelism = Parallelism(count));
    }

    fn slots(&mut self) -> &mut Slots {
        let told = self.mapping.slots.clone().unwrap_or_default();
        self.now.slots.get_or_insert(Slots {
            total: 0,
            free: 0,
            max: told.max,
            on_demand: told.on_demand,
            per_taskmanager: told.per_taskmanager,
            taskmanagers: 0,
        })
    }

    /// Without the number of all slots nothing is known of them. Those not said to be free or used: one per subtask of the
    /// widest vertex is used, as with one slot sharing group.
    fn settle_slots(&mut self) {
        let widest = self.sizes().into_iter().map(|p| p.0).max().unwrap_or(0);
        let told = self.mapping.columns.iter().any(|c| c.field == Some(FieldOf::SlotsFree));
        self.now.slots = self.now.slots.filter(|s| s.total > 0);
        if let Some(slots) = self.now.slots.as_mut().filter(|_| !told) {
            slots.free = slots.total.saturating_sub(widest);
        }
    }

    /// Runs while the column is there: since the first row of it, or since the parallelism changed.
    fn running(&mut self, at: i64, resized: bool) {
        let (Some(rule), Some(values)) = (&self.mapping.running, &self.columns.running) else { return };
        let seen = take(values, &mut self.next_running, at).is_some_and(|v| v > rule.above);
        if seen {
            self.ran_at = Some(at);
        }
        let patience = i64::try_from(rule.patience.0.as_millis()).unwrap_or(i64::MAX);
        let runs = self.ran_at.is_some_and(|ran| at - ran <= patience);
        self.now.status = if runs { JobStatus::Running } else { JobStatus::Restarting };
        self.now.running_since = match self.now.running_since {
            Some(since) if runs && !resized => Some(since),
            _ => runs.then_some(Timestamp(at)),
        };
        let subtasks = |v: &mut Vertex| v.running = runs.then_some(v.parallelism.0);
        if self.now.graph.vertices.iter().any(|v| v.running != runs.then_some(v.parallelism.0)) {
            Arc::make_mut(&mut self.now.graph).vertices.iter_mut().for_each(subtasks);
        }
    }
}

/// The value at exactly that time.
fn take(values: &[(i64, f64)], next: &mut usize, at: i64) -> Option<f64> {
    let (time, value) = values.get(*next)?;
    if *time != at {
        return None;
    }
    *next += 1;
    Some(*value)
}

fn key(c: &ColumnOf) -> Option<Arc<SeriesKey>> {
    let labels: BTreeMap<&String, &String> = c.labels.iter().collect();
    let key = SeriesKey {
        task: c.vertex.as_deref().map(Into::into),
        agg: c.agg,
        labels: labels.into_iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
        ..SeriesKey::job(c.series.as_deref()?)
    };
    Some(Arc::new(key))
}
