//! Samples of vertices: counters out of `GET /jobs/:id`, and what only the subtasks' metrics tell.

use super::answers::{Metric, VertexDetails};
use super::attempt::{Attempt, VertexMemory};
use super::graph::is_live;
use super::names::{self, VertexNames, suffix};
use super::reading::{Reader, Skip};
use super::series::{Owner, Samples};
use std::collections::BTreeMap;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::Timestamp;

/// Vertices whose subtasks' metrics are read in one cycle; of more, some in each cycle.
const MAX_READS: usize = 20;
/// Where calls are saved, a vertex that is not busy is read in every fourth cycle.
const IDLE_EVERY: u64 = 4;
/// From this share of busy time on, one hot subtask may hide in a vertex's mean.
const WORTH_A_LOOK: f64 = 0.5;
/// After a rescale REST still serves what the former subtask of the same index last said. Measured: 1 to 3 s; longer
/// only for names that the new one never reports.
const SETTLE_MS: i64 = 10_000;
/// Clocks of two machines and the rounding of accumulated times.
const CLOCK_SLACK: f64 = 1.05;
const CLOCK_SLACK_MS: f64 = 2_000.0;

/// Counters that are read with aggregation, so that they and the gauges beside them are of one moment.
const COUNTERS: [&str; 5] =
    ["accumulateBusyTimeMs", "accumulateIdleTimeMs", "accumulateBackPressuredTimeMs", "numRecordsIn", "numRecordsOut"];
/// Averages, read where few jobs are: they lag by a minute and cost memory, so in a large fleet the counters must do.
const AVERAGES: [&str; 5] = [
    "busyTimeMsPerSecond",
    "backPressuredTimeMsPerSecond",
    "numRecordsInPerSecond",
    "numRecordsOutPerSecond",
    "Shuffle.Netty.Input.Buffers.inPoolUsage",
];

/// Counters of one vertex, if they are its own: see [`is_possible`].
pub fn counters(
    reader: &mut Reader<'_>,
    samples: &mut Samples<'_>,
    graph: &JobGraph,
    memory: &mut VertexMemory,
    (v, details): (usize, &VertexDetails),
    now: Option<i64>,
) {
    memory.own = false;
    if !is_live(details) {
        return;
    }
    let label = &graph.vertices[v].name;
    let Some(m) = &details.metrics else { return reader.note(format!("no counters of {label}")) };
    let parts = [m.accumulated_busy_time.0, m.accumulated_idle_time.0, m.accumulated_backpressured_time.0];
    let clock = parts.iter().copied().sum::<Option<f64>>();
    let subtasks = details.parallelism.0.unwrap_or(1.0);
    match clock {
        None => reader.note(format!("no busy time of {label}")),
        Some(clock) if !is_possible(clock, details.start_time.instant(), now, subtasks) => {
            return reader.note(format!("figures of {label} are those of its former attempt"));
        }
        Some(clock) => tick(reader, memory, label, (clock, m.accumulated_busy_time.0), now),
    }
    memory.own = true;
    memory.emitted = m.write_records.0.is_some_and(|n| n > 0.0);
    let sum = Some(Agg::Sum);
    for (name, value) in [name::BUSY_TOTAL, name::IDLE_TOTAL, name::BACKPRESSURED_TOTAL].into_iter().zip(parts) {
        samples.push(name, Owner::Vertex(v), sum, value);
    }
    if !graph.is_source(v) {
        samples.push(name::RECORDS_IN, Owner::Vertex(v), sum, m.read_records.0);
    }
    if graph.outputs(v).next().is_some() {
        samples.push(name::RECORDS_OUT, Owner::Vertex(v), sum, m.write_records.0);
    }
}

/// Busy, idle and backpressured time together cannot exceed what has passed since the vertex was started: else they
/// are what REST remembers of the attempt before.
fn is_possible(clock: f64, start: Option<i64>, now: Option<i64>, subtasks: f64) -> bool {
    let (Some(start), Some(now)) = (start, now) else { return true };
    clock <= ((now - start) as f64 * CLOCK_SLACK + CLOCK_SLACK_MS) * subtasks
}

