//! Scores of the job as recorded, by the definitions of [`crate::score`], as far as its lag is known.

use crate::score::Scores;
use crate::score::job::JobScorer;
use crate::truth::JobTruth;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::units::{Millis, Timestamp};

/// A look further back than this is a gap: what was between is nobody's score.
const LONGEST: Millis = Millis::minutes(5);

/// Judges.
#[derive(Debug, Default)]
pub struct Judge {
    scorer: Option<JobScorer>,
    last: Option<Timestamp>,
    /// The last lag that was told, and when.
    told: Option<(Timestamp, f64)>,
    parallelism: Vec<u32>,
    rescales: u32,
    known_ms: u64,
    all_ms: u64,
}

impl Judge {
    /// Late is what lags beyond the objective.
    pub fn new(objective: Millis) -> Judge {
        Judge { scorer: Some(JobScorer::new(objective, None)), ..Judge::default() }
    }

    /// Takes a look: lag in ms, records/s, restarts so far; and slots.
    pub fn look(&mut self, at: Timestamp, o: &Observation, figures: (Option<f64>, f64, f64), slots: u32) {
        let (lag, load, restarts) = figures;
        let sizes: Vec<u32> = o.graph.vertices.iter().map(|v| v.parallelism.0).collect();
        self.rescales += u32::from(!self.parallelism.is_empty() && self.parallelism != sizes);
        self.parallelism.clone_from(&sizes);
        let span = self.last.replace(at).map_or(Millis(0), |last| at.since(last));
        let running = o.status == JobStatus::Running && o.running_since.is_some();
        if let Some(lag) = lag {
            self.told = Some((at, lag));
        }
        // While it is down nothing is done, so what waits grows older by the time that passes; no metric says so.
        let waited = || self.told.filter(|_| !running).map(|(then, lag)| lag + at.since(then).0 as f64);
        let lag = lag.or_else(waited);
        if span == Millis(0) || span > LONGEST {
            return;
        }
        self.all_ms += span.0;
        let (Some(lag), Some(scorer)) = (lag, self.scorer.as_mut()) else { return };
        self.known_ms += span.0;
        let truth = JobTruth {
            name: o.job.name.clone(),
            at,
            arriving: load,
            consumed: load,
            backlog: 0.0,
            lag: Millis(lag.max(0.0) as u64),
            parallelism: sizes,
            slots,
            running,
            restarts: (restarts as u32).max(self.rescales),
            rescales: self.rescales,
            busy: Vec::new(),
            checkpoints: 0,
            capacity: 0.0,
        };
        scorer.tick(&truth, span.0);
    }

    /// The scores, and over which share of the time the lag was known.
    pub fn finish(&self) -> Option<(Scores, f64)> {
        let share = (self.known_ms > 0).then(|| self.known_ms as f64 / self.all_ms.max(1) as f64)?;
        Some((self.scorer.as_ref()?.finish(), share))
    }
}
