//! The one rendering of a reason, and its label.

use crate::reason::{Method, Reason};
use std::fmt;

/// Writes the sentence.
#[expect(clippy::too_many_lines, reason = "one line per reason: a table, not a function")]
pub(crate) fn write(reason: &Reason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use Reason as R;
    match reason {
        R::Overloaded { vertex, demand, capacity, utilization, above } => {
            write!(f, "{vertex} is asked for {demand} and can do {capacity}: {utilization} of it, above {above}")
        }
        R::Oversized { vertex, demand, capacity, utilization, below } => {
            write!(f, "{vertex} is asked for {demand} and can do {capacity}: {utilization} of it, below {below}")
        }
        R::WithinBounds { vertex, utilization, low, high } => {
            write!(f, "the busiest vertex, {vertex}, is at {utilization}, between {low} and {high}")
        }
        R::MissesObjective { source, lag, drain: Some(drain), objective, catch_up } => write!(
            f,
            "{source} is {lag} behind (objective {objective}) and would need {drain} to catch up, more than {catch_up}"
        ),
        R::MissesObjective { source, lag, drain: None, objective, .. } => {
            write!(f, "{source} is {lag} behind (objective {objective}) and is not catching up")
        }
        R::Draining { source, lag, falling } => {
            write!(f, "{source} is {lag} behind and catching up, {:.1} s per second: wait", falling.0)
        }
        R::Target { target, policy, catch_up, restart } => write!(
            f,
            "aim {target} (policy {policy}): after an unplanned restart of {restart} the job has to catch up within {catch_up}"
        ),
        R::Capacity { vertex, from, to, now, then, needed, method } => write!(
            f,
            "{vertex} can do {now} at {from} and {then} at {to} ({}), {needed} is needed",
            method_words(*method)
        ),
        R::Coupled { vertices, parallelism } => {
            write!(f, "{} are joined by FORWARD edges: {parallelism} for all", vertices.join(", "))
        }
        R::Limited { vertex, wanted, given, by } => write!(f, "{vertex} would want {wanted}, gets {given}: {by}"),
        R::HeavyPartition { source, share, partitions } => write!(
            f,
            "one of the {partitions} partitions of {source} carries {share} of its records: more subtasks cannot divide it"
        ),
        R::BelowFloor { slots, floor } => write!(f, "it takes {slots} slots, and a floor by calendar asks for {floor}"),
        R::ShortOfSlots { wanted, have, short } => {
            write!(f, "short of {short} slots: {wanted} are wanted, {have} are there")
        }
        R::Plateau { vertex, from, to } => {
            write!(f, "{vertex} would gain nothing from {to} instead of {from}: key groups spread no better")
        }
        R::AtLeast { source, demand, why } => write!(f, "{source} is asked for at least {demand}: {why}"),
        R::UnknownDemand { source, why } => write!(f, "what arrives at {source} is not known: {why}"),
        R::UnknownCapacity { vertex, why } => write!(f, "what {vertex} can do is not known: {why}"),
        R::Backfill { source, bounded: true } => {
            write!(f, "{source} is bounded: it has work but no demand; give it a deadline to size it")
        }
        R::Backfill { source, bounded: false } => write!(
            f,
            "{source} works through what was there before it started: it has no demand yet; give it a deadline to size it"
        ),
        R::HeldByAlignment { source, drift, paused } => {
            write!(f, "{source} is held back by watermark alignment (")?;
            match (drift, paused) {
                (Some(drift), _) => write!(f, "{drift} ahead")?,
                (None, Some(paused)) => write!(f, "a split was paused {paused} of the time")?,
                (None, None) => f.write_str("by how much is not known")?,
            }
            f.write_str("): it is neither idle nor behind")
        }
        R::SourceIdle { source, idle } => write!(
            f,
            "{source} has had nothing to emit for {idle}: no records, or nobody to fetch them from; this sizes nothing"
        ),
        R::Bursts { vertex, ratio, period, seen } => {
            write!(f, "{vertex} works in bursts (p95 is {ratio:.1} times the mean, {seen} seen")?;
            match period {
                Some(period) => write!(f, ", every {period})"),
                None => write!(f, ")"),
            }
        }
        R::Unproven { vertex, measured, proven, busy } => {
            write!(f, "{vertex} looks able to do {measured}, but was {busy} busy at most: only {proven} is proven")
        }
        R::ClauseOff { clause, needs } => write!(f, "{clause} is not judged: it needs {needs}"),
        R::HotSubtask { vertex, hottest, others } => write!(
            f,
            "one subtask of {vertex} is {hottest} busy while the others are at {others}: a hot key, which more subtasks do not cool"
        ),
        R::SlowSink { vertex, busy, why } => {
            write!(f, "{vertex} shows {busy} busy, which may be waiting for what it writes to: {why}")
        }
        R::DependencyDown { dependency, evidence } => {
            write!(f, "{dependency} does not answer ({evidence}): rescaling cannot help and may hurt")
        }
        R::RestartLoop { restarts, within } => {
            write!(f, "{restarts} restarts in {within}: sizing a job that does not stay up means nothing")
        }
        R::GcPressure { share } => write!(f, "garbage collection takes {share} of the time: memory, not parallelism"),
        R::Throttled { vertex, share } => {
            write!(f, "{share} of the CPU periods of {vertex} are throttled: add TaskManagers, not slots")
        }
        R::StalledWatermark { vertex, since } => write!(f, "event time at {vertex} has stood still for {since}"),
        R::AsyncBound { vertex, capacity } => {
            write!(f, "{vertex} is asynchronous: its queue over its latency gives {capacity}, whatever its busy time")
        }
        R::FetcherBound { source, capacity } => write!(
            f,
            "{source} falls behind while its subtasks have time left: fetching is the limit, about {capacity}"
        ),
        R::SavingTooSmall { slots, of, saving, least } => {
            write!(f, "would free {slots} of {of} slots, {saving}: less than {least}, not worth a restart")
        }
        R::RecentPeak { source, peak, now, within } => {
            write!(f, "{source} was asked for {peak} within {within}, now {now}: sized for the peak")
        }
        R::NotWatchedLongEnough { watched, needed } => {
            write!(f, "a smaller size needs {needed} of watching, {watched} so far")
        }
        R::YesterdayPeak { peak, now } => write!(f, "the same hour yesterday asked for {peak}, now {now}"),
        R::CatchUpAtRisk { source, lag, objective } => {
            write!(f, "{source} is {lag} behind: a smaller job would break the objective of {objective}")
        }
        R::LossAtRisk { utilization, most } => {
            write!(f, "after the loss of a TaskManager it would run at {utilization}, more than {most} drains in time")
        }
        R::StateTooLarge { bytes, room, what } => {
            write!(
                f,
                "{:.1} GiB of state on fewer TaskManagers with {:.1} GiB of {what} would not fit",
                gib(*bytes),
                gib(*room)
            )
        }
        R::FirstCheckpoint { expected, timeout } => write!(
            f,
            "the first checkpoint after it is close to a full one, about {expected}: too near the time-out of {timeout}"
        ),
        R::NetworkBuffers { needed, have } => {
            write!(
                f,
                "needs {needed} network buffers per TaskManager, {have} are there: raise taskmanager.memory.network"
            )
        }
        R::UnprovenBackend { backend } => {
            write!(f, "state is in {backend}, which is not known to rescale in place on this version")
        }
        R::Worth { pause, replay, prevents } => {
            write!(f, "costs a pause of about {pause} and {replay} of replay; {prevents}")
        }
        R::WarmingUp { until } => write!(f, "warming up until {until}"),
        R::NotAllRunning { vertex, running, of } => write!(f, "{running} of {of} tasks of {vertex} run"),
        R::TooFewSamples { have, need } => write!(f, "{have} of {need} samples since the last change of load"),
        R::Settling { vertex, change } => {
            write!(f, "{vertex}'s records per busy second still change by {change} from window to window")
        }
        R::NotMoving { vertex, since } => write!(f, "the figures of {vertex} have not moved for {since}: stale"),
        R::NotRead { why } => write!(f, "could not be read: {why}"),
        R::NotRunning { status } => write!(f, "the job is {status}"),
        R::Missing { what } => write!(f, "not known: {what}"),
        R::NoPolicy => write!(f, "no policy matches this job"),
        R::NameTwice { count } => {
            write!(f, "{count} running jobs have this name: which is which cannot be told, so neither is touched")
        }
        R::InCooldown { until, up } => {
            write!(f, "too soon after the last rescale: {} again from {until}", if *up { "up" } else { "down" })
        }
        R::BudgetSpent { used, count, per, whose } => {
            write!(f, "{used} of {count} disruptions in {per} are used ({whose})")
        }
        R::InFlight { what } => write!(f, "{what} is under way"),
        R::ChangedByHand { vertex, from, to, hold_until } => {
            write!(f, "somebody set {vertex} from {from} to {to}: respected until {hold_until}")
        }
        R::PausedBy { by, reason, until: Some(until) } => write!(f, "paused by {by} until {until}: {reason}"),
        R::PausedBy { by, reason, until: None } => write!(f, "paused by {by}: {reason}"),
        R::KillSwitch { readable: true } => write!(f, "the kill switch is on"),
        R::KillSwitch { readable: false } => write!(f, "the kill switch cannot be read, which counts as on"),
        R::FrozenUntil { until, reason } => write!(f, "frozen until {until}: {reason}"),
        R::Flapping { vertex, until } => {
            write!(f, "{vertex} went up, down and up while demand hardly changed: left alone until {until}")
        }
        R::FailingTogether { failing, jobs, within } => {
            write!(f, "{failing} of {jobs} jobs failed within {within}: the cause is not in one job")
        }
        R::BreakerOpen { failed, within, until } => {
            write!(f, "{failed} verifications failed within {within}: only recommending until {until}")
        }
        R::OptIn { name } => {
            write!(f, "mode auto needs the job's own name in match.jobs, without wildcard: add {name:?}")
        }
        R::NotAdaptive { scheduler } => write!(
            f,
            "the job runs under {}, which cannot rescale in place: set jobmanager.scheduler: adaptive on the cluster, or \
             scaling.apply: stop-with-savepoint with scaling.jar in the policy",
            scheduler.as_deref().unwrap_or("a scheduler that is not known")
        ),
        R::OneParallelism { largest, refused: None } => write!(
            f,
            "its jar is run again, and this Flink takes one parallelism for all vertices: those whose program sets none \
             run at {largest}"
        ),
        R::OneParallelism { largest, refused: Some(vertex) } => write!(
            f,
            "its jar is run again, and this Flink takes one parallelism for all vertices: {largest} is more than \
             {vertex} may have; set jobmanager.scheduler: adaptive on the cluster"
        ),
        R::Savepoint => write!(f, "a savepoint is under way"),
        R::CheckpointAge { age: Some(age), limit } => {
            write!(f, "the last checkpoint completed {age} ago, more than {limit}")
        }
        R::CheckpointAge { age: None, limit } => write!(f, "no completed checkpoint is known (limit {limit})"),
        R::TriedBefore { times, until } => write!(f, "tried {times} times without success: not again before {until}"),
        R::AwaitingApproval { expires } => write!(f, "waits for approval until {expires}"),
        R::Run { what } => write!(f, "{what}"),
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}

fn method_words(method: Method) -> &'static str {
    match method {
        Method::Measured => "measured there",
        Method::Fitted => "fitted between measured sizes",
        Method::Power => "extrapolated with exponent 0.9",
        Method::Told => "told by the policy",
    }
}

