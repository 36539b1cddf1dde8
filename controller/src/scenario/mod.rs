//! Scenarios as text: reading them, with every problem of every file at once.

mod cluster;
mod document;
mod fault;
mod job;
mod known;
mod load;
pub mod schema;
mod values;
pub mod write;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod write_tests;

pub(crate) use load::read_trace;

use crate::policy::files::{self, File};
use crate::policy::node;
use crate::policy::problem::Code;
use crate::policy::reader::Reader;
use crate::policy::{Pos, Problem, Unreadable, fault_of_syntax, text};
use std::path::{Path, PathBuf};
use weirkeeper_simulator::scenario::Scenario;

/// What came of reading scenarios.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The scenarios, in the order of the files; those with problems are left out.
    pub scenarios: Vec<Scenario>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
    /// Paths that could not be opened.
    pub unreadable: Vec<Unreadable>,
}

impl Loaded {
    /// Whether it can be used.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty() && self.unreadable.is_empty()
    }

    /// Everything that is wrong, as it is printed.
    pub fn report(&self) -> Vec<String> {
        let unreadable = self.unreadable.iter().map(ToString::to_string);
        unreadable.chain(self.problems.iter().map(ToString::to_string)).collect()
    }
}

/// Reads every file of `paths`. A path that holds no scenario is a problem.
pub fn load(paths: &[PathBuf]) -> Loaded {
    let (files, unreadable) = files::read(paths);
    let mut loaded = parse(&files);
    loaded.unreadable = unreadable;
    for path in paths.iter().filter(|p| p.is_dir() && !files.iter().any(|f| f.path.starts_with(p))) {
        let message = "the folder holds no scenarios".to_owned();
        loaded.problems.push(Problem::of_path(path, Code::NoScenarios, message, "put a *.yaml file there".to_owned()));
    }
    loaded
}

/// Reads one text; `path` is for messages, and what it names is looked for beside it.
pub fn read(path: &Path, text: &str) -> Loaded {
    parse(&[File { path: path.to_owned(), bytes: text.as_bytes().to_vec() }])
}

/// Whether a file says of itself that it holds scenarios: told by its first document.
pub(crate) fn is_scenario(file: &File) -> bool {
    let Ok(text) = std::str::from_utf8(&file.bytes) else { return false };
    let (documents, _) = node::documents(text.strip_prefix('\u{feff}').unwrap_or(text));
    documents.first().is_some_and(document::is_scenario)
}

pub(crate) fn parse(files: &[File]) -> Loaded {
    let mut loaded = Loaded::default();
    for file in files {
        read_file(file, &mut loaded);
    }
    loaded
}

fn read_file(file: &File, loaded: &mut Loaded) {
    let Some(text) = text(file, &mut loaded.problems) else { return };
    let mut reader = Reader::new(&file.path, text);
    let (documents, fault) = node::documents(text);
    if documents.is_empty() && fault.is_none() {
        let hint = "remove it, or begin with apiVersion";
        reader.report(Pos::START, Code::NoScenarios, "the file holds no scenario", hint);
    }
    for node in &documents {
        let before = reader.problems.len();
        let scenario = document::read(&mut reader, node, &file.path);
        let good = reader.problems.len() == before;
        loaded.scenarios.extend(scenario.filter(|_| good));
    }
    if let Some(fault) = fault {
        fault_of_syntax(&mut reader, fault);
    }
    reader.problems.sort_by_key(|p| p.at);
    loaded.problems.append(&mut reader.problems);
}
