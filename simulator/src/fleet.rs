//! A stand-in for a cluster that runs many steady jobs: a pure function from a request to an answer, in the shapes that
//! Flink 2.2 was recorded with. Counters count, nothing ever happens; what an action asks for is done at once.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A fleet of jobs that are all alike.
#[derive(Clone, Debug)]
pub struct Fleet {
    jobs: usize,
    vertices: usize,
    /// When the jobs began, ms since the epoch.
    began: i64,
    /// Records per second and subtask.
    rate: f64,
    /// Share of a subtask's time that is busy.
    busy: f64,
    parallelism: BTreeMap<(usize, usize), u32>,
    checkpoint_every: i64,
}

/// A status and a body.
pub type Answer = (u16, Value);

const PARALLELISM: u32 = 2;
const SLOTS_PER_TASKMANAGER: u32 = 4;
const VERSION: &str = "2.2.1";

impl Fleet {
    /// `jobs` jobs of `vertices` vertices each, running since `began`.
    pub fn new(jobs: usize, vertices: usize, began: i64) -> Fleet {
        Fleet { jobs, vertices, began, rate: 500.0, busy: 0.6, parallelism: BTreeMap::new(), checkpoint_every: 60_000 }
    }

    /// Another rate per subtask, in records per second, and share of busy time.
    pub fn with_load(mut self, rate: f64, busy: f64) -> Fleet {
        (self.rate, self.busy) = (rate, busy.clamp(0.0, 1.0));
        self
    }

    /// Id of a job.
    pub fn job_id(job: usize) -> String {
        format!("{:032x}", 0xf1ee_0000_0000_u64 + job as u64)
    }

    /// Id of a vertex; every job has the same ones, as jobs with operator uids do.
    pub fn vertex_id(vertex: usize) -> String {
        format!("{:032x}", 0xace_0000_0000_u64 + vertex as u64)
    }

    /// Answers one request at `now`, ms since the epoch. `path` begins with `/` and holds no query.
    pub fn answer(&mut self, method: &str, path: &str, query: &str, body: &Value, now: i64) -> Answer {
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        match (method, parts.as_slice()) {
            ("GET", ["config"]) => (200, config()),
            ("GET", ["jobmanager", "config"]) => (200, json!([{"key": "jobmanager.scheduler", "value": "adaptive"}])),
            ("GET", ["overview"]) => (200, self.overview()),
            ("GET", ["taskmanagers"]) => (200, self.taskmanagers(now)),
            ("GET", ["taskmanagers", _, "metrics"]) => (
                200,
                values(
                    query,
                    &[
                        ("Status.JVM.Memory.Heap.Used", 200e6),
                        ("Status.JVM.Memory.Heap.Max", 400e6),
                        ("Status.JVM.GarbageCollector.All.TimeMsPerSecond", 3.0),
                    ],
                ),
            ),
            ("GET", ["jobs", "overview"]) => {
                (200, json!({"jobs": (0..self.jobs).map(|j| self.entry(j, now)).collect::<Vec<_>>()}))
            }
            (_, ["jobs", id, rest @ ..]) => match self.find(id) {
                Some(job) => self.job(method, job, rest, (query, body), now),
                None => unknown_job(id),
            },
            _ => (404, json!({"errors": ["Not found."]})),
        }
    }

    fn find(&self, id: &str) -> Option<usize> {
        let number = u128::from_str_radix(id, 16).ok()?.checked_sub(0xf1ee_0000_0000)?;
        usize::try_from(number).ok().filter(|j| *j < self.jobs)
    }

    fn job(&mut self, method: &str, job: usize, rest: &[&str], (query, body): (&str, &Value), now: i64) -> Answer {
        match (method, rest) {
            ("GET", []) => (200, self.details(job, now)),
            ("GET", ["status"]) => (200, json!({"status": "RUNNING"})),
            ("GET", ["metrics"]) => (200, self.job_metrics(query, now)),
            ("GET", ["checkpoints"]) => (200, self.checkpoints(now)),
            ("GET", ["checkpoints", "config"]) => (200, self.checkpoint_config()),
            ("GET", ["exceptions"]) => (200, json!({"exceptionHistory": {"entries": [], "truncated": false}})),
            ("GET", ["resource-requirements"]) => (200, self.requirements(job)),
            ("PUT", ["resource-requirements"]) => self.rescale(job, body),
            ("POST", ["checkpoints"]) => (202, json!({"request-id": Fleet::job_id(job)})),
            ("GET", ["checkpoints", _]) => {
                (200, json!({"status": {"id": "COMPLETED"}, "operation": {"checkpointId": self.completed(now)}}))
            }
            ("GET", ["vertices", id, rest @ ..]) => match (0..self.vertices).find(|v| Fleet::vertex_id(*v) == *id) {
                Some(vertex) => self.vertex((job, vertex), rest, query, now),
                None => (404, json!({"errors": [format!("No vertex with ID '{id}' exists.")]})),
            },
            _ => (404, json!({"errors": ["Not found."]})),
        }
    }

