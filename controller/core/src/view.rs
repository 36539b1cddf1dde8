//! What may be lost of a job: the sample window and what follows from it.

use crate::decision::Decision;
use crate::job::JobGraph;
use crate::observation::Observation;
use crate::sizing::VertexView;
use crate::sizing::burst::WorkLog;
use crate::sizing::evidence::Track;
use crate::sizing::worth::Peaks;
use crate::units::{Millis, Timestamp};
use crate::windows::Windows;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Restarts remembered: more than any loop needs to be seen.
pub const MAX_RESTARTS: usize = 64;

/// A job that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unread {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
    /// An answer came and said of itself that it was incomplete.
    pub incomplete: bool,
}

/// Whether a vertex's capacity has become steady since the attempt began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settle {
    /// Seconds in the window that is being filled.
    pub secs: f64,
    /// Records in it.
    pub records: f64,
    /// Busy seconds in it.
    pub busy: f64,
    /// Records per busy second in the last full window, and in the one before.
    pub full: [Option<f64>; 2],
}

/// What may be lost of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// Samples.
    pub windows: Windows,
    /// What they say of each vertex, by its position.
    #[serde(default)]
    pub tracks: Vec<Track>,
    /// The newest observation, its samples taken out.
    pub last: Option<Box<Observation>>,
    /// When that was.
    pub seen_at: Option<Timestamp>,
    /// Since when all tasks of the present attempt run.
    pub attempt_since: Option<Timestamp>,
    /// Samples before this do not count: the clock jumped, or we slept.
    pub not_before: Option<Timestamp>,
    /// Since when it cannot be read.
    pub unread: Option<Unread>,
    /// By vertex id.
    pub logs: BTreeMap<Arc<str>, WorkLog>,
    /// By source id.
    pub peaks: BTreeMap<Arc<str>, Peaks>,
    /// Since when demand has been watched without a gap.
    pub watched_since: Option<Timestamp>,
    /// Since when records have flowed.
    pub flowing_since: Option<Timestamp>,
    /// When it restarted, rescales left out, and how often at once.
    pub restarts: VecDeque<(Timestamp, f64)>,
    /// When all tasks were last seen to run.
    pub ran_at: Option<Timestamp>,
    /// When all tasks of the attempt before were last seen to run.
    pub ran_before: Option<Timestamp>,
    /// A failure that is not over: when all tasks were last seen to run, and how old the last checkpoint was then.
    pub failed_at: Option<(Timestamp, Millis)>,
    /// Last seen restarts and rescales.
    pub counters: Option<(f64, Option<f64>)>,
    /// By vertex id.
    pub settle: BTreeMap<Arc<str>, Settle>,
    /// What is known of each vertex.
    pub vertices: Vec<VertexView>,
    /// The newest decision.
    pub standing: Option<Decision>,
    /// Since when what we asked for has been more than what runs.
    pub unmet_since: Option<Timestamp>,
    /// How many running jobs of its cluster have its name.
    pub name_count: u32,
}

impl JobView {
    /// Forgets every sample: they are from another job, or from before the clock jumped.
    pub fn forget_samples(&mut self) {
        self.windows.clear();
        self.tracks.clear();
    }

    /// Takes in what was read since.
    pub fn follow(&mut self, graph: &JobGraph, from: Timestamp) {
        self.windows.arrange(graph);
        self.tracks.resize_with(graph.vertices.len(), Track::default);
        let index = self.windows.index(graph);
        for (track, vertex) in self.tracks.iter_mut().zip(&graph.vertices) {
            track.follow(&self.windows, &index, &vertex.name, vertex.parallelism.0, from);
        }
    }
}
