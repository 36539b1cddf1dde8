//! JSON Schema of a scenario, for editors. The types here exist to be described; reading is done by hand, because a
//! derived reader stops at the first problem. A test holds the two together: fields and defaults are compared.

use crate::policy::schema::notation::{Duration, Share};
use crate::policy::schema::without_null;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The schema as it is printed and committed.
pub fn scenario() -> String {
    let mut schema = schemars::schema_for!(Scenario);
    without_null(&mut schema);
    schema.insert("title".to_owned(), "Weirkeeper scenario".into());
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// A number of bytes.
struct Bytes;

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes: 500MB, 1GiB, 4096.",
            "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+(k|M|G|T|Ki|Mi|Gi|Ti)?B?$" }
            ],
            "examples": ["1GiB", 4096]
        })
    }
}

/// A synthetic cluster, its jobs with their true capacities, the load that arrives and what goes wrong.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Scenario {
    /// The version of this format.
    #[schemars(extend("const" = "weirkeeper.dev/v1"))]
    api_version: String,
    /// What the document is.
    #[schemars(extend("const" = "Scenario"))]
    kind: String,
    /// Who it is.
    metadata: Metadata,
    /// What it shows, in a line.
    summary: Option<String>,
    /// How long it is played.
    #[schemars(extend("default" = "2h"))]
    duration: Option<Duration>,
    /// Seed of all noise, unless the command line gives one.
    #[schemars(extend("default" = 1))]
    seed: Option<u32>,
    /// How often a controller looks, in whole seconds.
    #[schemars(extend("default" = "15s"))]
    interval: Option<Duration>,
    /// The cluster.
    cluster: Option<Cluster>,
    /// Its jobs.
    #[schemars(length(min = 1))]
    jobs: Vec<Job>,
    /// What goes wrong, and when.
    faults: Option<Vec<Fault>>,
}

/// Who the scenario is.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Metadata {
    /// Its name.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"))]
    name: String,
}

/// The cluster.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Cluster {
    /// Flink's version, major and minor.
    #[schemars(regex(pattern = "^[0-9]+[.][0-9]+$"), extend("default" = "2.2"))]
    version: Option<String>,
    /// How parallelism is changed.
    #[schemars(extend("default" = "in-place"))]
    mechanism: Option<Mechanism>,
    /// TaskManagers at the start.
    #[schemars(range(min = 1), extend("default" = 4))]
    task_managers: Option<u32>,
    /// Slots of each.
    #[schemars(range(min = 1), extend("default" = 4))]
    slots_per_task_manager: Option<u32>,
    /// A resource manager starts TaskManagers on demand, up to this many. Without it the cluster is fixed.
    #[schemars(range(min = 1))]
    max_task_managers: Option<u32>,
    /// How long a TaskManager takes to start.
    #[schemars(extend("default" = "12s"))]
    start_up: Option<Duration>,
    /// Flink's heartbeat.timeout: how long a dead TaskManager is not missed.
    #[schemars(extend("default" = "50s"))]
    heartbeat_timeout: Option<Duration>,
    /// The rest that Flink itself keeps after a rescale.
    #[schemars(extend("default" = "30s"))]
    rescale_cooldown: Option<Duration>,
    /// How long all tasks stand still for a rescale, besides what is replayed.
    #[schemars(extend("default" = "5s"))]
    rescale_pause: Option<Duration>,
    /// The same for any other restart, besides finding out and back-off.
    #[schemars(extend("default" = "5s"))]
    restart_pause: Option<Duration>,
    /// Share of full capacity right after a restart.
    #[schemars(extend("default" = 0.5))]
    cold_capacity: Option<Share>,
    /// How long capacity takes to become whole.
    #[schemars(extend("default" = "1m"))]
    warm_up: Option<Duration>,
    /// How old what a reader sees is.
    #[schemars(extend("default" = "1s"))]
    metric_delay: Option<Duration>,
    /// How often what a reader sees is renewed.
    #[schemars(extend("default" = "10s"))]
    metric_update: Option<Duration>,
    /// Heap of a TaskManager.
    #[schemars(extend("default" = "1GiB"))]
    heap: Option<Bytes>,
}

