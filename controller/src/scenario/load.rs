//! `load:` of a job: a list of shapes that add up, each entry with one name.

use super::{known, values};
use crate::policy::node::{Node, Value};
use crate::policy::problem::Code;
use crate::policy::reader::{Fields, Reader};
use std::path::Path;
use std::sync::Arc;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::scenario::trace::{self, Column, How, Scale};
use weirkeeper_simulator::scenario::{Load, Shape};

enum Entry {
    Shape(Shape),
    Factor(f64),
    Noise(f64),
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, name: &str, path: &Path) -> Option<Load> {
    let entries = reader.list(node, name, |r, n, at| entry(r, n, at, path))?;
    let mut load = Load { shapes: Vec::new(), factor: 1.0, noise: 0.0 };
    for entry in entries {
        match entry {
            Entry::Shape(shape) => load.shapes.push(shape),
            Entry::Factor(factor) => load.factor *= factor,
            Entry::Noise(noise) => load.noise = noise,
        }
    }
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        reader.report(
            node.at,
            Code::BadValue,
            format!("{name} is empty"),
            "write `- constant: 0` if nothing is to come",
        );
    }
    overlap(reader, node, name, &load);
    Some(load)
}

/// What an outage keeps back comes after it, which another must not keep back again.
fn overlap(reader: &mut Reader<'_>, node: &Node, name: &str, load: &Load) {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for shape in &load.shapes {
        if let Shape::Outage { at, lasts, returns } = shape {
            spans.push((at.0, at.0 + lasts.0 + returns.0.max(1_000)));
        }
    }
    spans.sort_unstable();
    if spans.windows(2).any(|w| w[1].0 < w[0].1) {
        let message = format!("an outage of {name} begins before the one before it has returned");
        reader.report(node.at, Code::BadBounds, message, "move it behind the other's at + lasts + returns");
    }
}

fn entry(reader: &mut Reader<'_>, node: &Node, name: &str, path: &Path) -> Option<Entry> {
    let fields = reader.fields(node, name, known::LOAD)?;
    let mut given = known::LOAD.iter().filter(|kind| fields.get(kind).is_some());
    let (Some(kind), None) = (given.next(), given.next()) else {
        let hint = format!("begin each with its own `- `; it is one of {}", known::LOAD.join(", "));
        reader.report(node.at, Code::BadValue, format!("{name} is not one shape"), hint);
        return None;
    };
    match *kind {
        "factor" => reader.get(&fields, kind, values::number).map(Entry::Factor),
        "noise" => reader.get(&fields, kind, Reader::share).map(Entry::Noise),
        _ => shape(reader, &fields, kind, path).map(Entry::Shape),
    }
}

fn shape(reader: &mut Reader<'_>, fields: &Fields<'_>, kind: &str, path: &Path) -> Option<Shape> {
    match kind {
        "constant" => reader.get(fields, kind, values::number).map(Shape::Constant),
        "steps" => reader.get(fields, kind, values::over_time).map(Shape::Steps),
        "line" => reader.get(fields, kind, values::over_time).map(|points| Shape::Line(Arc::new(points))),
        "trace" => reader.get(fields, kind, |r, n, at| trace(r, n, at, path)),
        "sine" => reader.get(fields, kind, sine),
        "diurnal" => reader.get(fields, kind, diurnal),
        "spike" => reader.get(fields, kind, spike),
        "sawtooth" => reader.get(fields, kind, sawtooth),
        "dump" => reader.get(fields, kind, dump),
        "walk" => reader.get(fields, kind, walk),
        _ => reader.get(fields, kind, outage),
    }
}

fn sine(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::SINE)?;
    let mean = reader.need(&f, "mean", values::number);
    let amplitude = reader.need(&f, "amplitude", values::number);
    let period = reader.need(&f, "period", Reader::span);
    let shift = reader.get(&f, "shift", Reader::duration).unwrap_or_default();
    Some(Shape::Sine { mean: mean?, amplitude: amplitude?, period: period?, shift })
}

