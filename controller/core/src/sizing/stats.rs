//! The few statistics that sizing needs, each total: empty or degenerate input gives `None`.

/// A change of level of more than this share begins a new stretch, when the noise is smaller than that.
/// 15 % is twice the jitter of 2 s slices of a steady job on a busy machine.
const STEP: f64 = 0.15;
/// Fewer differences than this do not tell noise from a step.
const NOISE_NEEDS: usize = 5;

/// Median; `None` when empty.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The `q`-quantile by the nearest rank; `None` when empty.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Arithmetic mean; `None` when empty.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// How many of the newest values lie on one level: back to the last change point.
///
/// Noise is the median step between neighbours, which one change of level does not move.
pub fn newest_stretch(values: &[f64]) -> usize {
    let noise = noise_of(values);
    let mut sum = 0.0;
    for (n, value) in values.iter().rev().enumerate() {
        if n > 0 {
            let level = sum / n as f64;
            if (value - level).abs() > (STEP * level.abs()).max(3.0 * noise) {
                return n;
            }
        }
        sum += value;
    }
    values.len()
}

fn noise_of(values: &[f64]) -> f64 {
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    if steps.len() < NOISE_NEEDS { 0.0 } else { median(&steps).unwrap_or(0.0) }
}

/// A fitted line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Change of y per unit of x.
    pub slope: f64,
    /// Standard error of the slope; zero for points that lie on the line.
    pub error: f64,
    /// Value at the last x.
    pub last: f64,
}

impl Line {
    /// Whether the slope differs from zero by more than three standard errors.
    pub fn is_significant(&self) -> bool {
        self.slope.abs() > 3.0 * self.error
    }
}

/// Least squares through at least three points of distinct x.
pub fn fit_line(points: &[(f64, f64)]) -> Option<Line> {
    let n = points.len() as f64;
    if points.len() < 3 {
        return None;
    }
    let mx = points.iter().map(|p| p.0).sum::<f64>() / n;
    let my = points.iter().map(|p| p.1).sum::<f64>() / n;
    let sxx: f64 = points.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum();
    if sxx <= 0.0 {
        return None;
    }
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / sxx;
    let residual: f64 = points.iter().map(|p| p.1 - my - slope * (p.0 - mx)).map(|r| r * r).sum();
    let error = libm::sqrt(residual / (n - 2.0) / sxx);
    let last = my + slope * (points[points.len() - 1].0 - mx);
    (slope.is_finite() && error.is_finite()).then_some(Line { slope, error, last })
}

/// Gaussian elimination with pivoting on the first `n` rows; `None` when they do not determine a solution.
pub fn eliminate<const N: usize>(mut m: [[f64; N]; N], mut y: [f64; N], n: usize) -> Option<[f64; N]> {
    for k in 0..n {
        let pivot = (k..n).max_by(|a, b| m[*a][k].abs().total_cmp(&m[*b][k].abs()))?;
        m.swap(k, pivot);
        y.swap(k, pivot);
        if m[k][k].abs() < 1e-12 * m[0][0].abs().max(1.0) {
            return None;
        }
        for i in k + 1..n {
            let factor = m[i][k] / m[k][k];
            let above = m[k];
            m[i].iter_mut().zip(above).for_each(|(x, a)| *x -= factor * a);
            y[i] -= factor * y[k];
        }
    }
    let mut x = [0.0; N];
    for k in (0..n).rev() {
        let rest: f64 = (k + 1..n).map(|j| m[k][j] * x[j]).sum();
        x[k] = (y[k] - rest) / m[k][k];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_ends_at_the_change_of_level() {
        for (values, want) in [
            (vec![], 0),
            (vec![5.0], 1),
            (vec![300.0, 300.0, 1200.0, 1200.0], 2),
            // The slice that straddles the step belongs to neither level.
            (vec![300.0, 300.0, 750.0, 1200.0, 1200.0], 2),
            (vec![300.0, 300.0, 300.0, 750.0], 1),
            (vec![1000.0, 1100.0, 950.0, 1040.0], 4),
            // Noise of 30 % that was there all along is not a step: the median step is 300.
            (vec![1000.0, 1300.0, 1000.0, 1300.0, 1000.0, 1300.0, 1000.0], 7),
            (vec![0.0, 0.0, 0.0], 3),
        ] {
            assert_eq!(newest_stretch(&values), want, "{values:?}");
        }
    }

    #[test]
    fn a_line_through_exact_points_has_no_error() {
        let line = fit_line(&[(0.0, 1.0), (5.0, 11.0), (10.0, 21.0)]).unwrap();
        assert_eq!((line.slope, line.error, line.last), (2.0, 0.0, 21.0));
        assert!(line.is_significant());
        assert_eq!(fit_line(&[(0.0, 1.0), (5.0, 11.0)]), None, "two points always lie on a line");
        assert_eq!(fit_line(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn a_zigzag_has_no_significant_slope() {
        // By hand: mx 1.5, sxx 5, sxy 2, slope 0.4, squared residuals sum to 3.2 -> error sqrt(3.2/2/5) = 0.5657.
        let line = fit_line(&[(0.0, 0.0), (1.0, 2.0), (2.0, 0.0), (3.0, 2.0)]).unwrap();
        assert!((line.slope - 0.4).abs() < 1e-12 && !line.is_significant());
        assert!((line.error - 0.565_685_424_949_238).abs() < 1e-9, "{}", line.error);
    }

    #[test]
    fn quantiles_are_nearest_rank() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.95), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(mean(&[1.0, 2.0]), Some(1.5));
        assert_eq!(mean(&[]), None);
    }
}
