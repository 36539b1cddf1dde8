//! Answers about checkpoints.

use super::request::Request;
use super::view::View;
use super::{Answer, refused};
use crate::world::view::{CheckpointState, InProgress};
use crate::world::{Checkpoint, Fate};
use serde_json::{Map, Value, json};

/// Parts of a path after `/jobs/:id/checkpoints`.
pub(super) fn answer(view: &View<'_>, of: &CheckpointState, request: &Request, rest: &[&str]) -> Answer {
    match rest {
        [] => Answer::ok(all(view, of)),
        ["config"] => Answer::ok(config(view)),
        ["details", id] => found(view, of, id, |c| details(view, c)),
        ["details", id, "subtasks", vid] => match view.find_vertex(vid) {
            Some(v) => found(view, of, id, |c| subtasks(view, c, v)),
            None => refused::not_found(&format!("No vertex with ID '{vid}' exists.")),
        },
        _ => refused::path(&request.method, &request.path),
    }
}

fn found(view: &View<'_>, of: &CheckpointState, id: &str, answer: impl Fn(&One) -> Value) -> Answer {
    let all = list(view, of);
    match all.iter().find(|c| c.id.to_string() == id) {
        Some(one) => Answer::ok(answer(one)),
        None => refused::not_found(&format!("Could not find checkpointing statistics for checkpoint {id}.")),
    }
}

/// `/checkpoints/config`.
fn config(view: &View<'_>) -> Value {
    let of = &view.spec.checkpoints;
    let heap = view.spec.vertices.iter().any(|v| v.state_on_heap) || view.spec.vertices.iter().all(|v| v.state == 0.0);
    let backend = if heap { "HashMapStateBackend" } else { "EmbeddedRocksDBStateBackend" };
    let span = |ms: u64| view.pace.span(ms as i64).max(1);
    json!({"mode": "exactly_once", "interval": span(of.interval.0), "timeout": span(of.timeout.0), "min_pause": 0,
        "max_concurrent": 1, "externalization": {"enabled": true, "delete_on_cancellation": false},
        "state_backend": backend, "checkpoint_storage": "FileSystemCheckpointStorage",
        "unaligned_checkpoints": of.unaligned, "tolerable_failed_checkpoints": of.tolerable_failures,
        "aligned_checkpoint_timeout": 0, "checkpoints_after_tasks_finish": true, "state_changelog_enabled": false,
        "changelog_periodic_materialization_interval": 600_000, "changelog_storage": "memory"})
}

/// A checkpoint of any kind, in the reader's time.
struct One {
    id: u64,
    word: &'static str,
    savepoint: bool,
    triggered: i64,
    /// Acknowledged by the last, and over.
    acked: i64,
    ended: i64,
    written: i64,
    full: i64,
    /// Which vertices have acknowledged.
    vertices: Vec<bool>,
    why: &'static str,
    path: String,
    discarded: bool,
}

impl One {
    fn over(view: &View<'_>, c: &Checkpoint, newest: Option<u64>) -> One {
        let completed = c.fate == Fate::Completed;
        let done = |i: usize| completed || (i as u32) < c.acknowledged;
        One {
            id: c.id,
            word: if completed { "completed" } else { "failed" },
            savepoint: c.savepoint,
            triggered: view.pace.at(c.triggered),
            acked: if c.acknowledged > 0 || completed { view.pace.at(c.ended) } else { -1 },
            ended: view.pace.at(c.ended),
            written: if completed { c.written as i64 } else { 0 },
            full: if completed { c.full as i64 } else { 0 },
            vertices: (0..view.spec.vertices.len()).map(done).collect(),
            why: c.why,
            path: view.world.path_of(view.shown.index, c.id, c.savepoint),
            // Only the newest checkpoint is kept; a savepoint is its owner's.
            discarded: !c.savepoint && newest.is_some_and(|n| c.id < n),
        }
    }

