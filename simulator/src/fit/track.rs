//! What fitting uses of a recording, row by row. Unknown stays unknown.

use crate::recording::{Bad, Context, Header, Item, NoteKind, Rows};
use std::io::Read;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::series::{Agg, name};

/// CPU in use by a TaskManager, as a share of what it has.
const CPU: &str = "flink_taskmanager_Status_JVM_CPU_Load";

/// Of one vertex in one row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Parallelism.
    pub parallelism: u32,
    /// Records received (of a source: sent) since the attempt began.
    pub records: Option<f64>,
    /// The same as records/s, averaged by whoever measured.
    pub rate: Option<f64>,
    /// Records sent.
    pub sent: Option<f64>,
    /// Busy ms over all subtasks since the attempt began.
    pub busy: Option<f64>,
    /// Of the busiest subtask.
    pub busiest: Option<f64>,
    /// Busy share, averaged by whoever measured.
    pub busy_rate: Option<f64>,
}

/// One row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// ms since the epoch.
    pub at: i64,
    /// Whether all of it runs.
    pub runs: bool,
    /// Since when.
    pub since: Option<i64>,
    /// Subtasks of the widest vertex.
    pub size: u32,
    /// TaskManagers.
    pub task_managers: Option<u32>,
    /// TaskManagers that run it: as many as its slots fill.
    pub hosts: Option<u32>,
    /// CPU in use, share, mean over the TaskManagers.
    pub cpu: Option<f64>,
    /// Records behind, over all sources.
    pub lag: Option<f64>,
    /// The newest completed checkpoint: its number, and ms it took.
    pub checkpoint: Option<(u64, f64)>,
    /// Bytes that it wrote, and bytes of the whole state.
    pub sizes: Option<(f64, f64)>,
    /// The newest failure that Flink told of.
    pub failure: Option<i64>,
}

/// A recording, as far as it is used.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its header.
    pub header: Header,
    /// What seldom changes, as of the last row.
    pub context: Context,
    /// Rows.
    pub rows: Vec<Row>,
    /// By row and vertex: `rows.len() * vertices` of them.
    pub figures: Vec<Figures>,
    /// Vertices.
    pub vertices: usize,
    /// Failures that the recording tells of, ms since the epoch.
    pub failures: Vec<i64>,
    /// Records are counted, not only their rate averaged.
    pub counted: bool,
}

impl Track {
    /// Reads all of a recording.
    pub fn read<R: Read>(rows: &mut Rows<R>) -> Result<Track, Bad> {
        let header = rows.header().clone();
        let vertices = header.context.vertices.len();
        let mut track = Track {
            context: header.context.clone(),
            header,
            rows: Vec::new(),
            figures: Vec::new(),
            vertices,
            failures: Vec::new(),
            counted: false,
        };
        while let Some(item) = rows.next()? {
            match item {
                Item::Event(at, Event::Observed(o)) if o.graph.vertices.len() == vertices => track.add(at.0, o),
                Item::Note(note) if matches!(note.kind, NoteKind::Failure { .. }) => track.failures.push(note.at),
                _ => {}
            }
        }
        track.context = rows.context().clone();
        track.counted = track.figures.iter().any(|f| f.records.is_some());
        Ok(track)
    }

    /// The figures of a vertex in a row.
    pub fn of(&self, row: usize, vertex: usize) -> &Figures {
        &self.figures[row * self.vertices + vertex]
    }

    /// Positions of the sources; without edges the first vertex is taken for the only one.
    pub fn sources(&self) -> Vec<usize> {
        let edges = self.context.edges.as_deref().unwrap_or_default();
        let sources = (0..self.vertices).filter(|v| !edges.iter().any(|e| e.to == *v));
        if edges.is_empty() { vec![0] } else { sources.collect() }
    }

    /// Time between rows, ms.
    pub fn step(&self) -> i64 {
        i64::try_from(self.header.interval).unwrap_or(i64::MAX).max(1)
    }

