//! `weirkeeper schema KIND`: JSON Schema for editors.

use crate::policy::schema;
use crate::scenario;
use std::io::Write;

/// Prints the schema of `kind`. Exit code: 0, or 2 for a kind that has none. `config` is not answered here: its schema
/// belongs to the reader of the configuration file.
pub fn run(kind: &str, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (text, code) = match kind {
        "policy" => (writeln!(out, "{}", schema::policy()), 0),
        "scenario" => (writeln!(out, "{}", scenario::schema::scenario()), 0),
        "runbook" => (
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

#[cfg(test)]
mod tests {
    use super::*;

    fn print(kind: &str) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(kind, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn policies_and_scenarios_have_one_here() {
        let committed = include_str!("../../policies/policy.schema.json");
        assert_eq!(print("policy"), (0, committed.to_owned(), String::new()));
        let committed = include_str!("../../simulator/scenarios/scenario.schema.json");
        assert_eq!(print("scenario"), (0, committed.to_owned(), String::new()));
        for kind in ["runbook", "colour"] {
            let (code, out, err) = print(kind);
            assert!(code == 2 && out.is_empty() && err.contains(kind) && err.contains("hint: "), "{kind}: {err}");
        }
        assert!(print("runbook").2.starts_with("not-yet: "));
    }
}
