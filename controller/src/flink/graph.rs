//! From `GET /jobs/:id` to the job graph.

use super::answers::{JobDetails, Plan, VertexDetails};
use super::endpoint::is_safe_id;
use super::scrub;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weirkeeper_core::job::{Edge, JobGraph, Ship, Vertex};
use weirkeeper_core::observation::JobStatus;
use weirkeeper_core::units::Parallelism;

/// A job with more is not read: each vertex costs memory and calls for as long as the job lives.
pub const MAX_VERTICES: usize = 1_000;

/// Flink's word for a job's state.
pub fn status(word: &str) -> Option<JobStatus> {
    match word {
        "RUNNING" => Some(JobStatus::Running),
        "RESTARTING" | "CREATED" | "INITIALIZING" | "FAILING" | "RECONCILING" => Some(JobStatus::Restarting),
        "FINISHED" | "CANCELED" | "CANCELLING" | "FAILED" | "SUSPENDED" => Some(JobStatus::Ended),
        _ => None,
    }
}

/// The graph, or in one line what is wrong with the answer. `known` gives its strings again where they are the same.
pub fn build(details: &JobDetails, known: Option<&JobGraph>) -> Result<JobGraph, String> {
    let vertices = details.vertices.as_deref().ok_or("the answer has no vertices")?;
    if vertices.is_empty() {
        return Err("the job has no vertices yet".into());
    }
    if vertices.len() > MAX_VERTICES {
        return Err(format!("the job has {} vertices, more than the {MAX_VERTICES} that are read", vertices.len()));
    }
    let labels = labels(vertices)?;
    let built: Vec<Vertex> = vertices
        .iter()
        .zip(labels)
        .enumerate()
        .map(|(i, (v, l))| vertex(v, l, known.and_then(|g| g.vertices.get(i))))
        .collect::<Result<_, _>>()?;
    let edges = edges(vertices, details.plan.as_ref().ok_or("the answer has no plan")?)?;
    Ok(JobGraph { vertices: built, edges })
}

/// The name of each vertex, made unique: two of one name get the first digits of their ids (all of them if need be).
fn labels(vertices: &[VertexDetails]) -> Result<Vec<String>, String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let names: Vec<&str> = vertices.iter().map(|v| v.name.as_deref().unwrap_or(&v.id)).collect();
    names.iter().for_each(|n| *count.entry(*n).or_default() += 1);
    let label = |digits: usize| {
        let of = |(v, n): (&VertexDetails, &&str)| match count.get(*n) {
            Some(1) | None => (*n).to_owned(),
            _ => format!("{n} #{}", v.id.chars().take(digits).collect::<String>()),
        };
        vertices.iter().zip(&names).map(of).collect::<Vec<_>>()
    };
    let unique = |labels: &Vec<String>| labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
    [8, usize::MAX].into_iter().map(label).find(unique).ok_or_else(|| "two vertices have one id".into())
}

fn vertex(v: &VertexDetails, label: String, known: Option<&Vertex>) -> Result<Vertex, String> {
    if !is_safe_id(&v.id) {
        return Err(format!("{:?} is not the id of a vertex", scrub::line(&v.id, 60)));
    }
    let parallelism = v.parallelism.small().filter(|p| *p > 0);
    let parallelism = parallelism.ok_or_else(|| format!("vertex {:?} has no parallelism", scrub::line(&label, 60)))?;
    let same = |old: Option<&Arc<str>>, new: &str| match old {
        Some(old) if **old == *new => old.clone(),
        _ => new.into(),
    };
    Ok(Vertex {
        id: same(known.map(|k| &k.id), &v.id),
        name: same(known.map(|k| &k.name), &label),
        parallelism: Parallelism(parallelism),
        max_parallelism: v.max_parallelism.small().filter(|p| *p > 0).map(Parallelism),
        slot_group: same(known.map(|k| &k.slot_group), v.slot_group.as_deref().unwrap_or("default")),
        partitions: known.filter(|k| *k.id == *v.id).and_then(|k| k.partitions),
        running: v.tasks.as_ref().and_then(|t| t.running.small()),
    })
}

fn edges(vertices: &[VertexDetails], plan: &Plan) -> Result<Vec<Edge>, String> {
    let nodes = plan.nodes.as_deref().ok_or("the plan has no nodes")?;
    let place: BTreeMap<&str, usize> = vertices.iter().enumerate().map(|(i, v)| (v.id.as_str(), i)).collect();
    let mut edges = Vec::new();
    for node in nodes {
        let to = *place.get(node.id.as_str()).ok_or("the plan names a vertex that the job does not have")?;
        for input in &node.inputs {
            let from = *place.get(input.id.as_str()).ok_or("the plan names a vertex that the job does not have")?;
            edges.push(Edge { from, to, ship: Ship::parse(input.ship_strategy.as_deref().unwrap_or("unknown")) });
        }
    }
    Ok(edges)
}

/// Whether every subtask of a vertex runs, or has ended because there was no more input.
pub fn is_live(v: &VertexDetails) -> bool {
    let Some(tasks) = &v.tasks else { return false };
    let (Some(running), Some(all)) = (tasks.running.small(), v.parallelism.small()) else { return false };
    running + tasks.finished.small().unwrap_or(0) == all
}
