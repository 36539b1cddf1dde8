//! One contender: its state, what it decides, and since when the recording cannot judge it any more.

use super::Contender;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::{Action, Effect};
use weirkeeper_core::event::{Event, Outcome as ActionOutcome};
use weirkeeper_core::job::{JobGraph, JobKey};
use weirkeeper_core::state::{Config, State};
use weirkeeper_core::step;
use weirkeeper_core::units::{Millis, Timestamp};
use weirkeeper_core::view::JobView;

/// Decisions that are kept; more are counted. 30 days of a job that never rests stay below.
const MAX_DECISIONS: usize = 50_000;
/// A silence that is filled with the ticks of a running controller; a longer one, and it warms up again as after sleep.
const MAX_TICKS: u64 = 240;

/// A decision, and how far the recording bears it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The decision.
    pub decision: Decision,
    /// It presumes that an earlier rescale of this contender did not happen.
    pub beyond: bool,
}

/// What a contender did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its decisions, in order.
    pub decisions: Vec<Judged>,
    /// Decisions that were not kept.
    pub dropped: u64,
    /// Calls for a person.
    pub escalations: Vec<(Timestamp, String)>,
    /// From a rescale that the job did not get, until the job had the size that was asked for.
    pub unjudged: Vec<(Timestamp, Timestamp)>,
    /// How long each reason stood first, and each kind of verdict: what a person would have read.
    pub stood: BTreeMap<String, Millis>,
}

impl Outcome {
    /// Rescales it would have asked for, up and down.
    pub fn rescales(&self) -> (usize, usize) {
        let wanted = self.decisions.iter().map(|d| &d.decision).filter(|d| is_wanted(d));
        let (up, down): (Vec<_>, Vec<_>) = wanted.partition(|d| is_up(d));
        (up.len(), down.len())
    }

    /// Rescales it would have asked for, had nothing held them back.
    pub fn held_back(&self) -> usize {
        let held = |d: &Decision| d.verdict == Verdict::Gated && !d.rescale.is_empty();
        self.decisions.iter().filter(|d| held(&d.decision)).count()
    }

    /// Time that the recording cannot judge.
    pub fn unjudged_for(&self) -> Millis {
        self.unjudged.iter().fold(Millis(0), |sum, (from, to)| sum + to.since(*from))
    }
}

/// Whether a rescale would have been carried out, by itself or by a person.
pub fn is_wanted(d: &Decision) -> bool {
    matches!(d.verdict, Verdict::Recommend | Verdict::Act | Verdict::AwaitApproval) && !d.rescale.is_empty()
}

/// Whether it asks for more than there is.
pub fn is_up(d: &Decision) -> bool {
    d.rescale.values().any(|c| c.to > c.from)
}

/// A contender at work.
pub struct Player {
    key: JobKey,
    config: Config,
    state: State,
    last: Option<Timestamp>,
    /// What it wants and the job has not.
    asked: Option<BTreeMap<Arc<str>, u32>>,
    asked_at: Timestamp,
    graph: Option<Arc<JobGraph>>,
    standing: Option<(u64, Timestamp)>,
    outcome: Outcome,
}

impl Player {
    pub fn new(contender: &Contender, key: &JobKey, interval: Millis) -> Player {
        let config = Config { policies: contender.policies.clone(), interval, dry_run: true, dry_run_counts: false };
        Player {
            key: key.clone(),
            config,
            state: State::default(),
            last: None,
            asked: None,
            asked_at: Timestamp(0),
            graph: None,
            standing: None,
            outcome: Outcome { name: contender.name.clone(), ..Outcome::default() },
        }
    }

    /// What it knows of the job.
    pub fn view(&self) -> Option<&JobView> {
        self.state.jobs.get(&self.key).map(|j| &j.view)
    }

