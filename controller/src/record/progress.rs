//! A bar or a counter on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use weirkeeper_core::units::Millis;

/// How far it is.
pub struct Progress {
    bar: ProgressBar,
}

fn target(quiet: bool) -> ProgressDrawTarget {
    let visible = std::io::stderr().is_terminal() && !quiet;
    if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

impl Progress {
    /// Nobody knows how many rows there will be.
    pub fn rows(quiet: bool) -> Progress {
        Progress::new(None, quiet, "{spinner} {pos} rows recorded; Ctrl-C ends the recording")
    }

    /// Of a span of time.
    pub fn share(span: Millis, quiet: bool) -> Progress {
        Progress::new(Some(span.0.max(1)), quiet, "recording {wide_bar} {percent} %")
    }

    fn new(length: Option<u64>, quiet: bool, template: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(length, target(quiet));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// So far.
    pub fn at(&self, position: impl Into<Position>) {
        self.bar.set_position(position.into().0);
    }

    /// Over: it leaves no trace.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// Rows, or milliseconds.
pub struct Position(u64);

impl From<u64> for Position {
    fn from(n: u64) -> Position {
        Position(n)
    }
}

impl From<Millis> for Position {
    fn from(span: Millis) -> Position {
        Position(span.0)
    }
}
