//! Observed scalability: how far a vertex falls short of linear, fitted over its own rescales.

/// Parallelism and true rate at a past decision, oldest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Parallelism then.
    pub parallelism: u32,
    /// True rate then, records/s.
    pub rate: f64,
}

/// Least squares of `rate = coefficient * baseline * parallelism`, between `least` and 1, rounded up to hundredths.
pub fn coefficient(history: &[Point], observations: usize, least: f64) -> f64 {
    let baseline = baseline(history);
    if history.is_empty() || history.len() < observations || baseline.is_nan() {
        return 1.0;
    }
    if history.iter().any(|p| p.rate.is_nan()) {
        return 1.0;
    }
    let sum: f64 = history.iter().map(|p| f64::from(p.parallelism) * p.rate).sum();
    let squares: f64 = history.iter().map(|p| f64::from(p.parallelism) * f64::from(p.parallelism)).sum();
    let fitted = if squares == 0.0 { 1.0 } else { sum / (squares * baseline) };
    up_to_hundredths(fitted.min(1.0).max(least))
}

/// Rate per subtask at the smallest parallelism seen, the newest of equals.
fn baseline(history: &[Point]) -> f64 {
    let smallest = history.iter().rev().min_by_key(|p| p.parallelism);
    smallest.map_or(f64::NAN, |p| p.rate / f64::from(p.parallelism))
}

/// Rounds up in decimal, on the shortest digits that name the number: 0.7 stays 0.7 though its binary is above it.
fn up_to_hundredths(v: f64) -> f64 {
    let text = format!("{v}");
    let Some((whole, rest)) = text.split_once('.') else { return v };
    if rest.len() <= 2 {
        return v;
    }
    let hundredths = format!("{whole}{}", &rest[..2]).parse::<u32>().unwrap_or(0);
    let more = rest[2..].bytes().any(|b| b != b'0');
    f64::from(hundredths + u32::from(more)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(parallelism: u32, rate: f64) -> Point {
        Point { parallelism, rate }
    }

    #[test]
    fn a_vertex_that_falls_short_by_a_third_has_two_thirds() {
        // Baseline 48 per subtask at 2; (4*160 + 2*96 + 8*240) / ((16 + 4 + 64) * 48) = 2752 / 4032 = 0.6825.
        let history = [point(4, 160.0), point(2, 96.0), point(8, 240.0)];
        assert_eq!(coefficient(&history, 3, 0.5), 0.69);
    }

    #[test]
    fn rounding_up_is_decimal() {
        assert_eq!(up_to_hundredths(0.7), 0.7);
        assert_eq!(up_to_hundredths(0.7001), 0.71);
        assert_eq!(up_to_hundredths(0.99), 0.99);
        assert_eq!(up_to_hundredths(0.991), 1.0);
    }

    #[test]
    fn too_few_or_unknown_is_linear() {
        assert_eq!(coefficient(&[point(1, 100.0), point(2, 100.0)], 3, 0.5), 1.0);
        assert_eq!(coefficient(&[point(1, f64::NAN), point(2, 100.0)], 1, 0.5), 1.0);
        assert_eq!(coefficient(&[], 0, 0.5), 1.0);
    }
}
