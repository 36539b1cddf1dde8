//! Vectors of decisions: one vertex, a sequence, a job.

use crate::Answer;
use crate::input::{Input, write};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::controllers::operator::align::{Mode, Target, align};
use weirkeeper_simulator::controllers::operator::capacity::{Demand, band};
use weirkeeper_simulator::controllers::operator::delayed::{Delayed, Recommendation};
use weirkeeper_simulator::controllers::operator::edges::Counters;
use weirkeeper_simulator::controllers::operator::job::{Collected, Memory, Place, decide_all, evaluate};
use weirkeeper_simulator::controllers::operator::options::Options;
use weirkeeper_simulator::controllers::operator::vertex::{Change, INT_MAX, Notice, Past, Vertex, decide, scale};

pub fn ask(function: &str, input: &Input) -> Option<Answer> {
    Some(match function {
        "scale_parallelism" => scale_parallelism(input),
        "align_parallelism" => align_parallelism(input),
        "vertex_decision" => vertex_decision(input),
        "vertex_decision_sequence" => sequence(input),
        "delayed_scale_down_max" => delayed_max(input),
        "job_decision" => job_decision(input),
        "evaluate_source" => evaluate_source(input),
        "full_cycle_source_to_sink" => full_cycle(input),
        "scale_down_timeline" => timeline(input),
        _ => return None,
    })
}

fn mode(input: &Input, key: &str) -> Result<Mode, String> {
    if !input.has(key) {
        return Ok(Mode::Balanced);
    }
    Mode::parse(input.text(key)).ok_or_else(|| format!("unknown mode {}", input.get(key).0))
}

fn target(input: &Input, wanted: u32) -> Result<Target, String> {
    Ok(Target {
        current: input.u32("current")?,
        wanted,
        partitions: input.or("num_source_partitions", 0.0).max(0.0) as u32,
        max_parallelism: input.u32("max_parallelism")?,
        lower: input.or("lower_limit", 1.0) as u32,
        upper: input.or("upper_limit", f64::from(INT_MAX)) as u32,
        keyed: input.is_keyed("input_ship_strategies"),
    })
}

fn scale_parallelism(input: &Input) -> Answer {
    let target = target(input, 0)?;
    Ok(match scale(&target, input.f64("scale_factor")?, mode(input, "alignment_mode")?) {
        Ok(a) => json!({"parallelism": a.parallelism, "scaling_limited_event": a.limited}),
        Err(_) => json!({"throws": true}),
    })
}

fn align_parallelism(input: &Input) -> Answer {
    let aligned = align(&target(input, input.u32("target")?)?, mode(input, "mode")?);
    Ok(json!({"parallelism": aligned.parallelism, "scaling_limited_event": aligned.limited}))
}

fn vertex(input: &Input, options: &Options, target: f64) -> Result<Vertex, String> {
    let demand = Demand { target, catch_up: input.or("catch_up_data_rate", 0.0) };
    Ok(Vertex {
        parallelism: input.u32("parallelism")?,
        max_parallelism: input.or("max_parallelism", 720.0) as u32,
        partitions: input.or("num_source_partitions", 0.0).max(0.0) as u32,
        keyed: input.is_keyed("input_ship_strategies"),
        demand,
        true_rate: input.f64("true_processing_rate")?,
        band: band(demand, options, options.restart_time, input.flag("processing_backlog")),
    })
}

fn past(input: &Input) -> Result<Vec<Past>, String> {
    let mut past = Vec::new();
    for (at, entry) in input.list("scaling_history_oldest_first").into_iter().enumerate() {
        let from = entry.u32("parallelism")?;
        let true_rate = entry.f64("true_processing_rate")?;
        past.push(Past { at: at as i64, from, to: from, true_rate, expected_rate: true_rate });
    }
    let last = input.get("last_scaling");
    if input.has("last_scaling") {
        past.push(Past {
            at: past.len() as i64,
            from: last.u32("current")?,
            to: last.u32("new")?,
            true_rate: last.f64("tpr")?,
            expected_rate: last.f64("expected")?,
        });
    }
    Ok(past)
}

fn told(change: &Change) -> Value {
    let name = |n: &Notice| match n {
        Notice::Limited => "ScalingLimited",
        Notice::Ineffective { .. } => "IneffectiveScaling",
    };
    change.notices.iter().map(name).collect()
}

fn answer(change: &Change, vertex: &Vertex) -> Value {
    let mut answer = json!({
        "new_parallelism": change.to.map_or(vertex.parallelism, |(p, _)| p),
        "events": told(change),
        "scaling_limited_event": change.notices.contains(&Notice::Limited),
    });
    if let Some((_, outside)) = change.to {
        answer["outside_utilization_bound"] = json!(outside);
    }
    answer["expected_processing_rate"] = change.expected_rate.map_or(Value::Null, write);
    answer
}

