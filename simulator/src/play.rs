//! Plays a scenario: the world moves on second by second, the controller looks every interval and commands, and the
//! invariants are checked after every tick.

use crate::controller::{Command, Controller};
use crate::invariants::{Checker, Violation};
use crate::scenario::{FaultKind, Scenario};
use crate::truth::JobTruth;
use crate::world::World;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::units::{Millis, Timestamp};

/// One tick of a world.
pub const TICK: Millis = Millis::secs(1);

/// What a play needs of a world. [`crate::world::World`] is the one; tests of the invariants bring their own.
pub trait Stage {
    /// Its time.
    fn now(&self) -> Timestamp;
    /// Moves on by [`TICK`].
    fn tick(&mut self);
    /// What a reader of Flink sees now.
    fn poll(&mut self) -> Vec<Event>;
    /// Takes a command.
    fn carry_out(&mut self, command: &Command);
    /// What became of commands, as far as it is newly known.
    fn outcomes(&mut self) -> Vec<Event>;
    /// What was true in the last tick.
    fn truth(&self) -> &[JobTruth];
}

/// Looks on: for scores, timelines and reports. Every method may be left out.
pub trait Watch {
    /// After every tick.
    fn tick(&mut self, _at: Timestamp, _truth: &[JobTruth]) {}
    /// What a controller is shown.
    fn shown(&mut self, _at: Timestamp, _events: &[Event]) {}
    /// A command of the controller.
    fn command(&mut self, _at: Timestamp, _command: &Command) {}
}

/// Nobody looks on.
impl Watch for () {}

/// Two look on.
impl<A: Watch, B: Watch> Watch for (&mut A, &mut B) {
    fn tick(&mut self, at: Timestamp, truth: &[JobTruth]) {
        self.0.tick(at, truth);
        self.1.tick(at, truth);
    }
    fn shown(&mut self, at: Timestamp, events: &[Event]) {
        self.0.shown(at, events);
        self.1.shown(at, events);
    }
    fn command(&mut self, at: Timestamp, command: &Command) {
        self.0.command(at, command);
        self.1.command(at, command);
    }
}

/// A play that came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Seconds played.
    pub ticks: u64,
    /// Looks of the controller.
    pub looks: u64,
    /// Changes that the controller asked for.
    pub changes: u64,
    /// Decisions that it wrote down.
    pub decisions: u64,
    /// Calls for a person.
    pub escalations: u64,
}

impl Played {
    fn count(&mut self, command: &Command) {
        match command {
            Command::Act(_) | Command::Rescale { .. } => self.changes += 1,
            Command::Record(_) => self.decisions += 1,
            Command::Escalate(_) => self.escalations += 1,
        }
    }
}

/// Plays a scenario in a world of its own.
pub fn play(
    scenario: &Scenario,
    seed: u64,
    controller: &mut dyn Controller,
    watch: &mut dyn Watch,
) -> Result<Played, Violation> {
    let mut world = World::new(Arc::new(scenario.clone()), seed);
    play_on(&mut world, scenario, seed, controller, watch)
}

/// Plays on any stage.
pub fn play_on(
    stage: &mut dyn Stage,
    scenario: &Scenario,
    seed: u64,
    controller: &mut dyn Controller,
    watch: &mut dyn Watch,
) -> Result<Played, Violation> {
    let mut play = Play::new(scenario, seed, controller, stage.now());
    while play.played.ticks * TICK.0 < scenario.duration.0 {
        play.tick(stage, controller, watch)?;
    }
    Ok(play.played)
}

struct Play<'a> {
    scenario: &'a Scenario,
    began: Timestamp,
    interval: Millis,
    checker: Checker,
    played: Played,
    /// It was killed, and has not come back yet.
    dead: bool,
}

impl<'a> Play<'a> {
    fn new(scenario: &'a Scenario, seed: u64, controller: &dyn Controller, began: Timestamp) -> Play<'a> {
        let interval = controller.interval().unwrap_or(scenario.interval).max(TICK);
        let checker = Checker::new(scenario, seed, began, interval, controller.policies());
        Play { scenario, began, interval, checker, played: Played::default(), dead: false }
    }

    fn tick(
        &mut self,
        stage: &mut dyn Stage,
        controller: &mut dyn Controller,
        watch: &mut dyn Watch,
    ) -> Result<(), Violation> {
        stage.tick();
        self.played.ticks += 1;
        let at = stage.now();
        watch.tick(at, stage.truth());
        self.checker.tick(at, stage.truth());
        self.look(stage, controller, watch, at);
        if let Some(fault) = controller.fault() {
            self.checker.told(fault);
        }
        self.checker.verdict(at)
    }

    /// What became of its commands reaches it at once, what is to be read every interval, and nothing while it is dead.
    fn look(&mut self, stage: &mut dyn Stage, controller: &mut dyn Controller, watch: &mut dyn Watch, at: Timestamp) {
        let mut events = stage.outcomes();
        self.checker.outcomes(&events);
        if !self.is_alive(controller, at) {
            return;
        }
        let due = at.since(self.began).0.is_multiple_of(self.interval.0);
        if due {
            events.extend(stage.poll());
            self.played.looks += 1;
        }
        if events.is_empty() && !due {
            return;
        }
        watch.shown(at, &events);
        self.checker.shown(at, &events);
        for command in controller.look(at, &events) {
            self.played.count(&command);
            watch.command(at, &command);
            self.checker.command(at, &command);
            stage.carry_out(&command);
        }
    }

    fn is_alive(&mut self, controller: &mut dyn Controller, at: Timestamp) -> bool {
        let since = at.since(self.began);
        let (mut dead, mut blink) = (false, false);
        for fault in self.scenario.faults.iter().filter(|f| f.kind == FaultKind::ControllerKilled) {
            let lasts = fault.lasts.unwrap_or_default();
            dead |= since >= fault.at && since < fault.at + lasts;
            blink |= lasts == Millis(0) && since >= fault.at && since < fault.at + TICK;
        }
        let back = (self.dead || blink) && !dead;
        self.dead = dead;
        if back {
            controller.restarted(at);
        }
        !dead
    }
}
