//! `keda`: KEDA's Kafka scaler on consumer lag, which hands an average value to a horizontal pod autoscaler.
//!
//! Source: KEDA's documentation, "Apache Kafka" and "Scaling Deployments": polling every 30 s, cooldown 300 s, no more
//! replicas than partitions. Its default threshold (10 records) is for workers that take seconds per message; without
//! `lagThreshold` it is here what one subtask was first seen to read in a minute, as a person would measure it.

use super::horizontal::{Horizontal, Rules, wanted};
use super::hpa::{SYNC, replicas, set_rule};
use super::options::{Options, duration, number};
use super::reading::{Meter, ceiling, lag_records, rescales, runs, sources, uniform};
use crate::controller::{Command, Controller};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::Observation;
use weirkeeper_core::units::{Millis, Timestamp};

/// What one subtask reads in it is a lag that is worth another replica.
const THRESHOLD_SECONDS: f64 = 60.0;

/// Settings.
#[derive(Clone, Debug)]
struct Settings {
    threshold: Option<f64>,
    activation: f64,
    polling: Millis,
    cooldown: Millis,
    rules: Rules,
}

/// What it remembers of a job.
#[derive(Clone, Debug, Default)]
struct Job {
    horizontal: Horizontal,
    meter: Meter,
    threshold: Option<f64>,
    polled: Option<(Timestamp, f64)>,
    active: Option<Timestamp>,
    asked: Option<u32>,
}

/// The controller.
#[derive(Clone, Debug)]
pub struct Keda {
    settings: Settings,
    jobs: BTreeMap<JobKey, Job>,
}

impl Keda {
    /// With `lagThreshold`, `activationLagThreshold`, `pollingInterval`, `cooldownPeriod`, replica counts and
    /// stabilization windows.
    pub fn new(options: &Options) -> Result<Keda, String> {
        let mut settings = Settings {
            threshold: None,
            activation: 0.0,
            polling: Millis::secs(30),
            cooldown: Millis::secs(300),
            rules: Rules::default(),
        };
        for (key, value) in options {
            match key.as_str() {
                "lagThreshold" => settings.threshold = Some(number(key, value)?),
                "activationLagThreshold" => settings.activation = number(key, value)?,
                "pollingInterval" => settings.polling = duration(key, value)?,
                "cooldownPeriod" => settings.cooldown = duration(key, value)?,
                _ => set_rule(&mut settings.rules, key, value)?,
            }
        }
        Ok(Keda { settings, jobs: BTreeMap::new() })
    }
}

impl Job {
    /// Lag of all sources; kept between polls.
    fn lag(&mut self, at: Timestamp, o: &Observation, polling: Millis) -> Option<f64> {
        if self.polled.is_none_or(|(t, _)| at.since(t) >= polling) {
            let lag: Option<f64> = sources(&o.graph).map(|s| lag_records(o, s)).sum();
            self.polled = lag.map(|lag| (at, lag)).or(self.polled);
        }
        self.polled.map(|p| p.1)
    }

    fn threshold(&mut self, at: Timestamp, o: &Observation, settings: &Settings) -> Option<f64> {
        if self.threshold.is_none() {
            let activities = self.meter.read(at, o)?;
            let read: f64 = sources(&o.graph).filter_map(|s| activities.vertices[s].taken).sum();
            let subtasks = replicas(&o.graph);
            let each = read / f64::from(subtasks) * THRESHOLD_SECONDS;
            self.threshold = settings.threshold.or((each > 0.0).then_some(each));
        }
        self.threshold
    }

    fn look(&mut self, at: Timestamp, o: &Observation, settings: &Settings) -> BTreeMap<Arc<str>, u32> {
        let threshold = self.threshold(at, o, settings);
        let lag = self.lag(at, o, settings.polling);
        let (Some(threshold), Some(lag), true) = (threshold, lag, runs(o)) else { return BTreeMap::new() };
        if lag > settings.activation {
            self.active = Some(at);
        }
        let running = replicas(&o.graph);
        let current = self.asked.unwrap_or(running);
        let to = if self.active.is_none_or(|t| at.since(t) >= settings.cooldown) {
            settings.rules.min
        } else {
            // An average value over replicas: the total over the threshold.
            let ratio = lag / threshold / f64::from(current.max(1));
            let wanted = wanted(current.max(1), ratio, settings.rules.tolerance);
            let partitions = sources(&o.graph).map(|s| ceiling(&o.graph, s)).sum::<u32>();
            self.horizontal.decide(at, current, wanted.clamp(1, partitions.max(1)), &settings.rules)
        };
        if to == current {
            return BTreeMap::new();
        }
        self.asked = Some(to);
        uniform(&o.graph, to)
    }
}

impl Controller for Keda {
    fn name(&self) -> &str {
        "keda"
    }

    fn interval(&self) -> Option<Millis> {
        Some(SYNC)
    }

    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        rescales(events, |o| self.jobs.entry(o.job.clone()).or_default().look(at, o, &self.settings))
    }
}
