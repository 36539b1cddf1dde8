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
