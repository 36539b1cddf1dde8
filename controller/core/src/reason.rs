//! Why. A reason is data with numbers and units; one `Display` renders it; the metric label is the variant's name.

use crate::units::{Millis, Parallelism, Ratio, RecordsPerSec, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A named reason why something was not done now. The list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// What was read is too old, or does not move.
    Stale,
    /// An answer was incomplete.
    Incomplete,
    /// Too many actions in a span of time.
    Budget,
    /// Too soon after the last.
    Cooldown,
    /// Another run on this job, or too many at once.
    Locked,
    /// The Flink Kubernetes Operator is at work.
    OperatorBusy,
    /// Flink's or the operator's own autoscaler is at work.
    AutoscalerActive,
    /// A person said stop.
    Paused,
    /// A calendar or a flapping vertex says stop.
    Frozen,
    /// Many jobs fail together.
    Storm,
    /// Too many failed verifications in the fleet.
    Breaker,
    /// Mode auto, but the job did not opt in.
    NotOptedIn,
    /// A savepoint is under way.
    SnapshotInProgress,
    /// The last completed checkpoint is too old.
    CheckpointTooOld,
    /// Longer than the sink's transaction may take.
    TransactionBound,
    /// It was tried and did not help.
    Ineffective,
    /// A symptom whose cause is being treated.
    Inhibited,
    /// A person has to agree.
    NeedsApproval,
    /// The live object is not what the plan was made for.
    ChangedSincePlan,
    /// Slots, quota or buffers are missing.
    NoCapacity,
    /// Not every task has run for long enough.
    WarmUp,
    /// The job's scheduler cannot do it.
    Scheduler,
}

impl Gate {
    /// All of them.
    pub const ALL: [Gate; 22] = [
        Gate::Stale,
        Gate::Incomplete,
        Gate::Budget,
        Gate::Cooldown,
        Gate::Locked,
        Gate::OperatorBusy,
        Gate::AutoscalerActive,
        Gate::Paused,
        Gate::Frozen,
        Gate::Storm,
        Gate::Breaker,
        Gate::NotOptedIn,
        Gate::SnapshotInProgress,
        Gate::CheckpointTooOld,
        Gate::TransactionBound,
        Gate::Ineffective,
        Gate::Inhibited,
        Gate::NeedsApproval,
        Gate::ChangedSincePlan,
        Gate::NoCapacity,
        Gate::WarmUp,
        Gate::Scheduler,
    ];

    /// The word for it in policies, JSON and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Gate::Stale => "stale",
            Gate::Incomplete => "incomplete",
            Gate::Budget => "budget",
            Gate::Cooldown => "cooldown",
            Gate::Locked => "locked",
            Gate::OperatorBusy => "operator-busy",
            Gate::AutoscalerActive => "autoscaler-active",
            Gate::Paused => "paused",
            Gate::Frozen => "frozen",
            Gate::Storm => "storm",
            Gate::Breaker => "breaker",
            Gate::NotOptedIn => "not-opted-in",
            Gate::SnapshotInProgress => "snapshot-in-progress",
            Gate::CheckpointTooOld => "checkpoint-too-old",
            Gate::TransactionBound => "transaction-bound",
            Gate::Ineffective => "ineffective",
            Gate::Inhibited => "inhibited",
            Gate::NeedsApproval => "needs-approval",
            Gate::ChangedSincePlan => "changed-since-plan",
            Gate::NoCapacity => "no-capacity",
            Gate::WarmUp => "warm-up",
            Gate::Scheduler => "scheduler",
        }
    }

    /// From the word for it; blanks count as hyphens.
    pub fn parse(word: &str) -> Option<Gate> {
        let word = word.trim().replace([' ', '_'], "-");
        Gate::ALL.into_iter().find(|g| g.as_str() == word)
    }
}

/// A vertex's name.
pub type Name = Arc<str>;

/// What bounds a parallelism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The policy's `minParallelism`.
    PolicyMin,
    /// The policy's `maxParallelism`.
    PolicyMax,
    /// Max parallelism (key groups).
    MaxParallelism,
    /// Partitions of the source.
    Partitions,
    /// A vertex that the policy fixes.
    Fixed,
    /// Slots of the cluster, the policy's `maxSlots` or the resource manager's bound.
    Slots,
    /// A floor by calendar.
    Floor,
    /// No more than another, limited vertex can feed.
    Feeder,
    /// Half at a step.
    HalfAtAStep,
}

