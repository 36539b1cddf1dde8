//! What can go wrong between Weirkeeper and a Flink cluster. Every message is one line and holds no secret.

use std::time::Duration;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlinkError {
    /// The configuration cannot work.
    #[error("{0}")]
    Setup(String),
    /// Nobody answered in time.
    #[error("{call}: no answer within {}", seconds(.after))]
    Timeout {
        /// Method and path.
        call: String,
        /// How long was waited.
        after: Duration,
    },
    /// No connection came about: nothing was sent.
    #[error("{call}: cannot connect: {why}")]
    Connect {
        /// Method and path.
        call: String,
        /// The cause.
        why: String,
    },
    /// The connection broke before the answer was complete.
    #[error("{call}: the connection broke: {why}")]
    Broken {
        /// Method and path.
        call: String,
        /// The cause.
        why: String,
    },
    /// Flink, or a proxy in front of it, said no.
    #[error("{call}: {status} {reason}")]
    Status {
        /// Method and path.
        call: String,
        /// HTTP status.
        status: u16,
        /// The first line of what was said.
        reason: String,
    },
    /// More bytes than any sensible answer has.
    #[error("{call}: the answer is larger than {limit} bytes")]
    TooLarge {
        /// Method and path.
        call: String,
        /// The limit.
        limit: usize,
    },
    /// The answer does not parse.
    #[error("{call}: the answer cannot be read: {why}")]
    Unreadable {
        /// Method and path.
        call: String,
        /// The cause.
        why: String,
    },
}

fn seconds(span: &Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

impl FlinkError {
    /// Whether asking again soon may help. A time-out is not among them: it has used up the caller's patience.
    pub fn may_pass(&self) -> bool {
        match self {
            FlinkError::Connect { .. } | FlinkError::Broken { .. } => true,
            FlinkError::Status { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// The HTTP status, where one came.
    pub fn status(&self) -> Option<u16> {
        match self {
            FlinkError::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What the server said, where it said something.
    pub fn reason(&self) -> Option<&str> {
        match self {
            FlinkError::Status { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

/// The part of an error answer that a person needs: Flink puts a stack trace with the reason in its first line into
/// `errors`, and for a 500 a first entry that says nothing.
pub fn reason_of(body: &str) -> String {
    let errors = serde_json::from_str::<serde_json::Value>(body).ok();
    let entries = errors.as_ref().and_then(|v| v["errors"].as_array()).cloned().unwrap_or_default();
    let texts = entries.iter().filter_map(|e| e.as_str());
    let telling = texts.clone().find(|t| !t.starts_with("Internal server error")).or_else(|| texts.clone().next());
    let text = match telling {
        Some(text) => text,
        None if body.trim_start().starts_with('<') => "(an HTML page)",
        None => body,
    };
    super::scrub::line(&without_packages(first_line(text)), 300)
}

/// `<Exception on server side:` stands on a line of its own before the exception.
fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or("");
    if first.starts_with("<Exception on server side") { lines.next().unwrap_or(first) } else { first }
}

/// Wrappers that say nothing about the cause.
const WRAPPERS: [&str; 3] = [
    "java.util.concurrent.CompletionException: ",
    "java.util.concurrent.ExecutionException: ",
    "org.apache.flink.runtime.rest.handler.RestHandlerException: ",
];

fn without_packages(text: &str) -> String {
    let mut rest = text;
    while let Some(inner) = WRAPPERS.iter().find_map(|w| rest.strip_prefix(w)) {
        rest = inner;
    }
    rest.to_owned()
}
