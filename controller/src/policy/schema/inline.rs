//! Schema of inline tests.

use super::notation::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A test of sizing.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct Test {
    /// Its name, unique in the policy.
    name: String,
    /// Time between two observations.
    #[schemars(extend("default" = "15s"))]
    interval: Option<Duration>,
    /// The job.
    job: TestJob,
    /// What is observed: series by selector, samples in promtool's notation.
    series: BTreeMap<String, Samples>,
    /// What must come of it.
    #[schemars(length(min = 1))]
    expect: Vec<Expect>,
}

/// Samples in promtool's notation: 0+100x40, 7x3, _, _x4, stale.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub(super) enum Samples {
    Notation(String),
    Number(f64),
}

/// The job of a test.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct TestJob {
    /// Its name.
    #[schemars(extend("default" = "job"))]
    name: Option<String>,
    /// Its namespace.
    namespace: Option<String>,
    /// How long all its tasks have been running at time 0.
    #[schemars(extend("default" = "0s"))]
    running_for: Option<Duration>,
    /// Its vertices.
    #[schemars(length(min = 1, max = 300))]
    vertices: Vec<TestVertex>,
    /// Its edges: [from, to, SHIP].
    edges: Option<Vec<(String, String, TestShip)>>,
    /// Slots of the cluster. Without it: ample.
    slots: Option<TestSlots>,
}

/// How records travel along an edge.
#[derive(JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(dead_code)]
pub(super) enum TestShip {
    Forward,
    Hash,
    Rebalance,
    Rescale,
    Broadcast,
}

/// A vertex of a test's job.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct TestVertex {
    /// Its name, as Flink shows it.
    name: String,
    /// Subtasks that run.
    #[schemars(range(min = 1))]
    parallelism: u32,
    /// Key groups.
    #[schemars(range(min = 1), extend("default" = 128))]
    max_parallelism: Option<u32>,
    /// Partitions of its source.
    #[schemars(range(min = 1))]
    partitions: Option<u32>,
    /// Slot-sharing group.
    #[schemars(extend("default" = "default"))]
    slot_group: Option<String>,
}

/// Slots of a test's cluster.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct TestSlots {
    /// All that are registered, those in use among them.
    total: u32,
    /// Whether a resource manager starts TaskManagers on demand.
    #[schemars(extend("default" = false))]
    on_demand: Option<bool>,
    /// Slots per TaskManager.
    #[schemars(range(min = 1))]
    per_task_manager: Option<u32>,
    /// The most that the resource manager may start.
    #[schemars(range(min = 1))]
    max: Option<u32>,
}

/// What must hold at one time: a rescale that was let through, a gate that holds one back, or both for one plan.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["rescale"] }, { "required": ["gate"] }]))]
#[allow(dead_code)]
pub(super) struct Expect {
    /// When: a duration from the start, or RFC 3339 (the start is the epoch).
    at: String,
    /// Parallelism by vertex; {} for none. Exact.
    rescale: Option<BTreeMap<String, u32>>,
    /// The gate that holds back what sizing wants.
    gate: Option<GateName>,
}

/// A gate.
pub(super) struct GateName;

impl JsonSchema for GateName {
    fn schema_name() -> Cow<'static, str> {
        "Gate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = weirkeeper_core::reason::Gate::ALL.map(weirkeeper_core::reason::Gate::as_str);
        json_schema!({ "description": "A named reason why something is not done now.", "enum": names })
    }
}
