//! Showing results to people: tables, changes, numbers. What jobs and clusters call themselves is never trusted.

use crate::api::shapes::{ChangeShape, DecisionShape, JobShape, VertexShape};
use comfy_table::{ContentArrangement, Table};
use std::collections::BTreeMap;
use weirkeeper_core::units::{Millis, RecordsPerSec};

/// Control characters out of every cell and line: a job's name must not move the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Lines, each one line.
pub fn clean_lines(lines: &[String]) -> String {
    lines.iter().map(|l| clean(l)).collect::<Vec<_>>().join("\n")
}

/// A table without borders, as other tools for clusters print them; it fits the terminal where there is one.
pub fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.iter().map(|h| h.to_uppercase()));
    table.add_rows(rows.map(|row| row.iter().map(|c| clean(c)).collect::<Vec<_>>()));
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    table.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// `enrich 2 -> 4, Sink: out 1 -> 2`, or a dash.
pub fn changes(rescale: &BTreeMap<String, ChangeShape>) -> String {
    let all: Vec<_> = rescale.iter().map(|(v, c)| format!("{v} {} -> {}", c.from, c.to)).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

/// A share as a percentage; a dash where it is not known.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |s| format!("{:.0} %", s * 100.0))
}

/// A rate; a dash where it is not known.
pub fn rate(records: Option<f64>) -> String {
    records.map_or_else(|| "-".to_owned(), |r| RecordsPerSec(r).to_string())
}

/// The vertices of a job, with what is to change.
pub fn vertices(job: &JobShape) -> String {
    let wanted = job.standing.as_ref().map(|d| &d.rescale);
    let row = |v: &VertexShape| {
        let to = wanted.and_then(|w| w.get(&v.name)).map_or_else(|| "-".to_owned(), |c| c.to.to_string());
        let (busy, utilization) = (percent(v.busy), percent(v.utilization));
        let at_least = if v.demand_at_least { ">= " } else { "" };
        let demand = format!("{at_least}{}", rate(v.demand));
        let lag = v.lag_ms.map_or_else(|| "-".to_owned(), |l| Millis(l).to_string());
        vec![v.name.clone(), v.parallelism.to_string(), to, busy, demand, rate(v.capacity), utilization, lag]
    };
    let head = ["vertex", "parallelism", "wanted", "busy", "demand", "capacity", "utilization", "lag"];
    table(&head, job.vertices.iter().map(row))
}

/// A job's headline: what it is, how it is, who decides.
pub fn headline(job: &JobShape) -> String {
    let policy = match (&job.policy, &job.mode) {
        (Some(policy), Some(mode)) => format!("policy {policy} ({mode})"),
        _ => "no policy".to_owned(),
    };
    let name = job.namespace.as_ref().map_or_else(|| job.name.clone(), |n| format!("{n}/{}", job.name));
    clean(&format!("{name} on {}: {}, {policy}", job.cluster, job.state))
}

/// What is to be done, and why, one reason a line.
pub fn decision(d: &DecisionShape) -> String {
    let mut lines = vec![verdict(d)];
    lines.extend(d.reasons.iter().map(|r| format!("  - {r}")));
    clean_lines(&lines)
}

/// What is to be done, on one line.
pub fn verdict(d: &DecisionShape) -> String {
    let what = if d.rescale.is_empty() { String::new() } else { format!(" rescale {}", changes(&d.rescale)) };
    let gates = if d.gates.is_empty() { String::new() } else { format!(" [held back by {}]", d.gates.join(", ")) };
    let run = d.run.as_ref().map_or_else(String::new, |r| format!(" ({r})"));
    clean(&format!("{}{what}{gates}{run}", d.verdict))
}

/// Indents every line.
pub fn indent(text: &str) -> String {
    text.lines().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_a_dash_and_never_a_zero() {
        assert_eq!((percent(None), rate(None), changes(&BTreeMap::new())), ("-".into(), "-".into(), "-".into()));
        assert_eq!((percent(Some(0.254)), rate(Some(0.0))), ("25 %".into(), "0.0/s".into()));
    }

    #[test]
    fn a_name_cannot_move_the_cursor_or_break_a_row() {
        let rows = vec![vec!["a\nb\u{1b}[2J".to_owned(), "x".to_owned()]];
        let shown = table(&["job", "n"], rows.into_iter());
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(!shown.contains('\u{1b}') && shown.contains("a?b?[2J"), "{shown}");
    }
}
