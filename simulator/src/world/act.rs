//! Carries out what a controller asks for, as Flink's REST API and the executor in front of it would, and says later
//! what became of it.

use super::World;
use super::checkpoint::Fate;
use super::costs;
use super::job::Phase;
use crate::controller::Command;
use crate::scenario::Mechanism;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::{Action, ActionKind, CheckpointOrder, Purpose, Stage, Token};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::units::{Millis, Parallelism};

type BoundsById = BTreeMap<Arc<str>, Bounds>;
type Step<T> = Result<T, Outcome>;

/// An action that takes time.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// A checkpoint goes before a rescale.
    CheckpointFirst { job: usize, action: Box<Action>, until: i64, id: u64 },
    /// A savepoint goes before the end.
    Stop { job: usize, action: Box<Action>, until: i64, id: u64 },
    /// The same, asked for by a controller that wants the job to run again at once.
    Again { job: usize, id: u64, target: BTreeMap<Arc<str>, u32> },
    /// The same, asked for through the REST API.
    Finish { job: usize, id: u64 },
    /// An answer that comes late.
    Late { at: i64, event: Box<Event> },
}

impl World {
    /// Carries out a command. What became of an action comes with [`World::outcomes`].
    pub fn carry_out(&mut self, command: &Command) {
        match command {
            Command::Act(action) => {
                if let Some(outcome) = self.act(action) {
                    self.outcomes.push(told(action, outcome));
                }
            }
            Command::Rescale { job, target } => self.rescale_by_other(job, target),
            Command::Record(_) | Command::Escalate(_) => {}
        }
    }

