//! `weirkeeper simulate`: plays scenarios, and says what came of them.

mod answer;
mod inputs;
mod progress;

use crate::args::{Global, SimulateArgs};
use crate::cli::print;
use crate::exit::{NO, OK, Stop};
use crate::settings::Output;
use answer::Answer;
use inputs::Inputs;
use progress::Progress;
use serde::Serialize;
use std::io::{Write, stderr};
use weirkeeper_simulator::tournament::Run;
use weirkeeper_simulator::tournament::table::{Row, Table};

/// What came of it, as `-o json` prints it. Nothing in it depends on the machine or on the time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    /// Plays, in the order of scenarios, controllers and seeds.
    runs: &'a [Run],
    /// Medians and worst cases by scenario and controller.
    table: &'a [Row],
    /// Whether each job holds the load of `--load`.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Vec<Answer>>,
}

/// Runs it.
pub fn run(global: &Global, args: &SimulateArgs) -> Result<u8, Stop> {
    let inputs = Inputs::read(args)?;
    let tournament = inputs.tournament();
    let progress = Progress::new(tournament.plays(), global.quiet);
    let runs = tournament.run(args.threads.unwrap_or_else(cores), &|done| progress.at(done)).map_err(Stop::cannot)?;
    progress.done();
    let answers = args.load.map(|factor| answer::all(&inputs, factor.0, &runs));
    let table = Table::of(&runs);
    match args.output {
        Output::Json => {
            let all = Outcome { runs: &runs, table: &table.rows, load: answers };
            print(&serde_json::to_string_pretty(&all).map_err(Stop::broke)?)?;
        }
        Output::Table => {
            print(&text(&runs, &table, answers.as_deref()))?;
        }
    }
    violations(&runs)
}

fn text(runs: &[Run], table: &Table, answers: Option<&[Answer]>) -> String {
    let mut seeds: Vec<String> = runs.iter().map(|r| r.seed.to_string()).collect();
    seeds.dedup();
    seeds.sort();
    seeds.dedup();
    let mut text = table.text();
    text += &format!("\n{} plays, seeds {}\n", runs.len(), shortened(&seeds));
    for answer in answers.unwrap_or_default() {
        text += &format!("{answer}\n");
    }
    text
}

/// A long list is told by its beginning.
fn shortened(words: &[String]) -> String {
    const SHOWN: usize = 12;
    let rest = words.len().saturating_sub(SHOWN);
    let first = words[..words.len() - rest].join(", ");
    if rest > 0 { format!("{first} and {rest} more") } else { first }
}

/// What must never happen is said whatever the form of the output.
fn violations(runs: &[Run]) -> Result<u8, Stop> {
    let mut code = OK;
    for violation in runs.iter().filter_map(|r| r.violation.as_ref()) {
        code = NO;
        // A closed pipe is nobody to tell.
        let _ = writeln!(stderr(), "weirkeeper: this may never happen: {violation}");
    }
    Ok(code)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests;
