//! Reads values out of a tree of nodes and collects what is wrong with them. A reader returns `None` only after it has
//! reported why, so the caller goes on and finds the next problem.

use super::node::{Node, Value};
use super::problem::{Code, Pos, Problem};
use super::units;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weirkeeper_core::glob::Glob;
use weirkeeper_core::units::Millis;

/// A file being read.
pub struct Reader<'a> {
    path: PathBuf,
    lines: Vec<&'a str>,
    /// What was found so far.
    pub problems: Vec<Problem>,
}

/// The fields of one mapping, and what they are called so far (`scaling.cooldown`).
pub struct Fields<'n> {
    /// Where the mapping begins.
    pub at: Pos,
    /// Its path, for messages; empty at the top.
    pub path: String,
    entries: BTreeMap<&'n str, (Pos, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a field, if it is there.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.get(name).map(|e| e.1)
    }

    /// Where a field's name stands; where the mapping begins when it is not there.
    pub fn key_at(&self, name: &str) -> Pos {
        self.entries.get(name).map_or(self.at, |e| e.0)
    }

    /// The full name of a field.
    pub fn name(&self, field: &str) -> String {
        join(&self.path, field)
    }
}

/// `path.field`, without the dot at the top.
pub fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// Nothing in a policy is longer than a month but the looks back of budgets, and nothing makes sense beyond a year.
const LONGEST: Millis = Millis::hours(366 * 24);

/// Longer globs are accidents, and the check for overlap takes the product of two lengths.
const LONGEST_GLOB: usize = 256;

impl<'a> Reader<'a> {
    /// For the text of a file.
    pub fn new(path: &Path, text: &'a str) -> Reader<'a> {
        Reader { path: path.to_owned(), lines: text.lines().collect(), problems: Vec::new() }
    }

    /// A problem at a place, with its source line.
    pub fn problem(&self, at: Pos, code: Code, message: String, hint: String) -> Problem {
        let line = usize::try_from(at.line).unwrap_or(usize::MAX).saturating_sub(1);
        let source = self.lines.get(line).copied().unwrap_or_default().to_owned();
        Problem { path: self.path.clone(), at, code, message, source, hint }
    }

    /// Notes a problem.
    pub fn report(&mut self, at: Pos, code: Code, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(self.problem(at, code, message.into(), hint.into()));
    }

    /// The place `offset` characters into the scalar that begins at `at`, whether it is quoted or not.
    pub fn inside(&self, at: Pos, offset: usize) -> Pos {
        let line = usize::try_from(at.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
        let first = self.lines.get(line).and_then(|l| l.chars().nth(column));
        at.right(offset + usize::from(matches!(first, Some('"' | '\''))))
    }

    /// Notes that a value is of another kind than expected.
    pub fn wrong_type(&mut self, node: &Node, name: &str, expected: &str, hint: &str) {
        let message = match (&node.value, name.is_empty()) {
            (Value::Null, false) => format!("{name} has no value: {expected} is expected"),
            (value, false) => format!("{name} is {}: {expected} is expected", value.kind()),
            (value, true) => format!("this is {}: {expected} is expected", value.kind()),
        };
        self.report(node.at, Code::WrongType, message, hint);
    }

    /// The fields of a mapping; unknown and repeated ones are reported.
    pub fn fields<'n>(&mut self, node: &'n Node, path: &str, known: &[&str]) -> Option<Fields<'n>> {
        let entries = self.entries(node, path)?;
        for (name, at, _) in &entries {
            if !known.contains(name) {
                self.unknown(*at, path, name, known);
            }
        }
        let entries = entries.into_iter().map(|(name, at, value)| (name, (at, value))).collect();
        Some(Fields { at: node.at, path: path.to_owned(), entries })
    }

