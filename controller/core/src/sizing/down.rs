//! When less would do.

use crate::reason::{Limit, Reason};
use crate::series::{Agg, name};
use crate::sizing::advice::{Advice, Direction};
use crate::sizing::flow::{self, Arrival, Origin};
use crate::sizing::plan::{self, Need, Task};
use crate::sizing::work::Work;
use crate::sizing::{capacity, worth};
use crate::units::{Millis, Parallelism, Ratio, RecordsPerSec, Timestamp};
use std::collections::BTreeMap;

/// A lag that grows faster than this forbids a smaller size.
const GROWING: f64 = 0.02;
const HOUR: i64 = 3_600_000;

/// Advice to scale down, or to hold.
pub(crate) fn advise(work: &Work) -> Advice {
    if let Some(refusal) = unknown(work) {
        return work.hold(refusal);
    }
    let Some(arrivals) = peak_arrivals(work) else {
        return work.hold(vec![within(work)].into_iter().flatten().collect());
    };
    let mut needs = work.needs.clone();
    needs.iter_mut().zip(&arrivals.0).for_each(|(need, arrival)| need.arrival = *arrival);
    let task = Task { catch_up: pause_only(work), ..work.task(&needs) };
    let now = plan::present(work.case.graph);
    let (least, limits) = least(work, &task, &needs);
    let plan = task.down(&least);
    if plan.parallelism == now {
        let reasons = nothing_smaller(work, &task, arrivals.1, limits);
        return work.hold(reasons);
    }
    match refusals(work, &task, &plan.parallelism) {
        Err(refusal) => work.hold(oversized(work, &needs).into_iter().chain([refusal]).collect()),
        Ok(notes) => {
            let explained = plan::explain(&task, &plan.parallelism);
            let reasons = oversized(work, &needs).into_iter().chain(arrivals.1).chain(limits).chain(notes).collect();
            work.change(Direction::Down, plan, reasons, explained)
        }
    }
}

/// Why nothing smaller can be judged at all.
fn unknown(work: &Work) -> Option<Vec<Reason>> {
    let blockers = work.blockers();
    if !blockers.is_empty() {
        return Some(blockers);
    }
    let unsure = |s: &&crate::sizing::demand::SourceView| s.draining || !s.demand.is_some_and(|d| d.1);
    let whys: Vec<Reason> = work.sources.values().filter(unsure).flat_map(|s| s.why.clone()).collect();
    if work.sources.values().any(|s| unsure(&s)) || work.sources.is_empty() {
        let stalled = work.stalled_watermark();
        return Some(whys.into_iter().chain(stalled).collect());
    }
    let unknown = work.arrivals.iter().position(Option::is_none)?;
    let source = work.case.graph.vertices[unknown].name.clone();
    let why = "how much of what is sent to it arrives has not been seen for long enough".to_owned();
    Some(vec![Reason::UnknownDemand { source, why }])
}

/// The busiest vertex, when all is well.
fn within(work: &Work) -> Option<Reason> {
    let scaling = &work.case.policy.scaling;
    let utilization = |v: usize| Some((work.utilization(v)?, v));
    let (most, v) =
        (0..work.needs.len()).filter_map(utilization).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
    let (low, high) = (Ratio(down_at(work)), Ratio(scaling.scale_up_at));
    Some(Reason::WithinBounds { vertex: work.case.graph.vertices[v].name.clone(), utilization: Ratio(most), low, high })
}

/// Below this it is too large; lower than the policy's where the aim had to be lowered, or a job at its aim would
/// already be too large.
fn down_at(work: &Work) -> f64 {
    let scaling = &work.case.policy.scaling;
    scaling.scale_down_at * (work.target / scaling.target_utilization).min(1.0)
}

