//! 39, 40 and 51: undo once, to what was; what failed is not repeated soon; what keeps failing stops.

use super::Told;
use super::change::Change;
use super::history::History;
use std::collections::BTreeSet;
use weirkeeper_core::effect::Purpose;
use weirkeeper_core::units::{Millis, Timestamp};

/// What failed is not repeated within this.
const NOT_AGAIN: Millis = Millis::hours(1);
/// Failed verifications are counted within this, and so many stop everything.
const BREAKER_WITHIN: Millis = Millis::hours(1);
const BREAKER_AT: usize = 3;

/// 39: undo at most once, by compare-and-set, to recorded values.
pub fn once(change: &Change, history: &History) -> Told {
    if change.purpose != Purpose::Undo {
        return None;
    }
    let Some(run) = history.runs.get(&change.run) else {
        return Some((39, format!("an undo of {}, which nobody began", change.run)));
    };
    if run.undone {
        return Some((39, format!("{} is undone a second time", change.run)));
    }
    if change.bounds != run.before {
        return Some((39, format!("{} is undone to other values than were recorded", change.run)));
    }
    (change.expected != run.target)
        .then(|| (39, format!("the undo of {} compares with other values than were set", change.run)))
}

/// 40: a pair of diagnosis and action that failed is not repeated soon; twice failed needs a person.
pub fn again(change: &Change, history: &History) -> Told {
    let vertices: BTreeSet<usize> = change.vertices.iter().map(|v| v.0).collect();
    let part = |f: &&(bool, BTreeSet<usize>, Timestamp)| f.0 == change.is_down() && f.1.is_subset(&vertices);
    let failed: Vec<_> = history.failed.iter().filter(part).collect();
    let soon = failed.iter().find(|f| change.at.since(f.2) < NOT_AGAIN);
    if let Some((_, _, at)) = soon {
        return Some((40, format!("what failed at {at} is tried again")));
    }
    let twice = failed.iter().find(|f| failed.iter().filter(|g| g.1 == f.1).count() >= 2);
    twice.map(|_| (40, "what failed twice is tried again without a person".to_owned()))
}

/// 51: three failed verifications in the fleet within an hour open a breaker.
pub fn breaker(change: &Change, failed: &[Timestamp]) -> Told {
    let recent: Vec<_> = failed.iter().filter(|at| change.at.since(**at) < BREAKER_WITHIN).collect();
    (recent.len() >= BREAKER_AT)
        .then(|| (51, format!("a change after {} failed verifications within an hour", recent.len())))
}
