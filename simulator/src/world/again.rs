//! Stops a job with a savepoint and runs it again.

use super::World;
use super::act::{Pending, gone, told};
use super::checkpoint::Fate;
use super::job::{Around, Phase, id};
use super::lifecycle::FINISHED;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::{Action, Redeploy, Stage};
use weirkeeper_core::event::Outcome;
use weirkeeper_core::units::Parallelism;

type Step<T> = Result<T, Outcome>;

impl World {
    pub(super) fn stop(&mut self, job: usize, action: &Action, redeploy: &Redeploy) -> Step<Option<Outcome>> {
        self.readable(job)?;
        self.look(job, action, redeploy.purpose)?;
        let (live, now) = (&self.jobs[job], self.now);
        let runs = live.ids.iter().cloned().zip(live.parallelism.iter().map(|p| Parallelism(*p)));
        if runs.collect::<BTreeMap<_, _>>() != redeploy.expected {
            let why = "its vertices or their parallelism are not those that the plan was made for";
            return Err(Outcome::Changed(why.into()));
        }
        let id = self.savepoint(job);
        let until = now + redeploy.wait.0 as i64;
        self.pending.push(Pending::Stop { job, action: Box::new(action.clone()), until, id });
        Ok(None)
    }

    pub(super) fn savepoint(&mut self, job: usize) -> u64 {
        let now = self.now;
        let job = &mut self.jobs[job];
        job.checkpoints.savepoint(&job.net, now)
    }

    pub(super) fn run_again(&mut self, job: usize, job_id: &Arc<str>, redeploy: &Redeploy) -> Step<Outcome> {
        self.asked(job)?;
        let ended = matches!(self.jobs[job].phase, Phase::Ended(_));
        if ended && !self.is_possible(job, redeploy.target.iter().map(|(id, p)| (id, p.0))) {
            let why = "it was FAILED at once: does its savepoint fit the jar?".to_owned();
            return Ok(Outcome::NotStarted { why, used: true });
        }
        if ended {
            let target = redeploy.target.iter().map(|(id, p)| (id.clone(), p.0)).collect();
            self.submit(job, job_id.clone(), &target);
        } else if self.jobs[job].id != *job_id {
            let why = format!("job {} of that name runs", self.jobs[job].id);
            return Err(Outcome::Changed(why));
        }
        Ok(Outcome::Started { job_id: job_id.clone() })
    }

    /// State cannot be spread over more subtasks than there are key groups.
    pub(super) fn is_possible<'a>(&self, job: usize, target: impl Iterator<Item = (&'a Arc<str>, u32)>) -> bool {
        let job = &self.jobs[job];
        let most = |id: &Arc<str>| Some(job.spec.vertices[job.ids.iter().position(|i| i == id)?].max_parallelism);
        target.into_iter().all(|(id, p)| most(id).is_none_or(|most| (1..=most).contains(&p)))
    }

    pub(super) fn inquire_redeploy(&mut self, job: usize, action: &Action, redeploy: &Redeploy) -> Step<Outcome> {
        self.asked(job)?;
        let live = &self.jobs[job];
        let ended = matches!(live.phase, Phase::Ended(_));
        match &redeploy.stage {
            Stage::Run { job_id, .. } if live.id == *job_id && !ended => {
                Ok(Outcome::Started { job_id: job_id.clone() })
            }
            Stage::Run { .. } => {
                Ok(Outcome::NotStarted { why: "no job runs under the id it was given".into(), used: false })
            }
            Stage::Stop if live.id != action.job_id => Err(gone()),
            Stage::Stop if ended => Ok(Outcome::Stopped { savepoint: self.savepoint_path(job) }),
            Stage::Stop if live.checkpoints.current.as_ref().is_some_and(|c| c.savepoint) => {
                Err(Outcome::Unclear("a savepoint is under way".into()))
            }
            Stage::Stop => Ok(Outcome::StillRuns),
        }
    }

    pub(super) fn savepoint_path(&self, job: usize) -> String {
        let number = self.jobs[job].checkpoints.restore.as_ref().map_or(0, |r| r.id);
        self.path_of(job, number, true)
    }

    /// It is run again under another id, from where it was stopped.
    pub(super) fn submit(&mut self, job: usize, job_id: Arc<str>, target: &BTreeMap<Arc<str>, u32>) {
        let pause = self.scenario.cluster.rescale_pause.0 as i64;
        let at = self.now + pause;
        self.jobs[job].submit(job_id, target, at);
        self.asked = true;
    }

    pub(super) fn stopping(&mut self, job: usize, action: Box<Action>, until: i64, id: u64) {
        let outcome = match self.fate(job, id) {
            Some(Fate::Completed) => {
                self.end(job);
                Outcome::Stopped { savepoint: self.savepoint_path(job) }
            }
            Some(Fate::Failed) => Outcome::Refused("the savepoint failed".into()),
            None if self.now >= until => Outcome::Unclear("the savepoint is not complete yet".into()),
            None => return self.pending.push(Pending::Stop { job, action, until, id }),
        };
        self.outcomes.push(told(&action, outcome));
    }

    pub(super) fn end(&mut self, job: usize) {
        let mut around = Around { pool: &mut self.pool, cluster: &self.scenario.cluster };
        self.jobs[job].end(&mut around, FINISHED);
    }

    pub(super) fn again(&mut self, job: usize, savepoint: u64, target: BTreeMap<Arc<str>, u32>) {
        match self.fate(job, savepoint) {
            Some(Fate::Completed) => {
                self.end(job);
                let live = &self.jobs[job];
                let number = (live.submissions + 1).to_string();
                let new = id(&["job", &live.spec.name, &number]);
                self.submit(job, new, &target);
            }
            Some(Fate::Failed) => {}
            None => self.pending.push(Pending::Again { job, id: savepoint, target }),
        }
    }
}
