//! `faults:` of a scenario.

use super::{known, values};
use crate::policy::node::Node;
use crate::policy::problem::Code;
use crate::policy::reader::{Fields, Reader};
use std::sync::Arc;
use weirkeeper_simulator::scenario::{Fault, FaultKind, Job};

/// Each kind, with the fields that belong to it.
pub(super) const KINDS: [(&str, &[&str]); 21] = [
    ("metric-gap", &[]),
    ("metric-freeze", &[]),
    ("metric-delay", &["delay"]),
    ("metric-incomplete", &[]),
    ("metric-lie", &["factor"]),
    ("api-errors", &["share"]),
    ("api-timeouts", &["share"]),
    ("slow-checkpoints", &["factor"]),
    ("declined-checkpoints", &[]),
    ("task-manager-loss", &["count"]),
    ("memory-leak", &["vertex", "rate"]),
    ("throws", &["vertex"]),
    ("poison-record", &["vertex"]),
    ("slow", &["vertex", "factor"]),
    ("broker-outage", &["vertex"]),
    ("hot-key", &["vertex", "share"]),
    ("watermark-stall", &["vertex"]),
    ("no-slots", &[]),
    ("busy", &[]),
    ("controller-killed", &[]),
    ("bad-rescale", &["share"]),
];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, name: &str, jobs: Option<&[Job]>) -> Option<Fault> {
    let fields = reader.fields(node, name, known::FAULT)?;
    let at = reader.need(&fields, "at", Reader::duration);
    let lasts = reader.get(&fields, "lasts", Reader::span);
    let job = reader.get(&fields, "job", |r, n, name| known_job(r, n, name, jobs));
    let words = KINDS.map(|(word, _)| (word, word));
    let word = reader.need(&fields, "fault", |r, n, name| r.choice(n, name, &words))?;
    strays(reader, &fields, word);
    let kind = kind(reader, &fields, word, job.as_deref(), jobs)?;
    Some(Fault { at: at?, lasts, job, kind })
}

fn known_job(reader: &mut Reader<'_>, node: &Node, name: &str, jobs: Option<&[Job]>) -> Option<Arc<str>> {
    let text = reader.text(node, name)?;
    let Some(jobs) = jobs else { return Some(text.into()) };
    let found = jobs.iter().find(|j| *j.name == *text).map(|j| j.name.clone());
    if found.is_none() {
        let names: Vec<_> = jobs.iter().map(|j| j.name.to_string()).collect();
        let hint = format!("its jobs are {}", names.join(", "));
        reader.report(
            node.at,
            Code::BadValue,
            format!("{name} names {text:?}, which is no job of this scenario"),
            hint,
        );
    }
    found
}

/// Fields of another kind of fault.
fn strays(reader: &mut Reader<'_>, fields: &Fields<'_>, word: &str) {
    let own = KINDS.iter().find(|k| k.0 == word).map_or(&[] as &[&str], |k| k.1);
    for field in ["vertex", "factor", "share", "delay", "count", "rate"] {
        if fields.get(field).is_some() && !own.contains(&field) {
            let message = format!("{} has no meaning for {word}", fields.name(field));
            let hint =
                if own.is_empty() { "leave it out".to_owned() } else { format!("{word} takes {}", own.join(", ")) };
            reader.report(fields.key_at(field), Code::UnknownField, message, hint);
        }
    }
}

fn kind(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    word: &str,
    job: Option<&str>,
    jobs: Option<&[Job]>,
) -> Option<FaultKind> {
    let vertex =
        |reader: &mut Reader<'_>| reader.need(fields, "vertex", |r, n, name| known_vertex(r, n, name, job, jobs));
    Some(match word {
        "metric-gap" => FaultKind::MetricGap,
        "metric-freeze" => FaultKind::MetricFreeze,
        "metric-delay" => FaultKind::MetricDelay(reader.need(fields, "delay", Reader::span)?),
        "metric-incomplete" => FaultKind::MetricIncomplete,
        "metric-lie" => FaultKind::MetricLie(reader.need(fields, "factor", values::number)?),
        "api-errors" => FaultKind::ApiErrors(reader.need(fields, "share", Reader::share)?),
        "api-timeouts" => FaultKind::ApiTimeouts(reader.need(fields, "share", Reader::share)?),
        "slow-checkpoints" => FaultKind::SlowCheckpoints(reader.need(fields, "factor", Reader::above_zero)?),
        "declined-checkpoints" => FaultKind::DeclinedCheckpoints,
        "task-manager-loss" => FaultKind::TaskManagerLoss(reader.get(fields, "count", Reader::positive).unwrap_or(1)),
        "memory-leak" => {
            let (vertex, rate) = (vertex(reader), reader.need(fields, "rate", values::size));
            FaultKind::MemoryLeak { vertex: vertex?, rate: rate? }
        }
        "throws" => FaultKind::Throws { vertex: vertex(reader)? },
        "poison-record" => FaultKind::PoisonRecord { vertex: vertex(reader)? },
        "slow" => {
            let (vertex, factor) = (vertex(reader), reader.need(fields, "factor", values::number));
            FaultKind::Slow { vertex: vertex?, factor: factor? }
        }
        "broker-outage" => FaultKind::BrokerOutage { vertex: vertex(reader)? },
        "hot-key" => {
            let (vertex, share) = (vertex(reader), reader.need(fields, "share", Reader::share));
            FaultKind::HotKey { vertex: vertex?, share: share? }
        }
        "watermark-stall" => FaultKind::WatermarkStall { vertex: vertex(reader)? },
        "no-slots" => FaultKind::NoSlots,
        "busy" => FaultKind::Busy,
        "controller-killed" => FaultKind::ControllerKilled,
        _ => FaultKind::BadRescale(reader.need(fields, "share", Reader::share)?),
    })
}

fn known_vertex(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    job: Option<&str>,
    jobs: Option<&[Job]>,
) -> Option<Arc<str>> {
    let text = reader.text(node, name)?;
    let Some(jobs) = jobs else { return Some(text.into()) };
    let meant = jobs.iter().filter(|j| job.is_none_or(|job| *j.name == *job));
    let all: Vec<Arc<str>> = meant.flat_map(|j| j.vertices.iter().map(|v| v.name.clone())).collect();
    let found = all.iter().find(|v| ***v == *text).cloned();
    if found.is_none() {
        let names: Vec<_> = all.iter().map(|v| format!("{v:?}")).collect();
        let hint = format!("it is one of {}", names.join(", "));
        reader.report(node.at, Code::BadValue, format!("{name} {text:?} is no vertex"), hint);
    }
    found
}