    /// What has become known since it was last asked.
    pub fn outcomes(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.outcomes)
    }

    fn act(&mut self, action: &Action) -> Option<Outcome> {
        let done = self.try_act(action);
        match done {
            Ok(outcome) => outcome,
            Err(Outcome::Unclear(why)) => {
                // Nobody knows before the call has timed out.
                let event = Box::new(told(action, Outcome::Unclear(why)));
                self.pending.push(Pending::Late { at: self.now + costs::CALL_TIMEOUT, event });
                None
            }
            Err(outcome) => Some(outcome),
        }
    }

    fn try_act(&mut self, action: &Action) -> Step<Option<Outcome>> {
        self.admit(action)?;
        let job = self.find(action)?;
        match &action.kind {
            ActionKind::Inquire => self.inquire(job, action).map(Some),
            ActionKind::InquireRedeploy(redeploy) => self.inquire_redeploy(job, action, redeploy).map(Some),
            ActionKind::Rescale { purpose, target, expected, checkpoint } => {
                self.readable(job)?;
                self.look(job, action, *purpose)?;
                self.compare(job, expected, target)?;
                if let CheckpointOrder::BeforePut { wait } = checkpoint {
                    self.wait_for_checkpoint(job, action, *wait);
                    return Ok(None);
                }
                self.put_for(job, target)?;
                if *checkpoint == CheckpointOrder::AfterPut {
                    self.jobs[job].checkpoints.ask();
                }
                Ok(Some(Outcome::Accepted))
            }
            ActionKind::Redeploy(redeploy) => match &redeploy.stage {
                Stage::Stop => self.stop(job, action, redeploy),
                Stage::Run { job_id, .. } => self.run_again(job, job_id, redeploy).map(Some),
            },
        }
    }

    fn admit(&mut self, action: &Action) -> Step<()> {
        let highest = self.tokens.entry(action.job.clone()).or_insert(Token(0));
        if action.token < *highest {
            let (token, highest) = (action.token.0, highest.0);
            let why = format!("fencing token {token} is older than {highest}: another action has begun since");
            return Err(Outcome::Refused(why));
        }
        *highest = action.token;
        Ok(())
    }

    fn find(&self, action: &Action) -> Step<usize> {
        self.jobs.iter().position(|j| j.key == action.job).ok_or_else(gone)
    }

    /// Before anything is sent, a read that fails means that nothing is sent.
    pub(super) fn readable(&mut self, job: usize) -> Step<()> {
        let reading = self.seen[job].reading;
        if self.api.misses(reading.errors) || self.api.misses(reading.timeouts) {
            return Err(Outcome::Changed("the live job could not be read: 500 Internal Server Error".into()));
        }
        Ok(())
    }

    /// Is it still the job that was planned for, at rest, without a savepoint under way?
    pub(super) fn look(&self, job: usize, action: &Action, purpose: Purpose) -> Step<()> {
        let job = &self.jobs[job];
        if job.id != action.job_id {
            return Err(gone());
        }
        let anyway = matches!(purpose, Purpose::Undo | Purpose::Withdraw);
        match job.phase {
            Phase::Ended(word) => return Err(Outcome::Changed(format!("the job is {word}"))),
            Phase::Down(_) | Phase::Waiting(_) if !anyway => {
                return Err(Outcome::Changed("the job is RESTARTING".into()));
            }
            _ => {}
        }
        let savepoint = job.effects.busy || job.checkpoints.current.as_ref().is_some_and(|c| c.savepoint);
        match savepoint && !anyway {
            true => Err(Outcome::Changed("a savepoint is in progress".into())),
            false => Ok(()),
        }
    }

    fn compare(&self, job: usize, expected: &BoundsById, target: &BoundsById) -> Step<()> {
        if self.scenario.cluster.mechanism != Mechanism::InPlace {
            let why = "the live job could not be read: its scheduler does not support resource requirements";
            return Err(Outcome::Changed(why.into()));
        }
        let live = &self.jobs[job].bounds;
        if !live.keys().eq(target.keys()) {
            return Err(Outcome::Changed("the job has other vertices than the plan".into()));
        }
        match live == expected {
            true => Ok(()),
            false => Err(Outcome::Changed(format!("it now asks for {}, not {}", shown(live), shown(expected)))),
        }
    }

    /// `PUT resource-requirements`: may fail on the way, done or not.
    fn put_for(&mut self, job: usize, target: &BoundsById) -> Step<()> {
        let reading = self.seen[job].reading;
        if self.api.misses(reading.errors) {
            return Err(Outcome::Unclear("PUT resource-requirements: 500 Internal Server Error".into()));
        }
        let times_out = self.api.misses(reading.timeouts);
        if !times_out || self.api.misses(0.5) {
            self.put(job, target).map_err(Outcome::Refused)?;
        }
        match times_out {
            true => Err(Outcome::Unclear("PUT resource-requirements: no answer within 10 s".into())),
            false => Ok(()),
        }
    }

    /// Flink checks the bounds, keeps them, and acts on them in its own time.
    pub(super) fn put(&mut self, job: usize, target: &BoundsById) -> Result<(), String> {
        let job = &mut self.jobs[job];
        for (vertex, id) in job.spec.vertices.iter().zip(&job.ids) {
            let Some(bounds) = target.get(id) else { return Err(format!("{} is missing", vertex.name)) };
            if bounds.lower > bounds.upper {
                return Err(format!("{}: the lower bound is above the upper", vertex.name));
            }
            if bounds.upper.0 > vertex.max_parallelism || bounds.upper.0 == 0 {
                let (p, most) = (bounds.upper, vertex.max_parallelism);
                return Err(format!("{}: {p} is above its max parallelism {most}", vertex.name));
            }
        }
        job.bounds = target.clone();
        job.dirty = true;
        self.asked = true;
        Ok(())
    }

    fn wait_for_checkpoint(&mut self, job: usize, action: &Action, wait: Millis) {
        let until = self.now + wait.0 as i64;
        let checkpoints = &mut self.jobs[job].checkpoints;
        let id = checkpoints.next_id();
        checkpoints.ask();
        self.pending.push(Pending::CheckpointFirst { job, action: Box::new(action.clone()), until, id });
    }

    fn inquire(&mut self, job: usize, action: &Action) -> Step<Outcome> {
        self.asked(job)?;
        let job = &self.jobs[job];
        if job.id != action.job_id {
            return Err(gone());
        }
        let running = job.phase == Phase::Running;
        let now = |p: &u32| Parallelism(if running { *p } else { 0 });
        Ok(Outcome::Found {
            requirements: job.bounds.clone(),
            running: job.ids.iter().cloned().zip(job.parallelism.iter().map(now)).collect(),
            job_id: job.id.clone(),
        })
    }

    /// A question that is not answered leaves it unclear.
    pub(super) fn asked(&mut self, job: usize) -> Step<()> {
        let reading = self.seen[job].reading;
        match self.api.misses(reading.errors.max(reading.timeouts)) {
            true => Err(Outcome::Unclear("GET /jobs: 500 Internal Server Error".into())),
            false => Ok(()),
        }
    }

    /// Looks after what takes time.
    pub(super) fn follow(&mut self, now: i64) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Late { at, event } if at <= now => self.outcomes.push(*event),
                Pending::CheckpointFirst { job, action, until, id } => self.checkpoint_first(job, action, until, id),
                Pending::Stop { job, action, until, id } => self.stopping(job, action, until, id),
                Pending::Again { job, id, target } => self.again(job, id, target),
                Pending::Finish { job, id } => match self.fate(job, id) {
                    Some(Fate::Completed) => self.end(job),
                    Some(Fate::Failed) => {}
                    None => self.pending.push(Pending::Finish { job, id }),
                },
                pending @ Pending::Late { .. } => self.pending.push(pending),
            }
        }
    }

    /// One that failed or takes too long only costs replay: the rescale goes on.
    fn checkpoint_first(&mut self, job: usize, action: Box<Action>, until: i64, id: u64) {
        let waits = self.fate(job, id).is_none() && self.jobs[job].phase == Phase::Running;
        if waits && self.now < until {
            return self.pending.push(Pending::CheckpointFirst { job, action, until, id });
        }
        let ActionKind::Rescale { target, expected, .. } = &action.kind else { return };
        let newer = self.tokens.get(&action.job).is_some_and(|t| *t > action.token);
        let done = match newer {
            true => Err(Outcome::Refused("another action has begun since".into())),
            false => self.compare(job, expected, target).and_then(|()| self.put_for(job, target)),
        };
        let outcome = done.map_or_else(|outcome| outcome, |()| Outcome::Accepted);
        self.outcomes.push(told(&action, outcome));
    }

    /// What became of a checkpoint or savepoint; `None`: it is not over.
    pub(super) fn fate(&self, job: usize, id: u64) -> Option<Fate> {
        let checkpoints = &self.jobs[job].checkpoints;
        let found = checkpoints.history.iter().rev().find(|c| c.id == id).map(|c| c.fate);
        // One that is not in the short history any more is long over.
        let forgotten = checkpoints.next_id() > id && checkpoints.current.as_ref().is_none_or(|c| c.id != id);
        found.or(forgotten.then_some(Fate::Failed))
    }

    /// A rescale of a controller that tells only what it wants.
    fn rescale_by_other(&mut self, key: &JobKey, target: &BTreeMap<Arc<str>, u32>) {
        let Some(job) = self.jobs.iter().position(|j| j.key == *key) else { return };
        if self.readable(job).is_err() {
            return;
        }
        match self.scenario.cluster.mechanism {
            Mechanism::InPlace => {
                let mut bounds = self.jobs[job].bounds.clone();
                for (id, p) in target {
                    let one = Bounds { lower: Parallelism(1), upper: Parallelism(*p) };
                    bounds.entry(id.clone()).and_modify(|b| *b = one);
                }
                // Who asks for what Flink refuses gets nothing, and looks again.
                let _ = self.put_for(job, &bounds);
            }
            Mechanism::Reactive => {
                let slots = target.values().copied().max().unwrap_or(1);
                let most = self.pool.most.unwrap_or(u32::MAX);
                self.pool.resize(slots.div_ceil(self.pool.per()).clamp(1, most), self.now);
            }
            Mechanism::Redeploy => {
                let busy = self.pending.iter().any(|p| matches!(p, Pending::Again { job: j, .. } if *j == job));
                let possible = self.is_possible(job, target.iter().map(|(id, p)| (id, *p)));
                if possible && !busy && self.jobs[job].phase == Phase::Running {
                    let id = self.savepoint(job);
                    self.pending.push(Pending::Again { job, id, target: target.clone() });
                }
            }
        }
    }
}

pub(super) fn told(action: &Action, outcome: Outcome) -> Event {
    Event::Outcome { run: action.run, token: action.token, outcome }
}

pub(super) fn gone() -> Outcome {
    Outcome::Changed("the job is not there any more under the id that the plan was made for".into())
}

fn shown(bounds: &BoundsById) -> String {
    let one = |(id, b): (&Arc<str>, &Bounds)| format!("{}..{} of {}", b.lower, b.upper, id.get(..8).unwrap_or(id));
    bounds.iter().map(one).collect::<Vec<_>>().join(", ")
}
