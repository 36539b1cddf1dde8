//! What a vertex can do, at its present parallelism and at others.
//!
//! Measured: records per busy second of its busiest subtask. Between measured parallelisms a fitted universal
//! scalability law (Gunther), `C(p) = lambda p / (1 + sigma (p-1) + kappa p (p-1))`; beyond them the nearest measured
//! one times `(p'/p)^0.9`, because published curves of Flink jobs bend (Nexmark Q1: 1 to 26 gives 14, not 26).

use crate::memory::{Learned, Point};
use crate::reason::Method;
use crate::sizing::evidence::{Slice, Slices, over};
use crate::sizing::grain::Grain;
use crate::sizing::stats::eliminate;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Exponent beyond what was measured.
pub const EXPONENT: f64 = 0.9;
/// Busy less than this: what it could do at full load is an extrapolation.
pub const PROVEN_ABOVE: f64 = 0.5;
/// And is believed up to this many times the highest sustained rate per subtask.
pub const PROVEN_FACTOR: f64 = 1.5;
/// Time shares are counted in milliseconds: below this share they carry no capacity.
const LEAST_BUSY: f64 = 0.01;

/// A measurement at the present parallelism.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Records/s, all subtasks, at full load.
    pub capacity: f64,
    /// How busy the busiest subtask was.
    pub busy: f64,
    /// Records/s it did.
    pub rate: f64,
    /// Its slices' length, seconds.
    pub secs: f64,
}

/// Measures over the newest slices in which records per busy second do not change. `work` is what a vertex works on.
pub fn measure(slices: &Slices, work: impl Fn(&Slice) -> Option<f64>) -> Option<Measured> {
    let stretch = slices.stretch(|s| per_busy(s, &work));
    let rate = over(stretch, &work)?;
    let busy = over(stretch, |s| Some(load(s)?.max(LEAST_BUSY)))?;
    let secs = stretch.iter().map(|s| s.secs).sum();
    (rate > 0.0).then(|| Measured { capacity: rate / busy, busy, rate, secs })
}

/// The busiest subtask's share where it is known and not below the mean.
fn load(slice: &Slice) -> Option<f64> {
    let busy = slice.busy?;
    Some(slice.hottest.map_or(busy, |h| h.max(busy)))
}

fn per_busy(slice: &Slice, work: &impl Fn(&Slice) -> Option<f64>) -> Option<f64> {
    Some(work(slice)? / load(slice)?.max(LEAST_BUSY))
}

/// Capacity by parallelism.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Key groups or partitions.
    grain: Grain,
    /// Capacity over what the grain leaves of it, by parallelism; never empty.
    points: BTreeMap<u32, f64>,
    /// Fitted (1/lambda, sigma/lambda, kappa/lambda), from two points on.
    law: Option<[f64; 3]>,
    told: bool,
}

impl Curve {
    /// From the present measurement and what was learned. What was learned is scaled by how the present differs from
    /// it: records may have become heavier for every parallelism.
    pub fn new(present: u32, capacity: f64, learned: Option<&Learned>, grain: impl Into<Grain>) -> Curve {
        let grain = grain.into();
        let known = learned.map(|l| &l.points);
        let drift = known.and_then(|k| k.get(&present)).map_or(1.0, |point| capacity / point.capacity);
        let mut points: BTreeMap<u32, f64> = known
            .into_iter()
            .flatten()
            .filter(|(_, point)| point.busy >= PROVEN_ABOVE)
            .map(|(p, point)| (*p, point.capacity * drift / grain.evenness(*p)))
            .collect();
        points.insert(present, capacity / grain.evenness(present));
        let law = fit(&points);
        Curve { grain, points, law, told: false }
    }

    /// The policy tells what one subtask can do.
    pub fn told(per_subtask: f64, grain: impl Into<Grain>) -> Curve {
        let (points, law) = (BTreeMap::from([(1, per_subtask)]), Some([1.0 / per_subtask, 0.0, 0.0]));
        Curve { grain: grain.into(), points, law, told: true }
    }

    /// Records/s at `p`, and how that was told.
    pub fn at(&self, p: u32) -> (f64, Method) {
        let (ideal, method) = self.ideal(p);
        (ideal * self.grain.evenness(p), method)
    }

    /// Of units that differ, the heaviest's share of the work: no more than one subtask can have it.
    pub fn heaviest(&self) -> Option<f64> {
        self.grain.heaviest()
    }

    fn ideal(&self, p: u32) -> (f64, Method) {
        if let (true, Some(law)) = (self.told, self.law) {
            return (usl(law, p), Method::Told);
        }
        if let Some(capacity) = self.points.get(&p) {
            return (*capacity, Method::Measured);
        }
        let below = self.points.range(..p).next_back();
        let above = self.points.range(p..).next();
        match (below, above, self.law) {
            // The law is pinned to the nearer measured neighbour, so that it never contradicts a measurement.
            (Some((lo, c_lo)), Some((hi, c_hi)), Some(law)) => {
                let (q, c) = if p - lo <= hi - p { (*lo, *c_lo) } else { (*hi, *c_hi) };
                (c * usl(law, p) / usl(law, q), Method::Fitted)
            }
            (Some((q, c)), _, _) | (None, Some((q, c)), _) => (c * power(p, *q), Method::Power),
            (None, None, _) => (0.0, Method::Power),
        }
    }
}

