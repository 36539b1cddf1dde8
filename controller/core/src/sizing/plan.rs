//! All vertices together: the smallest slots whose capacity covers what is needed.
//!
//! Vertices joined by FORWARD edges are one unit with one parallelism, because a difference would turn the edge into
//! a rebalance and break the order per key.

use crate::job::{JobGraph, Ship};
use crate::reason::{Limit, Reason};
use crate::sizing::capacity::Curve;
use crate::sizing::flow::Arrival;
use crate::units::{Parallelism, RecordsPerSec};
use std::collections::BTreeMap;

/// A capacity that grows by less than this gains nothing worth a restart.
const GAIN: f64 = 1.05;

/// What one vertex needs and may have.
#[derive(Clone, Debug)]
pub struct Need {
    /// What arrives; `None`: unknown.
    pub arrival: Option<Arrival>,
    /// Capacity by parallelism; `None`: unknown.
    pub curve: Option<Curve>,
    /// Lower bound.
    pub min: u32,
    /// Upper bound.
    pub max: u32,
    /// What makes the upper bound.
    pub max_by: Limit,
    /// What scaling cannot fix here: its parallelism does not rise.
    pub obstacle: bool,
}

/// What a plan is made from.
pub struct Task<'a> {
    /// The job.
    pub graph: &'a JobGraph,
    /// By vertex.
    pub needs: &'a [Need],
    /// Aim: demand / capacity.
    pub target: f64,
    /// Seconds of backlog to be worked off, the rescale's own pause among them, over the seconds allowed for it.
    pub catch_up: f64,
    /// Slots the job may have; `None`: no bound.
    pub slots: Option<u32>,
    /// Slots it is to have at least, by calendar.
    pub floor: u32,
}

/// A plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// By vertex.
    pub parallelism: Vec<u32>,
    /// What bounded it.
    pub reasons: Vec<Reason>,
    /// Slots missing.
    pub short: Option<Reason>,
}

/// Units: sets of vertices with one parallelism, by their smallest member.
pub fn units(graph: &JobGraph) -> Vec<Vec<usize>> {
    let mut of: Vec<usize> = (0..graph.vertices.len()).collect();
    for edge in graph.edges.iter().filter(|e| e.ship == Ship::Forward) {
        let (a, b) = (of[edge.from].min(of[edge.to]), of[edge.from].max(of[edge.to]));
        of.iter_mut().filter(|u| **u == b).for_each(|u| *u = a);
    }
    let mut units: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (v, u) in of.into_iter().enumerate() {
        units.entry(u).or_default().push(v);
    }
    units.into_values().collect()
}

/// Slots that a parallelism per vertex takes: per slot-sharing group the largest.
pub fn slots(graph: &JobGraph, parallelism: &[u32]) -> u32 {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for (vertex, p) in graph.vertices.iter().zip(parallelism) {
        let most = groups.entry(&vertex.slot_group).or_default();
        *most = (*most).max(*p);
    }
    groups.values().sum()
}

/// Present parallelism.
pub fn present(graph: &JobGraph) -> Vec<u32> {
    graph.vertices.iter().map(|v| v.parallelism.0).collect()
}

