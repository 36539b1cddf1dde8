//! `series:` of an inline test: selectors and their samples, and what a value without `agg` means.

use super::inline::TestJob;
use super::inline_job::expect_vertex;
use super::node::{Node, Value};
use super::notation;
use super::problem::{Code, Pos};
use super::reader::Reader;
use super::selector::{self, Fault, Label, Selector};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::observation::Sample;
use weirkeeper_core::series::{Agg, SeriesKey};

/// One series of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name, vertex, operator and other labels. `agg` is set where the test gives it.
    pub key: SeriesKey,
    /// What a value stands for.
    pub reading: Reading,
    /// The samples.
    pub values: Vec<notation::Value>,
}

/// What a value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// For itself: it is not a per-subtask metric, or `agg` is given.
    Itself,
    /// Every one of that many subtasks has this value: times, lags, gauges.
    Each(u32),
    /// It is the sum over all subtasks: records, bytes, rates of them, backlogs, counts of events.
    Sum,
    /// The value of one subtask, which is aggregated with the others that the test gives.
    Subtask,
}

/// The names that Flink reports once per subtask.
const PER_SUBTASK: &str = "flink_taskmanager_job_task_";

/// Parts of the names whose values add up over subtasks. Times (`accumulateBusyTimeMs`) are left out on purpose:
/// whoever writes one thinks of a subtask.
const ADDS_UP: [&str; 6] = ["numRecords", "numBytes", "numBuffers", "pendingRecords", "assigned_partitions", "commits"];

/// Series of one test.
const MOST_SERIES: usize = 5_000;

/// Reads them.
pub fn read(reader: &mut Reader<'_>, node: &Node, name: &str, job: &TestJob) -> Option<Vec<Series>> {
    let entries = reader.entries(node, name)?;
    if entries.len() > MOST_SERIES {
        let message = format!("{name} holds {} series", entries.len());
        reader.report(node.at, Code::TooLarge, message, format!("give at most {MOST_SERIES}"));
        return None;
    }
    let mut all: Vec<(Series, Option<String>)> = Vec::new();
    for (selector, at, value) in entries {
        let key = key(reader, selector, at, job);
        let values = values(reader, value, name);
        let (Some((key, reading, subtask)), Some(values)) = (key, values) else { continue };
        if all.iter().any(|(s, i)| s.key == key && *i == subtask) {
            reader.report(at, Code::BadSeries, format!("{key} stands twice"), "keep one of them");
        }
        all.push((Series { key, reading, values }, subtask));
    }
    Some(all.into_iter().map(|(series, _)| series).collect())
}

fn values(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<notation::Value>> {
    let text = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Number(n) => n.to_string(),
        value => {
            let message = format!("{name}: the samples are {}: text is expected", value.kind());
            reader.report(node.at, Code::WrongType, message, "write the samples as in \"0+100x40\"");
            return None;
        }
    };
    let hint = "samples are numbers, a+bxN, axN, _ or _xN, with blanks between them";
    notation::parse(&text).map_err(|fault| report(reader, node.at, &fault, hint)).ok()
}

fn report(reader: &mut Reader<'_>, at: Pos, fault: &Fault, hint: &str) {
    let at = reader.inside(at, fault.offset);
    reader.report(at, Code::BadSeries, fault.what.clone(), hint);
}

/// The key, what a value means, and the subtask's index where one is given.
fn key(reader: &mut Reader<'_>, text: &str, at: Pos, job: &TestJob) -> Option<(SeriesKey, Reading, Option<String>)> {
    let hint = "a series is written name{label=\"value\",...}";
    let selector = selector::parse(text).map_err(|fault| report(reader, at, &fault, hint)).ok()?;
    let mut key = SeriesKey::job(&selector.name);
    let mut subtask = None;
    let mut fits = true;
    for label in &selector.labels {
        let value: Arc<str> = label.value.as_str().into();
        let place = reader.inside(at, label.offset);
        match label.name.as_str() {
            "task_name" => key.task = vertex(reader, place, &value, job),
            "operator_name" => key.operator = Some(value),
            "agg" => key.agg = agg(reader, place, &value),
            "subtask_index" => subtask = Some(label.value.clone()),
            "job_name" => fits &= same(reader, place, label, Some(&job.name)),
            "namespace" => fits &= same(reader, place, label, job.namespace.as_deref()),
            _ => key.labels.push((label.name.as_str().into(), value)),
        }
    }
    key.labels.sort();
    let whole = fits && selector.labels.len() == label_count(&key, &subtask, &selector);
    let reading = reading(reader, at, &key, subtask.is_some(), job)?;
    whole.then_some((key, reading, subtask))
}

/// How many labels were understood: fewer than there are means that one was reported.
fn label_count(key: &SeriesKey, subtask: &Option<String>, selector: &Selector) -> usize {
    let job = selector.labels.iter().filter(|l| matches!(l.name.as_str(), "job_name" | "namespace")).count();
    let own = [key.task.is_some(), key.operator.is_some(), key.agg.is_some(), subtask.is_some()];
    key.labels.len() + job + own.into_iter().filter(|there| *there).count()
}

