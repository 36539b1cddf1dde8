//! Reads a recording block by block; never more than one block is in memory.

use super::bytes::{Cursor, crc32};
use super::coding;
use super::column::{ColumnKey, Spec};
use super::context::Header;
use super::note::Note;
use super::writer::{End, SPARSE};
use super::{Bad, MAGIC, MAX_CHUNK, VERSION};
use serde::de::DeserializeOwned;
use std::io::{self, Read};

/// A block of rows.
#[derive(Debug, Default)]
pub struct Block {
    /// When each row was read, ms since the epoch, rising.
    pub times: Vec<i64>,
    /// Its columns; a column of the recording that has no value in the block is not among them.
    pub columns: Vec<Column>,
    /// What happened, in order; each belongs before its row.
    pub notes: Vec<Note>,
}

/// A column of a block.
#[derive(Debug)]
pub struct Column {
    /// Position in [`Reader::columns`].
    pub id: usize,
    /// The values of the rows in which it is there.
    pub values: Vec<f64>,
    /// A bit per row, the lowest first: it is there. Empty: in all rows.
    pub there: Vec<u8>,
}

impl Column {
    /// Whether it is there in that row.
    pub fn is_there(&self, row: usize) -> bool {
        self.there.is_empty() || self.there.get(row / 8).is_some_and(|b| b >> (row % 8) & 1 == 1)
    }

    /// Its values by row, unknown where it is not there.
    pub fn by_row(&self, rows: usize) -> impl Iterator<Item = Option<f64>> + '_ {
        let mut values = self.values.iter().copied();
        (0..rows).map(move |row| if self.is_there(row) { values.next() } else { None })
    }
}

