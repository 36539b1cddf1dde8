//! The world as Flink itself shows it, beyond what a controller reads: for the REST API in front of it. All of it is
//! live; metrics are those of the last fetch, as [`World::poll`] gives them.

use super::checkpoint::{Checkpoint, Fate};
use super::failure::Failed;
use super::figures::{HostFigures, JobFigures, VertexFigures};
use super::job::{Around, Job, Phase};
use super::lifecycle::CANCELED;
use super::pool::TaskManager;
use super::{Reading, World, act};
use crate::scenario;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::units::Timestamp;

/// A job as Flink shows it. Jobs that ended stay in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct JobState {
    /// Its id, 32 hex digits.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Flink's word: RUNNING, RESTARTING, CREATED, FINISHED, CANCELED, FAILED.
    pub word: &'static str,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When its present attempt was deployed.
    pub deployed: Timestamp,
    /// Since when all tasks run.
    pub running_since: Option<Timestamp>,
    /// Attempts of this submission, from 1.
    pub attempt: u32,
    /// `numRestarts`.
    pub restarts: u32,
    /// What is asked of Flink, by vertex id.
    pub bounds: BTreeMap<Arc<str>, Bounds>,
    /// Its vertices, in the scenario's order.
    pub vertices: Vec<VertexState>,
    /// TaskManagers that its tasks are on, and how many slots of each.
    pub placement: Vec<(Arc<str>, u32)>,
}

/// A vertex.
#[derive(Clone, Debug, PartialEq)]
pub struct VertexState {
    /// Its id, 32 hex digits.
    pub id: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Subtasks.
    pub parallelism: u32,
    /// Key groups.
    pub max_parallelism: u32,
    /// RUNNING, or CREATED while its job is down, or its job's word when that has ended. All subtasks share it.
    pub word: &'static str,
}

/// Checkpoints of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointState {
    /// Completed.
    pub completed: u32,
    /// Failed.
    pub failed: u32,
    /// The newest ten that are over, oldest first.
    pub history: Vec<Checkpoint>,
    /// The newest checkpoint (no savepoint) that completed.
    pub latest: Option<Checkpoint>,
    /// From which the present attempt was restored, by number.
    pub restored: Option<u64>,
    /// The one under way.
    pub current: Option<InProgress>,
}

/// A checkpoint under way.
#[derive(Clone, Debug, PartialEq)]
pub struct InProgress {
    /// Its number.
    pub id: u64,
    /// A savepoint.
    pub savepoint: bool,
    /// When it was triggered.
    pub triggered: Timestamp,
    /// Vertices that have acknowledged, in the scenario's order.
    pub acknowledged: Vec<bool>,
}

/// What becomes of a call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// 500, and nothing is done.
    Refused,
    /// No answer in time; what it asks for may have been done.
    Late {
        /// It has.
        done: bool,
    },
}

/// Metrics of the last fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// When they were fetched.
    pub at: Timestamp,
    /// They are those of the present attempt.
    pub own: bool,
    /// The job has a watermark strategy.
    pub event_time: bool,
    /// The job's.
    pub job: JobFigures,
    /// The vertices', in the scenario's order.
    pub vertices: Vec<VertexFigures>,
    /// The TaskManagers' that run it.
    pub hosts: Vec<HostFigures>,
}

impl World {
    /// The scenario it plays.
    pub fn scenario(&self) -> &scenario::Scenario {
        &self.scenario
    }

    /// How many jobs it has; the others count them from 0, in the scenario's order.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// The job of that id, the present or a former one's.
    pub fn find_job(&self, id: &str) -> Option<usize> {
        self.jobs.iter().position(|j| &*j.id == id)
    }

    /// A job.
    pub fn job(&self, job: usize) -> Option<JobState> {
        self.jobs.get(job).map(|j| state(j, self))
    }

    /// Flink's word for its state, and its attempt: the part of [`World::job`] that is cheap to look at every tick.
    pub fn standing(&self, job: usize) -> Option<(&'static str, u32)> {
        self.jobs.get(job).map(|j| (word(j), j.attempt))
    }

    /// Faults of reading it; `None`: of reading what is no job's.
    pub fn reading(&self, job: Option<usize>) -> Reading {
        match job.and_then(|j| self.seen.get(j)) {
            Some(seen) => seen.reading,
            None => self.faults.reading(""),
        }
    }

    /// Does a call that concerns it (`None`: no job) fail, and how?
    pub fn call_fails(&mut self, job: Option<usize>) -> Option<Missed> {
        let reading = self.reading(job);
        if self.api.misses(reading.errors) {
            return Some(Missed::Refused);
        }
        self.api.misses(reading.timeouts).then(|| Missed::Late { done: self.api.misses(0.5) })
    }

    /// Its checkpoints.
    pub fn checkpoints(&self, job: usize) -> Option<CheckpointState> {
        let checkpoints = &self.jobs.get(job)?.checkpoints;
        let current = checkpoints.current.as_ref().map(|c| InProgress {
            id: c.id,
            savepoint: c.savepoint,
            triggered: Timestamp(c.triggered),
            acknowledged: c.acknowledged_by(),
        });
        Some(CheckpointState {
            completed: checkpoints.completed,
            failed: checkpoints.failed,
            history: checkpoints.history.iter().cloned().collect(),
            latest: checkpoints.last.clone(),
            restored: checkpoints.restored,
            current,
        })
    }

    /// Its failures, newest first, 16 at most.
    pub fn failures(&self, job: usize) -> Vec<Failed> {
        self.jobs.get(job).map_or_else(Vec::new, |j| j.failures.iter().cloned().collect())
    }

