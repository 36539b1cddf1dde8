//! Records through the graph, as a fluid. One step answers exactly how much passes in a span in which nothing else
//! changes: a vertex does what it can, what its queues hold and receive, and what its outputs have room for and drain.
//! So a step of a second needs no finer ones inside: a queue that fills in the middle of it is cut at the right place.
//!
//! Two passes: from the sinks up, what each vertex may do at most; from the sources down, what it does.

use super::capacity::Spread;
use super::source::Source;
use crate::rng::Rng;
use crate::scenario::{self, Vertex};
use weirkeeper_core::job::Ship;

/// A vertex in motion.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Subtasks.
    pub parallelism: u32,
    /// Records/s of all subtasks together while all work; faults are in it.
    pub nominal: f64,
    /// The busiest subtask's load over the mean, and the inverse.
    hottest: f64,
    evenness: f64,
    /// The least busy one's.
    coldest: f64,
    /// Records out per record in, and the inverse.
    pub selectivity: f64,
    per_result: f64,
    /// Noise of what it can do.
    pub noise: f64,
    /// It holds results back, to send them all at once.
    pub windowed: bool,
    /// Results held back.
    pub held: f64,
    /// Results on their way out, which stop everything else.
    pub bursting: f64,
    /// Bytes of state.
    pub state: f64,
    /// Bytes of state per record in.
    pub state_per_record: f64,
    /// It reads this source.
    pub source: Option<usize>,
    /// Since the attempt began.
    pub totals: Totals,
    /// In the last step: share of time busy, and records done.
    pub busy: f64,
    pub done: f64,
    speed: f64,
    can: f64,
    sent: f64,
    free: f64,
    drain: f64,
}

/// Counters of a vertex since its attempt began. Times are of the mean subtask, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Records received (of a source: read), all subtasks.
    pub records_in: f64,
    /// Records sent, all subtasks.
    pub records_out: f64,
    /// Busy time.
    pub busy: f64,
    /// Backpressured time.
    pub backpressured: f64,
    /// Busy time of the busiest subtask.
    pub hottest: f64,
    /// Busy time of the least busy one.
    pub coldest: f64,
    /// All time: what is neither busy nor backpressured is idle.
    pub clock: f64,
}

impl Totals {
    /// Idle time: the rest.
    pub fn idle(&self) -> f64 {
        (self.clock - self.busy - self.backpressured).max(0.0)
    }
}

/// An edge in motion.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    /// Copies of each record: the receiver's parallelism on a broadcast edge.
    pub fan: f64,
    /// Records that its buffers hold.
    pub limit: f64,
    /// Records in them.
    pub queue: f64,
    /// Records taken out in the last step.
    pub taken: f64,
    /// Records on it for each record that its source reads, and the inverse.
    pub per_record: f64,
    unit: f64,
    one_copy: f64,
    /// The part of the receiver's work that is expected to come from here.
    share: f64,
    buffer: f64,
    broadcast: bool,
}

/// The graph in motion.
#[derive(Clone, Debug)]
pub(super) struct Net {
    /// Vertices so that every edge goes forward.
    pub order: Vec<usize>,
    pub inputs: Vec<Vec<usize>>,
    pub outputs: Vec<Vec<usize>>,
    pub nodes: Vec<Node>,
    pub links: Vec<Link>,
    pub sources: Vec<Source>,
    /// The source that a vertex (its first input) is fed by.
    pub roots: Vec<usize>,
}

impl Net {
    pub fn new(job: &scenario::Job) -> Net {
        let n = job.vertices.len();
        let ends = |of: fn(&scenario::Edge) -> usize| {
            let mut lists = vec![Vec::new(); n];
            job.edges.iter().enumerate().for_each(|(i, e)| lists[of(e)].push(i));
            lists
        };
        let (inputs, outputs) = (ends(|e| e.to), ends(|e| e.from));
        let mut sources = Vec::new();
        let mut nodes: Vec<Node> = job.vertices.iter().map(node).collect();
        for v in (0..n).filter(|v| inputs[*v].is_empty()) {
            nodes[v].source = Some(sources.len());
            sources.push(Source::new(v, job.vertices[v].partitions));
        }
        let links = job.edges.iter().map(link).collect();
        let order = topological(job, &inputs, &outputs);
        let mut net = Net { order, inputs, outputs, nodes, links, sources, roots: vec![0; n] };
        for i in 0..n {
            let v = net.order[i];
            net.roots[v] = match (net.nodes[v].source, net.inputs[v].first()) {
                (Some(source), _) => source,
                (None, Some(e)) => net.roots[net.links[*e].from],
                (None, None) => 0,
            };
        }
        net
    }

