//! A bar on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// How many plays are over.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For so many.
    pub fn new(plays: usize, quiet: bool) -> Progress {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(plays as u64), target);
        if let Ok(style) = ProgressStyle::with_template("playing {wide_bar} {pos} of {len}") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// So many are over.
    pub fn at(&self, done: usize) {
        self.bar.set_position(done as u64);
    }

    /// All are: it leaves no trace.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
