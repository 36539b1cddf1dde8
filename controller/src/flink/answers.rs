//! Flink's answers as types. Tolerant: numbers may come as text, fields may be missing or new, and what is not a finite
//! number is absent.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A number, or text that holds one. `NaN`, infinities, `null` and anything else are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Num(pub Option<f64>);

impl Num {
    /// As a whole number that is not negative.
    pub fn count(self) -> Option<u64> {
        self.0.filter(|v| *v >= 0.0 && *v < 9e15).map(|v| v as u64)
    }

    /// As a 32-bit count.
    pub fn small(self) -> Option<u32> {
        self.count().and_then(|v| u32::try_from(v).ok())
    }

    /// As milliseconds since the epoch; Flink's 0 and -1 mean "not yet".
    pub fn instant(self) -> Option<i64> {
        self.0.filter(|v| *v > 0.0 && *v < 9e15).map(|v| v as i64)
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumVisitor).map(|v| Num(v.filter(|v| v.is_finite())))
    }
}

struct NumVisitor;

impl<'de> Visitor<'de> for NumVisitor {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }
    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Some(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Some(v as f64))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Some(v as f64))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(v.trim().parse().ok())
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// One entry of a list: understood, or not. One bad entry does not spoil the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Entry<T> {
    /// Understood.
    Good(T),
    /// Not.
    Bad(IgnoredAny),
}

impl<T> Entry<T> {
    /// What was understood.
    pub fn good(self) -> Option<T> {
        match self {
            Entry::Good(v) => Some(v),
            Entry::Bad(_) => None,
        }
    }
}

/// `GET /jobs/overview`.
#[derive(Debug, Deserialize)]
pub struct JobsOverview {
    pub jobs: Vec<Entry<JobEntry>>,
}

/// One job in the overview.
#[derive(Clone, Debug, Deserialize)]
pub struct JobEntry {
    pub jid: String,
    pub name: String,
    pub state: String,
}

/// `GET /jobs/:id`.
#[derive(Debug, Deserialize)]
pub struct JobDetails {
    pub jid: Option<String>,
    pub name: Option<String>,
    pub state: Option<String>,
    #[serde(rename = "job-type")]
    pub job_type: Option<String>,
    #[serde(default)]
    pub now: Num,
    pub vertices: Option<Vec<VertexDetails>>,
    pub plan: Option<Plan>,
}

/// One vertex in `GET /jobs/:id`.
#[derive(Debug, Deserialize)]
pub struct VertexDetails {
    pub id: String,
    pub name: Option<String>,
    #[serde(rename = "slotSharingGroupId")]
    pub slot_group: Option<String>,
    #[serde(default, rename = "maxParallelism")]
    pub max_parallelism: Num,
    #[serde(default)]
    pub parallelism: Num,
    #[serde(default, rename = "start-time")]
    pub start_time: Num,
    pub tasks: Option<Tasks>,
    pub metrics: Option<IoMetrics>,
}

/// Subtasks by state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct Tasks {
    #[serde(default)]
    pub running: Num,
    #[serde(default)]
    pub finished: Num,
}

/// Sums over a vertex's subtasks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IoMetrics {
    pub read_bytes_complete: Option<Flag>,
    pub write_bytes_complete: Option<Flag>,
    #[serde(default)]
    pub read_records: Num,
    pub read_records_complete: Option<Flag>,
    #[serde(default)]
    pub write_records: Num,
    pub write_records_complete: Option<Flag>,
    #[serde(default)]
    pub accumulated_backpressured_time: Num,
    #[serde(default)]
    pub accumulated_idle_time: Num,
    #[serde(default)]
    pub accumulated_busy_time: Num,
}

/// True or false, or the word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Word {
            Bool(bool),
            Text(String),
        }
        Ok(match Word::deserialize(d)? {
            Word::Bool(v) => Flag(v),
            Word::Text(v) => Flag(v.eq_ignore_ascii_case("true")),
        })
    }
}

impl IoMetrics {
    /// Flink says of a sum whether it could reach all subtasks. One that it could not spoils the whole observation.
    pub fn is_incomplete(&self) -> bool {
        let flags = [
            self.read_bytes_complete,
            self.write_bytes_complete,
            self.read_records_complete,
            self.write_records_complete,
        ];
        flags.contains(&Some(Flag(false)))
    }
}

