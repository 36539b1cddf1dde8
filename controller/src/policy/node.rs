//! YAML as a tree in which every node knows where it stands. All later checks walk this tree, so that one fault does
//! not hide another.

use super::problem::Pos;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use std::fmt;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Pos,
    /// What it is.
    pub value: Value,
}

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, repeated keys and all.
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What it is, in words for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A fault of the YAML itself.
pub struct Fault {
    /// Where, as far as known.
    pub at: Pos,
    /// What.
    pub message: String,
    /// It is well-formed, but more than is read.
    pub too_large: bool,
}

/// Deeper nesting than this is refused: a policy has seven levels, and the tree is walked recursively.
const MAX_DEPTH: usize = 48;

/// Documents in one file.
const MAX_DOCUMENTS: usize = 1_000;

/// Nodes in one file, those that aliases repeat among them: a few lines of aliases of aliases would grow without end.
const MAX_NODES: usize = 100_000;

/// The documents of `text` up to the first fault of syntax. Aliases and merge keys are resolved; repeated keys stay.
pub fn documents(text: &str) -> (Vec<Node>, Option<Fault>) {
    let mut bytes = text.as_bytes();
    let mut found = Vec::new();
    for document in serde_yaml::read_with_options::<_, Node>(&mut bytes, options()) {
        match document {
            Ok(node) => found.push(node),
            Err(error) => return (found, Some(fault(&error))),
        }
    }
    (found, None)
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! { max_depth: MAX_DEPTH, max_documents: MAX_DOCUMENTS, max_nodes: MAX_NODES },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_NODES },
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: serde_yaml::options::NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn fault(error: &serde_yaml::Error) -> Fault {
    let error = error.without_snippet();
    let at = error.location().map_or(Pos::START, |l| position(&l));
    let too_large = is_too_large(error);
    let message = error.to_string();
    // The place is printed already.
    let end = message.find(" at line ").or_else(|| message.find(" at byte ")).unwrap_or(message.len());
    Fault { at, message: message[..end].trim_end_matches([',', ':']).to_owned(), too_large }
}

fn is_too_large(error: &serde_yaml::Error) -> bool {
    use serde_yaml::Error;
    match error {
        Error::AliasError { error, .. } => is_too_large(error.without_snippet()),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => true,
        _ => false,
    }
}

fn position(location: &serde_yaml::Location) -> Pos {
    let bounded = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Pos { line: bounded(location.line()), column: bounded(location.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { at: position(&spanned.referenced), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v as f64))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v as f64))
    }

    fn visit_i128<E>(self, v: i128) -> Result<Value, E> {
        Ok(Value::Number(v as f64))
    }

    fn visit_u128<E>(self, v: u128) -> Result<Value, E> {
        Ok(Value::Number(v as f64))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Number(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Value, E> {
        Ok(Value::Text(String::from_utf8_lossy(v).into_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}
