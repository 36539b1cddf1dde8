//! What arrives: records/s over time. A rate is that of the second that begins at the time asked for.

use super::{Load, Shape};
use crate::rng::{Rng, bell, unit};
use std::f64::consts::TAU;
use weirkeeper_core::units::Millis;

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400_000;
/// Days of a week, and the first of the weekend: a scenario starts on a Monday at 00:00.
const WEEK: u64 = 7;
const SATURDAY: u64 = 5;

/// The noise of one load, and how far its shapes have been read: one per job and source. Times that rise are answered
/// in constant time; one that goes back is answered too, only slower.
#[derive(Clone, Debug)]
pub struct Noise {
    rng: Rng,
    places: Vec<Place>,
}

/// How far one shape has been read.
#[derive(Clone, Debug)]
enum Place {
    /// Nothing is kept.
    None,
    /// Position in a list of times.
    Index(usize),
    /// A walk: the position, and the heights at its two ends.
    Walk { step: u64, from: f64, to: f64 },
    /// An outage: what did not come, once it is known.
    Missed(Option<f64>),
}

impl Load {
    /// The noise of this load. `rng` is split by the names of job and source, so that no other load changes it.
    pub fn noise(&self, rng: Rng) -> Noise {
        let place = |shape: &Shape| match shape {
            Shape::Steps(_) | Shape::Line(_) => Place::Index(0),
            Shape::Walk { low, high, .. } => {
                let middle = f64::midpoint(*low, *high);
                Place::Walk { step: 0, from: middle, to: middle }
            }
            Shape::Outage { .. } => Place::Missed(None),
            _ => Place::None,
        };
        Noise { rng, places: self.shapes.iter().map(place).collect() }
    }

    /// Records/s in the second that begins at `at`; never negative.
    pub fn rate(&self, at: Millis, noise: &mut Noise) -> f64 {
        let mut outages = false;
        for shape in &self.shapes {
            if let Shape::Outage { at: from, lasts, .. } = shape {
                outages = true;
                if at >= *from && at < *from + *lasts {
                    return 0.0;
                }
            }
        }
        let comes = self.undisturbed(at, noise);
        if outages { comes + self.returning(at, noise) } else { comes }
    }

    /// What would come without any outage.
    fn undisturbed(&self, at: Millis, noise: &mut Noise) -> f64 {
        let mut sum = 0.0;
        for (i, shape) in self.shapes.iter().enumerate() {
            sum += height(shape, at.0, i, noise);
        }
        if self.noise > 0.0 {
            sum *= (1.0 + self.noise * bell(noise.rng.at(at.0 / SECOND))).max(0.0);
        }
        (sum * self.factor).max(0.0)
    }

    /// What did not come in an outage comes evenly within `returns` after it.
    fn returning(&self, at: Millis, noise: &mut Noise) -> f64 {
        let mut sum = 0.0;
        for (i, shape) in self.shapes.iter().enumerate() {
            let Shape::Outage { at: from, lasts, returns } = shape else { continue };
            // What comes at once comes within a second.
            let (end, within) = (*from + *lasts, (*returns).max(Millis(SECOND)));
            if at >= end && at < end + within {
                sum += self.missed(i, (from.0, lasts.0), noise) / within.as_secs();
            }
        }
        sum
    }

    /// Records that an outage kept back; worked out once.
    fn missed(&self, shape: usize, (from, lasts): (u64, u64), noise: &mut Noise) -> f64 {
        if let Some(Place::Missed(Some(known))) = noise.places.get(shape) {
            return *known;
        }
        let mut fresh = self.noise(noise.rng.clone());
        let seconds = (from..from + lasts).step_by(SECOND as usize);
        let missed = seconds.map(|t| self.undisturbed(Millis(t), &mut fresh) * share_of_second(t, from + lasts)).sum();
        if let Some(place) = noise.places.get_mut(shape) {
            *place = Place::Missed(Some(missed));
        }
        missed
    }

    /// The highest rate within `duration`, looked at every second, noise left out.
    pub fn peak(&self, duration: Millis) -> f64 {
        let calm = Load { noise: 0.0, ..self.clone() };
        let mut noise = calm.noise(Rng::new(0));
        (0..=duration.0 / SECOND).map(|s| calm.rate(Millis(s * SECOND), &mut noise)).fold(0.0, f64::max)
    }
}

/// An outage may end within a second.
fn share_of_second(from: u64, end: u64) -> f64 {
    (end - from).min(SECOND) as f64 / SECOND as f64
}

