//! The options of the Flink Kubernetes Operator's autoscaler, under its names and with its documented defaults.
//!
//! Source: that project's documentation, "Autoscaler" and "Configuration" (`job.autoscaler.*`).

use super::align::Mode;
use weirkeeper_core::units::Millis;

/// Which of the subtasks' values stands for a vertex: `metrics.busy-time.aggregator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregator {
    /// The busiest subtask.
    Max,
    /// The mean over subtasks.
    Avg,
    /// The least busy subtask.
    Min,
}

/// `job.autoscaler.*`, and how often it looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// `kubernetes.operator.reconcile.interval`: one sample, and one decision, each.
    pub interval: Millis,
    /// `metrics.window`.
    pub metrics_window: Millis,
    /// `stabilization.interval`.
    pub stabilization: Millis,
    /// `utilization.target`.
    pub target: f64,
    /// `utilization.max`; absent: target plus boundary.
    pub max_utilization: Option<f64>,
    /// `utilization.min`; absent: target minus boundary.
    pub min_utilization: Option<f64>,
    /// `target.utilization.boundary`.
    pub boundary: f64,
    /// `vertex.min-parallelism`.
    pub min_parallelism: u32,
    /// `vertex.max-parallelism`.
    pub max_parallelism: u32,
    /// `scale-down.max-factor`.
    pub scale_down_factor: f64,
    /// `scale-up.max-factor`.
    pub scale_up_factor: f64,
    /// `scale-down.interval`.
    pub scale_down_interval: Millis,
    /// `catch-up.duration`.
    pub catch_up: Millis,
    /// `restart.time`.
    pub restart_time: Millis,
    /// `restart.time-tracking.enabled`.
    pub restart_tracking: bool,
    /// `restart.time-tracking.limit`.
    pub restart_tracking_limit: Millis,
    /// `backlog-processing.lag-threshold`.
    pub backlog_lag: Millis,
    /// `observed-true-processing-rate.lag-threshold`.
    pub observe_lag: Millis,
    /// `observed-true-processing-rate.switch-threshold`.
    pub observe_switch: f64,
    /// `observed-true-processing-rate.min-observations`.
    pub observe_least: usize,
    /// `scaling.effectiveness.detection.enabled`.
    pub effectiveness_blocks: bool,
    /// `scaling.effectiveness.threshold`.
    pub effectiveness: f64,
    /// `observed-scalability.enabled`.
    pub scalability: bool,
    /// `observed-scalability.min-observations`.
    pub scalability_least: usize,
    /// `observed-scalability.coefficient-min`.
    pub coefficient_min: f64,
    /// `memory.gc-pressure.threshold`.
    pub gc_pressure: f64,
    /// `memory.heap-usage.threshold`.
    pub heap_usage: f64,
    /// `history.max.count`.
    pub history_count: usize,
    /// `history.max.age`.
    pub history_age: Millis,
    /// `scaling.parallelism-alignment.mode`, or the deprecated key behind the two legacy modes.
    pub alignment: Mode,
    /// `metrics.busy-time.aggregator`.
    pub aggregator: Aggregator,
    /// The true rate is a gauge over a gauge, as on that project's main branch since 2026; every release so far puts
    /// the counter of records over the gauge of busy time. Not an option of the project.
    pub gauge_over_gauge: bool,
    /// `vertex.exclude.ids`.
    pub exclude: Vec<String>,
    /// `scaling.enabled`.
    pub scaling: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            interval: Millis::secs(60),
            metrics_window: Millis::minutes(15),
            stabilization: Millis::minutes(5),
            target: 0.7,
            max_utilization: None,
            min_utilization: None,
            boundary: 0.3,
            min_parallelism: 1,
            max_parallelism: 200,
            scale_down_factor: 0.6,
            scale_up_factor: 100_000.0,
            scale_down_interval: Millis::hours(1),
            catch_up: Millis::minutes(30),
            restart_time: Millis::minutes(5),
            restart_tracking: false,
            restart_tracking_limit: Millis::minutes(15),
            backlog_lag: Millis::minutes(5),
            observe_lag: Millis::secs(30),
            observe_switch: 0.15,
            observe_least: 2,
            effectiveness_blocks: false,
            effectiveness: 0.1,
            scalability: false,
            scalability_least: 3,
            coefficient_min: 0.5,
            gc_pressure: 1.0,
            heap_usage: 1.0,
            history_count: 3,
            history_age: Millis::hours(24),
            alignment: Mode::Balanced,
            aggregator: Aggregator::Max,
            gauge_over_gauge: false,
            exclude: Vec::new(),
            scaling: true,
        }
    }
}

