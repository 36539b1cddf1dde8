//! The store in one redb file. redb's own file lock keeps a second process out.

use super::{MAX_DECISIONS, Store, StoreError};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use std::path::Path;
use weirkeeper_core::decision::Decision;
use weirkeeper_core::state::{STORED_VERSION, Stored};

const STATE: TableDefinition<&str, &[u8]> = TableDefinition::new("state");
/// Value: job name and JSON, so that a search by name need not parse the others.
const DECISIONS: TableDefinition<u64, (&str, &[u8])> = TableDefinition::new("decisions");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const VERSION: &str = "version";

/// The whole file is a few MiB; redb's own default of 1 GiB is a bound, not a need.
const CACHE_BYTES: usize = 8 << 20;

/// The store in one file.
pub struct RedbStore {
    db: Database,
}

fn io(e: impl Into<redb::Error>) -> StoreError {
    classify(e.into())
}

/// A disk that fails or is full is not a damaged file.
pub(super) fn classify(e: redb::Error) -> StoreError {
    use std::io::ErrorKind as K;
    match e {
        redb::Error::Io(io) if matches!(io.kind(), K::InvalidData | K::UnexpectedEof) => {
            StoreError::Broken(io.to_string())
        }
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::LockPoisoned(_) | redb::Error::DatabaseClosed => {
            StoreError::Io(e.to_string())
        }
        other => StoreError::Broken(other.to_string()),
    }
}

impl RedbStore {
    /// Opens or creates the file, and checks every page of it. A file of a newer version is refused as broken.
    pub(super) fn open(path: &Path) -> Result<RedbStore, redb::Error> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        Ok(RedbStore { db: builder.create(path)? })
    }

    /// Makes the tables, and tells whether the version is one we can read.
    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        let tx = self.db.begin_write().map_err(io)?;
        {
            tx.open_table(STATE).map_err(io)?;
            tx.open_table(DECISIONS).map_err(io)?;
            let mut meta = tx.open_table(META).map_err(io)?;
            let found = meta.get(VERSION).map_err(io)?.map(|v| v.value());
            match found {
                None => drop(meta.insert(VERSION, u64::from(STORED_VERSION)).map_err(io)?),
                Some(v) if v <= u64::from(STORED_VERSION) => {}
                Some(v) => return Err(newer(v)),
            }
        }
        tx.commit().map_err(io)
    }

    fn try_write(&self, records: &[Stored], decisions: &[Decision]) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().map_err(io)?;
        tx.set_durability(Durability::Immediate).map_err(io)?;
        {
            let mut table = tx.open_table(STATE).map_err(io)?;
            for record in records {
                table.insert(record.key().as_str(), json(record)?.as_slice()).map_err(io)?;
            }
            append(&mut tx.open_table(DECISIONS).map_err(io)?, decisions)?;
        }
        tx.commit().map_err(io)
    }
}

fn newer(version: u64) -> StoreError {
    StoreError::Broken(format!(
        "it was written by a newer weirkeeper (version {version}; this one reads up to {STORED_VERSION})"
    ))
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|e| StoreError::Io(format!("a record cannot be written as JSON: {e}")))
}

/// Appends, and drops the oldest beyond the bound.
fn append(table: &mut redb::Table<'_, u64, (&str, &[u8])>, decisions: &[Decision]) -> Result<(), StoreError> {
    let newest = table.last().map_err(io)?.map(|(k, _)| k.value());
    for (next, decision) in (newest.map_or(0, |n| n + 1)..).zip(decisions) {
        table.insert(next, (&*decision.job.name, json(decision)?.as_slice())).map_err(io)?;
    }
    while table.len().map_err(io)? > MAX_DECISIONS {
        drop(table.pop_first().map_err(io)?);
    }
    Ok(())
}

impl Store for RedbStore {
    fn load(&self) -> Result<Vec<Stored>, StoreError> {
        let tx = self.db.begin_read().map_err(io)?;
        let table = tx.open_table(STATE).map_err(io)?;
        let mut out = Vec::new();
        for entry in table.iter().map_err(io)? {
            let (key, value) = entry.map_err(io)?;
            let record = serde_json::from_slice(value.value())
                .map_err(|e| StoreError::Broken(format!("the record {:?} cannot be read: {e}", key.value())))?;
            out.push(record);
        }
        out.iter().try_for_each(readable)?;
        Ok(out)
    }

    fn write(&self, records: &[Stored], decisions: &[Decision]) -> Result<(), StoreError> {
        if records.is_empty() && decisions.is_empty() {
            return Ok(());
        }
        self.try_write(records, decisions)
    }

    fn decisions(&self, job: Option<&str>, limit: usize) -> Result<Vec<Decision>, StoreError> {
        let tx = self.db.begin_read().map_err(io)?;
        let table = tx.open_table(DECISIONS).map_err(io)?;
        let mut out = Vec::new();
        for entry in table.iter().map_err(io)?.rev() {
            if out.len() >= limit {
                break;
            }
            let (_, value) = entry.map_err(io)?;
            let (name, bytes) = value.value();
            // A decision that this version cannot read any more is history: it is left out, not an error.
            if job.is_none_or(|j| j == name) {
                out.extend(serde_json::from_slice::<Decision>(bytes).ok());
            }
        }
        Ok(out)
    }
}

fn readable(record: &Stored) -> Result<(), StoreError> {
    let (Stored::Fleet { version, .. } | Stored::Job { version, .. }) = record;
    if *version > STORED_VERSION { Err(newer(u64::from(*version))) } else { Ok(()) }
}
