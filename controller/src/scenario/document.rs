//! One document of a scenario file.

use super::{cluster, fault, job, known};
use crate::policy::document::{api_version, file_name};
use crate::policy::node::{Node, Value};
use crate::policy::problem::Code;
use crate::policy::reader::{Fields, Reader};
use std::path::Path;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::scenario::Scenario;

/// How long a scenario is played that does not say.
const DURATION: Millis = Millis::hours(2);
/// How often a controller looks, as `run` does.
const INTERVAL: Millis = Millis::secs(15);

/// Whether a document says that it is one.
pub(super) fn is_scenario(node: &Node) -> bool {
    kind(node).is_some_and(|kind| kind.value == Value::Text("Scenario".to_owned()))
}

fn kind(node: &Node) -> Option<&Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|(key, _)| key.value == Value::Text("kind".to_owned())).map(|(_, kind)| kind)
}

/// Reads a document. Where something was reported, the result is not to be used.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, path: &Path) -> Option<Scenario> {
    if let Some(kind) = kind(node).filter(|_| !is_scenario(node)) {
        let message = "this is not a scenario".to_owned();
        reader.report(kind.at, Code::Kind, message, "write `kind: Scenario`, or keep it in a folder of its own");
        return None;
    }
    let fields = reader.fields(node, "", known::SCENARIO)?;
    reader.need(&fields, "apiVersion", api_version);
    reader.need(&fields, "kind", |_, _, _| Some(()));
    let name = reader.need(&fields, "metadata", |reader, node, path| {
        let fields = reader.fields(node, path, known::METADATA)?;
        reader.need(&fields, "name", file_name)
    });
    let summary = reader.get(&fields, "summary", Reader::text).unwrap_or_default();
    let duration = reader.get(&fields, "duration", Reader::span).unwrap_or(DURATION);
    let seed = reader.get(&fields, "seed", Reader::count).unwrap_or(1);
    let interval = reader.get(&fields, "interval", interval).unwrap_or(INTERVAL);
    let cluster = reader.get(&fields, "cluster", cluster::read).unwrap_or_else(cluster::default);
    let before = reader.problems.len();
    let jobs = reader.need(&fields, "jobs", |r, n, at| jobs(r, n, at, path))?;
    // Jobs that could not be read are not missed a second time where a fault names them.
    let known = (reader.problems.len() == before).then_some(jobs.as_slice());
    slots(reader, &fields, &cluster, &jobs);
    let faults = reader.get(&fields, "faults", |r, n, at| r.list(n, at, |r, n, at| fault::read(r, n, at, known)));
    let faults = faults.unwrap_or_default();
    let scenario = Scenario { name: name?, summary, duration, seed: u64::from(seed), interval, cluster, jobs, faults };
    never(reader, &fields, &scenario);
    Some(scenario)
}

/// Whole seconds: that is how a world moves.
fn interval(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Millis> {
    let span = reader.span(node, name)?;
    if span.0 % 1_000 == 0 {
        return Some(span);
    }
    reader.report(node.at, Code::OutOfRange, format!("{name} is {span}"), "give it in whole seconds");
    None
}

fn jobs(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    path: &Path,
) -> Option<Vec<weirkeeper_simulator::scenario::Job>> {
    let jobs = reader.list(node, name, |r, n, at| job::read(r, n, at, path))?;
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        reader.report(node.at, Code::BadValue, "there is no job", "add one");
    }
    for (i, job) in jobs.iter().enumerate() {
        if jobs[..i].iter().any(|j| j.name == job.name) {
            let message = format!("two jobs are called {:?}", job.name);
            reader.report(node.at, Code::BadValue, message, "rename one of them");
        }
    }
    Some(jobs)
}

/// All jobs must fit at the start, or the first thing to be seen is a job that never runs.
fn slots(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    cluster: &weirkeeper_simulator::scenario::Cluster,
    jobs: &[weirkeeper_simulator::scenario::Job],
) {
    let wanted: u32 = jobs.iter().map(job::slots).sum();
    let managers = cluster.most_task_managers.unwrap_or(cluster.task_managers).max(cluster.task_managers);
    let have = managers.saturating_mul(cluster.slots_per_task_manager);
    if wanted > have {
        let message = format!("the jobs start with {wanted} slots, and the cluster has {have}");
        let hint = "raise cluster.taskManagers or cluster.slotsPerTaskManager, or lower parallelism";
        reader.report(fields.key_at("jobs"), Code::BadBounds, message, hint);
    }
}

/// A fault after the end would never be seen.
fn never(reader: &mut Reader<'_>, fields: &Fields<'_>, scenario: &Scenario) {
    if let Some(late) = scenario.faults.iter().find(|f| f.at >= scenario.duration) {
        let message = format!("a fault at {} never happens: the scenario ends at {}", late.at, scenario.duration);
        reader.report(fields.key_at("faults"), Code::BadBounds, message, "raise `duration`, or let it happen earlier");
    }
}
