//! What is known of jobs, as the API and `recommend` show it.

use crate::api::shapes::{DecisionShape, JobShape, VertexShape, rfc3339};
use crate::run::engine::Glance;
use crate::run::seen::{Seen, SeenVertex};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::JobStatus;
use weirkeeper_core::policy::Mode;
use weirkeeper_core::select::select;

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

fn job(glance: &Glance<'_>, key: &JobKey, seen: &Seen) -> JobShape {
    let skipped = glance.skipped.contains(key);
    let policy = select(&glance.config.policies, key, &seen.labels);
    let state = glance.state.jobs.get(key);
    JobShape {
        id: Some(seen.id.to_string()),
        state: if skipped { "skipped" } else { status(seen.status) }.to_owned(),
        policy: policy.map(|p| p.name.clone()),
        mode: policy.map(|p| mode(p.mode).to_owned()),
        read_at: Some(rfc3339(seen.at)),
        unread: seen.unread.clone(),
        missing: seen.missing.clone(),
        vertices: seen.vertices.iter().map(vertex).collect(),
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
    }
}

fn vertex(v: &SeenVertex) -> VertexShape {
    VertexShape {
        name: v.name.to_string(),
        parallelism: v.parallelism.0,
        max_parallelism: v.max_parallelism.map(|p| p.0),
        running: v.running,
        busy: v.busy.map(|b| b.0),
        demand: None,
        capacity: None,
        utilization: None,
    }
}
