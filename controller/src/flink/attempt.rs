//! The parts of a job that belong to one attempt: its vertices, since when all run, and the TaskManagers it runs on.

use super::answers::{SubtasksAnswer, VertexDetails, VertexTaskManagersAnswer};
use super::names::VertexNames;
use super::reading::{Reader, Skip};
use super::series::{Owner, Samples};
use super::{graph, vertices};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::series::name;
use weirkeeper_core::units::Timestamp;

/// One attempt of a job: from a (re)start or rescale to the next.
#[derive(Debug, Default)]
pub struct Attempt {
    pub starts: Vec<Option<i64>>,
    pub parallelism: Vec<u32>,
    pub running_since: Option<Timestamp>,
    pub seen_partial: bool,
    pub hosts: Option<BTreeSet<Arc<str>>>,
    pub vertices: Vec<VertexMemory>,
}

/// What is remembered of a vertex during an attempt.
#[derive(Debug, Default)]
pub struct VertexMemory {
    pub names: Option<VertexNames>,
    pub names_settled: bool,
    pub names_outgrown: bool,
    /// Accumulated time, and when it last moved.
    pub clock: Option<(f64, i64)>,
    pub busy_total: Option<f64>,
    /// Share of busy time since the clock moved before.
    pub busy: f64,
    /// Its counters are those of this attempt.
    pub own: bool,
    pub emitted: bool,
    pub partitions: Option<u32>,
}

/// An attempt older than this ran before we looked: that its tasks came to run a little after they were deployed does
/// not matter any more.
const YOUNG_MS: i64 = 15 * 60_000;
/// Vertices whose subtasks are looked at for when they came to run.
const MAX_DETAILS: usize = 50;

type Seen<'a> = (&'a [VertexDetails], Option<i64>, u64);

/// Reads them all.
pub async fn read_attempt(
    reader: &mut Reader<'_>,
    samples: &mut Samples<'_>,
    graph: &JobGraph,
    attempt: &mut Attempt,
    (details, now, turn): Seen<'_>,
) -> Result<(), Skip> {
    if !reader.cluster.figures {
        return read_running_since(reader, graph, attempt, (details, now, turn)).await;
    }
    for (v, d) in details.iter().enumerate() {
        if let Some(memory) = attempt.vertices.get_mut(v) {
            vertices::counters(reader, samples, graph, memory, (v, d), now);
        }
    }
    read_running_since(reader, graph, attempt, (details, now, turn)).await?;
    for v in vertices::choose(graph, attempt, turn, reader.cluster.thrifty) {
        if let (Some(memory), Some(d)) = (attempt.vertices.get_mut(v), details.get(v)) {
            vertices::subtasks(reader, samples, graph, memory, (v, d), now).await?;
        }
    }
    read_hosts(reader, samples, graph, attempt).await
}

async fn read_running_since(
    reader: &mut Reader<'_>,
    graph: &JobGraph,
    attempt: &mut Attempt,
    (details, now, _): Seen<'_>,
) -> Result<(), Skip> {
    if !details.iter().all(graph::is_live) {
        attempt.running_since = None;
        attempt.seen_partial = true;
        return Ok(());
    }
    if attempt.running_since.is_some() {
        return Ok(());
    }
    let starts: Option<Vec<i64>> = attempt.starts.iter().copied().collect();
    let Some(deployed) = starts.and_then(|s| s.into_iter().max()) else { return Ok(()) };
    let young = now.is_none_or(|now| now - deployed < YOUNG_MS) || attempt.seen_partial;
    if !young {
        attempt.running_since = Some(Timestamp(deployed));
        return Ok(());
    }
    let mut latest = Some(Timestamp(deployed));
    for vertex in graph.vertices.iter().take(MAX_DETAILS) {
        let path = format!("/vertices/{}", vertex.id);
        let answer: Option<SubtasksAnswer> = reader.want(&format!("subtasks of {}", vertex.name), &path).await?;
        latest = latest.zip(answer.as_ref().and_then(vertices::ran_since)).map(|(a, b)| a.max(b));
    }
    attempt.running_since = latest;
    Ok(())
}

/// TaskManager metrics are the cluster's: each job gets those of the TaskManagers that run its subtasks. One vertex per
/// slot group is asked, the widest, because its subtasks occupy every slot of the group.
async fn read_hosts(
    reader: &mut Reader<'_>,
    samples: &mut Samples<'_>,
    graph: &JobGraph,
    attempt: &mut Attempt,
) -> Result<(), Skip> {
    if reader.cluster.hosts.is_empty() || attempt.running_since.is_none() {
        return Ok(());
    }
    if attempt.hosts.is_none() {
        attempt.hosts = ask_hosts(reader, graph).await?;
    }
    for host in attempt.hosts.iter().flatten() {
        if let Some(figures) = reader.cluster.hosts.get(host) {
            let owner = || Owner::TaskManager(host.clone());
            samples.push(name::HEAP_USED, owner(), None, figures.heap_used);
            samples.push(name::HEAP_MAX, owner(), None, figures.heap_max);
            samples.push(name::NETWORK_BUFFERS, owner(), None, figures.buffers);
            samples.push(name::GC_RATE, owner(), None, figures.gc_rate);
        }
    }
    Ok(())
}

async fn ask_hosts(reader: &mut Reader<'_>, graph: &JobGraph) -> Result<Option<BTreeSet<Arc<str>>>, Skip> {
    let mut widest = BTreeMap::new();
    for v in &graph.vertices {
        let best = widest.entry(&v.slot_group).or_insert(v);
        if v.parallelism > best.parallelism {
            *best = v;
        }
    }
    let mut hosts = BTreeSet::new();
    for v in widest.into_values() {
        let path = format!("/vertices/{}/taskmanagers", v.id);
        let what = format!("TaskManagers of {}", v.name);
        let answer: Option<VertexTaskManagersAnswer> = reader.want(&what, &path).await?;
        let Some(answer) = answer else { return Ok(None) };
        hosts.extend(answer.taskmanagers.into_iter().filter_map(|t| t.id).map(Arc::from));
    }
    Ok(Some(hosts))
}
