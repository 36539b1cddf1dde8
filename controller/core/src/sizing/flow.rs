//! How records flow from vertex to vertex: the share of what upstream sends that a vertex receives, learned per edge,
//! and demand carried along it.

use crate::job::{JobGraph, Ship};
use crate::memory::{InputFit, NewestFit, Sums};
use crate::sizing::edges::{self, Told};
use crate::sizing::evidence::{Slice, Slices};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Old slices fade by this factor per new one: about 100 slices count, half an hour at 15 s.
const FADE: f64 = 0.99;
/// Slices needed before a ratio counts as known.
const KNOWN_AFTER: u32 = 2;
/// Seconds (faded) of full buffers needed.
const FULL_NEEDS: f64 = 10.0;
/// Seconds (faded) of moving buffers needed: the largest took 40 s to fill on a real Flink.
const MOVING_NEEDS: f64 = 60.0;
/// Busier than this, it may be taking in less, or more, than it is sent.
const NO_ROOM: f64 = 0.97;
/// A spread (standard deviation / mean) above this is no ratio to rely on.
const UNSTABLE: f64 = 0.5;
/// Nobody makes more records of one: counters that hardly move give any ratio.
const MOST: f64 = 1e9;
/// A vertex this busy may be swallowing less than it is sent.
pub const SATURATED: f64 = 0.9;
/// An upstream this backpressured has full buffers: what is sent is what is received.
pub const FULL: f64 = 0.1;

/// What a vertex works on: what a source sends, what another receives.
pub fn work(graph: &JobGraph, v: usize, slice: &Slice) -> Option<f64> {
    if graph.is_source(v) {
        // What a source receives is no counter in Flink but an average over 60 s: it goes on for a minute after a source
        // fell silent, and counts only where nothing is sent on at all because the sink is chained to it.
        let sends = graph.outputs(v).next().is_some();
        slice.rate_out.filter(|r| sends || *r > 0.0).or(slice.rate_in).or(slice.rate_out)
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
        let seen = observed(graph, v, &inputs, newest);
        if seen.is_some() || fits.contains_key(&graph.vertices[v].id) {
            take(fits.entry(graph.vertices[v].id.clone()).or_default(), seen.as_ref());
        }
    }
}

/// In the slice before a vertex is saturated its buffers begin to fill, and in the first one after it they still empty:
/// neither shows what share of what is sent arrives (on a real Flink one such slice of 3 s made 0.87 of 1).
fn take(fit: &mut InputFit, seen: Option<&Seen>) {
    let before = std::mem::take(&mut fit.newest);
    let Some(seen) = seen else { return };
    match (&seen.buffers, before) {
        (Buffers::Idle, NewestFit::Saturated) if fit.free.slices >= KNOWN_AFTER => {}
        (Buffers::Idle, _) => {
            fit.newest = NewestFit::KeptUp(Box::new((fit.free.clone(), fit.edges.clone())));
            edges::teach(&mut fit.edges, &seen.parts, seen.received, FADE);
            learn(&mut fit.free, seen);
        }
        (buffers, before) => {
            match before {
                NewestFit::KeptUp(known) if known.0.slices >= KNOWN_AFTER => (fit.free, fit.edges) = *known,
                _ => {}
            }
            fit.newest = NewestFit::Saturated;
            learn(if matches!(buffers, Buffers::Full) { &mut fit.full } else { &mut fit.moving }, seen);
        }
    }
}

/// What a slice shows.
struct Seen {
    received: f64,
    sent: f64,
    /// What was sent, input by input.
    parts: Vec<f64>,
    secs: f64,
    buffers: Buffers,
}

/// What the buffers before a vertex do in a slice.
enum Buffers {
    /// It keeps up.
    Idle,
    /// It does not, and what sends to it is held back (or does not tell).
    Full,
    /// It does not, and what sends to it is free: they fill, or empty.
    Moving,
}

