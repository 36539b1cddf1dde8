//! `job:` of an inline test: vertices, edges and slots.

use super::inline::TestJob;
use super::known;
use super::node::{Node, Value};
use super::problem::{Code, Pos};
use super::reader::{Fields, Reader};
use super::units;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::{Edge, JobGraph, Ship, Vertex};
use weirkeeper_core::observation::Slots;
use weirkeeper_core::units::{Millis, Parallelism};

/// Slots of a cluster whose test says nothing of them: more than any test needs.
const AMPLE: u32 = 10_000;

/// Flink's own default where max parallelism is not set is at least 128
/// (`KeyGroupRangeAssignment.DEFAULT_LOWER_BOUND_MAX_PARALLELISM`).
const MAX_PARALLELISM: u32 = 128;

/// Vertices of a job in a test.
const MOST_VERTICES: usize = 300;

/// Reads it.
pub fn read(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<TestJob> {
    let fields = reader.fields(node, name, known::TEST_JOB)?;
    let job_name = reader.get(&fields, "name", job_name).unwrap_or_else(|| "job".to_owned());
    let namespace = reader.get(&fields, "namespace", Reader::text);
    let running_for = reader.get(&fields, "runningFor", Reader::duration).unwrap_or(Millis(0));
    let graph = graph(reader, &fields);
    let needed = graph.as_ref().map_or(0, slots_needed);
    let slots = match fields.get("slots") {
        Some(node) => slots(reader, node, &fields.name("slots"), needed),
        None => Some(given_slots(AMPLE, false, None, None, needed)),
    };
    Some(TestJob { name: job_name, namespace, running_for, graph: graph?, slots: slots? })
}

/// The policy under test is told the job's exact name, which a wildcard would not be.
fn job_name(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<String> {
    let text = reader.text(node, name)?;
    if text.contains(['*', '?']) {
        reader.report(node.at, Code::BadTest, format!("{name} holds a wildcard"), "leave out * and ?");
        return None;
    }
    Some(text)
}

/// Whether `name` is one of the vertices; reports when not.
pub fn expect_vertex(reader: &mut Reader<'_>, at: Pos, name: &str, graph: &JobGraph) -> bool {
    let names: Vec<&str> = graph.vertices.iter().map(|v| &*v.name).collect();
    if names.contains(&name) {
        return true;
    }
    let meant =
        units::nearest(name, names.iter().copied()).map(|n| format!("did you mean {n:?}? ")).unwrap_or_default();
    let hint = format!("{meant}vertices of the job: {}", names.join(", "));
    reader.report(at, Code::BadTest, format!("the job has no vertex {name:?}"), hint);
    false
}

fn graph(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<JobGraph> {
    let vertices = reader.need(fields, "vertices", |r, n, name| r.list(n, name, vertex))?;
    let at = fields.key_at("vertices");
    let written =
        fields.get("vertices").map_or(0, |node| if let Value::List(items) = &node.value { items.len() } else { 0 });
    if written == 0 || written > MOST_VERTICES {
        let message = format!("a job has between 1 and {MOST_VERTICES} vertices, not {written}");
        reader.report(at, Code::BadTest, message, "list them under vertices, each with name and parallelism");
        return None;
    }
    if vertices.len() < written {
        // Told already; that others do not find the vertex is not a fault of theirs.
        return None;
    }
    let graph = JobGraph { vertices, edges: Vec::new() };
    let repeated =
        graph.vertices.iter().enumerate().find(|(i, v)| graph.vertices[..*i].iter().any(|w| w.name == v.name));
    if let Some((_, vertex)) = repeated {
        let message = format!("two vertices are called {:?}", vertex.name);
        reader.report(at, Code::BadTest, message, "give each its own name");
        return None;
    }
    let edges = reader.get(fields, "edges", |r, n, name| r.list(n, name, |r, n, name| edge(r, n, name, &graph)));
    let sorted = sorted(JobGraph { edges: edges.unwrap_or_default(), ..graph });
    if sorted.is_none() {
        reader.report(
            fields.key_at("edges"),
            Code::BadTest,
            "the edges form a circle",
            "a Flink job has none: remove one",
        );
    }
    sorted
}

fn vertex(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vertex> {
    let fields = reader.fields(node, name, known::TEST_VERTEX)?;
    let vertex_name = reader.need(&fields, "name", Reader::text);
    let parallelism = reader.need(&fields, "parallelism", Reader::positive);
    let most = reader.get(&fields, "maxParallelism", Reader::positive).unwrap_or(MAX_PARALLELISM);
    let partitions = reader.get(&fields, "partitions", Reader::positive);
    let slot_group = reader.get(&fields, "slotGroup", Reader::text).unwrap_or_else(|| "default".to_owned());
    if parallelism.is_some_and(|p| p > most) {
        let message = format!("{name} runs above its max parallelism of {most}");
        reader.report(
            fields.key_at("parallelism"),
            Code::BadBounds,
            message,
            "raise maxParallelism or lower parallelism",
        );
    }
    let vertex_name: Arc<str> = vertex_name?.into();
    Some(Vertex {
        id: vertex_name.clone(),
        name: vertex_name,
        parallelism: Parallelism(parallelism?),
        max_parallelism: Some(Parallelism(most)),
        slot_group: slot_group.into(),
        partitions,
        running: parallelism,
    })
}

/// `[from, to, SHIP]`.
fn edge(reader: &mut Reader<'_>, node: &Node, name: &str, graph: &JobGraph) -> Option<Edge> {
    let Value::List(items) = &node.value else {
        reader.report(node.at, Code::WrongType, format!("{name} is not an edge"), EDGE);
        return None;
    };
    let [from, to, ship] = items.as_slice() else {
        reader.report(node.at, Code::WrongType, format!("{name} has {} parts, an edge has three", items.len()), EDGE);
        return None;
    };
    let (from, to) = (end(reader, from, name, graph), end(reader, to, name, graph));
    let choices = [
        ("FORWARD", &Ship::Forward),
        ("HASH", &Ship::Hash),
        ("REBALANCE", &Ship::Rebalance),
        ("RESCALE", &Ship::Rescale),
        ("BROADCAST", &Ship::Broadcast),
    ];
    let ship = reader.choice(ship, name, &choices)?;
    Some(Edge { from: from?, to: to?, ship: ship.clone() })
}

const EDGE: &str = "write [from, to, SHIP], with SHIP one of FORWARD, HASH, REBALANCE, RESCALE, BROADCAST";

fn end(reader: &mut Reader<'_>, node: &Node, name: &str, graph: &JobGraph) -> Option<usize> {
    let text = reader.text(node, name)?;
    if !expect_vertex(reader, node.at, &text, graph) {
        return None;
    }
    graph.vertices.iter().position(|v| *v.name == *text)
}

/// Upstream before downstream, as Flink lists them; otherwise in the order of the file. Absent where edges form a
/// circle.
fn sorted(graph: JobGraph) -> Option<JobGraph> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < graph.vertices.len() {
        let placed = |v: &usize| order.contains(v);
        let next = (0..graph.vertices.len()).find(|v| !placed(v) && graph.inputs(*v).all(|e| placed(&e.from)))?;
        order.push(next);
    }
    let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let edges = graph.edges.iter().map(|e| Edge { from: place[&e.from], to: place[&e.to], ship: e.ship.clone() });
    let vertices = order.iter().map(|v| graph.vertices[*v].clone()).collect();
    Some(JobGraph { edges: edges.collect(), vertices })
}

fn slots(reader: &mut Reader<'_>, node: &Node, name: &str, needed: u32) -> Option<Slots> {
    let fields = reader.fields(node, name, known::TEST_SLOTS)?;
    let total = reader.need(&fields, "total", Reader::count);
    let on_demand = reader.get(&fields, "onDemand", Reader::truth).unwrap_or(false);
    let per_taskmanager = reader.get(&fields, "perTaskManager", Reader::positive);
    let most = reader.get(&fields, "max", Reader::positive);
    let total = total?;
    if total < needed {
        let message = format!("{name}: {total} slots cannot run a job that takes {needed}");
        reader.report(fields.key_at("total"), Code::BadTest, message, format!("give at least {needed}"));
        return None;
    }
    Some(given_slots(total, on_demand, per_taskmanager, most, needed))
}

fn given_slots(total: u32, on_demand: bool, per_taskmanager: Option<u32>, max: Option<u32>, needed: u32) -> Slots {
    let taskmanagers = per_taskmanager.map_or(1, |n| total.div_ceil(n.max(1)));
    Slots { total, free: total.saturating_sub(needed), max, on_demand, per_taskmanager, taskmanagers }
}

/// Each slot-sharing group takes as many slots as its widest vertex has subtasks.
fn slots_needed(graph: &JobGraph) -> u32 {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for vertex in &graph.vertices {
        let widest = groups.entry(&vertex.slot_group).or_default();
        *widest = (*widest).max(vertex.parallelism.0);
    }
    groups.values().fold(0, |sum, n| sum.saturating_add(*n))
}
