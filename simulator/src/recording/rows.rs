//! A recording as what a controller is told: observations in order, and what happened between them. The observation is
//! one that is changed in place, so that reading costs little beside deciding.

use super::column::{ColumnKey, Field};
use super::context::Context;
use super::note::{Note, NoteKind};
use super::reader::{Block, Reader};
use super::{Bad, Header};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::{Observation, Sample};
use weirkeeper_core::units::Timestamp;

/// What comes next.
#[derive(Debug)]
pub enum Item<'a> {
    /// The job was read (`Event::Observed`), or could not be (`Event::Unobserved`).
    Event(Timestamp, &'a Event),
    /// Something that happened.
    Note(&'a Note),
}

/// Goes through a recording.
pub struct Rows<R: Read> {
    reader: Reader<R>,
    block: Block,
    /// Next value of each column of the block.
    next: Vec<usize>,
    /// Columns that were there in an earlier block and are not in this one.
    row: usize,
    notes: VecDeque<Note>,
    note: Option<Note>,
    key: JobKey,
    context: Context,
    seen: Event,
    unread: Event,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    pub fn new(input: R) -> Result<Rows<R>, Bad> {
        let reader = Reader::new(input)?;
        let key = reader.header().key();
        let context = reader.header().context.clone();
        let seen = Event::Observed(Box::new(context.observation(&key)));
        let unread = Event::Unobserved { job: key.clone(), why: String::new(), incomplete: false };
        Ok(Rows {
            reader,
            block: Block::default(),
            next: Vec::new(),
            row: 0,
            notes: VecDeque::new(),
            note: None,
            key,
            context,
            seen,
            unread,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// What seldom changes, as it is at the row that was given last.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Bytes read so far, for a progress bar.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// What comes next; `None` after the last.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from it")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Bad> {
        loop {
            if self.notes.front().is_some_and(|n| n.row as usize <= self.row) {
                let Some(note) = self.notes.pop_front() else { continue };
                return Ok(Some(self.tell(note)));
            }
            if let Some(at) = self.block.times.get(self.row).copied() {
                self.fill();
                self.row += 1;
                return Ok(Some(Item::Event(Timestamp(at), &self.seen)));
            }
            match self.reader.block()? {
                None => return Ok(None),
                Some(block) => self.begin(block),
            }
        }
    }

    fn begin(&mut self, mut block: Block) {
        self.notes = std::mem::take(&mut block.notes).into();
        self.next = vec![0; block.columns.len()];
        self.row = 0;
        // A column that is in no row of a block is unknown in all of them.
        let Event::Observed(o) = &mut self.seen else { return };
        let vertices = o.graph.vertices.len();
        Field::OF_JOB.into_iter().for_each(|f| f.set(o, 0, None));
        for v in 0..vertices {
            Field::OF_VERTEX.into_iter().for_each(|f| f.set(o, v, None));
        }
        self.block = block;
    }

    fn tell(&mut self, note: Note) -> Item<'_> {
        match &note.kind {
            NoteKind::Context(context) => {
                self.context = (**context).clone();
                self.renew();
            }
            NoteKind::Missing(missing) => {
                if let Event::Observed(o) = &mut self.seen {
                    o.missing.clone_from(missing);
                }
            }
            NoteKind::Unread { why, incomplete } => {
                let (job, why) = (self.key.clone(), why.clone());
                self.unread = Event::Unobserved { job, why, incomplete: *incomplete };
                return Item::Event(Timestamp(note.at), &self.unread);
            }
            NoteKind::Rescale { .. } | NoteKind::Failure { .. } | NoteKind::Gap { .. } | NoteKind::Decision(_) => {}
        }
        Item::Note(self.note.insert(note))
    }

    /// Another context: all that the columns do not tell is taken from it.
    fn renew(&mut self) {
        let Event::Observed(o) = &mut self.seen else { return };
        let fresh = self.context.observation(&self.key);
        let (samples, missing) = (std::mem::take(&mut o.samples), std::mem::take(&mut o.missing));
        **o = Observation { samples, missing, ..fresh };
    }

    fn fill(&mut self) {
        let Event::Observed(o) = &mut self.seen else { return };
        let row = self.row;
        let mut n = 0;
        for (column, next) in self.block.columns.iter().zip(&mut self.next) {
            let value = column.is_there(row).then(|| column.values.get(*next).copied()).flatten();
            *next += usize::from(value.is_some());
            match self.reader.columns().get(column.id) {
                Some(ColumnKey::Field(field, vertex)) => field.set(o, vertex.unwrap_or(0), value),
                Some(ColumnKey::Series(key)) => {
                    let Some(value) = value else { continue };
                    match o.samples.get_mut(n) {
                        Some(s) if Arc::ptr_eq(&s.key, key) => s.value = value,
                        Some(s) => *s = Sample { key: Arc::clone(key), value },
                        None => o.samples.push(Sample { key: Arc::clone(key), value }),
                    }
                    n += 1;
                }
                None => {}
            }
        }
        o.samples.truncate(n);
    }
}
