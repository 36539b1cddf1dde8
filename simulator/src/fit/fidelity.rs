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
    let most = cluster.most_task_managers.unwrap_or(0).max(cluster.task_managers);
    cluster.most_task_managers = Some(most);
    if mechanism == Mechanism::Redeploy {
        // What TaskManagers take to start is part of what a redeploy was seen to cost.
        (cluster.task_managers, cluster.most_task_managers) = (most, None);
    }
    let replay = fitted.checkpoints.replay.map_or(0.0, |r| r.value);
    if let Some(outage) = fitted.pauses.outage {
        cluster.restart_pause = Millis::from_secs((outage.value - replay - BACKOFF).max(0.0));
    }
    made.faults = faults(met.track);
    let span = met.track.rows.first().zip(met.track.rows.last()).map_or(0, |(a, b)| b.at - a.at);
    made.duration = Millis(span as u64 / 1_000 * 1_000);
    for job in &mut made.jobs {
        job.vertices.iter_mut().for_each(|v| v.parallelism = size.min(v.max_parallelism));
        let load = Load { shapes: vec![Shape::Line(met.input.clone())], factor: 1.0, noise: 0.0 };
        job.load = BTreeMap::from([(0, load)]);
    }
    made
}

/// The first back-off of a fitted scenario, seconds: it goes before the pause.
const BACKOFF: f64 = 1.0;

/// A failure costs a TaskManager, which is back before the job is: what finding out, starting it and a second restart
/// on the way cost is all in the outage that was seen, and so in the pause.
fn faults(track: &Track) -> Vec<Fault> {
    let Some((first, last)) = track.rows.first().zip(track.rows.last()) else { return Vec::new() };
    let inside = track.failures.iter().filter(|f| **f > first.at && **f < last.at);
    let fault = |f: &i64| Fault {
        at: Millis((*f - first.at) as u64),
        lasts: Some(Millis::secs(1)),
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
