//! The queries of one reading: how per-subtask series are put together is as through REST.

use super::names::{literal, mangle, quote};
use weirkeeper_core::series::{Agg, name};

/// What a query's answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Series of vertices, put together in this way.
    Task(Agg),
    /// Subtasks that report, by vertex.
    Subtasks,
    /// How long the youngest subtask of a vertex has run, ms.
    Age,
    /// Series of a job.
    Job,
    /// Series of the cluster: TaskManagers and slots.
    Cluster,
    /// Which TaskManagers run a job.
    Hosts,
    /// When the newest sample of a job was scraped, seconds since the epoch.
    Scraped,
}

/// Which jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One, by its name, over all its ids.
    Name(String),
    /// These ids.
    Ids(Vec<String>),
    /// All there are.
    All,
}

/// With more ids than this, all are asked for: the expression would be longer than what it saves.
const MAX_IDS: usize = 200;

impl Filter {
    fn matcher(&self) -> String {
        match self {
            Filter::Name(name) => {
                let (raw, mangled) = (quote(name), quote(&mangle(name)));
                let both = if raw == mangled { raw } else { format!("{raw}|{mangled}") };
                format!(",job_name=~{}", literal(&both))
            }
            Filter::Ids(ids) if ids.len() <= MAX_IDS => format!(",job_id=~{}", literal(&ids.join("|"))),
            Filter::Ids(_) | Filter::All => String::new(),
        }
    }
}

const SUM: [&str; 11] = [
    name::RECORDS_IN,
    name::RECORDS_OUT,
    name::BUSY_TOTAL,
    name::IDLE_TOTAL,
    name::BACKPRESSURED_TOTAL,
    name::RECORDS_IN_RATE,
    name::RECORDS_OUT_RATE,
    name::PENDING,
    name::ASSIGNED_PARTITIONS,
    name::CONNECTION_COUNT,
    name::COMMITS_FAILED,
];
const MAX: [&str; 6] = [
    name::BUSY_TOTAL,
    name::BUSY_RATE,
    name::EMIT_LAG,
    name::WATERMARK_LAG,
    name::ALIGNMENT_DRIFT,
    // Flink's reporter leaves the split out of the name and makes it a label.
    name::SPLIT_PAUSED,
];
const MIN: [&str; 2] = [name::BUSY_TOTAL, name::SOURCE_IDLE];
const AVG: [&str; 6] =
    [name::BUSY_TOTAL, name::BUSY_RATE, name::BACKPRESSURED_RATE, name::IN_POOL_USAGE, name::EMIT_LAG, name::SEND_TIME];
const JOB: [&str; 11] = [
    name::NUM_RESTARTS,
    name::NUM_RESCALES,
    name::CHECKPOINTS_COMPLETED,
    name::CHECKPOINTS_FAILED,
    name::CHECKPOINTS_IN_PROGRESS,
    name::CHECKPOINT_DURATION,
    name::CHECKPOINT_SIZE,
    name::CHECKPOINT_FULL_SIZE,
    CHECKPOINT_ID,
    CHECKPOINT_AT,
    ALL_RUNNING,
];
const CLUSTER: [&str; 7] =
    [name::HEAP_USED, name::HEAP_MAX, name::GC_RATE, name::NETWORK_BUFFERS, SLOTS_TOTAL, SLOTS_FREE, TASKMANAGERS];
/// Number of the last completed checkpoint (newer Flink).
pub const CHECKPOINT_ID: &str = "flink_jobmanager_job_lastCompletedCheckpointId";
/// When it completed, ms since the epoch (newer Flink).
pub const CHECKPOINT_AT: &str = "flink_jobmanager_job_lastCheckpointCompletedTimestamp";
/// How long all subtasks have run, ms; 0 while they do not (newer Flink).
pub const ALL_RUNNING: &str = "flink_jobmanager_job_allSubTasksRunningOrFinishedTime";
/// All slots.
pub const SLOTS_TOTAL: &str = "flink_jobmanager_taskSlotsTotal";
/// Free slots.
pub const SLOTS_FREE: &str = "flink_jobmanager_taskSlotsAvailable";
/// TaskManagers.
pub const TASKMANAGERS: &str = "flink_jobmanager_numRegisteredTaskManagers";

/// The queries, with what each answers.
pub fn all(filter: &Filter) -> Vec<(Kind, String)> {
    let which = filter.matcher();
    let named = |names: &[&str], which: &str| format!("{{__name__=~{}{which}}}", literal(&names.join("|")));
    let by = "job_id, job_name, task_id, task_name";
    // Flink's -1 and smallest long are "not yet", and NaN is not a number: neither is part of any sum.
    let task = |agg: Agg, names: &[&str], more: &str| {
        (Kind::Task(agg), format!("{} by (__name__, {by}{more}) ({} >= 0)", agg.as_str(), named(names, &which)))
    };
    let one = |name: &str| named(&[name], &which);
    let clock = [name::BUSY_TOTAL, name::IDLE_TOTAL, name::BACKPRESSURED_TOTAL].map(one).join(" + ");
    vec![
        task(Agg::Sum, &SUM, ""),
        task(Agg::Max, &MAX, ""),
        task(Agg::Min, &MIN, ""),
        task(Agg::Avg, &AVG, ", operator_name"),
        (Kind::Subtasks, format!("count by ({by}) ({})", one(name::RECORDS_IN))),
        (Kind::Age, format!("min by ({by}) ({clock})")),
        (Kind::Job, named(&JOB, &which)),
        (Kind::Cluster, named(&CLUSTER, "")),
        (Kind::Scraped, format!("max by (job_id) (timestamp({}))", one(name::RECORDS_IN))),
        (Kind::Hosts, format!("count by (job_id, job_name, tm_id) ({})", one(name::RECORDS_IN))),
    ]
}