/// The vertex by its raw name, or as Prometheus spells it.
fn vertex(reader: &mut Reader<'_>, at: Pos, name: &str, job: &TestJob) -> Option<Arc<str>> {
    let found = job.graph.vertices.iter().find(|v| *v.name == *name || mangled(&v.name) == name);
    if let Some(vertex) = found {
        return Some(vertex.name.clone());
    }
    expect_vertex(reader, at, name, &job.graph);
    None
}

fn agg(reader: &mut Reader<'_>, at: Pos, value: &str) -> Option<Agg> {
    let agg = Agg::parse(value);
    if agg.is_none() {
        reader.report(
            at,
            Code::BadSeries,
            format!("{value:?} is not an aggregation"),
            "agg is min, avg, max, sum or skew",
        );
    }
    agg
}

fn same(reader: &mut Reader<'_>, at: Pos, label: &Label, expected: Option<&str>) -> bool {
    let fits = expected.is_some_and(|e| e == label.value || mangled(e) == label.value);
    if !fits {
        let message = format!("{} is {:?}, which is not this test's job", label.name, label.value);
        reader.report(at, Code::BadSeries, message, "leave the label out: all series of a test are its job's");
    }
    fits
}

/// As Flink's Prometheus reporter filters label values (`AbstractPrometheusReporter.replaceInvalidChars`).
fn mangled(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' }).collect()
}

fn reading(reader: &mut Reader<'_>, at: Pos, key: &SeriesKey, subtask: bool, job: &TestJob) -> Option<Reading> {
    if subtask && key.agg.is_some() {
        let hint = "give values per subtask, or aggregated ones";
        reader.report(at, Code::BadSeries, "subtask_index and agg exclude each other", hint);
        return None;
    }
    if !key.name.starts_with(PER_SUBTASK) {
        return Some(if subtask { Reading::Subtask } else { Reading::Itself });
    }
    let Some(parallelism) = parallelism(key, job) else {
        let message = format!("{} is reported per vertex: which one is missing", key.name);
        reader.report(at, Code::BadSeries, message, "add task_name=\"VERTEX\"");
        return None;
    };
    Some(match (subtask, key.agg) {
        (true, _) => Reading::Subtask,
        (false, Some(_)) => Reading::Itself,
        (false, None) if ADDS_UP.iter().any(|part| key.name.contains(part)) => Reading::Sum,
        (false, None) => Reading::Each(parallelism),
    })
}

/// The parallelism of the vertex that a series is about, by its name or an operator's.
fn parallelism(key: &SeriesKey, job: &TestJob) -> Option<u32> {
    let mut vertices = job.graph.vertices.iter();
    let found = match (&key.task, &key.operator) {
        (Some(task), _) => vertices.find(|v| v.name == *task),
        (None, Some(operator)) => vertices.find(|v| v.name.contains(&**operator)),
        (None, None) => None,
    };
    found.map(|v| v.parallelism.0)
}

/// The samples of all series at one step.
pub fn samples(series: &[Series], step: usize) -> Vec<Sample> {
    let mut out = Vec::new();
    let mut subtasks: BTreeMap<&SeriesKey, Vec<notation::Value>> = BTreeMap::new();
    for one in series {
        let value = one.values.get(step).copied().flatten();
        match (one.reading, value) {
            (Reading::Subtask, value) => subtasks.entry(&one.key).or_default().push(value),
            (_, None) => {}
            (Reading::Itself, Some(v)) => out.push(sample(&one.key, one.key.agg, v)),
            (Reading::Sum, Some(v)) => out.push(sample(&one.key, Some(Agg::Sum), v)),
            (Reading::Each(n), Some(v)) => out.extend(each(&one.key, v, f64::from(n))),
        }
    }
    for (key, values) in subtasks {
        // One that is missing makes every aggregate of them unknown.
        let known: Option<Vec<f64>> = values.into_iter().collect();
        out.extend(known.into_iter().flat_map(|values| aggregated(key, &values)));
    }
    out
}

fn sample(key: &SeriesKey, agg: Option<Agg>, value: f64) -> Sample {
    Sample { key: Arc::new(SeriesKey { agg, ..key.clone() }), value }
}

fn each(key: &SeriesKey, value: f64, subtasks: f64) -> [Sample; 4] {
    let one = |agg, value| sample(key, Some(agg), value);
    [one(Agg::Min, value), one(Agg::Avg, value), one(Agg::Max, value), one(Agg::Sum, value * subtasks)]
}

fn aggregated(key: &SeriesKey, values: &[f64]) -> [Sample; 4] {
    let one = |agg, value| sample(key, Some(agg), value);
    let sum: f64 = values.iter().sum();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = sum / values.len() as f64;
    [one(Agg::Min, least), one(Agg::Avg, mean), one(Agg::Max, most), one(Agg::Sum, sum)]
}
