//! Recordings as files: written beside their name and renamed when complete, opened with one clear message.

use crate::exit::{NO, Stop};
use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use weirkeeper_core::observation::Observation;
use weirkeeper_core::units::Timestamp;
use weirkeeper_simulator::recording::{Bad, Header, NoteKind, Rows, Writer};

/// A recording that is being written. Where it is not finished, nothing stays of it.
pub struct Recorder {
    path: PathBuf,
    part: PathBuf,
    writer: Option<Writer<BufWriter<File>>>,
}

impl Recorder {
    /// Begins one; it appears under its name when [`Recorder::finish`] has been called.
    pub fn create(path: &Path, header: Header) -> Result<Recorder, Stop> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let file = File::create(&part).map_err(|e| cannot_write(path, &e))?;
        let mut recorder = Recorder { path: path.to_owned(), part, writer: None };
        let writer = Writer::new(BufWriter::new(file), header);
        recorder.writer = Some(writer.map_err(|e| cannot_write(path, &e))?);
        Ok(recorder)
    }

    /// Adds a row.
    pub fn observe(&mut self, at: Timestamp, o: &Observation) -> Result<(), Stop> {
        let written = self.writer.as_mut().map_or(Ok(()), |w| w.observe(at, o));
        written.map_err(|e| cannot_write(&self.path, &e))
    }

    /// Adds what happened.
    pub fn note(&mut self, at: Timestamp, kind: NoteKind) -> Result<(), Stop> {
        let written = self.writer.as_mut().map_or(Ok(()), |w| w.note(at, kind));
        written.map_err(|e| cannot_write(&self.path, &e))
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::rows)
    }

    /// Completes it; gives its size in bytes.
    pub fn finish(mut self) -> Result<u64, Stop> {
        let Some(writer) = self.writer.take() else { return Ok(0) };
        let place = || -> io::Result<u64> {
            let file = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            std::fs::rename(&self.part, &self.path)?;
            Ok(file.metadata()?.len())
        };
        place().map_err(|e| cannot_write(&self.path, &e))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // After the rename it is not there any more, and that is no error.
        let _ = std::fs::remove_file(&self.part);
    }
}

fn cannot_write(path: &Path, e: &io::Error) -> Stop {
    Stop::cannot(format!("{}: it cannot be written: {e}", path.display()))
}

/// A recording, opened; and how many bytes it has.
pub fn open(path: &Path) -> Result<(Rows<BufReader<File>>, u64), Stop> {
    let file = File::open(path).map_err(|e| Stop::cannot(format!("{}: it cannot be opened: {e}", path.display())))?;
    let size = file.metadata().map_or(0, |m| m.len());
    let rows = Rows::new(BufReader::with_capacity(1 << 18, file)).map_err(|e| bad(path, &e))?;
    Ok((rows, size))
}

/// What is wrong with a recording.
pub fn bad(path: &Path, e: &Bad) -> Stop {
    let stop = Stop::cannot(format!("{}: {e}", path.display()));
    match e {
        Bad::Io(_) => stop,
        _ => Stop { code: NO, ..stop },
    }
}
