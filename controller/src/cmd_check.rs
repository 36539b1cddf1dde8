//! `weirkeeper check [PATH...]`: problems of policies and scenarios.

use crate::policy::files::{self, File};
use crate::policy::{self, Loaded};
use crate::scenario;
use std::io::{self, Write};
use std::path::PathBuf;

/// Reads everything under `paths` (none: `./policies` where that exists, else the built-in default) and writes every
/// problem to `err`. Exit code: 0 clean, 1 problems, 2 a path could not be opened.
pub fn run(paths: &[PathBuf], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let found = Found::read(paths);
    // A reader that went away does not change what was found.
    let _ = found.report(out, err);
    found.exit_code()
}

/// What stands under the paths.
struct Found {
    policies: Loaded,
    scenarios: scenario::Loaded,
}

impl Found {
    fn read(paths: &[PathBuf]) -> Found {
        if paths.is_empty() {
            return Found { policies: policy::load_given(paths), scenarios: scenario::Loaded::default() };
        }
        let (all, unreadable) = files::read(paths);
        let (scenarios, policies): (Vec<File>, Vec<File>) = all.iter().cloned().partition(scenario::is_scenario);
        let policies = policy::load_files(&policies, unreadable, paths, &all);
        Found { policies, scenarios: scenario::parse(&scenarios) }
    }

    fn exit_code(&self) -> u8 {
        exit_code(&self.policies).max(u8::from(!self.scenarios.is_good()))
    }

    fn report(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        print_faults(&self.policies, err)?;
        self.scenarios.report().iter().try_for_each(|line| writeln!(err, "{line}"))?;
        let (policies, scenarios) = (&self.policies, &self.scenarios);
        let problems = policies.problems.len() + policies.unreadable.len() + scenarios.problems.len();
        match problems {
            0 => writeln!(out, "{}: no problems", self.counts()),
            n => writeln!(err, "{}", count(n, "problem", "problems")),
        }
    }

    /// What there is of each; nothing of a kind is not worth a word, unless there is nothing else.
    fn counts(&self) -> String {
        let policies = [
            count(self.policies.policies.len(), "policy", "policies"),
            count(self.policies.tests.len(), "test", "tests"),
        ];
        let scenarios = count(self.scenarios.scenarios.len(), "scenario", "scenarios");
        match (self.policies.policies.is_empty(), self.scenarios.scenarios.is_empty()) {
            (true, false) => scenarios,
            (_, true) => policies.join(", "),
            (false, false) => format!("{}, {scenarios}", policies.join(", ")),
        }
    }
}

/// 0 clean, 1 problems, 2 a path could not be opened.
pub(crate) fn exit_code(loaded: &Loaded) -> u8 {
    match (loaded.unreadable.is_empty(), loaded.problems.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
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
    fn scenarios_are_told_from_policies() {
        let dir = tempfile::tempdir().unwrap();
        let scenario = "apiVersion: weirkeeper.dev/v1\nkind: Scenario\nmetadata: { name: s }\njobs:\n  - name: j\n    \
                        vertices: [ { name: a, capacity: 1 } ]\n    load: [ constant: 1 ]\n";
        std::fs::write(dir.path().join("s.yaml"), scenario).unwrap();
        let all = [dir.path().to_owned()];
        assert_eq!(check(&all), (0, "1 scenario: no problems\n".to_owned(), String::new()));
        let policy = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: a }\n";
        std::fs::write(dir.path().join("p.yaml"), policy).unwrap();
        assert_eq!(check(&all).1, "1 policy, 0 tests, 1 scenario: no problems\n");
        std::fs::write(dir.path().join("t.yaml"), scenario.replace("capacity: 1", "capacity: 0")).unwrap();
        let (code, out, err) = check(&all);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("t.yaml:6:38: out-of-range: ") && err.ends_with("\n1 problem\n"), "{err}");
        // Where policies are used, a scenario among them is a slip.
        let loaded = policy::load(&all);
        assert!(loaded.problems.iter().any(|p| p.message == "a scenario is not a policy"), "{:?}", loaded.report());
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