    /// Its metrics, as old as they are shown now; absent: `[]`.
    pub fn figures(&self, job: usize) -> Option<Figures> {
        let (live, seen) = (self.jobs.get(job)?, self.seen.get(job)?);
        let delay = self.scenario.cluster.metric_delay.0 as i64 + seen.reading.delay;
        let moment = seen.moments.shown(self.now, delay).filter(|_| !seen.reading.gap)?;
        Some(Figures {
            at: Timestamp(moment.at),
            own: moment.attempt == (live.submissions, live.attempt),
            event_time: live.event_time,
            job: moment.job,
            vertices: moment.vertices.clone(),
            hosts: moment.hosts.clone(),
        })
    }

    /// How much of the mean load of its vertex a subtask has: counters and busy time of one subtask are the vertex's
    /// mean times this. The first is the busiest.
    pub fn load_of(&self, job: usize, vertex: usize, subtask: u32) -> f64 {
        let Some(job) = self.jobs.get(job) else { return 1.0 };
        match job.parallelism.get(vertex) {
            Some(p) => job.uneven(vertex).load(*p, subtask),
            None => 1.0,
        }
    }

    /// TaskManagers, dead ones that still count among them.
    pub fn task_managers(&self) -> Vec<TaskManager> {
        self.pool.members.iter().filter(|t| t.registered()).cloned().collect()
    }

    /// `PUT resource-requirements`; `Err` is Flink's reason to refuse it.
    pub fn put_requirements(&mut self, job: usize, bounds: &BTreeMap<Arc<str>, Bounds>) -> Result<(), String> {
        self.put(job, bounds)
    }

    /// `POST checkpoints`: the number that it will have.
    pub fn trigger_checkpoint(&mut self, job: usize) -> Option<u64> {
        let job = self.jobs.get_mut(job).filter(|j| j.phase == Phase::Running)?;
        job.checkpoints.ask();
        Some(job.checkpoints.next_id())
    }

    /// `POST savepoints`: its number.
    pub fn trigger_savepoint(&mut self, job: usize) -> Option<u64> {
        self.jobs.get(job).filter(|j| j.phase == Phase::Running)?;
        Some(self.savepoint(job))
    }

    /// `POST stop`: the number of its savepoint; once that completes the job is FINISHED.
    pub fn trigger_stop(&mut self, job: usize) -> Option<u64> {
        let id = self.trigger_savepoint(job)?;
        self.pending.push(act::Pending::Finish { job, id });
        Some(id)
    }

    /// What became of a checkpoint or savepoint; absent: it is not over.
    pub fn fate_of(&self, job: usize, id: u64) -> Option<Fate> {
        self.fate(job, id)
    }

    /// Where a job's checkpoint or savepoint is.
    pub fn path_of(&self, job: usize, id: u64, savepoint: bool) -> String {
        let job_id = self.jobs.get(job).map_or("", |j| &*j.id);
        match savepoint {
            true => format!("file:/savepoints/savepoint-{}-{id:012x}", job_id.get(..6).unwrap_or_default()),
            false => format!("file:/checkpoints/{job_id}/chk-{id}"),
        }
    }

    /// `PATCH ?mode=cancel`.
    pub fn cancel(&mut self, job: usize) {
        let mut around = Around { pool: &mut self.pool, cluster: &self.scenario.cluster };
        if let Some(job) = self.jobs.get_mut(job) {
            job.checkpoints.abort(self.now);
            job.end(&mut around, CANCELED);
        }
    }

    /// `POST jars/run` of a job that has ended, from its newest checkpoint or savepoint.
    pub fn run_job(&mut self, job: usize, id: Arc<str>, parallelism: &BTreeMap<Arc<str>, u32>) -> Result<(), String> {
        match self.jobs.get(job).map(|j| j.phase) {
            Some(Phase::Ended(_)) => {
                self.submit(job, id, parallelism);
                Ok(())
            }
            Some(_) => Err("the job runs".into()),
            None => Err("no such job".into()),
        }
    }
}

fn state(job: &Job, world: &World) -> JobState {
    let word = word(job);
    let of_vertices = match job.phase {
        Phase::Down(_) | Phase::Waiting(_) => "CREATED",
        _ => word,
    };
    let vertex = |(i, v): (usize, &scenario::Vertex)| VertexState {
        id: job.ids[i].clone(),
        name: v.name.clone(),
        parallelism: job.parallelism[i],
        max_parallelism: v.max_parallelism,
        word: of_vertices,
    };
    let host = |(number, slots): &(u32, u32)| {
        let tm = world.pool.members.iter().find(|t| t.number == *number)?;
        Some((tm.id.clone(), *slots))
    };
    JobState {
        id: job.id.clone(),
        name: job.spec.name.clone(),
        word,
        submitted: Timestamp(job.submitted),
        deployed: Timestamp(job.deployed),
        running_since: job.running_since.map(Timestamp),
        attempt: job.attempt,
        restarts: job.restarts,
        bounds: job.bounds.clone(),
        vertices: job.spec.vertices.iter().enumerate().map(vertex).collect(),
        placement: job.placement.iter().filter_map(host).collect(),
    }
}

/// A restart is RESTARTING while it waits; a job that has not run yet, or waits for slots, is CREATED.
fn word(job: &Job) -> &'static str {
    match job.phase {
        Phase::Running => "RUNNING",
        Phase::Down(_) if job.attempt > 0 => "RESTARTING",
        Phase::Down(_) | Phase::Waiting(_) => "CREATED",
        Phase::Ended(word) => word,
    }
}
