//! The newest failure of a job: its root cause in one line, and the outside system that the chain of causes names.

use super::answers::{ExceptionEntry, ExceptionsAnswer};
use super::scrub;
use weirkeeper_core::observation::Failure;
use weirkeeper_core::units::Timestamp;

/// Class names that mean an outside system, not the job, is the cause. Closed on purpose: a wrong guess here would
/// hold a job's scaling for nothing. Kafka's own error classes stand for a broker that cannot be reached in every case
/// seen; `java.net` errors count only when Flink's own network stack is not in the chain.
const DEPENDENCIES: [(&str, &str); 14] = [
    ("org.apache.kafka.common.errors.", "Kafka"),
    ("org.apache.pulsar.client.api.PulsarClientException", "Pulsar"),
    ("com.rabbitmq.client.", "RabbitMQ"),
    ("java.sql.SQLTransientConnectionException", "JDBC"),
    ("java.sql.SQLNonTransientConnectionException", "JDBC"),
    ("java.sql.SQLRecoverableException", "JDBC"),
    ("com.mysql.cj.jdbc.exceptions.CommunicationsException", "JDBC"),
    ("com.mongodb.MongoTimeoutException", "MongoDB"),
    ("com.mongodb.MongoSocket", "MongoDB"),
    ("com.datastax.oss.driver.api.core.AllNodesFailedException", "Cassandra"),
    ("redis.clients.jedis.exceptions.JedisConnectionException", "Redis"),
    ("software.amazon.awssdk.core.exception.SdkClientException", "AWS"),
    ("com.amazonaws.SdkClientException", "AWS"),
    ("org.apache.http.conn.HttpHostConnectException", "HTTP service"),
];

/// Plain network errors.
const NETWORK: [&str; 3] =
    ["java.net.ConnectException", "java.net.UnknownHostException", "java.net.NoRouteToHostException"];
/// With these in the chain, the network error is between Flink's own processes.
const FLINKS_OWN: [&str; 3] =
    ["org.apache.flink.runtime.io.network", "org.apache.flink.runtime.rpc", "org.apache.flink.shaded.netty"];

/// The newest entry, if the history holds one with a time.
pub fn newest(answer: ExceptionsAnswer) -> Option<Failure> {
    let entry = answer.history?.entries.into_iter().next()?;
    let at = Timestamp(entry.timestamp.instant()?);
    let chain = chain(&entry);
    let root = chain.last().cloned().unwrap_or_else(|| "an exception without a text".to_owned());
    Some(Failure { at, text: scrub::line(&root, 300), dependency: dependency(&chain) })
}

/// First line of every cause, outermost first.
fn chain(entry: &ExceptionEntry) -> Vec<String> {
    let trace = entry.stacktrace.as_deref().unwrap_or("");
    let first = trace.lines().next().map(str::trim).filter(|l| !l.is_empty());
    let causes = trace.lines().filter_map(|l| l.trim_start().strip_prefix("Caused by: "));
    let mut chain: Vec<String> = first.into_iter().chain(causes).map(|l| l.trim().to_owned()).collect();
    if chain.is_empty() {
        chain.extend(entry.exception_name.clone());
    }
    chain
}

fn dependency(chain: &[String]) -> Option<String> {
    let named = |needle: &str| chain.iter().any(|line| line.contains(needle));
    if let Some((_, name)) = DEPENDENCIES.iter().find(|(class, _)| named(class)) {
        return Some((*name).to_owned());
    }
    let outside = NETWORK.iter().any(|c| named(c)) && !FLINKS_OWN.iter().any(|c| named(c));
    outside.then(|| "network service".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(trace: &str) -> Failure {
        let text = serde_json::json!({"exceptionHistory": {"entries": [
            {"exceptionName": "x.Y", "stacktrace": trace, "timestamp": 1_795_247_727_616i64, "taskName": null}]}});
        newest(serde_json::from_value(text).unwrap()).unwrap()
    }

    #[test]
    fn the_root_cause_is_told_and_kafka_is_named() {
        let f = failure(
            "org.apache.flink.util.FlinkException: Global failure triggered by OperatorCoordinator for 'Source: orders'\n\
             \tat a.B.c(B.java:1)\nCaused by: java.lang.RuntimeException: Failed to get metadata for topics [dead].\n\
             \t... 3 more\nCaused by: org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment.\n",
        );
        assert_eq!(f.at, Timestamp(1_795_247_727_616));
        assert_eq!(f.dependency.as_deref(), Some("Kafka"));
        assert_eq!(f.text, "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment.");
    }

    #[test]
    fn only_outside_systems_are_dependencies() {
        let cases = [
            ("java.lang.RuntimeException: boom", None),
            (
                "x.Y: a\nCaused by: java.net.ConnectException: Connection refused: db/10.0.0.1:5432",
                Some("network service"),
            ),
            (
                "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: lost\n\
                 Caused by: java.net.ConnectException: Connection refused",
                None,
            ),
            ("org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: Could not send", None),
            ("x.Y: a\nCaused by: java.sql.SQLTransientConnectionException: pool exhausted", Some("JDBC")),
        ];
        for (trace, want) in cases {
            assert_eq!(failure(trace).dependency.as_deref(), want, "{trace}");
        }
    }

    #[test]
    fn secrets_do_not_leave_and_an_empty_history_is_no_failure() {
        let f = failure("x.Y: cannot log in with password=hunter2 at https://u:pw@h/");
        assert!(!f.text.contains("hunter2") && !f.text.contains("u:pw"), "{}", f.text);
        let none = serde_json::from_str(r#"{"exceptionHistory":{"entries":[],"truncated":false}}"#).unwrap();
        assert_eq!(newest(none), None);
    }
}
