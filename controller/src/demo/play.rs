//! The loop of the demo: the world's time instead of the clock's, the engine of `run`, and questions in between.

use super::tell::Tell;
use crate::clock;
use crate::run::engine::Engine;
use crate::run::input::{Input, Stamped};
use crate::run::poll::SharedHealth;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use weirkeeper_core::effect::Action;
use weirkeeper_core::event::{Event, KillSwitch};
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::controller::Command;
use weirkeeper_simulator::scenario::Scenario;
use weirkeeper_simulator::world::World;

/// Questions wait for no more than this.
const BREATH: Duration = Duration::from_millis(50);
/// How the jobs are is said this often, by the world's time.
const STATUS: Millis = Millis::minutes(5);

/// A world and who looks after it.
pub struct Play {
    world: World,
    engine: Engine,
    inbox: Receiver<Stamped>,
    health: SharedHealth,
    tell: Arc<Tell>,
    interval: Millis,
    speed: f64,
    ticks: u64,
}

impl Play {
    /// At `speed` times the clock.
    pub fn new(
        scenario: Scenario,
        engine: Engine,
        inbox: Receiver<Stamped>,
        health: SharedHealth,
        tell: Arc<Tell>,
        speed: f64,
    ) -> Play {
        let (interval, seed) = (scenario.interval, scenario.seed);
        let world = World::new(Arc::new(scenario), seed);
        Play { world, engine, inbox, health, tell, interval, speed, ticks: 0 }
    }

    /// Until told to stop.
    pub fn run(mut self, stop: &AtomicBool) {
        let began = Instant::now();
        self.handle(&Event::KillSwitch(KillSwitch::Off));
        while !stop.load(Ordering::SeqCst) {
            let due = (began.elapsed().as_secs_f64() * self.speed) as u64;
            while self.ticks < due && !stop.load(Ordering::SeqCst) {
                self.second();
            }
            self.answer();
            std::thread::sleep(BREATH);
        }
        self.engine.flush();
    }

    /// One second of the world.
    pub fn second(&mut self) {
        self.world.tick();
        self.ticks += 1;
        for event in self.world.outcomes() {
            self.handle(&event);
        }
        if (self.ticks * 1_000).is_multiple_of(self.interval.0) {
            for event in self.world.poll() {
                self.handle(&event);
            }
            self.handle(&Event::Tick);
            self.health.update(&Ok(()), clock::now());
        }
        if (self.ticks * 1_000).is_multiple_of(STATUS.0) {
            self.tell.status(self.world.now(), self.world.truth());
        }
    }

    fn handle(&mut self, event: &Event) {
        let actions = self.engine.handle(self.world.now(), event);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        actions.into_iter().for_each(|action| self.world.carry_out(&Command::Act(Box::new(action))));
    }

    /// What people ask and say through the API.
    fn answer(&mut self) {
        while let Ok(Stamped { input, .. }) = self.inbox.try_recv() {
            match input {
                Input::Ask(question) => question(&self.engine.glance()),
                Input::Control(event, answer) => {
                    self.handle(&event);
                    let durable = if self.engine.flush() { Ok(()) } else { Err("it could not be kept".to_owned()) };
                    // Whoever asked may be gone.
                    let _ = answer.send(durable);
                }
                Input::Event(_) | Input::Tick(_) | Input::ClockJumped | Input::Policies(_) | Input::Stop => {}
            }
        }
    }
}
