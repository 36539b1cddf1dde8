//! `weirkeeper replay`: a recording through the same decisions as live, and what came of it: a table, JSON, a page.

mod progress;

use crate::args::{Global, ReplayArgs};
use crate::cli::print;
use crate::exit::{NO, OK, Stop};
use crate::policies::Policies;
use crate::recording_file::{bad, open};
use crate::run::command::millis;
use crate::settings::Output;
use crate::show;
use progress::Progress;
use std::fs::write;
use std::path::Path;
use std::time::Instant;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::recording::Header;
use weirkeeper_simulator::replay::{Contender, Judged, Outcome, Replay, json, replay, report, title};
use weirkeeper_simulator::report::html;

/// How often a controller looks, unless told otherwise; as `run`.
const USUAL: Millis = Millis::secs(15);

/// Runs it.
pub fn run(global: &Global, args: &ReplayArgs) -> Result<u8, Stop> {
    let (mut rows, size) = open(&args.file)?;
    let interval = interval(args, rows.header())?;
    let contenders = contenders(args, interval)?;
    let progress = Progress::new(size, global.quiet);
    let began = Instant::now();
    let replayed = replay(&mut rows, &contenders, interval, &mut |bytes| progress.at(bytes));
    progress.done();
    let replayed = replayed.map_err(|e| bad(&args.file, &e))?;
    speed(&replayed, began.elapsed().as_secs_f64(), global.quiet);
    if let Some(path) = &args.report {
        write(path, html(&report(&replayed)))
            .map_err(|e| Stop::cannot(format!("{}: it cannot be written: {e}", path.display())))?;
    }
    print(&match args.output {
        Output::Table => text(&replayed),
        Output::Json => serde_json::to_string_pretty(&json(&replayed)).map_err(Stop::broke)?,
    })?;
    if replayed.outcomes.is_empty() {
        let why = replayed.known.unjudged().into_iter().next().unwrap_or_default();
        return Err(Stop { code: NO, ..Stop::cannot(format!("{}: {why}", args.file.display())) });
    }
    Ok(OK)
}

fn interval(args: &ReplayArgs, header: &Header) -> Result<Millis, Stop> {
    match args.interval.map(|i| millis(i.0)) {
        Some(Millis(0)) => Err(Stop::cannot("--interval 0s: a job cannot be looked at all the time; the usual is 15s")),
        Some(told) => Ok(told),
        None => Ok(USUAL.max(Millis(header.interval))),
    }
}

fn contenders(args: &ReplayArgs, interval: Millis) -> Result<Vec<Contender>, Stop> {
    let mut all = vec![contender(args.policies.as_deref(), interval)?];
    if let Some(folder) = &args.against {
        all.push(contender(Some(folder), interval)?);
    }
    // Two folders of one name would be two lanes of one name.
    if let [a, b] = &mut all[..]
        && a.name == b.name
    {
        a.name = args.policies.as_ref().map_or_else(|| a.name.clone(), |p| p.display().to_string());
        b.name = args.against.as_ref().map_or_else(|| b.name.clone(), |p| p.display().to_string());
        if a.name == b.name {
            b.name.push_str(" (again)");
        }
    }
    Ok(all)
}

fn contender(folder: Option<&Path>, interval: Millis) -> Result<Contender, Stop> {
    let policies = Policies::load(folder, interval).map_err(Stop::report)?.current();
    let last = folder.and_then(|f| f.file_stem()).map(|n| n.to_string_lossy().into_owned());
    Ok(Contender { name: last.unwrap_or_else(|| "built-in".into()), policies })
}

/// How fast it was; on standard error, so that two runs still print the same.
fn speed(replay: &Replay, took: f64, quiet: bool) {
    let span = replay.span.map_or(0.0, |(from, to)| to.since(from).as_secs());
    if quiet || took <= 0.0 {
        return;
    }
    let (rows, times) = (replay.rows as f64 / took, span / took);
    eprintln!(
        "replayed {} rows in {took:.2} s: {rows:.0} rows/s, {times:.0} times as fast as it happened",
        replay.rows
    );
}

fn text(replay: &Replay) -> String {
    let (from, to) = replay.span.unwrap_or_default();
    let count = |what: &str| replay.counts.get(what).copied().unwrap_or(0);
    let mut parts = vec![format!(
        "{}: {from} to {to}, {} rows, looked at every {}; recorded: {} rescales, {} failures, {} gaps, {:.1} slot-hours",
        replay.header.job,
        replay.rows,
        replay.interval,
        count("rescales"),
        count("failures"),
        count("gaps"),
        replay.gathered.slot_ms / 3_600_000.0,
    )];
    parts.extend(replay.outcomes.iter().map(|o| timeline(o, replay.outcomes.len() > 1)));
    let unjudged = replay.known.unjudged();
    if !unjudged.is_empty() {
        let lines: Vec<String> = unjudged.iter().map(|s| format!("  - {s}")).collect();
        parts.push(format!("What could not be judged:\n{}", show::clean_lines(&lines)));
    }
    parts.join("\n\n")
}

fn timeline(o: &Outcome, named: bool) -> String {
    let (ups, downs) = o.rescales();
    let row = |j: &Judged| {
        let first = j.decision.reasons.first().map_or_else(String::new, ToString::to_string);
        let mark = if j.beyond { "*" } else { "" };
        vec![format!("{}{mark}", j.decision.at), title(&j.decision), first]
    };
    let table = show::table(&["when", "decision", "because"], o.decisions.iter().map(row));
    let name = if named { format!("{}: ", o.name) } else { String::new() };
    let mut out = format!(
        "{name}{} decisions, of them {ups} rescales up and {downs} down; {} calls for a person\n{table}",
        o.decisions.len(),
        o.escalations.len(),
    );
    if !o.unjudged.is_empty() {
        out.push_str(&format!(
            "\n* The job did not get an earlier rescale that was wanted (for {} in all): said to the job as recorded, and not what would have followed.",
            o.unjudged_for()
        ));
    }
    out
}
