//! State: what a fold of the events gives.

use crate::decision::Decision;
use crate::job::JobKey;
use crate::policy::Policy;
use crate::units::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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

/// What must survive of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetMemory {
    /// Decisions and runs are numbered from here on.
    pub next_id: u64,
}

/// What must survive of a job: runs, budgets, cooldowns, token, ineffective pairs, learned capacity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobMemory {}

/// What may be lost of a job: the sample window and what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// The newest decision.
    pub standing: Option<Decision>,
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
    pub jobs: BTreeMap<JobKey, JobState>,
    #[serde(skip)]
    dirty: BTreeSet<JobKey>,
    #[serde(skip)]
    fleet_dirty: bool,
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

    /// The state to go on with when the store cannot be read: every budget counts as spent from `at` on.
    pub fn unreadable(at: Timestamp) -> State {
        let _ = at;
        State::default()
    }
}
