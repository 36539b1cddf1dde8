//! How the simulator is held to reality: what was learned of one run plays the controller of another, on the same input
//! with the same failures, and both are scored in the same way.

use super::meter::Meter;
use super::{Fitted, Track, scenario};
use crate::controllers::options::Options;
use crate::controllers::{Setup, by_name};
use crate::play::play;
use crate::scenario::{Fault, FaultKind, Load, Mechanism, Scenario, Shape};
use crate::score::Scores;
use crate::world::{BEGAN, costs};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::units::Millis;

/// Who controlled a run.
#[derive(Clone, Debug)]
pub struct Who {
    /// Name of the controller, as on the command line.
    pub controller: &'static str,
    /// Its options.
    pub options: Options,
    /// How a job under it changes its size.
    pub mechanism: Mechanism,
}

/// A second run: what the other controller met.
#[derive(Clone, Debug)]
pub struct Met<'a> {
    /// The run.
    pub track: &'a Track,
    /// What arrived: (ms since the first row, records/s).
    pub input: Arc<Vec<(Millis, f64)>>,
    /// Who controlled it.
    pub who: &'a Who,
}

/// The scenario of that run as what was learned of another has it.
pub fn world(fitted: &Fitted, met: &Met<'_>) -> Scenario {
    let mut made = scenario(fitted).scenario;
    let mechanism = met.who.mechanism;
    let cluster = &mut made.cluster;
    if fitted.pauses.mechanism != Some(mechanism) {
        // This kind of rescale was not seen: its cost is not known from there.
        cluster.rescale_pause = costs::rescale_pause(mechanism, fitted.checkpoints.state.map_or(0.0, |s| s.value));
    }
    cluster.mechanism = mechanism;
    let size = met.track.rows.first().map_or(1, |r| r.size).max(1);
    cluster.task_managers = size.div_ceil(cluster.slots_per_task_manager);
    cluster.most_task_managers = cluster.most_task_managers.map(|m| m.max(cluster.task_managers));
    made.faults = faults(fitted, met.track, cluster.rescale_pause, mechanism);
    let span = met.track.rows.first().zip(met.track.rows.last()).map_or(0, |(a, b)| b.at - a.at);
    made.duration = Millis(span as u64 / 1_000 * 1_000);
    for job in &mut made.jobs {
        job.vertices.iter_mut().for_each(|v| v.parallelism = size.min(v.max_parallelism));
        let load = Load { shapes: vec![Shape::Line(met.input.clone())], factor: 1.0, noise: 0.0 };
        job.load = BTreeMap::from([(0, load)]);
    }
    made
}

/// A failure costs a TaskManager, which comes back in time for what an outage was seen to last; a job in reactive mode
/// goes on without it and is rescaled when it is back, which is the last part of the outage.
fn faults(fitted: &Fitted, track: &Track, rescale: Millis, mechanism: Mechanism) -> Vec<Fault> {
    let Some(first) = track.rows.first() else { return Vec::new() };
    let replay = fitted.checkpoints.replay.map_or(0.0, |r| r.value);
    let outage = fitted.pauses.outage.map_or(30.0, |o| o.value);
    let last = if mechanism == Mechanism::Reactive { rescale.as_secs() } else { 0.0 };
    let lasts = Millis::from_secs((outage - replay - last).max(1.0));
    let inside = track.failures.iter().filter(|f| **f > first.at && **f < track.rows.last().map_or(0, |r| r.at));
    let fault = |f: &i64| Fault {
        at: Millis((*f - first.at) as u64),
        lasts: Some(lasts),
        job: None,
        kind: FaultKind::TaskManagerLoss(1),
    };
    inside.map(fault).collect()
}

/// Plays it.
pub fn simulate(scenario: &Scenario, who: &Who) -> Result<Scores, String> {
    let setup = Setup { scenario, policies: &[], options: &who.options };
    let mut controller = by_name(who.controller, &setup)?;
    let failures = scenario.faults.iter().map(|f| BEGAN.0 + f.at.0 as i64).collect();
    let mut meter = Meter::new(failures, false);
    play(scenario, scenario.seed, controller.as_mut(), &mut meter).map_err(|v| v.to_string())?;
    meter.finish().ok_or_else(|| "nothing was played".to_owned())
}
