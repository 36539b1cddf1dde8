//! Times as people give them: a time, or how long ago.

use crate::settings::Span;
use weirkeeper_core::units::{Millis, Timestamp};

/// RFC 3339, or a duration before `now`, or `now`.
pub fn instant(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Ok(span) = text.parse::<Span>() {
        return Ok(now.minus(Millis(u64::try_from(span.0.as_millis()).unwrap_or(u64::MAX))));
    }
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|t| Timestamp(t.as_millisecond()))
        .map_err(|_| format!("{text:?} is neither a time (2026-01-31T08:00:00Z) nor how long ago (24h)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_or_how_long_ago() {
        let now = Timestamp(1_736_121_600_000);
        assert_eq!(instant("now", now), Ok(now));
        assert_eq!(instant("1h30m", now), Ok(Timestamp(1_736_116_200_000)));
        assert_eq!(instant("2025-01-06T00:00:00Z", Timestamp(0)), Ok(now));
        assert!(instant("yesterday", now).is_err_and(|e| e.contains("how long ago")));
    }
}
