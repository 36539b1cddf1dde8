//! Refusals in Flink's words.

use super::Answer;
use serde_json::json;

/// One line, with a line of trace as Flink sends one: clients look for the first line.
pub(super) fn handler(status: u16, why: &str) -> Answer {
    let what = "org.apache.flink.runtime.rest.handler.RestHandlerException";
    errors(status, &[&format!("{what}: {why}\n\tat weirkeeper.Simulator.serve(Simulator.java)\n")])
}

/// The messages as they are.
pub(super) fn errors(status: u16, all: &[&str]) -> Answer {
    Answer::of(status, json!({"errors": all}))
}

/// A path that Flink does not know: a read looks for a file of that name.
pub(super) fn path(method: &str, path: &str) -> Answer {
    match method {
        "GET" => errors(404, &[&format!("Unable to load requested file {path}.")]),
        _ => errors(404, &[&format!("Not found: {path}")]),
    }
}

/// An exception inside the JobManager.
pub(super) fn server(trace: &str) -> Answer {
    let inside = format!("<Exception on server side:\n{trace}\n\nEnd of exception on server side>");
    errors(500, &["Internal server error.", &inside])
}

/// A job that is not there, as most reads say it.
pub(super) fn no_job(id: &str) -> Answer {
    let what = "org.apache.flink.runtime.rest.NotFoundException";
    errors(404, &[&format!("{what}: Job {id} not found\n")])
}

/// The same, as the JobManager's dispatcher says it.
pub(super) fn unknown_job(id: &str) -> Answer {
    let what = "org.apache.flink.runtime.messages.FlinkJobNotFoundException";
    server(&format!("{what}: Could not find Flink job ({id})"))
}

/// An id that is none.
pub(super) fn bad_id(name: &str, value: &str) -> Answer {
    errors(400, &[&format!("Cannot resolve path parameter ({name}) from value \"{value}\".")])
}

/// A part of a job that is not there.
pub(super) fn not_found(what: &str) -> Answer {
    errors(404, &[&format!("org.apache.flink.runtime.rest.NotFoundException: {what}\n")])
}

/// Is it an id of a job or vertex?
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
