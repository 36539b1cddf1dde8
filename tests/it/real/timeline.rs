//! What was seen, decided and done in a scenario, with times relative to the last change from outside, as a file a
//! person can read: `target/scenarios/NAME-FLINK.md`.

use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock: Flink's, the lab's and Weirkeeper's figures are all in it.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0))
}

#[derive(Clone)]
struct Entry {
    at_ms: u64,
    who: &'static str,
    text: String,
    /// A change from outside: times count from here.
    mark: bool,
}

#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    figures: Vec<(String, String)>,
}

/// The timeline of one scenario; copies write into the same.
#[derive(Clone)]
pub struct Timeline {
    name: Arc<str>,
    began_ms: u64,
    book: Arc<Mutex<Book>>,
}

impl Timeline {
    /// Begins now. The name is also the file's.
    pub fn new(name: &str) -> Timeline {
        Timeline { name: name.into(), began_ms: now_ms(), book: Arc::default() }
    }

    /// A change from outside, from which the times after it count.
    pub fn mark(&self, at_ms: u64, label: impl Into<String>) {
        self.push(Entry { at_ms, who: "outside", text: label.into(), mark: true });
    }

    /// Something that happened now.
    pub fn note(&self, who: &'static str, text: impl Into<String>) {
        self.note_at(now_ms(), who, text);
    }

    /// Something that happened then.
    pub fn note_at(&self, at_ms: u64, who: &'static str, text: impl Into<String>) {
        self.push(Entry { at_ms, who, text: text.into(), mark: false });
    }

    /// A result worth a line at the top of the file, and on the terminal.
    pub fn figure(&self, name: impl Into<String>, value: impl Into<String>) {
        self.book().figures.push((name.into(), value.into()));
    }

    fn push(&self, entry: Entry) {
        self.book().entries.push(entry);
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the file; says where it is.
    pub fn write(&self, outcome: &str) -> Result<PathBuf> {
        let folder = folder()?;
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.md", self.name));
        std::fs::write(&path, self.text(outcome)).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    fn text(&self, outcome: &str) -> String {
        let book = self.book();
        let mut entries = book.entries.clone();
        entries.sort_by_key(|e| e.at_ms);
        let mut text = format!("# {}\n\n{outcome}\n\n", self.name);
        for (name, value) in &book.figures {
            let _ = writeln!(text, "- {name}: {value}");
        }
        text.push_str("\n| time | who | what |\n| ---: | --- | --- |\n");
        let mut since = (self.began_ms, "start".to_owned());
        for entry in &entries {
            if entry.mark {
                since = (entry.at_ms, entry.text.clone());
            }
            let time = relative(&since, entry);
            let _ =
                writeln!(text, "| {time} | {} | {} |", entry.who, entry.text.replace('|', "\\|").replace('\n', " "));
        }
        text
    }

    /// The figures, for the terminal.
    pub fn summary(&self) -> String {
        let figures: Vec<_> = self.book().figures.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        format!("{}: {}", self.name, figures.join("; "))
    }
}

fn relative(since: &(u64, String), entry: &Entry) -> String {
    if entry.mark {
        return format!("**{}**", since.1);
    }
    format!("+{:.1} s", seconds_between(since.0, entry.at_ms))
}

/// Seconds from one wall clock time to another; negative where the second is earlier.
pub fn seconds_between(from_ms: u64, to_ms: u64) -> f64 {
    let millis = i64::try_from(to_ms).unwrap_or(0) - i64::try_from(from_ms).unwrap_or(0);
    std::time::Duration::from_millis(millis.unsigned_abs()).as_secs_f64() * if millis < 0 { -1.0 } else { 1.0 }
}

/// `target/scenarios`.
fn folder() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("the test binary is not in target/PROFILE/deps")?;
    Ok(Path::new(target).join("scenarios"))
}
