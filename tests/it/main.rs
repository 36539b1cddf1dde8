//! Everything that needs the built program, a fake cluster or a real one, in one binary. Each area is a module that
//! gives its trials; what needs a part that is not on this machine reports itself as ignored and says how to get it.
//!
//! `cargo test -p weirkeeper-tests -- NAME` runs those whose name contains NAME.

mod cli;
mod measure;
mod parts;
#[allow(dead_code, reason = "not every area uses everything")]
mod program;
mod real;
mod reference;
#[allow(dead_code, reason = "not every area uses everything")]
mod standin;

use libtest_mimic::{Arguments, Trial};

/// The areas. A new one is a module and a line here.
fn trials() -> Vec<Trial> {
    let areas = [
        cli::trials(),
        measure::trials(),
        parts::trials(),
        real::trials(),
        reference::trials(),
    ];
    areas.into_iter().flatten().collect()
}

fn main() {
    libtest_mimic::run(&Arguments::from_args(), trials()).exit();
}
