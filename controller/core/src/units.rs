//! Units as types: a number without its unit does not cross a module border.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A point in time: milliseconds since the Unix epoch, as Flink counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time that has passed since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This time plus `span`.
    pub fn plus(self, span: Millis) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }

    /// This time minus `span`.
    pub fn minus(self, span: Millis) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.0}"),
            Err(_) => write!(f, "@{} ms", self.0),
        }
    }
}

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// `n` seconds.
    pub const fn secs(n: u64) -> Millis {
        Millis(n * 1_000)
    }

    /// `n` minutes.
    pub const fn minutes(n: u64) -> Millis {
        Millis(n * 60_000)
    }

    /// `n` hours.
    pub const fn hours(n: u64) -> Millis {
        Millis(n * 3_600_000)
    }

    /// As seconds.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// From seconds; what is negative or not finite becomes zero.
    pub fn from_secs(s: f64) -> Millis {
        if s.is_finite() && s > 0.0 { Millis((s * 1_000.0).round() as u64) } else { Millis(0) }
    }

    /// This span `n` times.
    pub fn times(self, n: u64) -> Millis {
        Millis(self.0.saturating_mul(n))
    }
}

impl std::ops::Add for Millis {
    type Output = Millis;
    fn add(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Millis {
    /// The largest two units that matter: `90 s` is `1m30s`, `250 ms` stays.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        match (h, m, s, ms % 1_000) {
            (0, 0, 0, ms) => write!(f, "{ms}ms"),
            (0, 0, s, 0) => write!(f, "{s}s"),
            (0, 0, s, ms) => write!(f, "{s}.{}s", ms / 100),
            (0, m, 0, _) => write!(f, "{m}m"),
            (0, m, s, _) => write!(f, "{m}m{s}s"),
            (h, 0, _, _) => write!(f, "{h}h"),
            (h, m, _, _) => write!(f, "{h}h{m}m"),
        }
    }
}

/// Records per second, over all subtasks of a vertex unless said otherwise. Always finite and not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordsPerSec(pub f64);

impl RecordsPerSec {
    /// A rate, if the number can be one.
    pub fn new(v: f64) -> Option<RecordsPerSec> {
        (v.is_finite() && v >= 0.0).then_some(RecordsPerSec(v))
    }
}

impl fmt::Display for RecordsPerSec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            v if v >= 1e7 => write!(f, "{:.2}M/s", v / 1e6),
            v if v >= 1e5 => write!(f, "{:.1}k/s", v / 1e3),
            v if v >= 100.0 => write!(f, "{v:.0}/s"),
            v => write!(f, "{v:.1}/s"),
        }
    }
}

/// How many subtasks a vertex has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parallelism(pub u32);

impl fmt::Display for Parallelism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share, 1 being all of it; shown as a percentage.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}
