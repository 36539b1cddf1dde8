//! When more is needed.

use crate::reason::Reason;
use crate::series::name;
use crate::sizing::advice::{Advice, Direction};
use crate::sizing::flow::{self, Share};
use crate::sizing::work::Work;
use crate::sizing::{plan, room, worth};
use crate::units::{Millis, Ratio, RecordsPerSec};

/// Advice to scale up, or to hold because scaling up cannot help; `None` when nothing asks for more.
pub(crate) fn advise(work: &Work) -> Option<Advice> {
    let overloaded = overloaded(work);
    let objective = objective(work);
    let broken = objective.is_some();
    let floor = below_slot_floor(work);
    if overloaded.is_empty() && !broken && !below_floor(work) && floor.is_none() {
        return None;
    }
    let reasons: Vec<Reason> = overloaded.into_iter().chain(objective).chain(floor).collect();
    if let Some(advice) = draining_in_time(work, &reasons) {
        return Some(advice);
    }
    let obstacles: Vec<Reason> = work.obstacles.iter().flatten().cloned().collect();
    let mut blockers = work.blockers();
    blockers.extend(worth::checkpoint_fits(work.case.memory, work.case.checkpoints));
    if !blockers.is_empty() {
        return Some(work.hold(reasons.into_iter().chain(obstacles).chain(blockers).collect()));
    }
    if let Some(reason) = unjudged(work) {
        return Some(work.hold(reasons.into_iter().chain(obstacles).chain([reason]).collect()));
    }
    let task = work.task(&work.needs);
    let mut plan = task.up();
    plan.reasons.extend(obstacles);
    plan.reasons.extend(bounds(work, &plan.parallelism));
    plan.reasons.extend(heavy_partitions(work, &task, &plan.parallelism));
    if let Some(reason) = buffers(work, &plan.parallelism) {
        let hold = work.hold(reasons.into_iter().chain([reason]).collect());
        return Some(Advice { short: true, ..hold });
    }
    let explained = plan::explain(&task, &plan.parallelism);
    let mut advice = work.change(Direction::Up, plan, reasons, explained);
    advice.objective_broken = broken;
    if advice.direction.is_some() {
        let floor = advice.reasons.first().is_some_and(|r| matches!(r, Reason::BelowFloor { .. }));
        advice.reasons.push(cost(work, floor));
    }
    Some(advice)
}

/// A vertex at its limit of which is not known yet what arrives: a plan made now would leave it out, and what it gives to
/// the others would wait for this one. It is known within a minute.
fn unjudged(work: &Work) -> Option<Reason> {
    let graph = work.case.graph;
    let learning = |v: usize| flow::share(work.case.memory.fits.get(&graph.vertices[v].id)) == Share::Learning;
    let full = |v: usize| work.measured[v].is_some_and(|m| m.busy > flow::SATURATED);
    let unknown = |v: &usize| !graph.is_source(*v) && work.arrivals[*v].is_none() && full(*v) && learning(*v);
    let v = (0..graph.vertices.len()).find(unknown)?;
    let why = "it is at its limit, and how much of what is sent to it arrives has not been seen for long enough";
    Some(Reason::UnknownDemand { source: graph.vertices[v].name.clone(), why: why.to_owned() })
}

/// Network buffers that the plan would need and the smallest TaskManager does not have.
fn buffers(work: &Work, parallelism: &[u32]) -> Option<Reason> {
    let per = work.case.slots?.per_taskmanager?;
    let needed = room::buffers(work.case.graph, parallelism, per);
    let have = work.index.all("", name::NETWORK_BUFFERS, None).filter_map(|w| w.last()).map(|s| s.1 as u64).min()?;
    (needed > have && parallelism != plan::present(work.case.graph)).then_some(Reason::NetworkBuffers { needed, have })
}

/// Vertices that are asked for more than they can do with room to spare, the worst first.
fn overloaded(work: &Work) -> Vec<Reason> {
    let above = work.case.policy.scaling.scale_up_at;
    let mut over: Vec<(f64, usize)> = (0..work.needs.len())
        .filter_map(|v| Some((work.utilization(v)?, v)))
        .filter(|(utilization, _)| *utilization > above)
        .collect();
    over.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    over.into_iter().filter_map(|(utilization, v)| overload(work, v, utilization, above)).collect()
}

