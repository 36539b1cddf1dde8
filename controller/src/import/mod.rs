//! `weirkeeper import`: makes Weirkeeper's own files out of others'.

mod columns;
mod mapping;
mod rows;
mod table;

use crate::args::ImportCsvArgs;
use crate::cli::print;
use crate::exit::{NO, OK, Stop};
use crate::recording_file::Recorder;
use columns::Columns;
use mapping::Mapping;
use std::fmt;
use std::path::{Path, PathBuf};
use weirkeeper_core::units::Timestamp;

/// A problem of a file, with its place.
#[derive(Debug)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1.
    pub place: (u64, u64),
    /// Which kind of file.
    pub kind: &'static str,
    /// What is wrong, and the way out.
    pub message: String,
    /// It could not be opened.
    pub unopened: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.place;
        match self.unopened {
            true => write!(f, "{}: {}", self.path.display(), self.message),
            false => write!(f, "{}:{line}:{column}: {}: {}", self.path.display(), self.kind, self.message),
        }
    }
}

fn stop(problems: &[Problem]) -> Stop {
    let report = Stop::report(problems.iter().map(ToString::to_string).collect());
    if problems.iter().any(|p| p.unopened) { report } else { Stop { code: NO, ..report } }
}

/// `import csv`.
pub fn csv(args: &ImportCsvArgs) -> Result<u8, Stop> {
    let mapping = mapping::read(&args.mapping).map_err(|p| stop(&[p]))?;
    let beside = args.mapping.parent().unwrap_or(Path::new(""));
    let folder = args.input.as_deref().unwrap_or(beside);
    let columns = Columns::read(&mapping, folder).map_err(|p| stop(&p))?;
    let job = args.job.as_deref().unwrap_or(&mapping.job.name);
    let mut recorder = Recorder::create(&args.output, rows::header(&mapping, job, &columns))?;
    let span = write(&mapping, job, &columns, &mut recorder)?;
    let rows = recorder.rows();
    let Some((first, last)) = span.filter(|_| rows > 0) else {
        let message = format!("{}: the files of this mapping hold no rows", args.mapping.display());
        return Err(Stop::no(message));
    };
    let size = recorder.finish()?;
    columns.found.iter().for_each(|n| tracing::info!("{n}"));
    print(&format!("{}: {rows} rows of {job}, {first} to {last}, {size} bytes", args.output.display()))?;
    Ok(OK)
}

fn write(
    mapping: &Mapping,
    job: &str,
    columns: &Columns,
    recorder: &mut Recorder,
) -> Result<Option<(Timestamp, Timestamp)>, Stop> {
    let mut span = None;
    for row in rows::rows(mapping, job, columns) {
        for note in row.notes {
            recorder.note(note.0, note.1)?;
        }
        let Some(observation) = row.observation else { continue };
        span = Some((span.map_or(row.at, |(first, _)| first), row.at));
        recorder.observe(row.at, &observation)?;
    }
    Ok(span)
}

#[cfg(test)]
mod tests;
