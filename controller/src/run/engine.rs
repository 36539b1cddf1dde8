//! The one owner of the state: each event goes through the core's `step`; what changed is durable before anything is
//! carried out; decisions are logged, counted and kept. No I/O but the store's.

use crate::metrics::Metrics;
use crate::run::narrate;
use crate::run::seen::Directory;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use weirkeeper_core::decision::Decision;
use weirkeeper_core::effect::{Action, Effect};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::state::{Config, JobState, State, Stored};
use weirkeeper_core::units::{Millis, Timestamp};

/// A gap between two events longer than this many intervals means that the process slept.
const SLEPT_INTERVALS: u64 = 3;
/// ... but never less than three of the slowest ticks, or a loaded machine would look like sleep.
const SLEPT_LEAST: Millis = Millis::secs(15);

/// The function that decides: [`weirkeeper_core::step`], or a stand-in of the tests.
pub type Step = fn(&Config, &mut State, Timestamp, &Event) -> Vec<Effect>;

/// What a question may look at.
pub struct Glance<'a> {
    /// The time of the newest event.
    pub at: Timestamp,
    /// What the core was told.
    pub config: &'a Config,
    /// What the core remembers.
    pub state: &'a State,
    /// What the jobs looked like.
    pub jobs: &'a Directory,
    /// Jobs that are skipped until the restart, because deciding about them failed.
    pub skipped: &'a BTreeSet<JobKey>,
}

/// The owner of the state.
pub struct Engine {
    config: Config,
    state: State,
    step: Step,
    store: Arc<dyn Store>,
    metrics: Metrics,
    jobs: Directory,
    skipped: BTreeSet<JobKey>,
    last: Option<Timestamp>,
    /// Not yet durable, by key: what was learned, which may be lost for a tick; or what a failed write left.
    unwritten: BTreeMap<String, Stored>,
    unlogged: Vec<Decision>,
    store_failed: bool,
}

/// Decisions that wait for a store which fails: beyond this the oldest are only in the log.
const MAX_UNLOGGED: usize = 1_000;

impl Engine {
    /// With the state to begin from. The first event is `Resumed`.
    pub fn new(config: Config, state: State, step: Step, store: Arc<dyn Store>, metrics: Metrics) -> Engine {
        Engine {
            config,
            state,
            step,
            store,
            metrics,
            jobs: Directory::default(),
            skipped: BTreeSet::new(),
            last: None,
            unwritten: BTreeMap::new(),
            unlogged: Vec::new(),
            store_failed: false,
        }
    }

