//! What must survive of a job.

use crate::effect::{RunId, Token};
use crate::observation::Bounds;
use crate::run::Run;
use crate::units::{Millis, Parallelism, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Ended runs kept per job, for `actions` and `explain`.
pub const MAX_RUNS: usize = 20;
/// Disruptions kept per job: more than any sensible budget counts in its span.
pub const MAX_DISRUPTIONS: usize = 200;
/// Measured parallelisms kept per vertex: a curve is known long before.
pub const MAX_POINTS: usize = 24;
/// Attempts remembered that did not help.
pub const MAX_INEFFECTIVE: usize = 64;
/// Hours of demand kept: the same hour of yesterday.
pub const MAX_HOURS: usize = 26;

/// A capacity that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Records/s, all subtasks.
    pub capacity: f64,
    /// How busy the busiest subtask was.
    pub busy: f64,
    /// When.
    pub at: Timestamp,
}

/// What was learned of a vertex.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// Measured capacity by parallelism.
    pub points: BTreeMap<u32, Point>,
    /// By parallelism, what it could do at least: the highest capacity seen while it was well loaded, steady or not yet
    /// (a cold state backend only looks slower), and the highest rate while it was not.
    #[serde(default)]
    pub seen: BTreeMap<u32, f64>,
    /// Highest sustained records/s per subtask ever seen.
    pub highest_rate: f64,
    /// Rate per subtask before and after its parallelism last rose, once both are known.
    pub last_rise: Option<Rise>,
}

/// What became of the rate per subtask when the parallelism rose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rise {
    /// Parallelism before.
    pub from: u32,
    /// Parallelism after.
    pub to: u32,
    /// Records/s per subtask before, saturated.
    pub before: f64,
    /// And after.
    pub after: Option<f64>,
}

/// How much of what its upstream vertices send a vertex receives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputFit {
    /// From slices in which it keeps up: what is sent arrives.
    pub free: Sums,
    /// From slices in which it is saturated and its upstream held back: buffers are full, but not always equally full.
    pub full: Sums,
    /// From slices in which it is saturated and its upstream free: buffers fill or empty, unless this goes on for long.
    pub moving: Sums,
    /// Where there are several inputs, input by input, from slices in which it keeps up.
    #[serde(default)]
    pub edges: EdgeFit,
    /// The newest slice.
    #[serde(default)]
    pub newest: NewestFit,
}

/// What the newest slice was, for judging the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum NewestFit {
    /// None, or one that showed nothing.
    #[default]
    Nothing,
    /// The vertex kept up in it; what was known before it.
    KeptUp(Box<(Sums, EdgeFit)>),
    /// The vertex was saturated in it.
    Saturated,
}

/// Faded sums for a fit with one share per input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EdgeFit {
    /// Of what two inputs worked on, multiplied; row by row.
    pub products: Vec<f64>,
    /// Of what an input worked on and what was received, multiplied.
    pub with_received: Vec<f64>,
    /// Of what was received, squared.
    pub received_squared: f64,
    /// Records that each input worked on.
    pub sent: Vec<f64>,
    /// Records received.
    pub received: f64,
    /// Slices taken in.
    pub slices: u32,
}

/// Sums that fade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Records received.
    pub received: f64,
    /// Records sent by all upstream vertices.
    pub sent: f64,
    /// Seconds.
    pub secs: f64,
    /// Mean of the slices' ratios.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
    /// Slices taken in.
    pub slices: u32,
}

/// Which way, for budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// More.
    Up,
    /// Less.
    Down,
    /// Back.
    Undo,
}

/// A rescale that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disruption {
    /// When.
    pub at: Timestamp,
    /// Which way.
    pub kind: Kind,
    /// The run.
    pub run: RunId,
    /// Per vertex name: from, to, and the demand it was decided on.
    pub changes: BTreeMap<Arc<str>, (Parallelism, Parallelism, f64)>,
}

/// Something that was tried and did not help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ineffective {
    /// Which way.
    pub down: bool,
    /// Which vertices, by name.
    pub vertices: BTreeSet<Arc<str>>,
    /// How often.
    pub times: u32,
    /// Not again before.
    pub until: Timestamp,
}

/// A person's rescale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandChange {
    /// When it was seen.
    pub at: Timestamp,
    /// Which vertex, by name.
    pub vertex: Arc<str>,
    /// From.
    pub from: Parallelism,
    /// To.
    pub to: Parallelism,
}

/// What must survive of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobMemory {
    /// When it was last seen.
    pub seen: Timestamp,
    /// What the graph looked like: what was learned is dropped when it changes.
    pub fingerprint: String,
    /// Slots per TaskManager, its size, debloating: what was learned holds for these.
    pub environment: String,
    /// The id it had when it was last seen.
    pub job_id: Option<Arc<str>>,
    /// By vertex id.
    pub learned: BTreeMap<Arc<str>, Learned>,
    /// What was learned in other environments.
    pub shelved: BTreeMap<String, BTreeMap<Arc<str>, Learned>>,
    /// By vertex id.
    pub fits: BTreeMap<Arc<str>, InputFit>,
    /// Sources (by vertex id) that have been seen with nothing left to read.
    pub was_current: BTreeMap<Arc<str>, Timestamp>,
    /// Highest demand per hour since the epoch, by source id.
    pub hours: BTreeMap<Arc<str>, VecDeque<(i64, f64)>>,
    /// The last token given out.
    pub token: Token,
    /// The run under way.
    pub run: Option<Run>,
    /// Runs that ended, oldest first.
    pub ended: VecDeque<Run>,
    /// Rescales sent, oldest first.
    pub disruptions: VecDeque<Disruption>,
    /// By what was tried, as text.
    pub ineffective: BTreeMap<String, Ineffective>,
    /// What was last known to be asked of Flink, by vertex id.
    pub asked: BTreeMap<Arc<str>, Bounds>,
    /// Whether it is we who asked.
    pub asked_by_us: bool,
    /// What was last withdrawn to, by vertex id, until Flink is seen to ask for it.
    pub withdrawn: Option<BTreeMap<Arc<str>, Bounds>>,
    /// The last rescale by a person.
    pub by_hand: Option<HandChange>,
    /// Vertices (by name) left alone because they went up, down and up.
    pub flapping: BTreeMap<Arc<str>, Timestamp>,
    /// Measured pause of our own rescales.
    pub pause: Option<Millis>,
    /// Measured time of an unplanned restart with replay.
    pub unplanned: Option<Millis>,
    /// Highest upload rate of a checkpoint, bytes/s.
    pub upload_rate: Option<f64>,
    /// Budgets count as spent until then: the store could not be read.
    pub spent_until: Option<Timestamp>,
}

impl JobMemory {
    /// Drops what was learned: the job is another one.
    pub fn forget(&mut self) {
        self.learned.clear();
        self.fits.clear();
        self.hours.clear();
        self.was_current.clear();
        self.ineffective.clear();
        self.upload_rate = None;
    }
}
