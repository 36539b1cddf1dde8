//! What is known of jobs, as the API and `recommend` show it.

use crate::api::shapes::{
    BudgetShape, DecisionShape, FleetShape, JobShape, JobsShape, PauseStanding, VertexShape, rfc3339,
};
use crate::run::engine::Glance;
use crate::run::seen::{Seen, SeenVertex};
use weirkeeper_core::budget;
use weirkeeper_core::event::{KillSwitch, PauseScope};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::JobStatus;
use weirkeeper_core::policy::{Mode, Policy};
use weirkeeper_core::select::select;
use weirkeeper_core::sizing::VertexView;
use weirkeeper_core::state::Pause;
use weirkeeper_core::units::Timestamp;

/// The word for a state.
pub fn status(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Running => "running",
        JobStatus::Restarting => "restarting",
        JobStatus::Ended => "ended",
    }
}

/// The word for a mode.
fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Recommend => "recommend",
        Mode::Approve => "approve",
        Mode::Auto => "auto",
    }
}

/// Every job, by cluster and name.
pub fn all(glance: &Glance<'_>) -> Vec<JobShape> {
    let read = glance.jobs.jobs().iter().map(|(key, seen)| job(glance, key, seen));
    let unread = glance.jobs.unread().iter().map(|(key, why)| never_read(key, why));
    let mut jobs: Vec<_> = read.chain(unread).collect();
    jobs.sort_by(|a, b| (&a.cluster, &a.namespace, &a.name).cmp(&(&b.cluster, &b.namespace, &b.name)));
    jobs
}

/// Every job, and what holds for all.
pub fn shape(glance: &Glance<'_>) -> JobsShape {
    JobsShape { jobs: all(glance), fleet: fleet(glance) }
}

fn job(glance: &Glance<'_>, key: &JobKey, seen: &Seen) -> JobShape {
    let skipped = glance.skipped.contains(key);
    let policy = select(&glance.config.policies, key, &seen.labels);
    let state = glance.state.jobs.get(key);
    let known = state.map(|s| s.view.vertices.as_slice()).unwrap_or_default();
    JobShape {
        id: Some(seen.id.to_string()),
        state: if skipped { "skipped" } else { status(seen.status) }.to_owned(),
        policy: policy.map(|p| p.name.clone()),
        mode: policy.map(|p| mode(p.mode).to_owned()),
        read_at: Some(rfc3339(seen.at)),
        unread: seen.unread.clone(),
        missing: seen.missing.clone(),
        vertices: seen.vertices.iter().enumerate().map(|(i, v)| vertex(v, known.get(i))).collect(),
        budgets: budgets(glance, key, policy),
        standing: state.and_then(|s| s.view.standing.as_ref()).map(DecisionShape::from),
        ..named(key)
    }
}

fn never_read(key: &JobKey, why: &str) -> JobShape {
    JobShape { unread: Some(why.to_owned()), ..named(key) }
}

fn named(key: &JobKey) -> JobShape {
    JobShape {
        cluster: key.cluster.to_string(),
        namespace: key.namespace.as_deref().map(str::to_owned),
        name: key.name.to_string(),
        id: None,
        state: "unread".to_owned(),
        policy: None,
        mode: None,
        read_at: None,
        unread: None,
        missing: Vec::new(),
        vertices: Vec::new(),
        standing: None,
        budgets: Vec::new(),
    }
}

fn vertex(v: &SeenVertex, known: Option<&VertexView>) -> VertexShape {
    let known = known.filter(|k| k.name == v.name && k.parallelism == v.parallelism.0);
    VertexShape {
        name: v.name.to_string(),
        parallelism: v.parallelism.0,
        max_parallelism: v.max_parallelism.map(|p| p.0),
        running: v.running,
        busy: known.and_then(|k| k.busy).map(|r| r.0),
        backpressured: known.and_then(|k| k.backpressured).map(|r| r.0),
        demand: known.and_then(|k| k.demand).map(|r| r.0),
        demand_at_least: known.is_some_and(|k| k.demand.is_some() && !k.exact),
        capacity: known.and_then(|k| k.capacity).map(|r| r.0),
        utilization: known.and_then(|k| k.utilization).map(|r| r.0),
        lag_ms: known.and_then(|k| k.lag).map(|l| l.0),
    }
}

fn budgets(glance: &Glance<'_>, key: &JobKey, policy: Option<&Policy>) -> Vec<BudgetShape> {
    let Some(policy) = policy else { return Vec::new() };
    let all = budget::standing(glance.state, key, &policy.limits, glance.at);
    let shape =
        |b: budget::Standing| BudgetShape { whose: b.whose.to_owned(), used: b.used, count: b.count, per_ms: b.per.0 };
    all.into_iter().map(shape).collect()
}

/// What holds for all jobs.
pub fn fleet(glance: &Glance<'_>) -> FleetShape {
    let fleet = &glance.state.fleet;
    let to_come = |at: Option<Timestamp>| at.filter(|t| *t > glance.at).map(rfc3339);
    let pauses = fleet.pauses.iter().filter(|p| p.until.is_none_or(|t| t > glance.at));
    FleetShape {
        kill_switch: fleet.kill_switch.map(|k| switch(k).to_owned()),
        pauses: pauses.map(pause).collect(),
        breaker_until: to_come(fleet.breaker_until),
        budgets_spent_until: to_come(fleet.spent_until),
    }
}

fn switch(switch: KillSwitch) -> &'static str {
    match switch {
        KillSwitch::Off => "off",
        KillSwitch::On => "on",
        KillSwitch::Unreadable => "unreadable",
    }
}

fn pause(p: &Pause) -> PauseStanding {
    let only = p.only.map(|o| match o {
        PauseScope::Up => "up",
        PauseScope::Down => "down",
        PauseScope::Remedies => "remedies",
    });
    PauseStanding {
        job: p.job.clone(),
        only: only.map(str::to_owned),
        until: p.until.map(rfc3339),
        reason: p.reason.clone(),
        by: p.by.clone(),
    }
}