    fn under_way(view: &View<'_>, c: &InProgress) -> One {
        let some = c.acknowledged.iter().any(|a| *a);
        One {
            id: c.id,
            word: "in_progress",
            savepoint: c.savepoint,
            triggered: view.pace.at(c.triggered.0),
            acked: if some { view.now } else { -1 },
            ended: view.now,
            written: 0,
            full: 0,
            vertices: c.acknowledged.clone(),
            why: "",
            path: String::new(),
            discarded: false,
        }
    }

    fn subtasks(&self, view: &View<'_>) -> (u32, u32) {
        let p = |v: usize| view.vertex(v).parallelism;
        let acked = |v: &usize| self.vertices.get(*v) == Some(&true);
        let all = 0..view.spec.vertices.len();
        (all.clone().map(p).sum(), all.filter(acked).map(p).sum())
    }
}

/// All that is known, the newest first.
fn list(view: &View<'_>, of: &CheckpointState) -> Vec<One> {
    let newest = of.latest.as_ref().map(|c| c.id);
    let current = of.current.iter().map(|c| One::under_way(view, c));
    let current: Vec<One> = current.filter(|_| view.shown.history.ended.is_none()).collect();
    current.into_iter().chain(of.history.iter().rev().map(|c| One::over(view, c, newest))).collect()
}

/// `/checkpoints`.
fn all(view: &View<'_>, of: &CheckpointState) -> Value {
    let list = list(view, of);
    let newest = |pick: &dyn Fn(&&One) -> bool| list.iter().find(pick).map(|c| brief(view, c));
    let in_progress = u32::from(of.current.is_some());
    let restores = of.restored.map_or(0, |_| view.shown.state.attempt.saturating_sub(1).max(1));
    let latest = of.latest.as_ref().map(|c| brief(view, &One::over(view, c, Some(c.id))));
    json!({"counts": {"restored": restores, "total": of.completed + of.failed + in_progress,
            "in_progress": in_progress, "completed": of.completed, "failed": of.failed},
        "summary": summary(&list),
        "latest": {"completed": latest, "savepoint": newest(&|c| c.savepoint && c.word == "completed"),
            "failed": newest(&|c| c.word == "failed"), "restored": restored(view, of)},
        "history": list.iter().map(|c| brief(view, c)).collect::<Vec<_>>()})
}

fn restored(view: &View<'_>, of: &CheckpointState) -> Option<Value> {
    let id = of.restored?;
    let savepoint = of.history.iter().any(|c| c.id == id && c.savepoint);
    Some(json!({"id": id, "restore_timestamp": view.pace.at(view.shown.state.deployed.0), "is_savepoint": savepoint,
        "external_path": view.world.path_of(view.shown.index, id, savepoint)}))
}

/// As in the list: without its vertices.
fn brief(view: &View<'_>, c: &One) -> Value {
    let (subtasks, acked) = c.subtasks(view);
    let kind = if c.savepoint { "SAVEPOINT" } else { "CHECKPOINT" };
    let format = if c.savepoint { json!("CANONICAL") } else { Value::Null };
    let mut out = json!({"className": c.word, "id": c.id, "status": c.word.to_uppercase(), "is_savepoint": c.savepoint,
        "savepointFormat": format, "trigger_timestamp": c.triggered, "latest_ack_timestamp": c.acked,
        "checkpointed_size": c.written, "state_size": c.full, "end_to_end_duration": c.ended - c.triggered,
        "alignment_buffered": 0, "processed_data": 0, "persisted_data": 0, "num_subtasks": subtasks,
        "num_acknowledged_subtasks": acked, "checkpoint_type": kind, "tasks": {}});
    match c.word {
        "completed" => {
            out["external_path"] = json!(c.path);
            out["discarded"] = json!(c.discarded);
        }
        "failed" => {
            out["failure_timestamp"] = json!(c.ended);
            out["failure_message"] = json!(c.why);
        }
        _ => {}
    }
    out
}

fn details(view: &View<'_>, c: &One) -> Value {
    let mut out = brief(view, c);
    let task = |v: usize| (view.vertex(v).id.to_string(), of_vertex(view, c, v));
    out["tasks"] = Value::Object((0..view.spec.vertices.len()).map(task).collect());
    out
}

