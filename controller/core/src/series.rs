//! Series under the names that Flink's Prometheus reporter gives them, and bounded windows of their samples.

use crate::units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The names that the core reads. Units are in the comments; sources in the design notes of `docs/`.
pub mod name {
    /// Records a vertex received since its attempt began (counter). On a source: 0 or absent.
    pub const RECORDS_IN: &str = "flink_taskmanager_job_task_numRecordsIn";
    /// Records a vertex sent since its attempt began (counter).
    pub const RECORDS_OUT: &str = "flink_taskmanager_job_task_numRecordsOut";
    /// 60 s average of [`RECORDS_IN`], records/s: the fall-back.
    pub const RECORDS_IN_RATE: &str = "flink_taskmanager_job_task_numRecordsInPerSecond";
    /// 60 s average of [`RECORDS_OUT`], records/s: the fall-back.
    pub const RECORDS_OUT_RATE: &str = "flink_taskmanager_job_task_numRecordsOutPerSecond";
    /// Busy time since the attempt began, ms (counter).
    pub const BUSY_TOTAL: &str = "flink_taskmanager_job_task_accumulateBusyTimeMs";
    /// Idle time since the attempt began, ms (counter).
    pub const IDLE_TOTAL: &str = "flink_taskmanager_job_task_accumulateIdleTimeMs";
    /// Backpressured time since the attempt began, ms (counter).
    pub const BACKPRESSURED_TOTAL: &str = "flink_taskmanager_job_task_accumulateBackPressuredTimeMs";
    /// 60 s average, ms/s: the fall-back.
    pub const BUSY_RATE: &str = "flink_taskmanager_job_task_busyTimeMsPerSecond";
    /// 60 s average, ms/s: the fall-back.
    pub const IDLE_RATE: &str = "flink_taskmanager_job_task_idleTimeMsPerSecond";
    /// 60 s average, ms/s: the fall-back.
    pub const BACKPRESSURED_RATE: &str = "flink_taskmanager_job_task_backPressuredTimeMsPerSecond";
    /// Records a source says are waiting: a floor only.
    pub const PENDING: &str = "flink_taskmanager_job_task_operator_pendingRecords";
    /// Age of what a source emits, ms; -1 when it has emitted nothing.
    pub const EMIT_LAG: &str = "flink_taskmanager_job_task_operator_currentEmitEventTimeLag";
    /// Watermark's distance from the clock, ms.
    pub const WATERMARK_LAG: &str = "flink_taskmanager_job_task_operator_watermarkLag";
    /// How long a source has had nothing to emit, ms.
    pub const SOURCE_IDLE: &str = "flink_taskmanager_job_task_operator_sourceIdleTime";
    /// How far a source runs ahead of its alignment group, ms; positive means it is held.
    pub const ALIGNMENT_DRIFT: &str = "flink_taskmanager_job_task_operator_watermarkAlignmentDrift";
    /// Time for which watermark alignment paused a split, ms/s, over the last minute (Flink 2.x).
    pub const SPLIT_PAUSED: &str = "flink_taskmanager_job_task_operator_split_watermark_pausedTimeMsPerSecond";
    /// Last offset read of a partition, which the labels `topic` and `partition` name.
    pub const PARTITION_OFFSET: &str =
        "flink_taskmanager_job_task_operator_KafkaSourceReader_topic_partition_currentOffset";
    /// Partitions that a source's subtasks own.
    pub const ASSIGNED_PARTITIONS: &str =
        "flink_taskmanager_job_task_operator_KafkaSourceReader_KafkaConsumer_assigned_partitions";
    /// Connections of the Kafka consumer; 0 within 2 s of a broker's death.
    pub const CONNECTION_COUNT: &str =
        "flink_taskmanager_job_task_operator_KafkaSourceReader_KafkaConsumer_connection_count";
    /// Offset commits that failed (counter).
    pub const COMMITS_FAILED: &str = "flink_taskmanager_job_task_operator_KafkaSourceReader_commitsFailed";
    /// A sink's last send latency, ms.
    pub const SEND_TIME: &str = "flink_taskmanager_job_task_operator_currentSendTime";
    /// Bytes in the network buffers' queues, as a share of the pool.
    pub const IN_POOL_USAGE: &str = "flink_taskmanager_job_task_Shuffle_Netty_Input_Buffers_inPoolUsage";
    /// Watermark of what a vertex emits, ms since the epoch.
    pub const OUTPUT_WATERMARK: &str = "flink_taskmanager_job_task_operator_currentOutputWatermark";
    /// Restarts, rescales among them (counter).
    pub const NUM_RESTARTS: &str = "flink_jobmanager_job_numRestarts";
    /// Rescales (counter, Flink 2.x).
    pub const NUM_RESCALES: &str = "flink_jobmanager_job_numRescales";
    /// Completed checkpoints (counter; from zero after a JobManager failover).
    pub const CHECKPOINTS_COMPLETED: &str = "flink_jobmanager_job_numberOfCompletedCheckpoints";
    /// Failed checkpoints (counter; those a restart aborted among them).
    pub const CHECKPOINTS_FAILED: &str = "flink_jobmanager_job_numberOfFailedCheckpoints";
    /// Checkpoints under way.
    pub const CHECKPOINTS_IN_PROGRESS: &str = "flink_jobmanager_job_numberOfInProgressCheckpoints";
    /// Duration of the last completed checkpoint, ms.
    pub const CHECKPOINT_DURATION: &str = "flink_jobmanager_job_lastCheckpointDuration";
    /// Bytes the last checkpoint wrote.
    pub const CHECKPOINT_SIZE: &str = "flink_jobmanager_job_lastCheckpointSize";
    /// Bytes of the whole state in the last checkpoint.
    pub const CHECKPOINT_FULL_SIZE: &str = "flink_jobmanager_job_lastCheckpointFullSize";
    /// Heap in use, bytes, per TaskManager.
    pub const HEAP_USED: &str = "flink_taskmanager_Status_JVM_Memory_Heap_Used";
    /// Heap limit, bytes, per TaskManager.
    pub const HEAP_MAX: &str = "flink_taskmanager_Status_JVM_Memory_Heap_Max";
    /// Time in garbage collection, ms/s, per TaskManager.
    pub const GC_RATE: &str = "flink_taskmanager_Status_JVM_GarbageCollector_All_TimeMsPerSecond";
    /// Network buffers of one TaskManager, in all.
    pub const NETWORK_BUFFERS: &str = "flink_taskmanager_Status_Shuffle_Netty_TotalMemorySegments";
    /// Brokers' end offsets minus current offsets, records: the true lag.
    pub const SOURCE_LAG_RECORDS: &str = "weirkeeper_source_lag_records";
    /// Lag in seconds, derived (or given).
    pub const LAG_SECONDS: &str = "weirkeeper_lag_seconds";
    /// Share of CPU periods that were throttled, 0 to 1.
    pub const CPU_THROTTLED: &str = "weirkeeper_cpu_throttled_ratio";
}

