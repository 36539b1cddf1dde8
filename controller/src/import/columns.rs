//! All columns of a mapping, read, sorted, and laid on one grid of times.

use super::Problem;
use super::mapping::{ColumnOf, Mapping};
use super::table::{self, Table, Values};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the files hold.
pub struct Columns {
    /// By position in the mapping's `columns`: grid time and value, times rising.
    pub of: Vec<Values>,
    /// Grid times at which the column of `running` was there, and its value.
    pub running: Option<Values>,
    /// Failures, with what they are.
    pub failures: Vec<(i64, String)>,
    /// All grid times, rising.
    pub times: Vec<i64>,
    /// What a reader should know of the files.
    pub notes: Vec<String>,
    /// Of those, what the mapping does not say itself.
    pub found: Vec<String>,
}

impl Columns {
    /// Reads every file once. Gives all problems.
    pub fn read(mapping: &Mapping, folder: &Path) -> Result<Columns, Vec<Problem>> {
        let mut wanted: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
        let all = mapping.columns.iter().map(|c: &ColumnOf| (&c.file, c.column.as_str()));
        for (file, column) in all.chain(mapping.running.iter().map(|r| (&r.file, r.column.as_str()))) {
            let columns = wanted.entry(file.clone()).or_default();
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        for event in &mapping.events {
            wanted.entry(event.file.clone()).or_default();
        }
        let mut tables: BTreeMap<PathBuf, (Vec<&str>, Table)> = BTreeMap::new();
        let mut problems = Vec::new();
        for (file, columns) in wanted {
            match table::read(&folder.join(&file), &mapping.csv, &columns) {
                Ok(table) => drop(tables.insert(file, (columns, table))),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Columns::lay(mapping, &tables)) } else { Err(problems) }
    }

    fn lay(mapping: &Mapping, tables: &BTreeMap<PathBuf, (Vec<&str>, Table)>) -> Columns {
        let step = i64::try_from(mapping.interval.0.as_millis()).unwrap_or(i64::MAX).max(1);
        let found: Vec<String> = tables.iter().filter_map(|(file, (_, table))| disorder(file, table)).collect();
        let notes = mapping.notes.iter().chain(&found).cloned().collect();
        let values = |file: &PathBuf, column: &str| {
            let (names, table) = tables.get(file)?;
            Some(grid(&table.columns[names.iter().position(|n| *n == column)?], step))
        };
        let of: Vec<Values> = mapping.columns.iter().map(|c| values(&c.file, &c.column).unwrap_or_default()).collect();
        let running = mapping.running.as_ref().and_then(|r| values(&r.file, &r.column));
        let mut failures: Vec<(i64, String)> = mapping
            .events
            .iter()
            .filter_map(|e| Some((tables.get(&e.file)?, e)))
            .flat_map(|((_, table), e)| table.times.iter().map(|t| (*t, e.failure.clone())))
            .collect();
        failures.sort();
        let mut times: Vec<i64> = of.iter().chain(&running).flatten().map(|v| v.0).collect();
        times.sort_unstable();
        times.dedup();
        Columns { of, running, failures, times, notes, found }
    }
}

/// On the grid: sorted by time, of several in one step the last.
fn grid(values: &Values, step: i64) -> Values {
    let mut sorted: Vec<(i64, usize)> = values.iter().enumerate().map(|(i, v)| (v.0, i)).collect();
    sorted.sort_unstable();
    let mut out: Values = Vec::with_capacity(sorted.len());
    for (at, i) in sorted {
        let (at, value) = (at.div_euclid(step) * step, values[i].1);
        match out.last_mut() {
            Some(last) if last.0 == at => last.1 = value,
            _ => out.push((at, value)),
        }
    }
    out
}

/// Exports in several pieces repeat rows where the pieces meet, or put them the wrong way round: it is said, once.
fn disorder(file: &Path, table: &Table) -> Option<String> {
    let pairs = || table.times.windows(2);
    let (twice, back) = (pairs().filter(|p| p[0] == p[1]).count(), pairs().filter(|p| p[0] > p[1]).count());
    (twice + back > 0)
        .then(|| format!("{}: {twice} times stand twice in a row, {back} go back: rows were sorted", file.display()))
}
