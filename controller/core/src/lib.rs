//! Decides how an Apache Flink job should be sized. One function, [`step`]: events in, effects out. It does no I/O and
//! reads no clock, environment or random number; the same events give the same effects, everywhere.

mod act;
pub mod budget;
pub mod calendar;
mod control;
mod decide;
pub mod decision;
pub mod effect;
pub mod event;
mod gates;
pub mod glob;
mod ingest;
pub mod job;
mod learn;
pub mod memory;
pub mod observation;
mod outcome;
pub mod policy;
pub mod reason;
mod reason_text;
mod redeploy;
pub mod run;
pub mod select;
pub mod series;
pub mod sizing;
pub mod state;
pub mod units;
mod verify;
pub mod view;
pub mod windows;

pub use state::{Config, State};

use effect::Effect;
use event::Event;
use job::JobKey;
use policy::Policy;
use reason::{Gate, Reason};
use select::select;
use std::collections::BTreeMap;
use units::{Millis, Timestamp};

/// The heart: takes what happened, updates the state, and says what is to be done.
pub fn step(config: &Config, state: &mut State, at: Timestamp, event: &Event) -> Vec<Effect> {
    match event {
        Event::Tick => tick(config, state, at),
        Event::Resumed => {
            ingest::resumed(state, longest_warm_up(config), at);
            outcome::resume(state, at)
        }
        Event::Observed(observation) => observed(config, state, at, observation),
        Event::Unobserved { job, why, incomplete } => {
            ingest::unobserved(state, at, job, why, *incomplete);
            unread(config, state, job, at)
        }
        Event::Jobs { cluster, jobs } => {
            if !jobs.is_empty() {
                ingest::listed(state, cluster, jobs);
            }
            Vec::new()
        }
        Event::Outcome { run, token, outcome } => outcome::outcome(config, state, at, *run, *token, outcome),
        Event::Control(word) => control::control(config, state, at, word),
        Event::KillSwitch(switch) => {
            ingest::kill_switch(state, *switch);
            Vec::new()
        }
    }
}

fn longest_warm_up(config: &Config) -> Millis {
    config.policies.iter().map(|p| p.scaling.warm_up).max().unwrap_or(Millis(0))
}

fn observed(config: &Config, state: &mut State, at: Timestamp, observation: &observation::Observation) -> Vec<Effect> {
    let key = &observation.job;
    let policy = select(&config.policies, key, &observation.labels);
    let overtaken = ingest::observed(state, policy, at, observation);
    let mut effects = control::tell_storm(state, at);
    effects.extend(overtaken.into_iter().flat_map(|run| act::file(state, key, at, run)));
    effects.extend(decide::decide(config, state, key, at));
    // A run ends also when its policy has gone.
    let without = Policy::default();
    effects.extend(verify::observed(state, policy.unwrap_or(&without), key, at));
    if let Some(policy) = policy {
        effects.extend(verify::withdraw_unmet(config, state, policy, key, at));
    }
    effects
}

fn tick(config: &Config, state: &mut State, at: Timestamp) -> Vec<Effect> {
    state.drop_expired(at);
    let mut effects = outcome::tick(config, state, at);
    effects.extend(control::tell_storm(state, at));
    let silent = config.interval.times(3);
    let late =
        |j: &state::JobState| j.view.name_count > 0 && j.view.seen_at.is_some_and(|seen| at.since(seen) > silent);
    let keys: Vec<JobKey> = state.jobs.iter().filter(|(_, j)| late(j)).map(|(k, _)| k.clone()).collect();
    for key in keys {
        effects.extend(unread(config, state, &key, at));
    }
    effects
}

/// A job that could not be read, or has not been for three intervals: what stood before stands no longer.
fn unread(config: &Config, state: &mut State, key: &JobKey, at: Timestamp) -> Vec<Effect> {
    let Some(view) = state.jobs.get(key).map(|j| &j.view) else { return Vec::new() };
    let (why, incomplete) = match &view.unread {
        Some(unread) => (unread.why.clone(), unread.incomplete),
        None => (format!("no answer for {}", view.seen_at.map_or(Millis(0), |s| at.since(s))), false),
    };
    let labels = view.last.as_ref().map_or_else(BTreeMap::new, |o| o.labels.clone());
    let policy = select(&config.policies, key, &labels).map_or_else(String::new, |p: &Policy| p.name.clone());
    let gate = if incomplete { Gate::Incomplete } else { Gate::Stale };
    decide::put(state, decide::nothing(key, &policy, at, vec![Reason::NotRead { why }], vec![gate]))
}
