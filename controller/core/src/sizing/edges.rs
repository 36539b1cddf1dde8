//! How much a vertex receives of what each of several upstream vertices works on: least squares over all slices that
//! were seen, none negative. One ratio for all of them is right only while their mix stays what it was.

use crate::memory::EdgeFit;
use crate::sizing::stats::eliminate;

/// A vertex with more inputs than this is judged by one ratio for all of them.
pub const MAX_EDGES: usize = 4;
/// Slices needed per input.
const NEEDED: u32 = 3;
/// The part of an input's course that the other inputs' do not explain must be at least this: below, its share is told
/// by noise.
const APART: f64 = 0.02;
/// What is not explained by the shares, relative to what was received: the bound that one ratio has, too.
const UNSTABLE: f64 = 0.5;

type Row = [f64; MAX_EDGES];

/// What the slices tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Too few slices, or too many inputs.
    Nothing,
    /// The share of each input.
    Shares(Vec<f64>),
    /// The inputs always moved together: only their mix as it was is known.
    Together,
    /// No shares explain what was received.
    Unstable,
}

/// Takes a slice in: records that each input worked on, and records received.
pub fn teach(fit: &mut EdgeFit, sent: &[f64], received: f64, fade: f64) {
    let n = sent.len();
    if !(2..=MAX_EDGES).contains(&n) {
        return;
    }
    if fit.sent.len() != n {
        *fit = EdgeFit {
            products: vec![0.0; n * n],
            with_received: vec![0.0; n],
            sent: vec![0.0; n],
            ..EdgeFit::default()
        };
    }
    let add = |sum: &mut f64, new: f64| *sum = *sum * fade + new;
    for (i, a) in sent.iter().enumerate() {
        for (j, b) in sent.iter().enumerate() {
            add(&mut fit.products[i * n + j], a * b);
        }
        add(&mut fit.with_received[i], a * received);
        add(&mut fit.sent[i], *a);
    }
    add(&mut fit.received_squared, received * received);
    add(&mut fit.received, received);
    fit.slices = fit.slices.saturating_add(1);
}

/// What would be received if the inputs worked on `asked`; `Err` tells why that is not known.
pub fn received(fit: &EdgeFit, asked: &[f64]) -> Result<f64, Told> {
    match told(fit) {
        Told::Shares(shares) => Ok(shares.iter().zip(asked).map(|(s, a)| s * a).sum()),
        Told::Together if is_same_mix(&fit.sent, asked) => {
            Ok(fit.received / fit.sent.iter().sum::<f64>() * asked.iter().sum::<f64>())
        }
        other => Err(other),
    }
}

/// Whether two loads differ in amount only.
fn is_same_mix(a: &[f64], b: &[f64]) -> bool {
    let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let (across, both) = (dot(a, b), dot(a, a) * dot(b, b));
    both > 0.0 && across * across >= (1.0 - APART) * both
}

/// The share of each input, where the slices tell it.
pub fn told(fit: &EdgeFit) -> Told {
    let n = fit.sent.len();
    if n == 0 || fit.slices < NEEDED * n as u32 {
        return Told::Nothing;
    }
    let norm: Vec<f64> = (0..n).map(|i| libm::sqrt(fit.products[i * n + i])).collect();
    if norm.iter().any(|x| *x <= 0.0) || !are_apart(fit, &norm) {
        return Told::Together;
    }
    let best = (1..1_u32 << n).rev().filter_map(|set| solve(fit, &norm, set));
    let Some((left, shares)) = best.min_by(|a, b| a.0.total_cmp(&b.0)) else { return Told::Unstable };
    let off = libm::sqrt(left.max(0.0) / fit.received_squared.max(f64::MIN_POSITIVE));
    if off > UNSTABLE { Told::Unstable } else { Told::Shares(shares) }
}