/// in-place: adaptive scheduler; reactive: the job takes every slot; redeploy: stop with savepoint and run again.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Mechanism {
    InPlace,
    Reactive,
    Redeploy,
}

/// One job.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Job {
    /// Its name.
    name: String,
    /// Labels that policies may match.
    labels: Option<BTreeMap<String, String>>,
    /// Its vertices, in the order in which records flow.
    #[schemars(length(min = 1))]
    vertices: Vec<Vertex>,
    /// Its edges: [from, to, SHIP], or with the records its buffers hold per subtask of the receiver (2000).
    edges: Option<Vec<EdgeForm>>,
    /// What arrives, records/s: shapes that add up, for the only source; or such a list by name of source.
    load: Loads,
    /// Checkpoints.
    checkpoints: Option<Checkpoints>,
    /// Restart strategy; without it exponential.
    restart: Option<Restart>,
}

/// An edge.
struct EdgeForm;

impl JsonSchema for EdgeForm {
    fn schema_name() -> Cow<'static, str> {
        "Edge".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "description": "[from, to, SHIP] or [from, to, SHIP, records].",
            "prefixItems": [
                { "type": "string" },
                { "type": "string" },
                { "enum": ["FORWARD", "HASH", "REBALANCE", "RESCALE", "BROADCAST"] },
                { "type": "integer", "minimum": 1 }
            ],
            "items": false,
            "minItems": 3,
            "examples": [["Source: orders", "enrich", "HASH"]]
        })
    }
}

/// One vertex.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Vertex {
    /// Its name, as Flink shows it.
    name: String,
    /// Parallelism at the start.
    #[schemars(range(min = 1), extend("default" = 1))]
    parallelism: Option<u32>,
    /// Key groups.
    #[schemars(range(min = 1), extend("default" = 128))]
    max_parallelism: Option<u32>,
    /// Slot sharing group.
    #[schemars(extend("default" = "default"))]
    slot_group: Option<String>,
    /// Partitions, of a source. Without it there are enough.
    #[schemars(range(min = 1))]
    partitions: Option<u32>,
    /// What it can do: records/s of one subtask, or a curve.
    capacity: CapacityForm,
    /// Records out per record in.
    #[schemars(range(min = 0), extend("default" = 1))]
    selectivity: Option<f64>,
    /// Records are held back and sent at once at the end of each such span (windows).
    emits_every: Option<Duration>,
    /// The busiest subtask's load over the mean is 1 and this much.
    #[schemars(range(min = 0), extend("default" = 0))]
    skew: Option<f64>,
    /// State at the start.
    #[schemars(extend("default" = 0))]
    state: Option<Bytes>,
    /// State per record in.
    #[schemars(extend("default" = 0))]
    state_per_record: Option<Bytes>,
    /// State lives on the heap.
    #[schemars(extend("default" = false))]
    state_on_heap: Option<bool>,
    /// Noise of the capacity, as a share (standard deviation).
    #[schemars(extend("default" = 0.02))]
    noise: Option<Share>,
}

/// Records/s of one subtask, or a curve.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum CapacityForm {
    Number(f64),
    Curve(Capacity),
}

/// Universal scalability law: lambda p / (1 + sigma (p-1) + kappa p (p-1)), or measured points instead of it.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["lambda"] }, { "required": ["points"] }]))]
#[allow(dead_code)]
struct Capacity {
    /// Records/s of one subtask alone.
    #[schemars(extend("exclusiveMinimum" = 0))]
    lambda: Option<f64>,
    /// Contention.
    #[schemars(range(min = 0), extend("default" = 0))]
    sigma: Option<f64>,
    /// Coherency.
    #[schemars(range(min = 0), extend("default" = 0))]
    kappa: Option<f64>,
    /// [parallelism, records/s], linear between.
    points: Option<Vec<(u32, f64)>>,
}