fn height(shape: &Shape, at: u64, index: usize, noise: &mut Noise) -> f64 {
    match shape {
        Shape::Constant(rate) => *rate,
        Shape::Steps(steps) => match before(steps, at, index, noise) {
            Some(i) => steps[i].1,
            None => 0.0,
        },
        Shape::Line(points) => line(points, at, index, noise),
        Shape::Sine { mean, amplitude, period, shift } => {
            let turn = (at as f64 - shift.0 as f64) / period.0.max(1) as f64;
            mean + amplitude * libm::sin(TAU * turn)
        }
        Shape::Diurnal { low, high, peak, weekend } => diurnal(at, (*low, *high), peak.0, *weekend),
        Shape::Spike { at: from, rise, hold, fall, height } => height * spike(at, from.0, [rise.0, hold.0, fall.0]),
        Shape::Sawtooth { low, high, period } => {
            let period = period.0.max(1);
            low + (high - low) * (at % period) as f64 / period as f64
        }
        Shape::Dump { records, at: first, period } => {
            let falls = at.checked_sub(first.0).is_some_and(|since| since % period.0.max(1) < SECOND);
            if falls { *records } else { 0.0 }
        }
        Shape::Walk { low, high, step, every } => walk(at, (*low, *high), *step, every.0, index, noise),
        Shape::Outage { .. } => 0.0,
    }
}

/// The last of the times that is not after `at`.
fn before(times: &[(Millis, f64)], at: u64, index: usize, noise: &mut Noise) -> Option<usize> {
    if times.first().is_none_or(|t| t.0.0 > at) {
        return None;
    }
    let mut i = match noise.places.get(index) {
        Some(Place::Index(i)) if times.get(*i).is_some_and(|t| t.0.0 <= at) => *i,
        _ => 0,
    };
    while times.get(i + 1).is_some_and(|t| t.0.0 <= at) {
        i += 1;
    }
    if let Some(place) = noise.places.get_mut(index) {
        *place = Place::Index(i);
    }
    Some(i)
}

/// Linear between the points, constant outside.
fn line(points: &[(Millis, f64)], at: u64, index: usize, noise: &mut Noise) -> f64 {
    let Some(i) = before(points, at, index, noise) else {
        return points.first().map_or(0.0, |p| p.1);
    };
    let (from, low) = points[i];
    let Some((to, high)) = points.get(i + 1) else { return low };
    low + (high - low) * (at - from.0) as f64 / (to.0 - from.0).max(1) as f64
}

/// A hump of a squared raised cosine: half of the day is near its lowest.
fn diurnal(at: u64, (low, high): (f64, f64), peak: u64, weekend: f64) -> f64 {
    let turn = (at as f64 - peak as f64) / DAY as f64;
    let raised = 0.5 + 0.5 * libm::cos(TAU * turn);
    let share = if at / DAY % WEEK >= SATURDAY { weekend } else { 1.0 };
    share * (low + (high - low) * raised * raised)
}

/// From 0 up to 1, there, and back.
fn spike(at: u64, from: u64, [rise, hold, fall]: [u64; 3]) -> f64 {
    let Some(since) = at.checked_sub(from) else { return 0.0 };
    if since < rise {
        return since as f64 / rise as f64;
    }
    match since - rise {
        t if t < hold => 1.0,
        t if t < hold + fall => 1.0 - (t - hold) as f64 / fall as f64,
        _ => 0.0,
    }
}

/// Linear between heights that are `every` apart and differ by at most `step`; turned back at the bounds.
fn walk(at: u64, (low, high): (f64, f64), step: f64, every: u64, index: usize, noise: &mut Noise) -> f64 {
    let every = every.max(1);
    let wanted = at / every + 1;
    let middle = f64::midpoint(low, high);
    let (mut done, mut from, mut to) = match noise.places.get(index) {
        Some(Place::Walk { step, from, to }) if *step <= wanted => (*step, *from, *to),
        _ => (0, middle, middle),
    };
    // Split only where a new stretch begins: most seconds lie in a known one.
    let rng = (done < wanted).then(|| noise.rng.split(&format!("walk {index}")));
    while let Some(rng) = rng.as_ref().filter(|_| done < wanted) {
        let turn = (2.0 * unit(rng.at(done)) - 1.0) * step;
        (from, to) = (to, turned_back(to + turn, low, high));
        done += 1;
    }
    if let Some(place) = noise.places.get_mut(index) {
        *place = Place::Walk { step: done, from, to };
    }
    from + (to - from) * (at % every) as f64 / every as f64
}

fn turned_back(height: f64, low: f64, high: f64) -> f64 {
    let inside = if height < low {
        2.0 * low - height
    } else if height > high {
        2.0 * high - height
    } else {
        height
    };
    // A step longer than the range would leave it on the other side.
    inside.max(low).min(high)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
