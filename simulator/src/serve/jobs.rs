//! Answers about jobs: list, details, plan, exceptions, metrics.

use super::metric;
use super::request::Request;
use super::view::{Io, View, counts};
use crate::scenario::Restart;
use crate::world::Failed;
use serde_json::{Map, Value, json};
use weirkeeper_core::job::Ship;

/// An entry of `/jobs/overview`.
pub(super) fn entry(view: &View<'_>) -> Value {
    let mut by_state: Vec<(&str, u32)> = Vec::new();
    (0..view.shown.state.vertices.len()).for_each(|v| by_state.extend(view.tasks(v)));
    let lower = counts(&by_state).into_iter().map(|(k, n)| (k.to_lowercase(), n));
    let mut tasks: Map<String, Value> = lower.collect();
    let total: u32 = view.shown.state.vertices.iter().map(|v| v.parallelism).sum();
    tasks.insert("total".into(), json!(total));
    let (state, times) = (&view.shown.state, times(view));
    let mut out = json!({"jid": &*state.id, "name": &*state.name, "start-time": times.start, "end-time": times.end,
        "duration": times.duration, "state": state.word, "last-modification": view.pace.at(view.shown.history.changed),
        "tasks": tasks});
    pending_operators(view, &mut out);
    out
}

/// Only Flink 2.x has it.
fn pending_operators(view: &View<'_>, out: &mut Value) {
    if view.version().0 >= 2 {
        out["pending-operators"] = json!(0);
    }
}

struct Times {
    start: i64,
    end: i64,
    duration: i64,
}

fn times(view: &View<'_>) -> Times {
    let start = view.pace.at(view.shown.state.submitted.0);
    let end = view.shown.history.ended.map(|t| view.pace.at(t));
    Times { start, end: end.unwrap_or(-1), duration: (end.unwrap_or(view.now) - start).max(0) }
}

/// `/jobs/:id`.
pub(super) fn details(view: &View<'_>) -> Value {
    let (state, times) = (&view.shown.state, times(view));
    let words: Vec<(&str, u32)> = (0..state.vertices.len()).map(|v| (view.span(v).word, 1)).collect();
    let mut out = json!({"jid": &*state.id, "name": &*state.name, "isStoppable": false, "state": state.word,
        "job-type": "STREAMING", "start-time": times.start, "end-time": times.end, "duration": times.duration,
        "maxParallelism": -1, "now": view.now, "timestamps": timestamps(view),
        "vertices": (0..state.vertices.len()).map(|v| vertex(view, v)).collect::<Vec<_>>(),
        "status-counts": counts(&words), "plan": plan(view)});
    pending_operators(view, &mut out);
    out
}

/// When the present attempt came into which state; a restart shows as the cancelling of the one before.
fn timestamps(view: &View<'_>) -> Value {
    const WORDS: [&str; 11] = [
        "CANCELLING",
        "FAILING",
        "RECONCILING",
        "SUSPENDED",
        "CREATED",
        "RESTARTING",
        "FAILED",
        "INITIALIZING",
        "CANCELED",
        "FINISHED",
        "RUNNING",
    ];
    let (state, history) = (&view.shown.state, &view.shown.history);
    let deployed = view.shown.ran().then_some(state.deployed.0);
    let ended = |word: &str| history.ended.filter(|_| state.word == word);
    let when = |word: &str| match word {
        "INITIALIZING" => Some(state.submitted.0),
        "CREATED" | "RUNNING" => deployed,
        "CANCELLING" => history.down.filter(|_| matches!(state.word, "RESTARTING" | "CANCELED")),
        word => ended(word),
    };
    WORDS.iter().map(|w| ((*w).to_owned(), json!(when(w).map_or(0, |t| view.pace.at(t))))).collect::<Map<_, _>>().into()
}

