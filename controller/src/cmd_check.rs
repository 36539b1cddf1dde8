//! `weirkeeper check [PATH...]`: problems of policies.

use crate::policy::{self, Loaded};
use std::io::{self, Write};
use std::path::PathBuf;

/// Reads everything under `paths` (none: `./policies` where that exists, else the built-in default) and writes every
/// problem to `err`. Exit code: 0 clean, 1 problems, 2 a path could not be opened.
pub fn run(paths: &[PathBuf], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let loaded = policy::load_given(paths);
    let code = exit_code(&loaded);
    // A reader that went away does not change what was found.
    let _ = report(&loaded, out, err);
    code
}

/// 0 clean, 1 problems, 2 a path could not be opened.
pub(crate) fn exit_code(loaded: &Loaded) -> u8 {
    match (loaded.unreadable.is_empty(), loaded.problems.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    }
}

fn report(loaded: &Loaded, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    print_faults(loaded, err)?;
    match loaded.is_good() {
        true => writeln!(
            out,
            "{}, {}: no problems",
            count(loaded.policies.len(), "policy", "policies"),
            count(loaded.tests.len(), "test", "tests")
        ),
        false => writeln!(err, "{}", count(loaded.problems.len() + loaded.unreadable.len(), "problem", "problems")),
    }
}

/// Everything that is wrong.
pub(crate) fn print_faults(loaded: &Loaded, err: &mut dyn Write) -> io::Result<()> {
    loaded.report().iter().try_for_each(|line| writeln!(err, "{line}"))
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[PathBuf]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(paths, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn exit_codes_and_where_things_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let good = file("good.yaml", "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: a }\n");
        let bad = file("bad.yaml", "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: b }\nmode: no\n");
        let absent = dir.path().join("absent");

        assert_eq!(
            check(std::slice::from_ref(&good)),
            (0, "1 policy, 0 tests: no problems\n".to_owned(), String::new())
        );
        let (code, out, err) = check(std::slice::from_ref(&bad));
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.starts_with(&format!("{}:4:7: bad-value: ", bad.display())), "{err}");
        assert!(err.ends_with("\n1 problem\n"), "{err}");
        // What could be read is checked all the same.
        let (code, out, err) = check(&[absent.clone(), bad]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.starts_with(&format!("{}: cannot be opened: ", absent.display())) && err.contains("bad-value"));
        assert_eq!(check(&[good, absent]).0, 2);
    }

    #[test]
    fn without_a_path_the_built_in_default_is_clean() {
        // The tests run in a folder without `policies`.
        assert!(!std::path::Path::new("policies").exists());
        let (code, out, err) = check(&[]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("1 policy, "), "{out}");
    }
}
