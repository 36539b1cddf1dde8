//! Why a job failed, in the words that Flink's exception history uses.

use std::sync::Arc;

/// Entries that Flink keeps (`web.exception-history-size`).
pub(super) const HISTORY: usize = 16;

/// Why.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cause {
    /// A vertex throws whenever it runs.
    Throws(usize),
    /// A vertex throws at a record.
    Poison(usize, u64),
    /// A TaskManager's connections broke.
    TaskManagerLost(Arc<str>),
    /// It was deployed on one that is dead.
    Unreachable(Arc<str>),
    /// More checkpoints failed in a row than are tolerated.
    Checkpoints(&'static str),
    /// Its heap was full.
    OutOfMemory,
    /// A source looked for partitions, and no broker answered.
    Brokers,
}

/// A failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// When, ms since the epoch.
    pub at: i64,
    /// Class and first line of each cause, outermost first.
    pub chain: Vec<String>,
    /// Vertex whose task failed, where it was one.
    pub task: Option<usize>,
    /// The outside system it names.
    pub dependency: Option<&'static str>,
}

impl Failed {
    /// The root cause.
    pub fn root(&self) -> &str {
        self.chain.last().map_or("", String::as_str)
    }
}

impl Cause {
    pub fn failed(&self, at: i64, vertices: &[crate::scenario::Vertex]) -> Failed {
        let name = |v: &usize| vertices.get(*v).map_or("", |v| &*v.name);
        let one = |text: String| vec![text];
        let (chain, task) = match self {
            Cause::Throws(v) => (one(format!("java.lang.RuntimeException: {} throws", name(v))), Some(*v)),
            Cause::Poison(v, n) => {
                let text = format!("java.lang.IllegalArgumentException: {} cannot read record {n}", name(v));
                (one(text), Some(*v))
            }
            Cause::TaskManagerLost(id) => {
                let what = "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException";
                let text = format!(
                    "{what}: Connection unexpectedly closed by remote task manager '{id}'. This might indicate that \
                     the remote task manager was lost."
                );
                (one(text), None)
            }
            Cause::Unreachable(id) => {
                let what = "org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException";
                (one(format!("{what}: Could not send message to {id}, because the recipient is unreachable.")), None)
            }
            Cause::Checkpoints(why) => {
                let what = "org.apache.flink.util.FlinkRuntimeException";
                let text = format!(
                    "{what}: Exceeded checkpoint tolerable failure threshold. The latest checkpoint failed due to {why}"
                );
                (one(text), None)
            }
            Cause::OutOfMemory => (one("java.lang.OutOfMemoryError: Java heap space".to_owned()), None),
            Cause::Brokers => (brokers(), None),
        };
        Failed { at, chain, task, dependency: matches!(self, Cause::Brokers).then_some("Kafka") }
    }
}

/// As recorded with a broker killed.
fn brokers() -> Vec<String> {
    [
        "org.apache.flink.util.FlinkException: Global failure triggered by OperatorCoordinator",
        "org.apache.flink.util.FlinkRuntimeException: Failed to list subscribed topic partitions due to",
        "java.lang.RuntimeException: Failed to get metadata for topics.",
        "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment. Call: describeTopics",
    ]
    .map(str::to_owned)
    .into()
}