/// Checkpoint settings and costs.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Checkpoints {
    /// Flink's execution.checkpointing.interval.
    #[schemars(extend("default" = "1m"))]
    interval: Option<Duration>,
    /// Flink's execution.checkpointing.timeout.
    #[schemars(extend("default" = "10m"))]
    timeout: Option<Duration>,
    /// Flink's execution.checkpointing.tolerable-failed-checkpoints.
    #[schemars(extend("default" = 0))]
    tolerable_failures: Option<u32>,
    /// Bytes/s that one TaskManager uploads.
    #[schemars(extend("default" = "100MB"))]
    upload: Option<Bytes>,
    /// Share of the state that an incremental checkpoint writes at least.
    #[schemars(extend("default" = 0.1))]
    incremental: Option<Share>,
    /// Unaligned.
    #[schemars(extend("default" = false))]
    unaligned: Option<bool>,
    /// Fixed part of the duration.
    #[schemars(extend("default" = "500ms"))]
    base: Option<Duration>,
}

/// One of Flink's restart strategies.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
#[allow(dead_code)]
struct Restart {
    /// Flink's exponential-delay.
    exponential: Option<Exponential>,
    /// Flink's fixed-delay.
    fixed: Option<Fixed>,
    /// Flink's failure-rate.
    rate: Option<Rate>,
}

/// Each wait longer than the one before.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Exponential {
    /// The first wait.
    #[schemars(extend("default" = "1s"))]
    initial: Option<Duration>,
    /// The longest wait.
    #[schemars(extend("default" = "1m"))]
    max: Option<Duration>,
    /// Each wait over the one before.
    #[schemars(extend("default" = 1.5))]
    multiplier: Option<f64>,
    /// Running for this long begins anew.
    #[schemars(extend("default" = "1h"))]
    reset: Option<Duration>,
}

/// The same wait each time.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Fixed {
    /// The wait.
    #[schemars(extend("default" = "1s"))]
    delay: Option<Duration>,
    /// Restarts before the job fails for good. Without it: for ever.
    attempts: Option<u32>,
}

/// No more than so many in so long.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Rate {
    /// The wait.
    #[schemars(extend("default" = "1s"))]
    delay: Option<Duration>,
    /// Failures.
    #[schemars(range(min = 1), extend("default" = 1))]
    failures: Option<u32>,
    /// In this span.
    #[schemars(extend("default" = "1m"))]
    per: Option<Duration>,
}

/// Of the only source, or by name of source.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Loads {
    One(Vec<Load>),
    More(BTreeMap<String, Vec<Load>>),
}

/// One shape of load, or what is done to all of them.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
#[allow(dead_code)]
struct Load {
    /// Always the same.
    #[schemars(range(min = 0))]
    constant: Option<f64>,
    /// [time, records/s]: each holds until the next.
    steps: Option<Vec<(Duration, f64)>>,
    /// [time, records/s]: linear between, constant outside.
    line: Option<Vec<(Duration, f64)>>,
    /// A CSV file.
    trace: Option<Trace>,
    /// A wave.
    sine: Option<Sine>,
    /// A day and a week: the scenario starts on a Monday at 00:00.
    diurnal: Option<Diurnal>,
    /// Up, there, and back: a spike, a flash crowd, a rush hour.
    spike: Option<Spike>,
    /// Up in a line, then down at once.
    sawtooth: Option<Sawtooth>,
    /// Many records at once, again and again.
    dump: Option<Dump>,
    /// A random walk.
    walk: Option<Walk>,
    /// Nothing comes of all shapes together; afterwards what did not come.
    outage: Option<Outage>,
    /// All shapes together times this.
    #[schemars(range(min = 0), extend("default" = 1))]
    factor: Option<f64>,
    /// Noise, as a share (standard deviation), drawn anew every second.
    #[schemars(extend("default" = 0))]
    noise: Option<Share>,
}

