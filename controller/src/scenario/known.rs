//! The fields that each mapping of a scenario knows. A test compares them with the JSON Schema.

pub const SCENARIO: &[&str] =
    &["apiVersion", "kind", "metadata", "summary", "duration", "seed", "interval", "cluster", "jobs", "faults"];
pub const METADATA: &[&str] = &["name"];
pub const CLUSTER: &[&str] = &[
    "version",
    "mechanism",
    "taskManagers",
    "slotsPerTaskManager",
    "maxTaskManagers",
    "startUp",
    "heartbeatTimeout",
    "rescaleCooldown",
    "rescalePause",
    "restartPause",
    "coldCapacity",
    "warmUp",
    "metricDelay",
    "metricUpdate",
    "heap",
];
pub const JOB: &[&str] = &["name", "labels", "vertices", "edges", "load", "checkpoints", "restart"];
pub const VERTEX: &[&str] = &[
    "name",
    "parallelism",
    "maxParallelism",
    "slotGroup",
    "partitions",
    "capacity",
    "selectivity",
    "emitsEvery",
    "skew",
    "state",
    "statePerRecord",
    "stateOnHeap",
    "noise",
];
pub const CAPACITY: &[&str] = &["lambda", "sigma", "kappa", "points"];
pub const CHECKPOINTS: &[&str] =
    &["interval", "timeout", "tolerableFailures", "upload", "incremental", "unaligned", "base"];
pub const RESTART: &[&str] = &["exponential", "fixed", "rate"];
pub const EXPONENTIAL: &[&str] = &["initial", "max", "multiplier", "reset"];
pub const FIXED: &[&str] = &["delay", "attempts"];
pub const RATE: &[&str] = &["delay", "failures", "per"];
pub const LOAD: &[&str] = &[
    "constant", "steps", "line", "trace", "sine", "diurnal", "spike", "sawtooth", "dump", "walk", "outage", "factor",
    "noise",
];
pub const TRACE: &[&str] = &["file", "time", "value", "peak", "factor", "speed"];
pub const SINE: &[&str] = &["mean", "amplitude", "period", "shift"];
pub const DIURNAL: &[&str] = &["low", "high", "peak", "weekend"];
pub const SPIKE: &[&str] = &["at", "rise", "hold", "fall", "height"];
pub const SAWTOOTH: &[&str] = &["low", "high", "period"];
pub const DUMP: &[&str] = &["records", "at", "period"];
pub const WALK: &[&str] = &["low", "high", "step", "every"];
pub const OUTAGE: &[&str] = &["at", "lasts", "returns"];
pub const FAULT: &[&str] = &["at", "lasts", "job", "fault", "vertex", "factor", "share", "delay", "count", "rate"];