/// The plan inside `GET /jobs/:id`.
#[derive(Debug, Deserialize)]
pub struct Plan {
    pub nodes: Option<Vec<PlanNode>>,
}

/// One node of the plan: the same ids as the vertices.
#[derive(Debug, Deserialize)]
pub struct PlanNode {
    pub id: String,
    #[serde(default)]
    pub inputs: Vec<PlanInput>,
}

/// An edge of the plan.
#[derive(Debug, Deserialize)]
pub struct PlanInput {
    pub id: String,
    pub ship_strategy: Option<String>,
}

/// One metric: `value` without aggregation, the others with it.
#[derive(Debug, Deserialize)]
pub struct Metric {
    pub id: String,
    #[serde(default)]
    pub value: Num,
    #[serde(default)]
    pub min: Num,
    #[serde(default)]
    pub max: Num,
    #[serde(default)]
    pub avg: Num,
    #[serde(default)]
    pub sum: Num,
}

/// `GET /jobs/:id/resource-requirements`.
pub type Requirements = BTreeMap<String, Requirement>;

/// One vertex's bounds.
#[derive(Debug, Deserialize)]
pub struct Requirement {
    pub parallelism: BoundsAnswer,
}

/// Bounds as Flink writes them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundsAnswer {
    pub lower_bound: Num,
    pub upper_bound: Num,
}

/// `GET /jobs/:id/checkpoints`.
#[derive(Debug, Deserialize)]
pub struct CheckpointsAnswer {
    pub counts: Option<Counts>,
    pub latest: Option<Latest>,
    #[serde(default)]
    pub history: Vec<Entry<CheckpointEntry>>,
}

/// Counts of checkpoints.
#[derive(Debug, Deserialize)]
pub struct Counts {
    #[serde(default)]
    pub in_progress: Num,
    #[serde(default)]
    pub completed: Num,
    #[serde(default)]
    pub failed: Num,
}

/// The newest of each kind.
#[derive(Debug, Deserialize)]
pub struct Latest {
    pub completed: Option<CheckpointEntry>,
}

/// One checkpoint.
#[derive(Debug, Deserialize)]
pub struct CheckpointEntry {
    #[serde(default)]
    pub id: Num,
    pub status: Option<String>,
    pub is_savepoint: Option<Flag>,
    #[serde(default)]
    pub latest_ack_timestamp: Num,
    #[serde(default)]
    pub checkpointed_size: Num,
    #[serde(default)]
    pub state_size: Num,
    #[serde(default)]
    pub end_to_end_duration: Num,
}

/// `GET /jobs/:id/checkpoints/config`.
#[derive(Debug, Deserialize)]
pub struct CheckpointConfigAnswer {
    #[serde(default)]
    pub interval: Num,
    #[serde(default)]
    pub timeout: Num,
    pub state_backend: Option<String>,
}

/// `GET /jobs/:id/exceptions`.
#[derive(Debug, Deserialize)]
pub struct ExceptionsAnswer {
    #[serde(rename = "exceptionHistory")]
    pub history: Option<ExceptionHistory>,
}

/// The history.
#[derive(Debug, Deserialize)]
pub struct ExceptionHistory {
    #[serde(default)]
    pub entries: Vec<ExceptionEntry>,
}

/// One failure, newest first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionEntry {
    pub exception_name: Option<String>,
    pub stacktrace: Option<String>,
    #[serde(default)]
    pub timestamp: Num,
}

/// `GET /taskmanagers`.
#[derive(Debug, Deserialize)]
pub struct TaskManagersAnswer {
    pub taskmanagers: Vec<TaskManagerEntry>,
}

/// One TaskManager.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskManagerEntry {
    pub id: String,
    #[serde(default)]
    pub slots_number: Num,
    #[serde(default)]
    pub free_slots: Num,
    pub memory_configuration: Option<MemoryAnswer>,
}

/// A TaskManager's memory.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryAnswer {
    #[serde(default)]
    pub total_process_memory: Num,
}

