//! What a vertex needs and may have: its curve of capacity, and its bounds.

use crate::reason::{Limit, Reason};
use crate::sizing::capacity::{self, Curve};
use crate::sizing::grain::{self, Grain};
use crate::sizing::plan::Need;
use crate::sizing::work::Work;
use crate::units::RecordsPerSec;

fn highest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().max_by(f64::total_cmp)
}

impl Work<'_> {
    /// Key groups of a keyed vertex, partitions of a source: what cannot be split further.
    fn grain(&self, v: usize) -> Grain {
        let (case, vertex) = (self.case, &self.case.graph.vertices[v]);
        if case.graph.is_source(v) {
            return grain::of_source(case.windows, &vertex.name, vertex.partitions, case.at);
        }
        vertex.max_parallelism.map(|p| p.0).filter(|_| case.graph.is_keyed(v)).into()
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

    /// What vertex `v` needs.
    pub fn need(&mut self, v: usize) -> Need {
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
}