fn observed(graph: &JobGraph, v: usize, inputs: &[usize], newest: &[Option<Slice>]) -> Option<Seen> {
    let own = newest.get(v)?.as_ref()?;
    let held = |u: &usize| newest[*u].as_ref().and_then(|s| s.backpressured).is_none_or(|b| b > FULL);
    let saturated = own.busy? > NO_ROOM || own.hottest.is_some_and(|h| h > NO_ROOM);
    let buffers = match (saturated, inputs.iter().any(held)) {
        (false, _) => Buffers::Idle,
        (true, true) => Buffers::Full,
        (true, false) => Buffers::Moving,
    };
    let broadcast: f64 = broadcast_rate(graph, v, newest)? * f64::from(graph.vertices[v].parallelism.0);
    let received = (own.rate_in? - broadcast).max(0.0) * own.secs;
    let sent = inputs.iter().map(|u| {
        let slice = newest[*u].as_ref()?;
        Some(work(graph, *u, slice)? * slice.secs)
    });
    let parts = sent.collect::<Option<Vec<f64>>>()?;
    let sent: f64 = parts.iter().sum();
    let secs = own.secs;
    (sent > 0.0 && received <= MOST * sent).then_some(Seen { received, sent, parts, secs, buffers })
}

fn learn(sums: &mut Sums, seen: &Seen) {
    sums.received = sums.received * FADE + seen.received;
    sums.sent = sums.sent * FADE + seen.sent;
    sums.secs = sums.secs * FADE + seen.secs;
    let weight = (1.0 / f64::from(sums.slices + 1)).max(1.0 - FADE);
    let off = seen.received / seen.sent - sums.mean;
    sums.mean += weight * off;
    sums.variance = (1.0 - weight) * (sums.variance + weight * off * off);
    sums.slices = sums.slices.saturating_add(1);
}

/// Records/s that every subtask of `v` receives by broadcast edges; zero without any.
pub fn broadcast_rate(graph: &JobGraph, v: usize, newest: &[Option<Slice>]) -> Option<f64> {
    let from = graph.inputs(v).filter(|e| e.ship == Ship::Broadcast).map(|e| e.from);
    from.map(|u| newest[u].as_ref()?.rate_out).sum()
}

/// Records received per record that upstream works on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// Known and steady.
    Known(f64),
    /// Not seen long enough.
    Learning,
    /// Seen, and never the same.
    Unstable,
}

/// What was learned of it: from slices in which the vertex keeps up; until there are any, from ten seconds of full
/// buffers, over which their filling and emptying evens out, or from a minute in which they seemed to move: longer than
/// they can.
pub fn share(fit: Option<&InputFit>) -> Share {
    let Some(fit) = fit else { return Share::Learning };
    let known = [(&fit.free, 0.0), (&fit.full, FULL_NEEDS), (&fit.moving, MOVING_NEEDS)];
    let mut known = known.into_iter().filter(|(sums, needs)| sums.slices >= KNOWN_AFTER && sums.secs >= *needs);
    let Some((sums, _)) = known.next() else { return Share::Learning };
    let spread = libm::sqrt(sums.variance.max(0.0)) / sums.mean.max(f64::MIN_POSITIVE);
    if spread > UNSTABLE && sums.mean > 0.0 { Share::Unstable } else { Share::Known(sums.received / sums.sent) }
}

fn ratio(fit: Option<&InputFit>) -> Option<f64> {
    match share(fit) {
        Share::Known(ratio) => Some(ratio),
        _ => None,
    }
}

/// Whether nothing behind `u` is seen to be at its limit: it would hold `u` back as soon as the buffers between are full.
pub fn keeps_up(graph: &JobGraph, u: usize, slices: &[Slices]) -> bool {
    let saturated = |v: usize| {
        let newest = slices[v].slices.last();
        newest.and_then(|s| s.hottest.or(s.busy)).is_some_and(|b| b > SATURATED)
    };
    let (mut seen, mut next) = (BTreeSet::new(), vec![u]);
    while let Some(v) = next.pop() {
        if v != u && saturated(v) {
            return false;
        }
        next.extend(graph.outputs(v).map(|e| e.to).filter(|to| seen.insert(*to)));
    }
    true
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
                let arrival = carried(graph, v, &out, fits).or_else(|| own(graph, v, slices, &newest, &out, fits));
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
    let mut asked = Vec::new();
    for edge in graph.inputs(v).filter(|e| e.ship != Ship::Broadcast) {
        let up = known[edge.from]?;
        asked.push(up.split + up.each);
        total.exact &= up.exact;
    }
    total.split = received(fits.get(&graph.vertices[v].id)?, &asked)?;
    Some(total)
}

