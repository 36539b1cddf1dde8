//! What the loop is sent.

use crate::run::engine::Glance;
use tokio::sync::{mpsc, oneshot};
use weirkeeper_core::event::{Event, KillSwitch};
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Timestamp;

/// A question, answered between two events.
pub type Question = Box<dyn FnOnce(&Glance<'_>) + Send>;

/// One message to the loop.
pub enum Input {
    /// Something happened in the world.
    Event(Event),
    /// Time passed; the state of the kill switch with it, so that neither can be late alone.
    Tick(KillSwitch),
    /// The wall clock was set.
    ClockJumped,
    /// A person's word: answered once it is durable, with what it led to.
    Control(Event, oneshot::Sender<Result<(), String>>),
    /// Other policies from now on.
    Policies(Vec<Policy>),
    /// A question about the state.
    Ask(Question),
    /// Write what is left, and end.
    Stop,
}

/// An input and when it came up.
pub struct Stamped {
    /// When.
    pub at: Timestamp,
    /// What.
    pub input: Input,
}

/// Messages that may wait. A cycle of 500 jobs fits; beyond it the pollers wait, which only makes them later.
pub const QUEUE: usize = 1024;

/// The way to the loop.
#[derive(Clone)]
pub struct Inbox(mpsc::Sender<Stamped>);

/// The loop has ended.
#[derive(Debug, thiserror::Error)]
#[error("weirkeeper is shutting down")]
pub struct Closed;

impl Inbox {
    /// Both ends.
    pub fn new() -> (Inbox, mpsc::Receiver<Stamped>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Inbox(sender), receiver)
    }

    /// Sends it, stamped with the present time.
    pub async fn send(&self, input: Input) -> Result<(), Closed> {
        self.send_at(crate::clock::now(), input).await
    }

    /// Sends what happened at `at`.
    pub async fn send_at(&self, at: Timestamp, input: Input) -> Result<(), Closed> {
        self.0.send(Stamped { at, input }).await.map_err(|_| Closed)
    }

    /// Asks, and waits for the answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Glance<'_>) -> T + Send + 'static,
    ) -> Result<T, Closed> {
        let (sender, receiver) = oneshot::channel();
        let asked = Box::new(move |glance: &Glance<'_>| drop(sender.send(question(glance))));
        self.send(Input::Ask(asked)).await?;
        receiver.await.map_err(|_| Closed)
    }

    /// Passes a person's word on, and waits until it is durable.
    pub async fn control(&self, event: Event) -> Result<Result<(), String>, Closed> {
        let (sender, receiver) = oneshot::channel();
        self.send(Input::Control(event, sender)).await?;
        receiver.await.map_err(|_| Closed)
    }
}