    fn vertex(&self, (job, vertex): (usize, usize), rest: &[&str], query: &str, now: i64) -> Answer {
        let p = self.parallelism(job, vertex);
        match rest {
            [] => (
                200,
                json!({
                    "id": Fleet::vertex_id(vertex), "name": name(vertex, self.vertices), "parallelism": p,
                    "maxParallelism": 128, "now": now,
                    "subtasks": (0..p).map(|s| self.subtask(s, now)).collect::<Vec<_>>(),
                }),
            ),
            ["taskmanagers"] => (
                200,
                json!({
                    "id": Fleet::vertex_id(vertex), "name": name(vertex, self.vertices), "now": now,
                    "taskmanagers": [{"endpoint": "localhost:1", "status": "RUNNING", "taskmanager-id": taskmanager(job)}],
                }),
            ),
            ["subtasks", "metrics"] => (200, self.subtask_metrics((job, vertex), query, now)),
            _ => (404, json!({"errors": ["Not found."]})),
        }
    }

    fn parallelism(&self, job: usize, vertex: usize) -> u32 {
        self.parallelism.get(&(job, vertex)).copied().unwrap_or(PARALLELISM)
    }

    fn elapsed(&self, now: i64) -> f64 {
        (now - self.began).max(0) as f64
    }

    fn completed(&self, now: i64) -> i64 {
        (now - self.began).max(0) / self.checkpoint_every
    }

    fn slots(&self) -> (u32, u32, u32) {
        let used = u32::try_from(self.jobs).unwrap_or(u32::MAX).saturating_mul(PARALLELISM);
        let managers = u32::try_from(self.jobs).unwrap_or(u32::MAX);
        (managers, managers.saturating_mul(SLOTS_PER_TASKMANAGER), used)
    }

    fn overview(&self) -> Value {
        let (managers, total, used) = self.slots();
        json!({"taskmanagers": managers, "slots-total": total, "slots-available": total - used,
            "jobs-running": self.jobs, "jobs-finished": 0, "jobs-cancelled": 0, "jobs-failed": 0,
            "flink-version": VERSION, "flink-commit": "450c63e"})
    }

    fn taskmanagers(&self, now: i64) -> Value {
        let one = |job: usize| {
            json!({"id": taskmanager(job), "path": "", "dataPort": 1, "jmxPort": -1, "timeSinceLastHeartbeat": now,
                "slotsNumber": SLOTS_PER_TASKMANAGER, "freeSlots": SLOTS_PER_TASKMANAGER - PARALLELISM,
                "memoryConfiguration": {"totalProcessMemory": 1_207_959_552}})
        };
        json!({"taskmanagers": (0..self.jobs).map(one).collect::<Vec<_>>()})
    }

    fn entry(&self, job: usize, now: i64) -> Value {
        let total: u32 = (0..self.vertices).map(|v| self.parallelism(job, v)).sum();
        json!({"jid": Fleet::job_id(job), "name": format!("job-{job:04}"), "start-time": self.began, "end-time": -1,
            "duration": now - self.began, "state": "RUNNING", "last-modification": self.began,
            "tasks": tasks(total, false), "pending-operators": 0})
    }

    fn details(&self, job: usize, now: i64) -> Value {
        let vertices: Vec<Value> = (0..self.vertices).map(|v| self.vertex_details(job, v, now)).collect();
        let nodes: Vec<Value> = (0..self.vertices).map(|v| self.node(job, v)).collect();
        let id = Fleet::job_id(job);
        json!({"jid": id, "name": format!("job-{job:04}"), "isStoppable": false, "state": "RUNNING",
            "job-type": "STREAMING", "start-time": self.began, "end-time": -1, "duration": now - self.began,
            "maxParallelism": -1, "now": now,
            "timestamps": {"CANCELLING": 0, "FAILING": 0, "RECONCILING": 0, "SUSPENDED": 0, "CREATED": self.began,
                "RESTARTING": 0, "FAILED": 0, "INITIALIZING": self.began, "CANCELED": 0, "FINISHED": 0,
                "RUNNING": self.began},
            "vertices": vertices,
            "status-counts": tasks(u32::try_from(self.vertices).unwrap_or(0), true),
            "plan": {"jid": id, "name": format!("job-{job:04}"), "type": "STREAMING", "nodes": nodes},
            "pending-operators": 0})
    }