/// `GET /overview`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OverviewAnswer {
    #[serde(default)]
    pub taskmanagers: Num,
    #[serde(default)]
    pub slots_total: Num,
    #[serde(default)]
    pub slots_available: Num,
}

/// `GET /config`.
#[derive(Debug, Deserialize)]
pub struct ConfigAnswer {
    #[serde(rename = "flink-version")]
    pub version: Option<String>,
}

/// One line of `GET /jobmanager/config`.
#[derive(Debug, Deserialize)]
pub struct ConfigLine {
    pub key: String,
    pub value: Option<String>,
}

/// `GET /jobs/:id/vertices/:vid`.
#[derive(Debug, Deserialize)]
pub struct SubtasksAnswer {
    #[serde(default)]
    pub now: Num,
    #[serde(default)]
    pub subtasks: Vec<SubtaskEntry>,
}

/// One subtask.
#[derive(Debug, Deserialize)]
pub struct SubtaskEntry {
    #[serde(default, rename = "start-time")]
    pub start_time: Num,
    #[serde(rename = "status-duration")]
    pub durations: Option<BTreeMap<String, Num>>,
}

/// `GET /jobs/:id/vertices/:vid/taskmanagers`.
#[derive(Debug, Deserialize)]
pub struct VertexTaskManagersAnswer {
    #[serde(default)]
    pub taskmanagers: Vec<HostEntry>,
}

/// A TaskManager that runs some of a vertex's subtasks.
#[derive(Debug, Deserialize)]
pub struct HostEntry {
    #[serde(rename = "taskmanager-id")]
    pub id: Option<String>,
}

/// `GET /jars`.
#[derive(Debug, Deserialize)]
pub struct Jars {
    #[serde(default)]
    pub files: Vec<JarFile>,
}

/// One jar.
#[derive(Debug, Deserialize)]
pub struct JarFile {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub uploaded: Num,
}

/// `POST /jars/:id/run`.
#[derive(Debug, Deserialize)]
pub struct JarRunAnswer {
    pub jobid: Option<String>,
}

/// What a trigger answers.
#[derive(Debug, Deserialize)]
pub struct TriggerAnswer {
    #[serde(rename = "request-id")]
    pub request_id: String,
}

/// State of something triggered. `COMPLETED` also when it failed: then `operation` holds a `failure-cause`.
#[derive(Debug, Deserialize)]
pub struct OperationAnswer {
    pub status: OperationStatus,
    pub operation: Option<serde_json::Value>,
}

/// `IN_PROGRESS` or `COMPLETED`.
#[derive(Debug, Deserialize)]
pub struct OperationStatus {
    pub id: String,
}

/// `GET /jobs/:id/status`.
#[derive(Debug, Deserialize)]
pub struct StatusAnswer {
    pub status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_many_clothes() {
        let cases = [
            ("5", Some(5.0)),
            ("5.5", Some(5.5)),
            ("\"5\"", Some(5.0)),
            ("\" 5.5 \"", Some(5.5)),
            ("-1", Some(-1.0)),
            ("\"NaN\"", None),
            ("\"Infinity\"", None),
            ("\"-inf\"", None),
            ("1e999", None),
            ("null", None),
            ("true", None),
            ("\"\"", None),
            ("{\"a\": [1, {}]}", None),
            ("[1, [2]]", None),
        ];
        for (text, want) in cases {
            let got = serde_json::from_str::<Num>(text).ok().and_then(|n| n.0);
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn one_bad_job_does_not_hide_the_others() {
        let text = r#"{"jobs":[{"jid":"a","name":"x","state":"RUNNING"},{"jid":7},null,{"jid":"b","name":"y","state":"RUNNING","new":{}}]}"#;
        let jobs = serde_json::from_str::<JobsOverview>(text).unwrap().jobs;
        assert_eq!(jobs.into_iter().filter_map(Entry::good).map(|j| j.jid).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn incomplete_is_seen_also_as_text() {
        let of = |t: &str| serde_json::from_str::<IoMetrics>(t).unwrap().is_incomplete();
        assert!(of(r#"{"read-records":0,"read-records-complete":false}"#));
        assert!(of(r#"{"write-bytes-complete":"false"}"#));
        assert!(!of(r#"{"read-records":0,"read-records-complete":true}"#) && !of("{}"));
    }
}