fn diurnal(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::DIURNAL)?;
    let low = reader.need(&f, "low", values::number);
    let high = reader.need(&f, "high", values::number);
    let peak = reader.get(&f, "peak", Reader::duration).unwrap_or(Millis::hours(14));
    let weekend = reader.get(&f, "weekend", values::number).unwrap_or(1.0);
    Some(Shape::Diurnal { low: low?, high: high?, peak, weekend })
}

fn spike(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::SPIKE)?;
    let at = reader.need(&f, "at", Reader::duration);
    let height = reader.need(&f, "height", values::number);
    let mut span = |field| reader.get(&f, field, Reader::duration).unwrap_or_default();
    let (rise, hold, fall) = (span("rise"), span("hold"), span("fall"));
    Some(Shape::Spike { at: at?, rise, hold, fall, height: height? })
}

fn sawtooth(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::SAWTOOTH)?;
    let low = reader.need(&f, "low", values::number);
    let high = reader.need(&f, "high", values::number);
    let period = reader.need(&f, "period", Reader::span);
    Some(Shape::Sawtooth { low: low?, high: high?, period: period? })
}

fn dump(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::DUMP)?;
    let records = reader.need(&f, "records", values::number);
    let at = reader.get(&f, "at", Reader::duration).unwrap_or_default();
    let period = reader.need(&f, "period", Reader::span);
    Some(Shape::Dump { records: records?, at, period: period? })
}

fn walk(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::WALK)?;
    let low = reader.need(&f, "low", values::number);
    let high = reader.need(&f, "high", values::number);
    let step = reader.need(&f, "step", values::number);
    let every = reader.get(&f, "every", Reader::span).unwrap_or(Millis::minutes(1));
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        reader.report(f.key_at("low"), Code::BadBounds, format!("{name}: low {low} is above high {high}"), "swap them");
    }
    Some(Shape::Walk { low: low?, high: high?, step: step?, every })
}

fn outage(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Shape> {
    let f = reader.fields(node, name, known::OUTAGE)?;
    let at = reader.need(&f, "at", Reader::duration);
    let lasts = reader.need(&f, "lasts", Reader::span);
    let returns = reader.get(&f, "returns", Reader::duration).unwrap_or_default();
    Some(Shape::Outage { at: at?, lasts: lasts?, returns })
}

/// A file beside the scenario.
fn trace(reader: &mut Reader<'_>, node: &Node, name: &str, path: &Path) -> Option<Shape> {
    let f = reader.fields(node, name, known::TRACE)?;
    let file = reader.need(&f, "file", Reader::text)?;
    let how = how(reader, &f);
    let at = path.parent().unwrap_or(Path::new("")).join(&file);
    match read_trace(&at, &how) {
        Ok(points) => Some(Shape::Line(Arc::new(points))),
        Err((message, hint)) => {
            reader.report(f.key_at("file"), Code::BadTrace, message, hint);
            None
        }
    }
}

fn how(reader: &mut Reader<'_>, f: &Fields<'_>) -> How {
    let time = reader.get(f, "time", column);
    let value = reader.get(f, "value", column);
    let peak = reader.get(f, "peak", Reader::above_zero);
    let factor = reader.get(f, "factor", Reader::above_zero);
    if peak.is_some() && factor.is_some() {
        reader.report(f.key_at("peak"), Code::BadBounds, "both peak and factor are given", "keep one of them");
    }
    let scale = peak.map_or(Scale::Factor(factor.unwrap_or(1.0)), Scale::Peak);
    How { time, value, scale, speed: reader.get(f, "speed", Reader::above_zero) }
}

fn column(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Column> {
    match &node.value {
        Value::Number(_) => reader.positive(node, name).map(|p| Column::Position(p as usize)),
        _ => reader.text(node, name).map(Column::Name),
    }
}

/// The points of a CSV file; else what is wrong, and a way out.
pub(crate) fn read_trace(path: &Path, how: &How) -> Result<Vec<(Millis, f64)>, (String, String)> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        (format!("{}: cannot be read: {e}", path.display()), "a trace is looked for beside the scenario".to_owned())
    })?;
    trace::read(&text, how).map_err(|e| (format!("{}:{}:{}: {}", path.display(), e.line, e.column, e.message), e.hint))
}
