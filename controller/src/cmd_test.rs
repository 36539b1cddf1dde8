//! `weirkeeper test [PATH...]`: the inline tests of policies.

use crate::cmd_check::{exit_code, print_faults};
use crate::policy::{self, harness};
use std::io::{self, Write};
use std::path::PathBuf;

/// Runs the inline tests of every policy under `paths` (as in `check`). Exit code: 0 all passed, 1 a test failed or a
/// file has problems, 2 a path could not be opened.
pub fn run(paths: &[PathBuf], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let loaded = policy::load_given(paths);
    if !loaded.is_good() {
        // A reader that went away does not change what was found.
        let _ = print_faults(&loaded, err);
        return exit_code(&loaded);
    }
    let mut failed = 0;
    let total = loaded.tests.len();
    for test in &loaded.tests {
        let failures = harness::run(test, weirkeeper_core::step);
        failed += usize::from(!failures.is_empty());
        let _ = print(&failures, out);
    }
    let _ = writeln!(out, "{} passed, {failed} failed", total - failed);
    u8::from(failed > 0)
}

fn print(failures: &[harness::Failure], out: &mut dyn Write) -> io::Result<()> {
    failures.iter().try_for_each(|failure| writeln!(out, "{failure}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: p }\ntests:\n";

    /// A test of a job of which nothing is observed: nothing is wanted, ever.
    fn expecting(name: &str, expect: &str) -> String {
        format!(
            "  - {{ name: {name}, job: {{ vertices: [ {{ name: A, parallelism: 1 }} ] }}, series: {{}}, expect: [ {{ at: 5m, {expect} }} ] }}\n"
        )
    }

    fn test(text: &str) -> (u8, String, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.yaml");
        std::fs::write(&path, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&[path], &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn what_passes_and_what_fails_is_counted() {
        let good = format!("{POLICY}{}", expecting("idle", "rescale: {}"));
        assert_eq!(test(&good), (0, "1 passed, 0 failed\n".to_owned(), String::new()));
        let (code, out, err) = test(&format!("{good}{}", expecting("eager", "rescale: { A: 2 }")));
        assert_eq!((code, err.as_str()), (1, ""));
        assert!(out.ends_with("1 passed, 1 failed\n"), "{out}");
        assert!(out.contains("p.yaml:6:") && out.contains("policy p, test \"eager\", at 5m"), "{out}");
        assert!(out.contains("expected: rescale { A: 2 }") && out.contains("found:    no rescale"), "{out}");
    }

    #[test]
    fn a_policy_with_problems_is_not_tested() {
        let (code, out, err) = test(&format!("{POLICY}{}", expecting("idle", "rescale: { B: 1 }")));
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("bad-test: the job has no vertex \"B\""), "{err}");
        assert_eq!(run(&[PathBuf::from("absent")], &mut Vec::new(), &mut Vec::new()), 2);
    }
}
