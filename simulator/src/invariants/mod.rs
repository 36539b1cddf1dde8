//! What may never happen, checked after every tick against what the world knows. Nothing here asks the core: what is
//! forbidden is worked out a second time, from the scenario, the truth of the world, and the commands given.
//!
//! A reader of Flink sees late. So nothing counts against a controller that it cannot have seen: see
//! `facts::Facts::seen_by`.

mod audit;
mod change;
mod evidence;
mod facts;
mod flink;
mod history;
mod limits;
mod twin;
mod undo;

#[cfg(test)]
mod tests;

pub use twin::Twin;

use crate::controller::Command;
use crate::scenario::Scenario;
use crate::truth::JobTruth;
use audit::Records;
use change::Change;
use facts::Facts;
use history::History;
use std::collections::VecDeque;
use std::fmt;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::{Action, Purpose, RunId};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::select::select;
use weirkeeper_core::units::{Millis, Timestamp};

/// Decisions shown with a violation.
const LAST: usize = 8;
/// Failures of jobs, and of verifications, remembered.
const FAILURES: usize = 1_024;
/// So long after a storm must have been seen somebody is told.
const STORM_TOLD: Millis = Millis::minutes(1);

/// Failures less than this apart are of one storm.
const STORM_LASTS: Millis = Millis::minutes(30);

/// Number and sentence of what was found.
type Told = Option<(u8, String)>;

/// Something that may never happen has happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The scenario.
    pub scenario: String,
    /// The seed it was played with.
    pub seed: u64,
    /// When, by the world's clock.
    pub at: Timestamp,
    /// Seconds since the start.
    pub tick: u64,
    /// Number of the invariant, as in the names of the tests.
    pub invariant: u8,
    /// What happened.
    pub message: String,
    /// The last decisions before it, oldest first.
    pub decisions: Vec<Decision>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { scenario, seed, at, tick, invariant, message, decisions } = self;
        write!(f, "{scenario}, seed {seed}, second {tick} ({at}): invariant {invariant}: {message}")?;
        decisions.iter().try_for_each(|d| write!(f, "\n  {} {d}", d.at))
    }
}

impl std::error::Error for Violation {}

/// Follows one play.
pub struct Checker {
    scenario: String,
    seed: u64,
    interval: Millis,
    facts: Facts,
    policies: Vec<Policy>,
    jobs: Vec<History>,
    failures: VecDeque<(Timestamp, usize)>,
    failed_verifications: Vec<Timestamp>,
    records: Records,
    decisions: VecDeque<Decision>,
    /// When a person was last called.
    told: Option<Timestamp>,
    /// When somebody was last called for more than one job.
    paged: Option<Timestamp>,
    /// Since when a storm must have been seen, and how often somebody was called for it.
    storm: Option<(Timestamp, u32)>,
    /// When the controller last looked.
    looked: Timestamp,
    found: Told,
}

impl Checker {
    /// For a play that begins now, of a controller that looks every `interval` and goes by these policies.
    pub fn new(scenario: &Scenario, seed: u64, began: Timestamp, interval: Millis, policies: &[Policy]) -> Checker {
        let facts = Facts::new(scenario, began, interval);
        let jobs = facts.jobs.iter().map(|j| History::new(began, j)).collect();
        Checker {
            scenario: scenario.name.clone(),
            seed,
            interval,
            facts,
            policies: policies.to_vec(),
            jobs,
            failures: VecDeque::new(),
            failed_verifications: Vec::new(),
            records: Records::default(),
            decisions: VecDeque::new(),
            told: None,
            paged: None,
            storm: None,
            looked: began,
            found: None,
        }
    }

    /// A tick is over.
    pub fn tick(&mut self, at: Timestamp, truth: &[JobTruth]) {
        for (job, truth) in truth.iter().enumerate().take(self.jobs.len()) {
            if self.jobs[job].tick(at, truth) {
                self.failures.push_back((at, job));
                if self.failures.len() > FAILURES {
                    self.failures.pop_front();
                }
            }
            // A controller that is dead cannot call anybody.
            let alive = at.since(self.looked) <= self.interval;
            let held = flink::stopped(at, &self.jobs[job], self.told).filter(|_| alive);
            self.find(held);
        }
        self.storm(at);
    }