fn vertex(view: &View<'_>, v: usize) -> Value {
    let (of, span) = (view.vertex(v), view.span(v));
    json!({"id": &*of.id, "slotSharingGroupId": slot_group(view, v), "name": &*of.name,
        "maxParallelism": of.max_parallelism, "parallelism": of.parallelism, "status": span.word,
        "start-time": span.start, "end-time": span.end, "duration": span.duration, "tasks": counts(&view.tasks(v)),
        "metrics": Io::sum(&view.io(v)).json(view.incomplete)})
}

fn slot_group(view: &View<'_>, v: usize) -> String {
    super::id(&["group", &view.shown.state.id, &view.spec.vertices[v].slot_group])
}

/// The plan, alone and inside the details.
pub(super) fn plan(view: &View<'_>) -> Value {
    let state = &view.shown.state;
    let nodes: Vec<Value> = (0..state.vertices.len()).map(|v| node(view, v)).collect();
    json!({"jid": &*state.id, "name": &*state.name, "type": "STREAMING", "nodes": nodes})
}

fn node(view: &View<'_>, v: usize) -> Value {
    let of = view.vertex(v);
    let mut node = json!({"id": &*of.id, "operator": "", "parallelism": of.parallelism, "operator_strategy": "",
        "description": format!("{}<br/>", of.name), "optimizer_properties": {}});
    let edges = view.spec.edges.iter().filter(|e| e.to == v);
    let inputs: Vec<Value> = edges
        .enumerate()
        .map(|(n, e)| {
            json!({"id": &*view.vertex(e.from).id, "num": n, "exchange": "pipelined_bounded",
                "ship_strategy": word(&e.ship)})
        })
        .collect();
    if !inputs.is_empty() {
        node["inputs"] = json!(inputs);
    }
    node
}

fn word(ship: &Ship) -> &str {
    match ship {
        Ship::Forward => "FORWARD",
        Ship::Hash => "HASH",
        Ship::Rebalance => "REBALANCE",
        Ship::Rescale => "RESCALE",
        Ship::Broadcast => "BROADCAST",
        Ship::Other(word) => word,
    }
}

/// Entries where `maxExceptions` does not say (`web.exception-history-size` keeps 16 anyway).
const EXCEPTIONS: usize = 20;

/// `/jobs/:id/exceptions`.
pub(super) fn exceptions(view: &View<'_>, request: &Request) -> Value {
    let most = request.get("maxExceptions").and_then(|n| n.parse().ok()).unwrap_or(EXCEPTIONS);
    let failures = &view.shown.failures;
    let entries: Vec<Value> = failures.iter().take(most).map(|f| exception(view, f)).collect();
    let mut out = json!({"exceptionHistory": {"entries": entries, "truncated": failures.len() > most}});
    if view.version().0 < 2 {
        let last = failures.first();
        out["root-exception"] = json!(last.map(stacktrace));
        out["timestamp"] = json!(last.map(|f| view.pace.at(f.at)));
        out["all-exceptions"] = json!([]);
        out["truncated"] = json!(false);
    }
    out
}

fn exception(view: &View<'_>, failed: &Failed) -> Value {
    let first = failed.chain.first().map_or("", String::as_str);
    let class = first.split(':').next().unwrap_or(first);
    let mut out = json!({"exceptionName": class, "stacktrace": stacktrace(failed),
        "timestamp": view.pace.at(failed.at), "failureLabels": {}, "concurrentExceptions": []});
    if let Some(v) = failed.task {
        let of = view.vertex(v);
        out["taskName"] = json!(format!("{} (1/{}) - execution #0", of.name, of.parallelism));
        out["endpoint"] = json!(view.endpoint(0));
        out["taskManagerId"] = json!(view.host(0));
    }
    out
}

fn stacktrace(failed: &Failed) -> String {
    let place = "\n\tat weirkeeper.Simulator.run(Simulator.java)\n";
    let lines = failed.chain.iter().enumerate();
    lines.map(|(i, text)| format!("{}{text}{place}", if i == 0 { "" } else { "Caused by: " })).collect()
}