/// What arrives when upstream works on `asked`: input by input where that was seen, else by one ratio for all.
fn received(fit: &InputFit, asked: &[f64]) -> Option<f64> {
    match edges::received(&fit.edges, asked) {
        Ok(received) => Some(received),
        Err(Told::Nothing) => Some(ratio(Some(fit))? * asked.iter().sum::<f64>()),
        Err(_) => None,
    }
}

/// Where ratios are unstable, or tell nothing of this mix of inputs, or upstream shows nothing: its own rate, and what its upstream is kept from sending. Not
/// where the ratio is only not known yet: a vertex that empties its buffers receives more than arrives.
fn own(
    graph: &JobGraph,
    v: usize,
    slices: &[Slices],
    newest: &[Option<Slice>],
    known: &[Option<Arrival>],
    fits: &BTreeMap<Arc<str>, InputFit>,
) -> Option<Arrival> {
    let upstream_known = graph.inputs(v).all(|e| known[e.from].is_some());
    if upstream_known && share(fits.get(&graph.vertices[v].id)) == Share::Learning {
        return None;
    }
    let broadcast = broadcast_rate(graph, v, newest)? * f64::from(graph.vertices[v].parallelism.0);
    let rate = (slices[v].stretch(|s| s.rate_in).last()?.rate_in? - broadcast).max(0.0);
    let held = graph.inputs(v).filter_map(|e| newest[e.from].as_ref()?.backpressured).fold(0.0, f64::max);
    let exact = held < FULL && graph.inputs(v).all(|e| known[e.from].is_some_and(|a| a.exact));
    // Held back half of the time means twice the rate; beyond, the share says more of buffers than of what arrives.
    Some(Arrival { split: rate / (1.0 - held.min(0.5)), each: 0.0, exact })
}

