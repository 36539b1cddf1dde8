//! `jobs:` of a scenario.

use super::{known, load, values};
use crate::policy::document::labels;
use crate::policy::node::{Node, Value};
use crate::policy::problem::Code;
use crate::policy::reader::{Fields, Reader};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::scenario::{Capacity, Checkpoints, Edge, Job, Load, Restart, Vertex};

/// More subtasks than this are not simulated: a thousand slots answer every question.
const MOST_SUBTASKS: u32 = 1_024;
/// Ten 32 KiB buffers per subtask of the receiver, as Flink's defaults give, hold about this many records of 160 bytes.
const BUFFER: u32 = 2_000;

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, name: &str, path: &Path) -> Option<Job> {
    let fields = reader.fields(node, name, known::JOB)?;
    let job_name = reader.need(&fields, "name", Reader::text);
    let labels = reader.get(&fields, "labels", labels).unwrap_or_default();
    let vertices = reader.need(&fields, "vertices", vertices)?;
    let before = reader.problems.len();
    let edges = reader.get(&fields, "edges", |r, n, at| r.list(n, at, |r, n, at| edge(r, n, at, &vertices)));
    let edges = edges.unwrap_or_default();
    forward(reader, &fields, &vertices, &edges);
    // Where an edge could not be read, it is not known which vertices are sources.
    let sources = (reader.problems.len() == before).then(|| sources(&vertices, &edges));
    partitions(reader, &fields, &vertices, sources.as_deref().unwrap_or_default());
    let load = reader.need(&fields, "load", |r, n, at| match &sources {
        Some(sources) => loads(r, n, at, &vertices, sources, path),
        None => Some(BTreeMap::new()),
    });
    let checkpoints = reader.get(&fields, "checkpoints", checkpoints).unwrap_or_else(default_checkpoints);
    let restart = reader.get(&fields, "restart", restart).unwrap_or_else(default_restart);
    Some(Job { name: job_name?.into(), vertices, edges, load: load?, checkpoints, restart, labels })
}

/// Slots that a job holds: per slot sharing group those of its widest vertex.
pub(super) fn slots(job: &Job) -> u32 {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for vertex in &job.vertices {
        let widest = groups.entry(&vertex.slot_group).or_default();
        *widest = (*widest).max(vertex.parallelism);
    }
    groups.values().sum()
}

fn vertices(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<Vertex>> {
    let vertices = reader.list(node, name, vertex)?;
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        reader.report(node.at, Code::BadValue, format!("{name} is empty"), "a job has at least one vertex");
    }
    for (i, vertex) in vertices.iter().enumerate() {
        if vertices[..i].iter().any(|v| v.name == vertex.name) {
            let message = format!("two vertices of {name} are called {:?}", vertex.name);
            reader.report(node.at, Code::BadGraph, message, "rename one of them");
        }
    }
    Some(vertices)
}

