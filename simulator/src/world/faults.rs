//! Which faults hold now.

use crate::scenario::{Fault, FaultKind, Scenario};
use std::sync::Arc;

/// A fault begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: i64,
    fault: usize,
    begins: bool,
}

/// The faults of a scenario, as time passes.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    marks: Vec<Mark>,
    next: usize,
    active: Vec<bool>,
    scenario: Arc<Scenario>,
}

/// Faults of what is read of Flink, for one job or all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// There are no metrics.
    pub gap: bool,
    /// They stay what they were.
    pub freeze: bool,
    /// They are zeros, and say so.
    pub incomplete: bool,
    /// They are so much older, ms.
    pub delay: i64,
    /// Busy time is shown times this.
    pub lie: Option<f64>,
    /// Share of calls that are answered by an error.
    pub errors: f64,
    /// Share of calls that are not answered in time.
    pub timeouts: f64,
}

impl Faults {
    /// Times are counted from `began`.
    pub fn new(scenario: Arc<Scenario>, began: i64) -> Faults {
        let mut marks = Vec::new();
        for (fault, f) in scenario.faults.iter().enumerate() {
            let at = began.saturating_add(f.at.0 as i64);
            marks.push(Mark { at, fault, begins: true });
            if let Some(lasts) = f.lasts {
                marks.push(Mark { at: at.saturating_add(lasts.0 as i64), fault, begins: false });
            }
        }
        marks.sort_by_key(|m| (m.at, m.fault, !m.begins));
        let active = vec![false; scenario.faults.len()];
        Faults { marks, next: 0, active, scenario }
    }

    /// Time has come to `now`: gives the faults that begin, and whether any began or ended.
    pub fn advance(&mut self, now: i64) -> (Vec<usize>, bool) {
        let (mut begun, mut changed) = (Vec::new(), false);
        while let Some(mark) = self.marks.get(self.next).copied().filter(|m| m.at <= now) {
            self.active[mark.fault] = mark.begins;
            self.next += 1;
            changed = true;
            if mark.begins {
                begun.push(mark.fault);
            }
        }
        (begun, changed)
    }

    /// When the next begins or ends.
    pub fn next_at(&self) -> i64 {
        self.marks.get(self.next).map_or(i64::MAX, |m| m.at)
    }

    /// One of them.
    pub fn get(&self, fault: usize) -> &Fault {
        &self.scenario.faults[fault]
    }

    /// Those that hold now and concern that job (or all, or the cluster).
    pub fn of<'a>(&'a self, job: Option<&'a str>) -> impl Iterator<Item = &'a FaultKind> + 'a {
        let concerns = move |f: &&Fault| match (&f.job, job) {
            (None, _) => true,
            (Some(theirs), Some(ours)) => &**theirs == ours,
            (Some(_), None) => false,
        };
        let active = self.scenario.faults.iter().zip(&self.active).filter(|(_, on)| **on).map(|(f, _)| f);
        active.filter(concerns).map(|f| &f.kind)
    }

    /// Faults of reading that job.
    pub fn reading(&self, job: &str) -> Reading {
        let mut r = Reading::default();
        for kind in self.of(Some(job)) {
            match kind {
                FaultKind::MetricGap => r.gap = true,
                FaultKind::MetricFreeze => r.freeze = true,
                FaultKind::MetricIncomplete => r.incomplete = true,
                FaultKind::MetricDelay(d) => r.delay += d.0 as i64,
                FaultKind::MetricLie(f) => r.lie = Some(r.lie.unwrap_or(1.0) * f),
                FaultKind::ApiErrors(share) => r.errors = r.errors.max(*share),
                FaultKind::ApiTimeouts(share) => r.timeouts = r.timeouts.max(*share),
                _ => {}
            }
        }
        r
    }

    /// The longest that what is read may be late, by faults.
    pub fn longest_delay(&self) -> i64 {
        let delay = |f: &Fault| match f.kind {
            FaultKind::MetricDelay(d) => d.0 as i64,
            _ => 0,
        };
        self.scenario.faults.iter().map(delay).sum()
    }
}
