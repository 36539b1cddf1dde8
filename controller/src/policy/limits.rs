//! `limits:` of a policy: budgets. What is written replaces the default of that field as a whole.

use super::known;
use super::node::{Node, Value};
use super::problem::Code;
use super::reader::{Fields, Reader};
use weirkeeper_core::policy::{Concurrency, FleetLimit, JobLimit, Limits};

/// Entries of `perJob`: an hour, a day and a week are three.
const MOST_JOB_LIMITS: usize = 16;

/// Reads it.
pub fn read(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Limits> {
    let fields = reader.fields(node, name, known::LIMITS)?;
    let default = Limits::default();
    Some(Limits {
        per_job: reader.get(&fields, "perJob", per_job).unwrap_or(default.per_job),
        per_fleet: reader.get(&fields, "perFleet", per_fleet).unwrap_or(default.per_fleet),
        max_concurrent: reader.get(&fields, "maxConcurrent", max_concurrent).unwrap_or(default.max_concurrent),
    })
}

fn per_job(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<JobLimit>> {
    let Value::List(items) = &node.value else { return job_limit(reader, node, name).map(|l| vec![l]) };
    if items.is_empty() || items.len() > MOST_JOB_LIMITS {
        let message = format!("{name} holds {} entries", items.len());
        let hint = format!("give between 1 and {MOST_JOB_LIMITS}, or leave it out for the default");
        reader.report(node.at, Code::BadBudget, message, hint);
    }
    reader.list(node, name, job_limit)
}

fn job_limit(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<JobLimit> {
    let fields = reader.fields(node, name, known::PER_JOB)?;
    let count = reader.need(&fields, "count", Reader::count);
    let per = reader.need(&fields, "per", Reader::span);
    let downs = reader.get(&fields, "downs", Reader::count);
    let reserve_up = reader.get(&fields, "reserveUp", Reader::count).unwrap_or(0);
    within(reader, &fields, "downs", downs, count);
    within(reader, &fields, "reserveUp", Some(reserve_up), count);
    Some(JobLimit { count: count?, per: per?, downs, reserve_up })
}

/// A part of a budget cannot be more than the budget.
fn within(reader: &mut Reader<'_>, fields: &Fields<'_>, part: &str, value: Option<u32>, count: Option<u32>) {
    let Some((value, count)) = value.zip(count).filter(|(value, count)| value > count) else { return };
    let message = format!("{} {value} is more than the count {count} it is a part of", fields.name(part));
    reader.report(fields.key_at(part), Code::BadBudget, message, format!("give at most {count}"));
}

fn per_fleet(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<FleetLimit> {
    let fields = reader.fields(node, name, known::PER_FLEET)?;
    let (count, percent) = count_or_percent(reader, &fields);
    let per = reader.need(&fields, "per", Reader::span);
    Some(FleetLimit { count, percent, per: per? })
}

fn max_concurrent(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Concurrency> {
    let per_cluster = Limits::default().max_concurrent.per_cluster;
    if let Value::Number(_) = node.value {
        let count = reader.count(node, name)?;
        return Some(Concurrency { count, percent: 0.0, per_cluster });
    }
    let fields = reader.fields(node, name, known::MAX_CONCURRENT)?;
    let (count, percent) = count_or_percent(reader, &fields);
    let per_cluster = reader.get(&fields, "perCluster", Reader::count).unwrap_or(per_cluster);
    Some(Concurrency { count, percent, per_cluster })
}

/// What is not written is 0: the larger of the two counts.
fn count_or_percent(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (u32, f64) {
    if fields.get("count").is_none() && fields.get("percent").is_none() {
        let message = format!("{} has neither count nor percent", fields.path);
        reader.report(
            fields.at,
            Code::MissingField,
            message,
            "add `count:` or `percent:` (of jobs); the larger counts",
        );
    }
    let count = reader.get(fields, "count", Reader::count).unwrap_or(0);
    let percent = reader.get(fields, "percent", Reader::percent).unwrap_or(0.0);
    (count, percent)
}
