//! The loop: takes one message after the other from the inbox, on a thread of its own, because the store's writes block.

use crate::run::act::Dispatcher;
use crate::run::engine::Engine;
use crate::run::input::{Input, Stamped};
use tokio::sync::mpsc;
use weirkeeper_core::effect::Action;
use weirkeeper_core::event::{Event, KillSwitch};
use weirkeeper_core::units::Timestamp;

/// Runs until [`Input::Stop`], or until nobody can send any more.
pub fn run(mut engine: Engine, dispatcher: &Dispatcher, mut inbox: mpsc::Receiver<Stamped>) -> Engine {
    let mut switch = None;
    while let Some(Stamped { at, input }) = inbox.blocking_recv() {
        if matches!(input, Input::Stop) {
            break;
        }
        for action in take(&mut engine, &mut switch, at, input) {
            dispatcher.dispatch(action);
        }
    }
    engine.flush();
    engine
}

fn take(engine: &mut Engine, switch: &mut Option<KillSwitch>, at: Timestamp, input: Input) -> Vec<Action> {
    match input {
        Input::Event(event) => engine.handle(at, &event),
        Input::Tick(seen) => tick(engine, switch, at, seen),
        Input::ClockJumped => engine.clock_jumped(at),
        Input::Policies(policies) => {
            engine.set_policies(policies);
            Vec::new()
        }
        Input::Control(event, answer) => {
            let actions = engine.handle(at, &event);
            let durable = if engine.flush() { Ok(()) } else { Err("the state cannot be written".to_owned()) };
            // Whoever asked may be gone.
            let _ = answer.send(durable);
            actions
        }
        Input::Ask(question) => {
            question(&engine.glance());
            Vec::new()
        }
        Input::Stop => Vec::new(),
    }
}

/// The kill switch first, whenever it changed and at the first tick.
fn tick(engine: &mut Engine, switch: &mut Option<KillSwitch>, at: Timestamp, seen: KillSwitch) -> Vec<Action> {
    let mut actions = Vec::new();
    if switch.replace(seen) != Some(seen) {
        say(seen);
        actions.extend(engine.handle(at, &Event::KillSwitch(seen)));
    }
    actions.extend(engine.handle(at, &Event::Tick));
    actions
}

fn say(seen: KillSwitch) {
    match seen {
        KillSwitch::Off => tracing::debug!("the kill switch is off"),
        KillSwitch::On => tracing::warn!("the kill switch is on: nothing is carried out"),
        KillSwitch::Unreadable => tracing::error!("the kill switch cannot be read: nothing is carried out"),
    }
}
