//! A command that changes a job, as all invariants look at it.

use super::history::{Done, History, Seen};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::{Action, ActionKind, Purpose, RunId, Stage};
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::units::{Parallelism, Timestamp};

/// A change.
#[derive(Clone, Debug)]
pub struct Change {
    pub at: Timestamp,
    pub job: usize,
    pub run: RunId,
    pub purpose: Purpose,
    /// By position.
    pub target: Vec<u32>,
    /// Position, now, then.
    pub vertices: Vec<(usize, u32, u32)>,
    pub bounds: BTreeMap<Arc<str>, Bounds>,
    pub expected: BTreeMap<Arc<str>, Bounds>,
    pub redeploy: bool,
}

impl Change {
    /// What an action changes; absent for one that only asks, and for the second half of a redeploy.
    pub fn of(at: Timestamp, job: usize, action: &Action, history: &History) -> Option<Change> {
        let bounds = |sizes: &BTreeMap<Arc<str>, Parallelism>| {
            let one = |(id, p): (&Arc<str>, &Parallelism)| (id.clone(), Bounds { lower: Parallelism(1), upper: *p });
            sizes.iter().map(one).collect::<BTreeMap<_, _>>()
        };
        let (purpose, target, expected, redeploy) = match &action.kind {
            ActionKind::Rescale { purpose, target, expected, .. } => {
                (*purpose, target.clone(), expected.clone(), false)
            }
            ActionKind::Redeploy(r) if r.stage == Stage::Stop => {
                (r.purpose, bounds(&r.target), bounds(&r.expected), true)
            }
            _ => return None,
        };
        let uppers = history.uppers(&target);
        let vertices = history.changes(&uppers);
        Some(Change { at, job, run: action.run, purpose, target: uppers, vertices, bounds: target, expected, redeploy })
    }

    /// A new disruption: neither an undo nor a withdrawal.
    pub fn is_new(&self) -> bool {
        matches!(self.purpose, Purpose::Up | Purpose::Down)
    }

    pub fn is_down(&self) -> bool {
        self.purpose == Purpose::Down
    }

    /// As it is remembered.
    pub fn seen(&self, history: &History) -> Seen {
        Seen {
            purpose: self.purpose,
            before: self.expected.clone(),
            target: self.bounds.clone(),
            changes: self.vertices.iter().map(|v| v.0).collect(),
            checkpoints: history.checkpoints,
            unclear: false,
            accepted: false,
            undoing: false,
            undone: false,
            failed: false,
            over: false,
        }
    }

    pub fn done(&self, arriving: f64) -> Done {
        let (at, run, purpose, vertices) = (self.at, self.run, self.purpose, self.vertices.clone());
        Done { at, run, purpose, vertices, arriving }
    }
}
