//! A histogram of fixed size, for quantiles over any length of time.

/// Below 25.6 s buckets are 0.1 s wide; above, each doubling is split into 128, so a quantile is at most 0.8 % high.
const UNIT_MS: u64 = 100;
const FINE: u64 = 256;
const HALF: u64 = FINE / 2;
/// 2^40 units are more than three thousand years.
const MOST_UNITS: u64 = (1 << 40) - 1;

/// Weighted values in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    weights: Vec<u64>,
    total: u64,
    largest: u64,
}

fn bucket(ms: u64) -> usize {
    let units = ms.div_ceil(UNIT_MS).min(MOST_UNITS);
    if units < FINE {
        return units as usize;
    }
    let shift = units.ilog2() - HALF.ilog2();
    (u64::from(shift) * HALF + (units >> shift)) as usize
}

/// The largest value that falls into a bucket.
fn upper_ms(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < FINE {
        return bucket * UNIT_MS;
    }
    let shift = bucket / HALF - 1;
    let mantissa = bucket % HALF + HALF;
    (((mantissa + 1) << shift) - 1) * UNIT_MS
}

impl Histogram {
    /// Adds a value with a weight.
    pub fn add(&mut self, ms: u64, weight: u64) {
        let bucket = bucket(ms);
        if self.weights.len() <= bucket {
            self.weights.resize(bucket + 1, 0);
        }
        self.weights[bucket] += weight;
        self.total += weight;
        self.largest = self.largest.max(ms);
    }

    /// The smallest value that at least the share `q` of the weight does not exceed, rounded up to its bucket's edge
    /// (never above the largest value); absent when nothing was added.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let needed = ((q.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, weight) in self.weights.iter().enumerate() {
            seen += weight;
            if seen >= needed {
                return Some(upper_ms(bucket).min(self.largest));
            }
        }
        Some(self.largest)
    }

    /// The largest value.
    pub fn largest(&self) -> u64 {
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_a_hundred_seconds() {
        let mut h = Histogram::default();
        (1..=100).for_each(|s| h.add(s * 200, 1_000));
        assert_eq!(h.quantile(0.5), Some(10_000));
        assert_eq!(h.quantile(0.95), Some(19_000));
        assert_eq!(h.quantile(1.0), Some(20_000));
        assert_eq!(h.largest(), 20_000);
    }

    #[test]
    fn weights_count() {
        let mut h = Histogram::default();
        h.add(1_000, 99);
        h.add(3_600_000, 1);
        assert_eq!(h.quantile(0.99), Some(1_000));
        assert_eq!(h.quantile(0.991), Some(3_600_000));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_its_resolution_high(ms in 0_u64..10_000_000_000) {
            let edge = upper_ms(bucket(ms));
            prop_assert!(edge >= ms);
            let width = 100.max(ms / 125);
            prop_assert!(edge - ms <= width, "{ms} -> {edge}");
        }

        #[test]
        fn buckets_rise(a in 0_u64..10_000_000_000, b in 0_u64..10_000_000_000) {
            prop_assert_eq!(bucket(a) <= bucket(b), a.div_ceil(100) <= b.div_ceil(100) || bucket(a) == bucket(b));
        }
    }
}