/// A CSV file with a column of times and a column of values, linear between.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Trace {
    /// Where it is, from the scenario's own folder.
    file: String,
    /// The column of times, by name or position from 1. Without it: the first that holds times.
    time: Option<ColumnForm>,
    /// The column of values. Without it: the first other that holds numbers.
    value: Option<ColumnForm>,
    /// Scaled so that the highest is this many records/s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    peak: Option<f64>,
    /// Scaled by this.
    #[schemars(extend("exclusiveMinimum" = 0, "default" = 1))]
    factor: Option<f64>,
    /// So many times as fast.
    #[schemars(extend("exclusiveMinimum" = 0, "default" = 1))]
    speed: Option<f64>,
}

/// A column, by name or position.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum ColumnForm {
    Name(String),
    Position(u32),
}

/// mean + amplitude sin(2 pi (t - shift) / period).
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Sine {
    /// Mean.
    mean: f64,
    /// Amplitude.
    amplitude: f64,
    /// Period.
    period: Duration,
    /// Shift.
    #[schemars(extend("default" = "0s"))]
    shift: Option<Duration>,
}

/// Low at night, a hump by day.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Diurnal {
    /// Lowest of a working day.
    low: f64,
    /// Highest of a working day.
    high: f64,
    /// When in the day it is highest.
    #[schemars(extend("default" = "14h"))]
    peak: Option<Duration>,
    /// Share of a working day's rate at the weekend.
    #[schemars(range(min = 0), extend("default" = 1))]
    weekend: Option<f64>,
}

/// Up within `rise`, there for `hold`, back within `fall`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Spike {
    /// When it begins.
    at: Duration,
    /// How long it rises.
    #[schemars(extend("default" = "0s"))]
    rise: Option<Duration>,
    /// How long it stays.
    #[schemars(extend("default" = "0s"))]
    hold: Option<Duration>,
    /// How long it falls.
    #[schemars(extend("default" = "0s"))]
    fall: Option<Duration>,
    /// What it adds at its highest.
    height: f64,
}

/// From low to high in a line over each period.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Sawtooth {
    /// Low.
    low: f64,
    /// High.
    high: f64,
    /// Period.
    period: Duration,
}

/// So many records in one second, every period.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Dump {
    /// Records.
    records: f64,
    /// The first.
    #[schemars(extend("default" = "0s"))]
    at: Option<Duration>,
    /// Period.
    period: Duration,
}

/// Turns by at most step every so often, and stays between low and high.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Walk {
    /// Low.
    low: f64,
    /// High.
    high: f64,
    /// Step.
    step: f64,
    /// How often.
    #[schemars(extend("default" = "1m"))]
    every: Option<Duration>,
}

/// Upstream is away, and returns.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Outage {
    /// When.
    at: Duration,
    /// For how long.
    lasts: Duration,
    /// What did not come arrives within this.
    #[schemars(extend("default" = "0s"))]
    returns: Option<Duration>,
}

/// Something that goes wrong.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Fault {
    /// When.
    at: Duration,
    /// For how long. Without it: to the end, or at once.
    lasts: Option<Duration>,
    /// Which job. Without it: the cluster, or all jobs.
    job: Option<String>,
    /// What.
    fault: FaultWord,
    /// Which vertex: of memory-leak, throws, poison-record, slow, broker-outage, hot-key, watermark-stall.
    vertex: Option<String>,
    /// Times what: of metric-lie, slow-checkpoints, slow.
    #[schemars(range(min = 0))]
    factor: Option<f64>,
    /// Which share: of api-errors, api-timeouts, hot-key, bad-rescale.
    share: Option<Share>,
    /// How much older: of metric-delay.
    delay: Option<Duration>,
    /// How many: of task-manager-loss.
    #[schemars(range(min = 1), extend("default" = 1))]
    count: Option<u32>,
    /// Bytes per second: of memory-leak.
    rate: Option<Bytes>,
}

/// What goes wrong.
struct FaultWord;

impl JsonSchema for FaultWord {
    fn schema_name() -> Cow<'static, str> {
        "FaultKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = super::fault::KINDS.iter().map(|k| k.0).collect();
        json_schema!({ "type": "string", "description": "What goes wrong.", "enum": words })
    }
}