    /// The entries of a mapping whose keys are free, in the order of the file; repeated ones are reported.
    pub fn entries<'n>(&mut self, node: &'n Node, path: &str) -> Option<Vec<(&'n str, Pos, &'n Node)>> {
        let Value::Map(map) = &node.value else {
            self.wrong_type(node, path, "a mapping of names to values", "write `name: value` lines below it, indented");
            return None;
        };
        let mut seen: BTreeMap<&str, Pos> = BTreeMap::new();
        let mut entries = Vec::new();
        for (key, value) in map {
            let Value::Text(name) = &key.value else {
                self.wrong_type(key, "a key", "text", "put it in quotes");
                continue;
            };
            match seen.get(name.as_str()) {
                Some(first) => self.repeated(key.at, path, name, *first),
                None => {
                    seen.insert(name, key.at);
                    entries.push((name.as_str(), key.at, value));
                }
            }
        }
        Some(entries)
    }

    fn repeated(&mut self, at: Pos, path: &str, name: &str, first: Pos) {
        let message = format!("{} stands twice: first in line {}", join(path, name), first.line);
        self.report(at, Code::DuplicateKey, message, "keep one of them");
    }

    fn unknown(&mut self, at: Pos, path: &str, name: &str, known: &[&str]) {
        let place = if path.is_empty() { String::new() } else { format!(" in {path}") };
        let meant =
            units::nearest(name, known.iter().copied()).map(|k| format!("did you mean {k}? ")).unwrap_or_default();
        let hint = format!("{meant}known fields{place}: {}", known.join(", "));
        self.report(at, Code::UnknownField, format!("unknown field {name}{place}"), hint);
    }

    /// Reads a field that may be absent.
    pub fn get<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        read: impl FnOnce(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<T> {
        fields.get(name).and_then(|node| read(self, node, &fields.name(name)))
    }

    /// Reads a field that must be there.
    pub fn need<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        read: impl FnOnce(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<T> {
        if fields.get(name).is_none() {
            let message = format!("{} is missing", fields.name(name));
            self.report(fields.at, Code::MissingField, message, format!("add `{name}:`"));
        }
        self.get(fields, name, read)
    }

    /// Text that is not empty.
    pub fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        match &node.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Text(_) => {
                self.report(node.at, Code::WrongType, format!("{name} is empty"), "give it a text, or leave it out");
                None
            }
            _ => {
                self.wrong_type(node, name, "text", "put it in quotes if it is meant as text");
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn truth(&mut self, node: &Node, name: &str) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            _ => {
                self.wrong_type(node, name, "true or false", "write true or false");
                None
            }
        }
    }

    /// A list, each item read; an item that cannot be is left out.
    pub fn list<T>(
        &mut self,
        node: &Node,
        name: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &node.value else {
            self.wrong_type(node, name, "a list", "write it as [a, b], or with one `- ` line for each");
            return None;
        };
        Some(items.iter().enumerate().filter_map(|(i, item)| read(self, item, &format!("{name}[{i}]"))).collect())
    }

    /// A duration with its unit.
    pub fn duration(&mut self, node: &Node, name: &str) -> Option<Millis> {
        let (message, hint) = match &node.value {
            Value::Text(text) => match units::duration(text.trim()) {
                Some(span) if span <= LONGEST => return Some(span),
                Some(_) => {
                    let message = format!("{name} is longer than {LONGEST}");
                    self.report(node.at, Code::OutOfRange, message, "give it less");
                    return None;
                }
                None => (format!("{name}: {text:?} is not a duration"), units::DURATIONS.to_owned()),
            },
            Value::Number(n) => {
                (format!("{name}: {n} has no unit"), format!("if seconds are meant, write {n}s; {}", units::DURATIONS))
            }
            _ => {
                self.wrong_type(node, name, "a duration", units::DURATIONS);
                return None;
            }
        };
        self.report(node.at, Code::WrongUnit, message, hint);
        None
    }

    /// A duration that is not zero.
    pub fn span(&mut self, node: &Node, name: &str) -> Option<Millis> {
        let span = self.duration(node, name)?;
        if span.0 > 0 {
            return Some(span);
        }
        self.report(node.at, Code::OutOfRange, format!("{name} is zero"), "give it at least 1ms");
        None
    }

    /// A share: `0.2` or `20%`.
    pub fn share(&mut self, node: &Node, name: &str) -> Option<f64> {
        let share = match &node.value {
            Value::Number(n) => Some(*n),
            Value::Text(text) => units::percent(text.trim()).map(|p| p / 100.0),
            _ => {
                self.wrong_type(node, name, "a share", "write 0.2 or 20%");
                return None;
            }
        };
        let Some(share) = share else {
            let message = format!("{name} is neither a share nor a percentage");
            self.report(node.at, Code::WrongUnit, message, "write 0.2 or 20%");
            return None;
        };
        if (0.0..=1.0).contains(&share) {
            return Some(share);
        }
        let (code, hint) = match &node.value {
            Value::Number(n) if *n > 1.0 && *n <= 100.0 => {
                (Code::WrongUnit, format!("if a percentage is meant, write {n}%"))
            }
            _ => (Code::OutOfRange, "a share is between 0 and 1, or 0% and 100%".to_owned()),
        };
        self.report(node.at, code, format!("{name} is {share}, which is not a share between 0 and 1"), hint);
        None
    }

    /// Percent of something: `5` or `5%`.
    pub fn percent(&mut self, node: &Node, name: &str) -> Option<f64> {
        let percent = match &node.value {
            Value::Number(n) => Some(*n),
            Value::Text(text) => units::percent(text.trim()),
            _ => {
                self.wrong_type(node, name, "a percentage", "write 5 or 5%");
                return None;
            }
        };
        match percent {
            Some(p) if (0.0..=100.0).contains(&p) => Some(p),
            Some(p) => {
                self.report(node.at, Code::OutOfRange, format!("{name} is {p}"), "a percentage is between 0 and 100");
                None
            }
            None => {
                self.report(node.at, Code::WrongUnit, format!("{name} is not a percentage"), "write 5 or 5%");
                None
            }
        }
    }

    /// A whole number from `low` on.
    pub fn whole(&mut self, node: &Node, name: &str, low: u32) -> Option<u32> {
        let Value::Number(n) = &node.value else {
            self.wrong_type(node, name, "a whole number", "write it in digits, without quotes or unit");
            return None;
        };
        if n.fract() != 0.0 {
            self.report(node.at, Code::WrongType, format!("{name} is {n}: a whole number is expected"), "round it");
            return None;
        }
        // What Flink can count to.
        let high = f64::from(i32::MAX);
        if (f64::from(low)..=high).contains(n) {
            return Some(*n as u32);
        }
        self.report(
            node.at,
            Code::OutOfRange,
            format!("{name} is {n}"),
            format!("it must be between {low} and {high}"),
        );
        None
    }

    /// A whole number from 0 on.
    pub fn count(&mut self, node: &Node, name: &str) -> Option<u32> {
        self.whole(node, name, 0)
    }

    /// A whole number from 1 on.
    pub fn positive(&mut self, node: &Node, name: &str) -> Option<u32> {
        self.whole(node, name, 1)
    }

    /// A finite number above 0.
    pub fn above_zero(&mut self, node: &Node, name: &str) -> Option<f64> {
        match &node.value {
            Value::Number(n) if n.is_finite() && *n > 0.0 => Some(*n),
            Value::Number(n) => {
                self.report(node.at, Code::OutOfRange, format!("{name} is {n}"), "it must be a number above 0");
                None
            }
            _ => {
                self.wrong_type(node, name, "a number", "write it in digits, without quotes or unit");
                None
            }
        }
    }

    /// A glob that can match something.
    pub fn glob(&mut self, node: &Node, name: &str) -> Option<Glob> {
        let text = match &node.value {
            Value::Text(text) => text,
            _ => {
                self.wrong_type(node, name, "a name or a glob", "put it in quotes if it is meant as text");
                return None;
            }
        };
        self.glob_text(text, node.at, name)
    }

    /// The same for a text that is already out of its node.
    pub fn glob_text(&mut self, text: &str, at: Pos, name: &str) -> Option<Glob> {
        let fault = match text {
            t if t.trim().is_empty() => "is empty, so it matches no name",
            t if t.chars().any(char::is_control) => "holds a control character",
            t if t.len() > LONGEST_GLOB => "is longer than 256 bytes",
            _ => return Some(Glob(text.to_owned())),
        };
        let hint = "a glob is a name in which * stands for any characters and ? for one";
        self.report(at, Code::BadGlob, format!("{name} {fault}"), hint);
        None
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, node: &Node, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|c| c.0).collect();
        let text = self.text(node, name)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let meant =
            units::nearest(&text, words.iter().copied()).map(|w| format!("did you mean {w}? ")).unwrap_or_default();
        let hint = format!("{meant}it is one of {}", words.join(", "));
        self.report(node.at, Code::BadValue, format!("{name} cannot be {text:?}"), hint);
        None
    }
}
