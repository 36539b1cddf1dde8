//! Replays a recording: the same `step` as live, fed with what was recorded, in recommend mode. What comes out is what
//! would have been decided, and where the recording stops being able to tell: once a rescale was wanted that the job did
//! not get, what follows is not what that policy would have seen.

mod gather;
mod judge;
mod known;
mod player;
mod report;
mod shapes;

pub use gather::Gathered;
pub use known::Known;
pub use player::{Judged, Outcome};
pub use report::{report, title};
pub use shapes::json;

use crate::recording::{Bad, Header, Item, Note, NoteKind, Rows};
use crate::report::{Mark, MarkKind};
use gather::Gather;
use player::Player;
use std::collections::BTreeMap;
use std::io::Read;
use weirkeeper_core::event::Event;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::select::select;
use weirkeeper_core::units::{Millis, Timestamp};

/// Policies that are replayed, and what they are called.
#[derive(Clone, Debug)]
pub struct Contender {
    /// For people.
    pub name: String,
    /// All valid.
    pub policies: Vec<Policy>,
}

/// Events of a recording that are kept for the report; more are counted.
const MAX_HAPPENED: usize = 10_000;

/// What a replay has shown.
#[derive(Debug)]
pub struct Replay {
    /// Of the recording.
    pub header: Header,
    /// First and last row.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Rows of the recording.
    pub rows: u64,
    /// Rows that were looked at.
    pub looks: u64,
    /// How often was looked.
    pub interval: Millis,
    /// Of each contender.
    pub outcomes: Vec<Outcome>,
    /// What the job did, for charts.
    pub gathered: Gathered,
    /// What the recording knows.
    pub known: Known,
    /// What happened to the job, in the recording.
    pub happened: Vec<Mark>,
    /// Rescales, failures and gaps in the recording.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Goes through a recording once, for all contenders. `progress` is told the bytes read so far.
pub fn replay<R: Read>(
    rows: &mut Rows<R>,
    contenders: &[Contender],
    interval: Millis,
    progress: &mut dyn FnMut(u64),
) -> Result<Replay, Bad> {
    let header = rows.header().clone();
    let decidable = header.context.edges.is_some();
    let key = header.key();
    let mut players: Vec<Player> =
        contenders.iter().filter(|_| decidable).map(|c| Player::new(c, &key, interval)).collect();
    let objective = objective(contenders, &header);
    let mut run = Run { gather: Gather::new(objective), happened: Happened::default(), next: None };
    let (mut span, mut seen, mut looks): (Option<(Timestamp, Timestamp)>, u64, u64) = (None, 0, 0);
    while let Some(item) = rows.next()? {
        match item {
            Item::Note(note) => run.happened.take(note),
            Item::Event(at, event) => {
                let observed = matches!(event, Event::Observed(_));
                if observed {
                    seen += 1;
                    span = Some((span.map_or(at, |s| s.0), at));
                }
                if run.skips(at, interval, observed) {
                    continue;
                }
                looks += u64::from(observed);
                players.iter_mut().for_each(|p| p.look(at, event));
                run.gather.look(at, event, players.first());
            }
        }
        if seen.is_multiple_of(1_024) {
            progress(rows.position());
        }
    }
    let end = span.map_or(Timestamp(0), |s| s.1);
    Ok(Replay {
        known: run.gather.known(decidable),
        gathered: run.gather.done(),
        header,
        span,
        rows: seen,
        looks,
        interval,
        outcomes: players.into_iter().map(|p| p.done(end)).collect(),
        happened: run.happened.marks,
        counts: run.happened.counts,
    })
}

/// The lag objective of the first contender's policy for the job, else the default.
fn objective(contenders: &[Contender], header: &Header) -> Millis {
    let policies = contenders.first().map(|c| c.policies.as_slice()).unwrap_or_default();
    let policy = select(policies, &header.key(), &header.context.labels);
    policy.map_or_else(|| Policy::default().scaling.lag_objective, |p| p.scaling.lag_objective)
}

struct Run {
    gather: Gather,
    happened: Happened,
    /// When is looked next.
    next: Option<Timestamp>,
}

impl Run {
    /// A recording may have been read more often than the job is to be looked at. Rows come a little early or late.
    fn skips(&mut self, at: Timestamp, interval: Millis, observed: bool) -> bool {
        let slack = Millis(interval.0 / 10);
        if observed && self.next.is_some_and(|next| at.plus(slack) < next) {
            return true;
        }
        if observed {
            let due = self.next.filter(|n| at.since(*n) < interval).unwrap_or(at);
            self.next = Some(due.plus(interval));
        }
        false
    }
}

#[derive(Default)]
struct Happened {
    marks: Vec<Mark>,
    counts: BTreeMap<&'static str, u64>,
}

impl Happened {
    fn take(&mut self, note: &Note) {
        let at = Timestamp(note.at);
        let (what, kind, title, reasons) = match &note.kind {
            NoteKind::Rescale { from, to, reason } => {
                ("rescales", MarkKind::Happened, changed(from, to), reason.iter().cloned().collect())
            }
            NoteKind::Failure { text } => ("failures", MarkKind::Failure, text.clone(), Vec::new()),
            NoteKind::Gap { until, why } => {
                let lasted = Timestamp(*until).since(at);
                (
                    "gaps",
                    MarkKind::Happened,
                    format!("nothing was recorded for {lasted}"),
                    why.iter().cloned().collect(),
                )
            }
            NoteKind::Context(_) | NoteKind::Missing(_) | NoteKind::Unread { .. } | NoteKind::Decision(_) => return,
        };
        *self.counts.entry(what).or_default() += 1;
        if self.marks.len() < MAX_HAPPENED {
            self.marks.push(Mark { at, lane: "recorded".into(), kind, title, reasons, caveat: None });
        }
    }
}

fn changed(from: &BTreeMap<String, u32>, to: &BTreeMap<String, u32>) -> String {
    let moved = to.iter().filter_map(|(v, p)| Some((v, from.get(v)?, p))).filter(|(_, a, b)| a != b);
    let all: Vec<String> = moved.map(|(v, a, b)| format!("{v} {a} -> {b}")).collect();
    format!("rescaled: {}", all.join(", "))
}

#[cfg(test)]
mod tests;
