//! The parallelism of one vertex.

use super::align::{Aligned, Mode, Target, align};
use super::capacity::{Band, Demand, required};
use super::delayed::{Delayed, Recommendation};
use super::options::Options;
use super::scalability::{Point, coefficient};
use weirkeeper_core::units::Millis;

/// What that project's integers stop at.
pub const INT_MAX: u32 = i32::MAX as u32;

/// What is known of a vertex.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// What runs.
    pub parallelism: u32,
    /// Key groups.
    pub max_parallelism: u32,
    /// Partitions of a source; 0: none or not known.
    pub partitions: u32,
    /// An input arrives by key.
    pub keyed: bool,
    /// What is asked of it.
    pub demand: Demand,
    /// Records/s that it could do if it were always busy; NaN: not known.
    pub true_rate: f64,
    /// Where nothing is done.
    pub band: Band,
}

/// A past rescale of the vertex.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// When, milliseconds.
    pub at: i64,
    /// From.
    pub from: u32,
    /// To.
    pub to: u32,
    /// True rate before it.
    pub true_rate: f64,
    /// True rate that was expected of it.
    pub expected_rate: f64,
}

/// Something worth telling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notice {
    /// `ScalingLimited`: alignment could not do what was wanted.
    Limited,
    /// `IneffectiveScaling`: the last scale-up brought too little.
    Ineffective {
        /// Increase of the true rate that was expected.
        expected: f64,
        /// And that was seen.
        actual: f64,
        /// Whether a further scale-up is withheld for it.
        blocks: bool,
    },
}

/// What is to be done with a vertex.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// New parallelism, and whether the vertex is outside of its band; absent: none.
    pub to: Option<(u32, bool)>,
    /// True rate expected after a change that was found, also when it waits or is withheld.
    pub expected_rate: Option<f64>,
    /// What to tell.
    pub notices: Vec<Notice>,
}

/// Limits of a vertex: an existing parallelism beyond the configured ones is respected.
fn limits(vertex: &Vertex, options: &Options) -> (u32, u32) {
    (vertex.parallelism.min(options.min_parallelism), vertex.parallelism.max(options.max_parallelism))
}

/// `current` times `factor`, rounded up, within limits, aligned. Limits that contradict each other are an error.
pub fn scale(target: &Target, factor: f64, mode: Mode) -> Result<Aligned, &'static str> {
    if target.lower > target.upper {
        return Err("the lower limit is above the upper one");
    }
    let raw = (factor * f64::from(target.current)).ceil().min(f64::from(INT_MAX));
    let wanted = if raw.is_nan() { 0 } else { raw.max(0.0) as u32 };
    let wanted = wanted.max(target.lower).min(target.max_parallelism.min(target.upper));
    Ok(align(&Target { wanted, ..*target }, mode))
}

/// By how much the vertex should grow; NaN: not known.
fn factor(vertex: &Vertex, past: &[Past], options: &Options, restart: Millis) -> f64 {
    let factor = required(vertex.demand, options, options.target, Some(restart)) / vertex.true_rate;
    let points: Vec<Point> = past.iter().map(|p| Point { parallelism: p.from, rate: p.true_rate }).collect();
    let shortfall = if options.scalability {
        coefficient(&points, options.scalability_least, options.coefficient_min)
    } else {
        1.0
    };
    let factor = factor / shortfall;
    let (least, most) = (1.0 - options.scale_down_factor, 1.0 + options.scale_up_factor);
    if factor < least {
        least
    } else if factor > most {
        most
    } else {
        factor
    }
}

/// Decides about one vertex at `now`. `waiting` is its delayed scale-down.
pub fn decide(
    vertex: &Vertex,
    past: &[Past],
    options: &Options,
    restart: Millis,
    now: i64,
    waiting: &mut Option<Delayed>,
) -> Change {
    let needed = required(vertex.demand, options, options.target, Some(restart));
    if vertex.true_rate.is_nan() || needed.is_nan() {
        return Change::default();
    }
    let (lower, upper) = limits(vertex, options);
    let target = Target {
        current: vertex.parallelism,
        wanted: vertex.parallelism,
        partitions: vertex.partitions,
        max_parallelism: vertex.max_parallelism,
        lower,
        upper,
        keyed: vertex.keyed,
    };
    let Ok(aligned) = scale(&target, factor(vertex, past, options, restart), options.alignment) else {
        return Change::default();
    };
    let mut change = apply(vertex, aligned.parallelism, past, options, now, waiting);
    if aligned.limited {
        change.notices.insert(0, Notice::Limited);
    }
    change
}

fn apply(
    vertex: &Vertex,
    to: u32,
    past: &[Past],
    options: &Options,
    now: i64,
    waiting: &mut Option<Delayed>,
) -> Change {
    if to >= vertex.parallelism {
        *waiting = None;
    }
    if to == vertex.parallelism {
        return Change::default();
    }
    let outside = vertex.true_rate < vertex.band.scale_up || vertex.true_rate > vertex.band.scale_down;
    let expected_rate = Some(vertex.true_rate / f64::from(vertex.parallelism) * f64::from(to));
    if to < vertex.parallelism {
        let to = shrink(Recommendation { at: now, parallelism: to, outside }, options, waiting);
        return Change { to, expected_rate, notices: Vec::new() };
    }
    let notice = past.last().and_then(|last| ineffective(vertex, last, options));
    let withheld = matches!(notice, Some(Notice::Ineffective { blocks: true, .. }));
    Change { to: (!withheld).then_some((to, outside)), expected_rate, notices: notice.into_iter().collect() }
}

fn shrink(now: Recommendation, options: &Options, waiting: &mut Option<Delayed>) -> Option<(u32, bool)> {
    if options.scale_down_interval.0 == 0 {
        return Some((now.parallelism, now.outside));
    }
    let start = now.at - options.scale_down_interval.0 as i64;
    let delayed = waiting.get_or_insert_with(|| Delayed::new(now.at));
    delayed.record(now);
    if start < delayed.first {
        return None;
    }
    delayed.largest_since(start).map(|r| (r.parallelism, r.outside))
}

/// The last rescale was a scale-up to what runs now, and brought less than the wanted part of what was expected.
fn ineffective(vertex: &Vertex, last: &Past, options: &Options) -> Option<Notice> {
    if last.to != vertex.parallelism || last.to <= last.from {
        return None;
    }
    let expected = last.expected_rate - last.true_rate;
    let actual = vertex.true_rate - last.true_rate;
    if actual / expected >= options.effectiveness {
        return None;
    }
    Some(Notice::Ineffective { expected, actual, blocks: options.effectiveness_blocks })
}
