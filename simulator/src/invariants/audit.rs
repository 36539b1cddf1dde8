//! 53: every change has exactly one record of its decision, with reasons; and no record stands twice.

use super::Told;
use std::collections::BTreeSet;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::RunId;
use weirkeeper_core::reason::Reason;

/// Numbers remembered: a number that comes again, comes soon.
const NUMBERS: usize = 4_096;

/// What was written down.
#[derive(Default)]
pub struct Records {
    numbers: BTreeSet<u64>,
    decided: BTreeSet<RunId>,
}

impl Records {
    /// A decision is written down.
    pub fn record(&mut self, decision: &Decision) -> Told {
        if !self.numbers.insert(decision.id) {
            return Some((53, format!("decision {} is written down twice", decision.id)));
        }
        if self.numbers.len() > NUMBERS {
            self.numbers.pop_first();
        }
        if decision.reasons.is_empty() {
            return Some((53, format!("decision {} has no reason", decision.id)));
        }
        let run = decision.run.filter(|_| decision.verdict == Verdict::Act)?;
        let twice = !self.decided.insert(run);
        if self.decided.len() > NUMBERS {
            self.decided.pop_first();
        }
        twice.then(|| (53, format!("{run} was decided twice")))
    }

    /// A change without a decision behind it.
    pub fn undecided(&self, run: RunId) -> Told {
        (!self.decided.contains(&run)).then(|| (53, format!("{run} acts, and no decision was written down")))
    }
}

/// The phase that a record of a run tells: `run-3 settling: ...`.
pub fn phase(decision: &Decision) -> Option<(RunId, &str)> {
    let Reason::Run { what } = decision.reasons.first()? else { return None };
    let mut words = what.split_whitespace();
    let run = words.next()?.strip_prefix("run-")?.parse().ok()?;
    Some((RunId(run), words.next()?.trim_end_matches(':')))
}
