//! `weirkeeper fidelity`: every run of a folder simulated from every other run of the same job.

use super::table::{Cell, Page, page};
use crate::args::{FidelityArgs, ImportCsvArgs};
use crate::cli::print;
use crate::exit::{NO, OK, Stop};
use crate::import;
use crate::recording_file::{bad, open};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::controllers::options::Options;
use weirkeeper_simulator::fit::fidelity::{Met, Who, simulate, world};
use weirkeeper_simulator::fit::{Fitted, fit, meter, stat};
use weirkeeper_simulator::scenario::Mechanism;
use weirkeeper_simulator::scenario::trace::{How, read};
use weirkeeper_simulator::score::Scores;

/// One run that was read.
struct Run {
    name: String,
    fitted: Fitted,
    who: Option<Who>,
}

/// Runs it.
pub fn run(args: &FidelityArgs) -> Result<u8, Stop> {
    let mut pages = Vec::new();
    for job in folders(&args.dir)? {
        let runs = runs(args, &job)?;
        if runs.len() > 1 {
            pages.push(compare(&job, &runs)?);
        }
    }
    if pages.is_empty() {
        let message =
            format!("{}: there is no job with two runs: give a folder of JOB/RUN/*.csv.xz", args.dir.display());
        return Err(Stop { code: NO, ..Stop::cannot(message) });
    }
    let text = page(&pages);
    match &args.output {
        None => print(&text),
        Some(path) => std::fs::write(path, text + &by_hand(path))
            .map(|()| OK)
            .map_err(|e| Stop::cannot(format!("{}: it cannot be written: {e}", path.display()))),
    }
}

/// What a person wrote below the tables stays.
const BY_HAND: &str = "\n<!-- From here on by hand: kept when the page is made anew. -->\n";

fn by_hand(path: &Path) -> String {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    before.split_once(BY_HAND).map(|(_, kept)| format!("{BY_HAND}{kept}")).unwrap_or_default()
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let cannot = |e: std::io::Error| Stop::cannot(format!("{}: it cannot be read: {e}", dir.display()));
    let entries = std::fs::read_dir(dir).map_err(cannot)?;
    let mut all: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_dir()).collect();
    all.sort();
    Ok(all)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn runs(args: &FidelityArgs, job: &Path) -> Result<Vec<Run>, Stop> {
    let mapping = args.mappings.join(format!("{}.yaml", name_of(job)));
    let mapping = [mapping.clone(), args.mappings.join(format!("demeter-{}.yaml", name_of(job)))]
        .into_iter()
        .find(|m| m.is_file())
        .ok_or_else(|| Stop::cannot(format!("{}: there is no such mapping", mapping.display())))?;
    folders(job)?.into_iter().map(|folder| one(&mapping, &folder)).collect()
}

fn one(mapping: &Path, folder: &Path) -> Result<Run, Stop> {
    let name = name_of(folder);
    let output = std::env::temp_dir().join(format!("fidelity-{}-{name}.wkr", std::process::id()));
    let import = ImportCsvArgs {
        mapping: mapping.to_owned(),
        input: Some(folder.to_owned()),
        job: Some(name.clone()),
        output: output.clone(),
    };
    import::csv(&import)?;
    let fitted = open(&output).and_then(|(mut rows, _)| fit(&mut rows).map_err(|e| bad(&output, &e)));
    let _ = std::fs::remove_file(&output);
    Ok(Run { who: who(&name), name, fitted: fitted? })
}

/// The settings under which the runs of that name were made.
fn who(name: &str) -> Option<Who> {
    let options =
        |all: &[(&str, &str)]| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Options>();
    if name.starts_with("static") {
        return Some(Who { controller: "static", options: Options::new(), mechanism: Mechanism::Redeploy });
    }
    if name.starts_with("reactive") {
        let own = [("hpa.averageUtilization", "35"), ("hpa.minReplicas", "1"), ("hpa.maxReplicas", "24")];
        return Some(Who { controller: "hpa", options: options(&own), mechanism: Mechanism::Reactive });
    }
    if name.starts_with("operator") {
        let own = [
            ("operator.utilization.target", "0.35"),
            ("operator.target.utilization.boundary", "0.15"),
            ("operator.metrics.window", "1m"),
            ("operator.stabilization.interval", "2m"),
            ("operator.restart.time", "1m"),
            ("operator.catch-up.duration", "5m"),
            ("operator.vertex.max-parallelism", "24"),
        ];
        return Some(Who { controller: "operator", options: options(&own), mechanism: Mechanism::Redeploy });
    }
    None
}

/// The input of a job's runs, before it is scaled.
fn input(job: &Path) -> Result<Vec<(Millis, f64)>, Stop> {
    let path = job.join("input.csv.xz");
    let out = Command::new("xz").arg("-dc").arg(&path).output();
    let out = out.map_err(|e| Stop::cannot(format!("{}: the program xz cannot be run: {e}", path.display())))?;
    if !out.status.success() {
        return Err(Stop::cannot(format!("{}: it cannot be decompressed", path.display())));
    }
    let text = String::from_utf8_lossy(&out.stdout).replace('|', ",");
    read(&text, &How::default()).map_err(|e| Stop::no(format!("{}:{e}", path.display())))
}

fn at(points: &[(Millis, f64)], ms: i64) -> f64 {
    let i = points.partition_point(|p| p.0.0 as i64 <= ms);
    points.get(i.saturating_sub(1)).map_or(0.0, |p| p.1)
}

/// What was asked of the generators, times what a run read of it.
fn scaled(input: &[(Millis, f64)], fitted: &Fitted) -> Arc<Vec<(Millis, f64)>> {
    let ratio = |p: &(Millis, f64)| (at(input, p.0.0 as i64) > 0.0).then(|| p.1 / at(input, p.0.0 as i64));
    let mut ratios: Vec<f64> = fitted.arrivals.points.iter().filter_map(ratio).collect();
    let factor = stat::middle(&mut ratios).unwrap_or(1.0);
    Arc::new(input.iter().map(|(t, v)| (*t, v * factor)).collect())
}

fn compare(job: &Path, runs: &[Run]) -> Result<Page, Stop> {
    let input = input(job)?;
    let mut real: Vec<(String, &'static str, Scores)> = Vec::new();
    let mut cells = Vec::new();
    for target in runs {
        let Some(who) = &target.who else { continue };
        let own = scaled(&input, &target.fitted);
        let Some(scores) = meter::recorded(&target.fitted.track, &|ms| at(&own, ms)) else { continue };
        real.push((target.name.clone(), who.controller, scores.clone()));
        for source in runs.iter().filter(|s| s.name != target.name) {
            let met = Met { track: &target.fitted.track, input: scaled(&input, &source.fitted), who };
            let simulated = simulate(&world(&source.fitted, &met), who).map_err(Stop::no)?;
            cells.push(Cell {
                fitted_on: source.name.clone(),
                run: target.name.clone(),
                controller: who.controller,
                real: scores.clone(),
                simulated,
            });
        }
    }
    Ok(Page { job: name_of(job), real, cells })
}