impl Options {
    /// Sets one option by its name, with or without `job.autoscaler.` before it. A duration is `90 s`, `5m`, `1h`, or
    /// a bare number of milliseconds as Flink reads it.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let key = key.strip_prefix("job.autoscaler.").unwrap_or(key);
        if self.set_duration(key, value)? || self.set_number(key, value)? || self.set_other(key, value)? {
            return Ok(());
        }
        Err(format!("`{key}` is not an option of the operator's autoscaler that is modelled here"))
    }

    fn set_duration(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let field = match key {
            "interval" | "kubernetes.operator.reconcile.interval" => &mut self.interval,
            "metrics.window" => &mut self.metrics_window,
            "stabilization.interval" => &mut self.stabilization,
            "scale-down.interval" => &mut self.scale_down_interval,
            "catch-up.duration" => &mut self.catch_up,
            "restart.time" => &mut self.restart_time,
            "restart.time-tracking.limit" => &mut self.restart_tracking_limit,
            "backlog-processing.lag-threshold" => &mut self.backlog_lag,
            "observed-true-processing-rate.lag-threshold" => &mut self.observe_lag,
            "history.max.age" => &mut self.history_age,
            _ => return Ok(false),
        };
        *field = crate::controllers::options::duration(key, value)?;
        Ok(true)
    }

    fn set_number(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let field = match key {
            "utilization.target" => &mut self.target,
            "utilization.max" => self.max_utilization.insert(0.0),
            "utilization.min" => self.min_utilization.insert(0.0),
            "target.utilization.boundary" => &mut self.boundary,
            "scale-down.max-factor" => &mut self.scale_down_factor,
            "scale-up.max-factor" => &mut self.scale_up_factor,
            "observed-true-processing-rate.switch-threshold" => &mut self.observe_switch,
            "scaling.effectiveness.threshold" => &mut self.effectiveness,
            "observed-scalability.coefficient-min" => &mut self.coefficient_min,
            "memory.gc-pressure.threshold" => &mut self.gc_pressure,
            "memory.heap-usage.threshold" => &mut self.heap_usage,
            _ => return Ok(false),
        };
        *field = crate::controllers::options::number(key, value)?;
        Ok(true)
    }

    fn set_other(&mut self, key: &str, value: &str) -> Result<bool, String> {
        use crate::controllers::options::{count, flag};
        match key {
            "vertex.min-parallelism" => self.min_parallelism = count(key, value)?,
            "vertex.max-parallelism" => self.max_parallelism = count(key, value)?,
            "observed-true-processing-rate.min-observations" => self.observe_least = count(key, value)? as usize,
            "observed-scalability.min-observations" => self.scalability_least = count(key, value)? as usize,
            "history.max.count" => self.history_count = count(key, value)? as usize,
            "restart.time-tracking.enabled" => self.restart_tracking = flag(key, value)?,
            "scaling.effectiveness.detection.enabled" => self.effectiveness_blocks = flag(key, value)?,
            "observed-scalability.enabled" => self.scalability = flag(key, value)?,
            "gauge-over-gauge" => self.gauge_over_gauge = flag(key, value)?,
            "scaling.enabled" => self.scaling = flag(key, value)?,
            "scaling.parallelism-alignment.mode" | "alignment" => self.alignment = mode(key, value)?,
            "scaling.key-group.partitions.adjust.mode" => self.alignment = mode(key, &format!("LEGACY_{value}"))?,
            "metrics.busy-time.aggregator" => self.aggregator = aggregator(key, value)?,
            "vertex.exclude.ids" => self.exclude = value.split(';').map(|id| id.trim().to_owned()).collect(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn mode(key: &str, value: &str) -> Result<Mode, String> {
    Mode::parse(value).ok_or_else(|| format!("`{key}`: `{value}` is none of BALANCED, EVENLY_SPREAD, OFF"))
}

fn aggregator(key: &str, value: &str) -> Result<Aggregator, String> {
    match value {
        "MAX" => Ok(Aggregator::Max),
        "AVG" => Ok(Aggregator::Avg),
        "MIN" => Ok(Aggregator::Min),
        _ => Err(format!("`{key}`: `{value}` is none of MAX, AVG, MIN")),
    }
}
