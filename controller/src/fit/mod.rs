//! `weirkeeper fit`: a scenario out of a recording.

pub mod fidelity;
mod table;

use crate::args::{FitArgs, Global};
use crate::cli::print;
use crate::exit::Stop;
use crate::recording_file::{bad, open};
use crate::scenario::write;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use weirkeeper_simulator::fit::{Made, fit, scenario};

/// Runs it.
pub fn run(_global: &Global, args: &FitArgs) -> Result<u8, Stop> {
    let (mut rows, _) = open(&args.file)?;
    let fitted = fit(&mut rows).map_err(|e| bad(&args.file, &e))?;
    if fitted.track.rows.is_empty() {
        return Err(Stop::no(format!(
            "{}: the recording holds no row: nothing can be learned of it",
            args.file.display()
        )));
    }
    let made = scenario(&fitted);
    let trace = trace_beside(&args.output);
    save(&trace, &write::load(&made.scenario))?;
    let name = trace.file_name().map(PathBuf::from).unwrap_or_default();
    save(&args.output, &write::text(&made.scenario, &made.remarks, &name))?;
    print(&told(&made, &args.output, &trace))
}

/// `jobs/orders.yaml`: `jobs/orders.load.csv`.
fn trace_beside(output: &Path) -> PathBuf {
    output.with_extension("load.csv")
}

fn save(path: &Path, text: &str) -> Result<(), Stop> {
    std::fs::write(path, text).map_err(|e| Stop::cannot(format!("{}: it cannot be written: {e}", path.display())))
}

fn told(made: &Made, output: &Path, trace: &Path) -> String {
    let mut out = String::new();
    for r in &made.remarks {
        let _ = writeln!(out, "{}", write::remark(r));
    }
    let _ = write!(out, "written: {}, and its load as {}", output.display(), trace.display());
    out
}
