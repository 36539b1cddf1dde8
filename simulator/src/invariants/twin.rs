//! 54: the same events give the same decisions. Two controllers are shown the same, and must say the same.

use crate::controller::{Command, Controller};
use weirkeeper_core::event::Event;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::{Millis, Timestamp};

/// A controller and its twin.
pub struct Twin<A, B> {
    one: A,
    other: B,
    differed: Option<String>,
}

impl<A: Controller, B: Controller> Twin<A, B> {
    /// Of two that are alike.
    pub fn new(one: A, other: B) -> Twin<A, B> {
        Twin { one, other, differed: None }
    }
}

impl<A: Controller, B: Controller> Controller for Twin<A, B> {
    fn name(&self) -> &str {
        self.one.name()
    }

    fn interval(&self) -> Option<Millis> {
        self.one.interval()
    }

    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        let said = self.one.look(at, events);
        let other = self.other.look(at, events);
        if said != other && self.differed.is_none() {
            let first = said.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(said.len().min(other.len()));
            let (a, b) = (said.get(first), other.get(first));
            self.differed = Some(format!("the same events gave {a:?} and {b:?}"));
        }
        said
    }

    fn restarted(&mut self, at: Timestamp) {
        self.one.restarted(at);
        self.other.restarted(at);
    }

    fn policies(&self) -> &[Policy] {
        self.one.policies()
    }

    fn fault(&self) -> Option<(u8, String)> {
        self.differed.clone().map(|what| (54, what))
    }
}
