//! Policies as text: reading them, with every problem of every file at once, and running their inline tests.

mod calendar;
pub(crate) mod document;
pub(crate) mod files;
pub mod harness;
mod hot;
pub mod inline;
mod inline_job;
mod inline_series;
mod jar;
mod known;
mod limits;
pub(crate) mod node;
mod notation;
mod overlap;
pub(crate) mod problem;
pub(crate) mod reader;
mod scaling;
pub mod schema;
mod selector;
pub(crate) mod units;
mod utilization;

#[cfg(test)]
mod tests;

pub use document::API_VERSION;
pub use files::Unreadable;
pub use hot::HotReload;
pub use inline::InlineTest;
pub use problem::{Code, Pos, Problem};

use document::Document;
use files::File;
use reader::Reader;
use std::path::{Path, PathBuf};
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Millis;

/// What came of reading policies.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The policies, by name; empty when there are problems or something could not be opened.
    pub policies: Vec<Policy>,
    /// Their inline tests, in the order of the files; empty like `policies`.
    pub tests: Vec<InlineTest>,
    /// Everything that is wrong, in the order of the files.
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

/// The shipped careful default.
pub const BUILTIN: &str = include_str!("../../../policies/default.yaml");

/// How the built-in default is called where a path is shown.
const BUILTIN_PATH: &str = "built-in:policies/default.yaml";

/// Reads every file of `paths`. A path that holds no policy is a problem.
pub fn load(paths: &[PathBuf]) -> Loaded {
    let (files, unreadable) = files::read(paths);
    load_files(&files, unreadable, paths, &files)
}

/// Reads those of `all` that are meant to be policies; a folder of `paths` that holds nothing at all is a problem.
pub(crate) fn load_files(policies: &[File], unreadable: Vec<Unreadable>, paths: &[PathBuf], all: &[File]) -> Loaded {
    let mut loaded = parse(policies);
    loaded.unreadable = unreadable;
    for path in paths.iter().filter(|p| p.is_dir() && !all.iter().any(|f| f.path.starts_with(p))) {
        loaded.problems.push(nothing_in(path));
    }
    settle(loaded)
}

/// The built-in default with its tests.
pub fn load_builtin() -> Loaded {
    let file = File { path: PathBuf::from(BUILTIN_PATH), bytes: BUILTIN.as_bytes().to_vec() };
    settle(parse(&[file]))
}

/// What is used when no policies are given.
pub fn builtin() -> Vec<Policy> {
    load_builtin().policies
}

/// What `check` and `test` read: `paths`; without any the folder `./policies`, or, where there is none, the built-in
/// default.
pub fn load_given(paths: &[PathBuf]) -> Loaded {
    let here = PathBuf::from("policies");
    match paths {
        [] if here.is_dir() => load(&[here]),
        [] => load_builtin(),
        paths => load(paths),
    }
}

/// Policies whose window cannot hold the three samples that a decision needs when jobs are read every `interval`: they
/// would never act. One sentence each.
pub fn too_short_for(policies: &[Policy], interval: Millis) -> Vec<String> {
    let short = policies.iter().filter(|p| p.scaling.window < interval.times(3));
    let say = |p: &Policy| {
        let (name, window) = (&p.name, p.scaling.window);
        format!(
            "policy {name}: window {window} holds fewer than 3 samples at an interval of {interval}: it will never act"
        )
    };
    short.map(say).collect()
}

fn parse(files: &[File]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut claims = Vec::new();
    for file in files {
        read_file(file, &mut loaded, &mut claims);
    }
    loaded.problems.extend(overlap::problems(&claims));
    loaded
}

fn read_file(file: &File, loaded: &mut Loaded, claims: &mut Vec<overlap::Claim>) {
    let Some(text) = text(file, &mut loaded.problems) else { return };
    let mut reader = Reader::new(&file.path, text);
    let (documents, fault) = node::documents(text);
    let empty = documents.is_empty() && fault.is_none();
    for node in &documents {
        let Some(Document { policy, tests, name_at, match_at }) = document::read(&mut reader, node, &file.path) else {
            continue;
        };
        claims.push(overlap::Claim::new(&reader, &policy, name_at, match_at));
        loaded.policies.push(policy);
        loaded.tests.extend(tests);
    }
    if let Some(fault) = fault {
        fault_of_syntax(&mut reader, fault);
    }
    if empty {
        reader.report(Pos::START, Code::NoPolicies, "the file holds no policy", "remove it, or begin with apiVersion");
    }
    reader.problems.sort_by_key(|p| p.at);
    loaded.problems.append(&mut reader.problems);
}

/// What is wrong with the YAML itself.
pub(crate) fn fault_of_syntax(reader: &mut Reader<'_>, fault: node::Fault) {
    let (code, hint) = match fault.too_large {
        true => (Code::TooLarge, "split the file, or nest less"),
        false => (
            Code::YamlSyntax,
            "mind indentation and quotes: a value that holds `: `, `#` or begins with * or { needs quotes",
        ),
    };
    reader.report(fault.at, code, fault.message, hint);
}

/// The file as text, if it is some.
pub(crate) fn text<'a>(file: &'a File, problems: &mut Vec<Problem>) -> Option<&'a str> {
    if u64::try_from(file.bytes.len()).is_ok_and(|n| n > files::LARGEST) {
        let message = format!("more than {} bytes", files::LARGEST);
        problems.push(Problem::of_path(&file.path, Code::TooLarge, message, "split it".to_owned()));
        return None;
    }
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            problems.push(not_utf8(file, error.valid_up_to()));
            None
        }
    }
}

fn not_utf8(file: &File, valid: usize) -> Problem {
    let before = String::from_utf8_lossy(&file.bytes[..valid]);
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let byte = file.bytes.get(valid).copied().unwrap_or_default();
    let rest = String::from_utf8_lossy(&file.bytes[valid..]);
    let shown = [before.rsplit('\n').next(), rest.split('\n').next()];
    Problem {
        path: file.path.clone(),
        at: Pos { line: number(line), column: number(column) },
        code: Code::NotUtf8,
        message: format!("the byte {byte:#04x} is not UTF-8"),
        source: shown.into_iter().flatten().collect(),
        hint: "save the file as UTF-8".to_owned(),
    }
}

fn nothing_in(path: &Path) -> Problem {
    let hint = "put a *.yaml file there, or leave the path out for the built-in default".to_owned();
    Problem::of_path(path, Code::NoPolicies, "the folder holds no policies".to_owned(), hint)
}

/// All or nothing.
fn settle(mut loaded: Loaded) -> Loaded {
    if !loaded.is_good() {
        loaded.policies.clear();
        loaded.tests.clear();
    }
    loaded.policies.sort_by(|a, b| a.name.cmp(&b.name));
    loaded
}
