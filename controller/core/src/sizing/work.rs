//! What is worked out of a case before either direction is judged: demand, capacity and obstacles of every vertex.

use crate::reason::Reason;
use crate::sizing::advice::{Advice, Case, Direction, VertexView};
use crate::sizing::burst::{Bursts, WorkLog};
use crate::sizing::capacity::{self, Measured};
use crate::sizing::demand::{self, SourceCase, SourceView};
use crate::sizing::evidence::Slices;
use crate::sizing::flow::{self, Arrival, Origin};
use crate::sizing::plan::{Need, Plan, Task};
use crate::sizing::{obstacles, room, worth};
use crate::units::{Millis, Ratio, RecordsPerSec};
use crate::windows::Index;
use std::collections::BTreeMap;

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

/// What a source's demand means for what is behind it.
fn origin(view: &SourceView, slices: &Slices) -> Origin {
    match view.demand {
        Some((split, exact)) => Origin::Known(Arrival { split, each: 0.0, exact }),
        None if slices.slices.is_empty() && view.consumed.is_none() => Origin::Absent,
        None => Origin::Silent,
    }
}

impl<'a> Work<'a> {
    /// Works everything out.
    pub fn new(case: &'a Case<'a>, index: Index<'a>, slices: Vec<Slices>) -> Work<'a> {
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
        Task { graph: self.case.graph, needs, target: self.target, catch_up, slots, floor: self.slot_floor() }
    }

    /// Slots that a floor by calendar asks for now.
    pub fn slot_floor(&self) -> u32 {
        let active = self.case.policy.scaling.floors.iter().filter(|f| f.when.active(self.case.at).is_some());
        active.filter_map(|f| f.min_slots).max().unwrap_or(0)
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

    /// What is known of each vertex.
    pub fn vertices(&self) -> Vec<VertexView> {
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
