//! Everything that needs the built program, a fake cluster or a real one, in one binary. Each area is a module that
//! gives its trials; what needs a part that is not on this machine reports itself as ignored and says how to get it.
//!
//! `cargo test -p weirkeeper-tests -- NAME` runs those whose name contains NAME.

mod cli;
mod measure;
mod parts;
#[allow(dead_code, reason = "not every area uses everything")]
mod program;
mod purity;
#[allow(dead_code, reason = "a harness; not every scenario uses everything")]
mod real;
mod recordings;
mod reference;
mod serve;
#[allow(dead_code, reason = "not every area uses everything")]
mod standin;

use libtest_mimic::{Arguments, Trial};

/// The areas. A new one is a module and a line here.
fn trials() -> Vec<Trial> {
    let areas = [
        real::trials(),
        cli::trials(),
        measure::trials(),
        parts::trials(),
        purity::trials(),
        recordings::trials(),
        reference::trials(),
        serve::trials(),
    ];
    areas.into_iter().flatten().collect()
}

/// The scenarios on real clusters mostly wait, so there are more at a time than processors. Clusters are bounded apart.
const AT_A_TIME: usize = 6;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_A_TIME));
    real::reap();
    let conclusion = libtest_mimic::run(&arguments, trials());
    real::stop_all();
    real::tell_figures();
    conclusion.exit();
}
