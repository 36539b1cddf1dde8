//! How records flow from vertex to vertex: the share of what upstream sends that a vertex receives, learned per edge,
//! and demand carried along it.

use crate::job::{JobGraph, Ship};
use crate::memory::InputFit;
use crate::sizing::evidence::{Slice, Slices};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Old slices fade by this factor per new one: about 100 slices count, half an hour at 15 s.
const FADE: f64 = 0.99;
/// Slices needed before a ratio counts as known.
const KNOWN_AFTER: u32 = 2;
/// A spread (standard deviation / mean) above this is no ratio to rely on.
const UNSTABLE: f64 = 0.5;
/// A vertex this busy may be swallowing less than it is sent.
pub const SATURATED: f64 = 0.9;
/// An upstream this backpressured has full buffers: what is sent is what is received.
const FULL: f64 = 0.1;

/// What a vertex works on: what a source sends, what another receives.
pub fn work(graph: &JobGraph, v: usize, slice: &Slice) -> Option<f64> {
    if graph.is_source(v) {
        slice.rate_out.filter(|r| *r > 0.0).or(slice.rate_in).or(slice.rate_out)
    } else {
        slice.rate_in
    }
}

/// Takes the newest slice of every vertex in, where it shows a ratio: not while buffers fill or empty, because then
/// what upstream sent is not what arrived.
pub fn teach(graph: &JobGraph, newest: &[Option<Slice>], fits: &mut BTreeMap<Arc<str>, InputFit>) {
    for v in 0..graph.vertices.len() {
        let inputs: Vec<usize> = graph.inputs(v).filter(|e| e.ship != Ship::Broadcast).map(|e| e.from).collect();
        if inputs.is_empty() {
            continue;
        }
        if let Some((received, sent)) = observed(graph, v, &inputs, newest) {
            learn(fits.entry(graph.vertices[v].id.clone()).or_default(), received, &sent);
        }
    }
}

type Sent = Vec<(Arc<str>, f64)>;

fn observed(graph: &JobGraph, v: usize, inputs: &[usize], newest: &[Option<Slice>]) -> Option<(f64, Sent)> {
    let own = newest.get(v)?.as_ref()?;
    let full = |u: &usize| newest[*u].as_ref().and_then(|s| s.backpressured).is_some_and(|b| b > FULL);
    let saturated = own.busy? > SATURATED || own.hottest.is_some_and(|h| h > SATURATED);
    if saturated && !inputs.iter().any(full) {
        return None;
    }
    let broadcast: f64 = broadcast_rate(graph, v, newest)? * f64::from(graph.vertices[v].parallelism.0);
    let received = (own.rate_in? - broadcast).max(0.0) * own.secs;
    let sent = inputs.iter().map(|u| {
        let slice = newest[*u].as_ref()?;
        Some((graph.vertices[*u].id.clone(), work(graph, *u, slice)? * slice.secs))
    });
    let sent: Sent = sent.collect::<Option<_>>()?;
    let total: f64 = sent.iter().map(|s| s.1).sum();
    (total > 0.0).then_some((received, sent))
}

fn learn(fit: &mut InputFit, received: f64, sent: &[(Arc<str>, f64)]) {
    let ratio = received / sent.iter().map(|s| s.1).sum::<f64>();
    fit.received = fit.received * FADE + received;
    for (id, records) in sent {
        let sum = fit.sent.entry(id.clone()).or_insert(0.0);
        *sum = *sum * FADE + records;
    }
    let weight = (1.0 / f64::from(fit.slices + 1)).max(1.0 - FADE);
    let off = ratio - fit.mean;
    fit.mean += weight * off;
    fit.variance = (1.0 - weight) * (fit.variance + weight * off * off);
    fit.slices = fit.slices.saturating_add(1);
}

/// Records/s that every subtask of `v` receives by broadcast edges; zero without any.
pub fn broadcast_rate(graph: &JobGraph, v: usize, newest: &[Option<Slice>]) -> Option<f64> {
    let from = graph.inputs(v).filter(|e| e.ship == Ship::Broadcast).map(|e| e.from);
    from.map(|u| newest[u].as_ref()?.rate_out).sum()
}

/// Records received per record that upstream works on, where it is known and steady.
pub fn ratio(fit: Option<&InputFit>) -> Option<f64> {
    let fit = fit.filter(|f| f.slices >= KNOWN_AFTER)?;
    let sent: f64 = fit.sent.values().sum();
    let spread = fit.variance.max(0.0).sqrt() / fit.mean.max(f64::MIN_POSITIVE);
    (sent > 0.0 && (spread <= UNSTABLE || fit.mean == 0.0)).then(|| fit.received / sent)
}

/// Whether what is in flight between `u` and its downstream grows by more than a tenth of what flows.
pub fn in_flight_grows(graph: &JobGraph, u: usize, slices: &[Slices], fits: &BTreeMap<Arc<str>, InputFit>) -> bool {
    graph.outputs(u).filter(|e| e.ship != Ship::Broadcast).any(|edge| {
        let newest = |v: usize| slices[v].slices.last();
        let (Some(up), Some(down)) = (newest(u), newest(edge.to)) else { return false };
        let single = graph.inputs(edge.to).count() == 1;
        let Some(ratio) = ratio(fits.get(&graph.vertices[edge.to].id)).filter(|_| single) else { return false };
        let (Some(sent), Some(received)) = (work(graph, u, up), down.rate_in) else { return false };
        sent * ratio - received > 0.1 * sent * ratio
    })
}

