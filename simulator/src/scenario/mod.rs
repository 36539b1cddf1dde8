//! A scenario: a synthetic cluster, its jobs with their true capacities, the load that arrives and what goes wrong.

pub mod load;
pub mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;

/// A cluster and what happens to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows, in a line.
    pub summary: String,
    /// How long it is played.
    pub duration: Millis,
    /// Seed of all noise, unless the command line gives one.
    pub seed: u64,
    /// How often a controller looks.
    pub interval: Millis,
    /// The cluster.
    pub cluster: Cluster,
    /// Its jobs.
    pub jobs: Vec<Job>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
}

/// How a job's parallelism is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Adaptive scheduler, `PUT resource-requirements`.
    InPlace,
    /// Reactive mode: the job takes every slot there is.
    Reactive,
    /// Stop with savepoint, and run again.
    Redeploy,
}

/// The cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Flink's version, major and minor.
    pub version: (u32, u32),
    /// How parallelism is changed.
    pub mechanism: Mechanism,
    /// TaskManagers at the start.
    pub task_managers: u32,
    /// Slots of each.
    pub slots_per_task_manager: u32,
    /// A resource manager starts TaskManagers on demand, up to this many; absent: the cluster is fixed.
    pub most_task_managers: Option<u32>,
    /// How long a TaskManager takes to start.
    pub start_up: Millis,
    /// `heartbeat.timeout`.
    pub heartbeat_timeout: Millis,
    /// Flink's own cool-down after a rescale.
    pub rescale_cooldown: Millis,
    /// How long the whole data plane stands still for a rescale, besides what is replayed.
    pub rescale_pause: Millis,
    /// The same for every restart that is not a rescale, besides finding out and back-off.
    pub restart_pause: Millis,
    /// Share of full capacity right after a restart; it ramps to 1 over `warm_up`.
    pub cold_capacity: f64,
    /// How long that ramp is.
    pub warm_up: Millis,
    /// How old what a reader sees is.
    pub metric_delay: Millis,
    /// How often what a reader sees is renewed.
    pub metric_update: Millis,
    /// Heap of a TaskManager, bytes.
    pub heap: u64,
}

/// One job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Name.
    pub name: Arc<str>,
    /// Vertices, sources first.
    pub vertices: Vec<Vertex>,
    /// Edges by positions in `vertices`.
    pub edges: Vec<Edge>,
    /// What arrives, by source vertex position.
    pub load: BTreeMap<usize, Load>,
    /// Checkpoints.
    pub checkpoints: Checkpoints,
    /// Restart strategy.
    pub restart: Restart,
    /// Labels that policies may match.
    pub labels: BTreeMap<String, String>,
}

/// One vertex.
#[derive(Clone, Debug, PartialEq)]
pub struct Vertex {
    /// Name, raw.
    pub name: Arc<str>,
    /// Parallelism at the start.
    pub parallelism: u32,
    /// Key groups.
    pub max_parallelism: u32,
    /// Slot sharing group.
    pub slot_group: Arc<str>,
    /// Partitions, of a source.
    pub partitions: Option<u32>,
    /// True capacity.
    pub capacity: Capacity,
    /// Records out per record in.
    pub selectivity: f64,
    /// Records that are held back and sent out at once at the end of each such span (windows); absent: none.
    pub emits_every: Option<Millis>,
    /// How uneven the keys are: the busiest subtask's load over the mean is `1 + skew`.
    pub skew: f64,
    /// Bytes of state at the start.
    pub state: f64,
    /// Bytes of state per record in.
    pub state_per_record: f64,
    /// State lives on the heap.
    pub state_on_heap: bool,
    /// Multiplicative noise of the capacity, as a share (standard deviation).
    pub noise: f64,
}

/// Universal scalability law, records/s: `C(p) = lambda p / (1 + sigma (p-1) + kappa p (p-1))`.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    /// Records/s of one subtask alone.
    pub lambda: f64,
    /// Contention.
    pub sigma: f64,
    /// Coherency.
    pub kappa: f64,
    /// Measured points (parallelism, records/s), linear between; where given they stand instead of the law.
    pub points: Vec<(u32, f64)>,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// From vertex.
    pub from: usize,
    /// To vertex.
    pub to: usize,
    /// How records travel.
    pub ship: Ship,
    /// Records that its buffers hold, per subtask of the receiver.
    pub buffer: u32,
}

/// Checkpoint settings and costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoints {
    /// `execution.checkpointing.interval`.
    pub interval: Millis,
    /// `execution.checkpointing.timeout`.
    pub timeout: Millis,
    /// `execution.checkpointing.tolerable-failed-checkpoints`.
    pub tolerable_failures: u32,
    /// Bytes/s that one TaskManager uploads.
    pub upload: f64,
    /// Share of the state that an incremental checkpoint writes at least.
    pub incremental: f64,
    /// Unaligned.
    pub unaligned: bool,
    /// Fixed part of the duration.
    pub base: Millis,
}

/// Restart strategy.
#[derive(Clone, Debug, PartialEq)]
pub enum Restart {
    /// exponential-delay.
    Exponential {
        /// initial-backoff.
        initial: Millis,
        /// max-backoff.
        max: Millis,
        /// backoff-multiplier.
        multiplier: f64,
        /// reset-backoff-threshold.
        reset: Millis,
    },
    /// fixed-delay.
    Fixed {
        /// delay.
        delay: Millis,
        /// attempts.
        attempts: u32,
    },
    /// failure-rate.
    Rate {
        /// delay.
        delay: Millis,
        /// max-failures-per-interval.
        failures: u32,
        /// failure-rate-interval.
        per: Millis,
    },
}

