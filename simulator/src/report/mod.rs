//! A report: one page that needs no network, with charts to hover over and zoom into, and everything in it as text too.

mod html;
mod thin;

pub use html::html;
pub use thin::Thin;

use serde::Serialize;
use weirkeeper_core::units::Timestamp;

/// What a page shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its title.
    pub title: String,
    /// One or two sentences below it.
    pub summary: String,
    /// Short facts, as (name, value).
    pub facts: Vec<(String, String)>,
    /// The span of time it is about.
    pub span: (Timestamp, Timestamp),
    /// Charts, from top to bottom; all share one axis of time.
    pub charts: Vec<Chart>,
    /// What happened, and was decided.
    pub marks: Vec<Mark>,
    /// Spans of time that are shaded.
    pub shades: Vec<Shade>,
    /// Tables: scores, comparisons.
    pub tables: Vec<Table>,
    /// What could not be judged, and whatever else has to be said, as (heading, sentences).
    pub notes: Vec<(String, Vec<String>)>,
}

/// A chart.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// The unit of its values.
    pub unit: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line of a chart.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Whether a value holds until the next, rather than leading to it.
    pub steps: bool,
    /// Time (ms since the epoch) and value; no value: a gap. Give what [`Thin::points`] gives.
    pub points: Vec<(i64, Option<f64>)>,
}

/// What a mark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    /// More parallelism.
    Up,
    /// Less.
    Down,
    /// Something was wanted, and held back; or nothing could be said.
    Held,
    /// A run's end, an undo, a call for a person.
    Told,
    /// It happened to the job: a rescale in the recording.
    Happened,
    /// It failed.
    Failure,
}

impl MarkKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            MarkKind::Up => "up",
            MarkKind::Down => "down",
            MarkKind::Held => "held",
            MarkKind::Told => "told",
            MarkKind::Happened => "happened",
            MarkKind::Failure => "failure",
        }
    }
}

/// Something at one instant, with its reasons.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// Whose it is: a controller, a policy, or the recording.
    pub lane: String,
    /// What it is about.
    pub kind: MarkKind,
    /// In a few words.
    pub title: String,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
    /// What must be said with it: that it presumes what did not happen.
    pub caveat: Option<String>,
}

/// A span of time that is shaded.
#[derive(Clone, Debug, Serialize)]
pub struct Shade {
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// Why.
    pub why: String,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its heading.
    pub title: String,
    /// Names of its columns.
    pub head: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
    /// Sentences below it.
    pub notes: Vec<String>,
}
