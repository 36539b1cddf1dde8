//! The log, on standard error: text for people, or one JSON object a line.

use crate::args::{ColorWhen, Global, LogFormat};
use crate::settings::Level;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much, by flags before the file before the default.
pub fn level(global: &Global, file: Option<Level>) -> LevelFilter {
    match (global.quiet, global.verbose, file.unwrap_or_default()) {
        (true, _, _) => LevelFilter::WARN,
        (_, 1, _) => LevelFilter::DEBUG,
        (_, 2.., _) => LevelFilter::TRACE,
        (_, 0, Level::Error) => LevelFilter::ERROR,
        (_, 0, Level::Warn) => LevelFilter::WARN,
        (_, 0, Level::Info) => LevelFilter::INFO,
        (_, 0, Level::Debug) => LevelFilter::DEBUG,
        (_, 0, Level::Trace) => LevelFilter::TRACE,
    }
}

/// Whether to use colours on a stream.
pub fn colours(when: ColorWhen, terminal: bool, no_color: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && !no_color,
    }
}

/// Whether the person asked for no colours: <https://no-color.org>.
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// Starts the log. `trace` of the libraries below is left out: it shows headers.
pub fn start(level: LevelFilter, format: LogFormat, color: ColorWhen) {
    let ours = format!("warn,weirkeeper={level},decision={level},effect={level},escalation={level}");
    let quiet = level < LevelFilter::WARN;
    let filter = EnvFilter::new(if quiet { level.to_string() } else { ours });
    let colours = colours(color, std::io::stderr().is_terminal(), no_color());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only the first start counts: the tests of one process may start it more than once.
    let _ = match format {
        LogFormat::Text => log.with_ansi(colours).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_before_the_file() {
        let flags = |quiet, verbose| Global { quiet, verbose, ..Global::default() };
        assert_eq!(level(&flags(false, 0), None), LevelFilter::INFO);
        assert_eq!(level(&flags(false, 0), Some(Level::Error)), LevelFilter::ERROR);
        assert_eq!(level(&flags(true, 0), Some(Level::Debug)), LevelFilter::WARN);
        assert_eq!(level(&flags(false, 2), Some(Level::Error)), LevelFilter::TRACE);
    }

    #[test]
    fn no_color_counts_only_where_nothing_else_was_said() {
        assert!(colours(ColorWhen::Auto, true, false));
        assert!(!colours(ColorWhen::Auto, true, true));
        assert!(!colours(ColorWhen::Auto, false, false));
        assert!(colours(ColorWhen::Always, false, true));
        assert!(!colours(ColorWhen::Never, true, false));
    }
}
