//! Reading policies again when they change, keeping the last good set.

use super::files::{self, File, Unreadable};
use super::{Loaded, load};
use std::path::PathBuf;
use weirkeeper_core::policy::Policy;

/// Watches paths by reading them: policies are small, and modification times lie (a mounted ConfigMap swaps links, and
/// two saves can fall into one tick of the clock).
pub struct HotReload {
    paths: Vec<PathBuf>,
    seen: Seen,
    good: Vec<Policy>,
}

/// What was last read: contents by path, and what could not be opened.
#[derive(PartialEq, Eq, Default)]
struct Seen {
    files: Vec<(PathBuf, Vec<u8>)>,
    unreadable: Vec<Unreadable>,
}

impl HotReload {
    /// Reads `paths` for the first time; fails with everything that is wrong. Without paths the built-in default is
    /// used, and nothing ever changes.
    pub fn start(paths: &[PathBuf]) -> Result<HotReload, Loaded> {
        let seen = see(paths);
        let loaded = if paths.is_empty() { super::load_builtin() } else { load(paths) };
        if !loaded.is_good() {
            return Err(loaded);
        }
        Ok(HotReload { paths: paths.to_owned(), seen, good: loaded.policies })
    }

    /// The last good set.
    pub fn policies(&self) -> &[Policy] {
        &self.good
    }

    /// Looks again. Absent when nothing changed since the last look; otherwise the new set, or everything that is
    /// wrong with it (once per change), and then [`HotReload::policies`] stays what it was.
    pub fn poll(&mut self) -> Option<Result<&[Policy], Loaded>> {
        if self.paths.is_empty() {
            return None;
        }
        let seen = see(&self.paths);
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        let loaded = load(&self.paths);
        if !loaded.is_good() {
            return Some(Err(loaded));
        }
        self.good = loaded.policies;
        Some(Ok(&self.good))
    }
}

fn see(paths: &[PathBuf]) -> Seen {
    let (files, unreadable) = files::read(paths);
    Seen { files: files.into_iter().map(|File { path, bytes }| (path, bytes)).collect(), unreadable }
}
