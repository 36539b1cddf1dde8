//! Vectors of what surrounds a decision: memory, quotas, restarts, health, and what is asked of Flink.

use crate::Answer;
use crate::decisions::short_vertex;
use crate::input::{Input, write};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::controllers::operator::job::{Memory, decide_all};
use weirkeeper_simulator::controllers::operator::options::Options;
use weirkeeper_simulator::controllers::operator::requirements::{Realizer, merge, requirements};
use weirkeeper_simulator::controllers::operator::slots::Quota;
use weirkeeper_simulator::controllers::operator::vertex::Vertex;
use weirkeeper_simulator::controllers::operator::{health, memory, partitions, restarts, slots};

const GIB: f64 = 1_073_741_824.0;

pub fn ask(function: &str, input: &Input) -> Option<Answer> {
    Some(match function {
        "global_metrics" => global_metrics(input),
        "memory_pressure" => pressure(input),
        "resource_quota" => quota(input),
        "estimate_task_slots" => task_slots(input),
        "memory_scaling_gib" => memory_scaling(input),
        "network_segments" => segments(input),
        "network_memory_kb" => network_memory(input),
        "max_restart_time" => restart_time(input),
        "prune_records" => prune(input),
        "effective_job_status" => status(input),
        "restart_health" => restart_health(input),
        "checkpoint_progress_health" => checkpoints(input),
        "resource_requirements" => asked(input),
        "merge_overrides" => overrides(input),
        "count_source_partitions" => {
            let names = input.words("metric_names");
            Ok(json!({"partitions": partitions::count(names.iter().map(String::as_str))}))
        }
        _ => return None,
    })
}

/// The readings pass through; the ratio is the largest use over the largest heap.
fn global_metrics(input: &Input) -> Answer {
    Ok(json!({
        "heap_max_usage_ratio": write(memory::heap_usage(input.maybe("heap_used_max"), input.maybe("heap_max_max"))),
        "heap_used": write(input.maybe("heap_used_max")),
        "managed": write(input.maybe("managed_used_max")),
        "metaspace": write(input.maybe("metaspace_used_max")),
    }))
}

fn pressure(input: &Input) -> Answer {
    let options = Options {
        gc_pressure: input.or("gc_threshold", 1.0),
        heap_usage: input.or("heap_threshold", 1.0),
        ..Options::default()
    };
    let short = memory::is_short(input.maybe("gc_pressure_latest"), input.maybe("heap_ratio_average"), &options);
    Ok(json!({"blocked": short, "event": if short { json!("MemoryPressure") } else { Value::Null }}))
}

fn quota(input: &Input) -> Answer {
    let mut options = Options { scale_down_factor: 1.0, ..input.options()? };
    options.catch_up = Millis(0);
    options.scale_down_interval = Millis(0);
    let mut vertices: Vec<(Arc<str>, Vertex)> = Vec::new();
    for (i, v) in input.list("vertices").iter().enumerate() {
        vertices.push((Arc::from(format!("{i}")), short_vertex(v, &options)?));
    }
    let changes = decide_all(&vertices, &mut Memory::default(), &options, options.restart_time, 0);
    let steps = vertices.iter().filter_map(|(id, v)| Some((v.parallelism, changes.get(id)?.to?.0)));
    let groups: Vec<Vec<(u32, u32)>> = if input.text("slot_sharing").contains("same") {
        vec![steps.collect()]
    } else {
        steps.map(|s| vec![s]).collect()
    };
    let mut quotas = Vec::new();
    for (limit, each) in [("cpu_quota", "tm_cpu"), ("memory_quota_gib", "tm_memory_gib")] {
        if input.has(limit) {
            quotas.push(Quota { per_taskmanager: input.f64(each)?, limit: input.f64(limit)? });
        }
    }
    let reached = slots::passes_quota(&groups, input.u32("slots_per_tm")?, &quotas);
    let event = if reached { json!("ResourceQuotaReached") } else { Value::Null };
    Ok(json!({"quota_reached": reached, "event": event}))
}

fn task_slots(input: &Input) -> Answer {
    let now: BTreeMap<&str, u32> =
        input.map("parallelism").into_iter().filter_map(|(k, v)| Some((k, v.value()? as u32))).collect();
    let mut after = now.clone();
    after.extend(input.map("new").into_iter().filter_map(|(k, v)| Some((k, v.value()? as u32))));
    let list = |m: &BTreeMap<&str, u32>| m.values().copied().collect::<Vec<_>>();
    Ok(json!({"slots": slots::after_rescale(&list(&now), &list(&after), input.u32("slots_used")?)}))
}

fn memory_scaling(input: &Input) -> Answer {
    let bytes = |key: &str| input.f64(key).map(|g| (g * GIB) as u64);
    let change = (input.u32("current_parallelism")?, input.u32("new_parallelism")?);
    let each = input.u32("slots_per_tm")?;
    let kept = memory::kept_on_scale_down(bytes("current_memory_gib")?, bytes("budget_gib")?, change, each);
    Ok(json!({"memory_gib": kept as f64 / GIB}))
}

