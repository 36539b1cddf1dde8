//! Every shape against values worked out by hand.

use super::*;
use std::sync::Arc;

fn load(shapes: Vec<Shape>) -> Load {
    Load { shapes, factor: 1.0, noise: 0.0 }
}

fn s(seconds: u64) -> Millis {
    Millis::secs(seconds)
}

/// The rates of one load, asked in this order with one noise.
fn check(load: &Load, expected: &[(u64, f64)]) {
    let mut noise = load.noise(Rng::new(1));
    for (at, rate) in expected {
        let found = load.rate(s(*at), &mut noise);
        assert!((found - rate).abs() < 1e-6, "at {at} s: {found}, expected {rate}: {:?}", load.shapes);
    }
}

#[test]
fn each_shape() {
    const H: u64 = 3_600;
    check(&load(vec![Shape::Constant(100.0)]), &[(0, 100.0), (9_999, 100.0)]);
    let steps = Shape::Steps(vec![(s(10), 5.0), (s(20), 50.0)]);
    check(&load(vec![steps]), &[(0, 0.0), (10, 5.0), (19, 5.0), (20, 50.0), (99, 50.0), (12, 5.0)]);
    let line = Shape::Line(Arc::new(vec![(s(10), 0.0), (s(20), 100.0), (s(30), 50.0)]));
    check(&load(vec![line]), &[(0, 0.0), (15, 50.0), (20, 100.0), (25, 75.0), (99, 50.0), (11, 10.0)]);
    let sine = Shape::Sine { mean: 10.0, amplitude: 4.0, period: s(40), shift: s(0) };
    check(&load(vec![sine]), &[(0, 10.0), (10, 14.0), (20, 10.0), (30, 6.0)]);
    // Noon is highest, midnight lowest; at 06:00 the raised cosine is a half and its square a quarter.
    let day = Shape::Diurnal { low: 100.0, high: 500.0, peak: s(12 * H), weekend: 0.5 };
    check(
        &load(vec![day]),
        &[(0, 100.0), (6 * H, 200.0), (12 * H, 500.0), (5 * 24 * H + 12 * H, 250.0), (7 * 24 * H, 100.0)],
    );
    let spike = Shape::Spike { at: s(10), rise: s(10), hold: s(5), fall: s(20), height: 80.0 };
    check(&load(vec![spike]), &[(9, 0.0), (10, 0.0), (15, 40.0), (20, 80.0), (24, 80.0), (35, 40.0), (45, 0.0)]);
    let saw = Shape::Sawtooth { low: 10.0, high: 110.0, period: s(100) };
    check(&load(vec![saw]), &[(0, 10.0), (50, 60.0), (99, 109.0), (100, 10.0)]);
    let dump = Shape::Dump { records: 900.0, at: s(5), period: s(60) };
    check(&load(vec![dump]), &[(4, 0.0), (5, 900.0), (6, 0.0), (65, 900.0), (66, 0.0)]);
}

#[test]
fn shapes_add_up_and_the_factor_multiplies_them() {
    let shapes = vec![Shape::Constant(100.0), Shape::Steps(vec![(s(10), 50.0)])];
    check(&Load { factor: 2.0, ..load(shapes) }, &[(0, 200.0), (10, 300.0)]);
    let below = vec![Shape::Sine { mean: 0.0, amplitude: 10.0, period: s(40), shift: s(0) }];
    check(&load(below), &[(10, 10.0), (30, 0.0)]);
}

#[test]
fn what_an_outage_kept_back_comes_afterwards() {
    let outage = Shape::Outage { at: s(10), lasts: s(30), returns: s(60) };
    // 30 s of 100/s are 3,000 records: 50/s more for 60 s.
    let shapes = vec![Shape::Constant(100.0), outage];
    check(&load(shapes.clone()), &[(9, 100.0), (10, 0.0), (39, 0.0), (40, 150.0), (99, 150.0), (100, 100.0)]);
    let noisy = Load { noise: 0.2, ..load(shapes) };
    let calm = Load { shapes: noisy.shapes[..1].to_vec(), ..noisy.clone() };
    let sum = |load: &Load| {
        let mut noise = load.noise(Rng::new(3));
        (0..200).map(|t| load.rate(s(t), &mut noise)).sum::<f64>()
    };
    assert!((sum(&noisy) - sum(&calm)).abs() < 1e-6, "nothing is lost: {} {}", sum(&noisy), sum(&calm));
    let at_once = Shape::Outage { at: s(10), lasts: s(30), returns: s(0) };
    check(&load(vec![Shape::Constant(100.0), at_once]), &[(39, 0.0), (40, 3_100.0), (41, 100.0)]);
}

#[test]
fn a_walk_stays_within_its_bounds_and_turns_slowly() {
    let shape = Shape::Walk { low: 100.0, high: 200.0, step: 30.0, every: s(60) };
    let walk = load(vec![shape]);
    let rates = |seed| {
        let mut noise = walk.noise(Rng::new(seed));
        (0..36_000).map(|t| walk.rate(s(t), &mut noise)).collect::<Vec<_>>()
    };
    let (one, other) = (rates(1), rates(2));
    assert_ne!(one, other);
    assert!(one.iter().all(|r| (100.0..=200.0).contains(r)));
    // At most 30 in 60 s: half a record/s each second.
    assert!(one.windows(2).all(|w| (w[1] - w[0]).abs() <= 0.5 + 1e-9));
    let spread = one.iter().fold(0.0, |m: f64, r| m.max(*r)) - one.iter().fold(1e9, |m: f64, r| m.min(*r));
    assert!(spread > 50.0, "{spread}");
}

/// The order of the questions changes nothing.
#[test]
fn going_back_in_time_gives_the_same() {
    let outage = Shape::Outage { at: s(1_000), lasts: s(100), returns: s(100) };
    let walk = Shape::Walk { low: 0.0, high: 100.0, step: 5.0, every: s(10) };
    let steps = Shape::Steps(vec![(s(0), 1.0), (s(500), 7.0)]);
    let load = Load { noise: 0.1, ..load(vec![walk, steps, outage]) };
    let mut forwards = load.noise(Rng::new(5));
    let mut backwards = forwards.clone();
    let first: Vec<f64> = (0..2_000).map(|t| load.rate(s(t), &mut forwards)).collect();
    let mut second: Vec<f64> = (0..2_000).rev().map(|t| load.rate(s(t), &mut backwards)).collect();
    second.reverse();
    assert_eq!(first, second);
}

#[test]
fn noise_has_the_given_spread_and_the_peak_leaves_it_out() {
    let noisy = Load { noise: 0.1, ..load(vec![Shape::Constant(1_000.0)]) };
    let mut noise = noisy.noise(Rng::new(9));
    let rates: Vec<f64> = (0..20_000).map(|t| noisy.rate(s(t), &mut noise)).collect();
    let mean = rates.iter().sum::<f64>() / 20_000.0;
    let variance = rates.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 20_000.0;
    assert!((mean - 1_000.0).abs() < 3.0, "{mean}");
    assert!((variance.sqrt() - 100.0).abs() < 3.0, "{}", variance.sqrt());
    assert!((noisy.peak(s(100)) - 1_000.0).abs() < 1e-9);
}
