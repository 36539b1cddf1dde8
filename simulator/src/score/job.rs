//! Scores of one job, added up tick by tick in bounded memory.

use super::bins::Bins;
use super::clairvoyant::least;
use super::events::{Events, Kind};
use super::histogram::Histogram;
use super::need::Sizer;
use super::steps::Steps;
use super::{Lag, Provisioning, Recovery, Scores};
use crate::truth::JobTruth;
use std::collections::VecDeque;
use std::sync::Arc;
use weirkeeper_core::units::{Millis, Timestamp};

const MINUTE_MS: u64 = 60_000;
const HALF_HOUR: Millis = Millis::minutes(30);

/// The minute that is being added up.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    ms: u64,
    arrived: f64,
    slot_ms: f64,
}

/// What the next tick is compared with.
#[derive(Clone, Debug, Default)]
struct Seen {
    lag: Millis,
    restarts: u32,
    rescales: u32,
    parallelism: Vec<u32>,
}

/// Adds up one job.
#[derive(Clone, Debug)]
pub struct JobScorer {
    objective: Millis,
    sizer: Option<Sizer>,
    name: Arc<str>,
    /// Restarts and rescales before the first tick that was seen.
    before: (u32, u32),
    last: Option<Seen>,
    backlog: f64,
    ms: u64,
    slot_ms: f64,
    late_ms: u64,
    down_ms: u64,
    consumed: f64,
    late_records: f64,
    lag: Histogram,
    restarts: VecDeque<(Timestamp, u32)>,
    most_restarts: u32,
    minute: Minute,
    minutes: u64,
    over: (u64, f64),
    under: (u64, f64),
    bins: Bins,
    steps: Steps,
    events: Events,
}

impl JobScorer {
    /// Late is what lags beyond `objective`. Without a sizer nothing is said of what the load needed.
    pub fn new(objective: Millis, sizer: Option<Sizer>) -> JobScorer {
        JobScorer {
            objective,
            sizer,
            name: "".into(),
            before: (0, 0),
            last: None,
            backlog: 0.0,
            ms: 0,
            slot_ms: 0.0,
            late_ms: 0,
            down_ms: 0,
            consumed: 0.0,
            late_records: 0.0,
            lag: Histogram::default(),
            restarts: VecDeque::new(),
            most_restarts: 0,
            minute: Minute::default(),
            minutes: 0,
            over: (0, 0.0),
            under: (0, 0.0),
            bins: Bins::default(),
            steps: Steps::default(),
            events: Events::default(),
        }
    }

    /// A fault of the scenario begins.
    pub fn fault(&mut self, at: Timestamp) {
        let lag = self.last.as_ref().map_or(Millis(0), |t| t.lag);
        self.events.begin(Kind::Fault, at, lag);
    }

    /// One tick, of `ms` milliseconds.
    pub fn tick(&mut self, truth: &JobTruth, ms: u64) {
        let seconds = ms as f64 / 1_000.0;
        let late = truth.lag > self.objective;
        self.ms += ms;
        self.slot_ms += f64::from(truth.slots) * ms as f64;
        self.late_ms += if late { ms } else { 0 };
        self.down_ms += if truth.running { 0 } else { ms };
        self.consumed += truth.consumed * seconds;
        self.late_records += if late { truth.consumed * seconds } else { 0.0 };
        self.lag.add(truth.lag.0, ms);
        self.compare(truth);
        self.backlog = truth.backlog;
        self.events.tick(truth.at, truth.running, truth.lag);
        self.add_to_minute(truth, ms);
        self.remember(truth);
    }

    fn remember(&mut self, truth: &JobTruth) {
        if self.last.is_none() {
            self.name = truth.name.clone();
            self.before = (truth.restarts, truth.rescales);
        }
        let last = self.last.get_or_insert_default();
        (last.lag, last.restarts, last.rescales) = (truth.lag, truth.restarts, truth.rescales);
        last.parallelism.clone_from(&truth.parallelism);
    }