fn power(to: u32, from: u32) -> f64 {
    raised(to) / raised(from)
}

/// `p^0.9`. A plan asks for it thousands of times, so the usual ones are worked out once.
fn raised(p: u32) -> f64 {
    static USUAL: OnceLock<Vec<f64>> = OnceLock::new();
    let raise = |p: u32| libm::pow(f64::from(p), EXPONENT);
    let usual = USUAL.get_or_init(|| (0..=1_024).map(raise).collect());
    usual.get(p as usize).copied().unwrap_or_else(|| raise(p))
}

fn usl([a, b, c]: [f64; 3], p: u32) -> f64 {
    let p = f64::from(p);
    p / (a + b * (p - 1.0) + c * p * (p - 1.0))
}

/// Least squares of `p / C = a + b (p-1) + c p (p-1)` in relative error; coefficients that come out negative are left
/// out, because contention and coherence cannot help. `None` below two points.
fn fit(points: &BTreeMap<u32, f64>) -> Option<[f64; 3]> {
    if points.len() < 2 {
        return None;
    }
    let full: &[usize] = if points.len() >= 3 { &[0, 1, 2] } else { &[0, 1] };
    let tries: [&[usize]; 4] = [full, &[0, 1], &[0, 2], &[0]];
    tries.into_iter().find_map(|columns| solve(points, columns)).filter(|law| law[0] > 0.0)
}

fn solve(points: &BTreeMap<u32, f64>, columns: &[usize]) -> Option<[f64; 3]> {
    let n = columns.len();
    let (mut m, mut y) = ([[0.0; 3]; 3], [0.0; 3]);
    for (p, capacity) in points {
        let p = f64::from(*p);
        // Divided by p / C, every row says 1 = ..., so that small parallelisms do not count less.
        let row = [1.0, p - 1.0, p * (p - 1.0)].map(|x| x * capacity / p);
        for (i, a) in columns.iter().enumerate() {
            for (j, b) in columns.iter().enumerate() {
                m[i][j] += row[*a] * row[*b];
            }
            y[i] += row[*a];
        }
    }
    let x = eliminate(m, y, n)?;
    let mut law = [0.0; 3];
    for (i, column) in columns.iter().enumerate() {
        law[*column] = x[i];
    }
    (law.iter().all(|c| *c >= 0.0) && law[0] > 0.0).then_some(law)
}

/// What is proven at `p`: for a scale-down.
pub fn proven(curve: &Curve, learned: Option<&Learned>, present_busy: f64, p: u32) -> f64 {
    let (capacity, method) = curve.at(p);
    let well_measured = learned.and_then(|l| l.points.get(&p)).is_some_and(|point| point.busy >= PROVEN_ABOVE);
    if method == Method::Told || well_measured || present_busy >= PROVEN_ABOVE {
        return capacity;
    }
    let highest = learned.map_or(0.0, |l| l.highest_rate);
    capacity.min(PROVEN_FACTOR * highest * f64::from(p))
}

/// Remembers what a vertex could do at `p` at least: its capacity where it was well loaded, else what it did.
pub fn see(learned: &mut Learned, p: u32, measured: &Measured, max_points: usize) {
    let least = if measured.busy >= PROVEN_ABOVE { measured.capacity } else { measured.rate };
    let best = learned.seen.entry(p).or_insert(0.0);
    *best = best.max(least);
    while learned.seen.len() > max_points {
        learned.seen.pop_last();
    }
}

