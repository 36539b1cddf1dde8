//! A real broker beside the cluster, for scenarios whose job reads and writes Kafka.

use super::cluster::{Cluster, lab};
use super::timeline::{Timeline, now_ms};
use anyhow::Result;

/// A broker. It ends with this value, after every job that may still talk to it.
pub struct Broker<'a> {
    cluster: &'a Cluster,
    timeline: Timeline,
}

impl<'a> Broker<'a> {
    /// Starts one.
    pub fn start(cluster: &'a Cluster, timeline: &Timeline) -> Result<Broker<'a>> {
        lab(&["broker", "up", "--name", cluster.name()])?;
        Ok(Broker { cluster, timeline: timeline.clone() })
    }

    fn tell(&self, action: &str, what: &str) -> Result<u64> {
        let at = now_ms();
        self.timeline.mark(at, what);
        lab(&["broker", action, "--name", self.cluster.name()])?;
        Ok(at)
    }

    /// kill -STOP: it accepts connections and never answers. Gives when.
    pub fn freeze(&self) -> Result<u64> {
        self.tell("freeze", "the broker is frozen (kill -STOP)")
    }

    /// kill -9; its data stays. Gives when.
    pub fn kill(&self) -> Result<u64> {
        self.tell("kill", "the broker is killed (kill -9)")
    }

    /// Starts it again on its data. Gives when that began.
    pub fn start_again(&self) -> Result<u64> {
        self.tell("up", "the broker starts again")
    }
}

impl Drop for Broker<'_> {
    fn drop(&mut self) {
        let name = self.cluster.name();
        // A frozen broker would hold up the end of its clients; one that is not frozen, or dead, does not mind.
        drop(lab(&["broker", "thaw", "--name", name]));
        let cleared = self.cluster.clear();
        if let Err(e) = cleared.and_then(|()| lab(&["broker", "down", "--name", name])) {
            eprintln!("{e:#}");
        }
    }
}