    fn node(&self, job: usize, vertex: usize) -> Value {
        let ship = if vertex + 1 == self.vertices { "FORWARD" } else { "HASH" };
        let mut node = json!({"id": Fleet::vertex_id(vertex), "operator": "", "operator_strategy": "",
            "parallelism": self.parallelism(job, vertex), "description": name(vertex, self.vertices),
            "optimizer_properties": {}});
        if vertex > 0 {
            node["inputs"] = json!([{"id": Fleet::vertex_id(vertex - 1), "num": 0, "ship_strategy": ship,
                "exchange": "pipelined_bounded"}]);
        }
        node
    }

    fn vertex_details(&self, job: usize, vertex: usize, now: i64) -> Value {
        let p = self.parallelism(job, vertex);
        let (records, busy) = (self.records(p, now), self.elapsed(now) * self.busy * f64::from(p));
        let sink = vertex + 1 == self.vertices;
        json!({"id": Fleet::vertex_id(vertex), "slotSharingGroupId": Fleet::job_id(job),
            "name": name(vertex, self.vertices), "maxParallelism": 128, "parallelism": p, "status": "RUNNING",
            "start-time": self.began, "end-time": -1, "duration": now - self.began, "tasks": tasks(p, true),
            "metrics": {"read-bytes": 0, "read-bytes-complete": true, "write-bytes": 0, "write-bytes-complete": true,
                "read-records": if vertex == 0 { 0 } else { records }, "read-records-complete": true,
                "write-records": if sink { 0 } else { records }, "write-records-complete": true,
                "accumulated-backpressured-time": 0,
                "accumulated-idle-time": (self.elapsed(now) * f64::from(p) - busy) as i64,
                "accumulated-busy-time": busy}})
    }

    fn records(&self, p: u32, now: i64) -> i64 {
        (self.elapsed(now) / 1_000.0 * self.rate * f64::from(p)) as i64
    }

    fn subtask(&self, subtask: u32, now: i64) -> Value {
        json!({"subtask": subtask, "status": "RUNNING", "attempt": 0, "endpoint": "localhost:1",
            "start-time": self.began, "end-time": -1, "duration": now - self.began, "taskmanager-id": "tm",
            "status-duration": {"RUNNING": now - self.began}, "start_time": self.began})
    }

    fn subtask_metrics(&self, (job, vertex): (usize, usize), query: &str, now: i64) -> Value {
        let p = self.parallelism(job, vertex);
        let all = self.subtask_values(vertex, now);
        let Some(wanted) = parameter(query, "get") else {
            return all.iter().map(|(name, _)| json!({"id": name})).collect();
        };
        let aggregated = |name: &str| {
            let (_, value) = all.iter().find(|(n, _)| n == name)?;
            Some(
                json!({"id": name, "min": value, "max": value, "avg": value, "sum": value * f64::from(p), "skew": 0.0}),
            )
        };
        wanted.split(',').filter_map(aggregated).collect()
    }

    fn subtask_values(&self, vertex: usize, now: i64) -> Vec<(String, f64)> {
        let elapsed = self.elapsed(now);
        let mut all = vec![
            ("accumulateBusyTimeMs".to_owned(), elapsed * self.busy),
            ("accumulateIdleTimeMs".to_owned(), elapsed * (1.0 - self.busy)),
            ("accumulateBackPressuredTimeMs".to_owned(), 0.0),
            ("busyTimeMsPerSecond".to_owned(), 1_000.0 * self.busy),
            ("idleTimeMsPerSecond".to_owned(), 1_000.0 * (1.0 - self.busy)),
            ("backPressuredTimeMsPerSecond".to_owned(), 0.0),
            ("numRecordsInPerSecond".to_owned(), if vertex == 0 { 0.0 } else { self.rate }),
            ("numRecordsOutPerSecond".to_owned(), if vertex + 1 == self.vertices { 0.0 } else { self.rate }),
        ];
        let operator: &[(&str, f64)] = match vertex {
            0 => &[("pendingRecords", 10.0), ("currentEmitEventTimeLag", 200.0), ("sourceIdleTime", 0.0)],
            _ if vertex + 1 == self.vertices => &[("currentSendTime", 4.0)],
            _ => &[],
        };
        let scope: String =
            name(vertex, self.vertices).chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        all.extend(operator.iter().map(|(metric, value)| (format!("{scope}.{metric}"), *value)));
        all
    }

    fn job_metrics(&self, query: &str, now: i64) -> Value {
        values(
            query,
            &[
                ("numRestarts", 0.0),
                ("numRescales", 0.0),
                ("numberOfCompletedCheckpoints", self.completed(now) as f64),
                ("numberOfFailedCheckpoints", 0.0),
                ("numberOfInProgressCheckpoints", 0.0),
                ("lastCheckpointDuration", 40.0),
                ("lastCheckpointSize", 143_698.0),
                ("lastCheckpointFullSize", 143_698.0),
            ],
        )
    }