/// Some vectors say among their inputs what the event tells.
fn tells_what_it_should(input: &Input, change: &Change) -> Result<(), String> {
    if !input.has("event_expected_increase") {
        return Ok(());
    }
    let wanted = Notice::Ineffective {
        expected: input.f64("event_expected_increase")?,
        actual: input.f64("event_actual_increase")?,
        blocks: input.text("event_says") == "enabled",
    };
    if change.notices.contains(&wanted) { Ok(()) } else { Err(format!("told {:?}, not {wanted:?}", change.notices)) }
}

fn vertex_decision(input: &Input) -> Answer {
    let options = input.options()?;
    let vertex = vertex(input, &options, input.f64("target_data_rate")?)?;
    let change = decide(&vertex, &past(input)?, &options, options.restart_time, 0, &mut None);
    tells_what_it_should(input, &change)?;
    Ok(answer(&change, &vertex))
}

fn recommendation(input: &Input, time: &str, unit: i64) -> Result<Recommendation, String> {
    Ok(Recommendation {
        at: input.f64(time)? as i64 * unit,
        parallelism: input.u32("parallelism")?,
        outside: input.flag("outside"),
    })
}

fn sequence(input: &Input) -> Answer {
    let options = input.options()?;
    let mut waiting = None;
    if input.has("pre_recorded_delayed_scale_down") {
        let r = recommendation(&input.get("pre_recorded_delayed_scale_down"), "t_s", 1_000)?;
        waiting.get_or_insert_with(|| Delayed::new(r.at)).record(r);
    }
    let past = past(input)?;
    let mut answers = Vec::new();
    for step in input.list("steps") {
        let vertex = vertex(input, &options, step.f64("target_data_rate")?)?;
        let now = step.f64("t_s")? as i64 * 1_000;
        let change = decide(&vertex, &past, &options, options.restart_time, now, &mut waiting);
        let mut told = answer(&change, &vertex);
        told["pending_delayed"] = json!(waiting.is_some());
        answers.push(told);
    }
    Ok(Value::Array(answers))
}

fn delayed_max(input: &Input) -> Answer {
    let mut delayed = Delayed::new(0);
    for entry in input.list("recorded") {
        delayed.record(recommendation(&entry, "t", 1)?);
    }
    let largest = delayed.largest_since(input.f64("window_start")? as i64);
    Ok(largest.map_or(Value::Null, |r| json!({"t": r.at, "parallelism": r.parallelism, "outside": r.outside})))
}

/// A vertex as the vectors of jobs write it.
pub fn short_vertex(input: &Input, options: &Options) -> Result<Vertex, String> {
    let demand = Demand { target: input.f64("target")?, catch_up: input.or("catch", 0.0) };
    Ok(Vertex {
        parallelism: input.u32("p")?,
        max_parallelism: input.or("maxp", 720.0) as u32,
        partitions: input.or("partitions", 0.0) as u32,
        keyed: input.is_keyed("ship"),
        demand,
        true_rate: input.f64("tpr")?,
        band: band(demand, options, options.restart_time, false),
    })
}

fn job_decision(input: &Input) -> Answer {
    let options = input.options()?;
    let mut vertices = Vec::new();
    for (id, v) in input.map("vertices") {
        vertices.push((Arc::from(id), short_vertex(&v, &options)?));
    }
    let changes = decide_all(&vertices, &mut Memory::default(), &options, options.restart_time, 0);
    let parallelism: BTreeMap<&str, u32> = changes.iter().filter_map(|(id, c)| Some((&**id, c.to?.0))).collect();
    Ok(
        json!({"scaled_vertices": changes.keys().map(|id| id.to_string()).collect::<Vec<_>>(), "parallelism": parallelism}),
    )
}

fn place(id: &str, parallelism: u32, inputs: Vec<usize>) -> Place {
    Place { id: id.into(), parallelism, max_parallelism: 720, partitions: 0, inputs, keyed: false }
}

/// Options of a test of that project that speaks of defaults: nothing is delayed, and nothing limits a step.
fn unlimited() -> Options {
    Options {
        scale_down_factor: 1.0,
        scale_up_factor: f64::from(INT_MAX),
        scale_down_interval: Millis(0),
        ..Options::default()
    }
}

fn evaluate_source(input: &Input) -> Answer {
    let mut options = if input.get("config").0.is_object() { input.options()? } else { unlimited() };
    options.restart_time = Millis::from_secs(input.or("restart_time_s", 0.0));
    let samples = input.list("samples");
    let series = |f: &dyn Fn(&Input) -> f64| -> Vec<(i64, f64)> {
        samples.iter().map(|s| ((s.maybe("t_s") * 1_000.0) as i64, f(s))).collect()
    };
    let collected = Collected {
        counters: Counters { records_in: series(&|s| s.maybe("records_in")), records_out: Vec::new() },
        lag: series(&|s| s.or("pending_records", input.or("pending_records", 0.0))),
        load: series(&|s| s.or("busy_max_ms", input.maybe("busy_max_ms")) / 1_000.0),
        ..Collected::default()
    };
    let place = place("source", input.u32("parallelism")?, Vec::new());
    let vertex = evaluate(&[place], &[collected], &options, options.restart_time).remove(0);
    let change = decide(&vertex, &[], &options, options.restart_time, 0, &mut None);
    let mut told = answer(&change, &vertex);
    told["target_data_rate"] = write(vertex.demand.target);
    told["catch_up_data_rate"] = write(vertex.demand.catch_up);
    told["tpr"] = write(vertex.true_rate);
    told["scale_up_threshold"] = write(vertex.band.scale_up);
    told["scale_down_threshold"] = write(vertex.band.scale_down);
    Ok(told)
}

