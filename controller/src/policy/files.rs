//! Which files are meant by paths.

use std::io;
use std::path::{Path, PathBuf};

/// A file, as bytes.
#[derive(Clone)]
pub struct File {
    /// Its path.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A path that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: cannot be opened: {}", self.path.display(), self.why)
    }
}

/// Files larger than this are not policies; reading stops there.
pub const LARGEST: u64 = 1 << 20;

/// Folders below folders; a link that leads back up would go on for ever.
const DEEPEST: usize = 16;

/// What `paths` hold: files themselves, and `*.yaml` and `*.yml` of folders, all the way down, sorted by path. A file
/// reached twice counts once.
pub fn read(paths: &[PathBuf]) -> (Vec<File>, Vec<Unreadable>) {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for path in paths {
        collect(path, 0, &mut found, &mut unreadable);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|path: &PathBuf| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    let mut files = Vec::new();
    for path in found {
        match bytes(&path) {
            Ok(bytes) => files.push(File { path, bytes }),
            Err(why) => unreadable.push(Unreadable { path, why: why.to_string() }),
        }
    }
    (files, unreadable)
}

/// At most one byte more than is allowed, so that the caller can tell.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn collect(path: &Path, depth: usize, found: &mut Vec<PathBuf>, unreadable: &mut Vec<Unreadable>) {
    let mut failed = |why: io::Error| unreadable.push(Unreadable { path: path.to_owned(), why: why.to_string() });
    match std::fs::metadata(path) {
        Err(why) => failed(why),
        Ok(meta) if !meta.is_dir() => found.push(path.to_owned()),
        Ok(_) if depth >= DEEPEST => failed(io::Error::other("too many folders below folders")),
        Ok(_) => match entries(path) {
            Ok(entries) => entries.iter().for_each(|entry| collect(entry, depth + 1, found, unreadable)),
            Err(why) => failed(why),
        },
    }
}

/// Folders and YAML files of a folder, sorted. Hidden ones are left out: `..data` of a mounted ConfigMap holds the same
/// files once more.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if !hidden && (yaml || path.is_dir()) {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}