/// The Gram matrix of the inputs `of`, each scaled to length one.
fn gram(fit: &EdgeFit, norm: &[f64], of: &[usize]) -> [Row; MAX_EDGES] {
    let n = norm.len();
    let mut m = [[0.0; MAX_EDGES]; MAX_EDGES];
    for (i, a) in of.iter().enumerate() {
        for (j, b) in of.iter().enumerate() {
            m[i][j] = fit.products[a * n + b] / (norm[*a] * norm[*b]);
        }
    }
    m
}

/// Whether each input has moved enough by itself: the reciprocal of its variance inflation.
fn are_apart(fit: &EdgeFit, norm: &[f64]) -> bool {
    let all: Vec<usize> = (0..norm.len()).collect();
    all.iter().all(|i| {
        let mut unit = [0.0; MAX_EDGES];
        unit[*i] = 1.0;
        eliminate(gram(fit, norm, &all), unit, all.len()).is_some_and(|x| x[*i] > 0.0 && 1.0 / x[*i] >= APART)
    })
}

/// Least squares with the inputs of `set` (bits) alone: squares left over, and shares, if none is negative.
fn solve(fit: &EdgeFit, norm: &[f64], set: u32) -> Option<(f64, Vec<f64>)> {
    let of: Vec<usize> = (0..norm.len()).filter(|i| set & (1 << i) != 0).collect();
    let mut y = [0.0; MAX_EDGES];
    of.iter().enumerate().for_each(|(i, a)| y[i] = fit.with_received[*a] / norm[*a]);
    let x = eliminate(gram(fit, norm, &of), y, of.len())?;
    if x.iter().any(|b| *b < 0.0 || !b.is_finite()) {
        return None;
    }
    let left = fit.received_squared - x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let mut shares = vec![0.0; norm.len()];
    of.iter().enumerate().for_each(|(i, a)| shares[*a] = x[i] / norm[*a]);
    Some((left, shares))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after<const N: usize>(slices: &[([f64; N], f64)], times: usize) -> EdgeFit {
        let mut fit = EdgeFit::default();
        slices.repeat(times).iter().for_each(|(sent, received)| teach(&mut fit, sent, *received, 1.0));
        fit
    }

    fn shares(fit: &EdgeFit) -> Vec<f64> {
        let Told::Shares(shares) = told(fit) else { panic!("{:?}", told(fit)) };
        shares
    }

    #[test]
    fn shares_are_told_where_the_inputs_moved_apart() {
        // All of the first, a tenth of the second.
        let fit = after(&[([100.0, 1_000.0], 200.0), ([200.0, 1_000.0], 300.0), ([100.0, 3_000.0], 400.0)], 2);
        let told = shares(&fit);
        assert!((told[0] - 1.0).abs() < 1e-6 && (told[1] - 0.1).abs() < 1e-6, "{told:?}");
        // By one ratio, 1800 / 10800 of 10200 would be 1700; it is 200 + 1000.
        assert!((received(&fit, &[200.0, 10_000.0]).unwrap() - 1_200.0).abs() < 1e-6);
    }

    #[test]
    fn inputs_that_always_moved_together_tell_only_their_mix() {
        let fit = after(&[([100.0, 300.0], 130.0), ([200.0, 600.0], 260.0), ([100.0, 300.0], 130.0)], 2);
        assert_eq!(told(&fit), Told::Together);
        // By hand: 1040 of 3200, 0.325 of 1600.
        assert!((received(&fit, &[400.0, 1_200.0]).unwrap() - 520.0).abs() < 1e-9);
        assert_eq!(received(&fit, &[400.0, 300.0]), Err(Told::Together));
        // cos^2 with (1, 3) of (1, 2.5): (1 + 7.5)^2 / (10 * 7.25) = 0.9966; of (1, 1.9): 6.7^2 / (10 * 4.61) = 0.9738.
        assert!(received(&fit, &[100.0, 250.0]).is_ok());
        assert!(received(&fit, &[100.0, 190.0]).is_err());
        // An input that never sent anything has no share either.
        let fit = after(&[([100.0, 0.0], 50.0), ([200.0, 0.0], 100.0)], 3);
        assert_eq!(told(&fit), Told::Together);
        assert_eq!(received(&fit, &[0.0, 0.0]), Err(Told::Together));
    }

    #[test]
    fn inputs_are_apart_from_a_fiftieth_on() {
        // Of (1, 0) and (c, s), what one does not explain of the other is s^2: 0.15^2 = 0.0225, 0.14^2 = 0.0196.
        let fit = |s: f64| after(&[([1.0, libm::sqrt(1.0 - s * s)], 1.0), ([0.0, s], 1.0)], 3);
        assert!(matches!(told(&fit(0.15)), Told::Shares(_) | Told::Unstable));
        assert_eq!(told(&fit(0.14)), Told::Together);
    }

    #[test]
    fn no_share_is_negative() {
        // The more the second sends, the less arrives. By hand, of the first alone: 100 * 80 + 200 * 180 + 100 * 40 =
        // 48000 of 100^2 + 200^2 + 100^2 = 60000.
        let fit = after(&[([100.0, 100.0], 80.0), ([200.0, 100.0], 180.0), ([100.0, 200.0], 40.0)], 2);
        let told = shares(&fit);
        assert!((told[0] - 0.8).abs() < 1e-9 && told[1] == 0.0, "{told:?}");
    }

    #[test]
    fn what_no_shares_explain_is_unstable() {
        // The second alone: 300000 / 110000 = 2.73; left over 1 - 300000 * 2.73 / 1000000 = 0.18, its root 0.43.
        let fit = after(&[([100.0, 300.0], 1_000.0), ([300.0, 100.0], 0.0), ([100.0, 100.0], 0.0)], 2);
        assert!((shares(&fit)[1] - 30.0 / 11.0).abs() < 1e-9);
        // 400000 / (910000 + 870000) = 0.2247 of each; left over 1 - 2 * 0.2247 * 400000 / 2000000 = 0.91, its root 0.95.
        let fit = after(&[([100.0, 300.0], 1_000.0), ([300.0, 100.0], 1_000.0), ([900.0, 900.0], 0.0)], 2);
        assert_eq!(received(&fit, &[1.0, 1.0]), Err(Told::Unstable));
    }

    #[test]
    fn four_inputs_are_told_apart_and_five_are_not_tried() {
        let one = |i: usize, x: f64| std::array::from_fn::<f64, 4, _>(|j| if i == j { x } else { 10.0 });
        let slices: Vec<_> = (0..4).map(|i| (one(i, 100.0), 100.0 * i as f64 + 10.0 * (6 - i) as f64)).collect();
        let told = shares(&after(&slices, 3));
        (0..4).for_each(|i| assert!((told[i] - i as f64).abs() < 1e-6, "{told:?}"));
        assert_eq!(super::told(&after(&[([1.0, 2.0, 3.0, 4.0, 5.0], 3.0)], 20)), Told::Nothing);
        assert_eq!(super::told(&after(&[([1.0], 3.0)], 20)), Told::Nothing);
    }

    #[test]
    fn few_slices_tell_nothing() {
        let slices = [([1.0, 2.0], 3.0), ([2.0, 1.0], 3.0)];
        assert_eq!(told(&after(&slices, 2)), Told::Nothing, "4 of 6");
        assert_eq!(shares(&after(&slices, 3)).len(), 2);
    }

    #[test]
    fn old_slices_fade() {
        let mut fit = EdgeFit::default();
        for _ in 0..2 {
            teach(&mut fit, &[1.0, 2.0], 3.0, 0.5);
        }
        assert_eq!((fit.sent, fit.received, fit.received_squared), (vec![1.5, 3.0], 4.5, 13.5));
        assert_eq!((fit.products, fit.with_received), (vec![1.5, 3.0, 3.0, 6.0], vec![4.5, 9.0]));
    }
}
