//! `--load 2x`: does a job hold twice its peak?

use super::inputs::Inputs;
use serde::Serialize;
use std::fmt;
use weirkeeper_core::units::{Millis, RecordsPerSec};
use weirkeeper_simulator::scenario::{Job, Scenario};
use weirkeeper_simulator::score::need::Sizer;
use weirkeeper_simulator::tournament::Run;

/// Late for less than this share of the time still holds: a rescale alone costs a moment.
const HOLDS: f64 = 0.001;

/// The answer for one job under one controller, over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The scenario.
    pub scenario: String,
    /// The job.
    pub job: String,
    /// The controller.
    pub controller: String,
    /// Times its own load.
    pub factor: f64,
    /// The highest rate that arrives, records/s.
    pub peak: f64,
    /// Slots that carry it at full utilization.
    pub needed_slots: u32,
    /// Slots that there can be.
    pub slots: u32,
    /// The worst lag of any seed, seconds.
    pub worst_lag: f64,
    /// The largest share of the time beyond the objective, of any seed.
    pub late_time: f64,
    /// What is late, seconds.
    pub objective: f64,
    /// It holds: enough slots, and hardly ever late.
    pub holds: bool,
}

/// One answer per scenario, controller and job.
pub(super) fn all(inputs: &Inputs, factor: f64, runs: &[Run]) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for run in runs {
        let Some(scenario) = inputs.scenarios.iter().find(|s| s.name == run.scenario) else { continue };
        for job in &scenario.jobs {
            let known =
                |a: &&mut Answer| (&a.scenario, &*a.job, &a.controller) == (&run.scenario, &*job.name, &run.controller);
            if let Some(answer) = answers.iter_mut().find(known) {
                answer.add(run);
            } else {
                let mut answer = Answer::new(scenario, job, run, factor, inputs.objective());
                answer.add(run);
                answers.push(answer);
            }
        }
    }
    answers
}

impl Answer {
    fn new(scenario: &Scenario, job: &Job, run: &Run, factor: f64, objective: Millis) -> Answer {
        let cluster = &scenario.cluster;
        let managers = cluster.most_task_managers.unwrap_or(cluster.task_managers).max(cluster.task_managers);
        let slots = managers.saturating_mul(cluster.slots_per_task_manager);
        let peak: f64 = job.load.values().map(|l| l.peak(scenario.duration)).sum();
        Answer {
            scenario: run.scenario.clone(),
            job: job.name.to_string(),
            controller: run.controller.clone(),
            factor,
            peak,
            // Asked for without a bound, so that the shortage has a number.
            needed_slots: Sizer::new(job, u32::from(u16::MAX)).slots(peak),
            slots,
            worst_lag: 0.0,
            late_time: 0.0,
            objective: objective.as_secs(),
            holds: true,
        }
    }

    fn add(&mut self, run: &Run) {
        match run.scores.iter().find(|s| *s.job == *self.job) {
            Some(scores) => {
                self.worst_lag = self.worst_lag.max(scores.lag.max);
                self.late_time = self.late_time.max(scores.late_time);
                self.holds &= self.needed_slots <= self.slots && scores.late_time <= HOLDS;
            }
            None => self.holds = false,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answer { scenario, job, controller, factor, needed_slots, slots, .. } = self;
        let (peak, worst) = (RecordsPerSec(self.peak), Millis::from_secs(self.worst_lag.round()));
        let objective = Millis::from_secs(self.objective);
        let holds = if self.holds { "holds" } else { "does not hold" };
        let short = needed_slots.saturating_sub(*slots);
        let room = if short > 0 { format!(", {short} more than there are") } else { format!(" of {slots}") };
        write!(
            f,
            "{scenario}: {job} {holds} {factor} times its load under {controller}: at its peak of {peak} it needs \
             {needed_slots} slots{room}; it was at most {worst} behind, and later than {objective} for {:.1} % of the time",
            self.late_time * 100.0
        )
    }
}
