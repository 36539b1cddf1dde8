//! State: what a fold of the events gives.

use crate::event::{KillSwitch, PauseScope};
use crate::job::JobKey;
use crate::memory::JobMemory;
use crate::policy::Policy;
use crate::units::{Millis, Timestamp};
use crate::view::JobView;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the core is told by whoever runs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The policies, all valid, ties refused at load.
    pub policies: Vec<Policy>,
    /// How often jobs are read.
    pub interval: Millis,
    /// Nothing is carried out: every mutating effect will be answered `DryRun`.
    pub dry_run: bool,
    /// A dry run counts against cooldowns and budgets as if it had been carried out (inline tests of policies).
    pub dry_run_counts: bool,
}

/// Version of what is stored.
pub const STORED_VERSION: u32 = 1;
/// Jobs remembered: those longest unseen go first.
pub const MAX_JOBS: usize = 10_000;

/// A pause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// Job name; absent: all.
    pub job: Option<String>,
    /// Absent: everything.
    pub only: Option<PauseScope>,
    /// Absent: until resumed.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

impl Pause {
    /// Whether it holds for that job now, in some scope.
    pub fn covers(&self, job: &JobKey, at: Timestamp) -> bool {
        self.job.as_deref().is_none_or(|j| j == &*job.name) && self.until.is_none_or(|until| at < until)
    }
}

/// What must survive of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetMemory {
    /// Decisions and runs are numbered from here on.
    pub next_id: u64,
    /// Pauses.
    pub pauses: Vec<Pause>,
    /// When jobs failed, and which.
    pub failures: VecDeque<(Timestamp, JobKey)>,
    /// When a storm was last told of.
    pub storm_told: Option<Timestamp>,
    /// When verifications failed.
    pub failed_verifications: VecDeque<Timestamp>,
    /// Only recommending until then.
    pub breaker_until: Option<Timestamp>,
    /// Budgets count as spent until then: the store could not be read.
    pub spent_until: Option<Timestamp>,
    /// The kill switch; unknown counts as off only before it has first been looked at.
    pub kill_switch: Option<KillSwitch>,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    /// Survives.
    pub memory: JobMemory,
    /// May be lost.
    pub view: JobView,
}

/// One record of the store. The shell keeps it under [`Stored::key`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stored {
    /// Of the fleet.
    Fleet {
        /// [`STORED_VERSION`] when it was written.
        version: u32,
        /// What.
        memory: FleetMemory,
    },
    /// Of a job.
    Job {
        /// [`STORED_VERSION`] when it was written.
        version: u32,
        /// Which.
        job: JobKey,
        /// What.
        memory: Box<JobMemory>,
    },
}

impl Stored {
    /// The key it is stored under.
    pub fn key(&self) -> String {
        match self {
            Stored::Fleet { .. } => "fleet".to_owned(),
            Stored::Job { job, .. } => {
                format!("job\u{1f}{}\u{1f}{}\u{1f}{}", job.cluster, job.namespace.as_deref().unwrap_or(""), job.name)
            }
        }
    }
}

/// Everything remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Of the fleet.
    pub fleet: FleetMemory,
    /// Of each job.
    #[serde(with = "as_list")]
    pub jobs: BTreeMap<JobKey, JobState>,
    #[serde(skip)]
    dirty: BTreeSet<JobKey>,
    #[serde(skip)]
    fleet_dirty: bool,
}

mod as_list {
    //! JSON has no maps with structured keys.
    use super::{BTreeMap, JobKey, JobState};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(map: &BTreeMap<JobKey, JobState>, s: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<JobKey, JobState>, D::Error> {
        Ok(Vec::<(JobKey, JobState)>::deserialize(d)?.into_iter().collect())
    }
}

impl State {
    /// What has changed since the last call and must be durable before any effect is carried out.
    pub fn take_dirty(&mut self) -> Vec<Stored> {
        let mut out = Vec::new();
        if std::mem::take(&mut self.fleet_dirty) {
            out.push(Stored::Fleet { version: STORED_VERSION, memory: self.fleet.clone() });
        }
        for job in std::mem::take(&mut self.dirty) {
            let Some(state) = self.jobs.get(&job) else { continue };
            let memory = Box::new(state.memory.clone());
            out.push(Stored::Job { version: STORED_VERSION, job, memory });
        }
        out
    }

    /// The state of a process that stopped: send [`crate::event::Event::Resumed`] to it first.
    pub fn restore(stored: impl IntoIterator<Item = Stored>) -> State {
        let mut state = State::default();
        for record in stored {
            match record {
                Stored::Fleet { memory, .. } => state.fleet = memory,
                Stored::Job { job, memory, .. } => {
                    state.jobs.insert(job, JobState { memory: *memory, view: JobView::default() });
                }
            }
        }
        state
    }

    /// The state to go on with when the store cannot be read: every budget counts as spent for a day, the longest span
    /// that the default limits count over.
    pub fn unreadable(at: Timestamp) -> State {
        let fleet = FleetMemory { spent_until: Some(at.plus(Millis::hours(24))), ..FleetMemory::default() };
        State { fleet, fleet_dirty: true, ..State::default() }
    }

    pub(crate) fn touch(&mut self, job: &JobKey) {
        self.dirty.insert(job.clone());
    }

    pub(crate) fn touch_fleet(&mut self) {
        self.fleet_dirty = true;
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.fleet.next_id += 1;
        self.fleet_dirty = true;
        self.fleet.next_id
    }

    /// Pauses and breakers that are over.
    pub(crate) fn drop_expired(&mut self, at: Timestamp) {
        let over = |until: Option<Timestamp>| until.is_some_and(|u| at >= u);
        let before = (self.fleet.pauses.len(), self.fleet.breaker_until);
        self.fleet.pauses.retain(|p| !over(p.until));
        self.fleet.breaker_until = self.fleet.breaker_until.filter(|u| at < *u);
        if before != (self.fleet.pauses.len(), self.fleet.breaker_until) {
            self.fleet_dirty = true;
        }
    }

    /// Forgets the jobs longest unseen where there are too many; never one with a run under way.
    pub(crate) fn bound_jobs(&mut self) {
        let surplus = self.jobs.len().saturating_sub(MAX_JOBS);
        if surplus == 0 {
            return;
        }
        let idle = self.jobs.iter().filter(|(_, s)| s.memory.run.is_none());
        let mut oldest: Vec<(Timestamp, JobKey)> = idle.map(|(k, s)| (s.memory.seen, k.clone())).collect();
        oldest.sort();
        for (_, key) in oldest.into_iter().take(surplus) {
            self.jobs.remove(&key);
        }
    }
}
