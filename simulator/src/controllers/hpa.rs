//! `hpa`: Kubernetes' horizontal pod autoscaler on CPU. Busy time stands for CPU: a subtask that is always busy uses one
//! core, and every slot has asked for one. All vertices get the same parallelism, as in Flink's reactive mode.

use super::horizontal::{Horizontal, Rules, wanted};
use super::options::{Options, count, duration, number};
use super::reading::{Activities, Meter, rescales, runs, uniform};
use crate::controller::{Command, Controller};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{JobGraph, JobKey};
use weirkeeper_core::observation::Observation;
use weirkeeper_core::units::{Millis, Timestamp};

/// `--horizontal-pod-autoscaler-sync-period`.
pub const SYNC: Millis = Millis::secs(15);

/// What it remembers of a job.
#[derive(Clone, Debug, Default)]
struct Job {
    horizontal: Horizontal,
    meter: Meter,
    asked: Option<u32>,
}

/// The controller.
#[derive(Clone, Debug)]
pub struct Hpa {
    /// CPU in use over CPU asked for, that it aims at. Kubernetes' default: 0.8.
    target: f64,
    rules: Rules,
    jobs: BTreeMap<JobKey, Job>,
}

impl Hpa {
    /// With `averageUtilization` (percent), `tolerance`, `minReplicas`, `maxReplicas` and the stabilization windows.
    pub fn new(options: &Options) -> Result<Hpa, String> {
        let mut hpa = Hpa { target: 0.8, rules: Rules::default(), jobs: BTreeMap::new() };
        for (key, value) in options {
            match key.as_str() {
                "averageUtilization" => hpa.target = number(key, value)? / 100.0,
                _ => set_rule(&mut hpa.rules, key, value)?,
            }
        }
        Ok(hpa)
    }
}

/// Options of horizontal autoscaling of any kind.
pub fn set_rule(rules: &mut Rules, key: &str, value: &str) -> Result<(), String> {
    match key {
        "tolerance" => rules.tolerance = number(key, value)?,
        "minReplicas" | "minReplicaCount" => rules.min = count(key, value)?,
        "maxReplicas" | "maxReplicaCount" => rules.max = count(key, value)?,
        "scaleUp.stabilizationWindow" => rules.up.stabilization = duration(key, value)?,
        "scaleDown.stabilizationWindow" => rules.down.stabilization = duration(key, value)?,
        _ => return Err(format!("`{key}` is not an option of this controller")),
    }
    Ok(())
}

/// Slots of a job: the largest vertex of each slot-sharing group.
fn slots(graph: &JobGraph) -> u32 {
    let mut groups: BTreeMap<&Arc<str>, u32> = BTreeMap::new();
    for v in &graph.vertices {
        let largest = groups.entry(&v.slot_group).or_default();
        *largest = v.parallelism.0.max(*largest);
    }
    groups.values().sum()
}

/// The largest parallelism of a graph: its replicas.
pub fn replicas(graph: &JobGraph) -> u32 {
    graph.vertices.iter().map(|v| v.parallelism.0).max().unwrap_or(1)
}

/// Cores in use per core asked for.
fn utilization(graph: &JobGraph, activities: &Activities) -> Option<f64> {
    let busy: Option<f64> = activities.vertices.iter().map(|a| a.busy).sum();
    let slots = slots(graph);
    (slots > 0).then(|| busy.map(|b| b / f64::from(slots)))?
}

impl Job {
    fn look(&mut self, at: Timestamp, o: &Observation, target: f64, rules: &Rules) -> BTreeMap<Arc<str>, u32> {
        let activities = self.meter.read(at, o);
        let Some(used) = activities.filter(|_| runs(o)).and_then(|a| utilization(&o.graph, &a)) else {
            return BTreeMap::new();
        };
        let running = replicas(&o.graph);
        let current = self.asked.unwrap_or(running);
        let wanted = wanted(running, used / target, rules.tolerance);
        let to = self.horizontal.decide(at, current, wanted, rules);
        if to == current {
            return BTreeMap::new();
        }
        self.asked = Some(to);
        uniform(&o.graph, to)
    }
}

impl Controller for Hpa {
    fn name(&self) -> &str {
        "hpa"
    }

    fn interval(&self) -> Option<Millis> {
        Some(SYNC)
    }

    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        rescales(events, |o| self.jobs.entry(o.job.clone()).or_default().look(at, o, self.target, &self.rules))
    }
}