/// What arrived at most within the time a scale-down looks back over, or at the same hour yesterday.
fn peak_arrivals(work: &Work) -> Option<(Vec<Option<Arrival>>, Vec<Reason>)> {
    let case = work.case;
    let after = case.policy.scaling.scale_down.after;
    let mut reasons = Vec::new();
    let mut known = BTreeMap::new();
    for (v, source) in &work.sources {
        let vertex = &case.graph.vertices[*v];
        let now = source.demand?.0;
        let recent = case.peaks.get(&vertex.id).and_then(|p| p.since(case.at.minus(after))).unwrap_or(now).max(now);
        let yesterday = yesterday(work, &vertex.id).unwrap_or(0.0);
        if recent > 1.1 * now {
            let (peak, now) = (RecordsPerSec(recent), RecordsPerSec(now));
            reasons.push(Reason::RecentPeak { source: vertex.name.clone(), peak, now, within: after });
        }
        if yesterday > 1.1 * recent {
            reasons.push(Reason::YesterdayPeak { peak: RecordsPerSec(yesterday), now: RecordsPerSec(now) });
        }
        known.insert(*v, Origin::Known(Arrival { split: recent.max(yesterday), each: 0.0, exact: true }));
    }
    let mut arrivals = flow::arrivals(case.graph, &known, &work.slices, &case.memory.fits);
    // What came in bursts now comes in bursts then.
    for (v, arrival) in arrivals.iter_mut().enumerate() {
        if let (Some(bursts), Some(arrival)) = (work.bursts[v], arrival.as_mut()) {
            let allowed = case.policy.scaling.lag_objective.as_secs();
            arrival.split *= bursts.period.map_or(1.0, |p| p / allowed.min(p).max(1.0));
        }
    }
    Some((arrivals, reasons))
}

fn yesterday(work: &Work, source: &str) -> Option<f64> {
    let hour = work.case.at.0.div_euclid(HOUR) - 24;
    work.case.memory.hours.get(source)?.iter().find(|h| h.0 == hour).map(|h| h.1)
}

fn pause_only(work: &Work) -> f64 {
    let catch_up = work.case.policy.scaling.catch_up.as_secs();
    if catch_up > 0.0 { worth::pause(work.case.memory, work.case.checkpoints).as_secs() / catch_up } else { 0.0 }
}

/// By vertex, the smallest parallelism that is proven to cover: at most half at a step, unless that was measured.
fn least(work: &Work, task: &Task, needs: &[Need]) -> (Vec<u32>, Vec<Reason>) {
    let mut limits = Vec::new();
    let least = (0..needs.len()).map(|v| least_of(work, task, v, &mut limits).max(needs[v].min)).collect();
    (least, limits)
}

fn least_of(work: &Work, task: &Task, v: usize, limits: &mut Vec<Reason>) -> u32 {
    let vertex = &work.case.graph.vertices[v];
    let (p, need) = (vertex.parallelism.0, &task.needs[v]);
    let Some(curve) = &need.curve else { return p };
    let busy = work.measured[v].map_or(0.0, |m| m.busy);
    let utilization = need.arrival.map(|a| plan::at(a, p) / curve.at(p).0);
    let two_periods = work.bursts[v].is_none_or(|b| b.seen >= 3);
    if utilization.is_none_or(|u| u >= down_at(work)) || busy > flow::SATURATED || !two_periods || need.max < p {
        return p;
    }
    let learned = work.case.memory.learned.get(&vertex.id);
    let proven = |q: u32| capacity::proven(curve, learned, busy, q);
    let covers = |q: &u32| task.required(v, *q, 1.0).is_some_and(|required| proven(*q) >= required);
    let covered = (need.min..=p).find(covers).unwrap_or(p);
    say_unproven(work, v, (curve.at(p).0, proven(p)), limits);
    let half = p.div_ceil(2);
    let enough = |q: u32, seen: f64| task.required(v, q, 1.0).is_some_and(|required| seen >= required);
    let seen = |q: u32| learned.and_then(|l| l.seen.get(&q)).is_some_and(|seen| enough(q, *seen));
    // What a hardly busy vertex does per busy second is never steady: that it has run at this size must do.
    let ran = |q: u32| busy < capacity::PROVEN_ABOVE && learned.is_some_and(|l| l.seen.contains_key(&q));
    let measured = |q: u32| learned.is_some_and(|l| l.points.contains_key(&q)) || seen(q) || ran(q);
    if covered >= half || measured(covered) {
        return covered;
    }
    let vertex = vertex.name.clone();
    let (wanted, given) = (Parallelism(covered), Parallelism(half));
    limits.push(Reason::Limited { vertex, wanted, given, by: Limit::HalfAtAStep });
    half
}

fn say_unproven(work: &Work, v: usize, (measured, proven): (f64, f64), limits: &mut Vec<Reason>) {
    let busy = Ratio(work.measured[v].map_or(0.0, |m| m.busy));
    if proven < measured {
        let vertex = work.case.graph.vertices[v].name.clone();
        let (measured, proven) = (RecordsPerSec(measured), RecordsPerSec(proven));
        limits.push(Reason::Unproven { vertex, measured, proven, busy });
    }
}