fn vertex(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vertex> {
    let fields = reader.fields(node, name, known::VERTEX)?;
    let vertex_name = reader.need(&fields, "name", Reader::text);
    let capacity = reader.need(&fields, "capacity", capacity);
    let parallelism = reader.get(&fields, "parallelism", Reader::positive).unwrap_or(1);
    let max_parallelism = reader.get(&fields, "maxParallelism", Reader::positive).unwrap_or(128);
    if parallelism > max_parallelism.min(MOST_SUBTASKS) {
        let most = max_parallelism.min(MOST_SUBTASKS);
        let message = format!("{} {parallelism} is more than {most}", fields.name("parallelism"));
        reader.report(fields.key_at("parallelism"), Code::BadBounds, message, "lower it, or raise maxParallelism");
    }
    Some(Vertex {
        name: vertex_name?.into(),
        parallelism,
        max_parallelism,
        slot_group: reader.get(&fields, "slotGroup", Reader::text).map_or_else(|| "default".into(), Arc::from),
        partitions: reader.get(&fields, "partitions", Reader::positive),
        // Where it could not be read, that was told, and the vertex goes on to be known by its name.
        capacity: capacity.unwrap_or(Capacity { lambda: 1.0, sigma: 0.0, kappa: 0.0, points: Vec::new() }),
        selectivity: reader.get(&fields, "selectivity", values::number).unwrap_or(1.0),
        emits_every: reader.get(&fields, "emitsEvery", Reader::span),
        skew: reader.get(&fields, "skew", values::number).unwrap_or(0.0),
        state: reader.get(&fields, "state", values::size).unwrap_or(0.0),
        state_per_record: reader.get(&fields, "statePerRecord", values::size).unwrap_or(0.0),
        state_on_heap: reader.get(&fields, "stateOnHeap", Reader::truth).unwrap_or(false),
        noise: reader.get(&fields, "noise", Reader::share).unwrap_or(0.02),
    })
}

/// A number is what one subtask can do, and more subtasks do as much more.
fn capacity(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Capacity> {
    if matches!(node.value, Value::Number(_)) {
        let lambda = reader.above_zero(node, name)?;
        return Some(Capacity { lambda, sigma: 0.0, kappa: 0.0, points: Vec::new() });
    }
    let fields = reader.fields(node, name, known::CAPACITY)?;
    let points = reader.get(&fields, "points", values::by_parallelism).unwrap_or_default();
    let first = points.first().map(|(p, rate)| rate / f64::from(*p));
    let lambda = match first {
        Some(each) => Some(reader.get(&fields, "lambda", Reader::above_zero).unwrap_or(each)),
        None => reader.need(&fields, "lambda", Reader::above_zero),
    };
    let sigma = reader.get(&fields, "sigma", values::number).unwrap_or(0.0);
    let kappa = reader.get(&fields, "kappa", values::number).unwrap_or(0.0);
    Some(Capacity { lambda: lambda?, sigma, kappa, points })
}

/// `[from, to, SHIP]`, or with the records its buffers hold per subtask of the receiver: `[from, to, SHIP, 500]`.
fn edge(reader: &mut Reader<'_>, node: &Node, name: &str, vertices: &[Vertex]) -> Option<Edge> {
    let items = match &node.value {
        Value::List(items) if (3..=4).contains(&items.len()) => items,
        _ => {
            reader.wrong_type(node, name, "[from, to, SHIP]", "write it as [\"Source: orders\", enrich, HASH]");
            return None;
        }
    };
    let (from, to) = (end(reader, &items[0], name, vertices), end(reader, &items[1], name, vertices));
    let ship = ship(reader, &items[2], name);
    let buffer = items.get(3).map_or(Some(BUFFER), |n| reader.positive(n, name));
    let (from, to) = (from?, to?);
    if from >= to {
        let message = format!("{name} leads back: {:?} stands before {:?}", vertices[to].name, vertices[from].name);
        reader.report(node.at, Code::BadGraph, message, "list vertices in the order in which records flow");
        return None;
    }
    Some(Edge { from, to, ship: ship?, buffer: buffer? })
}

fn end(reader: &mut Reader<'_>, node: &Node, name: &str, vertices: &[Vertex]) -> Option<usize> {
    let text = reader.text(node, name)?;
    let found = vertices.iter().position(|v| *v.name == *text);
    if found.is_none() {
        let names: Vec<_> = vertices.iter().map(|v| format!("{:?}", v.name)).collect();
        let message = format!("{name} names {text:?}, which is no vertex of this job");
        reader.report(node.at, Code::BadGraph, message, format!("its vertices are {}", names.join(", ")));
    }
    found
}

fn ship(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Ship> {
    const SHIPS: [&str; 5] = ["FORWARD", "HASH", "REBALANCE", "RESCALE", "BROADCAST"];
    let index = reader.choice(node, name, &[0, 1, 2, 3, 4].map(|i| (SHIPS[i], i)))?;
    Some(Ship::parse(SHIPS[index]))
}

/// Ends of a FORWARD edge have one parallelism, as in Flink.
fn forward(reader: &mut Reader<'_>, fields: &Fields<'_>, vertices: &[Vertex], edges: &[Edge]) {
    for edge in edges.iter().filter(|e| e.ship == Ship::Forward) {
        let (from, to) = (&vertices[edge.from], &vertices[edge.to]);
        if from.parallelism != to.parallelism {
            let (p, q) = (from.parallelism, to.parallelism);
            let message = format!("{:?} ({p}) and {:?} ({q}) are joined by FORWARD", from.name, to.name);
            reader.report(fields.key_at("edges"), Code::BadGraph, message, "give them one parallelism, or REBALANCE");
        }
    }
}

fn sources(vertices: &[Vertex], edges: &[Edge]) -> Vec<usize> {
    (0..vertices.len()).filter(|v| !edges.iter().any(|e| e.to == *v)).collect()
}

fn partitions(reader: &mut Reader<'_>, fields: &Fields<'_>, vertices: &[Vertex], sources: &[usize]) {
    let known = !sources.is_empty();
    let stray = |(v, vertex): &(usize, &Vertex)| known && vertex.partitions.is_some() && !sources.contains(v);
    let stray = vertices.iter().enumerate().find(stray);
    if let Some((_, vertex)) = stray {
        let message = format!("{:?} has partitions and is no source", vertex.name);
        reader.report(fields.key_at("vertices"), Code::BadGraph, message, "only what reads from outside has them");
    }
}

/// A list is the load of the only source; otherwise a mapping gives one per source.
fn loads(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    vertices: &[Vertex],
    sources: &[usize],
    path: &Path,
) -> Option<BTreeMap<usize, Load>> {
    if let (Value::List(_), [only]) = (&node.value, sources) {
        return Some(BTreeMap::from([(*only, load::read(reader, node, name, path)?)]));
    }
    let entries = reader.entries(node, name)?;
    let mut loads = BTreeMap::new();
    for (key, at, value) in entries {
        let name = format!("{name}.{key:?}");
        match sources.iter().find(|s| *vertices[**s].name == *key) {
            Some(source) => loads.extend(load::read(reader, value, &name, path).map(|l| (*source, l))),
            None => {
                let names: Vec<_> = sources.iter().map(|s| format!("{:?}", vertices[*s].name)).collect();
                let hint = format!("its sources are {}", names.join(", "));
                reader.report(at, Code::BadGraph, format!("{name} is no source of this job"), hint);
            }
        }
    }
    for source in sources.iter().filter(|s| !loads.contains_key(s)) {
        let vertex = &vertices[*source].name;
        let message = format!("nothing says what arrives at {vertex:?}");
        reader.report(node.at, Code::MissingField, message, format!("add `{vertex:?}: [constant: 100]`"));
    }
    Some(loads)
}

fn default_checkpoints() -> Checkpoints {
    Checkpoints {
        interval: Millis::secs(60),
        // Flink's own default.
        timeout: Millis::minutes(10),
        tolerable_failures: 0,
        upload: 100e6,
        incremental: 0.1,
        unaligned: false,
        base: Millis(500),
    }
}

fn checkpoints(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Checkpoints> {
    let fields = reader.fields(node, name, known::CHECKPOINTS)?;
    let d = default_checkpoints();
    let upload = reader.get(&fields, "upload", values::size).unwrap_or(d.upload);
    if upload <= 0.0 {
        reader.report(fields.key_at("upload"), Code::OutOfRange, "upload is 0", "give it more than 0 bytes/s");
    }
    Some(Checkpoints {
        interval: reader.get(&fields, "interval", Reader::span).unwrap_or(d.interval),
        timeout: reader.get(&fields, "timeout", Reader::span).unwrap_or(d.timeout),
        tolerable_failures: reader.get(&fields, "tolerableFailures", Reader::count).unwrap_or(d.tolerable_failures),
        upload,
        incremental: reader.get(&fields, "incremental", Reader::share).unwrap_or(d.incremental),
        unaligned: reader.get(&fields, "unaligned", Reader::truth).unwrap_or(d.unaligned),
        base: reader.get(&fields, "base", Reader::duration).unwrap_or(d.base),
    })
}

/// Flink 2's own default.
fn default_restart() -> Restart {
    Restart::Exponential { initial: Millis::secs(1), max: Millis::minutes(1), multiplier: 1.5, reset: Millis::hours(1) }
}

fn restart(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Restart> {
    let fields = reader.fields(node, name, known::RESTART)?;
    let given = known::RESTART.iter().filter(|kind| fields.get(kind).is_some()).count();
    if given != 1 {
        let message = format!("{name} names {given} strategies");
        reader.report(node.at, Code::BadValue, message, "give one of exponential, fixed and rate");
    }
    let exponential = reader.get(&fields, "exponential", exponential);
    let fixed = reader.get(&fields, "fixed", fixed);
    exponential.or(fixed).or_else(|| reader.get(&fields, "rate", rate))
}

fn exponential(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Restart> {
    let fields = reader.fields(node, name, known::EXPONENTIAL)?;
    Some(Restart::Exponential {
        initial: reader.get(&fields, "initial", Reader::span).unwrap_or(Millis::secs(1)),
        max: reader.get(&fields, "max", Reader::span).unwrap_or(Millis::minutes(1)),
        multiplier: reader.get(&fields, "multiplier", Reader::above_zero).unwrap_or(1.5),
        reset: reader.get(&fields, "reset", Reader::span).unwrap_or(Millis::hours(1)),
    })
}

fn fixed(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Restart> {
    let fields = reader.fields(node, name, known::FIXED)?;
    Some(Restart::Fixed {
        delay: reader.get(&fields, "delay", Reader::duration).unwrap_or(Millis::secs(1)),
        attempts: reader.get(&fields, "attempts", Reader::count).unwrap_or(i32::MAX as u32),
    })
}

fn rate(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Restart> {
    let fields = reader.fields(node, name, known::RATE)?;
    Some(Restart::Rate {
        delay: reader.get(&fields, "delay", Reader::duration).unwrap_or(Millis::secs(1)),
        failures: reader.get(&fields, "failures", Reader::positive).unwrap_or(1),
        per: reader.get(&fields, "per", Reader::span).unwrap_or(Millis::minutes(1)),
    })
}
