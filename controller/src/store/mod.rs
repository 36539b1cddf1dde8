//! What must survive a crash: the core's durable records and a bounded log of decisions, in one file.

mod memory;
mod open;
mod redb_store;

pub use memory::MemoryStore;
pub use open::{Opened, open};
pub use redb_store::RedbStore;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use weirkeeper_core::decision::Decision;
use weirkeeper_core::state::Stored;

/// Decisions kept, over all jobs: at 1 KiB each the file stays near 10 MiB, and a fleet of 500 jobs keeps the last 20 of each.
pub const MAX_DECISIONS: u64 = 10_000;

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("{0}: another weirkeeper uses this state file; stop it, or give this one its own with --state FILE")]
    Locked(PathBuf),
    /// The folder or the file cannot be used at all.
    #[error("{path}: cannot use this state file: {why}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is there, but it is damaged, or of a newer version.
    #[error("{0}")]
    Broken(String),
    /// A read or a write failed.
    #[error("the state file failed: {0}")]
    Io(String),
}

/// A durable store. `write` returns once everything in it would survive the loss of power, or fails as a whole.
pub trait Store: Send + Sync {
    /// Every record.
    fn load(&self) -> Result<Vec<Stored>, StoreError>;
    /// Writes records (by their keys) and appends decisions, in one transaction.
    fn write(&self, records: &[Stored], decisions: &[Decision]) -> Result<(), StoreError>;
    /// The newest decisions, newest first: of one job by its name, or of all.
    fn decisions(&self, job: Option<&str>, limit: usize) -> Result<Vec<Decision>, StoreError>;
}
