//! Answers about the vertices of a job and their subtasks.

use super::request::Request;
use super::view::{Io, View, counts};
use super::{Answer, metric, refused, subtasks};
use serde_json::{Map, Value, json};

/// `/jobs/:id/vertices/:vid/...`
pub(super) fn answer(view: &View<'_>, request: &Request, v: usize, rest: &[&str]) -> Answer {
    let metrics = || subtasks::metrics(view, v);
    match rest {
        [] => Answer::ok(details(view, v)),
        ["subtasks", "metrics"] => Answer::ok(metric::aggregated(request, &metrics())),
        ["metrics"] => Answer::ok(metric::numbered(request, &metrics())),
        ["subtasks", s, rest @ ..] => one_subtask(view, request, (v, s), rest),
        ["taskmanagers"] => Answer::ok(hosts(view, v)),
        ["backpressure"] => Answer::ok(backpressure(view, v)),
        ["watermarks"] => Answer::ok(watermarks(view, v)),
        ["accumulators"] => Answer::ok(json!({"id": &*view.vertex(v).id, "user-accumulators": []})),
        ["subtasktimes"] => Answer::ok(times(view, v)),
        // As without `rest.flamegraph.enabled`: no sample is ever taken.
        ["flamegraph"] => Answer::ok(json!({"endTimestamp": -3})),
        ["jm-operator-metrics"] => Answer::ok(json!([])),
        _ => refused::path(&request.method, &request.path),
    }
}

fn one_subtask(view: &View<'_>, request: &Request, (v, s): (usize, &str), rest: &[&str]) -> Answer {
    let Some(subtask) = s.parse::<u32>().ok() else { return refused::bad_id("subtaskindex", s) };
    if subtask >= view.vertex(v).parallelism {
        return refused::not_found(&format!("Invalid subtask index for vertex {}: {s}", view.vertex(v).id));
    }
    match rest {
        ["metrics"] => Answer::ok(metric::single(request, &subtasks::metrics(view, v), subtask as usize)),
        [] | ["attempts", "0"] => {
            let io = view.io(v);
            Answer::ok(entry(view, v, subtask, io.get(subtask as usize).copied().unwrap_or_default()))
        }
        _ => refused::path(&request.method, &request.path),
    }
}

fn details(view: &View<'_>, v: usize) -> Value {
    let of = view.vertex(v);
    let io = view.io(v);
    let list: Vec<Value> = if view.span(v).start < 0 {
        Vec::new()
    } else {
        (0..of.parallelism).zip(&io).map(|(s, io)| entry(view, v, s, *io)).collect()
    };
    json!({"id": &*of.id, "name": &*of.name, "parallelism": of.parallelism, "maxParallelism": of.max_parallelism,
        "now": view.now, "subtasks": list, "aggregated": aggregated(view, v, &io)})
}

fn entry(view: &View<'_>, v: usize, subtask: u32, io: Io) -> Value {
    let span = view.span(v);
    let mut out = json!({"subtask": subtask, "status": span.word, "attempt": 0, "endpoint": view.endpoint(subtask),
        "start-time": span.start, "end-time": span.end, "duration": span.duration,
        "metrics": io.json(view.incomplete), "taskmanager-id": view.host(subtask),
        "status-duration": durations(span.duration), "start_time": span.start});
    if view.version().0 < 2 {
        out["host"] = json!(view.endpoint(subtask));
    }
    out
}

/// Time in each state: the world deploys at once.
fn durations(ran: i64) -> Value {
    json!({"DEPLOYING": 0, "RUNNING": ran.max(0), "INITIALIZING": 0, "SCHEDULED": 0, "CREATED": 0})
}

/// Figures over subtasks, as Flink's vertices and TaskManagers have them.
fn aggregated(view: &View<'_>, v: usize, io: &[Io]) -> Value {
    let mut metrics = Map::new();
    for (i, (name, _)) in Io::default().named().into_iter().enumerate() {
        metrics.insert(name.to_owned(), summary(io.iter().map(|io| io.named()[i].1 as i64).collect()));
    }
    let ran = view.span(v).duration;
    let mut states = Map::new();
    for (state, time) in durations(ran).as_object().into_iter().flatten() {
        states.insert(state.clone(), summary(vec![time.as_i64().unwrap_or(0); io.len()]));
    }
    json!({"metrics": metrics, "status-duration": states})
}

