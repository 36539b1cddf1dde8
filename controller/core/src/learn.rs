//! What an observation teaches: ratios, capacities, demand over time, what a restart costs.

use crate::job::JobGraph;
use crate::memory::{JobMemory, MAX_HOURS, MAX_POINTS, Rise};
use crate::policy::Policy;
use crate::sizing::advice::Lesson;
use crate::sizing::burst::Work;
use crate::sizing::capacity::{self, Measured};
use crate::sizing::demand::{CURRENT, SourceView};
use crate::sizing::evidence::Slice;
use crate::sizing::{flow, worth};
use crate::units::{Millis, Timestamp};
use crate::view::{JobView, Settle};
use std::collections::BTreeSet;

/// Capacity counts as steady after this long at the latest.
const SETTLED_AFTER: Millis = Millis::minutes(10);
/// Two windows that differ by less are steady.
const STEADY: f64 = 0.10;
const HOUR: i64 = 3_600_000;

/// Takes the newest slice of each vertex in. `fresh`: all tasks have run for long enough.
pub(crate) fn slices(view: &mut JobView, memory: &mut JobMemory, graph: &JobGraph, policy: &Policy) {
    let newest = newest_slices(view);
    flow::teach(graph, &newest, &mut memory.fits);
    for (v, slice) in newest.iter().enumerate() {
        let Some(slice) = slice else { continue };
        let id = &graph.vertices[v].id;
        let (Some(rate), Some(busy)) = (flow::work(graph, v, slice), slice.busy) else { continue };
        let records = rate * slice.secs;
        view.logs.entry(id.clone()).or_default().push(Work { end: slice.end, secs: slice.secs, busy, records });
        let busy = slice.hottest.map_or(busy, |h| h.max(busy)) * slice.secs;
        settle(view.settle.entry(id.clone()).or_default(), slice.secs, records, busy, policy.scaling.window);
    }
    let flows = |v: usize| newest[v].as_ref().is_some_and(|s| s.rate_out.is_some_and(|r| r > 0.0));
    let flowing = (0..graph.vertices.len()).any(|v| graph.is_source(v) && flows(v));
    let at = view.seen_at.unwrap_or_default();
    view.flowing_since = if flowing { view.flowing_since.or(Some(at)) } else { None };
}

/// Per vertex the slice that ends at the newest reading, if there is one.
fn newest_slices(view: &JobView) -> Vec<Option<Slice>> {
    let newest = view.seen_at.unwrap_or_default();
    view.tracks.iter().map(|t| t.slices().slices.last().copied().filter(|s| s.end == newest)).collect()
}

fn settle(settle: &mut Settle, secs: f64, records: f64, busy: f64, window: Millis) {
    settle.secs += secs;
    settle.records += records;
    settle.busy += busy;
    if settle.secs >= window.as_secs() {
        let full = (settle.busy > 0.0).then(|| settle.records / settle.busy);
        *settle = Settle { full: [full, settle.full[0]], ..Settle::default() };
    }
}

/// How much the last window differs from the one before.
fn change(settle: Option<&Settle>) -> Option<f64> {
    let [now, before] = settle?.full;
    Some(now? / before? - 1.0)
}

/// Whether a vertex's capacity is steady enough to be taught.
pub(crate) fn is_settled(view: &JobView, id: &str, at: Timestamp) -> bool {
    let long = view.attempt_since.is_some_and(|since| at.since(since) >= SETTLED_AFTER);
    long || change(view.settle.get(id)).is_some_and(|c| c.abs() < STEADY)
}

/// Vertices (by position) whose capacity still rises after a (re)start.
pub(crate) fn rising(view: &JobView, graph: &JobGraph, at: Timestamp) -> BTreeSet<usize> {
    let young = view.attempt_since.is_some_and(|since| at.since(since) < SETTLED_AFTER);
    let rises = |v: &usize| change(view.settle.get(&graph.vertices[*v].id)).is_some_and(|c| c >= STEADY);
    (0..graph.vertices.len()).filter(|v| young && rises(v)).collect()
}

