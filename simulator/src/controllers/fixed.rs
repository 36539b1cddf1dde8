//! `static`: whatever happens, it does nothing. What the others are measured against.

use crate::controller::{Command, Controller};
use weirkeeper_core::event::Event;
use weirkeeper_core::units::Timestamp;

/// Never changes anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Static;

impl Controller for Static {
    fn name(&self) -> &str {
        "static"
    }

    fn look(&mut self, _at: Timestamp, _events: &[Event]) -> Vec<Command> {
        Vec::new()
    }
}