    fn checkpoints(&self, now: i64) -> Value {
        let id = self.completed(now);
        let at = self.began + id * self.checkpoint_every;
        let last = json!({"className": "completed", "id": id, "status": "COMPLETED", "is_savepoint": false,
            "savepointFormat": null, "trigger_timestamp": at - 40, "latest_ack_timestamp": at,
            "checkpointed_size": 143_698, "state_size": 143_698, "end_to_end_duration": 40, "alignment_buffered": 0,
            "processed_data": 0, "persisted_data": 0, "num_subtasks": 2, "num_acknowledged_subtasks": 2,
            "checkpoint_type": "CHECKPOINT", "tasks": {}, "external_path": "file:/checkpoints/1", "discarded": false});
        let history: Vec<Value> = (0..10).map(|_| last.clone()).collect();
        json!({"counts": {"restored": 0, "total": id, "in_progress": 0, "completed": id, "failed": 0}, "summary": {},
            "latest": {"completed": if id > 0 { last } else { Value::Null }, "savepoint": null, "failed": null,
                "restored": null},
            "history": if id > 0 { history } else { Vec::new() }})
    }

    fn checkpoint_config(&self) -> Value {
        json!({"mode": "exactly_once", "interval": self.checkpoint_every, "timeout": 600_000, "min_pause": 0,
            "max_concurrent": 1, "externalization": {"enabled": true, "delete_on_cancellation": false}})
    }

    fn requirements(&self, job: usize) -> Value {
        let one = |v| {
            (Fleet::vertex_id(v), json!({"parallelism": {"lowerBound": 1, "upperBound": self.parallelism(job, v)}}))
        };
        Value::Object((0..self.vertices).map(one).collect())
    }

    /// Takes effect at once: the stand-in is there to be asked, not to rescale.
    fn rescale(&mut self, job: usize, body: &Value) -> Answer {
        let mut wanted = BTreeMap::new();
        for v in 0..self.vertices {
            let upper =
                body[Fleet::vertex_id(v)]["parallelism"]["upperBound"].as_u64().and_then(|p| u32::try_from(p).ok());
            match upper {
                Some(p) if (1..=128).contains(&p) => wanted.insert((job, v), p),
                Some(p) => {
                    return refused(&format!(
                        "The newly requested parallelism {p} exceeds its maximum parallelism 128."
                    ));
                }
                None => return refused("The request is incomplete, missing job vertex ids."),
            };
        }
        self.parallelism.extend(wanted);
        (200, json!({}))
    }
}

fn refused(why: &str) -> Answer {
    (400, json!({"errors": [format!("org.apache.flink.runtime.rest.handler.RestHandlerException: {why}")]}))
}

fn unknown_job(id: &str) -> Answer {
    let trace = format!(
        "<Exception on server side:\norg.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job ({id})\n"
    );
    (500, json!({"errors": ["Internal server error.", trace]}))
}

fn config() -> Value {
    json!({"refresh-interval": 3000, "timezone-name": "Coordinated Universal Time", "timezone-offset": 0,
        "flink-version": VERSION, "flink-revision": "450c63e",
        "features": {"web-submit": true, "web-cancel": true, "web-rescale": true, "web-history": false}})
}

fn taskmanager(job: usize) -> String {
    format!("tm-{job}")
}

fn name(vertex: usize, vertices: usize) -> String {
    let mut name = String::new();
    let _ = match vertex {
        0 => write!(name, "Source: orders"),
        v if v + 1 == vertices => write!(name, "out: Writer"),
        v => write!(name, "step {v}"),
    };
    name
}

fn tasks(running: u32, upper: bool) -> Value {
    let words = [
        "reconciling",
        "failed",
        "deploying",
        "running",
        "canceled",
        "initializing",
        "scheduled",
        "finished",
        "created",
        "canceling",
    ];
    let entry = |w: &&str| {
        let key = if upper { w.to_uppercase() } else { (*w).to_owned() };
        (key, json!(if *w == "running" { running } else { 0 }))
    };
    let mut all: serde_json::Map<String, Value> = words.iter().map(entry).collect();
    if !upper {
        all.insert("total".into(), json!(running));
    }
    Value::Object(all)
}

/// Metrics without aggregation: text. Without `get`, their names.
fn values(query: &str, all: &[(&str, f64)]) -> Value {
    let Some(wanted) = parameter(query, "get") else {
        return all.iter().map(|(name, _)| json!({"id": name})).collect();
    };
    let one = |name: &str| {
        let (_, value) = all.iter().find(|(n, _)| *n == name)?;
        Some(json!({"id": name, "value": value.to_string()}))
    };
    wanted.split(',').filter_map(one).collect()
}

fn parameter<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == key)).map(|(_, v)| v)
}
