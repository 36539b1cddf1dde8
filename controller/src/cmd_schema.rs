//! `weirkeeper schema KIND`: JSON Schema for editors.

use crate::policy::schema;
use std::io::Write;

/// Prints the schema of `kind`. Exit code: 0, or 2 for a kind that has none. `config` is not answered here: its schema
/// belongs to the reader of the configuration file.
pub fn run(kind: &str, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (text, code) = match kind {
        "policy" => (writeln!(out, "{}", schema::policy()), 0),
        "runbook" | "scenario" => (
            writeln!(
                err,
                "not-yet: this version has no {kind}s, so there is no schema for them\n  hint: `schema policy` is there"
            ),
            2,
        ),
        _ => (
            writeln!(err, "there is no schema for {kind:?}\n  hint: it is one of policy, runbook, scenario, config"),
            2,
        ),
    };
    // A reader that went away does not change the answer.
    let _ = text;
    code
}
