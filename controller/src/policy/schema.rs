//! JSON Schema of a policy, for editors. The types here exist to be described; reading is done by hand, because a
//! derived reader stops at the first problem. A test holds the two together: fields and defaults are compared.

mod inline;
pub(crate) mod notation;

use inline::Test;
use notation::{Duration, Percent, Share, Size};
use schemars::{JsonSchema, Schema};
use std::collections::BTreeMap;

/// The schema as it is printed and committed.
pub fn policy() -> String {
    let mut schema = schemars::schema_for!(Policy);
    without_null(&mut schema);
    schema.insert("title".to_owned(), "Weirkeeper policy".into());
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// An optional field may be left out, but not be given as null: a field without a value is a slip.
pub(crate) fn without_null(schema: &mut Schema) {
    schemars::transform::transform_subschemas(&mut without_null, schema);
    let Some(object) = schema.as_object_mut() else { return };
    let null = serde_json::json!({ "type": "null" });
    if let Some(serde_json::Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| *choice != null);
        if let [serde_json::Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            only.into_iter().for_each(|(key, value)| _ = object.entry(key).or_insert(value));
        }
    }
    if let Some(serde_json::Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
}

/// Which jobs, how far, what size, how often, when not.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Policy {
    /// The version of this format.
    #[schemars(extend("const" = "weirkeeper.dev/v1"))]
    api_version: String,
    /// What the document is.
    #[schemars(extend("const" = "Policy"))]
    kind: String,
    /// Who it is.
    metadata: Metadata,
    /// Which jobs. The most specific policy wins; a tie is refused. Without it: every job that no other policy claims.
    #[serde(rename = "match")]
    matches: Option<Match>,
    /// How far it may go.
    #[schemars(extend("default" = "recommend"))]
    mode: Option<Mode>,
    /// How a job is sized.
    scaling: Option<Scaling>,
    /// Reserved: comes with conditions and runbooks. A policy that has it is refused.
    #[schemars(extend("not" = {}))]
    rules: Option<serde_json::Value>,
    /// Budgets. The tightest wins.
    limits: Option<Limits>,
    /// Spans in which nothing is done.
    freeze: Option<Vec<Freeze>>,
    /// Reserved: comes with notifications. A policy that has it is refused.
    #[schemars(extend("not" = {}))]
    notify: Option<serde_json::Value>,
    /// Tests of this policy, run by `weirkeeper test`.
    tests: Option<Vec<Test>>,
}

/// Who the policy is.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Metadata {
    /// Its name, unique among all policies loaded.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"))]
    name: String,
}

/// Which jobs. What is left out matches everything.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Match {
    /// Globs (* and ?) over Kubernetes namespaces.
    namespaces: Option<Vec<String>>,
    /// Globs (* and ?) over job names. On a plain Flink cluster, mode auto acts only on jobs named here without wildcard.
    jobs: Option<Vec<String>>,
    /// Labels, all of which the job must have.
    labels: Option<BTreeMap<String, String>>,
}

/// observe: watch and learn; recommend: say; approve: do once approved; auto: do.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
enum Mode {
    Observe,
    Recommend,
    Approve,
    Auto,
}