    /// What has changed since the tick before.
    fn compare(&mut self, truth: &JobTruth) {
        let Some(last) = &self.last else { return };
        let (lag, rescales) = (last.lag, truth.rescales.saturating_sub(last.rescales));
        let restarts = truth.restarts.saturating_sub(last.restarts);
        let resized = last.parallelism != truth.parallelism;
        match (rescales > 0, restarts > 0) {
            (true, _) => self.events.begin(Kind::Rescale, truth.at, lag),
            (false, true) => self.events.begin(Kind::Failure, truth.at, lag),
            (false, false) => {}
        }
        if restarts > 0 {
            self.restarts.push_back((truth.at, restarts));
        }
        if resized {
            self.steps.change();
        }
        while self.restarts.front().is_some_and(|(t, _)| truth.at.since(*t) >= HALF_HOUR) {
            self.restarts.pop_front();
        }
        self.most_restarts = self.most_restarts.max(self.restarts.iter().map(|r| r.1).sum());
    }

    fn add_to_minute(&mut self, truth: &JobTruth, ms: u64) {
        self.minute.ms += ms;
        self.minute.arrived += truth.arriving * ms as f64;
        self.minute.slot_ms += f64::from(truth.slots) * ms as f64;
        if self.minute.ms >= MINUTE_MS {
            let minute = std::mem::take(&mut self.minute);
            self.end_minute(minute, truth);
        }
    }

    fn end_minute(&mut self, minute: Minute, truth: &JobTruth) {
        let load = minute.arrived / minute.ms as f64;
        if self.steps.minute(load) {
            self.events.begin(Kind::Step, truth.at, truth.lag);
        }
        let Some(sizer) = &self.sizer else { return };
        let need = sizer.slots(load);
        let more = minute.slot_ms / minute.ms as f64 - f64::from(need);
        self.minutes += 1;
        self.bins.add(need);
        let side = if more > 0.0 { &mut self.over } else { &mut self.under };
        side.0 += u64::from(more != 0.0);
        side.1 += more.abs();
    }

    fn lag_of(&self, q: f64) -> f64 {
        self.lag.quantile(q).map_or(0.0, |ms| ms as f64 / 1_000.0)
    }

    fn provisioning(&self, (minutes, slots): (u64, f64)) -> Option<Provisioning> {
        let all = (self.minutes > 0).then_some(self.minutes as f64)?;
        Some(Provisioning { share: minutes as f64 / all, slots: slots / all })
    }

    /// What it came to.
    pub fn finish(&self) -> Scores {
        let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
        let (restarts, rescales) = self.last.as_ref().map_or((0, 0), |last| {
            (last.restarts.saturating_sub(self.before.0), last.rescales.saturating_sub(self.before.1))
        });
        let slot_hours = self.slot_ms / 3_600_000.0;
        let bound = (!self.bins.needs().is_empty()).then(|| {
            let bin_hours = f64::from(self.bins.width()) / 60.0;
            least(self.bins.needs(), rescales as usize) as f64 * bin_hours
        });
        // Only whole minutes were sized: the bound is stretched to the length of the run.
        let bound = bound.map(|b| b * self.ms as f64 / (self.minutes.max(1) * MINUTE_MS) as f64);
        Scores {
            job: self.name.clone(),
            hours: self.ms as f64 / 3_600_000.0,
            slot_hours,
            clairvoyant_slot_hours: bound,
            clairvoyant_ratio: bound.filter(|b| *b > 0.0).map(|b| slot_hours / b),
            late_time: share(self.late_ms as f64, self.ms as f64),
            late_records: share(self.late_records, self.consumed),
            lag: Lag {
                p50: self.lag_of(0.5),
                p95: self.lag_of(0.95),
                p99: self.lag_of(0.99),
                max: self.lag.largest() as f64 / 1_000.0,
            },
            rescales,
            restarts,
            downtime: self.down_ms as f64 / 1_000.0,
            most_restarts_in_30m: self.most_restarts,
            over: self.provisioning(self.over),
            under: self.provisioning(self.under),
            settling: self.steps.figures(),
            recovery: Recovery {
                failures: self.events.figures(Kind::Failure),
                rescales: self.events.figures(Kind::Rescale),
                steps: self.events.figures(Kind::Step),
                faults: self.events.figures(Kind::Fault),
            },
            events: self.events.list().to_vec(),
            backlog: self.backlog,
        }
    }
}
