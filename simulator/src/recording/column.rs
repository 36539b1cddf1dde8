//! What a column is: a series, or a figure of the observation itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

/// A figure of an observation that is no series. Times are milliseconds since the epoch, spans milliseconds; yes is 1
/// and no is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// 0 runs, 1 is on its way (restarting), 2 has ended.
    Status,
    /// Since when all tasks of the present attempt run.
    RunningSince,
    /// Parallelism of a vertex.
    Parallelism,
    /// Subtasks of a vertex that run.
    Running,
    /// All slots of the cluster.
    SlotsTotal,
    /// Of those, not in use.
    SlotsFree,
    /// TaskManagers that are registered.
    Taskmanagers,
    /// When the last checkpoint completed.
    CheckpointAt,
    /// Its number.
    CheckpointId,
    /// How long it took.
    CheckpointDuration,
    /// Bytes of the whole state in it.
    CheckpointFullSize,
    /// Bytes it wrote.
    CheckpointWritten,
    /// Checkpoints completed so far.
    CheckpointsCompleted,
    /// Checkpoints failed so far.
    CheckpointsFailed,
    /// A checkpoint is under way.
    CheckpointInProgress,
    /// A savepoint is under way.
    SavepointInProgress,
}

impl Field {
    /// Those of the whole job, in the order in which they are written.
    pub const OF_JOB: [Field; 14] = [
        Field::Status,
        Field::RunningSince,
        Field::SlotsTotal,
        Field::SlotsFree,
        Field::Taskmanagers,
        Field::CheckpointAt,
        Field::CheckpointId,
        Field::CheckpointDuration,
        Field::CheckpointFullSize,
        Field::CheckpointWritten,
        Field::CheckpointsCompleted,
        Field::CheckpointsFailed,
        Field::CheckpointInProgress,
        Field::SavepointInProgress,
    ];
    /// Those of each vertex.
    pub const OF_VERTEX: [Field; 2] = [Field::Parallelism, Field::Running];

    /// What an observation says of it.
    pub fn get(self, o: &Observation, vertex: usize) -> Option<f64> {
        let (c, s) = (o.checkpoints.as_ref(), o.slots.as_ref());
        match self {
            Field::Status => Some(status_number(o.status)),
            Field::RunningSince => o.running_since.map(time),
            Field::Parallelism => o.graph.vertices.get(vertex).map(|v| f64::from(v.parallelism.0)),
            Field::Running => o.graph.vertices.get(vertex)?.running.map(f64::from),
            Field::SlotsTotal => s.map(|s| f64::from(s.total)),
            Field::SlotsFree => s.map(|s| f64::from(s.free)),
            Field::Taskmanagers => s.map(|s| f64::from(s.taskmanagers)),
            Field::CheckpointAt => c?.last_completed.map(time),
            Field::CheckpointId => c?.last_completed_id.map(|n| n as f64),
            Field::CheckpointDuration => c?.last_duration.map(|d| d.0 as f64),
            Field::CheckpointFullSize => c?.full_size.map(|n| n as f64),
            Field::CheckpointWritten => c?.written.map(|n| n as f64),
            Field::CheckpointsCompleted => c?.completed.map(|n| n as f64),
            Field::CheckpointsFailed => c?.failed.map(|n| n as f64),
            Field::CheckpointInProgress => c?.checkpoint_in_progress.map(yes),
            Field::SavepointInProgress => c?.savepoint_in_progress.map(yes),
        }
    }

    /// Puts it into an observation, whose context is already there.
    pub fn set(self, o: &mut Observation, vertex: usize, value: Option<f64>) {
        let (mut c, mut s) = (o.checkpoints.as_mut(), o.slots.as_mut());
        match self {
            Field::Status => o.status = value.map_or(JobStatus::Running, status),
            Field::RunningSince => o.running_since = value.map(|v| Timestamp(v as i64)),
            Field::Parallelism | Field::Running => self.set_vertex(&mut o.graph, vertex, value),
            Field::SlotsTotal => set(s.as_mut().map(|s| &mut s.total), small(value).unwrap_or(0)),
            Field::SlotsFree => set(s.as_mut().map(|s| &mut s.free), small(value).unwrap_or(0)),
            Field::Taskmanagers => set(s.as_mut().map(|s| &mut s.taskmanagers), small(value).unwrap_or(0)),
            Field::CheckpointAt => {
                set(c.as_mut().map(|c| &mut c.last_completed), value.map(|v| Timestamp(v as i64)));
            }
            Field::CheckpointId => set(c.as_mut().map(|c| &mut c.last_completed_id), whole(value)),
            Field::CheckpointDuration => {
                set(c.as_mut().map(|c| &mut c.last_duration), whole(value).map(Millis));
            }
            Field::CheckpointFullSize => set(c.as_mut().map(|c| &mut c.full_size), whole(value)),
            Field::CheckpointWritten => set(c.as_mut().map(|c| &mut c.written), whole(value)),
            Field::CheckpointsCompleted => set(c.as_mut().map(|c| &mut c.completed), whole(value)),
            Field::CheckpointsFailed => set(c.as_mut().map(|c| &mut c.failed), whole(value)),
            Field::CheckpointInProgress => {
                set(c.as_mut().map(|c| &mut c.checkpoint_in_progress), value.map(|v| v != 0.0));
            }
            Field::SavepointInProgress => {
                set(c.as_mut().map(|c| &mut c.savepoint_in_progress), value.map(|v| v != 0.0));
            }
        }
    }