/// A vertex's part of the sizes: as its state at the start is a part of all.
fn part(view: &View<'_>, v: usize) -> f64 {
    let weight = |v: &crate::scenario::Vertex| v.state + if v.state_per_record > 0.0 { 1.0 } else { 0.0 };
    let whole: f64 = view.spec.vertices.iter().map(weight).sum();
    if whole > 0.0 { weight(&view.spec.vertices[v]) / whole } else { 0.0 }
}

fn of_vertex(view: &View<'_>, c: &One, v: usize) -> Value {
    let (p, done) = (view.vertex(v).parallelism, c.vertices.get(v) == Some(&true));
    let size = |bytes: i64| if done { (bytes as f64 * part(view, v)) as i64 } else { 0 };
    json!({"id": c.id, "status": c.word.to_uppercase(), "latest_ack_timestamp": if done { c.acked } else { -1 },
        "checkpointed_size": size(c.written), "state_size": size(c.full),
        "end_to_end_duration": if done { c.ended - c.triggered } else { -1 }, "alignment_buffered": 0,
        "processed_data": 0, "persisted_data": 0, "num_subtasks": p,
        "num_acknowledged_subtasks": if done { p } else { 0 }})
}

fn subtasks(view: &View<'_>, c: &One, v: usize) -> Value {
    let mut out = of_vertex(view, c, v);
    let p = view.vertex(v).parallelism;
    let done = c.vertices.get(v) == Some(&true);
    let each = |name: &str| out[name].as_i64().unwrap_or(0) / i64::from(p.max(1));
    let (size, full, took) = (each("checkpointed_size"), each("state_size"), c.ended - c.triggered);
    let took = if done { took } else { 0 };
    let one = |s: u32| match done {
        false => json!({"className": "pending", "index": s, "status": "pending_or_failed"}),
        true => json!({"className": "completed", "index": s, "ack_timestamp": c.acked, "end_to_end_duration": took,
            "checkpointed_size": size, "state_size": full, "checkpoint": {"sync": 0, "async": took},
            "alignment": {"buffered": 0, "processed": 0, "persisted": 0, "duration": 0}, "start_delay": 0,
            "unaligned_checkpoint": view.spec.checkpoints.unaligned, "aborted": false, "status": "completed"}),
    };
    let list: Vec<Value> = (0..p).map(one).collect();
    let flat = |value: i64| stats(vec![if done { value } else { 0 }; p as usize], false);
    out["summary"] = json!({"checkpointed_size": flat(size), "state_size": flat(full),
        "end_to_end_duration": flat(took), "checkpoint_duration": {"sync": flat(0), "async": flat(took)},
        "alignment": {"buffered": stats(vec![0; p as usize], true), "processed": flat(0), "persisted": flat(0), "duration": flat(0)},
        "start_delay": flat(0)});
    out["subtasks"] = json!(list);
    out
}

/// Over the completed ones that are remembered.
fn summary(list: &[One]) -> Value {
    let of =
        |pick: &dyn Fn(&One) -> i64| stats(list.iter().filter(|c| c.word == "completed").map(pick).collect(), true);
    let mut out = Map::new();
    out.insert("checkpointed_size".into(), of(&|c| c.written));
    out.insert("state_size".into(), of(&|c| c.full));
    out.insert("end_to_end_duration".into(), of(&|c| c.ended - c.triggered));
    for name in ["alignment_buffered", "processed_data", "persisted_data"] {
        out.insert(name.into(), of(&|_| 0));
    }
    Value::Object(out)
}

/// Percentiles that Flink does not know it writes as the text `NaN`; of the buffered bytes alone it knows them.
fn stats(mut all: Vec<i64>, percentiles: bool) -> Value {
    all.sort_unstable();
    let known = percentiles && !all.is_empty();
    let at = |share: f64| match known {
        true => json!(all[((all.len() as f64 * share) as usize).min(all.len() - 1)] as f64),
        false => json!("NaN"),
    };
    let avg = if all.is_empty() { 0 } else { all.iter().sum::<i64>() / all.len() as i64 };
    json!({"min": all.first().copied().unwrap_or(0), "max": all.last().copied().unwrap_or(0), "avg": avg,
        "p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99), "p999": at(0.999)})
}