impl Limit {
    fn words(self) -> &'static str {
        match self {
            Limit::PolicyMin => "the policy's minParallelism",
            Limit::PolicyMax => "the policy's maxParallelism",
            Limit::MaxParallelism => "its max parallelism",
            Limit::Partitions => "its partitions",
            Limit::Fixed => "a vertex the policy fixes",
            Limit::Slots => "slots",
            Limit::Floor => "a floor by calendar",
            Limit::Feeder => "what a limited vertex can feed it",
            Limit::HalfAtAStep => "at most half at a step",
        }
    }
}

/// How a capacity at another parallelism was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Measured at that parallelism.
    Measured,
    /// The fitted universal scalability law, between measured parallelisms.
    Fitted,
    /// `C(p) (p'/p)^0.9`, from the present.
    Power,
    /// Told by the policy.
    Told,
}

/// Why. Each variant says one thing with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reason {
    // --- what was seen
    /// More arrives than the vertex can do with room to spare.
    Overloaded { vertex: Name, demand: RecordsPerSec, capacity: RecordsPerSec, utilization: Ratio, above: Ratio },
    /// Less arrives than is worth the size.
    Oversized { vertex: Name, demand: RecordsPerSec, capacity: RecordsPerSec, utilization: Ratio, below: Ratio },
    /// All vertices are between the bounds.
    WithinBounds { vertex: Name, utilization: Ratio, low: Ratio, high: Ratio },
    /// The backlog will not be gone in time.
    MissesObjective { source: Name, lag: Millis, drain: Option<Millis>, objective: Millis, catch_up: Millis },
    /// The backlog is draining in time: wait.
    Draining { source: Name, lag: Millis, falling: Ratio },
    /// The aim that was used, and why it is not the policy's.
    Target { target: Ratio, policy: Ratio, catch_up: Millis, restart: Millis },
    /// How the capacity at the new parallelism was told.
    Capacity {
        vertex: Name,
        from: Parallelism,
        to: Parallelism,
        now: RecordsPerSec,
        then: RecordsPerSec,
        needed: RecordsPerSec,
        method: Method,
    },
    /// Vertices joined by FORWARD edges get one parallelism.
    Coupled { vertices: Vec<Name>, parallelism: Parallelism },
    /// A bound was met.
    Limited { vertex: Name, wanted: Parallelism, given: Parallelism, by: Limit },
    /// One partition carries so much that no number of subtasks would do.
    HeavyPartition { source: Name, share: Ratio, partitions: u32 },
    /// The job takes fewer slots than a floor by calendar asks for.
    BelowFloor { slots: u32, floor: u32 },
    /// Slots are missing: one number.
    ShortOfSlots { wanted: u32, have: u32, short: u32 },
    /// More subtasks would gain nothing.
    Plateau { vertex: Name, from: Parallelism, to: Parallelism },
    /// Only a lower bound of the demand is known.
    AtLeast { source: Name, demand: RecordsPerSec, why: String },
    /// What arrives is not known.
    UnknownDemand { source: Name, why: String },
    /// What a vertex can do is not known.
    UnknownCapacity { vertex: Name, why: String },
    /// A source that works through what was there before it started.
    Backfill { source: Name, bounded: bool },
    /// Watermark alignment holds the source back.
    HeldByAlignment { source: Name, drift: Option<Millis>, paused: Option<Ratio> },
    /// The source has nothing to emit: nobody here, or nobody there.
    SourceIdle { source: Name, idle: Millis },
    /// Work comes in bursts.
    Bursts { vertex: Name, ratio: f64, period: Option<Millis>, seen: u32 },
    /// A capacity is believed no further than this.
    Unproven { vertex: Name, measured: RecordsPerSec, proven: RecordsPerSec, busy: Ratio },
    /// A clause could not be judged.
    ClauseOff { clause: String, needs: String },

    // --- what scaling cannot fix
    /// One subtask carries the load.
    HotSubtask { vertex: Name, hottest: Ratio, others: Ratio },
    /// The sink waits for its producer.
    SlowSink { vertex: Name, busy: Ratio, why: String },
    /// An outside system is down.
    DependencyDown { dependency: String, evidence: String },
    /// The job restarts for ever.
    RestartLoop { restarts: u64, within: Millis },
    /// Garbage collection eats the time.
    GcPressure { share: Ratio },
    /// CPU is throttled.
    Throttled { vertex: Name, share: Ratio },
    /// Event time stands still.
    StalledWatermark { vertex: Name, since: Millis },
    /// An async operator's queue decides, not its busy time.
    AsyncBound { vertex: Name, capacity: RecordsPerSec },
    /// The source's fetcher is the limit, not its subtasks' time.
    FetcherBound { source: Name, capacity: RecordsPerSec },

    // --- is it worth it
    /// Both sides of a scale-down.
    SavingTooSmall { slots: u32, of: u32, saving: Ratio, least: Ratio },
    /// Demand was higher within the time a scale-down looks back over.
    RecentPeak { source: Name, peak: RecordsPerSec, now: RecordsPerSec, within: Millis },
    /// The time a scale-down looks back over has not been watched yet.
    NotWatchedLongEnough { watched: Millis, needed: Millis },
    /// Demand was higher at the same hour yesterday.
    YesterdayPeak { peak: RecordsPerSec, now: RecordsPerSec },
    /// Lag grows or the catch-up would break the objective.
    CatchUpAtRisk { source: Name, lag: Millis, objective: Millis },
    /// The smaller job could not drain after the loss of a TaskManager.
    LossAtRisk { utilization: Ratio, most: Ratio },
    /// The state would not fit.
    StateTooLarge { bytes: u64, room: u64, what: String },
    /// The first checkpoint after a rescale would come too close to its time-out.
    FirstCheckpoint { expected: Millis, timeout: Millis },
    /// Network buffers are missing.
    NetworkBuffers { needed: u64, have: u64 },
    /// A state backend that is not known to rescale in place.
    UnprovenBackend { backend: String },
    /// What it costs and what it brings.
    Worth { pause: Millis, replay: Millis, prevents: String },

    // --- evidence
    /// Too early after a (re)start.
    WarmingUp { until: Timestamp },
    /// Not all tasks run.
    NotAllRunning { vertex: Name, running: u32, of: Parallelism },
    /// Too few samples since the last change.
    TooFewSamples { have: u32, need: u32 },
    /// Capacity is not steady yet: a cold state backend looks slow.
    Settling { vertex: Name, change: Ratio },
    /// What is shown does not move.
    NotMoving { vertex: Name, since: Millis },
    /// The job could not be read.
    NotRead { why: String },
    /// The job is not running.
    NotRunning { status: String },
    /// Parts of the answer were missing.
    Missing { what: String },
    /// No policy is for this job.
    NoPolicy,
    /// Two jobs of one name on one cluster.
    NameTwice { count: u32 },

    // --- why not now
    /// Too soon.
    InCooldown { until: Timestamp, up: bool },
    /// Budget spent.
    BudgetSpent { used: u32, count: u32, per: Millis, whose: String },
    /// Something else is under way.
    InFlight { what: String },
    /// A person rescaled.
    ChangedByHand { vertex: Name, from: Parallelism, to: Parallelism, hold_until: Timestamp },
    /// A person said stop.
    PausedBy { by: String, reason: String, until: Option<Timestamp> },
    /// The kill switch is there, or cannot be read.
    KillSwitch { readable: bool },
    /// A freeze.
    FrozenUntil { until: Timestamp, reason: String },
    /// Up, down, up.
    Flapping { vertex: Name, until: Timestamp },
    /// Many jobs fail together.
    FailingTogether { failing: u32, jobs: u32, within: Millis },
    /// Several verifications failed.
    BreakerOpen { failed: u32, within: Millis, until: Timestamp },
    /// Mode auto without the job's own word.
    OptIn { name: String },
    /// The scheduler cannot rescale in place.
    NotAdaptive { scheduler: Option<String> },
    /// A jar that is run again takes one parallelism for all vertices; `refused`: the vertex that may not have it.
    OneParallelism { largest: Parallelism, refused: Option<Name> },
    /// A savepoint is under way.
    Savepoint,
    /// Too old, or none.
    CheckpointAge { age: Option<Millis>, limit: Millis },
    /// It was tried.
    TriedBefore { times: u32, until: Timestamp },
    /// A person has to agree.
    AwaitingApproval { expires: Timestamp },

    // --- what became of it
    /// A run's step, in words.
    Run { what: String },
}

impl Reason {
    /// The variant's name in kebab case: the metric label.
    pub fn name(&self) -> &'static str {
        crate::reason_text::name(self)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::reason_text::write(self, f)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