fn nothing_smaller(work: &Work, task: &Task, peaks: Vec<Reason>, limits: Vec<Reason>) -> Vec<Reason> {
    let low = |v: &usize| work.utilization(*v).is_some_and(|u| u < down_at(work));
    let oversized = (0..task.needs.len()).filter(low).count() == task.needs.len();
    let why = if oversized { peaks.into_iter().chain(limits).collect() } else { Vec::new() };
    within(work).into_iter().chain(why).collect()
}

/// The vertices that could be smaller.
fn oversized(work: &Work, needs: &[Need]) -> Vec<Reason> {
    let below = down_at(work);
    let reason = |(v, need): (usize, &Need)| {
        let vertex = &work.case.graph.vertices[v];
        let p = vertex.parallelism.0;
        let (demand, capacity) = (plan::at(need.arrival?, p), need.curve.as_ref()?.at(p).0);
        let (demand_, capacity_) = (RecordsPerSec(demand), RecordsPerSec(capacity));
        let utilization = Ratio(demand / capacity);
        let reason = Reason::Oversized {
            vertex: vertex.name.clone(),
            demand: demand_,
            capacity: capacity_,
            utilization,
            below: Ratio(below),
        };
        (p > need.min && utilization.0 < below).then_some(reason)
    };
    needs.iter().enumerate().filter_map(reason).collect()
}

/// What a smaller size must not break; `Ok` carries what could not be judged.
fn refusals(work: &Work, task: &Task, parallelism: &[u32]) -> Result<Vec<Reason>, Reason> {
    let case = work.case;
    let scaling = &case.policy.scaling;
    let watched = case.watched_since.map_or(Millis(0), |since| case.at.since(since));
    if watched < scaling.scale_down.after {
        return Err(Reason::NotWatchedLongEnough { watched, needed: scaling.scale_down.after });
    }
    lag_allows(work)?;
    let (now, then) = (plan::slots(case.graph, &plan::present(case.graph)), plan::slots(case.graph, parallelism));
    let floor = work.slot_floor();
    if then < floor {
        let vertex = case.graph.vertices[0].name.clone();
        return Err(Reason::Limited { vertex, wanted: Parallelism(then), given: Parallelism(floor), by: Limit::Floor });
    }
    worth::saving(scaling, case.slots, now, then)?;
    if let Some(reason) = worth::checkpoint_fits(case.memory, case.checkpoints) {
        return Err(reason);
    }
    let per = case.slots.and_then(|s| s.per_taskmanager).unwrap_or(1).max(1);
    let taskmanagers = (now.div_ceil(per), then.div_ceil(per));
    let note = worth::state_fits(scaling, case.checkpoints, work.heap(), taskmanagers)?;
    let _ = task;
    Ok(note.into_iter().filter(|_| case.slots.is_some_and(|s| s.on_demand)).collect())
}

/// No scale-down while lag grows, is beyond the objective, or would be after the pause of the rescale itself.
fn lag_allows(work: &Work) -> Result<(), Reason> {
    let objective = work.case.policy.scaling.lag_objective;
    let pause = worth::pause(work.case.memory, work.case.checkpoints).as_secs();
    for (v, source) in &work.sources {
        let Some(lag) = source.lag.filter(|_| !work.hint(*v).lag_exempt) else { continue };
        if source.slope.is_some_and(|s| s > GROWING) || lag + pause > objective.as_secs() {
            let source = work.case.graph.vertices[*v].name.clone();
            return Err(Reason::CatchUpAtRisk { source, lag: Millis::from_secs(lag), objective });
        }
    }
    Ok(())
}

impl Work<'_> {
    /// Heap after collection (the least seen in the window) and its limit, bytes, of the fullest TaskManager.
    fn heap(&self) -> Option<(f64, f64)> {
        let from = self.case.at.minus(Millis::minutes(5));
        let least = |w: &crate::series::Window| w.since(from).map(|s| s.1).fold(f64::INFINITY, f64::min);
        let all = |name| [None, Some(Agg::Max)].into_iter().flat_map(move |a| self.index.all("", name, a));
        let used = all(name::HEAP_USED).map(least).fold(0.0, f64::max);
        let max = all(name::HEAP_MAX).filter_map(|w| w.last()).map(|s| s.1).fold(f64::INFINITY, f64::min);
        (used > 0.0 && used.is_finite() && max.is_finite() && max > 0.0).then_some((used, max))
    }

    fn stalled_watermark(&self) -> Option<Reason> {
        let case = self.case;
        let window: Millis = case.policy.scaling.window;
        let at: Timestamp = case.at;
        crate::sizing::obstacles::stalled_watermark(case.graph, at, &self.index, &self.slices, window)
    }
}