/// How a job is sized.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Scaling {
    /// Aim: demand over capacity. Setting one of the three shifts the others that are not set.
    #[schemars(extend("default" = 0.7))]
    target_utilization: Option<Share>,
    /// Act above this utilization.
    #[schemars(extend("default" = 0.85))]
    scale_up_at: Option<Share>,
    /// Act below this utilization.
    #[schemars(extend("default" = 0.5))]
    scale_down_at: Option<Share>,
    /// Samples older than this do not judge.
    #[schemars(extend("default" = "90s"))]
    window: Option<Duration>,
    /// Samples from this long after a start, restart or rescale are ignored.
    #[schemars(extend("default" = "120s"))]
    warm_up: Option<Duration>,
    /// No vertex below this.
    #[schemars(range(min = 1), extend("default" = 1))]
    min_parallelism: Option<u32>,
    /// No vertex above this. Without it: each vertex's own max parallelism.
    #[schemars(range(min = 1))]
    max_parallelism: Option<u32>,
    /// No more slots than this for the job.
    #[schemars(range(min = 1))]
    max_slots: Option<u32>,
    /// Lag that is still good.
    #[schemars(extend("default" = "2m"))]
    lag_objective: Option<Duration>,
    /// How soon a backlog must be gone. 0s: no catch-up is planned for.
    #[schemars(extend("default" = "10m"))]
    catch_up: Option<Duration>,
    /// When to scale down.
    scale_down: Option<ScaleDown>,
    /// Rest after a rescale.
    cooldown: Option<Cooldown>,
    /// Per vertex: globs over vertex names; the first that matches counts.
    vertices: Option<BTreeMap<String, Vertex>>,
    /// Floors by calendar.
    floors: Option<Vec<Floor>>,
    /// Reserved: comes with conditions. A policy that has it is refused.
    #[schemars(extend("not" = {}))]
    veto: Option<serde_json::Value>,
    /// How a rescale is carried out on a plain Flink cluster.
    #[schemars(extend("default" = "in-place"))]
    apply: Option<Apply>,
    /// What is run again. Required with stop-with-savepoint, and only there.
    jar: Option<Jar>,
    /// An upper bound that Flink could not meet for this long is withdrawn to what runs.
    #[schemars(extend("default" = "5m"))]
    withdraw_after: Option<Duration>,
    /// Local disk per TaskManager for RocksDB state. Without it, whether state fits is not judged.
    disk_limit: Option<Size>,
    /// No restart or redeploy when the last completed checkpoint is older. Without it: three intervals and the time-out.
    checkpoint_limit: Option<Duration>,
}

/// When to scale down.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct ScaleDown {
    /// How long demand must have been low: it is sized for the highest within this time.
    #[schemars(extend("default" = "60m"))]
    after: Option<Duration>,
    /// Least share of slots it must free.
    #[schemars(extend("default" = 0.2))]
    min_saving: Option<Share>,
}

/// Rest after any rescale.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Cooldown {
    /// Before a scale-up.
    #[schemars(extend("default" = "10m"))]
    up: Option<Duration>,
    /// Before a scale-down.
    #[schemars(extend("default" = "30m"))]
    down: Option<Duration>,
}

/// What is said of one vertex.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Vertex {
    /// Never change its parallelism.
    #[schemars(extend("default" = false))]
    fixed: Option<bool>,
    /// Lower bound, instead of the policy's.
    #[schemars(range(min = 1))]
    min_parallelism: Option<u32>,
    /// Upper bound, instead of the policy's.
    #[schemars(range(min = 1))]
    max_parallelism: Option<u32>,
    /// Its input ends: it has work, but no demand.
    bounded: Option<bool>,
    /// When a bounded or backfilling source must be done, from its start.
    deadline: Option<Duration>,
    /// Its lag does not count.
    #[schemars(extend("default" = false))]
    lag_exempt: Option<bool>,
    /// It waits for answers: its capacity is requests in flight over latency.
    #[serde(rename = "async")]
    async_io: Option<Async>,
    /// Records per second that one subtask can do, as measured elsewhere.
    #[schemars(extend("exclusiveMinimum" = 0))]
    capacity_per_subtask: Option<f64>,
    /// Name of a series that gives the share of throttled CPU periods of its TaskManagers.
    #[schemars(regex(pattern = "^[A-Za-z_:][A-Za-z0-9_:]*$"))]
    throttled_series: Option<String>,
}

/// An asynchronous operator.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Async {
    /// Requests in flight per subtask: `capacity` of AsyncDataStream.
    #[schemars(range(min = 1))]
    capacity: u32,
    /// What one request takes.
    latency: Duration,
}

/// in-place: through the adaptive scheduler only; stop-with-savepoint: where that is impossible, run the jar again.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Apply {
    InPlace,
    StopWithSavepoint,
}