    /// Empty buffers, at that parallelism.
    pub fn begin(&mut self, parallelism: &[u32]) {
        for (node, p) in self.nodes.iter_mut().zip(parallelism) {
            node.parallelism = *p;
            (node.totals, node.bursting, node.busy, node.done) = (Totals::default(), 0.0, 0.0, 0.0);
        }
        let inputs: Vec<usize> = self.inputs.iter().map(Vec::len).collect();
        for link in &mut self.links {
            let p = f64::from(parallelism[link.to]);
            link.fan = if link.broadcast { p } else { 1.0 };
            link.one_copy = 1.0 / link.fan;
            link.limit = link.buffer * p;
            (link.queue, link.taken) = (0.0, 0.0);
            link.share = 1.0 / inputs[link.to].max(1) as f64;
        }
        self.gains();
    }

    /// Records on each edge for one record that its source reads.
    fn gains(&mut self) {
        let mut received = vec![0.0; self.nodes.len()];
        for i in 0..self.order.len() {
            let v = self.order[i];
            if self.nodes[v].source.is_some() {
                received[v] = 1.0;
            }
            for &e in &self.outputs[v] {
                let link = &mut self.links[e];
                link.per_record = received[v] * self.nodes[v].selectivity * link.fan;
                link.unit = if link.per_record > 0.0 { 1.0 / link.per_record } else { 0.0 };
                if self.roots[link.to] == self.roots[v] {
                    received[link.to] += link.per_record;
                }
            }
        }
    }

    /// Records of each vertex for one record that its source reads.
    pub fn gain(&self, v: usize) -> f64 {
        let own = |e: &&usize| self.roots[self.links[**e].from] == self.roots[v];
        match self.nodes[v].source {
            Some(_) => 1.0,
            None => self.inputs[v].iter().filter(own).map(|e| self.links[*e].per_record).sum(),
        }
    }

    /// One span of `ms` milliseconds, in which what vertices can do is `speed` times the usual.
    pub fn flow(&mut self, ms: f64, speed: f64, noise: &mut Rng) {
        for i in (0..self.order.len()).rev() {
            self.allow(self.order[i], ms / 1_000.0 * speed, noise);
        }
        for i in 0..self.order.len() {
            self.work(self.order[i], ms);
        }
    }

    /// How much `v` may do at most.
    fn allow(&mut self, v: usize, secs: f64, noise: &mut Rng) {
        let (mut free, mut drain) = (f64::INFINITY, 0.0);
        for &e in &self.outputs[v] {
            let link = &self.links[e];
            let room = (link.limit - link.queue).max(0.0) * link.one_copy;
            let drains = self.nodes[link.to].can * link.share * link.one_copy;
            if room + drains < free + drain {
                (free, drain) = (room, drains);
            }
        }
        let node = &mut self.nodes[v];
        let luck = if node.noise > 0.0 { (1.0 + node.noise * noise.gauss()).max(0.05) } else { 1.0 };
        node.speed = node.nominal * luck * secs;
        let limit = node.speed * node.evenness;
        if node.windowed {
            node.sent = node.bursting.min(free + drain);
            node.bursting -= node.sent;
            node.can = if node.bursting > 0.0 { 0.0 } else { limit };
            return;
        }
        if node.selectivity > 0.0 {
            (node.free, node.drain) = (free * node.per_result, drain * node.per_result);
            node.can = limit.min(node.free + node.drain);
        } else {
            node.can = limit;
        }
    }

    /// What `v` does.
    fn work(&mut self, v: usize, ms: f64) {
        let there = self.there(v);
        let done = self.nodes[v].can.min(there).max(0.0);
        self.take(v, done, there);
        let node = &mut self.nodes[v];
        let mut sent = done * node.selectivity;
        if node.windowed {
            node.held += sent;
            sent = node.sent;
        }
        node.done = done;
        node.state += done * node.state_per_record;
        node.totals.records_in += done;
        node.totals.records_out += sent;
        node.account(there, ms);
        for &e in &self.outputs[v] {
            let link = &mut self.links[e];
            link.queue += sent * link.fan;
        }
    }

    fn there(&self, v: usize) -> f64 {
        match self.nodes[v].source {
            Some(s) => self.sources[s].available(),
            None => self.inputs[v].iter().map(|e| self.links[*e].queue).sum(),
        }
    }

