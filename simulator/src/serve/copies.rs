//! More of the same: each job of a scenario several times, with as much more room.

use crate::scenario::{Fault, FaultKind, Job, Scenario};

/// Each job `count` times, the copies named `NAME-2` and on; slots, TaskManagers that are lost, and faults of single jobs
/// are multiplied with them.
pub fn copies(scenario: &Scenario, count: u32) -> Scenario {
    let count = count.max(1);
    let mut more = scenario.clone();
    more.cluster.task_managers = more.cluster.task_managers.saturating_mul(count);
    more.cluster.most_task_managers = more.cluster.most_task_managers.map(|n| n.saturating_mul(count));
    more.jobs = (1..=count).flat_map(|n| scenario.jobs.iter().map(move |j| job(j, n))).collect();
    more.faults = scenario.faults.iter().flat_map(|f| faults(f, count)).collect();
    more
}

fn name(name: &str, n: u32) -> String {
    if n == 1 { name.to_owned() } else { format!("{name}-{n}") }
}

fn job(of: &Job, n: u32) -> Job {
    Job { name: name(&of.name, n).into(), ..of.clone() }
}

fn faults(of: &Fault, count: u32) -> Vec<Fault> {
    if let Some(job) = &of.job {
        return (1..=count).map(|n| Fault { job: Some(name(job, n).into()), ..of.clone() }).collect();
    }
    let kind = match of.kind {
        FaultKind::TaskManagerLoss(lost) => FaultKind::TaskManagerLoss(lost.saturating_mul(count)),
        ref kind => kind.clone(),
    };
    vec![Fault { kind, ..of.clone() }]
}