impl Task<'_> {
    fn p(&self, v: usize) -> u32 {
        self.graph.vertices[v].parallelism.0
    }

    /// Records/s that `v` must be able to do at `p`, when only `share` of the demand can reach it.
    pub fn required(&self, v: usize, p: u32, share: f64) -> Option<f64> {
        let demand = at(self.needs[v].arrival?, p) * share;
        Some(demand / self.target + demand * self.catch_up)
    }

    fn covers(&self, v: usize, p: u32, share: f64) -> bool {
        let need = &self.needs[v];
        match (&need.curve, self.required(v, p, share)) {
            (Some(curve), Some(required)) => curve.at(p).0 >= required,
            _ => true,
        }
    }

    fn capacity(&self, v: usize, p: u32) -> Option<f64> {
        Some(self.needs[v].curve.as_ref()?.at(p).0)
    }

    fn bound(&self, unit: &[usize]) -> (u32, u32, Limit) {
        let min = unit.iter().map(|v| self.needs[*v].min).max().unwrap_or(1);
        let tightest = unit.iter().min_by_key(|v| self.needs[**v].max);
        let (max, by) = tightest.map_or((u32::MAX, Limit::PolicyMax), |v| (self.needs[*v].max, self.needs[*v].max_by));
        (min, max, by)
    }

    /// The smallest parallelism from `low` on that covers every member, or the best there is up to `high`.
    fn smallest(&self, unit: &[usize], low: u32, high: u32, share: f64) -> (u32, bool) {
        let covered = (low..=high).find(|p| unit.iter().all(|v| self.covers(*v, *p, share)));
        covered.map_or_else(|| (self.best(unit, low, high), false), |p| (p, true))
    }

    fn best(&self, unit: &[usize], low: u32, high: u32) -> u32 {
        let worst = |p: u32| {
            let cover = |v: &usize| Some(self.capacity(*v, p)? / self.required(*v, p, 1.0)?.max(f64::MIN_POSITIVE));
            unit.iter().filter_map(cover).fold(f64::INFINITY, f64::min)
        };
        let most = (low..=high).map(worst).fold(0.0, f64::max);
        (low..=high).find(|p| worst(*p) * GAIN >= most).unwrap_or(low)
    }

    /// Larger where it must be, or as a floor by calendar asks; nothing smaller. Slots that are missing make all of it
    /// smaller alike.
    pub fn up(&self) -> Plan {
        let units = units(self.graph);
        let (wanted, reasons, share) = self.unbounded(&units);
        let raised = self.raised(&units, &wanted, self.floor, u32::MAX);
        let want = slots(self.graph, &raised);
        let Some(have) = self.slots.filter(|have| want > *have) else {
            return Plan { parallelism: raised, reasons, short: None };
        };
        let fitting = if slots(self.graph, &wanted) > have { self.fitting(&units, share, have) } else { wanted };
        let parallelism = self.raised(&units, &fitting, self.floor.min(have), have);
        let short = Reason::ShortOfSlots { wanted: want, have, short: want - have };
        Plan { parallelism, reasons, short: Some(short) }
    }

    /// Raised evenly until the job takes `least` slots: to the lowest level under all units that does, within their
    /// bounds; where the last step takes more than is asked for, only some of them, by name.
    fn raised(&self, units: &[Vec<usize>], plan: &[u32], least: u32, most: u32) -> Vec<u32> {
        let all: Vec<&Vec<usize>> = units.iter().collect();
        let takes = |plan: &[u32]| slots(self.graph, plan);
        if takes(plan) >= least {
            return plan.to_vec();
        }
        // At level 0 it takes too few; no level above `least` takes more, unless bounds keep all from taking enough.
        let (mut below, mut level) = (0, least);
        while level - below > 1 {
            let middle = below + (level - below) / 2;
            if takes(&self.at_level(&all, plan, middle)) >= least { level = middle } else { below = middle }
        }
        let mut out = self.at_level(&all, plan, below);
        let mut by_name = all;
        by_name.sort_by_key(|unit| unit.iter().map(|v| &self.graph.vertices[*v].name).min());
        for unit in by_name {
            let more = self.at_level(&[unit], &out, level);
            let needed = takes(&out) < least && takes(&more) <= most;
            if needed || takes(&more) <= least {
                out = more;
            }
        }
        out
    }

    /// No unit below `level`, where its bounds and obstacles let it.
    fn at_level(&self, units: &[&Vec<usize>], plan: &[u32], level: u32) -> Vec<u32> {
        let mut out = plan.to_vec();
        for unit in units.iter().filter(|u| u.iter().all(|v| !self.needs[*v].obstacle)) {
            let p = level.min(self.bound(unit).1);
            unit.iter().for_each(|v| out[*v] = out[*v].max(p));
        }
        out
    }

    fn unbounded(&self, units: &[Vec<usize>]) -> (Vec<u32>, Vec<Reason>, f64) {
        let mut reasons = Vec::new();
        let mut share: f64 = 1.0;
        for unit in units {
            share = share.min(self.limit(unit, &mut reasons));
        }
        if share < 1.0 {
            self.say_feeder(units, share, &mut reasons);
        }
        (self.at_share(units, share), reasons, share)
    }

    /// The share of the demand that a bounded unit lets through, and why it is bounded.
    fn limit(&self, unit: &[usize], reasons: &mut Vec<Reason>) -> f64 {
        let present = self.p(unit[0]);
        let (_, max, by) = self.bound(unit);
        let stuck = unit.iter().any(|v| self.needs[*v].obstacle);
        let high = if stuck { present } else { max.max(present) };
        let (given, covered) = self.smallest(unit, present, high, 1.0);
        if covered {
            return 1.0;
        }
        if !stuck {
            let free = self.smallest(unit, present, high.saturating_mul(4).min(high + 10_000), 1.0).0;
            let vertex = self.graph.vertices[unit[0]].name.clone();
            let (wanted, given) = (Parallelism(free), Parallelism(given));
            if free > given.0 {
                reasons.push(Reason::Limited { vertex, wanted, given, by });
            }
        }
        self.passes(unit, given)
    }

    fn passes(&self, unit: &[usize], p: u32) -> f64 {
        let share = |v: &usize| {
            let demand = at(self.needs[*v].arrival?, p);
            Some(self.capacity(*v, p)? / (demand * (1.0 + self.catch_up)).max(f64::MIN_POSITIVE))
        };
        unit.iter().filter_map(share).fold(1.0, f64::min)
    }

    fn at_share(&self, units: &[Vec<usize>], share: f64) -> Vec<u32> {
        let mut out = present(self.graph);
        for unit in units {
            let p = self.unit_at_share(unit, share);
            unit.iter().for_each(|v| out[*v] = p.max(out[*v]));
        }
        out
    }

    fn unit_at_share(&self, unit: &[usize], share: f64) -> u32 {
        let present = unit.iter().map(|v| self.p(*v)).max().unwrap_or(1);
        let (min, max, _) = self.bound(unit);
        let stuck = unit.iter().any(|v| self.needs[*v].obstacle);
        if stuck || max <= present {
            return present;
        }
        let low = present.max(min).min(max);
        let (p, _) = self.smallest(unit, low, max, share);
        if p > low && !self.gains(unit, present, p) { low } else { p }
    }

    fn gains(&self, unit: &[usize], from: u32, to: u32) -> bool {
        let short = unit.iter().filter(|v| !self.covers(**v, from, 1.0));
        short.clone().next().is_none()
            || short.into_iter().any(|v| match (self.capacity(*v, from), self.capacity(*v, to)) {
                (Some(now), Some(then)) => then >= now * GAIN,
                _ => false,
            })
    }

    fn fitting(&self, units: &[Vec<usize>], share: f64, allowed: u32) -> Vec<u32> {
        let (mut fits, mut too_much) = (0.0, share);
        let mut best = present(self.graph);
        // 30 halvings tell shares apart that differ by a billionth: less than any parallelism can show.
        for _ in 0..30 {
            let middle = (fits + too_much) / 2.0;
            let plan = self.at_share(units, middle);
            if slots(self.graph, &plan) <= allowed {
                (fits, best) = (middle, plan);
            } else {
                too_much = middle;
            }
        }
        best
    }

    fn say_feeder(&self, units: &[Vec<usize>], share: f64, reasons: &mut Vec<Reason>) {
        for unit in units.iter().filter(|u| u.iter().all(|v| !self.needs[*v].obstacle)) {
            let (_, max, _) = self.bound(unit);
            let present = self.p(unit[0]);
            let (wanted, covered) = self.smallest(unit, present, max.max(present), 1.0);
            let given = self.unit_at_share(unit, share);
            if covered && given < wanted {
                let vertex = self.graph.vertices[unit[0]].name.clone();
                let (wanted, given) = (Parallelism(wanted), Parallelism(given));
                reasons.push(Reason::Limited { vertex, wanted, given, by: Limit::Feeder });
            }
        }
    }

    /// Smaller where it can be: `least` is, by vertex, the smallest parallelism that is proven to cover. What saves no
    /// slot stays as it is.
    pub fn down(&self, least: &[u32]) -> Plan {
        let units = units(self.graph);
        let now = present(self.graph);
        let mut floor = now.clone();
        for unit in &units {
            let present = unit.iter().map(|v| now[*v]).max().unwrap_or(1);
            let p = unit.iter().map(|v| least[*v]).max().unwrap_or(present).max(self.bound(unit).0).min(present);
            unit.iter().for_each(|v| floor[*v] = p);
        }
        let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
        for (vertex, p) in self.graph.vertices.iter().zip(&floor) {
            let most = groups.entry(&vertex.slot_group).or_default();
            *most = (*most).max(*p);
        }
        let room = |v: usize| groups.get(&*self.graph.vertices[v].slot_group).copied().unwrap_or(now[v]);
        let mut out = now.clone();
        for unit in &units {
            let p = unit.iter().map(|v| now[*v].min(room(*v))).min().unwrap_or(1);
            unit.iter().for_each(|v| out[*v] = p.max(floor[*v]));
        }
        Plan { parallelism: out, reasons: Vec::new(), short: None }
    }
}

