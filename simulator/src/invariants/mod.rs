//! What may never happen, checked after every tick against what the world knows. Nothing here asks the core: what is
//! forbidden is worked out a second time, from the scenario, the truth of the world, and the commands given.

use crate::controller::Command;
use crate::scenario::Scenario;
use crate::truth::JobTruth;
use std::collections::VecDeque;
use std::fmt;
use weirkeeper_core::decision::Decision;
use weirkeeper_core::event::Event;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Timestamp;

/// Decisions shown with a violation.
const LAST: usize = 8;

/// Something that may never happen has happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The scenario.
    pub scenario: String,
    /// The seed it was played with.
    pub seed: u64,
    /// When, by the world's clock.
    pub at: Timestamp,
    /// Seconds since the start.
    pub tick: u64,
    /// Number of the invariant: ARCHITECTURE.md lists them.
    pub invariant: u8,
    /// What happened.
    pub message: String,
    /// The last decisions before it, oldest first.
    pub decisions: Vec<Decision>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { scenario, seed, at, tick, invariant, message, decisions } = self;
        write!(f, "{scenario}, seed {seed}, second {tick} ({at}): invariant {invariant}: {message}")?;
        decisions.iter().try_for_each(|d| write!(f, "\n  {} {d}", d.at))
    }
}

impl std::error::Error for Violation {}

/// Follows one play.
pub struct Checker {
    scenario: String,
    seed: u64,
    began: Timestamp,
    decisions: VecDeque<Decision>,
    found: Option<(u8, String)>,
}

impl Checker {
    /// For a play that begins now, of a controller that goes by these policies.
    pub fn new(scenario: &Scenario, seed: u64, began: Timestamp, _policies: &[Policy]) -> Checker {
        Checker { scenario: scenario.name.clone(), seed, began, decisions: VecDeque::new(), found: None }
    }

    /// A tick is over.
    pub fn tick(&mut self, _at: Timestamp, _truth: &[JobTruth]) {}

    /// What became of commands, as the world says it.
    pub fn outcomes(&mut self, _events: &[Event]) {}

    /// What the controller is shown.
    pub fn shown(&mut self, _at: Timestamp, _events: &[Event]) {}

    /// What it commands.
    pub fn command(&mut self, _at: Timestamp, command: &Command) {
        if let Command::Record(decision) = command {
            if self.decisions.len() == LAST {
                self.decisions.pop_front();
            }
            self.decisions.push_back((**decision).clone());
        }
    }

    /// The controller notices something wrong with itself.
    pub fn told(&mut self, (invariant, message): (u8, String)) {
        self.found.get_or_insert((invariant, message));
    }

    /// The first violation so far, complete.
    pub fn verdict(&mut self, at: Timestamp) -> Result<(), Violation> {
        let Some((invariant, message)) = self.found.take() else { return Ok(()) };
        Err(Violation {
            scenario: self.scenario.clone(),
            seed: self.seed,
            at,
            tick: at.since(self.began).0 / 1_000,
            invariant,
            message,
            decisions: self.decisions.iter().cloned().collect(),
        })
    }
}
