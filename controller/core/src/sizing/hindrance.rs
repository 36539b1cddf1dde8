//! Why more subtasks of one vertex would not help, or cannot be judged yet.

use crate::reason::Reason;
use crate::sizing::work::Work;
use crate::sizing::{capacity, obstacles};
use crate::units::Ratio;

impl Work<'_> {
    /// The first that there is.
    pub fn obstacle(&self, v: usize) -> Option<Reason> {
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
}
