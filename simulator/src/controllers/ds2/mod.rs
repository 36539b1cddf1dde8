//! `ds2`: the controller of the OSDI'18 paper on Flink's counters.
//!
//! The paper gives the sources' rates from outside; here they are what a source reads plus what its lag grows by. The
//! paper leaves sources as they are; a Flink source is a vertex like any other, so it is sized too.

pub mod model;

use super::options::{Options, count, duration, number};
use super::reading::{Activities, Meter, ceiling, rescales, runs, sources};
use crate::controller::{Command, Controller};
use model::{Operator, optimal, whole};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{JobGraph, JobKey};
use weirkeeper_core::observation::Observation;
use weirkeeper_core::units::{Millis, Timestamp};

/// Settings, with the names of the paper's artifact and the values of its Flink experiments on Nexmark (section 5.1).
#[derive(Clone, Debug)]
struct Settings {
    /// `policy_interval`.
    interval: Millis,
    /// `activation_time`: decisions that are looked at together.
    activation: usize,
    /// `warm_up_time`: intervals after a change that are not looked at.
    warm_up: u32,
    /// `target_rate_ratio_threshold`; absent: no final adjustment.
    ratio: Option<f64>,
    /// `scaling_factor`.
    factor: f64,
}

/// What it remembers of a job.
#[derive(Clone, Debug, Default)]
struct Job {
    meter: Meter,
    attempt: Option<Timestamp>,
    skipped: u32,
    decisions: Vec<Vec<u32>>,
}

/// The controller.
#[derive(Clone, Debug)]
pub struct Ds2 {
    settings: Settings,
    jobs: BTreeMap<JobKey, Job>,
}

impl Ds2 {
    /// With `policy_interval`, `activation_time`, `warm_up_time`, `target_rate_ratio_threshold`, `scaling_factor`.
    pub fn new(options: &Options) -> Result<Ds2, String> {
        let mut settings = Settings { interval: Millis::secs(30), activation: 5, warm_up: 1, ratio: None, factor: 0.0 };
        for (key, value) in options {
            match key.as_str() {
                "policy_interval" => settings.interval = duration(key, value)?,
                "activation_time" => settings.activation = count(key, value)?.max(1) as usize,
                "warm_up_time" => settings.warm_up = count(key, value)?,
                "target_rate_ratio_threshold" => settings.ratio = Some(number(key, value)?),
                "scaling_factor" => settings.factor = number(key, value)?,
                _ => return Err(format!("`{key}` is not an option of ds2")),
            }
        }
        Ok(Ds2 { settings, jobs: BTreeMap::new() })
    }
}

fn operators(graph: &JobGraph, activities: &Activities) -> Vec<Operator> {
    let all = graph.vertices.iter().zip(&activities.vertices).enumerate();
    all.map(|(v, (vertex, a))| {
        let truly = |rate: Option<f64>| rate.zip(a.busy.filter(|b| *b > 0.0)).map(|(r, b)| r / b);
        let instances = vertex.parallelism.0;
        let scaled = |rate: Option<f64>| truly(rate).map(|r| r * f64::from(instances));
        Operator {
            inputs: graph.inputs(v).map(|e| e.from).collect(),
            instances,
            processing: scaled(a.taken),
            output: scaled(a.sent.or(Some(0.0))),
        }
    })
    .collect()
}

/// What all instances together would have: the plan of one interval, absent where it is not known throughout.
fn plan(graph: &JobGraph, activities: &Activities, settings: &Settings) -> Option<Vec<u32>> {
    let rates: Vec<Option<f64>> = (0..graph.vertices.len()).map(|v| activities.arriving(v)).collect();
    let operators = operators(graph, activities);
    let instances: Option<Vec<f64>> = optimal(&operators, &rates).into_iter().collect();
    let instances = instances?;
    let grows = instances.iter().zip(&operators).any(|(p, o)| whole(*p, settings.factor) > o.instances);
    let short = shortfall(graph, activities, &rates);
    let adjust = settings.ratio.filter(|limit| !grows && short > *limit).map_or(1.0, |_| short);
    let fit = |(v, p): (usize, &f64)| whole(*p * adjust, settings.factor).min(ceiling(graph, v));
    Some(instances.iter().enumerate().map(fit).collect())
}

/// The largest ratio of what arrives at a source to what it reads.
fn shortfall(graph: &JobGraph, activities: &Activities, rates: &[Option<f64>]) -> f64 {
    let ratio = |s: usize| rates[s].zip(activities.vertices[s].taken.filter(|t| *t > 0.0)).map(|(a, t)| a / t);
    sources(graph).filter_map(ratio).fold(1.0, f64::max)
}

impl Job {
    fn look(&mut self, at: Timestamp, o: &Observation, settings: &Settings) -> BTreeMap<Arc<str>, u32> {
        let activities = self.meter.read(at, o);
        if !runs(o) || self.attempt != o.running_since {
            self.attempt = o.running_since;
            self.skipped = 0;
            self.decisions.clear();
            return BTreeMap::new();
        }
        let Some(activities) = activities else { return BTreeMap::new() };
        if self.skipped < settings.warm_up {
            self.skipped += 1;
            return BTreeMap::new();
        }
        self.decisions.extend(plan(&o.graph, &activities, settings));
        if self.decisions.len() < settings.activation {
            return BTreeMap::new();
        }
        let decisions = std::mem::take(&mut self.decisions);
        changes(&o.graph, &decisions)
    }
}

/// The largest of the decisions for each vertex, where it is not what runs.
fn changes(graph: &JobGraph, decisions: &[Vec<u32>]) -> BTreeMap<Arc<str>, u32> {
    let largest = |v: usize| decisions.iter().filter_map(|d| d.get(v)).copied().max().unwrap_or(1);
    let all = graph.vertices.iter().enumerate().map(|(v, vertex)| (vertex, largest(v)));
    all.filter(|(vertex, p)| vertex.parallelism.0 != *p).map(|(vertex, p)| (vertex.id.clone(), p)).collect()
}

impl Controller for Ds2 {
    fn name(&self) -> &str {
        "ds2"
    }

    fn interval(&self) -> Option<Millis> {
        Some(self.settings.interval)
    }

    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        rescales(events, |o| self.jobs.entry(o.job.clone()).or_default().look(at, o, &self.settings))
    }
}
