//! What a recording knows, and what could therefore not be judged from it.

use serde::Serialize;
use std::collections::BTreeSet;

/// What was in the recording at least once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// How the vertices are connected.
    pub edges: bool,
    /// Since when all tasks run.
    pub running: bool,
    /// Vertices whose busy time is told.
    pub busy: BTreeSet<String>,
    /// Vertices whose records are told.
    pub records: BTreeSet<String>,
    /// All vertices.
    pub vertices: BTreeSet<String>,
    /// Sources.
    pub sources: BTreeSet<String>,
    /// Sources whose lag is told in time or in the brokers' offsets.
    pub lag: BTreeSet<String>,
    /// Sources that say how many records wait.
    pub pending: BTreeSet<String>,
    /// Sources whose partitions are known.
    pub partitions: BTreeSet<String>,
    /// When checkpoints completed.
    pub checkpoints: bool,
    /// Slots.
    pub slots: bool,
    /// Heap or garbage collection.
    pub memory: bool,
    /// What is asked of Flink, or which scheduler runs the job.
    pub scheduler: bool,
    /// How many slots a TaskManager has, its memory, and whether buffers debloat: what a measured capacity holds for.
    pub environment: bool,
    /// Restarts.
    pub restarts: bool,
}

impl Known {
    /// What could not be judged, a sentence each.
    pub fn unjudged(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.edges {
            out.push("Nothing was decided: the recording does not know how the vertices are connected. Record it with --flink, which tells the job graph.".to_owned());
        }
        if !self.running {
            out.push("Since when all tasks run is not in the recording: nothing can be decided without it.".to_owned());
        }
        let without = |have: &BTreeSet<String>, of: &BTreeSet<String>| -> Option<String> {
            let missing: Vec<&str> = of.iter().filter(|v| !have.contains(*v)).map(String::as_str).collect();
            (!missing.is_empty()).then(|| missing.join(", "))
        };
        if let Some(v) = without(&self.busy, &self.vertices) {
            out.push(format!("Busy time is not known of {v}: their capacity and utilization could not be judged."));
        }
        if let Some(v) = without(&self.records, &self.vertices) {
            out.push(format!(
                "Records per second are not known of {v}: what arrives there and what they can do could not be judged."
            ));
        }
        if let Some(v) = without(&self.lag, &self.sources) {
            let floor = if without(&self.pending, &self.sources).is_none() {
                " What the sources say is waiting is only a lower bound."
            } else {
                ""
            };
            out.push(format!("The true lag of {v} is not known (neither brokers' offsets nor event-time lag): the lag objective, and whether the job had caught up, could not be judged.{floor}"));
        }
        let clauses = [
            (
                self.checkpoints,
                "Checkpoints are not in the recording: what a rescale would have replayed, and whether one was safe, could not be judged.",
            ),
            (self.slots, "Slots are not in the recording: whether there was room could not be judged."),
            (
                self.memory,
                "Heap and garbage collection are not in the recording: whether the state would fit a smaller job could not be judged.",
            ),
            (
                self.scheduler,
                "The scheduler is not in the recording: whether the job could be rescaled in place could not be judged.",
            ),
            (
                self.environment,
                "Slots per TaskManager, its memory or buffer debloating are not in the recording: what was measured at one size was not kept for another.",
            ),
            (self.restarts, "Restarts are not in the recording: failures could not be told from rescales."),
        ];
        out.extend(clauses.into_iter().filter(|c| !c.0).map(|c| c.1.to_owned()));
        if let Some(v) = without(&self.partitions, &self.sources) {
            out.push(format!("The partitions of {v} are not known: how far they can be scaled could not be judged."));
        }
        out
    }
}
