//! The mapping file of `import csv`, as written.

use super::Problem;
use crate::settings::Span;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weirkeeper_core::series::Agg;

/// How CSV files become a recording.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Mapping {
    /// `weirkeeper.dev/v1`.
    pub api_version: String,
    /// `CsvMapping`.
    pub kind: String,
    /// Which job.
    pub job: Job,
    /// Rows are this far apart; of several values in one row, the last counts.
    pub interval: Span,
    /// How the files are written.
    #[serde(default)]
    pub csv: Csv,
    /// The job graph.
    pub graph: Graph,
    /// `adaptive`, or another scheduler's name; absent: not known.
    pub scheduler: Option<String>,
    /// Slots of the cluster, as far as they do not change.
    pub slots: Option<SlotFacts>,
    /// Settings of checkpoints.
    pub checkpoints: Option<CheckpointFacts>,
    /// Settings of the cluster.
    #[serde(default)]
    pub flink: FlinkFacts,
    /// What the columns are.
    pub columns: Vec<ColumnOf>,
    /// How it is told whether the job ran; absent: it is not known.
    pub running: Option<Running>,
    /// Files whose rows are events.
    #[serde(default)]
    pub events: Vec<EventFile>,
    /// What a reader of the recording should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Job {
    /// Its name; `--job` gives another.
    pub name: String,
    /// What its cluster is called.
    #[serde(default = "csv")]
    pub cluster: String,
    /// Labels that policies may match.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

fn csv() -> String {
    "csv".to_owned()
}

/// How the files are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Csv {
    /// Between two fields: one character.
    pub separator: char,
    /// The column of times.
    pub time: String,
    /// How times are written.
    pub time_format: TimeFormat,
    /// What stands for "not known", besides an empty field.
    pub unknown: Vec<String>,
}

impl Default for Csv {
    fn default() -> Csv {
        Csv { separator: ',', time: "timestamp".into(), time_format: TimeFormat::Seconds, unknown: vec!["NaN".into()] }
    }
}

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeFormat {
    /// Seconds since the epoch, fractions allowed.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// `2025-01-06T00:00:00Z`.
    Rfc3339,
}

/// The job graph.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Graph {
    /// In topological order.
    pub vertices: Vec<VertexOf>,
    /// From, to, and how records travel: `HASH`, `FORWARD`, `REBALANCE`, ...
    #[serde(default)]
    pub edges: Vec<(String, String, String)>,
}

/// A vertex.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VertexOf {
    /// Its name, as Flink shows it.
    pub name: String,
    /// Parallelism until a column says another.
    pub parallelism: u32,
    /// Key groups.
    pub max_parallelism: Option<u32>,
    /// Partitions of a source.
    pub partitions: Option<u32>,
    /// Slot sharing group.
    pub slot_group: Option<String>,
    /// The operators chained in it.
    #[serde(default)]
    pub operators: Vec<String>,
}

/// Slots.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SlotFacts {
    /// `slotmanager.number-of-slots.max`.
    pub max: Option<u32>,
    /// TaskManagers are started on demand.
    pub on_demand: bool,
    /// Slots of each.
    pub per_taskmanager: Option<u32>,
}

/// Checkpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct CheckpointFacts {
    /// Interval.
    pub interval: Option<Span>,
    /// Time-out.
    pub timeout: Option<Span>,
}

/// The cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct FlinkFacts {
    /// As `2.2`.
    pub version: Option<String>,
    /// `heartbeat.timeout`.
    pub heartbeat_timeout: Option<Span>,
    /// Memory of a TaskManager, bytes.
    pub taskmanager_memory: Option<u64>,
    /// `taskmanager.network.memory.buffer-debloat.enabled`.
    pub buffer_debloat: Option<bool>,
}

/// A column of a file, and what it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ColumnOf {
    /// The file, seen from `--input`; `.xz` is decompressed.
    pub file: PathBuf,
    /// The column's name in its first line.
    pub column: String,
    /// The series it is.
    pub series: Option<String>,
    /// Of which vertex.
    pub vertex: Option<String>,
    /// Over its subtasks.
    pub agg: Option<Agg>,
    /// Other labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Or the figure it is.
    pub field: Option<FieldOf>,
    /// The value is multiplied by this: 1000 where seconds become milliseconds.
    #[serde(default = "one")]
    pub factor: f64,
}