/// The variant's name: taken from its serialized form, so that there is one list of names.
pub(crate) fn name(reason: &Reason) -> &'static str {
    macro_rules! names {
        ($($variant:ident => $name:literal),* $(,)?) => {
            match reason { $(Reason::$variant { .. } => $name),* }
        };
    }
    names! {
        Overloaded => "overloaded", Oversized => "oversized", WithinBounds => "within-bounds",
        MissesObjective => "misses-objective", Draining => "draining", Target => "target", Capacity => "capacity",
        Coupled => "coupled", Limited => "limited", HeavyPartition => "heavy-partition", BelowFloor => "below-floor", ShortOfSlots => "short-of-slots", Plateau => "plateau",
        AtLeast => "at-least", UnknownDemand => "unknown-demand", UnknownCapacity => "unknown-capacity",
        Backfill => "backfill", HeldByAlignment => "held-by-alignment", SourceIdle => "source-idle",
        Bursts => "bursts", Unproven => "unproven", ClauseOff => "clause-off", HotSubtask => "hot-subtask",
        SlowSink => "slow-sink", DependencyDown => "dependency-down", RestartLoop => "restart-loop",
        GcPressure => "gc-pressure", Throttled => "throttled", StalledWatermark => "stalled-watermark",
        AsyncBound => "async-bound", FetcherBound => "fetcher-bound", SavingTooSmall => "saving-too-small",
        RecentPeak => "recent-peak", NotWatchedLongEnough => "not-watched-long-enough",
        YesterdayPeak => "yesterday-peak", CatchUpAtRisk => "catch-up-at-risk", LossAtRisk => "loss-at-risk",
        StateTooLarge => "state-too-large", FirstCheckpoint => "first-checkpoint", Worth => "worth", NetworkBuffers => "network-buffers",
        UnprovenBackend => "unproven-backend",
        WarmingUp => "warming-up", NotAllRunning => "not-all-running", TooFewSamples => "too-few-samples",
        Settling => "settling", NotMoving => "not-moving", NotRead => "not-read", NotRunning => "not-running",
        Missing => "missing", NoPolicy => "no-policy", NameTwice => "name-twice", InCooldown => "in-cooldown",
        BudgetSpent => "budget-spent", InFlight => "in-flight", ChangedByHand => "changed-by-hand",
        PausedBy => "paused-by", KillSwitch => "kill-switch", FrozenUntil => "frozen-until",
        Flapping => "flapping", FailingTogether => "failing-together", BreakerOpen => "breaker-open",
        OptIn => "opt-in", NotAdaptive => "not-adaptive",
        OneParallelism => "one-parallelism", Savepoint => "savepoint",
        CheckpointAge => "checkpoint-age", TriedBefore => "tried-before", AwaitingApproval => "awaiting-approval",
        Run => "run",

    }
}