    /// 9, second half: one page, and not none.
    fn storm(&mut self, at: Timestamp) {
        if self.policies.is_empty() || self.failures.is_empty() {
            return;
        }
        let failing = evidence::failing(self.failures.iter(), &self.facts, at);
        if !evidence::is_storm(failing, self.jobs.len()) {
            self.storm = None;
            return;
        }
        let (since, pages) = *self.storm.get_or_insert((at, 0));
        // A storm that abates for a moment is one storm: whoever was called for it is on the way.
        let called = pages > 0 || self.paged.is_some_and(|paged| paged.plus(STORM_LASTS) >= since);
        let alive = at.since(self.looked) <= self.interval;
        if alive && !called && at.since(since) > STORM_TOLD {
            self.find(Some((9, format!("{failing} jobs fail together since {since}, and nobody was called"))));
        }
    }

    /// What became of commands, as the world says it.
    pub fn outcomes(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Outcome { run, outcome, .. } = event {
                self.outcome(*run, outcome);
            }
        }
    }

    fn outcome(&mut self, run: RunId, outcome: &Outcome) {
        let Some(history) = self.jobs.iter_mut().find(|h| h.runs.contains_key(&run)) else { return };
        let Some(seen) = history.runs.get_mut(&run) else { return };
        match outcome {
            Outcome::Accepted if seen.undoing => seen.undone = true,
            Outcome::Accepted => seen.accepted = true,
            Outcome::Unclear(_) => seen.unclear = true,
            // It was not done, so it counts against no budget, and nothing is pending.
            Outcome::Refused(_) | Outcome::Changed(_) | Outcome::DryRun if !seen.unclear && !seen.accepted => {
                history.done.retain(|d| d.run != run);
                history.asked = None;
            }
            Outcome::Found { requirements, .. } => {
                let asked = history.uppers(requirements);
                history.asked = Some((self.looked, asked));
            }
            Outcome::StillRuns => history.asked = None,
            Outcome::Stopped { .. } => history.stopped = Some(self.looked),
            Outcome::Started { .. } => history.stopped = None,
            _ => {}
        }
    }

    /// What the controller is shown.
    pub fn shown(&mut self, at: Timestamp, events: &[Event]) {
        self.looked = at;
        for event in events {
            match event {
                Event::Observed(seen) => {
                    if let Some(job) = self.job(&seen.job) {
                        self.jobs[job].shown(at, seen);
                    }
                }
                Event::Unobserved { job, .. } => {
                    if let Some(job) = self.job(job) {
                        self.jobs[job].unread = true;
                    }
                }
                _ => {}
            }
        }
    }

    /// What it commands.
    pub fn command(&mut self, at: Timestamp, command: &Command) {
        match command {
            Command::Act(action) => self.act(at, action),
            Command::Record(decision) => self.record(at, decision),
            Command::Escalate(message) => self.escalate(at, message),
            // The others promise nothing.
            Command::Rescale { .. } => {}
        }
    }

    fn escalate(&mut self, at: Timestamp, message: &str) {
        self.told = Some(at);
        let of_one_job = self.facts.jobs.iter().any(|j| message.starts_with(&format!("{}: ", j.name)));
        if !of_one_job {
            self.paged = Some(at);
        }
        if let Some((since, pages)) = self.storm.as_mut().filter(|_| !of_one_job) {
            *pages += 1;
            let (since, pages) = (*since, *pages);
            let again = (pages > 1).then(|| (9, format!("{pages} calls for one storm that began {since}")));
            self.find(again);
        }
    }

    fn act(&mut self, at: Timestamp, action: &Action) {
        let Some(job) = self.job(&action.job) else { return };
        let Some(change) = Change::of(at, job, action, &self.jobs[job]) else { return };
        let spec = &self.facts.jobs[job].spec;
        let Some(policy) = select(&self.policies, &action.job, &spec.labels).cloned() else { return };
        let undone = undo::once(&change, &self.jobs[job]);
        self.find(undone);
        // The same run sent once more, because it was found not to have been done, is no new change.
        let again = self.jobs[job].runs.get(&change.run).is_some_and(|r| r.purpose == change.purpose);
        if change.is_new() && !again {
            self.new_change(&change, &policy);
        } else if change.purpose == Purpose::Undo
            && let Some(seen) = self.jobs[job].runs.get_mut(&change.run)
        {
            seen.undoing = true;
        }
        self.jobs[job].asked = Some((at, change.target));
    }

    fn new_change(&mut self, change: &Change, policy: &Policy) {
        let (facts, history) = (&self.facts, &self.jobs[change.job]);
        let failing = evidence::failing(self.failures.iter(), facts, change.at);
        let found = evidence::fresh(change, history, policy, self.interval)
            .or_else(|| evidence::warm(change, history, facts, policy))
            .or_else(|| evidence::together(failing, self.jobs.len()))
            .or_else(|| limits::at_once(change, &self.jobs, policy))
            .or_else(|| limits::bounds(change, history, facts, policy))
            .or_else(|| limits::flapping(change, history, facts, policy))
            .or_else(|| flink::savepoint(change, facts))
            .or_else(|| flink::checkpoint(change, history, facts, policy))
            .or_else(|| flink::down(change, history, facts))
            .or_else(|| flink::in_vain(change, history, facts))
            .or_else(|| flink::pending(change, history, facts))
            .or_else(|| undo::again(change, history))
            .or_else(|| undo::breaker(change, &self.failed_verifications))
            .or_else(|| self.records.undecided(change.run));
        let arriving = history.arriving(change.at, Millis::minutes(1));
        let (seen, done) = (change.seen(history), change.done(arriving));
        self.find(found);
        self.jobs[change.job].keep(change.run, seen, done);
        let spent = limits::per_job(change, &self.jobs[change.job], policy)
            .or_else(|| limits::per_fleet(change, &self.jobs, policy));
        self.find(spent);
    }

    fn record(&mut self, at: Timestamp, decision: &Decision) {
        if self.decisions.len() == LAST {
            self.decisions.pop_front();
        }
        self.decisions.push_back(decision.clone());
        let found = self.records.record(decision);
        self.find(found);
        if decision.verdict == Verdict::Progress
            && let (Some(job), Some((run, phase))) = (self.job(&decision.job), audit::phase(decision))
        {
            self.progress(at, job, run, phase);
        }
    }

    /// A step of a run is told.
    fn progress(&mut self, at: Timestamp, job: usize, run: RunId, phase: &str) {
        let history = &self.jobs[job];
        let Some(seen) = history.runs.get(&run) else { return };
        let spec = &self.facts.jobs[job].spec;
        let key = JobKey { cluster: "".into(), namespace: None, name: spec.name.clone() };
        let policy = select(&self.policies, &key, &spec.labels);
        let early = policy.filter(|_| phase == "succeeded").and_then(|p| evidence::verified(at, seen, history, p));
        let (first, accepted) = (!seen.failed, seen.accepted);
        let (down, vertices) = (seen.purpose == Purpose::Down, seen.changes.clone());
        self.find(early);
        let failed = first && matches!(phase, "rolling-back" | "rollback-failed" | "failed");
        let over = !matches!(phase, "acting" | "settling" | "rolling-back" | "awaiting-approval");
        if failed {
            self.jobs[job].failed.push((down, vertices, at));
            if accepted {
                self.failed_verifications.push(at);
                let surplus = self.failed_verifications.len().saturating_sub(FAILURES);
                self.failed_verifications.drain(..surplus);
            }
        }
        if let Some(seen) = self.jobs[job].runs.get_mut(&run) {
            seen.failed |= failed;
            seen.over |= over;
        }
    }

    fn job(&self, key: &JobKey) -> Option<usize> {
        self.facts.jobs.iter().position(|j| j.name == key.name)
    }

    /// The controller notices something wrong with itself.
    pub fn told(&mut self, found: (u8, String)) {
        self.find(Some(found));
    }

    fn find(&mut self, found: Told) {
        if self.found.is_none() {
            self.found = found;
        }
    }

    /// The first violation so far, complete.
    pub fn verdict(&mut self, at: Timestamp) -> Result<(), Violation> {
        let Some((invariant, message)) = self.found.take() else { return Ok(()) };
        Err(Violation {
            scenario: self.scenario.clone(),
            seed: self.seed,
            at,
            tick: at.since(self.facts.began).0 / 1_000,
            invariant,
            message,
            decisions: self.decisions.iter().cloned().collect(),
        })
    }
}