/// Records/s at `p` subtasks: what is broadcast comes once per subtask.
pub fn at(arrival: Arrival, p: u32) -> f64 {
    arrival.split + arrival.each * f64::from(p)
}

/// How the capacity at the new parallelism was told, for each vertex that changes.
pub fn explain(task: &Task, plan: &[u32]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (v, vertex) in task.graph.vertices.iter().enumerate() {
        let (from, to) = (vertex.parallelism.0, plan[v]);
        let (Some(curve), Some(needed)) = (&task.needs[v].curve, task.required(v, to, 1.0)) else { continue };
        if from != to {
            let (then, method) = curve.at(to);
            reasons.push(Reason::Capacity {
                vertex: vertex.name.clone(),
                from: Parallelism(from),
                to: Parallelism(to),
                now: RecordsPerSec(curve.at(from).0),
                then: RecordsPerSec(then),
                needed: RecordsPerSec(needed),
                method,
            });
        }
    }
    for unit in units(task.graph).into_iter().filter(|u| u.len() > 1) {
        if unit.iter().any(|v| plan[*v] != task.p(*v)) {
            let vertices = unit.iter().map(|v| task.graph.vertices[*v].name.clone()).collect();
            reasons.push(Reason::Coupled { vertices, parallelism: Parallelism(plan[unit[0]]) });
        }
    }
    reasons
}