fn full_cycle(input: &Input) -> Answer {
    let options = Options { gauge_over_gauge: true, ..input.options()? };
    let history = input.list("history");
    let series = |key: &str, scale: f64| -> Vec<(i64, f64)> {
        history.iter().map(|h| ((h.maybe("t") * 1_000.0) as i64, h.maybe(key) * scale)).collect()
    };
    let source = Collected {
        counters: Counters { records_in: series("src_in", 1.0), records_out: Vec::new() },
        in_per_second: series("ps", 1.0),
        lag: series("lag", 1.0),
        load: series("busy", 1e-3),
        ..Collected::default()
    };
    let sink = Collected {
        counters: Counters { records_in: series("snk_in", 1.0), records_out: Vec::new() },
        in_per_second: series("ps", 1.0),
        load: series("snk_busy", 1e-3),
        ..Collected::default()
    };
    let now = input.get("parallelism");
    let places = [place("source", now.u32("source")?, vec![]), place("sink", now.u32("sink")?, vec![0])];
    let evaluated = evaluate(&places, &[source, sink], &options, options.restart_time);
    let vertices: Vec<(Arc<str>, Vertex)> = places.iter().map(|p| p.id.clone()).zip(evaluated).collect();
    let changes = decide_all(&vertices, &mut Memory::default(), &options, options.restart_time, 0);
    let new = |p: &Place| changes.get(&p.id).and_then(|c| c.to).map_or(p.parallelism, |(to, _)| to);
    Ok(json!({"source": new(&places[0]), "sink": new(&places[1])}))
}

/// A source and a sink, watched minute by minute until the first change.
fn timeline(input: &Input) -> Answer {
    let mut options = Options { scale_down_factor: 1.0, ..input.options()? };
    options.scale_down_interval = Millis::from_secs(input.f64("scale_down_interval_s")?);
    let every = input.f64("sample_interval_s")? as i64;
    let window = input.f64("metrics_window_s")? as i64;
    let places = [
        place("source", input.u32("source_parallelism")?, vec![]),
        Place { max_parallelism: 10_000, ..place("sink", input.u32("sink_parallelism")?, vec![0]) },
    ];
    let busy = [input.numbers("source_busy_per_10min"), input.numbers("sink_busy_per_10min")];
    let rate = input.f64("records_per_minute")? / 60.0;
    let mut memory = Memory::default();
    let end = busy[0].len() as i64 * 600;
    for now in (0..=end).step_by(every as usize).filter(|now| *now >= window) {
        let times: Vec<i64> = (0..=now).step_by(every as usize).filter(|t| *t >= now - window).collect();
        let collected: Vec<Collected> = busy.iter().map(|b| steady(&times, b, rate)).collect();
        let evaluated = evaluate(&places, &collected, &options, options.restart_time);
        let vertices: Vec<(Arc<str>, Vertex)> = places.iter().map(|p| p.id.clone()).zip(evaluated).collect();
        let changes = decide_all(&vertices, &mut memory, &options, options.restart_time, now * 1_000);
        if !changes.is_empty() {
            let new = |p: &Place| changes.get(&p.id).and_then(|c| c.to).map_or(p.parallelism, |(to, _)| to);
            return Ok(json!({"scaled_at_minute": now / 60, "source": new(&places[0]), "sink": new(&places[1])}));
        }
    }
    Ok(json!({"scaled_at_minute": null, "source": places[0].parallelism, "sink": places[1].parallelism}))
}

fn steady(times: &[i64], busy_per_10min: &[f64], rate: f64) -> Collected {
    let busy = |t: i64| busy_per_10min[((t - 1).max(0) / 600).min(busy_per_10min.len() as i64 - 1) as usize];
    Collected {
        counters: Counters {
            records_in: times.iter().map(|t| (t * 1_000, rate * *t as f64)).collect(),
            records_out: Vec::new(),
        },
        in_per_second: times.iter().map(|t| (t * 1_000, rate)).collect(),
        lag: times.iter().map(|t| (t * 1_000, 0.0)).collect(),
        load: times.iter().map(|t| (t * 1_000, busy(*t) / 1_000.0)).collect(),
        ..Collected::default()
    }
}
