//! What a vertex can do, how evenly, and how much that varies: from its records and its busy time; without busy time,
//! from the CPU that its TaskManagers use.

use super::stat::{Estimate, least_squares, mean, median, moments};
use super::track::Track;
use std::collections::BTreeMap;
use weirkeeper_core::job::Ship;

/// Nothing of an attempt counts before this: caches warm up for a minute (see `world::costs`), and the averages that
/// Flink and Kafka's consumer show still hold the catch-up for another one or two.
const SETTLED: i64 = 180_000;
/// A stretch is at least this long: several renewals of Flink's metrics (10 s), so that their beat does not matter.
const STRETCH: i64 = 60_000;
/// Less busy than this says little: a millisecond of busy time is rounded.
const LEAST_BUSY: f64 = 0.05;
/// Stretches of gauges are far from independent; so many count as one.
const ALIKE: usize = 10;

/// From what a capacity was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Records per busy second.
    Busy,
    /// Records per CPU second, over the whole job: what its source read for each share of a CPU.
    Cpu,
}

/// What was learned of a vertex. Absent is not identified.
#[derive(Clone, Debug, Default)]
pub struct Vertex {
    /// From what.
    pub from: Option<From>,
    /// Records/s of one subtask alone.
    pub lambda: Option<Estimate>,
    /// Contention.
    pub sigma: Option<Estimate>,
    /// Coherency.
    pub kappa: Option<Estimate>,
    /// What was seen by parallelism, records/s.
    pub points: BTreeMap<u32, Estimate>,
    /// How uneven the keys are.
    pub skew: Option<Estimate>,
    /// Noise of the capacity, a share.
    pub noise: Option<Estimate>,
    /// Records out per record in.
    pub selectivity: Option<Estimate>,
}

/// A stretch in which nothing changed.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    parallelism: u32,
    secs: f64,
    /// Records/s.
    rate: f64,
    /// Busy share of a subtask.
    busy: f64,
    /// Load of the busiest over the mean.
    uneven: Option<f64>,
    selectivity: Option<f64>,
}

impl Stretch {
    fn capacity(&self) -> f64 {
        self.rate / self.busy
    }
}

/// All vertices.
pub fn vertices(track: &Track) -> Vec<Vertex> {
    let sources = track.sources();
    (0..track.vertices).map(|v| vertex(track, v, sources.contains(&v))).collect()
}

fn vertex(track: &Track, v: usize, source: bool) -> Vertex {
    let counted = counted(track, v);
    if counted.len() > 2 {
        return from_busy(track, v, &counted, source);
    }
    let gauged = gauged(track, v, source);
    let mut vertex = Vertex::default();
    if gauged.len() > 2 {
        vertex.from = Some(if track.figures.iter().any(|f| f.busy_rate.is_some()) { From::Busy } else { From::Cpu });
        curve(&mut vertex, &busier_half(&gauged), ALIKE);
    }
    vertex
}

fn from_busy(track: &Track, v: usize, stretches: &[Stretch], source: bool) -> Vertex {
    let mut vertex = Vertex { from: Some(From::Busy), ..Vertex::default() };
    curve(&mut vertex, stretches, 1);
    vertex.noise = noise(&vertex.points, stretches);
    // Records per busy second weigh slow seconds more: a harmonic mean, which is below the mean by the variance.
    let below = vertex.noise.map_or(0.0, |n| n.value * n.value);
    vertex.lambda = vertex.lambda.map(|l| l.times(1.0 + below));
    let even = |s: &Stretch| Some(s.uneven? / staircase(track, v, s.parallelism) - 1.0);
    let skews: Vec<f64> = stretches.iter().filter(|s| s.busy > 0.2).filter_map(even).collect();
    vertex.skew = median(&skews).filter(|s| s.of > 5).map(Estimate::positive);
    let ratios: Vec<f64> = stretches.iter().filter_map(|s| s.selectivity).collect();
    // What a source read is not shown: it is counted by what it sends, and so is what arrives.
    vertex.selectivity = mean(&ratios).filter(|_| !source);
    vertex
}