/// `/jobs/:id/config`.
pub(super) fn config(view: &View<'_>) -> Value {
    let state = &view.shown.state;
    let parallelism = state.vertices.iter().map(|v| v.parallelism).max().unwrap_or(1);
    let mut execution = json!({"restart-strategy": strategy(view), "job-parallelism": parallelism,
        "object-reuse-mode": false, "user-config": {}});
    if view.version().0 < 2 {
        execution["execution-mode"] = json!("PIPELINED");
    }
    json!({"jid": &*state.id, "name": &*state.name, "execution-config": execution})
}

fn strategy(view: &View<'_>) -> String {
    let secs = |ms: weirkeeper_core::units::Millis| format!("PT{}S", view.pace.time(ms.0 as f64) / 1_000.0);
    match &view.spec.restart {
        Restart::Exponential { initial, max, multiplier, reset } => format!(
            "Restart with exponential delay: starting at {}, increasing by {multiplier:.6}, with maximum {}. Delay \
             resets after {} with jitter 0.000000",
            secs(*initial),
            secs(*max),
            secs(*reset)
        ),
        Restart::Fixed { delay, attempts } => {
            format!("Restart with fixed delay ({}). #{attempts} restart attempts.", secs(*delay))
        }
        Restart::Rate { delay, failures, per } => {
            format!("Failure rate restart: {failures} failures in {}, delay {}", secs(*per), secs(*delay))
        }
    }
}

/// `/jobs/:id/metrics`.
pub(super) fn metrics(view: &View<'_>, request: &Request) -> Value {
    let values = values(view);
    let values: Vec<(&str, String)> = values.iter().map(|(n, v)| (*n, v.clone())).collect();
    metric::texts(request, &values)
}

/// What the JobManager tells of a job, at the last fetch; Flink's "not yet" is -1.
pub(super) fn values(view: &View<'_>) -> Vec<(&'static str, String)> {
    let Some(fetched) = view.fetched else { return Vec::new() };
    let (job, checkpoints, of) = (&fetched.job, &fetched.checkpoints, &fetched.figures_of_job);
    let last = checkpoints.latest.as_ref();
    let (duration, written, full) = of.last.map_or((-1.0, -1.0, -1.0), |l| (view.pace.time(l.0), l.1, l.2));
    let path = last.map_or("n/a".to_owned(), |c| view.world.path_of(view.shown.index, c.id, c.savepoint));
    let uptime = job.running_since.map_or(0, |t| view.now - view.pace.at(t.0));
    let restored = if checkpoints.restored.is_some() { view.pace.at(job.deployed.0) } else { -1 };
    let text = |n: i64| n.to_string();
    let count = |n: u32| n.to_string();
    let mut all = vec![
        ("numRestarts", count(of.restarts)),
        ("numberOfCompletedCheckpoints", count(of.completed)),
        ("numberOfFailedCheckpoints", count(of.failed)),
        ("numberOfInProgressCheckpoints", count(of.in_progress)),
        ("totalNumberOfCheckpoints", count(of.completed + of.failed)),
        ("lastCompletedCheckpointId", last.map_or("-1".to_owned(), |c| c.id.to_string())),
        ("lastCheckpointDuration", text(duration as i64)),
        ("lastCheckpointSize", text(written as i64)),
        ("lastCheckpointFullSize", text(full as i64)),
        ("lastCheckpointExternalPath", path),
        ("lastCheckpointRestoreTimestamp", text(restored)),
        ("uptime", text(uptime)),
        ("runningTime", text(uptime)),
        // With the adaptive scheduler it is 0 also while the job is down (measured).
        ("downtime", text(0)),
    ];
    match view.version().0 >= 2 {
        true => {
            all.push(("lastCheckpointCompletedTimestamp", text(last.map_or(-1, |c| view.pace.at(c.ended)))));
            all.push(("numRescales", count(of.rescales)));
        }
        false => all.push(("fullRestarts", count(of.restarts))),
    }
    all
}
