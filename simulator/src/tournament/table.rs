//! The table of a tournament: medians and worst cases over seeds and jobs.

use super::Run;
use crate::score::Scores;
use serde::Serialize;
use std::collections::BTreeMap;

/// A column: what it is called, what it means, and where its value comes from. More is worse in all of them.
struct Column {
    key: &'static str,
    title: &'static str,
    digits: usize,
    meaning: &'static str,
    value: fn(&Scores) -> Option<f64>,
}

const fn column(
    (key, title): (&'static str, &'static str),
    digits: usize,
    meaning: &'static str,
    value: fn(&Scores) -> Option<f64>,
) -> Column {
    Column { key, title, digits, meaning, value }
}

const COLUMNS: [Column; 18] = [
    column(("slot_hours", "slot-h"), 1, "slots held, times time", |s| Some(s.slot_hours)),
    column(
        ("clairvoyant_ratio", "x best"),
        2,
        "slot-hours over those of the cheapest plan that knows the load, at full utilization, with as many changes of size",
        |s| s.clairvoyant_ratio,
    ),
    column(("late_time_percent", "late %"), 2, "share of the time with a lag beyond the objective", |s| {
        Some(100.0 * s.late_time)
    }),
    column(("late_records_percent", "late rec %"), 2, "share of the records that were read in that time", |s| {
        Some(100.0 * s.late_records)
    }),
    column(("lag_p50", "p50 s"), 1, "half of the time the oldest record under way was no older", |s| Some(s.lag.p50)),
    column(("lag_p95", "p95 s"), 1, "95 % of the time it was no older", |s| Some(s.lag.p95)),
    column(("lag_p99", "p99 s"), 1, "99 % of the time it was no older", |s| Some(s.lag.p99)),
    column(("lag_max", "max s"), 0, "it was never older", |s| Some(s.lag.max)),
    column(("rescales", "rescales"), 0, "rescales", |s| Some(f64::from(s.rescales))),
    column(("restarts", "restarts"), 0, "restarts, rescales among them", |s| Some(f64::from(s.restarts))),
    column(("downtime", "down s"), 0, "seconds in which not every task ran", |s| Some(s.downtime)),
    column(("most_restarts_in_30m", "in 30m"), 0, "most restarts in any 30 minutes", |s| {
        Some(f64::from(s.most_restarts_in_30m))
    }),
    column(("over_percent", "over %"), 1, "share of the minutes with more slots than the load needs", |s| {
        s.over.map(|p| 100.0 * p.share)
    }),
    column(("over_slots", "over"), 2, "by how many slots, averaged over all minutes", |s| s.over.map(|p| p.slots)),
    column(("under_percent", "under %"), 1, "share of the minutes with fewer slots than the load needs", |s| {
        s.under.map(|p| 100.0 * p.share)
    }),
    column(("under_slots", "under"), 2, "by how many slots, averaged over all minutes", |s| s.under.map(|p| p.slots)),
    column(
        ("settling_steps", "settling"),
        1,
        "changes of size within 30 minutes of a step of the load, on average",
        |s| s.settling.mean,
    ),
    column(
        ("recovery_longest", "recov s"),
        0,
        "longest from a failure, rescale, step or fault until the job ran with a lag at most 5 s above the one before",
        |s| s.recovery.longest(),
    ),
];

/// What each column means, one line each.
pub fn legend() -> String {
    COLUMNS.iter().map(|c| format!("{:<10}  {}\n", c.title, c.meaning)).collect()
}

/// Median and worst of one score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The middle one.
    pub median: f64,
    /// The largest.
    pub worst: f64,
}

/// One controller on one scenario, or on all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario; `all` for all of them.
    pub scenario: String,
    /// The controller.
    pub controller: String,
    /// Plays.
    pub plays: u32,
    /// Plays that an invariant stopped.
    pub violations: u32,
    /// Scores that are known, by name.
    pub scores: BTreeMap<&'static str, Cell>,
}

/// What came of a tournament.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Rows, in the order of the plays; then, with several scenarios, those over all of them.
    pub rows: Vec<Row>,
}

/// The name of the rows over all scenarios.
pub const ALL: &str = "all";

fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    if n % 2 == 1 { sorted[n / 2] } else { (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0 }
}

fn cell(values: impl Iterator<Item = f64>) -> Option<Cell> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.last().map(|worst| Cell { median: median(&values), worst: *worst })
}

fn row(scenario: &str, controller: &str, runs: &[&Run]) -> Row {
    let scores = || runs.iter().flat_map(|r| &r.scores);
    let cells = COLUMNS.iter().filter_map(|c| Some((c.key, cell(scores().filter_map(c.value))?)));
    Row {
        scenario: scenario.to_owned(),
        controller: controller.to_owned(),
        plays: runs.len() as u32,
        violations: runs.iter().filter(|r| r.violation.is_some()).count() as u32,
        scores: cells.collect(),
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

impl Table {
    /// From the plays.
    pub fn of(runs: &[Run]) -> Table {
        let scenarios = distinct(runs.iter().map(|r| r.scenario.as_str()));
        let controllers = distinct(runs.iter().map(|r| r.controller.as_str()));
        let mut rows = Vec::new();
        for scenario in &scenarios {
            for controller in &controllers {
                let own: Vec<&Run> =
                    runs.iter().filter(|r| r.scenario == *scenario && r.controller == *controller).collect();
                rows.push(row(scenario, controller, &own));
            }
        }
        if scenarios.len() > 1 {
            for controller in &controllers {
                let own: Vec<&Run> = runs.iter().filter(|r| r.controller == *controller).collect();
                rows.push(row(ALL, controller, &own));
            }
        }
        Table { rows }
    }

    /// As text: `median (worst)`, or one number where they are the same.
    pub fn text(&self) -> String {
        let mut lines = vec![heading()];
        lines.extend(self.rows.iter().map(cells));
        let widths: Vec<usize> =
            (0..lines[0].len()).map(|i| lines.iter().map(|l| l[i].chars().count()).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for line in &lines {
            let padded =
                line.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
                    if i < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                });
            text += padded.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }
}

fn heading() -> Vec<String> {
    let names = ["scenario", "controller"].into_iter().chain(COLUMNS.iter().map(|c| c.title)).chain(["stopped"]);
    names.map(str::to_owned).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let number = |c: &Column| match row.scores.get(c.key) {
        None => "-".to_owned(),
        Some(cell) => {
            let (median, worst) = (format!("{:.*}", c.digits, cell.median), format!("{:.*}", c.digits, cell.worst));
            if median == worst { median } else { format!("{median} ({worst})") }
        }
    };
    let stopped = if row.violations > 0 { row.violations.to_string() } else { "-".to_owned() };
    let names = [row.scenario.clone(), row.controller.clone()];
    names.into_iter().chain(COLUMNS.iter().map(number)).chain([stopped]).collect()
}