/// Stretches by counters, within one attempt.
fn counted(track: &Track, v: usize) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut from: Option<usize> = None;
    for (i, row) in track.rows.iter().enumerate() {
        let (f, settled) = (track.of(i, v), row.since.is_some_and(|s| row.at - s >= SETTLED));
        let (true, true, true) = (settled, row.runs, f.records.is_some() && f.busy.is_some()) else {
            from = None;
            continue;
        };
        let same = |j: &usize| track.rows[*j].since == row.since && track.of(*j, v).parallelism == f.parallelism;
        let Some(begin) = from.filter(same) else {
            from = Some(i);
            continue;
        };
        if row.at - track.rows[begin].at >= STRETCH {
            stretches.extend(between(track, v, begin, i));
            from = Some(i);
        }
    }
    stretches
}

fn between(track: &Track, v: usize, from: usize, to: usize) -> Option<Stretch> {
    let (a, b) = (track.of(from, v), track.of(to, v));
    let secs = (track.rows[to].at - track.rows[from].at) as f64 / 1_000.0;
    let (records, busy) = (b.records? - a.records?, b.busy? - a.busy?);
    let share = busy / 1_000.0 / secs / f64::from(b.parallelism.max(1));
    if records <= 0.0 || share < LEAST_BUSY {
        return None;
    }
    // The busiest of a stretch that is busy all the time says only that it is busy all the time.
    let busiest = b.busiest.zip(a.busiest).map(|(b, a)| b - a).filter(|m| *m < 970.0 * secs);
    let sent = b.sent.zip(a.sent).map(|(b, a)| (b - a) / records).filter(|s| *s >= 0.0);
    Some(Stretch {
        parallelism: b.parallelism,
        secs,
        rate: records / secs,
        busy: share,
        uneven: busiest.map(|m| m * f64::from(b.parallelism) / busy),
        selectivity: sent,
    })
}

/// Stretches by averages that somebody else made.
fn gauged(track: &Track, v: usize, source: bool) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut sums = (0.0, 0.0, 0.0);
    let mut from: Option<usize> = None;
    for (i, row) in track.rows.iter().enumerate() {
        let f = track.of(i, v);
        let share = f.busy_rate.or(row.cpu.filter(|_| source));
        let settled = row.since.is_none_or(|s| row.at - s >= SETTLED) && !after_failure(track, row.at) && row.runs;
        let same = |j: &usize| track.rows[*j].since == row.since && track.of(*j, v).parallelism == f.parallelism;
        let (Some(rate), Some(share)) = (f.rate, share.filter(|_| settled)) else {
            if !settled {
                from = None;
            }
            continue;
        };
        let Some(begin) = from.filter(same) else {
            (from, sums) = (Some(i), (rate, share, 1.0));
            continue;
        };
        sums = (sums.0 + rate, sums.1 + share, sums.2 + 1.0);
        let ms = row.at - track.rows[begin].at;
        if ms >= STRETCH {
            let (rate, busy) = (sums.0 / sums.2, sums.1 / sums.2);
            if busy >= LEAST_BUSY && rate > 0.0 {
                let secs = ms as f64 / 1_000.0;
                stretches.push(Stretch {
                    parallelism: f.parallelism,
                    secs,
                    rate,
                    busy,
                    uneven: None,
                    selectivity: None,
                });
            }
            from = None;
        }
    }
    stretches
}

fn after_failure(track: &Track, at: i64) -> bool {
    let newest = track.failures[..track.failures.partition_point(|f| *f <= at)].last();
    newest.is_some_and(|f| at - f < SETTLED)
}

/// A process that does nothing uses CPU all the same: the busier half of the stretches of each parallelism says more
/// about what it can do.
fn busier_half(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut by: BTreeMap<u32, Vec<Stretch>> = BTreeMap::new();
    stretches.iter().for_each(|s| by.entry(s.parallelism).or_default().push(*s));
    by.into_values()
        .flat_map(|mut all| {
            all.sort_unstable_by(|a, b| b.rate.total_cmp(&a.rate));
            all.truncate(all.len().div_ceil(2));
            all
        })
        .collect()
}

