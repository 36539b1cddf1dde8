//! A scenario of what was learned; what was not is a default, and is remarked.

use super::{Estimate, Fitted, From};
use crate::scenario::{self, Capacity, Cluster, Edge, Job, Load, Mechanism, Restart, Scenario, Shape};
use crate::world::costs;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;

/// What stands behind a value of the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    /// Which value: `capacity of Source: orders`.
    pub what: String,
    /// In this unit.
    pub unit: &'static str,
    /// What was learned; absent: not identified.
    pub estimate: Option<Estimate>,
    /// Where it is from, or what stands for it.
    pub why: String,
}

/// A scenario, and what stands behind its values.
#[derive(Clone, Debug)]
pub struct Made {
    /// The scenario.
    pub scenario: Scenario,
    /// In the order of its values.
    pub remarks: Vec<Remark>,
}

/// A vertex of which nothing is known must not limit what the others were seen to do: so much more than they.
const NO_LIMIT: f64 = 100.0;
/// Noise of a capacity where it was not seen: the default of scenarios.
const NOISE: f64 = 0.02;
/// Default of scenarios: ten 32 KiB buffers per subtask.
const BUFFER: u32 = 2_000;

/// Makes it.
pub fn scenario(fitted: &Fitted) -> Made {
    let mut remarks = Vec::new();
    let job = job(fitted, &mut remarks);
    let cluster = cluster(fitted, &mut remarks);
    let (first, last) = (fitted.track.rows.first(), fitted.track.rows.last());
    let span = first.zip(last).map_or(0, |(a, b)| b.at - a.at);
    let summary = format!("Fitted to a recording of {:?}, {} rows.", fitted.track.header.job, fitted.track.rows.len());
    let scenario = Scenario {
        name: slug(&fitted.track.header.job),
        summary,
        // Whole minutes, as the load has them.
        duration: Millis((span as u64 / 60_000).max(1) * 60_000),
        seed: 1,
        interval: Millis::secs(15),
        cluster,
        jobs: vec![job],
        faults: Vec::new(),
    };
    Made { scenario, remarks }
}

/// Lower-case letters, digits and `-`.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "fitted".to_owned() } else { name.to_owned() }
}

fn note(
    remarks: &mut Vec<Remark>,
    what: impl Into<String>,
    unit: &'static str,
    estimate: Option<Estimate>,
    default: f64,
    why: (&str, &str),
) -> f64 {
    let why = if estimate.is_some() { why.0 } else { why.1 };
    remarks.push(Remark { what: what.into(), unit, estimate, why: why.to_owned() });
    estimate.map_or(default, |e| e.value)
}

fn job(fitted: &Fitted, remarks: &mut Vec<Remark>) -> Job {
    let track = &fitted.track;
    let widest = fitted.vertices.iter().filter_map(|v| v.lambda).map(|l| l.value).fold(0.0, f64::max);
    let none = if widest > 0.0 { widest * NO_LIMIT } else { most_read(fitted) };
    let mut vertices = Vec::new();
    for (v, told) in track.context.vertices.iter().enumerate() {
        vertices.push(vertex(fitted, v, told, none, remarks));
    }
    let edges = track.context.edges.iter().flatten();
    let edges =
        edges.map(|e| Edge { from: e.from, to: e.to, ship: Ship::parse(&e.ship), buffer: BUFFER }).collect::<Vec<_>>();
    remarks.push(arrivals(fitted));
    let points = fitted.arrivals.points.clone();
    let shape = if points.is_empty() { Shape::Constant(0.0) } else { Shape::Line(Arc::new(points)) };
    let sources = track.sources();
    // What each source has of it is not told apart: alike.
    let factor = 1.0 / sources.len().max(1) as f64;
    let load = |s: &usize| (*s, Load { shapes: vec![shape.clone()], factor, noise: 0.0 });
    let load: BTreeMap<usize, Load> = sources.iter().map(load).collect();
    Job {
        name: track.header.job.as_str().into(),
        vertices,
        edges,
        load,
        checkpoints: checkpoints(fitted, remarks),
        restart: restart(track.context.cluster.version),
        labels: track.context.labels.clone(),
    }
}

/// Flink's defaults: before 2.0 a fixed delay of a second, for ever; from then on one that grows.
fn restart(version: Option<[u32; 2]>) -> Restart {
    let second = Millis::secs(1);
    if version.is_none_or(|v| v[0] < 2) {
        return Restart::Fixed { delay: second, attempts: i32::MAX as u32 };
    }
    Restart::Exponential { initial: second, max: Millis::minutes(1), multiplier: 1.5, reset: Millis::hours(1) }
}

/// Records/s per subtask that it was seen to carry at least.
fn most_read(fitted: &Fitted) -> f64 {
    let size = fitted.track.rows.iter().map(|r| r.size).min().unwrap_or(1).max(1);
    let most = fitted.arrivals.points.iter().map(|p| p.1).fold(1.0, f64::max);
    2.0 * most / f64::from(size)
}

fn arrivals(fitted: &Fitted) -> Remark {
    let guessed = fitted.arrivals.guessed * 100.0;
    let why = match fitted.arrivals.points.is_empty() {
        true => "no records are counted: nothing arrives until --trace gives a load".to_owned(),
        false => format!("what was read, minute by minute; {guessed:.1} % of the minutes are drawn through restarts"),
    };
    Remark { what: "load".into(), unit: "records/s", estimate: None, why }
}