/// The accumulated times are a clock of when Flink took the figures. One that stands still means frozen metrics.
fn tick(
    reader: &mut Reader<'_>,
    memory: &mut VertexMemory,
    label: &str,
    (clock, busy): (f64, Option<f64>),
    now: Option<i64>,
) {
    let Some(now) = now else { return };
    let explained = i64::try_from(reader.cluster.fetch_interval.0).unwrap_or(i64::MAX).saturating_add(5_000);
    match memory.clock {
        Some((last, moved)) if clock == last => {
            if now - moved > explained {
                reader.note(format!("figures of {label} have not moved for {} s", (now - moved) / 1_000));
            }
        }
        last => {
            let busy_before = memory.busy_total;
            if let (Some((last, _)), Some(before), Some(busy)) = (last, busy_before, busy)
                && clock > last
            {
                memory.busy = (busy - before) / (clock - last);
            }
            memory.clock = Some((clock, now));
            memory.busy_total = busy;
        }
    }
}

/// Which vertices' subtasks to ask this time: sources first, the others as the bound allows, in turn.
pub fn choose(graph: &JobGraph, attempt: &Attempt, turn: u64, thrifty: bool) -> Vec<usize> {
    let memory = |i: &usize| attempt.vertices.get(*i).filter(|m| m.own);
    let due = |i: &usize| {
        let idle_turn = (turn + *i as u64).is_multiple_of(IDLE_EVERY);
        memory(i).is_some_and(|m| graph.is_source(*i) || !thrifty || idle_turn || m.busy > WORTH_A_LOOK)
    };
    let (sources, others): (Vec<usize>, Vec<usize>) =
        (0..graph.vertices.len()).filter(due).partition(|i| graph.is_source(*i));
    let mut chosen = some(&sources, turn, MAX_READS / 2);
    chosen.extend(some(&others, turn, MAX_READS - chosen.len()));
    chosen
}

/// At most `room` of them, the next ones with each turn.
fn some(of: &[usize], turn: u64, room: usize) -> Vec<usize> {
    if of.len() <= room {
        return of.to_vec();
    }
    let from = (turn % of.len() as u64) as usize * room;
    (0..room).map(|k| of[(from + k) % of.len()]).collect()
}

/// Reads the subtasks' metrics of one vertex.
pub async fn subtasks(
    reader: &mut Reader<'_>,
    samples: &mut Samples<'_>,
    graph: &JobGraph,
    memory: &mut VertexMemory,
    (v, details): (usize, &VertexDetails),
    now: Option<i64>,
) -> Result<(), Skip> {
    let source = graph.is_source(v);
    let settled = is_settled(reader, details, now);
    if source || graph.outputs(v).next().is_none() {
        read_names(reader, graph, memory, v, settled).await?;
    }
    let answer = ask(reader, graph, memory, v).await?;
    let label = &graph.vertices[v].name;
    if answer.is_empty() {
        reader.note(format!("no metrics of the subtasks of {label}"));
        return Ok(());
    }
    counters_of_one_moment(samples, graph, v, details, &answer, now);
    task_samples(samples, v, details, &answer, now);
    if !settled {
        if source {
            reader.note(format!("operator metrics of {label}: not yet those of this attempt"));
        }
        return Ok(());
    }
    operator_samples(samples, graph, memory, v, &answer);
    Ok(())
}

/// Long enough after its start that REST has heard of the present attempt.
fn is_settled(reader: &Reader<'_>, details: &VertexDetails, now: Option<i64>) -> bool {
    let fetch = i64::try_from(reader.cluster.fetch_interval.0).unwrap_or(i64::MAX).saturating_add(2_000);
    match (now, details.start_time.instant()) {
        (Some(now), Some(start)) => now - start >= SETTLE_MS.max(fetch),
        _ => false,
    }
}

