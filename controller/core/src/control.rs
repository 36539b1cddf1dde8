//! A person's word: pause, resume, approve, reject.

use crate::act;
use crate::decide;
use crate::effect::{Effect, RunId};
use crate::event::{Control, PauseScope};
use crate::gates;
use crate::job::JobKey;
use crate::run::{Phase, Run};
use crate::state::{Config, Pause, State};
use crate::units::Timestamp;

/// Pauses kept: one per job and scope is plenty.
const MAX_PAUSES: usize = 1_000;

/// Carries it out.
pub(crate) fn control(config: &Config, state: &mut State, at: Timestamp, control: &Control) -> Vec<Effect> {
    match control {
        Control::Pause { job, only, until, reason, by } => {
            let pause = Pause { job: job.clone(), only: *only, until: *until, reason: reason.clone(), by: by.clone() };
            state.fleet.pauses.retain(|p| (&p.job, p.only) != (&pause.job, pause.only));
            state.fleet.pauses.push(pause);
            let surplus = state.fleet.pauses.len().saturating_sub(MAX_PAUSES);
            state.fleet.pauses.drain(..surplus);
            state.touch_fleet();
            Vec::new()
        }
        Control::Resume { job, only, .. } => {
            resume(state, job.as_deref(), *only);
            Vec::new()
        }
        Control::Approve { run, plan_hash, by } => approve(config, state, at, *run, plan_hash, by),
        Control::Reject { run, by } => reject(state, at, *run, by),
    }
}

fn resume(state: &mut State, job: Option<&str>, only: Option<PauseScope>) {
    let lifted = |p: &Pause| (job.is_none() || p.job.as_deref() == job) && (only.is_none() || p.only == only);
    state.fleet.pauses.retain(|p| !lifted(p));
    state.touch_fleet();
    let (Some(name), None) = (job, only) else { return };
    // A person's word for this very job: what was left to a person may be tried again.
    let named: Vec<JobKey> = state.jobs.keys().filter(|k| *k.name == *name).cloned().collect();
    for key in named {
        if let Some(job) = state.jobs.get_mut(&key) {
            job.memory.ineffective.clear();
            job.memory.flapping.clear();
        }
        state.touch(&key);
    }
}

fn waiting(state: &State, id: RunId) -> Option<(JobKey, Run)> {
    let mut runs = state.jobs.iter().filter_map(|(k, j)| Some((k.clone(), j.memory.run.clone()?)));
    runs.find(|(_, r)| r.id == id && matches!(r.phase, Phase::AwaitingApproval { .. }))
}

/// An approval is for the plan that was seen, is used once, and only while nothing else holds the rescale back: the
/// job is judged anew, and the plan must come out the same.
fn approve(config: &Config, state: &mut State, at: Timestamp, id: RunId, hash: &str, by: &str) -> Vec<Effect> {
    let Some((key, run)) = waiting(state, id) else { return Vec::new() };
    let expired = matches!(run.phase, Phase::AwaitingApproval { expires } if at >= expires);
    if run.plan_hash != hash || expired {
        let why = if expired { "the approval came too late" } else { "the approval is for another plan" };
        return act::progress(state, &key, at, &run, why.to_owned());
    }
    decide::approved(config, state, &key, at, hash, by)
}

fn reject(state: &mut State, at: Timestamp, id: RunId, by: &str) -> Vec<Effect> {
    let Some((key, run)) = waiting(state, id) else { return Vec::new() };
    act::end_waiting(state, &key, at, &format!("rejected by {by}"));
    let escalated = act::ineffective(state, &key, at, &run);
    let mut effects = act::progress(state, &key, at, &run, format!("rejected by {by}"));
    effects.extend(escalated);
    effects
}

/// Many jobs fail together: told once, and again only after it has passed.
pub(crate) fn tell_storm(state: &mut State, at: Timestamp) -> Vec<Effect> {
    let storm = gates::storm(state, at);
    let told = state.fleet.storm_told.is_some();
    match (storm, told) {
        (Some((_, reason)), false) => {
            state.fleet.storm_told = Some(at);
            state.touch_fleet();
            vec![Effect::Escalate { job: None, at, message: reason.to_string() }]
        }
        (None, true) => {
            state.fleet.storm_told = None;
            state.touch_fleet();
            Vec::new()
        }
        _ => Vec::new(),
    }
}
