//! The border to Flink: who reads a cluster, and who carries actions out. The rest of the loop knows only this.

use std::future::Future;
use std::pin::Pin;
use weirkeeper_core::effect::Action;
use weirkeeper_core::event::{Event, Outcome};

/// A boxed future, so that clusters of different kinds stand in one list.
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes the events of one read as they come up.
pub type Sink<'a> = &'a (dyn Fn(Event) + Send + Sync);

/// Reads a cluster.
pub trait Reader: Send {
    /// Reads every job once. An error: the cluster itself could not be read (a job that cannot be is an event).
    fn read<'a>(&'a mut self, sink: Sink<'a>) -> Work<'a, Result<(), String>>;
}

/// Carries actions out on a cluster.
pub trait Executor: Send + Sync {
    /// Does it, or says why not. Never panics, always ends: every call in it has a time-out.
    fn execute<'a>(&'a self, action: &'a Action, dry_run: bool) -> Work<'a, Outcome>;

    /// Calls made so far, for the figures.
    fn requests(&self) -> u64;
}
