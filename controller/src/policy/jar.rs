//! `scaling.jar` of a policy: what is run again after a job was stopped with a savepoint.

use super::known;
use super::node::{Node, Value};
use super::problem::Code;
use super::reader::{Fields, Reader};
use std::collections::BTreeMap;
use weirkeeper_core::policy::{Apply, Jar};

/// Reads it; `stop-with-savepoint` needs one, and nothing else has use for it.
pub fn read(reader: &mut Reader<'_>, fields: &Fields<'_>, apply: Apply) -> Option<Jar> {
    let stated = fields.get("jar").is_some();
    if apply == Apply::StopWithSavepoint && !stated {
        let message =
            format!("{} is stop-with-savepoint, and nothing says what is to be run again", fields.name("apply"));
        let hint = "add `jar: { name: ledger.jar, entryClass: ..., args: [...], config: { key: value } }`: the name as \
                    GET /jars lists it, and all arguments and settings of the job, because Flink keeps none of them";
        reader.report(fields.key_at("apply"), Code::MissingField, message, hint);
    }
    if apply == Apply::InPlace && stated {
        let message = format!("{} is run again only with apply: stop-with-savepoint", fields.name("jar"));
        reader.report(
            fields.key_at("jar"),
            Code::BadBounds,
            message,
            "add `apply: stop-with-savepoint`, or leave it out",
        );
    }
    reader.get(fields, "jar", jar)
}

fn jar(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Jar> {
    let fields = reader.fields(node, name, known::JAR)?;
    let jar = reader.need(&fields, "name", Reader::text);
    let entry_class = reader.get(&fields, "entryClass", Reader::text);
    let args = reader.get(&fields, "args", |r, n, name| r.list(n, name, scalar)).unwrap_or_default();
    let config = reader.get(&fields, "config", config).unwrap_or_default();
    Some(Jar { name: jar?, entry_class, args, config })
}

fn config(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<BTreeMap<String, String>> {
    let entries = reader.entries(node, name)?;
    let pairs = entries.into_iter().filter_map(|(key, _, value)| {
        let path = format!("{name}.{key:?}");
        Some((key.to_owned(), scalar(reader, value, &path)?))
    });
    Some(pairs.collect())
}

/// Settings and arguments are text to Flink; numbers and truths may stand without quotes.
fn scalar(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<String> {
    match &node.value {
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Text(text) => Some(text.clone()),
        value => {
            let message = format!("{name} is {}: text is expected", value.kind());
            reader.report(node.at, Code::WrongType, message, "write it in quotes, on one line");
            None
        }
    }
}
