//! Puts the parts together: what is wrong, what size would be right, and why.

use crate::job::JobGraph;
use crate::memory::JobMemory;
use crate::observation::{Checkpoints, ClusterFacts, Failure, Slots};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::sizing::burst::WorkLog;
use crate::sizing::capacity::Measured;
use crate::sizing::demand::SourceView;
use crate::sizing::evidence::{Slices, Track};
use crate::sizing::work::Work;
use crate::sizing::worth::Peaks;
use crate::sizing::{down, up};
use crate::units::{Millis, Ratio, RecordsPerSec, Timestamp};
use crate::windows::Windows;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
}

/// What is known of a vertex: what `recommend` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VertexView {
    /// Its name.
    pub name: Arc<str>,
    /// Present parallelism.
    pub parallelism: u32,
    /// Share of time busy, mean over subtasks.
    pub busy: Option<Ratio>,
    /// Share of time backpressured.
    pub backpressured: Option<Ratio>,
    /// What arrives.
    pub demand: Option<RecordsPerSec>,
    /// Whether that is all, or only a lower bound.
    pub exact: bool,
    /// What it can do.
    pub capacity: Option<RecordsPerSec>,
    /// demand / capacity.
    pub utilization: Option<Ratio>,
    /// How far behind, of a source.
    pub lag: Option<Millis>,
}

/// What sizing says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// Which way; `None`: no change is wanted, or none can be justified.
    pub direction: Option<Direction>,
    /// Wanted parallelism by vertex.
    pub target: Vec<u32>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Slots are missing for all or part of it.
    pub short: bool,
    /// The figures do not move.
    pub stale: bool,
    /// A lag objective is broken and not being mended.
    pub objective_broken: bool,
    /// What is known, by vertex.
    pub vertices: Vec<VertexView>,
    /// What may be learned from it.
    pub lesson: Lesson,
}

/// What a judgement teaches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    /// By vertex.
    pub measured: Vec<Option<Measured>>,
    /// By position of the source.
    pub sources: BTreeMap<usize, SourceView>,
}

/// Everything a job is judged by.
pub struct Case<'a> {
    /// Now.
    pub at: Timestamp,
    /// How often it is read.
    pub interval: Millis,
    /// The job.
    pub graph: &'a JobGraph,
    /// What was sampled.
    pub windows: &'a Windows,
    /// What that says of each vertex.
    pub tracks: &'a [Track],
    /// The policy.
    pub policy: &'a Policy,
    /// What was learned.
    pub memory: &'a JobMemory,
    /// Bursts, by vertex id.
    pub logs: &'a BTreeMap<Arc<str>, WorkLog>,
    /// Demand so far, by source id.
    pub peaks: &'a BTreeMap<Arc<str>, Peaks>,
    /// Since when demand has been watched without a gap.
    pub watched_since: Option<Timestamp>,
    /// Since when records have flowed.
    pub flowing_since: Option<Timestamp>,
    /// Vertices (by position) whose capacity still rises after a (re)start.
    pub rising: &'a BTreeSet<usize>,
    /// Restarts, rescales left out.
    pub restarts: &'a VecDeque<(Timestamp, f64)>,
    /// Slots.
    pub slots: Option<&'a Slots>,
    /// Checkpoints.
    pub checkpoints: Option<&'a Checkpoints>,
    /// The newest failure.
    pub failure: Option<&'a Failure>,
    /// Settings of the cluster.
    pub facts: &'a ClusterFacts,
}

/// Judges a job.
pub fn advise(case: &Case) -> Advice {
    let index = case.windows.index(case.graph);
    let slices: Vec<Slices> = case.tracks.iter().map(|t| t.slices().clone()).collect();
    if let Some(reason) = not_moving(case, &slices) {
        return Advice { reasons: vec![reason], stale: true, ..Advice::default() };
    }
    let work = Work::new(case, index, slices);
    let mut advice = up::advise(&work).unwrap_or_else(|| down::advise(&work));
    advice.vertices = work.vertices();
    advice.reasons.extend(work.notes);
    if advice.reasons.is_empty() {
        advice.reasons.extend(nothing_measured(case));
    }
    advice.lesson = Lesson { measured: work.measured, sources: work.sources };
    advice
}

/// A job to which nothing comes: no vertex is busy, so none of them can be said to be well sized.
fn nothing_measured(case: &Case) -> Option<Reason> {
    let vertex = case.graph.vertices.first()?.name.clone();
    Some(Reason::UnknownCapacity { vertex, why: "no vertex of the job has had anything to do lately".to_owned() })
}

/// Figures that do not move say nothing: three intervals without a change are stale.
fn not_moving(case: &Case, slices: &[Slices]) -> Option<Reason> {
    let limit = case.interval.times(3);
    let (v, still) = slices.iter().map(|s| s.still).enumerate().max_by_key(|s| s.1)?;
    let vertex = case.graph.vertices[v].name.clone();
    (still >= limit && still.0 > 0).then_some(Reason::NotMoving { vertex, since: still })
}
