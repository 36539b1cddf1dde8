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