/// What arrives at a vertex that is not a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Records/s that split over the subtasks.
    pub split: f64,
    /// Records/s that every subtask receives, whatever their number.
    pub each: f64,
    /// False when only a lower bound is known.
    pub exact: bool,
}

/// Records/s that every subtask of `v` would receive by broadcast edges if its upstream had what is asked of it.
fn broadcast_demand(graph: &JobGraph, v: usize, newest: &[Option<Slice>], known: &[Option<Arrival>]) -> Option<f64> {
    let from = graph.inputs(v).filter(|e| e.ship == Ship::Broadcast).map(|e| e.from);
    from.map(|u| {
        let (slice, arrival) = (newest[u].as_ref()?, known[u]?);
        let asked = arrival.split + arrival.each * f64::from(graph.vertices[u].parallelism.0);
        let works = work(graph, u, slice).filter(|w| *w > 0.0)?;
        Some(slice.rate_out? * asked / works)
    })
    .sum()
}

/// What is known of a source's demand, for carrying it on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Origin {
    /// It is known, or a lower bound of it.
    Known(Arrival),
    /// Nothing may be concluded from what its descendants do: they work off a backlog, or the level has just changed.
    Silent,
    /// It shows no figures at all: what its descendants receive is at least what they are asked for.
    Absent,
}

/// Carries the sources' demand through the graph: `None` where it is not known.
pub fn arrivals(
    graph: &JobGraph,
    sources: &BTreeMap<usize, Origin>,
    slices: &[Slices],
    fits: &BTreeMap<Arc<str>, InputFit>,
) -> Vec<Option<Arrival>> {
    let newest: Vec<Option<Slice>> = slices.iter().map(|s| s.slices.last().copied()).collect();
    let mut out: Vec<Option<Arrival>> = vec![None; graph.vertices.len()];
    let mut silent = vec![false; graph.vertices.len()];
    for v in topological(graph) {
        silent[v] = sources.get(&v) == Some(&Origin::Silent) || graph.inputs(v).any(|e| silent[e.from]);
        if silent[v] {
            continue;
        }
        out[v] = match sources.get(&v) {
            Some(Origin::Known(arrival)) => Some(*arrival),
            Some(_) => None,
            None => {
                let each = broadcast_demand(graph, v, &newest, &out);
                let arrival = carried(graph, v, &out, fits).or_else(|| own(graph, v, slices, &newest, &out));
                arrival.zip(each).map(|(arrival, each)| Arrival { each, ..arrival })
            }
        };
    }
    out
}

fn carried(
    graph: &JobGraph,
    v: usize,
    known: &[Option<Arrival>],
    fits: &BTreeMap<Arc<str>, InputFit>,
) -> Option<Arrival> {
    let mut total = Arrival { split: 0.0, each: 0.0, exact: true };
    if graph.inputs(v).all(|e| e.ship == Ship::Broadcast) {
        total.exact = graph.inputs(v).all(|e| known[e.from].is_some_and(|a| a.exact));
        return Some(total);
    }
    let ratio = ratio(fits.get(&graph.vertices[v].id))?;
    for edge in graph.inputs(v).filter(|e| e.ship != Ship::Broadcast) {
        let up = known[edge.from]?;
        total.split += ratio * (up.split + up.each);
        total.exact &= up.exact;
    }
    Some(total)
}

/// Where ratios are unstable or unknown: its own rate, and what its upstream is kept from sending.
fn own(
    graph: &JobGraph,
    v: usize,
    slices: &[Slices],
    newest: &[Option<Slice>],
    known: &[Option<Arrival>],
) -> Option<Arrival> {
    let broadcast = broadcast_rate(graph, v, newest)? * f64::from(graph.vertices[v].parallelism.0);
    let rate = (slices[v].stretch(|s| s.rate_in).last()?.rate_in? - broadcast).max(0.0);
    let held = graph.inputs(v).filter_map(|e| newest[e.from].as_ref()?.backpressured).fold(0.0, f64::max);
    let exact = held < FULL && graph.inputs(v).all(|e| known[e.from].is_some_and(|a| a.exact));
    // Backpressured 80 % of the time means five times the rate at most: beyond, the share says little.
    Some(Arrival { split: rate / (1.0 - held.min(0.8)), each: 0.0, exact })
}

/// Vertices so that every edge goes forward; Flink's own order where a cycle (an iteration) leaves no other.
pub fn topological(graph: &JobGraph) -> Vec<usize> {
    let n = graph.vertices.len();
    let mut missing: Vec<usize> = (0..n).map(|v| graph.inputs(v).count()).collect();
    let mut ready: std::collections::BTreeSet<usize> = (0..n).filter(|v| missing[*v] == 0).collect();
    let mut order = Vec::with_capacity(n);
    while let Some(v) = ready.pop_first() {
        order.push(v);
        for edge in graph.outputs(v) {
            missing[edge.to] -= 1;
            if missing[edge.to] == 0 {
                ready.insert(edge.to);
            }
        }
    }
    order.extend((0..n).filter(|v| missing[*v] > 0));
    order
}