/// The names are read once when the attempt is young and once when it has settled: Kafka's appear late, and until then
/// some are those of the attempt before.
async fn read_names(
    reader: &mut Reader<'_>,
    graph: &JobGraph,
    memory: &mut VertexMemory,
    v: usize,
    settled: bool,
) -> Result<(), Skip> {
    let stale = settled && !memory.names_settled && graph.is_source(v);
    if memory.names.is_some() && !stale && !memory.names_outgrown {
        return Ok(());
    }
    let vertex = &graph.vertices[v];
    let path = format!("/vertices/{}/subtasks/metrics", vertex.id);
    let list: Option<Vec<Metric>> = reader.want(&format!("metric names of {}", vertex.name), &path).await?;
    let Some(list) = list.filter(|l| !l.is_empty()) else { return Ok(()) };
    let list: Vec<String> = list.into_iter().map(|m| m.id).collect();
    memory.names = Some(match graph.is_source(v) {
        true => with_output(names::pick(&list, &suffix::OF_SOURCE), &list, graph, v),
        false => names::pick(&list, &[suffix::SEND_TIME]),
    });
    memory.names_settled = settled;
    memory.names_outgrown = false;
    Ok(())
}

/// A source that sends nothing to another vertex (its sink is chained to it) counts only within its chain.
fn with_output(mut found: VertexNames, list: &[String], graph: &JobGraph, v: usize) -> VertexNames {
    if graph.outputs(v).next().is_none() {
        let scope = found.wanted.first().and_then(|(n, _)| n.split_once('.')).map(|(op, _)| op.to_owned());
        let name = scope.map(|op| format!("{op}.{}", suffix::OPERATOR_OUT)).filter(|n| list.contains(n));
        found.wanted.extend(name.map(|n| (n, suffix::OPERATOR_OUT)));
    }
    found
}

async fn ask(
    reader: &mut Reader<'_>,
    graph: &JobGraph,
    memory: &VertexMemory,
    v: usize,
) -> Result<BTreeMap<String, Metric>, Skip> {
    let vertex = &graph.vertices[v];
    let base = format!("/vertices/{}/subtasks/metrics?agg=min,max,sum,avg&get=", vertex.id);
    let averages: &[&str] = if reader.cluster.thrifty { &[] } else { &AVERAGES };
    let operators = memory.names.iter().flat_map(|n| &n.wanted).map(|(n, _)| n.as_str());
    let one_by_one = memory.names.iter().filter(|_| !reader.cluster.thrifty);
    let offsets = one_by_one.clone().flat_map(|n| &n.offsets).map(|(n, ..)| n.as_str());
    let splits = one_by_one.flat_map(|n| &n.splits).map(String::as_str);
    let all = COUNTERS.iter().chain(averages).copied().chain(operators).chain(offsets).chain(splits);
    let mut out = BTreeMap::new();
    for list in names::chunks(all, reader.room(&base)) {
        let what = format!("metrics of {}", vertex.name);
        let answer: Option<Vec<Metric>> = reader.want(&what, &format!("{base}{list}")).await?;
        out.extend(answer.into_iter().flatten().map(|m| (m.id.clone(), m)));
    }
    Ok(out)
}

