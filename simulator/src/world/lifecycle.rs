//! Attempts of a job: how it starts, fails, rescales and ends.

use super::capacity::{self, Uneven};
use super::costs;
use super::failure::{self, Cause};
use super::job::{Around, Job, Phase, Wish};
use super::pool::divide;
use super::restart::Backoff;
use crate::scenario::{Cluster, Mechanism};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Parallelism;

/// A job that ended.
pub(super) const FINISHED: &str = "FINISHED";
/// A job that was cancelled.
pub(super) const CANCELED: &str = "CANCELED";
/// A job that its restart strategy gave up on.
pub(super) const FAILED: &str = "FAILED";

impl Job {
    /// Tries to start at `at`: with slots for all it asks for; after a while (adaptive scheduler) with fewer.
    pub(super) fn start(&mut self, around: &mut Around, at: i64) {
        around.pool.release(&mut self.placement);
        let free = around.pool.free();
        let since = match self.phase {
            Phase::Waiting(since) => since,
            _ => at,
        };
        let found = self.fits(free, around.cluster.mechanism);
        let at_once = std::mem::take(&mut self.rescaling) || around.cluster.mechanism == Mechanism::Reactive;
        let stable = at_once || at - since >= costs::STABILIZATION;
        let Some((target, _)) = found.filter(|(_, whole)| *whole || stable) else {
            self.phase = Phase::Waiting(since);
            return;
        };
        let slots = self.slots_of(&target);
        if let Err(dead) = around.pool.place(slots, &mut self.placement) {
            return self.fail(around, at + costs::UNREACHABLE_AFTER, Cause::Unreachable(dead));
        }
        self.changed_size |= target != self.parallelism;
        self.parallelism = target;
        self.begin(at);
        self.pool_seen = around.pool.version;
    }

    /// Parallelism that fits into so many slots, and whether that is all it asks for.
    pub(super) fn fits(&self, slots: u32, mechanism: Mechanism) -> Option<(Vec<u32>, bool)> {
        let asked = self.asked();
        let groups = self.by_group(&asked);
        let given = divide(&groups, slots)?;
        let whole = given == groups;
        if !whole && mechanism == Mechanism::Redeploy {
            return None;
        }
        let target = asked.iter().zip(&self.groups).map(|(p, g)| (*p).min(given[*g])).collect();
        Some((target, whole))
    }

    /// Upper bounds by vertex.
    fn asked(&self) -> Vec<u32> {
        let upper = |(i, id)| self.bounds.get(id).map_or(self.parallelism[i], |b| b.upper.0.max(1));
        self.ids.iter().enumerate().map(upper).collect()
    }

    /// Slots of each slot-sharing group: its widest vertex.
    fn by_group(&self, parallelism: &[u32]) -> Vec<u32> {
        let mut widest = vec![0; self.groups.iter().max().map_or(0, |g| g + 1)];
        for (p, g) in parallelism.iter().zip(&self.groups) {
            widest[*g] = (*p).max(widest[*g]);
        }
        widest
    }

    pub(super) fn slots_of(&self, parallelism: &[u32]) -> u32 {
        self.by_group(parallelism).iter().sum()
    }

    /// Slots that it would like to have.
    pub(super) fn wants_slots(&self) -> u32 {
        if matches!(self.phase, Phase::Ended(_)) { 0 } else { self.slots_of(&self.asked()) }
    }

    /// Slots it holds.
    pub(super) fn holds_slots(&self) -> u32 {
        self.placement.iter().map(|p| p.1).sum()
    }

    /// All tasks run from `at` on, from the last checkpoint.
    fn begin(&mut self, at: i64) {
        self.phase = Phase::Running;
        self.attempt += 1;
        (self.deployed, self.running_since) = (at, Some(at));
        self.net.begin(&self.parallelism);
        self.restore(at);
        self.refresh();
        self.begin_meters(at);
        let settings = &self.spec.checkpoints;
        self.checkpoints.begin(settings, at, std::mem::take(&mut self.changed_size));
        self.commits_failed = 0.0;
        self.version += 1;
        self.dirty = true;
    }

    fn restore(&mut self, at: i64) {
        let restore = self.checkpoints.restore.as_ref();
        self.checkpoints.restored = restore.map(|r| r.id);
        for (i, source) in self.net.sources.iter_mut().enumerate() {
            source.restore(restore.and_then(|r| r.positions.get(i)).copied().unwrap_or(0.0), at);
        }
        for (v, node) in self.net.nodes.iter_mut().enumerate() {
            node.state = restore.map_or(self.spec.vertices[v].state, |r| r.state[v]);
            node.held = restore.map_or(0.0, |r| r.held[v]);
        }
    }

    /// What its vertices can do at their parallelism, with the faults that hold now.
    pub(super) fn refresh(&mut self) {
        let mut least = f64::INFINITY;
        for (v, spec) in self.spec.vertices.iter().enumerate() {
            let p = self.parallelism[v];
            let spread = self.uneven(v).spread(p);
            let node = &mut self.net.nodes[v];
            node.nominal = capacity::nominal(&spec.capacity, p) * self.effects.slow[v];
            node.spread(spread);
            let can = node.effective() * self.degraded;
            let gain = self.net.gain(v);
            if gain > 0.0 {
                least = least.min(can / gain);
            }
        }
        self.capacity = if least.is_finite() { least } else { 0.0 };
    }