/// Vertices so that every edge goes forward; Flink's own order where a cycle (an iteration) leaves no other.
pub fn topological(graph: &JobGraph) -> Vec<usize> {
    let n = graph.vertices.len();
    let mut missing: Vec<usize> = (0..n).map(|v| graph.inputs(v).count()).collect();
    let mut ready: BTreeSet<usize> = (0..n).filter(|v| missing[*v] == 0).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Edge, Vertex};
    use crate::units::{Parallelism, Timestamp};

    fn graph() -> JobGraph {
        let vertex = |name: &str| Vertex {
            id: name.into(),
            name: name.into(),
            parallelism: Parallelism(1),
            max_parallelism: None,
            slot_group: "default".into(),
            partitions: None,
            running: Some(1),
        };
        JobGraph {
            vertices: vec![vertex("src"), vertex("work")],
            edges: vec![Edge { from: 0, to: 1, ship: Ship::Hash }],
        }
    }

    fn slice(rate_in: f64, rate_out: f64, busy: f64, backpressured: f64) -> Option<Slice> {
        let (begin, end) = (Timestamp(0), Timestamp(5_000));
        let (rate_in, rate_out, busy) = (Some(rate_in), Some(rate_out), Some(busy));
        Some(Slice {
            begin,
            end,
            secs: 5.0,
            rate_in,
            rate_out,
            busy,
            backpressured: Some(backpressured),
            hottest: None,
        })
    }

    fn after(slices: &[(f64, f64, f64, f64)]) -> Share {
        let mut fits = BTreeMap::new();
        for (sent, received, busy, held) in slices {
            teach(&graph(), &[slice(0.0, *sent, 0.02, *held), slice(*received, 0.0, *busy, 0.0)], &mut fits);
        }
        share(fits.get("work"))
    }

    #[test]
    fn a_source_that_fell_silent_sends_nothing_whatever_its_average_says() {
        // 24 s after a broker was frozen: no counter moves, the 60 s average still says 360/s.
        let silent = slice(360.0, 0.0, 0.0, 0.0).unwrap();
        assert_eq!(work(&graph(), 0, &silent), Some(0.0));
        // Where all is chained to the source nothing is ever sent on, and the average is all there is.
        let chained = JobGraph { edges: Vec::new(), ..graph() };
        assert_eq!(work(&chained, 0, &silent), Some(360.0));
        assert_eq!(work(&chained, 0, &slice(360.0, 120.0, 0.0, 0.0).unwrap()), Some(120.0), "unless it is counted");
    }

    #[test]
    fn a_ratio_is_known_from_two_slices_in_which_the_vertex_keeps_up() {
        assert_eq!(after(&[(300.0, 150.0, 0.6, 0.0)]), Share::Learning);
        assert_eq!(after(&[(300.0, 150.0, 0.6, 0.0); 2]), Share::Known(0.5));
    }

    #[test]
    fn buffers_that_empty_teach_nothing() {
        // As seen on a real Flink: 300/s sent, 490/s received from the buffers of the start.
        assert_eq!(after(&[(300.0, 490.0, 1.0, 0.0); 4]), Share::Learning);
        // And with debloating a held source sent 240/s while 496/s were received; what was learned before stays.
        let mut slices = vec![(300.0, 300.0, 0.6, 0.0); 2];
        slices.extend([(240.0, 496.0, 1.0, 0.9); 4]);
        assert_eq!(after(&slices), Share::Known(1.0));
    }

    #[test]
    fn the_slice_in_which_buffers_begin_to_fill_teaches_nothing() {
        // 300/s, then 1200/s against 500/s, a second before the end of a slice; then the buffers are full.
        let mut slices = vec![(300.0, 300.0, 0.6, 0.0); 5];
        slices.push((900.0, 400.0, 0.8, 0.0));
        assert_ne!(after(&slices), Share::Known(1.0), "not known to be wrong yet");
        slices.push((520.0, 500.0, 1.0, 0.5));
        assert_eq!(after(&slices), Share::Known(1.0));
        // And the slice in which they empty: 450/s received of 300/s sent.
        slices.push((300.0, 450.0, 0.9, 0.0));
        assert_eq!(after(&slices), Share::Known(1.0));
        slices.push((300.0, 150.0, 0.5, 0.0));
        assert_ne!(after(&slices), Share::Known(1.0), "the next one counts again");
    }

    #[test]
    fn ten_seconds_of_full_buffers_or_a_minute_of_any_will_do() {
        assert_eq!(after(&[(500.0, 500.0, 1.0, 0.9); 2]), Share::Learning, "10 s, faded");
        assert_eq!(after(&[(500.0, 500.0, 1.0, 0.9); 3]), Share::Known(1.0));
        assert_eq!(after(&[(500.0, 500.0, 1.0, 0.0); 12]), Share::Learning, "60 s, faded");
        assert_eq!(after(&[(500.0, 500.0, 1.0, 0.0); 14]), Share::Known(1.0));
    }

    #[test]
    fn a_ratio_that_is_never_the_same_is_unstable() {
        let slices: Vec<_> = (0..20).map(|i| (300.0, if i % 4 == 0 { 900.0 } else { 1.0 }, 0.5, 0.0)).collect();
        assert_eq!(after(&slices), Share::Unstable);
    }

    #[test]
    fn while_a_ratio_is_being_learned_nothing_is_concluded_from_the_vertex_own_rate() {
        let known = BTreeMap::from([(0, Origin::Known(Arrival { split: 300.0, each: 0.0, exact: true }))]);
        let emptying = || Slices { slices: vec![slice(490.0, 0.0, 1.0, 0.0).unwrap(); 3], ..Slices::default() };
        let slices = [Slices::default(), emptying()];
        assert_eq!(arrivals(&graph(), &known, &slices, &BTreeMap::new())[1], None);
        // A source that shows nothing at all leaves only that rate.
        let absent = BTreeMap::from([(0, Origin::Absent)]);
        let arrival = arrivals(&graph(), &absent, &slices, &BTreeMap::new())[1].unwrap();
        assert_eq!((arrival.split, arrival.exact), (490.0, false));
    }
}