/// The same counters as in `GET /jobs/:id`, but taken at the moment of the gauges in this answer: the lag of a source
/// and the records it has sent belong together. Only where every subtask has reported.
fn counters_of_one_moment(
    samples: &mut Samples<'_>,
    graph: &JobGraph,
    v: usize,
    details: &VertexDetails,
    answer: &BTreeMap<String, Metric>,
    now: Option<i64>,
) {
    let get = |name: &str| answer.get(name);
    let sum = |name: &str| get(name).and_then(|m| m.sum.0);
    let subtasks = details.parallelism.0.unwrap_or(1.0);
    let reported = get(COUNTERS[1]).and_then(|m| Some(m.sum.0? / m.avg.0.filter(|a| *a > 0.0)?));
    let clock = COUNTERS[..3].iter().map(|c| sum(c)).sum::<Option<f64>>();
    let own = clock.is_some_and(|clock| is_possible(clock, details.start_time.instant(), now, subtasks));
    if !own || reported.is_none_or(|r| (r - subtasks).abs() > 0.01) {
        return;
    }
    let series = [name::BUSY_TOTAL, name::IDLE_TOTAL, name::BACKPRESSURED_TOTAL, name::RECORDS_IN, name::RECORDS_OUT];
    for (counter, series) in COUNTERS.iter().zip(series) {
        let told = (series != name::RECORDS_IN || !graph.is_source(v))
            && (series != name::RECORDS_OUT || graph.outputs(v).next().is_some());
        if told {
            samples.replace(series, Owner::Vertex(v), Some(Agg::Sum), sum(counter));
        }
    }
}

fn task_samples(
    samples: &mut Samples<'_>,
    v: usize,
    details: &VertexDetails,
    answer: &BTreeMap<String, Metric>,
    now: Option<i64>,
) {
    let mut put = |name, agg, value| samples.push(name, Owner::Vertex(v), Some(agg), value);
    if let Some(m) = answer.get(COUNTERS[0]) {
        let own = |t: &f64| is_possible(*t, details.start_time.instant(), now, 1.0);
        put(name::BUSY_TOTAL, Agg::Max, m.max.0.filter(own));
        put(name::BUSY_TOTAL, Agg::Min, m.min.0.filter(own));
        // The mean of the same answer: the sums may come from another, taken at another moment.
        put(name::BUSY_TOTAL, Agg::Avg, m.avg.0.filter(own));
    }
    if let Some(m) = answer.get(AVERAGES[0]) {
        put(name::BUSY_RATE, Agg::Avg, m.avg.0);
        put(name::BUSY_RATE, Agg::Max, m.max.0);
    }
    let rest = [
        (AVERAGES[1], name::BACKPRESSURED_RATE, Agg::Avg),
        (AVERAGES[2], name::RECORDS_IN_RATE, Agg::Sum),
        (AVERAGES[3], name::RECORDS_OUT_RATE, Agg::Sum),
        (AVERAGES[4], name::IN_POOL_USAGE, Agg::Avg),
    ];
    for (flink, name, agg) in rest {
        put(name, agg, answer.get(flink).and_then(|m| if agg == Agg::Sum { m.sum.0 } else { m.avg.0 }));
    }
}

/// How each operator metric becomes a series. Several operators of one vertex are added up or the worst is taken.
const OPERATOR: [(&str, &str, Agg); 9] = [
    (suffix::PENDING, name::PENDING, Agg::Sum),
    (suffix::EMIT_LAG, name::EMIT_LAG, Agg::Max),
    (suffix::EMIT_LAG, name::EMIT_LAG, Agg::Avg),
    (suffix::WATERMARK_LAG, name::WATERMARK_LAG, Agg::Max),
    (suffix::SOURCE_IDLE, name::SOURCE_IDLE, Agg::Min),
    (suffix::ASSIGNED, name::ASSIGNED_PARTITIONS, Agg::Sum),
    (suffix::CONNECTIONS, name::CONNECTION_COUNT, Agg::Sum),
    (suffix::COMMITS_FAILED, name::COMMITS_FAILED, Agg::Sum),
    (suffix::SEND_TIME, name::SEND_TIME, Agg::Avg),
];

