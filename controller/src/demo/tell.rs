//! What the demo says: decisions as they happen, and how the jobs are. It stands where the store of `run` stands, so it
//! hears of each decision once, when it is durable.

use crate::store::{MemoryStore, Store, StoreError};
use std::fmt::Write as _;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::state::Stored;
use weirkeeper_core::units::{RecordsPerSec, Timestamp};
use weirkeeper_simulator::scenario::Scenario;
use weirkeeper_simulator::truth::JobTruth;
use weirkeeper_simulator::world::BEGAN;

/// Reasons shown of a decision that changes something; the rest is behind `explain`.
const REASONS: usize = 4;
/// A reason longer than this is cut.
const WIDTH: usize = 160;

/// Says it, and keeps it for the API.
pub struct Tell {
    colours: bool,
    width: usize,
    kept: MemoryStore,
}

impl Tell {
    /// With colours or without.
    pub fn new(colours: bool, scenario: &Scenario) -> Tell {
        let width = scenario.jobs.iter().map(|j| j.name.chars().count()).max().unwrap_or(0);
        Tell { colours, width, kept: MemoryStore::default() }
    }

    /// What this is, and where to ask.
    pub fn welcome(&self, scenario: &Scenario, speed: f64, at: SocketAddr) {
        let summary = &scenario.summary;
        self.say(&format!(
            "{}\n{summary}\nNothing is real here but the decisions: a simulated Flink cluster of {} jobs, {speed} times as fast as the clock.\n\
             ask:   weirkeeper explain --server http://{at} --job {}\n\
             API:   http://{at}/api/v1/jobs  /api/v1/decisions  /api/v1/actions  /metrics\n\
             end:   Ctrl-C\n",
            self.paint("1", "Weirkeeper demo"),
            scenario.jobs.len(),
            scenario.jobs[0].name,
        ));
    }

    /// How the jobs are.
    pub fn status(&self, at: Timestamp, truth: &[JobTruth]) {
        let job = |t: &JobTruth| {
            let state = if t.running { String::new() } else { ", not running".to_owned() };
            format!("{} {} {} behind, {} slots{state}", t.name, RecordsPerSec(t.arriving), t.lag, t.slots)
        };
        let jobs: Vec<_> = truth.iter().map(job).collect();
        self.say(&self.paint("2", &format!("{}  {}", clock(at), jobs.join(" | "))));
    }

    fn say(&self, text: &str) {
        // A reader that has gone is no reason to stop: the API goes on.
        let _ = writeln!(stdout(), "{text}");
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A decision: one line, and below it why.
    pub fn decision(&self, d: &Decision) -> String {
        let changes: Vec<_> = d.rescale.iter().map(|(v, c)| format!("{v} {} -> {}", c.from, c.to)).collect();
        let gates: Vec<_> = d.gates.iter().map(|g| g.as_str()).collect();
        let held = if gates.is_empty() { String::new() } else { format!(" [held back: {}]", gates.join(", ")) };
        let rescale = if changes.is_empty() { String::new() } else { format!(" {}", changes.join(", ")) };
        let (code, shown) = match d.verdict {
            Verdict::Act => ("1;32", REASONS),
            Verdict::Progress => ("36", 1),
            Verdict::Gated if !changes.is_empty() => ("33", REASONS),
            Verdict::Recommend | Verdict::AwaitApproval => ("33", REASONS),
            Verdict::Gated | Verdict::Hold => ("2", 1),
        };
        let head = format!("{:<width$}  {}{rescale}{held}", d.job.name, d.verdict.as_str(), width = self.width);
        let mut text = format!("{}  {}", clock(d.at), self.paint(code, &head));
        for reason in d.reasons.iter().take(shown) {
            let _ = write!(text, "\n            {}", cut(&reason.to_string()));
        }
        if shown > 1 && d.reasons.len() > shown {
            let _ = write!(text, "\n            and {} more reasons", d.reasons.len() - shown);
        }
        text
    }
}

fn cut(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if clean.chars().count() <= WIDTH { clean } else { clean.chars().take(WIDTH - 3).chain("...".chars()).collect() }
}

/// Hours, minutes and seconds since the world began.
fn clock(at: Timestamp) -> String {
    let seconds = at.since(BEGAN).0 / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

impl Store for Tell {
    fn load(&self) -> Result<Vec<Stored>, StoreError> {
        self.kept.load()
    }

    fn write(&self, records: &[Stored], decisions: &[Decision]) -> Result<(), StoreError> {
        decisions.iter().for_each(|d| self.say(&self.decision(d)));
        self.kept.write(records, decisions)
    }

    fn decisions(&self, job: Option<&str>, limit: usize) -> Result<Vec<Decision>, StoreError> {
        self.kept.decisions(job, limit)
    }
}