/// Records/s over time: the shapes add up, then noise multiplies.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// The shapes.
    pub shapes: Vec<Shape>,
    /// Everything times this (`--load 2x`).
    pub factor: f64,
    /// Multiplicative noise, as a share (standard deviation), drawn anew every second.
    pub noise: f64,
}

/// A shape of load, records/s. Times count from the start of the scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Always the same.
    Constant(f64),
    /// (from, rate): each holds until the next.
    Steps(Vec<(Millis, f64)>),
    /// Linear between (at, rate), constant outside. A trace is this too.
    Line(Arc<Vec<(Millis, f64)>>),
    /// `mean + amplitude sin(2 pi (t - shift) / period)`.
    Sine {
        /// Mean.
        mean: f64,
        /// Amplitude.
        amplitude: f64,
        /// Period.
        period: Millis,
        /// Shift.
        shift: Millis,
    },
    /// A day: low at night, a hump by day, less on the sixth and seventh day of the week by `weekend`.
    Diurnal {
        /// Lowest of a working day.
        low: f64,
        /// Highest of a working day.
        high: f64,
        /// When in the day it is highest.
        peak: Millis,
        /// Share of a working day's rate at the weekend; 1: no difference.
        weekend: f64,
    },
    /// From `base` up to `peak` within `rise` at `at`, there for `hold`, and back within `fall`: spike, flash crowd.
    Spike {
        /// When.
        at: Millis,
        /// Rise.
        rise: Millis,
        /// Hold.
        hold: Millis,
        /// Fall.
        fall: Millis,
        /// What it adds at its highest.
        height: f64,
    },
    /// From `low` to `high` in a line over each period.
    Sawtooth {
        /// Low.
        low: f64,
        /// High.
        high: f64,
        /// Period.
        period: Millis,
    },
    /// `records` at once, every `period`, the first at `at`.
    Dump {
        /// Records.
        records: f64,
        /// First.
        at: Millis,
        /// Period.
        period: Millis,
    },
    /// A walk between `low` and `high` that turns by at most `step` every `every`.
    Walk {
        /// Low.
        low: f64,
        /// High.
        high: f64,
        /// Step, records/s.
        step: f64,
        /// Every.
        every: Millis,
    },
    /// Nothing arrives (all shapes together) from `at` for `lasts`; then what did not come arrives within `returns`.
    Outage {
        /// At.
        at: Millis,
        /// Lasts.
        lasts: Millis,
        /// Returns.
        returns: Millis,
    },
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// When.
    pub at: Millis,
    /// For how long; absent: to the end, or at once.
    pub lasts: Option<Millis>,
    /// Which job; absent: the cluster, or all jobs.
    pub job: Option<Arc<str>>,
    /// What.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// Metrics are not answered.
    MetricGap,
    /// Metrics stay what they were.
    MetricFreeze,
    /// Metrics are this much older.
    MetricDelay(Millis),
    /// Answers are zeros and say of themselves that they are incomplete.
    MetricIncomplete,
    /// Busy time is shown times this.
    MetricLie(f64),
    /// A share of calls answer 500.
    ApiErrors(f64),
    /// A share of calls are not answered in time; what they ask may have been done.
    ApiTimeouts(f64),
    /// Checkpoints take this many times as long.
    SlowCheckpoints(f64),
    /// Checkpoints are declined.
    DeclinedCheckpoints,
    /// TaskManagers die (and come back after `lasts`, where given).
    TaskManagerLoss(u32),
    /// A vertex leaks this many bytes/s of heap until its TaskManager dies of it.
    MemoryLeak {
        /// Vertex.
        vertex: Arc<str>,
        /// Bytes/s.
        rate: f64,
    },
    /// A vertex throws at once whenever it runs.
    Throws {
        /// Vertex.
        vertex: Arc<str>,
    },
    /// A vertex throws at a certain record, for ever: the job comes back to it from every checkpoint.
    PoisonRecord {
        /// Vertex.
        vertex: Arc<str>,
    },
    /// A vertex's capacity times this (slow sink, hot code, throttled CPU); 0: it is dead.
    Slow {
        /// Vertex.
        vertex: Arc<str>,
        /// Factor.
        factor: f64,
    },
    /// The brokers vanish: nothing can be read.
    BrokerOutage {
        /// Source vertex.
        vertex: Arc<str>,
    },
    /// One key takes this share of all records of a vertex.
    HotKey {
        /// Vertex.
        vertex: Arc<str>,
        /// Share, 0 to 1.
        share: f64,
    },
    /// The watermark stands still.
    WatermarkStall {
        /// Vertex.
        vertex: Arc<str>,
    },
    /// TaskManagers that are asked for do not come.
    NoSlots,
    /// Another manager holds the job (savepoint in progress, operator busy).
    Busy,
    /// The controller is killed, and comes back after `lasts` with its stored state.
    ControllerKilled,
    /// A rescale leaves the job with this share of the capacity it should have.
    BadRescale(f64),
}