/// Keeps a measurement. A busier one replaces a less busy one; of one kind, the newer stays.
pub fn teach(learned: &mut Learned, p: u32, measured: &Measured, at: crate::units::Timestamp, max_points: usize) {
    learned.highest_rate = learned.highest_rate.max(measured.rate / f64::from(p.max(1)));
    let proven = |busy: f64| busy >= PROVEN_ABOVE;
    let keep = learned.points.get(&p).is_some_and(|old| proven(old.busy) && !proven(measured.busy));
    if keep {
        return;
    }
    learned.points.insert(p, Point { capacity: measured.capacity, busy: measured.busy, at });
    while learned.points.len() > max_points {
        let oldest = learned.points.iter().min_by_key(|(_, point)| point.at).map(|(p, _)| *p);
        oldest.map(|p| learned.points.remove(&p));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(present: u32, capacity: f64, known: &[(u32, f64)]) -> Curve {
        let points = known.iter().map(|(p, c)| (*p, Point { capacity: *c, busy: 1.0, at: Default::default() }));
        let learned = Learned { points: points.collect(), ..Learned::default() };
        Curve::new(present, capacity, Some(&learned), None)
    }

    #[test]
    fn between_measured_sizes_the_nearer_one_is_gone_from() {
        // Four points that no law meets: at 5 of 2 and 10 the nearer is 2, at 7 it is 10; 6 is as far from both.
        let curve = curve(20, 900.0, &[(1, 100.0), (2, 150.0), (10, 800.0)]);
        let law = curve.law.unwrap();
        let from = |q: u32, c: f64, p: u32| c * usl(law, p) / usl(law, q);
        assert!((from(2, 150.0, 5) - from(10, 800.0, 5)).abs() > 10.0, "{law:?}");
        assert_eq!(curve.at(5).0, from(2, 150.0, 5));
        assert_eq!(curve.at(6).0, from(2, 150.0, 6));
        assert_eq!(curve.at(7).0, from(10, 800.0, 7));
    }

    #[test]
    fn beyond_the_present_capacity_grows_with_exponent_nine_tenths() {
        // By hand: 500 * 4^0.9 = 500 * 3.4822 = 1741.1.
        let (capacity, method) = curve(1, 500.0, &[]).at(4);
        assert!((capacity - 1741.1).abs() < 0.1 && method == Method::Power, "{capacity}");
        // Down as well: 2000 * (1/4)^0.9 = 2000 * 0.28717 = 574.3.
        assert!((curve(4, 2000.0, &[]).at(1).0 - 574.3).abs() < 0.1);
    }

    #[test]
    fn between_two_measured_a_law_is_fitted() {
        // Amdahl through (1, 100) and (9, 300): 9/300 = 0.03 = 0.01 + 8 b -> b = 0.0025; at 5: 5/(0.01+0.01) = 250.
        let (capacity, method) = curve(1, 100.0, &[(9, 300.0)]).at(5);
        assert!((capacity - 250.0).abs() < 1e-6 && method == Method::Fitted, "{capacity}");
    }

    #[test]
    fn through_three_points_the_law_is_exact() {
        // lambda 100, sigma 0.02, kappa 0.001: C(p) = 100p / (1 + 0.02(p-1) + 0.001p(p-1)).
        let c = |p: f64| 100.0 * p / (1.0 + 0.02 * (p - 1.0) + 0.001 * p * (p - 1.0));
        let curve = curve(20, c(20.0), &[(1, c(1.0)), (8, c(8.0))]);
        for p in [2, 5, 12, 19] {
            assert!((curve.at(p).0 / c(f64::from(p)) - 1.0).abs() < 1e-6, "{p}");
        }
    }

    #[test]
    fn a_law_never_promises_help_from_contention() {
        // Superlinear points: the fit falls back to a line without negative coefficients.
        let law = fit(&BTreeMap::from([(1, 100.0), (4, 500.0), (8, 1200.0)])).unwrap();
        assert!(law.iter().all(|c| *c >= 0.0), "{law:?}");
    }

    #[test]
    fn heavier_records_scale_what_was_learned() {
        // Learned 100 at 1 and 300 at 9; now 50 at 1: everything halves, so 125 at 5.
        let curve = curve(1, 50.0, &[(1, 100.0), (9, 300.0)]);
        assert!((curve.at(5).0 - 125.0).abs() < 1e-6);
        assert!((curve.at(9).0 - 150.0).abs() < 1e-9);
    }

    #[test]
    fn the_staircase_is_that_of_the_fullest_subtask() {
        // From 64 to 100 subtasks the fullest still has 2 key groups: nothing gained.
        let curve = Curve::new(64, 6400.0, None, Some(128));
        assert!(curve.at(100).0 <= 6400.0 && curve.at(128).0 > 11_000.0);
    }

    #[test]
    fn an_idle_vertex_proves_one_and_a_half_times_its_best() {
        let learned = Learned { highest_rate: 80.0, ..Learned::default() };
        // 8 subtasks at 640/s, 10 % busy: 6400/s measured, 1.5 * 80 * 8 = 960 proven.
        let curve = Curve::new(8, 6400.0, Some(&learned), None);
        assert_eq!(proven(&curve, Some(&learned), 0.1, 8), 960.0);
        assert_eq!(proven(&curve, Some(&learned), 0.5, 8), 6400.0);
    }

    #[test]
    fn a_less_busy_measurement_does_not_replace_a_proven_one() {
        let mut learned = Learned::default();
        let at = crate::units::Timestamp(0);
        let m = |capacity, busy| Measured { capacity, busy, rate: capacity * busy, secs: 60.0 };
        teach(&mut learned, 4, &m(2000.0, 0.9), at, 3);
        teach(&mut learned, 4, &m(2500.0, 0.2), at, 3);
        assert_eq!(learned.points[&4].capacity, 2000.0);
        assert_eq!(learned.highest_rate, 450.0);
        for p in 5..9 {
            teach(&mut learned, p, &m(1.0, 0.9), crate::units::Timestamp(i64::from(p)), 3);
        }
        assert_eq!(learned.points.keys().copied().collect::<Vec<_>>(), [6, 7, 8]);
    }
}
