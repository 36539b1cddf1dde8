//! The command line as a person meets it.

use crate::program;
use libtest_mimic::{Failed, Trial};

/// The trials of this area.
pub fn trials() -> Vec<Trial> {
    vec![Trial::test("cli::the_program_runs", starts)]
}

fn starts() -> Result<(), Failed> {
    let ended = program::run(["--help"])?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}
