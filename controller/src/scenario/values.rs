//! Values that only scenarios have: rates, sizes, lists of pairs.

use crate::policy::node::{Node, Value};
use crate::policy::problem::Code;
use crate::policy::reader::Reader;
use crate::policy::units;
use weirkeeper_core::units::Millis;

/// A finite number from 0 on.
pub fn number(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<f64> {
    let n = any_number(reader, node, name)?;
    if n >= 0.0 {
        return Some(n);
    }
    reader.report(node.at, Code::OutOfRange, format!("{name} is {n}"), "it must be a number from 0 on");
    None
}

/// A finite number.
pub fn any_number(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<f64> {
    match &node.value {
        Value::Number(n) if n.is_finite() => Some(*n),
        Value::Number(n) => {
            reader.report(node.at, Code::OutOfRange, format!("{name} is {n}"), "it must be a finite number");
            None
        }
        _ => {
            reader.wrong_type(node, name, "a number", "write it in digits, without quotes or unit");
            None
        }
    }
}

/// Bytes: `1GiB`, `500MB`, `1Gi`, or a plain number.
pub fn size(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<f64> {
    let text = match &node.value {
        Value::Number(_) => return number(reader, node, name),
        Value::Text(text) => text.trim(),
        _ => {
            reader.wrong_type(node, name, "a number of bytes", SIZES);
            return None;
        }
    };
    let bytes = units::bytes(text.strip_suffix('B').unwrap_or(text)).map(|b| b as f64);
    if bytes.is_none() {
        reader.report(node.at, Code::WrongUnit, format!("{name}: {text:?} is not a number of bytes"), SIZES);
    }
    bytes
}

const SIZES: &str = "write it as 500MB, 1GiB or 4096";

/// `[[10m, 100], [20m, 300]]`, times rising.
pub fn over_time(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<(Millis, f64)>> {
    let points = reader.list(node, name, |r, n, name| {
        let (at, rate) = pair(r, n, name, "[time, records/s]")?;
        Some((r.duration(at, name)?, number(r, rate, name)?))
    })?;
    if points.is_empty() {
        reader.report(node.at, Code::BadValue, format!("{name} is empty"), "give at least one [time, records/s]");
        return None;
    }
    if points.windows(2).any(|w| w[1].0 <= w[0].0) {
        reader.report(node.at, Code::BadBounds, format!("the times of {name} do not rise"), "sort them, each once");
        return None;
    }
    Some(points)
}

/// `[[1, 1000], [4, 3500]]`, parallelism rising.
pub fn by_parallelism(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<(u32, f64)>> {
    let points = reader.list(node, name, |r, n, name| {
        let (p, rate) = pair(r, n, name, "[parallelism, records/s]")?;
        Some((r.positive(p, name)?, r.above_zero(rate, name)?))
    })?;
    if points.windows(2).any(|w| w[1].0 <= w[0].0) {
        let hint = "sort them, each once";
        reader.report(node.at, Code::BadBounds, format!("the parallelisms of {name} do not rise"), hint);
        return None;
    }
    Some(points)
}

/// A list of exactly two.
fn pair<'n>(reader: &mut Reader<'_>, node: &'n Node, name: &str, form: &str) -> Option<(&'n Node, &'n Node)> {
    match &node.value {
        Value::List(items) if items.len() == 2 => Some((&items[0], &items[1])),
        _ => {
            reader.wrong_type(node, name, form, "write it as a list of two");
            None
        }
    }
}