fn vertex(
    fitted: &Fitted,
    v: usize,
    told: &crate::recording::ChainedVertex,
    none: f64,
    remarks: &mut Vec<Remark>,
) -> scenario::Vertex {
    let learned = &fitted.vertices[v];
    let name = &told.name;
    let from = match learned.from {
        Some(From::Cpu) => "records for each share of a CPU: all vertices of the slot together",
        _ => "records per busy second",
    };
    let lambda = note(
        remarks,
        format!("{name}: lambda"),
        "records/s",
        learned.lambda,
        none,
        (from, "neither busy time nor CPU of it is known: it is taken not to limit"),
    );
    let bend = "how this depends on the parallelism";
    let unbent = "too few sizes were seen: taken for none";
    let sigma = note(remarks, format!("{name}: sigma"), "", learned.sigma, 0.0, (bend, unbent));
    let kappa = note(remarks, format!("{name}: kappa"), "", learned.kappa, 0.0, (bend, unbent));
    let skew = note(
        remarks,
        format!("{name}: skew"),
        "",
        learned.skew,
        0.0,
        ("busiest subtask over the mean", "subtasks are not told apart: taken for none"),
    );
    let noise = note(
        remarks,
        format!("{name}: noise"),
        "",
        learned.noise,
        NOISE,
        ("spread of records per busy second", "without counters it cannot be told from that of the figures: default"),
    );
    let selectivity = note(
        remarks,
        format!("{name}: selectivity"),
        "",
        learned.selectivity,
        1.0,
        ("records out per record in", "records in and out are not both known: default"),
    );
    scenario::Vertex {
        name: name.as_str().into(),
        parallelism: fitted.track.figures.get(v).map_or(told.parallelism, |f| f.parallelism).max(1),
        max_parallelism: told.max_parallelism.unwrap_or(128),
        slot_group: if told.slot_group.is_empty() { "default".into() } else { told.slot_group.as_str().into() },
        partitions: told.partitions.filter(|_| fitted.track.sources().contains(&v)),
        capacity: Capacity { lambda, sigma, kappa, points: Vec::new() },
        selectivity,
        emits_every: None,
        skew,
        state: if v + 1 == fitted.vertices.len() { fitted.checkpoints.state.map_or(0.0, |s| s.value) } else { 0.0 },
        state_per_record: 0.0,
        state_on_heap: false,
        noise: noise.clamp(0.0, 1.0),
    }
}

fn checkpoints(fitted: &Fitted, remarks: &mut Vec<Remark>) -> scenario::Checkpoints {
    let learned = &fitted.checkpoints;
    let told = fitted.track.context.checkpoints.clone().unwrap_or_default();
    let unknown = "the checkpoints of the recording do not tell: default";
    let base =
        note(remarks, "checkpoints: base", "s", learned.base, 0.5, ("duration of one that writes nothing", unknown));
    let line = ("duration over bytes written", unknown);
    let upload = note(remarks, "checkpoints: upload", "bytes/s", learned.upload, 100e6, line);
    let state = ("size of the checkpoints, all of it given to the last vertex", "sizes are not known: none");
    note(remarks, "state", "bytes", learned.state, 0.0, state);
    let replay = ("half an interval and a checkpoint", "the interval of checkpoints is not known: that of the default");
    note(remarks, "replay", "s", learned.replay, 30.5, replay);
    scenario::Checkpoints {
        interval: Millis(told.interval.unwrap_or(60_000)),
        timeout: Millis(told.timeout.unwrap_or(600_000)),
        tolerable_failures: 0,
        upload,
        incremental: 0.1,
        unaligned: false,
        base: Millis::from_secs(base),
    }
}

fn cluster(fitted: &Fitted, remarks: &mut Vec<Remark>) -> Cluster {
    let context = &fitted.track.context;
    let mechanism = fitted.pauses.mechanism.unwrap_or(Mechanism::InPlace);
    let state = fitted.checkpoints.state.map_or(0.0, |s| s.value);
    let default = costs::rescale_pause(mechanism, state).as_secs();
    let rescale = ("rescales of the recording", "too few rescales were seen: the default of this kind of rescale");
    let rescale = note(remarks, "rescalePause", "s", fitted.pauses.rescale, default, rescale);
    let restart = ("failures of the recording, less a back-off of 1 s", "no failure was seen by itself: default");
    let restart = note(remarks, "restartPause", "s", fitted.pauses.restart, 5.0, restart);
    note(
        remarks,
        "outage",
        "s",
        fitted.pauses.outage,
        0.0,
        ("from a failure until it works again", "no failure was seen"),
    );
    let per = context.slots.as_ref().and_then(|s| s.per_taskmanager).unwrap_or(1).max(1);
    let wanted = fitted.track.rows.first().map_or(1, |r| r.size).max(1);
    let most = context.slots.as_ref().and_then(|s| s.max).map(|m| (m / per).max(1));
    let seen = fitted.track.rows.iter().find_map(|r| r.task_managers).unwrap_or(0);
    let task_managers = seen.max(wanted.div_ceil(per));
    Cluster {
        version: context.cluster.version.map_or((1, 20), |v| (v[0], v[1])),
        mechanism,
        task_managers,
        slots_per_task_manager: per,
        most_task_managers: most.map(|m| m.max(task_managers)),
        start_up: costs::START_UP,
        heartbeat_timeout: context.cluster.heartbeat_timeout.map_or(costs::HEARTBEAT_TIMEOUT, Millis),
        rescale_cooldown: context.cluster.rescale_cooldown.map_or(costs::RESCALE_COOLDOWN, Millis),
        rescale_pause: Millis::from_secs(rescale),
        restart_pause: Millis::from_secs(restart),
        cold_capacity: costs::COLD_CAPACITY,
        warm_up: costs::WARM_UP,
        metric_delay: Millis::secs(1),
        metric_update: Millis::secs(10),
        heap: 1 << 30,
    }
}
