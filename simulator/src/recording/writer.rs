//! Writes a recording: rows are gathered into blocks, blocks go out as they are full.

use super::bytes::{crc32, put_varint};
use super::coding;
use super::column::{ColumnKey, Field, Spec};
use super::context::{Context, Header};
use super::note::{Note, NoteKind};
use super::{BLOCK_ROWS, MAGIC};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use weirkeeper_core::observation::Observation;
use weirkeeper_core::units::Timestamp;

/// Notes of one block; a block is closed early rather than growing without bound.
const BLOCK_NOTES: usize = 4_096;
/// Without a row for this many intervals, there is a gap.
const GAP_INTERVALS: u64 = 4;

/// Writes one recording.
pub struct Writer<W: Write> {
    out: W,
    header: Header,
    ids: BTreeMap<ColumnKey, usize>,
    new_columns: Vec<Spec>,
    /// By column id: rows in which it is there, and its values.
    columns: Vec<(Vec<u32>, Vec<f64>)>,
    times: Vec<i64>,
    notes: Vec<Note>,
    context: Context,
    missing: Vec<String>,
    running: BTreeMap<String, u32>,
    last: Option<i64>,
    totals: End,
}

/// The end mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct End {
    pub rows: u64,
    pub blocks: u64,
    pub notes: u64,
    pub first: Option<i64>,
    pub last: Option<i64>,
}

impl<W: Write> Writer<W> {
    /// Begins one. The header's version is set here.
    pub fn new(mut out: W, mut header: Header) -> io::Result<Writer<W>> {
        header.version = super::VERSION;
        out.write_all(&MAGIC)?;
        chunk(&mut out, *b"HEAD", &json(&header)?)?;
        Ok(Writer {
            out,
            context: header.context.clone(),
            header,
            ids: BTreeMap::new(),
            new_columns: Vec::new(),
            columns: Vec::new(),
            times: Vec::new(),
            notes: Vec::new(),
            missing: Vec::new(),
            running: BTreeMap::new(),
            last: None,
            totals: End::default(),
        })
    }

    /// Adds what was read at `at`. Rows that are not newer than the last are left out. Whether the job's edges are known
    /// is as the header says.
    pub fn observe(&mut self, at: Timestamp, o: &Observation) -> io::Result<()> {
        if self.last.is_some_and(|last| at.0 <= last) {
            return Ok(());
        }
        self.changes(at, o);
        let row = self.times.len() as u32;
        self.times.push(at.0);
        for field in Field::OF_JOB {
            self.put(row, ColumnKey::Field(field, None), field.get(o, 0));
        }
        for v in 0..o.graph.vertices.len() {
            for field in Field::OF_VERTEX {
                self.put(row, ColumnKey::Field(field, Some(v)), field.get(o, v));
            }
        }
        for sample in &o.samples {
            self.put(row, ColumnKey::Series(Arc::clone(&sample.key)), Some(sample.value));
        }
        self.last = Some(at.0);
        self.flush_if_full()
    }

    /// Adds something that happened before the next row.
    pub fn note(&mut self, at: Timestamp, kind: NoteKind) -> io::Result<()> {
        self.push_note(at, kind);
        if self.notes.len() >= BLOCK_NOTES { self.flush() } else { Ok(()) }
    }