/// What is run again after a job was stopped with a savepoint. Flink keeps neither arguments nor settings: all are said here.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Jar {
    /// As GET /jars lists it; of several the one that was uploaded last.
    name: String,
    /// Without it: the one in the jar's manifest.
    entry_class: Option<String>,
    /// Arguments of the program.
    args: Option<Vec<Scalar>>,
    /// Settings of the job, such as its checkpointing.
    config: Option<BTreeMap<String, Scalar>>,
}

/// Text, a number or a truth; to Flink all are text.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Scalar {
    Text(String),
    Number(f64),
    Truth(bool),
}

/// A floor by calendar: minParallelism, minSlots or both.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["minParallelism"] }, { "required": ["minSlots"] }]))]
#[allow(dead_code)]
struct Floor {
    /// When it begins: minute, hour, day of month, month, day of week.
    cron: String,
    /// For how long, at most 31 days.
    lasts: Duration,
    /// A name of the IANA database.
    #[schemars(extend("default" = "UTC"))]
    timezone: Option<String>,
    /// No vertex below this.
    #[schemars(range(min = 1))]
    min_parallelism: Option<u32>,
    /// No fewer slots than this for the job.
    #[schemars(range(min = 1))]
    min_slots: Option<u32>,
}

/// A span in which nothing is done.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Freeze {
    /// When it begins: minute, hour, day of month, month, day of week.
    cron: String,
    /// For how long, at most 31 days.
    lasts: Duration,
    /// A name of the IANA database.
    #[schemars(extend("default" = "UTC"))]
    timezone: Option<String>,
    /// Why, for the person who wonders.
    reason: Option<String>,
}

/// Budgets. What is written replaces the default of that field as a whole.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct Limits {
    /// Rescales of one job: one entry or several, all of which hold.
    #[schemars(extend("default" = [
        { "count": 3, "per": "1h", "downs": 1, "reserveUp": 1 }, { "count": 8, "per": "24h", "reserveUp": 1 }
    ]))]
    per_job: Option<OneOrMore>,
    /// Rescales of all jobs together.
    #[schemars(extend("default" = { "count": 3, "percent": 5, "per": "10m" }))]
    per_fleet: Option<PerFleet>,
    /// Rescales under way at once: a number, or count, percent and perCluster.
    #[schemars(extend("default" = { "count": 2, "percent": 2, "perCluster": 1 }))]
    max_concurrent: Option<NumberOr>,
}

/// One entry or several.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum OneOrMore {
    One(PerJob),
    More(#[schemars(length(min = 1, max = 16))] Vec<PerJob>),
}

/// At most so many rescales of a job in so long.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)]
struct PerJob {
    /// Rescales.
    count: u32,
    /// In this span.
    per: Duration,
    /// Of which down; without it: any.
    downs: Option<u32>,
    /// Units that only a scale-up may use.
    #[schemars(extend("default" = 0))]
    reserve_up: Option<u32>,
}

/// count or percent of jobs, the larger.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["count"] }, { "required": ["percent"] }]))]
#[allow(dead_code)]
struct PerFleet {
    /// Rescales.
    #[schemars(extend("default" = 0))]
    count: Option<u32>,
    /// Of the jobs known.
    #[schemars(extend("default" = 0))]
    percent: Option<Percent>,
    /// In this span.
    per: Duration,
}

/// A number, or more than that.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum NumberOr {
    Number(u32),
    Parts(MaxConcurrent),
}

/// count or percent of jobs, the larger, and a bound per session cluster.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["count"] }, { "required": ["percent"] }]))]
#[allow(dead_code)]
struct MaxConcurrent {
    /// Rescales.
    #[schemars(extend("default" = 0))]
    count: Option<u32>,
    /// Of the jobs known.
    #[schemars(extend("default" = 0))]
    percent: Option<Percent>,
    /// On one session cluster.
    #[schemars(extend("default" = 1))]
    per_cluster: Option<u32>,
}