    /// Takes it from the source, or from the inputs in proportion to what they hold.
    fn take(&mut self, v: usize, done: f64, there: f64) {
        if let Some(s) = self.nodes[v].source {
            return self.sources[s].read(done);
        }
        if let [only] = self.inputs[v][..] {
            let link = &mut self.links[only];
            link.taken = done;
            link.queue = (link.queue - done).max(0.0);
            return;
        }
        let part = if there > 0.0 { done / there } else { 0.0 };
        for &e in &self.inputs[v] {
            let link = &mut self.links[e];
            if there > 0.0 {
                // What an input gives changes slowly; half of the newest keeps up with it within seconds.
                link.share = f64::midpoint(link.share, link.queue / there);
            }
            link.taken = link.queue * part;
            link.queue = (link.queue - link.taken).max(0.0);
        }
    }

    /// Records in buffers, by source, counted as records of that source.
    pub fn in_flight(&self, source: usize) -> f64 {
        self.links.iter().filter(|l| self.roots[l.from] == source).map(|l| l.queue * l.unit).sum()
    }
}

impl Node {
    /// How its load falls on its subtasks.
    pub fn spread(&mut self, spread: Spread) {
        (self.hottest, self.coldest) = (spread.hottest, spread.coldest);
        self.evenness = 1.0 / spread.hottest;
    }

    /// Records/s that it can do: whoever sends to it waits for its busiest subtask.
    pub fn effective(&self) -> f64 {
        self.nominal * self.evenness
    }

    /// Time is busy, backpressured or idle, and nothing else.
    fn account(&mut self, there: f64, ms: f64) {
        let (busy, held) = self.shares(there);
        self.busy = busy;
        self.totals.clock += ms;
        self.totals.busy += busy * ms;
        self.totals.backpressured += held * ms;
        self.totals.hottest += (busy * self.hottest).min(1.0) * ms;
        self.totals.coldest += busy * self.coldest * ms;
    }

    fn shares(&self, there: f64) -> (f64, f64) {
        if self.speed <= 0.0 {
            // Stuck in a call that does not return: Flink counts that as busy.
            return (if there > 0.0 { 1.0 } else { 0.0 }, 0.0);
        }
        let busy = (self.done / self.speed).min(1.0);
        if self.bursting > 0.0 {
            return (busy, 1.0 - busy);
        }
        let wants = (self.speed * self.evenness).min(there);
        if self.windowed || self.selectivity <= 0.0 || wants <= self.done * (1.0 + 1e-12) {
            return (busy, 0.0);
        }
        // Its output filled after a part of the span; from then on it does what drains, and waits the rest.
        let blocked = 1.0 - (self.free / (wants - self.drain)).clamp(0.0, 1.0);
        (busy, (blocked * (1.0 - self.drain / self.speed)).clamp(0.0, 1.0 - busy))
    }
}

fn node(v: &Vertex) -> Node {
    Node {
        parallelism: v.parallelism,
        nominal: 0.0,
        hottest: 1.0,
        evenness: 1.0,
        coldest: 1.0,
        selectivity: v.selectivity.max(0.0),
        per_result: if v.selectivity > 0.0 { 1.0 / v.selectivity } else { 0.0 },
        noise: v.noise,
        windowed: v.emits_every.is_some(),
        held: 0.0,
        bursting: 0.0,
        state: v.state,
        state_per_record: v.state_per_record,
        source: None,
        totals: Totals::default(),
        busy: 0.0,
        done: 0.0,
        speed: 0.0,
        can: 0.0,
        sent: 0.0,
        free: 0.0,
        drain: 0.0,
    }
}

fn link(e: &scenario::Edge) -> Link {
    Link {
        from: e.from,
        to: e.to,
        fan: 1.0,
        limit: 0.0,
        queue: 0.0,
        taken: 0.0,
        per_record: 0.0,
        unit: 0.0,
        one_copy: 1.0,
        share: 1.0,
        buffer: f64::from(e.buffer.max(1)),
        broadcast: e.ship == Ship::Broadcast,
    }
}

/// Every edge goes forward; what is part of a cycle comes last, as it stands.
fn topological(job: &scenario::Job, inputs: &[Vec<usize>], outputs: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = inputs.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..missing.len()).filter(|v| missing[*v] == 0).collect();
    let mut next = 0;
    while let Some(v) = order.get(next).copied() {
        next += 1;
        for &e in &outputs[v] {
            let to = job.edges[e].to;
            missing[to] -= 1;
            if missing[to] == 0 {
                order.push(to);
            }
        }
    }
    order.extend((0..missing.len()).filter(|v| missing[*v] > 0));
    order
}