fn operator_samples(
    samples: &mut Samples<'_>,
    graph: &JobGraph,
    memory: &mut VertexMemory,
    v: usize,
    answer: &BTreeMap<String, Metric>,
) {
    let Some(found) = memory.names.clone() else { return };
    let values = |suffix: &str, agg: Agg| -> Option<f64> {
        let metrics = found.wanted.iter().filter(|(_, s)| *s == suffix).filter_map(|(n, _)| answer.get(n));
        metrics.filter_map(|m| pick(m, agg)).filter(|x| *x >= 0.0).reduce(|a, b| combine(agg, a, b))
    };
    let chained_out = values(suffix::OPERATOR_OUT, Agg::Sum);
    if graph.outputs(v).next().is_none() && graph.is_source(v) {
        samples.push(name::RECORDS_OUT, Owner::Vertex(v), Some(Agg::Sum), chained_out);
    }
    let emitted = memory.emitted || chained_out.is_some_and(|n| n > 0.0);
    for (suffix, name, agg) in OPERATOR {
        // These two a new attempt reports only once records flow; until then REST serves the old one's for ever.
        let waits = graph.is_source(v) && matches!(suffix, suffix::PENDING | suffix::EMIT_LAG);
        if !waits || emitted {
            samples.push(name, Owner::Vertex(v), Some(agg), values(suffix, agg));
        }
    }
    if let Some(drift) = drift(&found, answer) {
        samples.push_signed(name::ALIGNMENT_DRIFT, Owner::Vertex(v), Some(Agg::Max), drift);
    }
    let paused = found.splits.iter().filter_map(|n| answer.get(n)?.max.0).reduce(f64::max);
    samples.push(name::SPLIT_PAUSED, Owner::Vertex(v), Some(Agg::Max), paused);
    for (name, topic, number) in &found.offsets {
        // The largest: a subtask that had the partition before goes on showing where it stopped.
        let offset = answer.get(name).and_then(|m| m.max.0);
        samples.push(name::PARTITION_OFFSET, Owner::Partition(v, topic.clone(), *number), Some(Agg::Max), offset);
    }
    partitions(memory, &found, values(suffix::ASSIGNED, Agg::Sum));
}

fn drift(found: &VertexNames, answer: &BTreeMap<String, Metric>) -> Option<f64> {
    let names = found.wanted.iter().filter(|(_, s)| *s == suffix::ALIGNMENT_DRIFT);
    names.filter_map(|(n, _)| answer.get(n)?.max.0).reduce(f64::max)
}

fn pick(m: &Metric, agg: Agg) -> Option<f64> {
    match agg {
        Agg::Min => m.min.0,
        Agg::Max => m.max.0,
        Agg::Avg | Agg::Skew => m.avg.0,
        Agg::Sum => m.sum.0,
    }
}

fn combine(agg: Agg, a: f64, b: f64) -> f64 {
    match agg {
        Agg::Sum => a + b,
        Agg::Min => a.min(b),
        Agg::Max | Agg::Avg | Agg::Skew => a.max(b),
    }
}

/// Partitions of a Kafka source: the union of those that the names speak of, else the sum of those assigned, which was
/// seen too low just after a rescale and is never believed to have shrunk. A sum above the union means that new ones
/// were discovered: the names are read again.
fn partitions(memory: &mut VertexMemory, found: &VertexNames, assigned: Option<f64>) {
    let assigned = assigned.filter(|n| *n >= 1.0 && *n < 1e6).map(|n| n as u32);
    memory.names_outgrown = assigned > found.partitions && found.partitions.is_some() && memory.names_settled;
    let told = found.partitions.max(assigned);
    if memory.names_settled {
        memory.partitions = told.max(memory.partitions);
    }
}

/// The latest time at which a subtask of a vertex came to run, from the detail of its subtasks.
pub fn ran_since(answer: &super::answers::SubtasksAnswer) -> Option<Timestamp> {
    let now = answer.now.instant()?;
    let since = |s: &super::answers::SubtaskEntry| match s.durations.as_ref().and_then(|d| d.get("RUNNING")?.count()) {
        Some(ran) => Some(now - i64::try_from(ran).ok()?),
        None => s.start_time.instant(),
    };
    let all: Option<Vec<i64>> = answer.subtasks.iter().map(since).collect();
    all?.into_iter().max().map(Timestamp)
}
