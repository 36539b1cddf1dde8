//! The fields that each mapping knows. A test compares them with the JSON Schema.

pub const POLICY: &[&str] =
    &["apiVersion", "kind", "metadata", "match", "mode", "scaling", "rules", "limits", "freeze", "notify", "tests"];
pub const METADATA: &[&str] = &["name"];
pub const MATCH: &[&str] = &["namespaces", "jobs", "labels"];
pub const SCALING: &[&str] = &[
    "targetUtilization",
    "scaleUpAt",
    "scaleDownAt",
    "window",
    "warmUp",
    "minParallelism",
    "maxParallelism",
    "maxSlots",
    "lagObjective",
    "catchUp",
    "scaleDown",
    "cooldown",
    "vertices",
    "floors",
    "veto",
    "apply",
    "jar",
    "withdrawAfter",
    "diskLimit",
    "checkpointLimit",
];
pub const JAR: &[&str] = &["name", "entryClass", "args", "config"];
pub const SCALE_DOWN: &[&str] = &["after", "minSaving"];
pub const COOLDOWN: &[&str] = &["up", "down"];
pub const VERTEX: &[&str] = &[
    "fixed",
    "minParallelism",
    "maxParallelism",
    "bounded",
    "deadline",
    "lagExempt",
    "async",
    "capacityPerSubtask",
    "throttledSeries",
];
pub const ASYNC: &[&str] = &["capacity", "latency"];
pub const FLOOR: &[&str] = &["cron", "lasts", "timezone", "minParallelism", "minSlots"];
pub const FREEZE: &[&str] = &["cron", "lasts", "timezone", "reason"];
pub const LIMITS: &[&str] = &["perJob", "perFleet", "maxConcurrent"];
pub const PER_JOB: &[&str] = &["count", "per", "downs", "reserveUp"];
pub const PER_FLEET: &[&str] = &["count", "percent", "per"];
pub const MAX_CONCURRENT: &[&str] = &["count", "percent", "perCluster"];
pub const TEST: &[&str] = &["name", "interval", "job", "series", "expect"];
pub const TEST_JOB: &[&str] = &["name", "namespace", "runningFor", "vertices", "edges", "slots"];
pub const TEST_VERTEX: &[&str] = &["name", "parallelism", "maxParallelism", "partitions", "slotGroup"];
pub const TEST_SLOTS: &[&str] = &["total", "onDemand", "perTaskManager", "max"];
pub const EXPECT: &[&str] = &["at", "rescale", "gate"];
