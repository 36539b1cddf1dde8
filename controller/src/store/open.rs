//! Opening the state file: a damaged one is kept aside under another name, never overwritten.

use super::redb_store::classify;
use super::{RedbStore, Store, StoreError};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use weirkeeper_core::state::Stored;
use weirkeeper_core::units::Timestamp;

/// A state file, ready for use.
pub struct Opened {
    /// The store.
    pub store: RedbStore,
    /// What was in it.
    pub records: Vec<Stored>,
    /// The file was damaged or of a newer version: why, and where it is now. `records` is then empty.
    pub broken: Option<(String, PathBuf)>,
}

/// Opens or creates the state file at `path`.
pub fn open(path: &Path, now: Timestamp) -> Result<Opened, StoreError> {
    make_folder(path)?;
    touch(path)?;
    match try_open(path) {
        Ok((store, records)) => Ok(Opened { store, records, broken: None }),
        Err(StoreError::Broken(why)) => {
            let aside = set_aside(path, now)?;
            touch(path)?;
            let (store, records) = try_open(path)?;
            Ok(Opened { store, records, broken: Some((why, aside)) })
        }
        Err(e) => Err(e),
    }
}

fn unusable(path: &Path, why: impl ToString) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), why: why.to_string() }
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder).map_err(|e| unusable(path, e)),
        None => Err(unusable(path, "it is a folder")),
    }
}

/// Creates the file for its owner alone: it tells what runs where. redb fills an empty file.
fn touch(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false).mode(0o600);
    options.open(path).map(drop).map_err(|e| unusable(path, e))
}

/// redb may panic on a file that something else has written to: that is damage, not the end of the process.
fn try_open(path: &Path) -> Result<(RedbStore, Vec<Stored>), StoreError> {
    let attempt = || {
        let store = RedbStore::open(path).map_err(|e| told(path, e))?;
        store.prepare()?;
        let records = store.load()?;
        Ok((store, records))
    };
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Err(StoreError::Broken("its pages are damaged".into())))
}

fn told(path: &Path, e: redb::Error) -> StoreError {
    match e {
        redb::Error::DatabaseAlreadyOpen => StoreError::Locked(path.to_owned()),
        other => match classify(other) {
            StoreError::Io(why) => unusable(path, why),
            broken => broken,
        },
    }
}

fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".broken-{}", now.0));
    let aside = PathBuf::from(name);
    std::fs::rename(path, &aside).map_err(|e| unusable(path, format!("it is damaged and cannot be moved: {e}")))?;
    Ok(aside)
}