fn overload(work: &Work, v: usize, utilization: f64, above: f64) -> Option<Reason> {
    let vertex = &work.case.graph.vertices[v];
    let p = vertex.parallelism.0;
    Some(Reason::Overloaded {
        vertex: vertex.name.clone(),
        demand: RecordsPerSec(plan::at(work.arrivals[v]?, p)),
        capacity: RecordsPerSec(work.needs[v].curve.as_ref()?.at(p).0),
        utilization: Ratio(utilization),
        above: Ratio(above),
    })
}

/// The worst source is behind its objective and will not be back in time.
fn objective(work: &Work) -> Option<Reason> {
    let (v, lag) = work.worst_lag()?;
    let scaling = &work.case.policy.scaling;
    let (objective, catch_up) = (scaling.lag_objective, scaling.catch_up);
    let slope = work.sources.get(&v)?.slope.unwrap_or(0.0);
    let drain = (slope < 0.0).then(|| lag / -slope);
    // Without a catch-up to plan for, a lag that falls is good enough.
    let in_time = drain.is_some_and(|d| catch_up.0 == 0 || d <= catch_up.as_secs());
    if lag <= objective.as_secs() || in_time {
        return None;
    }
    let (lag, drain) = (Millis::from_secs(lag), drain.map(Millis::from_secs));
    Some(Reason::MissesObjective { source: work.case.graph.vertices[v].name.clone(), lag, drain, objective, catch_up })
}

/// A floor by calendar or the policy's minimum asks for more.
fn below_floor(work: &Work) -> bool {
    let below = |(need, vertex): (&plan::Need, &crate::job::Vertex)| !need.obstacle && need.min > vertex.parallelism.0;
    work.needs.iter().zip(&work.case.graph.vertices).any(below)
}

/// A floor by calendar asks for more slots than the job takes.
fn below_slot_floor(work: &Work) -> Option<Reason> {
    let (slots, floor) = (plan::slots(work.case.graph, &plan::present(work.case.graph)), work.slot_floor());
    (slots < floor).then_some(Reason::BelowFloor { slots, floor })
}

/// Sources whose partitions would not let any number of subtasks do what is asked of them.
fn heavy_partitions(work: &Work, task: &plan::Task, parallelism: &[u32]) -> Vec<Reason> {
    let heavy = |v: &usize| {
        let (vertex, curve) = (&work.case.graph.vertices[*v], work.needs[*v].curve.as_ref()?);
        let (share, partitions) = (Ratio(curve.heaviest()?), vertex.partitions?);
        let required = task.required(*v, parallelism[*v], 1.0)?;
        let source = vertex.name.clone();
        (curve.at(partitions).0 < required).then_some(Reason::HeavyPartition { source, share, partitions })
    };
    work.sources.keys().filter_map(heavy).collect()
}

/// While a backlog is worked off in time, the load that is seen is not the load that arrives.
fn draining_in_time(work: &Work, reasons: &[Reason]) -> Option<Advice> {
    let misses = reasons.iter().any(|r| matches!(r, Reason::MissesObjective { .. }));
    let draining: Vec<Reason> = work.sources.values().filter(|s| s.draining).flat_map(|s| s.why.clone()).collect();
    let over: Vec<Reason> = reasons.to_vec();
    (!draining.is_empty() && !misses).then(|| work.hold(draining.into_iter().chain(over).collect()))
}

/// Bounds that the policy or the job sets on what is overloaded.
fn bounds(work: &Work, parallelism: &[u32]) -> Vec<Reason> {
    work.sources
        .iter()
        .filter(|(v, _)| parallelism[**v] != work.case.graph.vertices[**v].parallelism.0)
        .flat_map(|(_, s)| s.why.clone())
        .chain(
            work.sources.values().flat_map(|s| s.why.iter().filter(|r| matches!(r, Reason::AtLeast { .. })).cloned()),
        )
        .fold(Vec::new(), |mut out, reason| {
            if !out.contains(&reason) {
                out.push(reason);
            }
            out
        })
}

fn cost(work: &Work, floor: bool) -> Reason {
    let replay = work.case.checkpoints.and_then(|c| Some(work.case.at.since(c.last_completed?))).unwrap_or_default();
    let prevents = match work.worst_lag() {
        _ if floor => "without it the floor is not kept".to_owned(),
        Some((_, lag)) if lag > 1.0 => {
            format!("without it the job stays {} behind or falls further", Millis::from_secs(lag))
        }
        _ => "without it the job falls behind, or cannot catch up after a failure".to_owned(),
    };
    Reason::Worth { pause: worth::pause(work.case.memory, work.case.checkpoints), replay, prevents }
}
