//! Scenarios as text, with what stands behind their values: beside the reader, so that the two stay one language.

use std::fmt::Write;
use std::path::Path;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::fit::Remark;
use weirkeeper_simulator::scenario::{Capacity, Cluster, Edge, Job, Mechanism, Restart, Scenario, Shape, Vertex};

/// A scenario with a load from a file beside it, and remarks at its head.
pub fn text(scenario: &Scenario, remarks: &[Remark], trace: &Path) -> String {
    let mut out = String::new();
    head(&mut out, scenario, remarks);
    cluster(&mut out, &scenario.cluster);
    out.push_str("jobs:\n");
    for each in &scenario.jobs {
        job(&mut out, each, trace);
    }
    out
}

/// The load of a scenario as CSV: what `trace` reads.
pub fn load(scenario: &Scenario) -> String {
    let mut out = String::from("seconds,records_per_second\n");
    let load = scenario.jobs.first().and_then(|j| j.load.values().next());
    for shape in load.iter().flat_map(|l| &l.shapes) {
        match shape {
            Shape::Line(points) => points.iter().for_each(|(at, rate)| row(&mut out, *at, *rate)),
            Shape::Constant(rate) => row(&mut out, Millis(0), *rate),
            _ => {}
        }
    }
    out
}

fn row(out: &mut String, at: Millis, rate: f64) {
    let _ = writeln!(out, "{},{}", at.0 as f64 / 1e3, round(rate));
}

fn head(out: &mut String, s: &Scenario, remarks: &[Remark]) {
    out.push_str(
        "# Made by `weirkeeper fit`. Each value with the interval in which the true one lies with about 95 %.\n#\n",
    );
    for r in remarks {
        let _ = writeln!(out, "# {}", remark(r));
    }
    out.push_str("apiVersion: weirkeeper.dev/v1\nkind: Scenario\n");
    let _ = writeln!(out, "metadata: {{ name: {} }}", quoted(&s.name));
    let _ = writeln!(out, "summary: {}", quoted(&s.summary));
    let _ = writeln!(out, "duration: {}\nseed: {}\ninterval: {}", span(s.duration), s.seed, span(s.interval));
}

/// One line of what is known of a value.
pub fn remark(r: &Remark) -> String {
    let unit = if r.unit.is_empty() { String::new() } else { format!(" {}", r.unit) };
    match r.estimate {
        Some(e) => {
            let (value, low, high) = (round(e.value), round(e.low), round(e.high));
            format!("{}: {value}{unit}, between {low} and {high} ({}; {} observations)", r.what, r.why, e.of)
        }
        None if r.what == "load" => format!("load: {}", r.why),
        None => format!("{}: not identified ({})", r.what, r.why),
    }
}

fn cluster(out: &mut String, c: &Cluster) {
    let mechanism = match c.mechanism {
        Mechanism::InPlace => "in-place",
        Mechanism::Reactive => "reactive",
        Mechanism::Redeploy => "redeploy",
    };
    let _ = writeln!(out, "cluster:\n  version: \"{}.{}\"\n  mechanism: {mechanism}", c.version.0, c.version.1);
    let _ = writeln!(out, "  taskManagers: {}", c.task_managers);
    let _ = writeln!(out, "  slotsPerTaskManager: {}", c.slots_per_task_manager);
    if let Some(most) = c.most_task_managers {
        let _ = writeln!(out, "  maxTaskManagers: {most}");
    }
    for (name, value) in [
        ("startUp", c.start_up),
        ("heartbeatTimeout", c.heartbeat_timeout),
        ("rescaleCooldown", c.rescale_cooldown),
        ("rescalePause", c.rescale_pause),
        ("restartPause", c.restart_pause),
        ("warmUp", c.warm_up),
        ("metricDelay", c.metric_delay),
        ("metricUpdate", c.metric_update),
    ] {
        let _ = writeln!(out, "  {name}: {}", span(value));
    }
    let _ = writeln!(out, "  coldCapacity: {}\n  heap: {}", c.cold_capacity, c.heap);
}