    fn add(&mut self, at: i64, o: &Observation) {
        let first = self.figures.len();
        for v in &o.graph.vertices {
            self.figures.push(Figures { parallelism: v.parallelism.0, ..Figures::default() });
        }
        let checkpoints = o.checkpoints.as_ref();
        let size = o.graph.vertices.iter().map(|v| v.parallelism.0).max().unwrap_or(0);
        let mut row = Row {
            at,
            hosts: o.slots.map(|s| size.div_ceil(s.per_taskmanager.unwrap_or(1).max(1)).min(s.taskmanagers).max(1)),
            runs: o.status == JobStatus::Running && (o.running_since.is_some() || !self.knows_attempts(o)),
            since: o.running_since.map(|t| t.0),
            size,
            task_managers: o.slots.map(|s| s.taskmanagers),
            checkpoint: checkpoints.and_then(|c| Some((c.last_completed_id?, c.last_duration?.0 as f64))),
            sizes: checkpoints.and_then(|c| Some((c.written? as f64, c.full_size? as f64))),
            failure: o.failure.as_ref().map(|f| f.at.0),
            ..Row::default()
        };
        let (mut cpu, mut pending, mut true_lag) = ((0.0, 0.0), None, None);
        for sample in &o.samples {
            match (&*sample.key.name, sample.key.agg) {
                (CPU, None | Some(Agg::Avg)) => cpu = (cpu.0 + sample.value, cpu.1 + 1.0),
                (name::SOURCE_LAG_RECORDS, _) => true_lag = Some(true_lag.unwrap_or(0.0) + sample.value),
                _ => {
                    let Some(task) = &sample.key.task else { continue };
                    let Some(v) = o.graph.vertices.iter().position(|v| v.name == *task) else { continue };
                    let figures = &mut self.figures[first + v];
                    if let Some(lag) = put(figures, &sample.key.name, sample.key.agg, sample.value) {
                        pending = Some(pending.unwrap_or(0.0) + lag);
                    }
                }
            }
        }
        row.cpu = (cpu.1 > 0.0).then(|| cpu.0 / cpu.1);
        row.lag = true_lag.or(pending);
        for v in self.sources() {
            // A source receives nothing: it is counted by what it sends.
            let figures = &mut self.figures[first + v];
            figures.records = figures.records.filter(|n| *n > 0.0).or(figures.sent);
        }
        self.rows.push(row);
    }

    /// Some recordings do not know since when a job runs.
    fn knows_attempts(&self, o: &Observation) -> bool {
        o.running_since.is_some() || self.rows.iter().rev().take(1_000).any(|r| r.since.is_some())
    }
}

/// Puts a sample where it belongs; gives records behind, where it is these.
fn put(figures: &mut Figures, series: &str, agg: Option<Agg>, value: f64) -> Option<f64> {
    match (series, agg) {
        (name::RECORDS_IN, Some(Agg::Sum)) => figures.records = Some(value),
        (name::RECORDS_OUT, Some(Agg::Sum)) => figures.sent = Some(value),
        (name::RECORDS_IN_RATE, Some(Agg::Sum)) => figures.rate = Some(value).filter(|v| *v > 0.0).or(figures.rate),
        (name::RECORDS_OUT_RATE, Some(Agg::Sum)) => figures.rate = figures.rate.or(Some(value)),
        (name::BUSY_TOTAL, Some(Agg::Sum)) => figures.busy = Some(value),
        (name::BUSY_TOTAL, Some(Agg::Max)) => figures.busiest = Some(value),
        (name::BUSY_RATE, Some(Agg::Avg)) => figures.busy_rate = Some(value / 1_000.0),
        (name::PENDING, Some(Agg::Sum)) => return Some(value),
        (name::PENDING, Some(Agg::Avg)) => return Some(value * f64::from(figures.parallelism)),
        _ => {}
    }
    None
}