fn segments(input: &Input) -> Answer {
    let ship = Ship::parse(input.text("ship"));
    let (own, other) = (input.u32("current")?, input.u32("connected")?);
    let (each, floating) = (input.u32("buffers_per_channel")?, input.u32("floating_buffers")?);
    Ok(json!({"segments": memory::network_segments(own, other, &ship, each, floating)}))
}

/// `edge` reads `A -SHIP-> B`; a gate on either end.
fn network_memory(input: &Input) -> Answer {
    let word = input.text("edge").split('-').nth(1).unwrap_or("").trim();
    let ship = Ship::parse(word);
    let new: Vec<u32> = input.numbers("new_parallelism").iter().map(|p| *p as u32).collect();
    let [from, to] = new.as_slice() else { return Err("`new_parallelism` is not a pair".to_owned()) };
    let (each, floating) = (input.u32("buffers_per_channel")?, input.u32("floating_per_gate")?);
    let gate = |own: u32, other: u32| memory::network_segments(own, other, &ship, each, floating);
    let all = gate(*from, *to) + gate(*to, *from);
    Ok(json!({"kb": f64::from(all * input.u32("slots_per_tm")?) * input.f64("segment_kb")?}))
}

fn restart_time(input: &Input) -> Answer {
    let options = Options {
        restart_tracking: input.flag("prefer_tracked"),
        restart_time: Millis::from_secs(input.f64("configured_s")?),
        restart_tracking_limit: Millis::from_secs(input.f64("limit_s")?),
        ..Options::default()
    };
    let tracked: Vec<Millis> = input.numbers("tracked_s").into_iter().map(Millis::from_secs).collect();
    Ok(json!({"restart_s": restarts::restart_time(&options, &tracked).as_secs()}))
}

fn prune(input: &Input) -> Answer {
    let mut ages: Vec<u64> = input.numbers("ages_s").iter().map(|a| *a as u64).collect();
    ages.sort_unstable();
    Ok(json!({"kept": restarts::prune(&ages, input.u32("max_age_s")?.into(), input.u32("max_count")? as usize)}))
}

fn status(input: &Input) -> Answer {
    let tasks = input.get("tasks");
    let count = |state: &str| tasks.or(state, 0.0) as u32;
    let all: f64 = input.map("tasks").iter().filter_map(|(_, n)| n.value()).sum();
    let status = health::effective_status(input.text("status"), all as u32, count("RUNNING"), count("FINISHED"));
    Ok(json!({"status": status}))
}

fn restart_health(input: &Input) -> Answer {
    let window = Millis::from_secs(input.f64("window_s")?);
    let since = Millis::from_secs(input.f64("seconds_between_observations")?);
    let count = |key: &str| input.f64(key).map(|n| n as u64);
    let few =
        health::restarts_are_few(window, since, count("restarts_before")?, count("restarts_now")?, count("threshold")?);
    Ok(json!({"healthy": few}))
}

fn checkpoints(input: &Input) -> Answer {
    let span = |key: &str| input.get(key).value().map(Millis::from_secs);
    let check = health::CheckpointCheck {
        window: span("window_s"),
        interval: span("checkpoint_interval_s"),
        timeout: span("checkpoint_timeout_s").unwrap_or(Millis::minutes(10)),
        tolerable: input.or("tolerable_failures", 0.0) as u32,
    };
    let at = |key: &str| input.f64(key).map(|s| (s * 1_000.0) as i64);
    let (before, now) = (input.or("completed_before", 0.0) as u64, input.or("completed_now", 0.0) as u64);
    let healthy = health::checkpoints_progress(&check, at("last_progress_t_s")?, at("now_s")?, before, now);
    Ok(json!({"healthy": healthy}))
}

fn asked(input: &Input) -> Answer {
    let pair = |v: &Input| Some((v.0.get(0)?.as_u64()? as u32, v.0.get(1)?.as_u64()? as u32));
    let current = input.map("current").into_iter().filter_map(|(k, v)| Some((k.to_owned(), pair(&v)?))).collect();
    let wanted: BTreeMap<String, u32> =
        input.map("overrides").into_iter().filter_map(|(k, v)| Some((k.to_owned(), v.value()? as u32))).collect();
    let realizer =
        if input.text("realizer").contains("standalone") { Realizer::Standalone } else { Realizer::Operator };
    let (new, sent) = requirements(&current, &wanted, realizer);
    Ok(json!({"requirements": new, "put_sent": sent}))
}

fn overrides(input: &Input) -> Answer {
    let words = |key: &str| -> BTreeMap<String, String> {
        let text = |v: &Input| v.0.as_str().map_or_else(|| v.0.to_string(), str::to_owned);
        input.map(key).into_iter().map(|(k, v)| (k.to_owned(), text(&v))).collect()
    };
    let merged = merge(&words("stored_autoscaler_overrides"), &words("spec_overrides"), &input.words("excluded"));
    Ok(json!({"effective": merged}))
}