    fn set_vertex(self, graph: &mut Arc<JobGraph>, vertex: usize, value: Option<f64>) {
        let Some(v) = graph.vertices.get(vertex) else { return };
        let told = small(value);
        let same = match self {
            Field::Parallelism => told.is_none_or(|p| v.parallelism == Parallelism(p)),
            _ => v.running == told,
        };
        if same {
            return;
        }
        let v = &mut Arc::make_mut(graph).vertices[vertex];
        match (self, told) {
            (Field::Parallelism, Some(p)) => v.parallelism = Parallelism(p),
            (Field::Parallelism, None) => {}
            (_, running) => v.running = running,
        }
    }
}

fn set<T>(place: Option<&mut T>, value: T) {
    if let Some(place) = place {
        *place = value;
    }
}

fn time(at: Timestamp) -> f64 {
    at.0 as f64
}

fn yes(b: bool) -> f64 {
    f64::from(u8::from(b))
}

fn small(value: Option<f64>) -> Option<u32> {
    value.filter(|v| *v >= 0.0 && *v <= f64::from(u32::MAX)).map(|v| v as u32)
}

fn whole(value: Option<f64>) -> Option<u64> {
    value.filter(|v| *v >= 0.0).map(|v| v as u64)
}

fn status_number(status: JobStatus) -> f64 {
    match status {
        JobStatus::Running => 0.0,
        JobStatus::Restarting => 1.0,
        JobStatus::Ended => 2.0,
    }
}

fn status(number: f64) -> JobStatus {
    match number {
        0.0 => JobStatus::Running,
        1.0 => JobStatus::Restarting,
        _ => JobStatus::Ended,
    }
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKey {
    /// A figure of the observation; of the vertex at that position where it is one of a vertex.
    Field(Field, Option<usize>),
    /// A series.
    Series(Arc<SeriesKey>),
}

/// A column as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    pub id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vertex: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agg: Option<Agg>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// Whether it counts up, to fall only where it begins anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    counter: bool,
}

impl Spec {
    pub fn new(id: u32, key: &ColumnKey) -> Spec {
        let blank = Spec {
            id,
            field: None,
            vertex: None,
            series: None,
            task_name: None,
            operator_name: None,
            agg: None,
            labels: BTreeMap::new(),
            counter: false,
        };
        match key {
            ColumnKey::Field(field, vertex) => Spec { field: Some(*field), vertex: *vertex, ..blank },
            ColumnKey::Series(key) => Spec {
                series: Some(key.name.to_string()),
                task_name: key.task.as_ref().map(ToString::to_string),
                operator_name: key.operator.as_ref().map(ToString::to_string),
                agg: key.agg,
                labels: key.labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
                counter: is_counter(&key.name),
                ..blank
            },
        }
    }

    pub fn key(&self) -> Result<ColumnKey, String> {
        match (self.field, &self.series) {
            (Some(field), None) => Ok(ColumnKey::Field(field, self.vertex)),
            (None, Some(series)) => Ok(ColumnKey::Series(Arc::new(SeriesKey {
                name: series.as_str().into(),
                task: self.task_name.as_deref().map(Into::into),
                operator: self.operator_name.as_deref().map(Into::into),
                agg: self.agg,
                labels: self.labels.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect(),
            }))),
            _ => Err(format!("column {} is neither a field nor a series", self.id)),
        }
    }
}

/// Whether a series counts up (a counter), as against one that goes up and down (a gauge).
pub fn is_counter(series: &str) -> bool {
    const COUNTERS: [&str; 10] = [
        name::RECORDS_IN,
        name::RECORDS_OUT,
        name::BUSY_TOTAL,
        name::IDLE_TOTAL,
        name::BACKPRESSURED_TOTAL,
        name::COMMITS_FAILED,
        name::NUM_RESTARTS,
        name::NUM_RESCALES,
        name::CHECKPOINTS_COMPLETED,
        name::CHECKPOINTS_FAILED,
    ];
    COUNTERS.contains(&series) || series.ends_with("_total")
}
