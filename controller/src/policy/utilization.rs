//! `scaleDownAt` < `targetUtilization` < `scaleUpAt`. Whoever sets one of them moves the others that are not set, in
//! the proportions of the defaults 0.50, 0.70 and 0.85, so that one number is enough to be more or less daring.

use super::problem::Code;
use super::reader::{Fields, Reader};
use weirkeeper_core::policy::Scaling;

/// Reads the three.
pub fn read(reader: &mut Reader<'_>, fields: &Fields<'_>, scaling: &mut Scaling) {
    let mut one = |name| reader.get(fields, name, Reader::share);
    let (down, target, up) = (one("scaleDownAt"), one("targetUtilization"), one("scaleUpAt"));
    let (down, target, up) = fill(down, target, up);
    if 0.0 <= down && down < target && target < up && up <= 1.0 {
        (scaling.scale_down_at, scaling.target_utilization, scaling.scale_up_at) = (down, target, up);
        return;
    }
    let named = ["targetUtilization", "scaleUpAt", "scaleDownAt"].into_iter().find(|n| fields.get(n).is_some());
    let at = fields.key_at(named.unwrap_or_default());
    let message = format!("scaleDownAt {down:.2} < targetUtilization {target:.2} < scaleUpAt {up:.2} does not hold");
    reader.report(at, Code::BadBounds, message, "leave out all but targetUtilization: the others follow it");
}

/// The unset ones from the set ones. Each line gives the defaults from the defaults, and keeps the order for every
/// value strictly between 0 and 1.
fn fill(down: Option<f64>, target: Option<f64>, up: Option<f64>) -> (f64, f64, f64) {
    let target = target.unwrap_or(match (down, up) {
        (None, None) => 0.70,
        (None, Some(up)) => up * (14.0 / 17.0),
        (Some(down), None) => down + (1.0 - down) * 0.4,
        (Some(down), Some(up)) => down + (up - down) * (4.0 / 7.0),
    });
    let defaults = down.is_none() && up.is_none() && target == 0.70;
    if defaults {
        return (0.50, 0.70, 0.85);
    }
    (down.unwrap_or(target * (5.0 / 7.0)), target, up.unwrap_or(target + (1.0 - target) * 0.5))
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[track_caller]
    fn check(set: (Option<f64>, Option<f64>, Option<f64>), expected: (f64, f64, f64)) {
        let (d, t, u) = fill(set.0, set.1, set.2);
        let near = |a: f64, b: f64| (a - b).abs() < 0.0005;
        assert!(near(d, expected.0) && near(t, expected.1) && near(u, expected.2), "{set:?}: {d} {t} {u}");
    }

    #[test]
    fn setting_one_shifts_the_unset_others() {
        check((None, None, None), (0.50, 0.70, 0.85));
        // 0.9 + 0.1 / 2; 0.9 * 5 / 7.
        check((None, Some(0.9), None), (0.643, 0.9, 0.95));
        // 0.6 * 14 / 17 = 0.494; * 5 / 7 = 0.353.
        check((None, None, Some(0.6)), (0.353, 0.494, 0.6));
        // 0.75 + 0.25 * 0.4 = 0.85; + 0.15 / 2 = 0.925.
        check((Some(0.75), None, None), (0.75, 0.85, 0.925));
        // 0.4 + 0.5 * 4 / 7.
        check((Some(0.4), None, Some(0.9)), (0.4, 0.686, 0.9));
        // What is set stays, whatever it is.
        check((Some(0.8), Some(0.5), None), (0.8, 0.5, 0.75));
    }

    #[test]
    fn each_default_alone_gives_the_other_defaults() {
        check((Some(0.50), None, None), (0.50, 0.70, 0.85));
        check((None, Some(0.70), None), (0.50, 0.70, 0.85));
        check((None, None, Some(0.85)), (0.50, 0.70, 0.85));
    }

    #[test]
    fn one_that_is_set_never_breaks_the_order() {
        for percent in 1..100 {
            let v = Some(f64::from(percent) / 100.0);
            for (d, t, u) in [fill(v, None, None), fill(None, v, None), fill(None, None, v)] {
                assert!(0.0 < d && d < t && t < u && u < 1.0, "{d} {t} {u}");
            }
        }
    }
}