/// The law through all stretches: `p / C` is linear in 1, p - 1 and p (p - 1).
fn curve(vertex: &mut Vertex, stretches: &[Stretch], alike: usize) {
    let mut by: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    stretches.iter().for_each(|s| by.entry(s.parallelism).or_default().push(s.capacity()));
    vertex.points = by.iter().filter_map(|(p, all)| Some((*p, point(all, alike)?))).collect();
    let rows: Vec<([f64; 3], f64, f64)> = stretches
        .iter()
        .map(|s| {
            let p = f64::from(s.parallelism);
            // Its error falls with what was seen of it.
            ([1.0, p - 1.0, p * (p - 1.0)], p / s.capacity(), s.busy * s.secs * s.capacity() * s.capacity() / (p * p))
        })
        .collect();
    let sizes = vertex.points.len();
    let blown = (alike as f64).sqrt();
    let whole = if sizes > 2 { least_squares(&rows) } else { None };
    if let Some([(a, ea), (b, eb), (c, ec)]) = whole.filter(|w| w[1].0 >= 0.0 && w[2].0 >= 0.0 && w[0].0 > 0.0) {
        vertex.lambda = Some(inverse(a, ea * blown, rows.len()));
        vertex.sigma = Some(over((b, eb * blown), (a, ea * blown), rows.len()));
        vertex.kappa = Some(over((c, ec * blown), (a, ea * blown), rows.len()));
        return;
    }
    // What bends the curve was not seen, or was seen to be none: a straight part of the law.
    let two: Vec<_> = rows.iter().map(|(x, y, w)| ([x[0], x[1]], *y, *w)).collect();
    let straight = if sizes > 1 { least_squares(&two) } else { None };
    if let Some([(a, ea), (b, eb)]) = straight.filter(|s| s[1].0 >= 0.0 && s[0].0 > 0.0) {
        vertex.lambda = Some(inverse(a, ea * blown, rows.len()));
        vertex.sigma = Some(over((b, eb * blown), (a, ea * blown), rows.len()));
        vertex.kappa = whole.map(|w| none(over((w[2].0, w[2].1 * blown), (a, ea * blown), rows.len())));
        return;
    }
    let one: Vec<_> = rows.iter().map(|(_, y, w)| ([1.0], *y, *w)).collect();
    let Some([(a, ea)]) = least_squares(&one).filter(|f| f[0].0 > 0.0) else { return };
    vertex.lambda = Some(inverse(a, ea * blown, rows.len()));
    vertex.sigma = straight.map(|s| none(over((s[1].0, s[1].1 * blown), (a, ea * blown), rows.len())));
    vertex.kappa = whole.map(|w| none(over((w[2].0, w[2].1 * blown), (a, ea * blown), rows.len())));
}

fn point(all: &[f64], alike: usize) -> Option<Estimate> {
    let (value, spread) = moments(all)?;
    let of = (all.len() / alike).max(1);
    (all.len() > 1).then(|| Estimate::about(value, spread / (of as f64).sqrt(), of))
}

fn inverse(a: f64, error: f64, of: usize) -> Estimate {
    Estimate::about(1.0 / a, error / (a * a), of)
}

/// A coefficient over another. The two are not independent (one falls where the other rises): their errors add up.
fn over((b, eb): (f64, f64), (a, ea): (f64, f64), of: usize) -> Estimate {
    Estimate::about(b / a, (eb + (b / a).abs() * ea) / a, of)
}

/// Seen, and not told from none.
fn none(e: Estimate) -> Estimate {
    Estimate { value: 0.0, low: 0.0, high: e.high.max(0.0), of: e.of }
}

/// Drawn anew each second, it averages out over a stretch.
fn noise(points: &BTreeMap<u32, Estimate>, stretches: &[Stretch]) -> Option<Estimate> {
    let miss = |s: &Stretch| Some((s.capacity() / points.get(&s.parallelism)?.value - 1.0) * s.secs.sqrt());
    let all: Vec<f64> = stretches.iter().filter_map(miss).collect();
    let freedom = all.len().checked_sub(points.len()).filter(|n| *n > 5)?;
    let value = (all.iter().map(|m| m * m).sum::<f64>() / freedom as f64).sqrt();
    Some(Estimate::about(value, value / (2.0 * freedom as f64).sqrt(), freedom))
}

/// Load of the busiest over the mean, from key groups or partitions that cannot be split.
fn staircase(track: &Track, v: usize, p: u32) -> f64 {
    let Some(vertex) = track.context.vertices.get(v) else { return 1.0 };
    let keyed = |e: &crate::recording::EdgeContext| e.to == v && Ship::parse(&e.ship) == Ship::Hash;
    let keyed = track.context.edges.iter().flatten().any(keyed);
    let units = if keyed { vertex.max_parallelism } else { vertex.partitions };
    match units {
        Some(m) if m > 0 && p > 1 => f64::from(p) * f64::from(m.div_ceil(p)) / f64::from(m),
        _ => 1.0,
    }
}
