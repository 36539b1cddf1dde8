//! What a controller is to a world: it is told what a reader of Flink sees, and answers with commands.

use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::decision::Decision;
use weirkeeper_core::effect::Action;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::{Millis, Timestamp};

/// What a controller asks of the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// An action of Weirkeeper's core, with its token. Its outcome comes back as an event.
    Act(Box<Action>),
    /// A rescale of any other controller, by vertex id; vertices that are not named stay.
    Rescale {
        /// Which job.
        job: JobKey,
        /// Target.
        target: BTreeMap<Arc<str>, u32>,
    },
    /// A decision, for the timeline.
    Record(Box<Decision>),
    /// A person is called.
    Escalate(String),
}

/// A controller. It sees what can be read of Flink and nothing else.
pub trait Controller {
    /// Its name, as on the command line.
    fn name(&self) -> &str;
    /// How often it looks; absent: as the scenario says.
    fn interval(&self) -> Option<Millis> {
        None
    }
    /// Takes what was read, and what became of its actions, at `at`.
    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command>;
    /// The policies it goes by, for the invariants; none: nothing is promised, and little is checked.
    fn policies(&self) -> &[Policy] {
        &[]
    }
    /// What is wrong with itself, as number of the invariant and sentence, if it notices.
    fn fault(&self) -> Option<(u8, String)> {
        None
    }
    /// It was killed and has come back with what it keeps on disk.
    fn restarted(&mut self, _at: Timestamp) {}
}