    /// Takes what was recorded, as the live loop would: the list of jobs first, a tick after.
    pub fn look(&mut self, at: Timestamp, event: &Event) {
        match self.last {
            None => {
                self.feed(at, &Event::Resumed);
                let jobs = Event::Jobs { cluster: self.key.cluster.clone(), jobs: vec![self.key.clone()] };
                self.feed(at, &jobs);
            }
            Some(last) => self.silence(last, at),
        }
        self.last = Some(at);
        if let Event::Observed(o) = event {
            self.meet(at, &o.graph);
            self.graph = Some(Arc::clone(&o.graph));
        }
        self.feed(at, event);
        self.feed(at, &Event::Tick);
        self.account(at);
    }

    /// Nothing was recorded for a while: a controller ticks on, and is told nothing.
    fn silence(&mut self, last: Timestamp, at: Timestamp) {
        let missed = at.since(last).0 / self.config.interval.0.max(1);
        if missed > MAX_TICKS {
            self.feed(at, &Event::Resumed);
            return;
        }
        for n in 1..missed {
            self.feed(last.plus(self.config.interval.times(n)), &Event::Tick);
        }
    }

    fn feed(&mut self, at: Timestamp, event: &Event) {
        for effect in step(&self.config, &mut self.state, at, event) {
            match effect {
                Effect::Record(decision) => self.record(*decision),
                Effect::Escalate { at, message, .. } => self.outcome.escalations.push((at, message)),
                Effect::Act(action) => self.refuse(at, &action),
            }
        }
    }

    /// In a dry run there are no actions; should there be one, it is answered as `recommend` does.
    fn refuse(&mut self, at: Timestamp, action: &Action) {
        let outcome = Event::Outcome { run: action.run, token: action.token, outcome: ActionOutcome::DryRun };
        for effect in step(&self.config, &mut self.state, at, &outcome) {
            if let Effect::Record(decision) = effect {
                self.record(*decision);
            }
        }
    }

    fn record(&mut self, decision: Decision) {
        let beyond = self.asked.is_some();
        if is_wanted(&decision) {
            let sizes = self.graph.as_deref().map(sizes).unwrap_or_default();
            let wanted = decision.rescale.iter().map(|(v, c)| (v.clone(), c.to.0));
            if !beyond {
                self.asked_at = decision.at;
            }
            self.asked = Some(sizes.into_iter().chain(wanted).collect());
        }
        if self.outcome.decisions.len() < MAX_DECISIONS {
            self.outcome.decisions.push(Judged { decision, beyond });
        } else {
            self.outcome.dropped += 1;
        }
    }

    /// The recorded job has the size that was asked for: from here on it is again what this contender would have seen.
    fn meet(&mut self, at: Timestamp, graph: &JobGraph) {
        if self.asked.as_ref().is_some_and(|asked| *asked == sizes(graph)) {
            self.asked = None;
            self.outcome.unjudged.push((self.asked_at, at));
        }
    }

    /// How long each thing stood that a person would have read.
    fn account(&mut self, at: Timestamp) {
        let Some(standing) = self.state.jobs.get(&self.key).and_then(|j| j.view.standing.as_ref()) else { return };
        let first = standing.reasons.first().map_or("none", |r| r.name());
        let since = self.standing.replace((standing.id, at)).map_or(at, |s| s.1);
        let span = at.since(since);
        for name in [first, standing.verdict.as_str()] {
            match self.outcome.stood.get_mut(name) {
                Some(sum) => *sum = *sum + span,
                None => drop(self.outcome.stood.insert(name.to_owned(), span)),
            }
        }
    }

    /// The end of the recording.
    pub fn done(mut self, end: Timestamp) -> Outcome {
        if self.asked.is_some() {
            self.outcome.unjudged.push((self.asked_at, end));
        }
        self.outcome
    }
}

fn sizes(graph: &JobGraph) -> BTreeMap<Arc<str>, u32> {
    graph.vertices.iter().map(|v| (v.name.clone(), v.parallelism.0)).collect()
}
