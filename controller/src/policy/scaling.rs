//! `scaling:` of a policy.

use super::calendar::read_calendar;
use super::known;
use super::node::{Node, Value};
use super::problem::Code;
use super::reader::{Fields, Reader};
use super::{jar, units, utilization};
use weirkeeper_core::glob::Glob;
use weirkeeper_core::policy::{Apply, AsyncIo, Cooldown, Floor, ScaleDown, Scaling, VertexPolicy};
use weirkeeper_core::units::{Millis, Parallelism, RecordsPerSec};

/// Reads it; what cannot be read keeps its default and has been reported.
pub fn read(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Scaling> {
    let fields = reader.fields(node, name, known::SCALING)?;
    let mut scaling = Scaling::default();
    utilization::read(reader, &fields, &mut scaling);
    times(reader, &fields, &mut scaling);
    bounds(reader, &fields, &mut scaling);
    details(reader, &fields, &mut scaling);
    if fields.get("veto").is_some() {
        let hint = "leave it out; a floor by calendar under `floors` holds a job up meanwhile";
        reader.report(
            fields.key_at("veto"),
            Code::NotYet,
            "scaling.veto comes with conditions, which this version lacks",
            hint,
        );
    }
    Some(scaling)
}

fn times(reader: &mut Reader<'_>, fields: &Fields<'_>, scaling: &mut Scaling) {
    let defaults = scaling.clone();
    scaling.window = reader.get(fields, "window", Reader::span).unwrap_or(defaults.window);
    scaling.warm_up = reader.get(fields, "warmUp", Reader::duration).unwrap_or(defaults.warm_up);
    scaling.lag_objective = reader.get(fields, "lagObjective", Reader::span).unwrap_or(defaults.lag_objective);
    scaling.catch_up = reader.get(fields, "catchUp", Reader::duration).unwrap_or(defaults.catch_up);
    scaling.withdraw_after = reader.get(fields, "withdrawAfter", Reader::span).unwrap_or(defaults.withdraw_after);
    scaling.checkpoint_limit = reader.get(fields, "checkpointLimit", Reader::span);
    scaling.scale_down = reader.get(fields, "scaleDown", scale_down).unwrap_or(defaults.scale_down);
    scaling.cooldown = reader.get(fields, "cooldown", cooldown).unwrap_or(defaults.cooldown);
}

fn scale_down(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<ScaleDown> {
    let fields = reader.fields(node, name, known::SCALE_DOWN)?;
    let default = Scaling::default().scale_down;
    Some(ScaleDown {
        after: reader.get(&fields, "after", Reader::duration).unwrap_or(default.after),
        min_saving: reader.get(&fields, "minSaving", Reader::share).unwrap_or(default.min_saving),
    })
}

fn cooldown(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Cooldown> {
    let fields = reader.fields(node, name, known::COOLDOWN)?;
    let default = Scaling::default().cooldown;
    Some(Cooldown {
        up: reader.get(&fields, "up", Reader::duration).unwrap_or(default.up),
        down: reader.get(&fields, "down", Reader::duration).unwrap_or(default.down),
    })
}

fn bounds(reader: &mut Reader<'_>, fields: &Fields<'_>, scaling: &mut Scaling) {
    let (low, high) = parallelism_bounds(reader, fields);
    scaling.min_parallelism = low.unwrap_or(scaling.min_parallelism);
    scaling.max_parallelism = high;
    scaling.max_slots = reader.get(fields, "maxSlots", Reader::positive);
    if let (Some(slots), Some(low)) = (scaling.max_slots, low)
        && low.0 > slots
    {
        let message =
            format!("maxSlots {slots} leaves no room for minParallelism {low}: a vertex needs a slot per subtask");
        reader.report(fields.key_at("maxSlots"), Code::BadBounds, message, "raise maxSlots or lower minParallelism");
    }
}

/// `minParallelism` and `maxParallelism`, which a vertex has too.
fn parallelism_bounds(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (Option<Parallelism>, Option<Parallelism>) {
    let low = reader.get(fields, "minParallelism", Reader::positive).map(Parallelism);
    let high = reader.get(fields, "maxParallelism", Reader::positive).map(Parallelism);
    if let (Some(l), Some(h)) = (low, high)
        && l > h
    {
        let message = format!("{} {l} is above maxParallelism {h}", fields.name("minParallelism"));
        reader.report(fields.key_at("minParallelism"), Code::BadBounds, message, "swap them, or leave one out");
    }
    (low, high)
}

fn details(reader: &mut Reader<'_>, fields: &Fields<'_>, scaling: &mut Scaling) {
    let applies = [("in-place", Apply::InPlace), ("stop-with-savepoint", Apply::StopWithSavepoint)];
    scaling.apply = reader.get(fields, "apply", |r, n, name| r.choice(n, name, &applies)).unwrap_or_default();
    scaling.jar = jar::read(reader, fields, scaling.apply);
    scaling.disk_limit = reader.get(fields, "diskLimit", disk_limit);
    scaling.vertices = reader.get(fields, "vertices", vertices).unwrap_or_default();
    scaling.floors = reader.get(fields, "floors", |r, n, name| r.list(n, name, floor)).unwrap_or_default();
    for floor in &scaling.floors {
        let too_high = floor.min_parallelism.zip(scaling.max_parallelism).is_some_and(|(low, high)| low > high);
        let too_many = floor.min_slots.zip(scaling.max_slots).is_some_and(|(low, high)| low > high);
        if too_high || too_many {
            let message = "a floor is above the policy's maxParallelism or maxSlots";
            reader.report(fields.key_at("floors"), Code::BadBounds, message, "lower the floor or raise the maximum");
        }
    }
}

fn disk_limit(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<u64> {
    let hint = "write a size with its unit, such as 100Gi or 500G";
    let (code, message) = match &node.value {
        Value::Text(text) => match units::bytes(text.trim()) {
            Some(bytes) if bytes > 0 => return Some(bytes),
            Some(_) => (Code::OutOfRange, format!("{name} is zero")),
            None => (Code::WrongUnit, format!("{name}: {text:?} is not a size")),
        },
        Value::Number(n) => (Code::WrongUnit, format!("{name}: {n} has no unit")),
        value => (Code::WrongType, format!("{name} is {}: a size is expected", value.kind())),
    };
    reader.report(node.at, code, message, hint);
    None
}

fn vertices(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<(Glob, VertexPolicy)>> {
    let mut vertices = Vec::new();
    for (key, at, value) in reader.entries(node, name)? {
        let path = format!("{name}.{key:?}");
        let glob = reader.glob_text(key, at, &path);
        let policy = vertex(reader, value, &path);
        vertices.extend(glob.zip(policy));
    }
    Some(vertices)
}

fn vertex(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<VertexPolicy> {
    let fields = reader.fields(node, name, known::VERTEX)?;
    let (min_parallelism, max_parallelism) = parallelism_bounds(reader, &fields);
    let fixed = reader.get(&fields, "fixed", Reader::truth).unwrap_or(false);
    if fixed && (min_parallelism.is_some() || max_parallelism.is_some()) {
        let message = format!("{name} is fixed and has bounds: a fixed vertex is never changed");
        reader.report(fields.key_at("fixed"), Code::BadBounds, message, "keep `fixed`, or the bounds");
    }
    Some(VertexPolicy {
        fixed,
        min_parallelism,
        max_parallelism,
        bounded: reader.get(&fields, "bounded", Reader::truth),
        deadline: reader.get(&fields, "deadline", Reader::span),
        lag_exempt: reader.get(&fields, "lagExempt", Reader::truth).unwrap_or(false),
        async_io: reader.get(&fields, "async", async_io),
        capacity_per_subtask: reader
            .get(&fields, "capacityPerSubtask", Reader::above_zero)
            .and_then(RecordsPerSec::new),
        throttled_series: reader.get(&fields, "throttledSeries", series_name),
    })
}

fn async_io(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<AsyncIo> {
    let fields = reader.fields(node, name, known::ASYNC)?;
    let capacity = reader.need(&fields, "capacity", Reader::positive);
    let latency: Option<Millis> = reader.need(&fields, "latency", Reader::span);
    Some(AsyncIo { capacity: capacity?, latency: latency? })
}

fn series_name(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<String> {
    let text = reader.text(node, name)?;
    if super::selector::is_name(&text) {
        return Some(text);
    }
    let hint = "letters, digits, _ and :, not beginning with a digit; labels are not part of it";
    reader.report(node.at, Code::BadSeries, format!("{name}: {text:?} is not the name of a series"), hint);
    None
}

fn floor(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Floor> {
    let fields = reader.fields(node, name, known::FLOOR)?;
    let when = read_calendar(reader, &fields);
    let min_parallelism = reader.get(&fields, "minParallelism", Reader::positive).map(Parallelism);
    let min_slots = reader.get(&fields, "minSlots", Reader::positive);
    if fields.get("minParallelism").is_none() && fields.get("minSlots").is_none() {
        let message = format!("{name} holds nothing up: it has neither minParallelism nor minSlots");
        reader.report(fields.at, Code::MissingField, message, "add `minParallelism:` or `minSlots:`");
    }
    Some(Floor { when: when?, min_parallelism, min_slots })
}
