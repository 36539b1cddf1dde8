//! `tests:` of a policy: what they say. Running them is [`super::harness`].

use super::known;
use super::node::{Node, Value};
use super::problem::{Code, Pos};
use super::reader::{Fields, Reader};
use super::{inline_job, inline_series, units};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use weirkeeper_core::job::JobGraph;
use weirkeeper_core::observation::Slots;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::reason::Gate;
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

/// A test of one policy.
#[derive(Clone, Debug)]
pub struct InlineTest {
    /// The policy under test, as its file says.
    pub policy: Policy,
    /// The test's name.
    pub name: String,
    /// The file it is in.
    pub path: PathBuf,
    /// Where it begins.
    pub at: Pos,
    /// Time between two observations.
    pub interval: Millis,
    /// The job.
    pub job: TestJob,
    /// What is observed of it.
    pub series: Vec<inline_series::Series>,
    /// What must come of it, in the order of time.
    pub expect: Vec<Expectation>,
}

/// The job of a test.
#[derive(Clone, Debug)]
pub struct TestJob {
    /// Its name: `job` unless given.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// How long all its tasks have been running at time 0.
    pub running_for: Millis,
    /// Vertices and edges.
    pub graph: JobGraph,
    /// The cluster's slots.
    pub slots: Slots,
}

/// What must hold at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Where it stands in the file.
    pub pos: Pos,
    /// When.
    pub at: Timestamp,
    /// What was let through; empty: nothing.
    pub rescale: Option<BTreeMap<Arc<str>, Parallelism>>,
    /// What holds back.
    pub gate: Option<Gate>,
}

/// Time between observations unless given: what `run` uses too.
const INTERVAL: Millis = Millis::secs(15);

/// Observations per test: 100,000 is what a series can hold.
const MOST_STEPS: u64 = super::notation::MOST_SAMPLES as u64;

/// Reads one entry of `tests`. The policy is filled in when the whole document has been read.
pub fn read(reader: &mut Reader<'_>, node: &Node, name: &str, path: &std::path::Path) -> Option<InlineTest> {
    let fields = reader.fields(node, name, known::TEST)?;
    let test_name = reader.need(&fields, "name", Reader::text);
    let interval = reader.get(&fields, "interval", Reader::span).unwrap_or(INTERVAL);
    let job = reader.need(&fields, "job", inline_job::read);
    let series = job.as_ref().map(|job| read_series(reader, &fields, job));
    let expect = reader.need(&fields, "expect", |r, n, at| expectations(r, n, at, job.as_ref(), interval));
    Some(InlineTest {
        policy: Policy::default(),
        name: test_name?,
        path: path.to_owned(),
        at: node.at,
        interval,
        job: job?,
        series: series?,
        expect: expect?,
    })
}

fn read_series(reader: &mut Reader<'_>, fields: &Fields<'_>, job: &TestJob) -> Vec<inline_series::Series> {
    reader.need(fields, "series", |r, n, at| inline_series::read(r, n, at, job)).unwrap_or_default()
}

fn expectations(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    job: Option<&TestJob>,
    interval: Millis,
) -> Option<Vec<Expectation>> {
    let mut list = reader.list(node, name, |r, n, at| expectation(r, n, at, job, interval))?;
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        let hint = "a test that expects nothing cannot fail: give it { at: 10m, rescale: {} } at least";
        reader.report(node.at, Code::BadTest, format!("{name} is empty"), hint);
    }
    list.sort_by_key(|e| e.at);
    Some(list)
}

fn expectation(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    job: Option<&TestJob>,
    interval: Millis,
) -> Option<Expectation> {
    let fields = reader.fields(node, name, known::EXPECT)?;
    let at = reader.need(&fields, "at", |r, n, path| instant(r, n, path, interval));
    let rescale = reader.get(&fields, "rescale", |r, n, path| rescale(r, n, path, job));
    let gate = reader.get(&fields, "gate", gate);
    if fields.get("rescale").is_none() && fields.get("gate").is_none() {
        let hint = "add `rescale: { VERTEX: n }`, `rescale: {}` for none, or `gate: NAME`";
        reader.report(fields.at, Code::MissingField, format!("{name} expects nothing"), hint);
    }
    Some(Expectation { pos: node.at, at: at?, rescale, gate })
}

/// A duration since the epoch, or RFC 3339.
fn instant(reader: &mut Reader<'_>, node: &Node, name: &str, interval: Millis) -> Option<Timestamp> {
    let given = match &node.value {
        Value::Text(text) => {
            let since = units::duration(text.trim()).and_then(|d| i64::try_from(d.0).ok());
            since.or_else(|| text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond))
        }
        _ => None,
    };
    let Some(ms) = given else {
        let hint = "write a time since the start, such as 10m, or 1970-01-01T00:10:00Z: a test begins at the epoch";
        reader.report(node.at, Code::WrongUnit, format!("{name} is not a time"), hint);
        return None;
    };
    let steps = u64::try_from(ms).ok().map(|ms| ms / interval.0.max(1));
    if steps.is_some_and(|n| n < MOST_STEPS) {
        return Some(Timestamp(ms));
    }
    let hint = format!("it must lie between 0 and {MOST_STEPS} intervals of {interval}");
    reader.report(node.at, Code::OutOfRange, format!("{name} is out of reach"), hint);
    None
}

fn rescale(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    job: Option<&TestJob>,
) -> Option<BTreeMap<Arc<str>, Parallelism>> {
    let mut wanted = BTreeMap::new();
    for (vertex, at, value) in reader.entries(node, name)? {
        let parallelism = reader.positive(value, &format!("{name}.{vertex:?}"));
        let known = job.is_none_or(|job| inline_job::expect_vertex(reader, at, vertex, &job.graph));
        if let (Some(p), true) = (parallelism, known) {
            wanted.insert(Arc::from(vertex), Parallelism(p));
        }
    }
    Some(wanted)
}

fn gate(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Gate> {
    let text = reader.text(node, name)?;
    if let Some(gate) = Gate::parse(&text) {
        return Some(gate);
    }
    let words = Gate::ALL.map(Gate::as_str);
    let meant = units::nearest(&text, words).map(|w| format!("did you mean {w}? ")).unwrap_or_default();
    let hint = format!("{meant}gates: {}", words.join(", "));
    reader.report(node.at, Code::BadValue, format!("{name}: {text:?} is not a gate"), hint);
    None
}