/// How per-subtask values were put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Agg {
    /// The smallest.
    Min,
    /// The mean over the subtasks that reported.
    Avg,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// Flink's skew figure, percent.
    Skew,
}

impl Agg {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Agg::Min => "min",
            Agg::Avg => "avg",
            Agg::Max => "max",
            Agg::Sum => "sum",
            Agg::Skew => "skew",
        }
    }

    /// From the label's value.
    pub fn parse(word: &str) -> Option<Agg> {
        [Agg::Min, Agg::Avg, Agg::Max, Agg::Sum, Agg::Skew].into_iter().find(|a| a.as_str() == word)
    }
}

/// Which series: name and labels. The job is known from where the window is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The Prometheus name.
    pub name: Arc<str>,
    /// `task_name`: the vertex, by its raw name (by its id where two vertices share one name).
    pub task: Option<Arc<str>>,
    /// `operator_name`.
    pub operator: Option<Arc<str>>,
    /// `agg`.
    pub agg: Option<Agg>,
    /// Other labels (`tm_id`, ...), sorted.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
}

impl SeriesKey {
    /// A series of the whole job.
    pub fn job(name: &str) -> SeriesKey {
        SeriesKey { name: name.into(), task: None, operator: None, agg: None, labels: Vec::new() }
    }

    /// A series of a vertex.
    pub fn task(name: &str, task: &str, agg: Agg) -> SeriesKey {
        SeriesKey { task: Some(task.into()), agg: Some(agg), ..SeriesKey::job(name) }
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = Vec::new();
        labels.extend(self.task.iter().map(|t| format!("task_name={t:?}")));
        labels.extend(self.operator.iter().map(|o| format!("operator_name={o:?}")));
        labels.extend(self.agg.iter().map(|a| format!("agg=\"{}\"", a.as_str())));
        labels.extend(self.labels.iter().map(|(k, v)| format!("{k}={v:?}")));
        match labels.is_empty() {
            true => self.name.fmt(f),
            false => write!(f, "{}{{{}}}", self.name, labels.join(",")),
        }
    }
}

/// Samples kept per series: at the shortest sensible interval (2 s) this holds 4 minutes, at 15 s half an hour;
/// 120 samples of 16 bytes keep 500 jobs of 50 series under 50 MiB.
pub const MAX_SAMPLES: usize = 120;

/// The newest samples of one series, oldest first; finite values only, times strictly rising.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    samples: VecDeque<(Timestamp, f64)>,
}

impl Window {
    /// Adds a sample. What is not finite, or not newer than the newest, is dropped. Samples older than `keep` go.
    pub fn push(&mut self, at: Timestamp, value: f64, keep: Millis) {
        let newest = self.samples.back().map(|s| s.0);
        if !value.is_finite() || newest.is_some_and(|t| t >= at) {
            return;
        }
        self.samples.push_back((at, value));
        let oldest = at.minus(keep);
        while self.samples.len() > MAX_SAMPLES || self.samples.front().is_some_and(|s| s.0 < oldest) {
            self.samples.pop_front();
        }
    }

    /// The newest sample.
    pub fn last(&self) -> Option<(Timestamp, f64)> {
        self.samples.back().copied()
    }

    /// All samples at or after `from`, oldest first.
    pub fn since(&self, from: Timestamp) -> impl DoubleEndedIterator<Item = (Timestamp, f64)> + '_ {
        let first = self.samples.partition_point(|s| s.0 < from);
        self.samples.range(first..).copied()
    }

    /// The sample at exactly `at`. The newest ones are asked for most.
    pub fn value_at(&self, at: Timestamp) -> Option<f64> {
        let near = self.samples.iter().rev().take(4).find(|s| s.0 <= at);
        match near {
            Some((time, value)) => (*time == at).then_some(*value),
            None => self.samples.binary_search_by_key(&at, |s| s.0).ok().map(|found| self.samples[found].1),
        }
    }

    /// How many samples it holds.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}
