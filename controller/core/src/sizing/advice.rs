//! Puts the parts together: what is wrong, what size would be right, and why.

use crate::job::JobGraph;
use crate::memory::JobMemory;
use crate::observation::{Checkpoints, ClusterFacts, Failure, Slots};
use crate::policy::Policy;
use crate::reason::{Limit, Reason};
use crate::sizing::burst::{Bursts, WorkLog};
use crate::sizing::capacity::{self, Curve, Measured};
use crate::sizing::demand::{self, SourceCase, SourceView};
use crate::sizing::evidence::{Slices, Track};
use crate::sizing::flow::{self, Arrival, Origin};
use crate::sizing::plan::{Need, Plan, Task};
use crate::sizing::worth::Peaks;
use crate::sizing::{down, obstacles, room, up, worth};
use crate::units::{Millis, Ratio, RecordsPerSec, Timestamp};
use crate::windows::{Index, Windows};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
}

/// What is known of a vertex: what `recommend` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VertexView {
    /// Its name.
    pub name: Arc<str>,
    /// Present parallelism.
    pub parallelism: u32,
    /// Share of time busy, mean over subtasks.
    pub busy: Option<Ratio>,
    /// Share of time backpressured.
    pub backpressured: Option<Ratio>,
    /// What arrives.
    pub demand: Option<RecordsPerSec>,
    /// Whether that is all, or only a lower bound.
    pub exact: bool,
    /// What it can do.
    pub capacity: Option<RecordsPerSec>,
    /// demand / capacity.
    pub utilization: Option<Ratio>,
    /// How far behind, of a source.
    pub lag: Option<Millis>,
}

/// What sizing says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// Which way; `None`: no change is wanted, or none can be justified.
    pub direction: Option<Direction>,
    /// Wanted parallelism by vertex.
    pub target: Vec<u32>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Slots are missing for all or part of it.
    pub short: bool,
    /// The figures do not move.
    pub stale: bool,
    /// A lag objective is broken and not being mended.
    pub objective_broken: bool,
    /// What is known, by vertex.
    pub vertices: Vec<VertexView>,
    /// What may be learned from it.
    pub lesson: Lesson,
}

/// What a judgement teaches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    /// By vertex.
    pub measured: Vec<Option<Measured>>,
    /// By position of the source.
    pub sources: BTreeMap<usize, SourceView>,
}

/// Everything a job is judged by.
pub struct Case<'a> {
    /// Now.
    pub at: Timestamp,
    /// How often it is read.
    pub interval: Millis,
    /// The job.
    pub graph: &'a JobGraph,
    /// What was sampled.
    pub windows: &'a Windows,
    /// What that says of each vertex.
    pub tracks: &'a [Track],
    /// The policy.
    pub policy: &'a Policy,
    /// What was learned.
    pub memory: &'a JobMemory,
    /// Bursts, by vertex id.
    pub logs: &'a BTreeMap<Arc<str>, WorkLog>,
    /// Demand so far, by source id.
    pub peaks: &'a BTreeMap<Arc<str>, Peaks>,
    /// Since when demand has been watched without a gap.
    pub watched_since: Option<Timestamp>,
    /// Since when records have flowed.
    pub flowing_since: Option<Timestamp>,
    /// Vertices (by position) whose capacity still rises after a (re)start.
    pub rising: &'a BTreeSet<usize>,
    /// Restarts, rescales left out.
    pub restarts: &'a VecDeque<(Timestamp, f64)>,
    /// Slots.
    pub slots: Option<&'a Slots>,
    /// Checkpoints.
    pub checkpoints: Option<&'a Checkpoints>,
    /// The newest failure.
    pub failure: Option<&'a Failure>,
    /// Settings of the cluster.
    pub facts: &'a ClusterFacts,
}

/// What has been worked out of a case, for the two directions.
pub(crate) struct Work<'a> {
    pub case: &'a Case<'a>,
    pub index: Index<'a>,
    pub slices: Vec<Slices>,
    pub sources: BTreeMap<usize, SourceView>,
    pub arrivals: Vec<Option<Arrival>>,
    pub measured: Vec<Option<Measured>>,
    pub bursts: Vec<Option<Bursts>>,
    pub needs: Vec<Need>,
    pub obstacles: Vec<Option<Reason>>,
    pub notes: Vec<Reason>,
    pub target: f64,
}

/// Judges a job.
pub fn advise(case: &Case) -> Advice {
    let index = case.windows.index(case.graph);
    let slices: Vec<Slices> = case.tracks.iter().map(|t| t.slices().clone()).collect();
    if let Some(reason) = not_moving(case, &slices) {
        return Advice { reasons: vec![reason], stale: true, ..Advice::default() };
    }
    let work = Work::new(case, index, slices);
    let mut advice = up::advise(&work).unwrap_or_else(|| down::advise(&work));
    advice.vertices = work.vertices();
    advice.reasons.extend(work.notes);
    advice.lesson = Lesson { measured: work.measured, sources: work.sources };
    advice
}