fn summary(mut all: Vec<i64>) -> Value {
    all.sort_unstable();
    let sum: i64 = all.iter().sum();
    let at = |percent: usize| all.get(((all.len() * percent).div_ceil(100)).saturating_sub(1)).copied().unwrap_or(0);
    let avg = if all.is_empty() { 0 } else { sum / all.len() as i64 };
    json!({"min": at(0), "max": at(100), "avg": avg, "sum": sum, "median": at(50), "p25": at(25), "p75": at(75),
        "p95": at(95)})
}

fn hosts(view: &View<'_>, v: usize) -> Value {
    let (of, io) = (view.vertex(v), view.io(v));
    let mut all: Vec<(&str, Vec<Io>)> = Vec::new();
    for (subtask, io) in (0..of.parallelism).zip(io) {
        let host = view.host(subtask);
        match all.iter_mut().find(|(id, _)| *id == host) {
            Some((_, list)) => list.push(io),
            None => all.push((host, vec![io])),
        }
    }
    let list: Vec<Value> = all.into_iter().map(|(id, io)| host(view, v, id, &io)).collect();
    json!({"id": &*of.id, "name": &*of.name, "now": view.now, "taskmanagers": list})
}

fn host(view: &View<'_>, v: usize, id: &str, io: &[Io]) -> Value {
    let span = view.span(v);
    let count = u32::try_from(io.len()).unwrap_or(u32::MAX);
    let mut out = json!({"endpoint": super::view::endpoint(id), "status": span.word, "start-time": span.start,
        "end-time": span.end, "duration": span.duration, "metrics": Io::sum(io).json(view.incomplete),
        "status-counts": counts(&[(span.word, count)]), "taskmanager-id": id,
        "aggregated": aggregated(view, v, io)});
    if view.version().0 < 2 {
        out["host"] = json!(super::view::endpoint(id));
    }
    out
}

/// From the 60 s averages, as Flink does it since 1.13: no sampling.
fn backpressure(view: &View<'_>, v: usize) -> Value {
    let Some(figures) = view.figures() else { return json!({"status": "deprecated", "subtasks": []}) };
    let all = subtasks::metrics(view, v);
    let value = |name: &str, s: usize| {
        let metric = all.iter().find(|m| m.name == name);
        metric.and_then(|m| m.values.get(s).copied().flatten()).unwrap_or(0.0) / 1_000.0
    };
    let subtask = |s: usize| {
        let ratio = value("backPressuredTimeMsPerSecond", s);
        json!({"subtask": s, "backpressureLevel": level(ratio), "ratio": ratio,
            "idleRatio": value("idleTimeMsPerSecond", s), "busyRatio": value("busyTimeMsPerSecond", s),
            "backpressure-level": level(ratio)})
    };
    let count = view.vertex(v).parallelism as usize;
    let worst = (0..count).map(|s| value("backPressuredTimeMsPerSecond", s)).fold(0.0, f64::max);
    json!({"status": "ok", "backpressureLevel": level(worst), "end-timestamp": view.pace.at(figures.at.0),
        "subtasks": (0..count).map(subtask).collect::<Vec<_>>(), "backpressure-level": level(worst)})
}

/// Flink's own bounds.
fn level(ratio: f64) -> &'static str {
    match ratio {
        r if r <= 0.1 => "ok",
        r if r <= 0.5 => "low",
        _ => "high",
    }
}

fn watermarks(view: &View<'_>, v: usize) -> Value {
    let Some(mark) = subtasks::watermark(view).filter(|_| view.has_inputs(v)) else { return json!([]) };
    let one = |s| json!({"id": format!("{s}.currentInputWatermark"), "value": mark.to_string()});
    (0..view.vertex(v).parallelism).map(one).collect()
}

fn times(view: &View<'_>, v: usize) -> Value {
    let (of, span) = (view.vertex(v), view.span(v));
    let mut stamps = counts(&[]);
    for state in ["CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING"] {
        stamps.insert(state.to_owned(), json!(span.start.max(0)));
    }
    if span.end >= 0 {
        stamps.insert(span.word.to_owned(), json!(span.end));
    }
    let one = |s| json!({"subtask": s, "endpoint": view.endpoint(s), "duration": span.duration, "timestamps": stamps});
    json!({"id": &*of.id, "name": &*of.name, "now": view.now, "subtasks": (0..of.parallelism).map(one).collect::<Vec<_>>()})
}
