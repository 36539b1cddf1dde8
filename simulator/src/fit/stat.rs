//! The little statistics that fitting needs. No logarithm and no exponential: the same on every machine.

/// A value, and the interval in which the true one lies with about 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Independent observations behind it.
    pub of: usize,
}

impl Estimate {
    /// With a standard error.
    pub fn about(value: f64, error: f64, of: usize) -> Estimate {
        let reach = quantile_of_t(of) * error;
        Estimate { value, low: value - reach, high: value + reach, of }
    }

    /// The same in another unit.
    pub fn times(self, factor: f64) -> Estimate {
        Estimate { value: self.value * factor, low: self.low * factor, high: self.high * factor, of: self.of }
    }

    /// Less something that is known.
    pub fn less(self, known: f64) -> Estimate {
        let [value, low, high] = [self.value, self.low, self.high].map(|v| (v - known).max(0.0));
        Estimate { value, low, high, of: self.of }
    }

    /// Never below zero.
    pub fn positive(self) -> Estimate {
        self.less(0.0)
    }
}

/// 97.5 % point of Student's t for so many observations (tables; between two entries the larger).
pub fn quantile_of_t(observations: usize) -> f64 {
    const TABLE: [(usize, f64); 9] = [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (6, 2.447),
        (9, 2.262),
        (14, 2.145),
        (29, 2.045),
        (usize::MAX, 2.0),
    ];
    let freedom = observations.saturating_sub(1).max(1);
    let within = TABLE.iter().rev().find(|(n, _)| *n <= freedom);
    if freedom > 60 { 2.0 } else { within.map_or(12.706, |t| t.1) }
}

/// Mean and standard deviation of one observation.
pub fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some((mean, if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { f64::INFINITY }))
}

/// Mean with its interval; `None` of fewer than two.
pub fn mean(values: &[f64]) -> Option<Estimate> {
    let (mean, spread) = moments(values).filter(|_| values.len() > 1)?;
    Some(Estimate::about(mean, spread / (values.len() as f64).sqrt(), values.len()))
}

/// The middle one.
pub fn middle(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Median with its interval by order statistics: the binomial's ends at 95 %; of fewer than six the whole range.
pub fn median(values: &[f64]) -> Option<Estimate> {
    let mut sorted = values.to_vec();
    let value = middle(&mut sorted)?;
    let n = sorted.len();
    let reach = (n as f64).sqrt() * 0.98;
    let low = (n as f64 / 2.0 - reach).floor().max(0.0) as usize;
    let high = ((n as f64 / 2.0 + reach).ceil() as usize).min(n - 1);
    Some(Estimate { value, low: sorted[low], high: sorted[high], of: n })
}

/// Least squares with weights: coefficients and their standard errors. Rows are (x, y, weight). `None` where the
/// columns do not differ enough to be told apart.
pub fn least_squares<const N: usize>(rows: &[([f64; N], f64, f64)]) -> Option<[(f64, f64); N]> {
    let (mut a, mut b) = ([[0.0; N]; N], [0.0; N]);
    for (x, y, w) in rows {
        for i in 0..N {
            b[i] += w * x[i] * y;
            for j in 0..N {
                a[i][j] += w * x[i] * x[j];
            }
        }
    }
    let inverse = invert(a)?;
    let solved: [f64; N] = std::array::from_fn(|i| (0..N).map(|j| inverse[i][j] * b[j]).sum());
    let miss = |(x, y, w): &([f64; N], f64, f64)| {
        let told: f64 = (0..N).map(|i| solved[i] * x[i]).sum();
        w * (y - told) * (y - told)
    };
    let freedom = rows.len().checked_sub(N).filter(|n| *n > 0)?;
    let variance = rows.iter().map(miss).sum::<f64>() / freedom as f64;
    Some(std::array::from_fn(|i| (solved[i], (variance * inverse[i][i]).max(0.0).sqrt())))
}

/// Gauss and Jordan, with pivots.
fn invert<const N: usize>(mut a: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let scale = a.iter().flatten().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mut inverse: [[f64; N]; N] = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    for column in 0..N {
        let pivot = (column..N).max_by(|x, y| a[*x][column].abs().total_cmp(&a[*y][column].abs()))?;
        if a[pivot][column].abs() <= scale * 1e-12 {
            return None;
        }
        a.swap(pivot, column);
        inverse.swap(pivot, column);
        let by = a[column][column];
        for j in 0..N {
            a[column][j] /= by;
            inverse[column][j] /= by;
        }
        for row in (0..N).filter(|r| *r != column) {
            let times = a[row][column];
            for j in 0..N {
                a[row][j] -= times * a[column][j];
                inverse[row][j] -= times * inverse[column][j];
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_with_its_error() {
        // y = 2 + 3 x, off by one half up and down in turn: by hand the slope stays 3 on these four points.
        let rows: Vec<_> = [(0.0, 2.5), (1.0, 4.5), (2.0, 7.5), (3.0, 11.5)].map(|(x, y)| ([1.0, x], y, 1.0)).into();
        let [(a, _), (b, error)] = least_squares(&rows).unwrap();
        assert!((a - 2.0).abs() < 1e-9 && (b - 3.0).abs() < 1e-9, "{a} {b}");
        // Residuals 0.5, -0.5, -0.5, 0.5: s^2 = 1/2, Sxx = 5, error = sqrt(0.5 / 5).
        assert!((error - (0.1_f64).sqrt()).abs() < 1e-9);
        assert!(least_squares(&[([1.0, 2.0], 1.0, 1.0), ([1.0, 2.0], 2.0, 1.0), ([1.0, 2.0], 3.0, 1.0)]).is_none());
    }

    #[test]
    fn a_mean_and_a_median_have_intervals() {
        let m = mean(&[1.0, 2.0, 3.0]).unwrap();
        // s = 1, error = 1/sqrt(3), t with two degrees of freedom 4.303.
        assert!((m.value - 2.0).abs() < 1e-12 && (m.high - 2.0 - 4.303 / 3.0_f64.sqrt()).abs() < 1e-9);
        assert!(mean(&[1.0]).is_none());
        let of: Vec<f64> = (0..100).map(f64::from).collect();
        let m = median(&of).unwrap();
        assert_eq!((m.value, m.low, m.high), (50.0, 40.0, 60.0));
    }
}