    /// Why the subtasks of a vertex have not all the same to do.
    pub(super) fn uneven(&self, v: usize) -> Uneven {
        let spec = &self.spec.vertices[v];
        let keyed = self.spec.edges.iter().any(|e| e.to == v && e.ship == Ship::Hash);
        let units = if keyed { Some(spec.max_parallelism) } else { spec.partitions };
        Uneven { units, skew: spec.skew, hot_key: self.effects.hot[v] }
    }

    /// It fails at `at`, and restarts as its strategy says.
    pub(super) fn fail(&mut self, around: &mut Around, at: i64, cause: Cause) {
        self.failures.push_front(cause.failed(at, &self.spec.vertices));
        self.failures.truncate(failure::HISTORY);
        self.stop(at);
        match self.backoff.next(&self.spec.restart, at) {
            Some(delay) => {
                self.restarts += 1;
                self.ever.restarts += 1;
                self.phase = Phase::Down(at + delay + around.cluster.restart_pause.0 as i64);
            }
            None => self.end(around, FAILED),
        }
    }

    /// Its tasks stop.
    fn stop(&mut self, at: i64) {
        self.running_since = None;
        self.checkpoints.abort(at);
        self.wish = None;
        self.net.nodes.iter_mut().for_each(|n| (n.busy, n.done) = (0.0, 0.0));
        self.version += 1;
    }

    /// It is over.
    pub(super) fn end(&mut self, around: &mut Around, word: &'static str) {
        self.phase = Phase::Ended(word);
        self.running_since = None;
        around.pool.release(&mut self.placement);
        self.version += 1;
    }

    /// It is submitted anew, under that id, to run from `at` on from where it was stopped. Flink's own counts begin anew.
    pub(super) fn submit(&mut self, id: Arc<str>, target: &BTreeMap<Arc<str>, u32>, at: i64) {
        for (id, bounds) in &mut self.bounds {
            if let Some(p) = target.get(id) {
                bounds.upper = Parallelism((*p).max(1));
            }
        }
        let asked = self.asked();
        self.ever.restarts += 1;
        self.ever.rescales += u32::from(asked != self.parallelism);
        self.degraded = self.effects.bad.unwrap_or(1.0);
        (self.restarts, self.rescales, self.attempt) = (0, 0, 0);
        self.checkpoints.submitted();
        self.backoff = Backoff::default();
        self.failures.clear();
        self.id = id;
        self.submissions += 1;
        self.submitted = at;
        self.deployed = at;
        self.phase = Phase::Down(at);
        self.version += 1;
    }

    /// Does Flink rescale it now? Only the adaptive scheduler does.
    pub(super) fn rescale_if_due(&mut self, around: &mut Around, at: i64) -> bool {
        if around.cluster.mechanism == Mechanism::Redeploy {
            return false;
        }
        if std::mem::take(&mut self.dirty) {
            self.wish(around, at);
        }
        let Some(wish) = &self.wish else { return false };
        if !self.is_ripe(wish, around.cluster, at) {
            return false;
        }
        self.rescale(around, at);
        true
    }

    /// What it would run at now, where that is not what it runs at.
    fn wish(&mut self, around: &Around, at: i64) {
        let slots = around.pool.free() + self.holds_slots();
        let found = self.fits(slots, around.cluster.mechanism).filter(|(target, _)| *target != self.parallelism);
        let before = self.wish.take();
        self.wish = found.map(|(target, whole)| match before {
            Some(wish) => Wish { target, whole, ..wish },
            None => {
                let checkpoints = (self.checkpoints.completed, self.checkpoints.failed);
                Wish { since: at, target, whole, checkpoints }
            }
        });
    }

    /// 2.x cools down, waits until what there is has settled, then for a checkpoint; before that it only cools down.
    fn is_ripe(&self, wish: &Wish, cluster: &Cluster, at: i64) -> bool {
        let cool = self.last_rescale.map_or(i64::MIN, |t| t + cluster.rescale_cooldown.0 as i64);
        if at < cool {
            return false;
        }
        if cluster.version.0 < 2 || cluster.mechanism == Mechanism::Reactive {
            return true;
        }
        let settled = wish.whole || at >= wish.since.max(cool) + costs::EXECUTING_STABILIZATION;
        let (completed, failed) = wish.checkpoints;
        let safe =
            self.checkpoints.completed > completed || self.checkpoints.failed >= failed + costs::FAILED_CHECKPOINTS;
        settled && safe
    }

    fn rescale(&mut self, around: &mut Around, at: i64) {
        self.stop(at);
        self.restarts += 1;
        self.rescales += 1;
        self.ever.restarts += 1;
        self.ever.rescales += 1;
        self.degraded = self.effects.bad.unwrap_or(1.0);
        let until = at + around.cluster.rescale_pause.0 as i64;
        (self.last_rescale, self.rescaling) = (Some(until), true);
        self.phase = Phase::Down(until);
    }
}
