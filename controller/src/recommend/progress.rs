//! A bar on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How far the window is.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For a window of `span`.
    pub fn new(span: Duration, quiet: bool) -> Progress {
        let visible = std::io::stderr().is_terminal() && !quiet;
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(span.as_secs().max(1)), target);
        if let Ok(style) = ProgressStyle::with_template("watching {wide_bar} {pos} of {len} s") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// So much has passed.
    pub fn at(&self, elapsed: Duration) {
        self.bar.set_position(elapsed.as_secs());
    }

    /// Over: it leaves no trace.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