    /// Writes the end mark.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.times.is_empty() || !self.notes.is_empty() {
            self.flush()?;
        }
        let end = json(&self.totals)?;
        chunk(&mut self.out, *b"END ", &end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.totals.rows + self.times.len() as u64
    }

    fn push_note(&mut self, at: Timestamp, kind: NoteKind) {
        self.notes.push(Note { at: at.0, row: self.times.len() as u32, kind });
    }

    /// What has changed since the last row and is not told by columns.
    fn changes(&mut self, at: Timestamp, o: &Observation) {
        let limit = self.header.interval.saturating_mul(GAP_INTERVALS);
        if let Some(last) = self.last.filter(|last| at.since(Timestamp(*last)).0 > limit) {
            self.push_note(Timestamp(last), NoteKind::Gap { until: at.0, why: None });
        }
        let mut context = Context::of(o, self.header.context.edges.is_some());
        keep_operators(&mut context, &self.context);
        if !context.same_shape(&self.context) {
            if let Some(failure) = context.failure.as_ref().filter(|f| Some(*f) != self.context.failure.as_ref()) {
                self.push_note(Timestamp(failure.at), NoteKind::Failure { text: failure.text.clone() });
            }
            self.context = context.clone();
            self.push_note(at, NoteKind::Context(Box::new(context)));
        }
        if o.missing != self.missing {
            self.missing.clone_from(&o.missing);
            self.push_note(at, NoteKind::Missing(o.missing.clone()));
        }
        self.rescaled(at, o);
    }

    fn rescaled(&mut self, at: Timestamp, o: &Observation) {
        let now: BTreeMap<String, u32> =
            o.graph.vertices.iter().map(|v| (v.name.to_string(), v.parallelism.0)).collect();
        let from = std::mem::replace(&mut self.running, now.clone());
        let same_vertices = from.len() == now.len() && from.keys().eq(now.keys());
        if !from.is_empty() && same_vertices && from != now {
            self.push_note(at, NoteKind::Rescale { from, to: now, reason: None });
        }
    }

    fn put(&mut self, row: u32, key: ColumnKey, value: Option<f64>) {
        let Some(value) = value.filter(|v| v.is_finite()) else { return };
        let id = match self.ids.get(&key) {
            Some(id) => *id,
            None => self.new_column(key),
        };
        let (rows, values) = &mut self.columns[id];
        // A series that stands twice in one answer counts once, as it does for the windows of the core.
        if rows.last() != Some(&row) {
            rows.push(row);
            values.push(value);
        }
    }

    fn new_column(&mut self, key: ColumnKey) -> usize {
        let id = self.columns.len();
        self.new_columns.push(Spec::new(id as u32, &key));
        self.columns.push((Vec::new(), Vec::new()));
        self.ids.insert(key, id);
        id
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.times.len() >= BLOCK_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.new_columns.is_empty() {
            let specs = std::mem::take(&mut self.new_columns);
            chunk(&mut self.out, *b"COLS", &json(&specs)?)?;
        }
        let payload = self.block()?;
        chunk(&mut self.out, *b"BLCK", &payload)?;
        self.totals.rows += self.times.len() as u64;
        self.totals.blocks += 1;
        self.totals.notes += self.notes.len() as u64;
        self.totals.first = self.totals.first.or(self.times.first().copied());
        self.totals.last = self.times.last().copied().or(self.totals.last);
        self.times.clear();
        self.notes.clear();
        self.columns.iter_mut().for_each(|(rows, values)| {
            rows.clear();
            values.clear();
        });
        Ok(())
    }

    fn block(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let n = self.times.len();
        put_varint(&mut out, n as u64);
        sized(&mut out, &coding::delta2(&self.times));
        let used: Vec<usize> = (0..self.columns.len()).filter(|i| !self.columns[*i].0.is_empty()).collect();
        put_varint(&mut out, used.len() as u64);
        for id in used {
            let (rows, values) = &self.columns[id];
            let (tag, bytes) = coding::encode(values);
            let sparse = rows.len() < n;
            put_varint(&mut out, id as u64);
            out.push(tag | if sparse { SPARSE } else { 0 });
            if sparse {
                out.extend(bitmap(rows, n));
            }
            sized(&mut out, &bytes);
        }
        sized(&mut out, &json(&self.notes)?);
        Ok(out)
    }
}

/// Marks a column that is not there in every row.
pub(super) const SPARSE: u8 = 0x80;

/// Which operators are chained is told once, by whoever made the header.
fn keep_operators(context: &mut Context, before: &Context) {
    for v in &mut context.vertices {
        if let Some(old) = before.vertices.iter().find(|o| o.id == v.id) {
            v.operators.clone_from(&old.operators);
        }
    }
}

fn bitmap(rows: &[u32], n: usize) -> Vec<u8> {
    let mut bits = vec![0u8; n.div_ceil(8)];
    for row in rows {
        bits[*row as usize / 8] |= 1 << (row % 8);
    }
    bits
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(io::Error::other)
}

/// Type, length, content, checksum of the three.
fn chunk(out: &mut impl Write, kind: [u8; 4], payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(|_| io::Error::other("a block is larger than 4 GiB"))?;
    let length = length.to_le_bytes();
    out.write_all(&kind)?;
    out.write_all(&length)?;
    out.write_all(payload)?;
    out.write_all(&crc32(&[&kind, &length, payload]).to_le_bytes())
}