/// Reads one recording.
pub struct Reader<R: Read> {
    input: R,
    header: Header,
    columns: Vec<ColumnKey>,
    /// Bytes read so far.
    at: u64,
    seen: End,
    done: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header. Give it a buffered reader.
    pub fn new(mut input: R) -> Result<Reader<R>, Bad> {
        let mut magic = [0u8; 8];
        let got = fill(&mut input, &mut magic)?;
        if got == 0 || magic[..got] != MAGIC[..got] {
            return Err(Bad::NotARecording);
        }
        if got < magic.len() {
            return Err(Bad::CutOff { at: got as u64 });
        }
        let mut at = magic.len() as u64;
        let begin = at;
        let (kind, payload) = chunk(&mut input, &mut at)?;
        if kind != *b"HEAD" {
            return Err(damaged(begin, "it does not begin with a header"));
        }
        let version: Version = parse(&payload, begin, "header")?;
        if version.version > VERSION {
            return Err(Bad::Newer(version.version));
        }
        let header: Header = parse(&payload, begin, "header")?;
        if let Some(problem) = header.context.problem() {
            return Err(damaged(begin, problem));
        }
        Ok(Reader { input, header, columns: Vec::new(), at, seen: End::default(), done: false })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The columns that were told of so far.
    pub fn columns(&self) -> &[ColumnKey] {
        &self.columns
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The next block; `None` after the last.
    pub fn block(&mut self) -> Result<Option<Block>, Bad> {
        while !self.done {
            let begin = self.at;
            let (kind, payload) = chunk(&mut self.input, &mut self.at)?;
            match &kind {
                b"COLS" => self.add_columns(&payload, begin)?,
                b"BLCK" => return self.decode(&payload, begin).map(Some),
                b"END " => self.end(&payload, begin)?,
                // A chunk of a kind that a later minor change has added: it can be left out.
                other if other[0].is_ascii_lowercase() => {}
                other => {
                    let kind = String::from_utf8_lossy(other);
                    return Err(damaged(begin, format!("there is no kind of chunk {kind:?}")));
                }
            }
        }
        Ok(None)
    }

    fn add_columns(&mut self, payload: &[u8], at: u64) -> Result<(), Bad> {
        let specs: Vec<Spec> = parse(payload, at, "list of columns")?;
        for spec in specs {
            if spec.id as usize != self.columns.len() {
                return Err(damaged(at, format!("column {} is told of out of turn", spec.id)));
            }
            self.columns.push(spec.key().map_err(|what| damaged(at, what))?);
        }
        Ok(())
    }

    fn decode(&mut self, payload: &[u8], at: u64) -> Result<Block, Bad> {
        let mut cursor = Cursor::new(payload);
        let block = block(&mut cursor, self.columns.len()).map_err(|what| damaged(at, what))?;
        let newest = self.seen.last.into_iter().chain(block.times.iter().copied());
        if !newest.clone().zip(newest.skip(1)).all(|(a, b)| a < b) {
            return Err(damaged(at, "its times do not rise"));
        }
        if let Some(note) = block.notes.iter().find_map(|n| match &n.kind {
            super::NoteKind::Context(c) => c.problem(),
            _ => None,
        }) {
            return Err(damaged(at, note));
        }
        self.seen.rows += block.times.len() as u64;
        self.seen.blocks += 1;
        self.seen.notes += block.notes.len() as u64;
        self.seen.first = self.seen.first.or(block.times.first().copied());
        self.seen.last = block.times.last().copied().or(self.seen.last);
        Ok(block)
    }

    fn end(&mut self, payload: &[u8], at: u64) -> Result<(), Bad> {
        let end: End = parse(payload, at, "end mark")?;
        if end != self.seen {
            return Err(damaged(at, format!("it speaks of {} rows, and {} were read", end.rows, self.seen.rows)));
        }
        let mut more = [0u8; 1];
        if fill(&mut self.input, &mut more)? != 0 {
            return Err(damaged(self.at, "something follows the end mark"));
        }
        self.done = true;
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Version {
    version: u32,
}

fn damaged(at: u64, what: impl Into<String>) -> Bad {
    Bad::Damaged { at, what: what.into() }
}

fn parse<T: DeserializeOwned>(payload: &[u8], at: u64, what: &str) -> Result<T, Bad> {
    serde_json::from_slice(payload).map_err(|e| damaged(at, format!("its {what} is not understood: {e}")))
}

fn block(cursor: &mut Cursor<'_>, known: usize) -> Result<Block, String> {
    let short = || "it is shorter than it says".to_owned();
    let rows = size(cursor).ok_or_else(short)?;
    let bytes = sized(cursor).ok_or_else(short)?;
    // Every row takes at least a byte: what a damaged number asks for is bounded by what is there.
    if rows > bytes.len() {
        return Err(short());
    }
    let mut times = Cursor::new(bytes);
    let times = coding::integers_back(&mut times, rows).filter(|_| times.is_empty()).ok_or("its times are wrong")?;
    let n = size(cursor).ok_or_else(short)?;
    let mut columns = Vec::with_capacity(n.min(known));
    for _ in 0..n {
        columns.push(column(cursor, rows, known)?);
    }
    let notes = sized(cursor).ok_or_else(short)?;
    let notes: Vec<Note> = serde_json::from_slice(notes).map_err(|e| format!("its events are not understood: {e}"))?;
    if notes.iter().any(|n| n.row as usize > rows) {
        return Err("an event belongs to a row that is not there".to_owned());
    }
    match cursor.is_empty() {
        true => Ok(Block { times, columns, notes }),
        false => Err("it is longer than it says".to_owned()),
    }
}

fn column(cursor: &mut Cursor<'_>, rows: usize, known: usize) -> Result<Column, String> {
    let short = || "a column is shorter than it says".to_owned();
    let id = size(cursor).ok_or_else(short)?;
    if id >= known {
        return Err(format!("column {id} was not told of"));
    }
    let tag = cursor.byte().ok_or_else(short)?;
    let there = match tag & SPARSE {
        0 => Vec::new(),
        _ => cursor.take(rows.div_ceil(8)).ok_or_else(short)?.to_vec(),
    };
    let count = if there.is_empty() { rows } else { there.iter().map(|b| b.count_ones() as usize).sum() };
    let bytes = sized(cursor).ok_or_else(short)?;
    let values = coding::decode(tag & !SPARSE, bytes, count).filter(|v| v.len() == count && count <= rows);
    let values = values.ok_or_else(|| format!("the values of column {id} are wrong"))?;
    Ok(Column { id, values, there })
}

fn size(cursor: &mut Cursor<'_>) -> Option<usize> {
    cursor.varint().and_then(|n| usize::try_from(n).ok())
}

fn sized<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let n = size(cursor)?;
    cursor.take(n)
}

/// One chunk, its checksum proven.
fn chunk(input: &mut impl Read, at: &mut u64) -> Result<([u8; 4], Vec<u8>), Bad> {
    let begin = *at;
    let mut head = [0u8; 8];
    whole(input, &mut head, at)?;
    let ([a, b, c, d], length) = (head[..4].try_into().unwrap_or_default(), &head[4..]);
    let length = u32::from_le_bytes(length.try_into().unwrap_or_default()) as usize;
    if length > MAX_CHUNK {
        return Err(damaged(
            begin,
            format!("it says of itself that it is {length} bytes long, and {MAX_CHUNK} are the most"),
        ));
    }
    let mut payload = vec![0u8; length];
    whole(input, &mut payload, at)?;
    let mut sum = [0u8; 4];
    whole(input, &mut sum, at)?;
    let (told, found) = (u32::from_le_bytes(sum), crc32(&[&head, &payload]));
    if told != found {
        return Err(damaged(begin, format!("its checksum is {found:08x} and should be {told:08x}")));
    }
    Ok(([a, b, c, d], payload))
}

fn whole(input: &mut impl Read, buffer: &mut [u8], at: &mut u64) -> Result<(), Bad> {
    let got = fill(input, buffer)?;
    *at += got as u64;
    if got == buffer.len() { Ok(()) } else { Err(Bad::CutOff { at: *at }) }
}

/// As much as there is.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}