/// Figures that do not move say nothing: three intervals without a change are stale.
fn not_moving(case: &Case, slices: &[Slices]) -> Option<Reason> {
    let limit = case.interval.times(3);
    let (v, still) = slices.iter().map(|s| s.still).enumerate().max_by_key(|s| s.1)?;
    let vertex = case.graph.vertices[v].name.clone();
    (still >= limit && still.0 > 0).then_some(Reason::NotMoving { vertex, since: still })
}

/// What a source's demand means for what is behind it.
fn origin(view: &SourceView, slices: &Slices) -> Origin {
    match view.demand {
        Some((split, exact)) => Origin::Known(Arrival { split, each: 0.0, exact }),
        None if slices.slices.is_empty() && view.consumed.is_none() => Origin::Absent,
        None => Origin::Silent,
    }
}

fn highest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().max_by(f64::total_cmp)
}

impl<'a> Work<'a> {
    fn new(case: &'a Case<'a>, index: Index<'a>, slices: Vec<Slices>) -> Work<'a> {
        let n = case.graph.vertices.len();
        let (target, why) =
            worth::target(&case.policy.scaling, worth::unplanned(case.memory, case.facts, case.checkpoints));
        let mut work = Work {
            case,
            index,
            slices,
            sources: BTreeMap::new(),
            arrivals: vec![None; n],
            measured: vec![None; n],
            bursts: vec![None; n],
            needs: Vec::new(),
            obstacles: vec![None; n],
            notes: why.into_iter().collect(),
            target,
        };
        work.judge_sources();
        work.judge_vertices();
        work
    }

    /// What the policy says of vertex `v`.
    pub fn hint(&self, v: usize) -> crate::policy::VertexPolicy {
        self.case.policy.scaling.vertex(&self.case.graph.vertices[v].name)
    }

    fn judge_sources(&mut self) {
        let graph = self.case.graph;
        for v in (0..graph.vertices.len()).filter(|v| graph.is_source(*v)) {
            let hint = self.hint(v);
            let (at, policy, memory) = (self.case.at, self.case.policy, self.case.memory);
            let source =
                SourceCase { at, graph, v, index: &self.index, slices: &self.slices, policy, hint: &hint, memory };
            let view = demand::source(&source);
            self.sources.insert(v, view);
        }
        let origins = self.sources.iter().map(|(v, s)| (*v, origin(s, &self.slices[*v]))).collect();
        self.arrivals = flow::arrivals(graph, &origins, &self.slices, &self.case.memory.fits);
    }

    fn judge_vertices(&mut self) {
        for v in 0..self.case.graph.vertices.len() {
            let graph = self.case.graph;
            self.measured[v] = capacity::measure(&self.slices[v], |s| flow::work(graph, v, s));
            self.bursts[v] = self.case.logs.get(&graph.vertices[v].id).and_then(WorkLog::bursts);
            self.allow_for_bursts(v);
            self.obstacles[v] = self.obstacle(v);
            let need = self.need(v);
            self.needs.push(need);
        }
    }

    /// The work of a whole period has to be done in the time allowed for it.
    fn allow_for_bursts(&mut self, v: usize) {
        let (Some(bursts), Some(arrival)) = (self.bursts[v], self.arrivals[v].as_mut()) else { return };
        if let Some(period) = bursts.period {
            let allowed = self.case.policy.scaling.lag_objective.as_secs().min(period);
            arrival.split *= period / allowed.max(1.0);
        }
        self.notes.push(Reason::Bursts {
            vertex: self.case.graph.vertices[v].name.clone(),
            ratio: bursts.ratio,
            period: bursts.period.map(Millis::from_secs),
            seen: bursts.seen,
        });
    }

    fn obstacle(&self, v: usize) -> Option<Reason> {
        let graph = self.case.graph;
        let on_demand = self.case.slots.is_some_and(|s| s.on_demand);
        let hint = self.hint(v);
        obstacles::hot_subtask(graph, v, &self.slices[v], self.case.policy.scaling.scale_up_at)
            .or_else(|| {
                let busy = self.measured[v].is_some_and(|m| m.busy > self.case.policy.scaling.scale_up_at);
                busy.then(|| obstacles::slow_sink(graph, v, &self.slices[v], &self.index, self.case.memory))?
            })
            .or_else(|| {
                let name = &graph.vertices[v].name;
                obstacles::throttled(name, &self.index, hint.throttled_series.as_deref(), on_demand)
            })
            .or_else(|| self.waits_unseen(v))
            .or_else(|| self.settling(v))
    }

    /// Upstream waits for it though it is hardly busy: it waits itself, for something that busy time does not show.
    fn waits_unseen(&self, v: usize) -> Option<Reason> {
        let hint = self.hint(v);
        if hint.async_io.is_some() || hint.capacity_per_subtask.is_some() || self.bursts[v].is_some() {
            return None;
        }
        let newest = |v: usize| self.slices[v].slices.last();
        let own = newest(v)?;
        let waited_for = self.case.graph.inputs(v).any(|e| {
            let alone = self.case.graph.outputs(e.from).count() == 1;
            alone && newest(e.from).and_then(|s| s.backpressured).is_some_and(|b| b > 0.5)
        });
        let busy = own.hottest.or(own.busy)?;
        let why = format!(
            "what sends to it waits for it, though it is only {} busy: if it is asynchronous, tell its capacity and latency",
            Ratio(busy)
        );
        let vertex = self.case.graph.vertices[v].name.clone();
        let unseen = waited_for && busy < 0.5 && own.backpressured.is_some_and(|b| b < 0.1);
        unseen.then_some(Reason::UnknownCapacity { vertex, why })
    }

    /// A cold state backend looks slow: while its capacity rises, what was learned before counts, or nothing does. What
    /// a vertex that is hardly busy does per busy second is noise, and holds nobody back.
    fn settling(&self, v: usize) -> Option<Reason> {
        let vertex = &self.case.graph.vertices[v];
        if self.measured[v].is_some_and(|m| m.busy < capacity::PROVEN_ABOVE) {
            return None;
        }
        let known =
            self.case.memory.learned.get(&vertex.id).is_some_and(|l| l.points.contains_key(&vertex.parallelism.0));
        let rising = self.case.rising.contains(&v) && !known;
        rising.then(|| Reason::Settling { vertex: vertex.name.clone(), change: Ratio(0.1) })
    }

    /// Key groups of a keyed vertex, partitions of a source: what cannot be split further.
    fn grain(&self, v: usize) -> Option<u32> {
        let vertex = &self.case.graph.vertices[v];
        if self.case.graph.is_source(v) {
            vertex.partitions
        } else {
            vertex.max_parallelism.map(|p| p.0).filter(|_| self.case.graph.is_keyed(v))
        }
    }

    /// Capacity by parallelism, by the first source that knows it.
    fn curve(&mut self, v: usize) -> Option<Curve> {
        let vertex = &self.case.graph.vertices[v];
        let (hint, grain) = (self.hint(v), self.grain(v));
        if let Some(told) = hint.capacity_per_subtask {
            return Some(Curve::told(told.0, grain));
        }
        if let Some(io) = hint.async_io {
            let per_subtask = f64::from(io.capacity) / io.latency.as_secs().max(0.001);
            let capacity = RecordsPerSec(per_subtask * f64::from(vertex.parallelism.0));
            self.notes.push(Reason::AsyncBound { vertex: vertex.name.clone(), capacity });
            return Some(Curve::told(per_subtask, grain));
        }
        let learned = self.case.memory.learned.get(&vertex.id);
        let fetcher = self.sources.get(&v).and_then(|s| s.fetcher_bound);
        let unseen = matches!(self.obstacles[v], Some(Reason::UnknownCapacity { .. }));
        let at_limit = self.measured[v].map(|m| m.rate).filter(|_| unseen);
        let bursty = self.bursts[v].map(|b| b.capacity);
        let known = learned.and_then(|l| l.points.get(&vertex.parallelism.0)).map(|p| p.capacity);
        let measured = self.measured[v].map(|m| m.capacity);
        let settled = if self.case.rising.contains(&v) { highest(measured, known) } else { measured };
        let settled = if self.is_held_back(v) { known.and(highest(measured, known)) } else { settled };
        let capacity = fetcher.or(at_limit).or(bursty).or(settled)?;
        Some(Curve::new(vertex.parallelism.0, capacity, learned, grain))
    }

    /// Held back most of the time and hardly busy: what little busy time it shows is not all work, so that the capacity
    /// it suggests would be too low, by a factor of ten on a real Flink. What was learned when it was free counts.
    fn is_held_back(&self, v: usize) -> bool {
        let held = self.slices[v].slices.last().and_then(|s| s.backpressured).is_some_and(|b| b > 0.5);
        held && self.measured[v].is_some_and(|m| m.busy < capacity::PROVEN_ABOVE)
    }

    fn need(&mut self, v: usize) -> Need {
        let vertex = &self.case.graph.vertices[v];
        let (hint, scaling) = (self.hint(v), &self.case.policy.scaling);
        let present = vertex.parallelism.0;
        let policy_max = hint.max_parallelism.or(scaling.max_parallelism).map(|p| p.0);
        let mut bounds = vec![(u32::MAX, Limit::PolicyMax)];
        bounds.extend(policy_max.map(|m| (m, Limit::PolicyMax)));
        bounds.extend(vertex.max_parallelism.map(|m| (m.0, Limit::MaxParallelism)));
        bounds.extend(vertex.partitions.filter(|_| self.case.graph.is_source(v)).map(|m| (m, Limit::Partitions)));
        bounds.extend(hint.fixed.then_some((present, Limit::Fixed)));
        let (max, max_by) = bounds.into_iter().min_by_key(|b| b.0).unwrap_or((u32::MAX, Limit::PolicyMax));
        let floor = scaling.floors.iter().filter(|f| f.when.active(self.case.at).is_some());
        let floor = floor.filter_map(|f| f.min_parallelism).map(|p| p.0).max().unwrap_or(0);
        let min = hint.min_parallelism.unwrap_or(scaling.min_parallelism).0.max(floor).max(1);
        let min = if hint.fixed { present } else { min.min(max) };
        Need {
            arrival: self.arrivals[v],
            curve: self.curve(v),
            min,
            max: max.max(1),
            max_by,
            obstacle: self.obstacles[v].is_some() || hint.fixed,
        }
    }

    /// demand / capacity at present.
    pub fn utilization(&self, v: usize) -> Option<f64> {
        let p = self.case.graph.vertices[v].parallelism.0;
        let capacity = self.needs[v].curve.as_ref()?.at(p).0;
        (capacity > 0.0).then_some(crate::sizing::plan::at(self.arrivals[v]?, p) / capacity)
    }

    /// Seconds behind, of the worst source that counts.
    pub fn worst_lag(&self) -> Option<(usize, f64)> {
        let counted = self.sources.iter().filter(|(v, _)| !self.hint(**v).lag_exempt);
        counted.filter_map(|(v, s)| Some((*v, s.lag?))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The task of planning, with the backlog and the rescale's own pause to be worked off.
    pub fn task<'t>(&'t self, needs: &'t [Need]) -> Task<'t> {
        let scaling = &self.case.policy.scaling;
        let lag = self.worst_lag().map_or(0.0, |(_, l)| if l > demand::CURRENT { l } else { 0.0 });
        let catch_up = scaling.catch_up.as_secs();
        let behind = lag + worth::pause(self.case.memory, self.case.checkpoints).as_secs();
        let catch_up = if catch_up > 0.0 { behind / catch_up } else { 0.0 };
        let slots = room::slots(self.case.graph, self.case.slots, scaling);
        Task { graph: self.case.graph, needs, target: self.target, catch_up, slots }
    }

    /// The reasons that concern the whole job and forbid any rescale of it.
    pub fn blockers(&self) -> Vec<Reason> {
        let case = self.case;
        let (index, slices) = (&self.index, &self.slices);
        let dependency =
            obstacles::dependency_down(case.graph, case.at, case.failure, case.flowing_since, index, slices);
        let looping = obstacles::restart_loop(case.at, case.restarts);
        dependency.into_iter().chain(looping).chain(obstacles::gc_pressure(index)).collect()
    }

    fn vertices(&self) -> Vec<VertexView> {
        let view = |(v, vertex): (usize, &crate::job::Vertex)| {
            let newest = self.slices[v].slices.last();
            let p = vertex.parallelism.0;
            VertexView {
                name: vertex.name.clone(),
                parallelism: p,
                busy: newest.and_then(|s| s.busy).map(Ratio),
                backpressured: newest.and_then(|s| s.backpressured).map(Ratio),
                demand: self.arrivals[v].map(|a| RecordsPerSec(crate::sizing::plan::at(a, p))),
                exact: self.arrivals[v].is_some_and(|a| a.exact),
                capacity: self.needs[v].curve.as_ref().map(|c| RecordsPerSec(c.at(p).0)),
                utilization: self.utilization(v).map(Ratio),
                lag: self.sources.get(&v).and_then(|s| s.lag).map(Millis::from_secs),
            }
        };
        self.case.graph.vertices.iter().enumerate().map(view).collect()
    }

    /// An advice to do nothing.
    pub fn hold(&self, reasons: Vec<Reason>) -> Advice {
        Advice { target: crate::sizing::plan::present(self.case.graph), reasons, ..Advice::default() }
    }

    /// An advice to change, or none where the plan is what runs.
    pub fn change(&self, direction: Direction, plan: Plan, mut reasons: Vec<Reason>, explained: Vec<Reason>) -> Advice {
        let changed = plan.parallelism != crate::sizing::plan::present(self.case.graph);
        let short = plan.short.is_some();
        reasons.extend(explained);
        reasons.extend(plan.reasons);
        reasons.extend(plan.short);
        let direction = changed.then_some(direction);
        Advice { direction, target: plan.parallelism, reasons, short, ..Advice::default() }
    }
}
