//! A store that forgets: for `recommend`, and for tests.

use super::{MAX_DECISIONS, Store, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weirkeeper_core::decision::Decision;
use weirkeeper_core::state::Stored;

#[derive(Default)]
struct Inner {
    records: BTreeMap<String, Stored>,
    decisions: VecDeque<Decision>,
}

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<Inner>);

impl MemoryStore {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Result<Vec<Stored>, StoreError> {
        Ok(self.inner().records.values().cloned().collect())
    }

    fn write(&self, records: &[Stored], decisions: &[Decision]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.records.extend(records.iter().map(|r| (r.key(), r.clone())));
        inner.decisions.extend(decisions.iter().cloned());
        while inner.decisions.len() as u64 > MAX_DECISIONS {
            inner.decisions.pop_front();
        }
        Ok(())
    }

    fn decisions(&self, job: Option<&str>, limit: usize) -> Result<Vec<Decision>, StoreError> {
        let inner = self.inner();
        let wanted = inner.decisions.iter().rev().filter(|d| job.is_none_or(|j| *d.job.name == *j));
        Ok(wanted.take(limit).cloned().collect())
    }
}
