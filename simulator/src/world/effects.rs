//! What the faults that hold now do to one job.

use super::faults::Faults;
use super::flow::Net;
use crate::scenario::{self, FaultKind};

/// They.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Effects {
    /// Capacity times this, by vertex.
    pub slow: Vec<f64>,
    /// One key's share, by vertex.
    pub hot: Vec<f64>,
    /// This vertex throws.
    pub throws: Option<usize>,
    /// This vertex throws at a record.
    pub poison: Option<usize>,
    /// Heap that leaks on each TaskManager, bytes/s.
    pub leak: f64,
    /// Event time stands still here, by vertex.
    pub stalled: Vec<bool>,
    /// Checkpoints take this many times as long.
    pub slow_checkpoints: f64,
    /// They are declined.
    pub declined: bool,
    /// Somebody else's savepoint is in progress.
    pub busy: bool,
    /// A rescale leaves this share of what it should.
    pub bad: Option<f64>,
}

impl Effects {
    pub fn none(vertices: usize) -> Effects {
        Effects {
            slow: vec![1.0; vertices],
            hot: vec![0.0; vertices],
            throws: None,
            poison: None,
            leak: 0.0,
            stalled: vec![false; vertices],
            slow_checkpoints: 1.0,
            declined: false,
            busy: false,
            bad: None,
        }
    }

    /// Takes those that hold now; outages go to the sources.
    pub fn now(job: &scenario::Job, net: &mut Net, faults: &Faults) -> Effects {
        let mut out = Effects::none(job.vertices.len());
        let position = |name: &str| job.vertices.iter().position(|v| &*v.name == name);
        net.sources.iter_mut().for_each(|s| s.outage = false);
        for kind in faults.of(Some(&job.name)) {
            match kind {
                FaultKind::Slow { vertex, factor } => at(position(vertex), |v| out.slow[v] *= factor.max(0.0)),
                FaultKind::HotKey { vertex, share } => at(position(vertex), |v| out.hot[v] = out.hot[v].max(*share)),
                FaultKind::Throws { vertex } => out.throws = position(vertex).or(out.throws),
                FaultKind::PoisonRecord { vertex } => out.poison = position(vertex).or(out.poison),
                FaultKind::MemoryLeak { vertex, rate } => at(position(vertex), |_| out.leak += rate),
                FaultKind::WatermarkStall { vertex } => at(position(vertex), |v| out.stalled[v] = true),
                FaultKind::SlowCheckpoints(factor) => out.slow_checkpoints *= factor,
                FaultKind::DeclinedCheckpoints => out.declined = true,
                FaultKind::Busy => out.busy = true,
                FaultKind::BadRescale(share) => out.bad = Some(*share),
                FaultKind::BrokerOutage { vertex } => {
                    let source = position(vertex).and_then(|v| net.nodes[v].source);
                    at(source, |s| net.sources[s].outage = true);
                }
                _ => {}
            }
        }
        out.spread_stall(net);
        out
    }

    /// Event time that stands still stands still behind it too.
    fn spread_stall(&mut self, net: &Net) {
        for &v in &net.order {
            if self.stalled[v] {
                net.outputs[v].iter().for_each(|e| self.stalled[net.links[*e].to] = true);
            }
        }
    }
}

fn at(position: Option<usize>, mut does: impl FnMut(usize)) {
    if let Some(v) = position {
        does(v);
    }
}
