//! Thins a series of any length to a bounded number of points, so that its highest and lowest stay: each bucket keeps
//! both, and buckets are merged by two as they become too many.

/// Buckets of a line: about as many as a wide screen has pixels.
const BUCKETS: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    low: (i64, f64),
    high: (i64, f64),
    /// Something was not known before it.
    after_gap: bool,
}

/// Takes a series point by point.
#[derive(Clone, Debug)]
pub struct Thin {
    buckets: Vec<Bucket>,
    /// Points that go into one bucket.
    per: usize,
    /// Points in the last bucket.
    filled: usize,
    gap: bool,
}

impl Default for Thin {
    fn default() -> Thin {
        Thin { buckets: Vec::new(), per: 1, filled: 0, gap: false }
    }
}

impl Thin {
    /// Takes a value; what is not known makes a gap.
    pub fn push(&mut self, at: i64, value: Option<f64>) {
        let Some(value) = value.filter(|v| v.is_finite()) else {
            self.gap = !self.buckets.is_empty();
            return;
        };
        let full = self.filled >= self.per || self.buckets.is_empty();
        if full || self.gap {
            if self.buckets.len() >= 2 * BUCKETS {
                self.merge();
            }
            self.buckets.push(Bucket { low: (at, value), high: (at, value), after_gap: std::mem::take(&mut self.gap) });
            self.filled = 1;
            return;
        }
        self.filled += 1;
        if let Some(last) = self.buckets.last_mut() {
            last.low = if value < last.low.1 { (at, value) } else { last.low };
            last.high = if value > last.high.1 { (at, value) } else { last.high };
        }
    }

    /// Whether it has taken nothing.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn merge(&mut self) {
        let pair = |p: &[Bucket]| {
            let (a, b) = (p[0], p[p.len() - 1]);
            let low = if b.low.1 < a.low.1 { b.low } else { a.low };
            let high = if b.high.1 > a.high.1 { b.high } else { a.high };
            // A gap inside of it is narrower than a pixel by now.
            Bucket { low, high, after_gap: a.after_gap }
        };
        self.buckets = self.buckets.chunks(2).map(pair).collect();
        self.per *= 2;
    }

    /// The points that stay, times rising; no value: a gap.
    pub fn points(&self) -> Vec<(i64, Option<f64>)> {
        let mut out = Vec::with_capacity(self.buckets.len() * 2);
        for b in &self.buckets {
            let (first, second) = if b.low.0 <= b.high.0 { (b.low, b.high) } else { (b.high, b.low) };
            if b.after_gap {
                out.push((first.0, None));
            }
            out.push((first.0, Some(first.1)));
            if second != first {
                out.push((second.0, Some(second.1)));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_stay_as_they_are_and_gaps_are_kept() {
        let mut thin = Thin::default();
        for (t, v) in
            [(0, None), (1, Some(5.0)), (2, Some(7.0)), (3, None), (4, None), (5, Some(f64::NAN)), (6, Some(1.0))]
        {
            thin.push(t, v);
        }
        assert_eq!(thin.points(), [(1, Some(5.0)), (2, Some(7.0)), (6, None), (6, Some(1.0))]);
    }

    #[test]
    fn the_highest_and_the_lowest_stay_however_many_there_are() {
        let mut thin = Thin::default();
        for t in 0..1_000_000 {
            let value = match t {
                777_777 => 1e6,
                123_456 => -1e6,
                t => f64::from(t % 100),
            };
            thin.push(i64::from(t), Some(value));
        }
        let points = thin.points();
        assert!(points.len() <= 4 * BUCKETS, "{}", points.len());
        assert!(points.contains(&(777_777, Some(1e6))) && points.contains(&(123_456, Some(-1e6))));
        assert!(points.windows(2).all(|p| p[0].0 <= p[1].0), "times must rise");
    }
}
