//! What a vertex can do: a law or measured points, and how unevenly its load falls on its subtasks.

use crate::scenario::{Capacity, Vertex};

/// Records/s that a vertex carries with `p` subtasks while nothing goes wrong; `keyed`: its input arrives by key.
pub(crate) fn carries(vertex: &Vertex, keyed: bool, p: u32) -> f64 {
    let units = if keyed { Some(vertex.max_parallelism) } else { vertex.partitions };
    nominal(&vertex.capacity, p) / Uneven { units, skew: vertex.skew, hot_key: 0.0 }.load(p, 0)
}

/// Records/s of `p` subtasks that all work all the time.
pub(super) fn nominal(capacity: &Capacity, p: u32) -> f64 {
    let n = f64::from(p.max(1));
    if capacity.points.is_empty() {
        let Capacity { lambda, sigma, kappa, .. } = capacity;
        return lambda * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0));
    }
    along(&capacity.points, n).max(0.0)
}

/// Linear between the points; below the first in proportion, beyond the last as steeply as between the last two.
fn along(points: &[(u32, f64)], p: f64) -> f64 {
    let at = |i: usize| (f64::from(points[i].0), points[i].1);
    let (first, last) = (at(0), points.len() - 1);
    if p <= first.0 || last == 0 {
        return first.1 * p / first.0.max(1.0);
    }
    let upper = points.iter().position(|q| f64::from(q.0) >= p).unwrap_or(last).max(1);
    let ((x0, y0), (x1, y1)) = (at(upper - 1), at(upper));
    let slope = if x1 > x0 { (y1 - y0) / (x1 - x0) } else { 0.0 };
    if p > x1 { y1 + slope.max(0.0) * (p - x1) } else { y0 + slope * (p - x0) }
}

/// How the load of a vertex falls on its subtasks, each as a multiple of the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// The busiest subtask: the vertex can do only `nominal / hottest`, because whoever sends to it waits for this one.
    pub hottest: f64,
    /// The least busy.
    pub coldest: f64,
}

/// Why the subtasks of a vertex have not all the same to do.
///
/// `units` on `p` subtasks: the fullest has `ceil(m/p)` of `m`, so the load of the busiest is `p ceil(m/p) / m`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uneven {
    /// Key groups or partitions.
    pub units: Option<u32>,
    /// The busiest has this much more than its units would give it, as a share.
    pub skew: f64,
    /// Share of all records that have one key.
    pub hot_key: f64,
}

impl Uneven {
    /// The two ends of it.
    pub fn spread(&self, p: u32) -> Spread {
        Spread { hottest: self.load(p, 0), coldest: self.load(p, p.saturating_sub(1)) }
    }

    /// Load of subtask `i` of `p` as a multiple of the mean; over all subtasks the sum is `p`. The first is the busiest,
    /// the last the least busy.
    pub fn load(&self, p: u32, i: u32) -> f64 {
        if p <= 1 {
            return 1.0;
        }
        let (n, first) = (f64::from(p), self.even(p, 0));
        let busiest = (first * (1.0 + self.skew.max(0.0))).min(n);
        let share = self.hot_key.clamp(0.0, 1.0);
        let hottest = (share * n + (1.0 - share) * busiest).clamp(1.0, n);
        if i == 0 {
            return hottest;
        }
        // What the busiest takes is missing from the others, in proportion.
        let left = if n > first { (n - hottest) / (n - first) } else { 0.0 };
        self.even(p, i) * left
    }

    /// The same from what cannot be split alone: the first `m mod p` have one unit more.
    fn even(&self, p: u32, i: u32) -> f64 {
        let Some(m) = self.units.filter(|m| *m > 0) else { return 1.0 };
        let own = m / p + u32::from(i < m % p);
        f64::from(own) * f64::from(p) / f64::from(m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(units: Option<u32>, p: u32, skew: f64, hot_key: f64) -> Spread {
        Uneven { units, skew, hot_key }.spread(p)
    }

    fn law(lambda: f64, sigma: f64, kappa: f64) -> Capacity {
        Capacity { lambda, sigma, kappa, points: Vec::new() }
    }

    #[test]
    fn the_law_is_the_universal_scalability_law() {
        // By hand: 100 * 5 / (1 + 0.02 * 4 + 0.001 * 20) = 500 / 1.1.
        assert!((nominal(&law(100.0, 0.02, 0.001), 5) - 500.0 / 1.1).abs() < 1e-9);
        assert_eq!(nominal(&law(500.0, 0.0, 0.0), 4), 2_000.0);
    }

    #[test]
    fn points_stand_instead_of_the_law() {
        let points = Capacity { points: vec![(2, 100.0), (4, 180.0), (8, 200.0)], ..law(9.0, 0.0, 0.0) };
        for (p, want) in [(1, 50.0), (2, 100.0), (3, 140.0), (4, 180.0), (6, 190.0), (8, 200.0), (10, 210.0)] {
            assert!((nominal(&points, p) - want).abs() < 1e-9, "{p}: {}", nominal(&points, p));
        }
    }

    #[test]
    fn what_cannot_be_split_makes_a_staircase() {
        // 128 key groups on 48 subtasks: the fullest has 3 of 128, 3 * 48 / 128 of the mean; the emptiest 2.
        let s = spread(Some(128), 48, 0.0, 0.0);
        assert_eq!((s.hottest, s.coldest), (1.125, 0.75));
        // Two partitions on four subtasks: two idle, two do twice the mean.
        assert_eq!(spread(Some(2), 4, 0.0, 0.0), Spread { hottest: 2.0, coldest: 0.0 });
        assert_eq!(spread(None, 7, 0.0, 0.0), Spread { hottest: 1.0, coldest: 1.0 });
    }

    #[test]
    fn loads_of_subtasks_add_up() {
        for (units, p, skew, hot_key) in [(Some(128), 48, 0.3, 0.0), (Some(8), 12, 0.0, 0.2), (None, 5, 0.5, 0.1)] {
            let uneven = Uneven { units, skew, hot_key };
            let loads: Vec<f64> = (0..p).map(|i| uneven.load(p, i)).collect();
            assert!((loads.iter().sum::<f64>() - f64::from(p)).abs() < 1e-9, "{loads:?}");
            let s = spread(units, p, skew, hot_key);
            assert!(loads.iter().all(|l| *l <= s.hottest && *l >= s.coldest), "{loads:?}");
        }
    }

    #[test]
    fn a_hot_key_is_one_subtasks_load() {
        // By hand: 0.4 of all records on one of 4, and a quarter of the rest: 0.4 + 0.15 = 0.55, times 4 = 2.2.
        assert!((spread(None, 4, 0.0, 0.4).hottest - 2.2).abs() < 1e-12);
        assert_eq!(spread(None, 1, 0.5, 0.4), Spread { hottest: 1.0, coldest: 1.0 }, "one subtask does all");
        // Uneven by 20 %: 1.2; the other three share what is left: 2.8 / 3.
        let s = spread(None, 4, 0.2, 0.0);
        assert!((s.hottest - 1.2).abs() < 1e-12 && (s.coldest - 2.8 / 3.0).abs() < 1e-12);
    }
}
