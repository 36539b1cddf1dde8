//! One document of a policy file.

use super::inline::{self, InlineTest};
use super::known;
use super::node::{Node, Value};
use super::problem::{Code, Pos};
use super::reader::{Fields, Reader};
use super::{calendar, limits, scaling};
use std::collections::BTreeMap;
use std::path::Path;
use weirkeeper_core::policy::{Match, Mode, Policy};

/// The only version there is.
pub const API_VERSION: &str = "weirkeeper.dev/v1";

/// A policy, its tests, and where it says who it is and what it is for.
pub struct Document {
    /// The policy; what could not be read has its default, and a problem was reported.
    pub policy: Policy,
    /// Its tests.
    pub tests: Vec<InlineTest>,
    /// Where its name stands.
    pub name_at: Pos,
    /// Where its `match` stands; the document itself without one. Absent when name or match could not be read: then
    /// it is not known what it claims.
    pub match_at: Option<Pos>,
}

/// Reads a document; absent when it is not a policy at all.
pub fn read(reader: &mut Reader<'_>, node: &Node, path: &Path) -> Option<Document> {
    if !is_policy(reader, node) {
        return None;
    }
    let fields = reader.fields(node, "", known::POLICY)?;
    reader.need(&fields, "apiVersion", api_version);
    not_yet(reader, &fields);
    let name = metadata(reader, &fields);
    let before = reader.problems.len();
    let matches = reader.get(&fields, "match", matches).unwrap_or_default();
    let claims = name.is_some() && reader.problems.len() == before;
    let policy = Policy {
        name: name.unwrap_or_default(),
        matches,
        mode: reader.get(&fields, "mode", mode).unwrap_or_default(),
        scaling: reader.get(&fields, "scaling", scaling::read).unwrap_or_default(),
        limits: reader.get(&fields, "limits", limits::read).unwrap_or_default(),
        freeze: reader.get(&fields, "freeze", |r, n, at| r.list(n, at, calendar::freeze)).unwrap_or_default(),
    };
    let tests = reader.get(&fields, "tests", |r, n, at| r.list(n, at, |r, n, at| inline::read(r, n, at, path)));
    let mut tests = tests.unwrap_or_default();
    same_name(reader, &tests);
    tests.iter_mut().for_each(|test| test.policy = policy.clone());
    let name_at = fields.get("metadata").map_or(node.at, |n| name_position(n).unwrap_or(n.at));
    Some(Document { policy, tests, name_at, match_at: claims.then(|| fields.key_at("match")) })
}

/// Whether the document says that it is a policy. Whatever else it is has other fields, which are not looked at.
fn is_policy(reader: &mut Reader<'_>, node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return true };
    let kind = entries.iter().find(|(key, _)| key.value == Value::Text("kind".to_owned()));
    let Some((_, kind)) = kind else {
        let hint = format!("begin the document with `apiVersion: {API_VERSION}` and `kind: Policy`");
        reader.report(node.at, Code::MissingField, "kind is missing", hint);
        return true;
    };
    let (code, message, hint) = match &kind.value {
        Value::Text(text) if text == "Policy" => return true,
        Value::Text(text) if text == "Runbook" => {
            (Code::NotYet, format!("kind {text} is not read by this version"), "keep it in a folder of its own")
        }
        Value::Text(text) if text == "Scenario" => {
            (Code::Kind, "a scenario is not a policy".to_owned(), "keep it in a folder of its own")
        }
        Value::Text(text) => (Code::Kind, format!("kind {text:?} is not known"), "write `kind: Policy`"),
        value => (Code::Kind, format!("kind is {}", value.kind()), "write `kind: Policy`"),
    };
    reader.report(kind.at, code, message, hint);
    false
}

pub(crate) fn api_version(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<()> {
    let text = reader.text(node, name)?;
    if text != API_VERSION {
        let hint = format!("this version reads {API_VERSION}");
        reader.report(node.at, Code::ApiVersion, format!("{name} {text:?} is not known"), hint);
    }
    Some(())
}

/// Fields that have their place, but come with a later version.
fn not_yet(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    for (name, with) in [("rules", "conditions and runbooks"), ("notify", "notifications")] {
        if fields.get(name).is_some() {
            let message = format!("{name} comes with {with}, which this version lacks");
            reader.report(fields.key_at(name), Code::NotYet, message, "leave it out until then");
        }
    }
}

fn metadata(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    reader.need(fields, "metadata", |reader, node, path| {
        let fields = reader.fields(node, path, known::METADATA)?;
        reader.need(&fields, "name", file_name)
    })
}

/// A name that fits in a label, a file name and a Kubernetes object.
pub(crate) fn file_name(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<String> {
    let text = reader.text(node, name)?;
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if text.len() <= 63 && text.chars().all(good) && ends(text.chars().next()) && ends(text.chars().last()) {
        return Some(text);
    }
    let hint = "up to 63 lower-case letters, digits, - and ., with a letter or digit at either end";
    reader.report(node.at, Code::BadValue, format!("{name} cannot be {text:?}"), hint);
    None
}

fn name_position(metadata: &Node) -> Option<Pos> {
    let Value::Map(entries) = &metadata.value else { return None };
    entries.iter().find(|(key, _)| key.value == Value::Text("name".to_owned())).map(|(_, name)| name.at)
}

fn matches(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Match> {
    let fields = reader.fields(node, name, known::MATCH)?;
    let mut globs = |field| reader.get(&fields, field, |r, n, at| r.list(n, at, Reader::glob)).unwrap_or_default();
    let (namespaces, jobs) = (globs("namespaces"), globs("jobs"));
    let labels = reader.get(&fields, "labels", labels).unwrap_or_default();
    Some(Match { namespaces, jobs, labels })
}

pub(crate) fn labels(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<BTreeMap<String, String>> {
    let entries = reader.entries(node, name)?;
    let mut labels = BTreeMap::new();
    for (key, _, value) in entries {
        if let Some(text) = reader.text(value, &format!("{name}.{key:?}")) {
            labels.insert(key.to_owned(), text);
        }
    }
    Some(labels)
}

fn mode(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Mode> {
    let modes =
        [("observe", Mode::Observe), ("recommend", Mode::Recommend), ("approve", Mode::Approve), ("auto", Mode::Auto)];
    reader.choice(node, name, &modes)
}

/// Two tests of one name cannot be told apart in a report.
fn same_name(reader: &mut Reader<'_>, tests: &[InlineTest]) {
    for (i, test) in tests.iter().enumerate() {
        if tests[..i].iter().any(|t| t.name == test.name) {
            reader.report(
                test.at,
                Code::BadTest,
                format!("two tests are called {:?}", test.name),
                "rename one of them",
            );
        }
    }
}