fn one() -> f64 {
    1.0
}

/// A figure that is no series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldOf {
    /// Parallelism of `vertex`, or of all vertices.
    Parallelism,
    /// All slots.
    SlotsTotal,
    /// Free slots.
    SlotsFree,
    /// TaskManagers.
    Taskmanagers,
}

/// The job runs while a column is there and above a value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Running {
    /// The file.
    pub file: PathBuf,
    /// Its column.
    pub column: String,
    /// Above this it runs.
    #[serde(default)]
    pub above: f64,
    /// Missing for no longer than this, it still runs.
    pub patience: Span,
}

/// A file whose rows are events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EventFile {
    /// The file.
    pub file: PathBuf,
    /// What each of its rows is: a failure, in these words.
    pub failure: String,
}

/// Reads a mapping.
pub fn read(path: &Path) -> Result<Mapping, Problem> {
    let problem = |place: Option<(u64, u64)>, message: String, unopened: bool| Problem {
        path: path.to_owned(),
        place: place.unwrap_or((1, 1)),
        kind: "mapping",
        message,
        unopened,
    };
    let text = std::fs::read_to_string(path).map_err(|e| {
        problem(None, format!("the mapping cannot be read: {e}"), e.kind() != std::io::ErrorKind::InvalidData)
    })?;
    let mapping: Mapping = serde_yaml::from_str(&text).map_err(|e| {
        let place = e.location().map(|l| (l.line(), l.column()));
        problem(place, plain(&e.without_snippet().to_string()), false)
    })?;
    match mapping.problem() {
        // What does not fit together is told with the line on which the word in question stands.
        Some((word, message)) => Err(problem(find(&text, &word), message, false)),
        None => Ok(mapping),
    }
}

fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    first[..first.find(" at line ").unwrap_or(first.len())].to_owned()
}

fn find(text: &str, word: &str) -> Option<(u64, u64)> {
    // "order" is not the beginning of "orders".
    let whole = |line: &str, at: usize| !line[at + word.len()..].starts_with(char::is_alphanumeric);
    let place = |line: &str| line.match_indices(word).map(|m| m.0).find(|at| whole(line, *at));
    let (n, at) = text.lines().enumerate().find_map(|(n, line)| Some((n, place(line)?)))?;
    Some((n as u64 + 1, at as u64 + 1))
}

impl Mapping {
    /// What does not fit together: the word in question, and what is wrong with it.
    fn problem(&self) -> Option<(String, String)> {
        let version = (self.api_version != "weirkeeper.dev/v1").then(|| {
            ("apiVersion".into(), format!("apiVersion {:?} is not known: weirkeeper.dev/v1", self.api_version))
        });
        let kind =
            || (self.kind != "CsvMapping").then(|| ("kind".into(), format!("kind {:?} is not CsvMapping", self.kind)));
        let interval =
            || self.interval.0.is_zero().then(|| ("interval".into(), "the interval must not be 0".to_owned()));
        let none = || self.columns.is_empty().then(|| ("columns".into(), "there are no columns".to_owned()));
        let vertices =
            || self.graph.vertices.is_empty().then(|| ("vertices".into(), "a job has at least one vertex".to_owned()));
        version
            .or_else(kind)
            .or_else(interval)
            .or_else(none)
            .or_else(vertices)
            .or_else(|| self.graph.edges.iter().find_map(|(from, to, _)| self.lost(from).or_else(|| self.lost(to))))
            .or_else(|| self.columns.iter().find_map(|c| self.column_problem(c)))
    }

    fn lost(&self, vertex: &str) -> Option<(String, String)> {
        let names: Vec<_> = self.graph.vertices.iter().map(|v| v.name.as_str()).collect();
        let message = || format!("there is no vertex {vertex:?}: the graph has {}", names.join(", "));
        (!names.contains(&vertex)).then(|| (vertex.to_owned(), message()))
    }

    fn column_problem(&self, c: &ColumnOf) -> Option<(String, String)> {
        let word = c.file.display().to_string();
        if c.series.is_some() == c.field.is_some() {
            return Some((word, format!("column {:?} needs either a series or a field", c.column)));
        }
        if !c.factor.is_finite() {
            return Some((word, format!("the factor of column {:?} is no number", c.column)));
        }
        c.vertex.as_deref().and_then(|v| self.lost(v))
    }
}