/// Takes in what sizing has worked out. True when something that must survive has changed enough to be written.
pub(crate) fn lesson(
    view: &mut JobView,
    memory: &mut JobMemory,
    graph: &JobGraph,
    policy: &Policy,
    lesson: &Lesson,
    at: Timestamp,
) -> bool {
    let before = fingerprint(memory);
    let catching_up = lesson
        .sources
        .values()
        .any(|s| s.draining || s.lag.is_some_and(|l| l > CURRENT && s.slope.is_some_and(|x| x < 0.0)));
    for (v, measured) in lesson.measured.iter().enumerate() {
        let Some(measured) = measured.filter(|m| m.capacity.is_finite() && m.rate.is_finite()) else { continue };
        if catching_up {
            continue;
        }
        // The rate itself is a fact, however young the attempt; what it says of capacity is taught once it is steady.
        let vertex = &graph.vertices[v];
        let learned = memory.learned.entry(vertex.id.clone()).or_default();
        learned.highest_rate = learned.highest_rate.max(measured.rate / f64::from(vertex.parallelism.0.max(1)));
        capacity::see(learned, vertex.parallelism.0, &measured, MAX_POINTS);
        if is_settled(view, &vertex.id, at) {
            capacity_of(memory, graph, v, &measured, at);
        }
    }
    for (v, source) in &lesson.sources {
        demand_of(view, memory, &graph.vertices[*v].id, policy, source, at);
    }
    before != fingerprint(memory)
}

fn capacity_of(memory: &mut JobMemory, graph: &JobGraph, v: usize, measured: &Measured, at: Timestamp) {
    let vertex = &graph.vertices[v];
    let p = vertex.parallelism.0;
    let learned = memory.learned.entry(vertex.id.clone()).or_default();
    capacity::teach(learned, p, measured, at, MAX_POINTS);
    let saturated = measured.busy > flow::SATURATED;
    if let Some(Rise { after, .. }) = learned.last_rise.as_mut().filter(|r| r.to == p && r.after.is_none() && saturated)
    {
        *after = Some(measured.rate / f64::from(p));
    }
}

fn demand_of(
    view: &mut JobView,
    memory: &mut JobMemory,
    id: &std::sync::Arc<str>,
    policy: &Policy,
    source: &SourceView,
    at: Timestamp,
) {
    let Some((demand, exact)) = source.demand.filter(|d| d.0.is_finite()) else { return };
    view.peaks.entry(id.clone()).or_default().push(at, demand, policy.scaling.scale_down.after);
    view.watched_since.get_or_insert(at);
    let caught_up = exact && !source.draining && source.lag.is_none_or(|l| l <= CURRENT);
    if caught_up {
        memory.was_current.entry(id.clone()).or_insert(at);
    }
    let hours = memory.hours.entry(id.clone()).or_default();
    let hour = at.0.div_euclid(HOUR);
    match hours.back_mut() {
        Some(last) if last.0 == hour => last.1 = last.1.max(demand),
        _ => hours.push_back((hour, demand)),
    }
    while hours.len() > MAX_HOURS {
        hours.pop_front();
    }
}

/// Changes of this are worth a write: new measured sizes, new hours, sources that caught up. Figures that only got
/// more precise wait for the next of these.
fn fingerprint(memory: &JobMemory) -> Vec<usize> {
    let points = memory.learned.values().map(|l| l.points.len());
    let hours = memory.hours.values().map(|h| h.len() + h.back().map_or(0, |b| b.0 as usize));
    points.chain(hours).chain([memory.was_current.len()]).collect()
}

/// What checkpoints teach. Under backpressure their duration is mostly the travel of barriers through full buffers: taken
/// for uploading, 200 MB looked like thirteen minutes on a simulated cluster, and the next rescale had to wait for them.
pub(crate) fn checkpoints(
    view: &JobView,
    memory: &mut JobMemory,
    checkpoints: Option<&crate::observation::Checkpoints>,
) {
    let newest = view.tracks.iter().filter_map(|t| t.slices().slices.last()?.backpressured);
    if newest.fold(0.0, f64::max) > flow::FULL {
        return;
    }
    if let Some(rate) = checkpoints.and_then(worth::upload_rate) {
        memory.upload_rate = Some(memory.upload_rate.map_or(rate, |r| r.max(rate)));
    }
}