fn job(out: &mut String, j: &Job, trace: &Path) {
    let _ = writeln!(out, "  - name: {}", quoted(&j.name));
    if !j.labels.is_empty() {
        let labels: Vec<_> = j.labels.iter().map(|(k, v)| format!("{}: {}", quoted(k), quoted(v))).collect();
        let _ = writeln!(out, "    labels: {{ {} }}", labels.join(", "));
    }
    out.push_str("    vertices:\n");
    j.vertices.iter().for_each(|v| vertex(out, v));
    if !j.edges.is_empty() {
        out.push_str("    edges:\n");
        j.edges.iter().for_each(|e| edge(out, e, &j.vertices));
    }
    loads(out, j, trace);
    let c = &j.checkpoints;
    let _ = writeln!(out, "    checkpoints:\n      interval: {}\n      timeout: {}", span(c.interval), span(c.timeout));
    let _ = writeln!(out, "      tolerableFailures: {}\n      upload: {}", c.tolerable_failures, round(c.upload));
    let _ = writeln!(out, "      incremental: {}\n      unaligned: {}", c.incremental, c.unaligned);
    let _ = writeln!(out, "      base: {}", span(c.base));
    restart(out, &j.restart);
}

fn vertex(out: &mut String, v: &Vertex) {
    let _ = writeln!(out, "      - name: {}", quoted(&v.name));
    let _ = writeln!(out, "        parallelism: {}\n        maxParallelism: {}", v.parallelism, v.max_parallelism);
    let _ = writeln!(out, "        slotGroup: {}", quoted(&v.slot_group));
    if let Some(partitions) = v.partitions {
        let _ = writeln!(out, "        partitions: {partitions}");
    }
    let Capacity { lambda, sigma, kappa, .. } = &v.capacity;
    let (lambda, sigma, kappa) = (round(*lambda), round(*sigma), round(*kappa));
    let _ = writeln!(out, "        capacity: {{ lambda: {lambda}, sigma: {sigma}, kappa: {kappa} }}");
    let _ = writeln!(out, "        selectivity: {}\n        skew: {}", round(v.selectivity), round(v.skew));
    let _ = writeln!(out, "        state: {}\n        noise: {}", v.state.max(0.0) as u64, round(v.noise));
}

fn edge(out: &mut String, e: &Edge, vertices: &[Vertex]) {
    let ship = match &e.ship {
        Ship::Forward => "FORWARD",
        Ship::Hash => "HASH",
        Ship::Rescale => "RESCALE",
        Ship::Broadcast => "BROADCAST",
        _ => "REBALANCE",
    };
    let (from, to) = (quoted(&vertices[e.from].name), quoted(&vertices[e.to].name));
    let _ = writeln!(out, "      - [{from}, {to}, {ship}, {}]", e.buffer);
}

/// Every source reads the same file, each its part of it.
fn loads(out: &mut String, j: &Job, trace: &Path) {
    out.push_str("    load:\n");
    let file = quoted(&trace.to_string_lossy());
    for (source, load) in &j.load {
        let indent = if j.load.len() > 1 { "        " } else { "      " };
        if j.load.len() > 1 {
            let _ = writeln!(out, "      {}:", quoted(&j.vertices[*source].name));
        }
        let _ = writeln!(out, "{indent}- trace: {{ file: {file}, factor: {} }}", load.factor);
        if load.noise > 0.0 {
            let _ = writeln!(out, "{indent}- noise: {}", round(load.noise));
        }
    }
}

fn restart(out: &mut String, r: &Restart) {
    let line = match r {
        Restart::Exponential { initial, max, multiplier, reset } => format!(
            "exponential: {{ initial: {}, max: {}, multiplier: {multiplier}, reset: {} }}",
            span(*initial),
            span(*max),
            span(*reset)
        ),
        Restart::Fixed { delay, attempts } => format!("fixed: {{ delay: {}, attempts: {attempts} }}", span(*delay)),
        Restart::Rate { delay, failures, per } => {
            format!("rate: {{ delay: {}, failures: {failures}, per: {} }}", span(*delay), span(*per))
        }
    };
    let _ = writeln!(out, "    restart: {{ {line} }}");
}

fn span(ms: Millis) -> String {
    if ms.0.is_multiple_of(1_000) { format!("{}s", ms.0 / 1_000) } else { format!("{}ms", ms.0) }
}

/// Four significant digits: more is not known.
fn round(v: f64) -> f64 {
    format!("{v:.3e}").parse().unwrap_or(v)
}

/// A double-quoted scalar of YAML is one of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
