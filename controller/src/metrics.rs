//! Weirkeeper's own figures. The table of `docs/operations.md` says what each means.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::{Arc, Mutex, PoisonError};

/// Labels of `weirkeeper_decisions_total`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct DecisionLabels {
    /// Verdict.
    pub verdict: String,
    /// Name of the first reason.
    pub reason: String,
}

/// Labels of `weirkeeper_gates_total`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct GateLabels {
    /// Gate.
    pub gate: String,
}

/// Labels of `weirkeeper_effects_total`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct EffectLabels {
    /// What was done.
    pub kind: String,
    /// What came of it.
    pub outcome: String,
}

/// A label that says which cluster.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ClusterLabels {
    /// Its name.
    pub cluster: String,
}

/// Labels of `weirkeeper_budget_left`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct BudgetLabels {
    /// The cluster.
    pub cluster: String,
    /// The job.
    pub job: String,
    /// The span, in seconds.
    pub per: u64,
}

/// A label that says which state jobs are in.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StateLabels {
    /// `running`, `restarting`, `ended`, `unread` or `skipped`.
    pub state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: String,
}

type Histograms = Family<ClusterLabels, Histogram, fn() -> Histogram>;

/// All figures. A clone is another handle on the same ones.
#[derive(Clone)]
pub struct Metrics {
    /// Decisions.
    pub decisions: Family<DecisionLabels, Counter>,
    /// What held something back.
    pub gates: Family<GateLabels, Counter>,
    /// Effects.
    pub effects: Family<EffectLabels, Counter>,
    /// Time one read of a cluster took.
    pub scrape: Histograms,
    /// Reads of a cluster that failed.
    pub scrape_failures: Family<ClusterLabels, Counter>,
    /// Calls to Flink.
    pub requests: Family<ClusterLabels, Counter>,
    /// Jobs now.
    pub jobs: Family<StateLabels, Gauge>,
    /// What is left of the jobs' own budgets.
    pub budget_left: Family<BudgetLabels, Gauge>,
    /// Time of one `step`.
    pub step: Histogram,
    /// Time of one durable write.
    pub store_write: Histogram,
    /// Writes that failed.
    pub store_failures: Counter,
    /// Panics in `step`.
    pub panics: Counter,
    registry: Arc<Mutex<Registry>>,
}

/// 1 ms to 33 s by doubling: a call on the same machine to the time-out of a slow cluster.
fn scrape_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Metrics {
        let metrics = Metrics {
            decisions: Family::default(),
            gates: Family::default(),
            effects: Family::default(),
            scrape: Family::new_with_constructor(scrape_buckets as fn() -> Histogram),
            scrape_failures: Family::default(),
            requests: Family::default(),
            jobs: Family::default(),
            budget_left: Family::default(),
            // 1 us to 0.26 s by four.
            step: Histogram::new(exponential_buckets(0.000_001, 4.0, 10)),
            // 0.1 ms (memory) to 3 s (a disk in trouble) by doubling.
            store_write: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            store_failures: Counter::default(),
            panics: Counter::default(),
            registry: Arc::new(Mutex::new(Registry::with_prefix("weirkeeper"))),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&self) {
        let mut r = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        r.register("decisions", "Decisions by verdict and first reason", self.decisions.clone());
        r.register("gates", "Decisions that a gate held back, by gate", self.gates.clone());
        r.register("effects", "Effects by kind and what came of them", self.effects.clone());
        r.register("scrape_seconds", "Time of one read of a cluster", self.scrape.clone());
        r.register("scrape_failures", "Reads of a cluster that failed", self.scrape_failures.clone());
        r.register("rest_requests", "Calls to Flink's REST API", self.requests.clone());
        r.register("jobs", "Jobs by state", self.jobs.clone());
        r.register("budget_left", "Rescales left of a job's own budgets", self.budget_left.clone());
        r.register("step_seconds", "Time of one decision step", self.step.clone());
        r.register("store_write_seconds", "Time of one durable write", self.store_write.clone());
        r.register("store_failures", "Durable writes that failed", self.store_failures.clone());
        r.register("panics", "Events on which deciding failed: a bug", self.panics.clone());
        let version = env!("CARGO_PKG_VERSION").to_owned();
        r.register("build", "The running version", Info::new(BuildLabels { version }));
    }

    /// In the text format that Prometheus reads.
    pub fn encode(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_cannot_break_a_line() {
        let metrics = Metrics::default();
        let labels = BudgetLabels { cluster: "c".into(), job: "a\"b\nc\\d \u{1f600}".into(), per: 3600 };
        metrics.budget_left.get_or_create(&labels).set(2);
        let text = metrics.encode();
        let line = text.lines().find(|l| l.starts_with("weirkeeper_budget_left{")).unwrap();
        assert_eq!(line, "weirkeeper_budget_left{cluster=\"c\",job=\"a\\\"b\\nc\\\\d \u{1f600}\",per=\"3600\"} 2");
    }

    #[test]
    fn the_names_are_those_of_the_operations_page() {
        let metrics = Metrics::default();
        metrics.gates.get_or_create(&GateLabels { gate: "budget".into() }).inc();
        let text = metrics.encode();
        let page = include_str!("../../docs/operations.md");
        let kinds = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
        let names: Vec<_> = kinds
            .filter_map(|l| l.split_once(' '))
            .map(|(name, kind)| match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
            .collect();
        assert!(names.len() >= 5, "{text}");
        names.iter().for_each(|name| assert!(page.contains(name.as_str()), "{name} is not in docs/operations.md"));
    }
}
