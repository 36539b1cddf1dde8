//! Recordings: what was read of one job, on disk. One file per job; a header that describes it, then blocks of columns,
//! each chunk with its checksum. `docs/recordings.md` describes it byte by byte, and a test reads it by hand.
//!
//! A recording needs no particular signal: what is absent is not known. Reading goes block by block, in bounded memory.

mod bytes;
mod coding;
mod column;
mod context;
mod note;
mod reader;
mod rows;
mod writer;

pub use column::{ColumnKey, Field, is_counter};
pub use context::{ChainedVertex, Context, EdgeContext, Header, Origin};
pub use note::{Note, NoteKind};
pub use reader::{Block, Column, Reader};
pub use rows::{Item, Rows};
pub use writer::Writer;

use std::fmt;

/// The first bytes of every recording: a byte that no text begins with, the name, and the line ends that a transfer as
/// text would change.
pub const MAGIC: [u8; 8] = *b"\x93WKREC\r\n";
/// Version of the format that is written. A reader refuses a higher one.
pub const VERSION: u32 = 1;
/// Rows of a block: an hour at the usual interval. More compress hardly better, and cost memory.
pub const BLOCK_ROWS: usize = 240;
/// A chunk may not be longer: a damaged length must not ask for all memory there is.
pub const MAX_CHUNK: usize = 64 << 20;

/// Why a recording cannot be read on.
#[derive(Debug)]
pub enum Bad {
    /// What could not be read from where it lies.
    Io(std::io::Error),
    /// It is something else.
    NotARecording,
    /// It was written by a later Weirkeeper.
    Newer(u32),
    /// It ends too early.
    CutOff {
        /// The byte at which it ends.
        at: u64,
    },
    /// Something in it cannot be.
    Damaged {
        /// The byte at which the damaged chunk begins.
        at: u64,
        /// What.
        what: String,
    },
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bad::Io(e) => write!(f, "it cannot be read: {e}"),
            Bad::NotARecording => {
                f.write_str("this is not a recording: its first bytes are others (`weirkeeper import csv` makes one)")
            }
            Bad::Newer(version) => {
                write!(f, "its format is version {version}, this program reads up to {VERSION}: use a newer weirkeeper")
            }
            Bad::CutOff { at } => write!(
                f,
                "the recording ends at byte {at}, before its end mark: it was cut off; record or copy it again"
            ),
            Bad::Damaged { at, what } => {
                write!(f, "the recording is damaged in the chunk at byte {at}: {what}; record or copy it again")
            }
        }
    }
}

impl std::error::Error for Bad {}

impl From<std::io::Error> for Bad {
    fn from(e: std::io::Error) -> Bad {
        Bad::Io(e)
    }
}

#[cfg(test)]
mod tests;
