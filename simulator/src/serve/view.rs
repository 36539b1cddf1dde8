//! What the answers about one job are made of.

use super::fetcher::Fetched;
use super::history::Shown;
use super::pace::Pace;
use crate::scenario::{self, Cluster};
use crate::world::World;
use crate::world::view::{Figures, VertexState};
use serde_json::{Map, Value, json};

/// A job, as it is shown and as its metrics were fetched.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub world: &'a World,
    pub pace: Pace,
    /// Of the reader's clock.
    pub now: i64,
    pub shown: &'a Shown,
    pub spec: &'a scenario::Job,
    pub fetched: Option<&'a Fetched>,
    /// Metrics are zeros that say so.
    pub incomplete: bool,
}

/// Bytes of a record on the wire: of the recorded jobs' 36 to 37.
const RECORD: f64 = 36.0;

/// Counters of one subtask, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Io {
    pub read: f64,
    pub read_bytes: f64,
    pub written: f64,
    pub busy: f64,
    pub idle: f64,
    pub backpressured: f64,
}

impl Io {
    pub fn sum(all: &[Io]) -> Io {
        all.iter().fold(Io::default(), |a, b| Io {
            read: a.read + b.read,
            read_bytes: a.read_bytes + b.read_bytes,
            written: a.written + b.written,
            busy: a.busy + b.busy,
            idle: a.idle + b.idle,
            backpressured: a.backpressured + b.backpressured,
        })
    }

    pub fn bytes(records: f64) -> f64 {
        (records * RECORD).trunc()
    }

    /// Its numbers by Flink's names.
    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("read-bytes", self.read_bytes),
            ("write-bytes", Io::bytes(self.written)),
            ("read-records", self.read),
            ("write-records", self.written),
            ("accumulated-backpressured-time", self.backpressured),
            ("accumulated-idle-time", self.idle),
            ("accumulated-busy-time", self.busy),
        ]
    }

    /// As in `metrics` of vertices and subtasks. What could not be reached is zero and says so.
    pub fn json(&self, incomplete: bool) -> Value {
        let of = if incomplete { Io::default() } else { *self };
        let mut out = Map::new();
        for (name, value) in of.named() {
            let whole = name != "accumulated-busy-time";
            out.insert(name.to_owned(), if whole { json!(value as i64) } else { json!(value) });
            if !name.starts_with("accumulated") {
                out.insert(format!("{name}-complete"), json!(!incomplete));
            }
        }
        Value::Object(out)
    }
}

/// States of a subtask.
const STATES: [&str; 10] = [
    "RECONCILING",
    "FAILED",
    "DEPLOYING",
    "RUNNING",
    "CANCELED",
    "INITIALIZING",
    "SCHEDULED",
    "FINISHED",
    "CREATED",
    "CANCELING",
];

/// How many are in which state.
pub(super) fn counts(of: &[(&str, u32)]) -> Map<String, Value> {
    let count = |state: &str| of.iter().filter(|(s, _)| *s == state).map(|(_, n)| *n).sum::<u32>();
    STATES.iter().map(|s| ((*s).to_owned(), json!(count(s)))).collect()
}

/// When a vertex came to run and ended, and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub word: &'static str,
    /// Of the reader's clock; -1: never.
    pub start: i64,
    pub end: i64,
    pub duration: i64,
}

impl<'a> View<'a> {
    pub fn cluster(&self) -> &'a Cluster {
        &self.world.scenario().cluster
    }

    pub fn version(&self) -> (u32, u32) {
        self.cluster().version
    }

    pub fn figures(&self) -> Option<&'a Figures> {
        self.fetched.and_then(|f| f.figures.as_ref())
    }

    pub fn vertex(&self, v: usize) -> &'a VertexState {
        &self.shown.state.vertices[v]
    }

    pub fn find_vertex(&self, id: &str) -> Option<usize> {
        self.shown.state.vertices.iter().position(|v| &*v.id == id)
    }

    pub fn has_inputs(&self, v: usize) -> bool {
        self.spec.edges.iter().any(|e| e.to == v)
    }

    pub fn has_outputs(&self, v: usize) -> bool {
        self.spec.edges.iter().any(|e| e.from == v)
    }

    /// The state and times of a vertex's tasks.
    pub fn span(&self, v: usize) -> Span {
        let state = &self.shown.state;
        if !self.shown.ran() || state.word == "CREATED" {
            return Span { word: "CREATED", start: -1, end: -1, duration: -1 };
        }
        let start = self.pace.at(state.deployed.0);
        let Some(down) = self.shown.history.down.map(|t| self.pace.at(t)) else {
            return Span { word: "RUNNING", start, end: -1, duration: self.now - start };
        };
        let culprit = self.shown.failures.first().is_some_and(|f| f.task == Some(v));
        let word = match state.word {
            "FINISHED" => "FINISHED",
            "RESTARTING" | "FAILED" if culprit => "FAILED",
            _ => "CANCELED",
        };
        Span { word, start, end: down, duration: down - start }
    }

    /// Its tasks by state: where one throws, the others are cancelled.
    pub fn tasks(&self, v: usize) -> Vec<(&'static str, u32)> {
        let (span, p) = (self.span(v), self.vertex(v).parallelism);
        match span.word {
            _ if span.start < 0 => Vec::new(),
            "FAILED" => vec![("FAILED", 1), ("CANCELED", p.saturating_sub(1))],
            word => vec![(word, p)],
        }
    }

    /// Counters of the subtasks of a vertex.
    pub fn io(&self, v: usize) -> Vec<Io> {
        match self.figures() {
            Some(figures) => super::subtasks::io(self, v, &figures.vertices[v]),
            None => vec![Io::default(); self.vertex(v).parallelism as usize],
        }
    }

    /// On which TaskManager a subtask runs: slots are taken in the order of the placement.
    pub fn host(&self, subtask: u32) -> &'a str {
        let mut left = subtask;
        for (id, slots) in &self.shown.state.placement {
            if left < *slots {
                return id;
            }
            left -= slots;
        }
        self.shown.state.placement.last().map_or("(unassigned)", |(id, _)| id)
    }

    /// Where its TaskManager answers.
    pub fn endpoint(&self, subtask: u32) -> String {
        endpoint(self.host(subtask))
    }
}

/// A TaskManager's address, made of its id.
pub(super) fn endpoint(id: &str) -> String {
    if id.starts_with('(') { id.to_owned() } else { format!("{id}:6122") }
}
