//! A bar on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// How much of the recording has been read.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Of a file of `bytes`.
    pub fn new(bytes: u64, quiet: bool) -> Progress {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(bytes.max(1)), target);
        if let Ok(style) = ProgressStyle::with_template("replaying {wide_bar} {percent} %") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// So much has been read.
    pub fn at(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Over: it leaves no trace.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
