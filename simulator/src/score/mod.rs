//! How well a controller did: one definition of each score, added up while a world plays, in memory that does not grow
//! with the length of the play.

pub mod bins;
pub mod clairvoyant;
pub mod events;
pub mod histogram;
pub mod job;
pub mod need;
pub mod steps;

#[cfg(test)]
mod tests;

use crate::play::Watch;
use crate::scenario::{Job, Scenario};
use crate::truth::JobTruth;
use crate::world::BEGAN;
use events::{Event, Recoveries};
use job::JobScorer;
use need::Sizer;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use steps::Settling;
use weirkeeper_core::units::{Millis, Timestamp};

/// Lag over time, seconds. The lag of a moment is the age of the oldest record that is not through all vertices; a
/// quantile is over time, and at most 0.8 % (below 12.8 s: 0.1 s) above the true one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Lag {
    /// Half of the time it was no more.
    pub p50: f64,
    /// 95 % of the time.
    pub p95: f64,
    /// 99 % of the time.
    pub p99: f64,
    /// It was never more.
    pub max: f64,
}

/// Slots held against slots needed, minute by minute. Needed is what carries the minute's mean arrival at full
/// utilization by the true capacities; a backlog needs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Provisioning {
    /// Share of the minutes in which they differed to this side.
    pub share: f64,
    /// By how many slots, averaged over all minutes.
    pub slots: f64,
}

/// Recovery time after each event: seconds from the event until the job runs and its lag is at most 5 s above what it was
/// right before. An event that is not felt within a minute took 0 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Recovery {
    /// After restarts that were no rescales.
    pub failures: Recoveries,
    /// After rescales.
    pub rescales: Recoveries,
    /// After steps of the load.
    pub steps: Recoveries,
    /// After faults of the scenario.
    pub faults: Recoveries,
}

impl Recovery {
    /// The longest of all.
    pub fn longest(&self) -> Option<f64> {
        let all = [self.failures, self.rescales, self.steps, self.faults];
        all.iter().filter_map(|r| r.longest).reduce(f64::max)
    }
}

/// Scores of one job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Which.
    pub job: Arc<str>,
    /// How long it was played, hours.
    pub hours: f64,
    /// Slots held, times time.
    pub slot_hours: f64,
    /// The least slot-hours for the same load with as many changes of size as the controller made, known beforehand, at
    /// full utilization, the first size free to choose. Absent where capacities are not known.
    pub clairvoyant_slot_hours: Option<f64>,
    /// `slot_hours` over that. The plan lets nothing wait, so who leaves a backlog standing may come below 1.
    pub clairvoyant_ratio: Option<f64>,
    /// Share of the time in which the lag was beyond the objective.
    pub late_time: f64,
    /// Share of the records that were read while it was.
    pub late_records: f64,
    /// Lag.
    pub lag: Lag,
    /// Rescales.
    pub rescales: u32,
    /// Restarts, rescales among them.
    pub restarts: u32,
    /// Seconds in which not every task ran.
    pub downtime: f64,
    /// Most restarts (rescales among them) in any 30 minutes.
    pub most_restarts_in_30m: u32,
    /// More slots than needed.
    pub over: Option<Provisioning>,
    /// Fewer slots than needed.
    pub under: Option<Provisioning>,
    /// Changes of size within 30 minutes of a step of the load (a minute that differs by more than 30 % from the mean of
    /// the five before it).
    pub settling: Settling,
    /// Recovery times.
    pub recovery: Recovery,
    /// The first 256 events.
    pub events: Vec<Event>,
    /// Records left at the end.
    pub backlog: f64,
}

/// What a scorer is told of a job beforehand.
#[derive(Clone, Debug)]
pub struct Known {
    /// Late is what lags beyond it.
    pub objective: Millis,
    /// What its load needs; absent: not known.
    pub sizer: Option<Sizer>,
    /// When faults hit it, in order.
    pub faults: Vec<Timestamp>,
}

impl Known {
    /// What a scenario tells of its jobs. A fault of the cluster is one of every job.
    pub fn of(scenario: &Scenario, objective: Millis) -> BTreeMap<Arc<str>, Known> {
        let cluster = &scenario.cluster;
        let most = cluster.most_task_managers.unwrap_or(cluster.task_managers).max(cluster.task_managers);
        let most = most.saturating_mul(cluster.slots_per_task_manager);
        let faults = |name: &Arc<str>| {
            let hits = scenario.faults.iter().filter(|f| f.job.as_ref().is_none_or(|j| j == name));
            let mut times: Vec<Timestamp> = hits.map(|f| BEGAN.plus(f.at)).collect();
            times.sort_unstable();
            times
        };
        let known = |job: &Job| Known { objective, sizer: Some(Sizer::new(job, most)), faults: faults(&job.name) };
        scenario.jobs.iter().map(|job| (job.name.clone(), known(job))).collect()
    }
}

/// The default lag objective of policies.
pub const OBJECTIVE: Millis = Millis::minutes(2);

/// Scores every job of a play.
#[derive(Clone, Debug)]
pub struct Scorer {
    known: BTreeMap<Arc<str>, Known>,
    jobs: BTreeMap<Arc<str>, JobScorer>,
    last: Option<Timestamp>,
}

impl From<&Scenario> for Scorer {
    fn from(scenario: &Scenario) -> Scorer {
        Scorer::new(Known::of(scenario, OBJECTIVE))
    }
}

impl Scorer {
    /// With what is known of the jobs, by name.
    pub fn new(known: BTreeMap<Arc<str>, Known>) -> Scorer {
        Scorer { known, jobs: BTreeMap::new(), last: None }
    }

    fn job(&mut self, name: &Arc<str>) -> &mut JobScorer {
        let known = self.known.get(name);
        self.jobs.entry(name.clone()).or_insert_with(|| {
            JobScorer::new(known.map_or(OBJECTIVE, |k| k.objective), known.and_then(|k| k.sizer.clone()))
        })
    }

    /// Faults that have begun by `at`.
    fn faults(&mut self, at: Timestamp) {
        let mut due = Vec::new();
        for (name, known) in &mut self.known {
            let begun = known.faults.partition_point(|t| *t <= at);
            due.extend(known.faults.drain(..begun).map(|t| (name.clone(), t)));
        }
        for (name, t) in due {
            self.job(&name).fault(t);
        }
    }

    /// What each job came to, by name.
    pub fn finish(&self) -> Vec<Scores> {
        self.jobs.values().map(JobScorer::finish).collect()
    }
}

impl Watch for Scorer {
    fn tick(&mut self, at: Timestamp, truth: &[JobTruth]) {
        let ms = self.last.map_or(crate::play::TICK.0, |last| at.since(last).0);
        self.last = Some(at);
        self.faults(at);
        for job in truth {
            self.job(&job.name).tick(job, ms);
        }
    }
}