    /// What a question may look at.
    pub fn glance(&self) -> Glance<'_> {
        let (config, state, jobs, skipped) = (&self.config, &self.state, &self.jobs, &self.skipped);
        Glance { at: self.last.unwrap_or_default(), config, state, jobs, skipped }
    }

    /// Other policies from now on.
    pub fn set_policies(&mut self, policies: Vec<weirkeeper_core::policy::Policy>) {
        self.config.policies = policies;
    }

    /// The wall clock was set: time goes on from `at`, and everything warms up again.
    pub fn clock_jumped(&mut self, at: Timestamp) -> Vec<Action> {
        tracing::warn!("the wall clock was set: warming up again");
        self.last = Some(at);
        self.decide(at, &Event::Resumed)
    }

    /// Takes one event; gives the actions to carry out, all of them durable.
    pub fn handle(&mut self, at: Timestamp, event: &Event) -> Vec<Action> {
        let mut actions = self.wake(at);
        // Senders stamp before they queue, so two of them may arrive the wrong way round: time never runs backwards.
        let at = self.last.map_or(at, |last| last.max(at));
        self.last = Some(at);
        self.jobs.note(at, event);
        if job_of(event).is_none_or(|job| !self.skipped.contains(job)) {
            actions.extend(self.decide(at, event));
        }
        actions
    }

    /// Writes what waits. True when nothing waits any more.
    pub fn flush(&mut self) -> bool {
        if self.unwritten.is_empty() && self.unlogged.is_empty() {
            return true;
        }
        let records: Vec<_> = self.unwritten.values().cloned().collect();
        let started = Instant::now();
        let result = self.store.write(&records, &self.unlogged);
        self.metrics.store_write.observe(started.elapsed().as_secs_f64());
        match result {
            Ok(()) => self.written(),
            Err(e) => self.write_failed(&e.to_string()),
        }
    }

    /// The first event, or the first after a long gap: the process has just started, or it slept.
    fn wake(&mut self, at: Timestamp) -> Vec<Action> {
        let limit = self.config.interval.times(SLEPT_INTERVALS).max(SLEPT_LEAST);
        match self.last {
            None => self.decide(at, &Event::Resumed),
            Some(last) if at.since(last) > limit => {
                tracing::warn!(seconds = at.since(last).as_secs(), "nothing happened for too long: warming up again");
                self.decide(at, &Event::Resumed)
            }
            Some(_) => Vec::new(),
        }
    }

    fn decide(&mut self, at: Timestamp, event: &Event) -> Vec<Action> {
        let started = Instant::now();
        let effects = self.guarded_step(at, event);
        self.metrics.step.observe(started.elapsed().as_secs_f64());
        self.unwritten.extend(self.state.take_dirty().into_iter().map(|r| (r.key(), r)));
        let mut actions = Vec::new();
        for effect in effects {
            match effect {
                Effect::Act(action) => actions.push(*action),
                Effect::Record(decision) => self.record(*decision),
                Effect::Escalate { job, message, .. } => narrate::escalation(&self.metrics, job.as_ref(), &message),
            }
        }
        let urgent = !actions.is_empty() || must_last(event);
        if urgent && !self.flush() && !actions.is_empty() {
            return self.refuse(at, actions);
        }
        actions
    }

    /// Not durable, so not done: the core is told that nothing was sent.
    fn refuse(&mut self, at: Timestamp, actions: Vec<Action>) -> Vec<Action> {
        for action in actions {
            let outcome = Outcome::Refused("the state could not be written, so nothing was sent".into());
            let event = Event::Outcome { run: action.run, token: action.token, outcome };
            // Whatever it wants to do about that is refused in the same way: nothing comes back.
            let effects = self.guarded_step(at, &event);
            self.unwritten.extend(self.state.take_dirty().into_iter().map(|r| (r.key(), r)));
            for effect in effects {
                if let Effect::Record(decision) = effect {
                    self.record(*decision);
                }
            }
        }
        Vec::new()
    }

    fn record(&mut self, decision: Decision) {
        narrate::decision(&self.metrics, &decision);
        if self.unlogged.len() >= MAX_UNLOGGED {
            self.unlogged.remove(0);
        }
        self.unlogged.push(decision);
    }

    fn written(&mut self) -> bool {
        self.unwritten.clear();
        self.unlogged.clear();
        if std::mem::take(&mut self.store_failed) {
            tracing::info!("the state file can be written again");
        }
        true
    }

    fn write_failed(&mut self, why: &str) -> bool {
        self.metrics.store_failures.inc();
        if !std::mem::replace(&mut self.store_failed, true) {
            tracing::error!(why, "the state cannot be written: nothing is carried out until it can");
        }
        false
    }

    /// A panic in the core is a bug of ours. It must not end the loop for the other jobs.
    fn guarded_step(&mut self, at: Timestamp, event: &Event) -> Vec<Effect> {
        let (step, config, state) = (self.step, &self.config, &mut self.state);
        match catch_unwind(AssertUnwindSafe(|| step(config, state, at, event))) {
            Ok(effects) => effects,
            Err(panic) => {
                self.panicked(event, &narrate::panic_text(&*panic));
                Vec::new()
            }
        }
    }

    /// The job is skipped until the restart, and its memory is put back to what is durable, as after a crash.
    fn panicked(&mut self, event: &Event, why: &str) {
        self.metrics.panics.inc();
        let Some(job) = job_of(event) else {
            tracing::error!(why, "deciding failed on an event of no single job; going on (please report this)");
            return;
        };
        tracing::error!(job = %narrate::one_line(&job.name), why, "deciding failed: this job is skipped until the restart (please report this)");
        self.skipped.insert(job.clone());
        match self.durable(job) {
            Some(memory) => drop(self.state.jobs.insert(job.clone(), memory)),
            None => drop(self.state.jobs.remove(job)),
        }
    }

    fn durable(&self, job: &JobKey) -> Option<JobState> {
        let wanted = |r: &Stored| matches!(r, Stored::Job { job: j, .. } if j == job);
        let waiting = self.unwritten.values().find(|r| wanted(r)).cloned();
        let record = waiting.or_else(|| self.store.load().ok()?.into_iter().find(wanted))?;
        State::restore([record]).jobs.remove(job)
    }
}

/// Reads and ticks teach; the rest changes what may be done, and is durable before it is answered.
fn must_last(event: &Event) -> bool {
    match event {
        Event::Observed(_) | Event::Unobserved { .. } | Event::Jobs { .. } => false,
        Event::Tick | Event::Resumed | Event::Outcome { .. } | Event::Control(_) | Event::KillSwitch(_) => true,
    }
}

/// The one job that an event is about.
fn job_of(event: &Event) -> Option<&JobKey> {
    match event {
        Event::Observed(o) => Some(&o.job),
        Event::Unobserved { job, .. } => Some(job),
        Event::Tick | Event::Resumed | Event::Jobs { .. } | Event::Outcome { .. } => None,
        Event::Control(_) | Event::KillSwitch(_) => None,
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
