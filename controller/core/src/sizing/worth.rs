//! Is it worth it: what a rescale costs, and what a smaller job must still be able to do.

use crate::memory::JobMemory;
use crate::observation::{Checkpoints, ClusterFacts, Slots};
use crate::policy::Scaling;
use crate::reason::Reason;
use crate::units::{Millis, Ratio, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Until our own rescales of the job have been measured, and its state's size is not known: in place, gigabytes of
/// state took 5 to 25 s (measured on real Flink).
const PAUSE_UNKNOWN: Millis = Millis::secs(5);
/// With little state 0.2 to 1.4 s were measured.
const PAUSE_LEAST: Millis = Millis(1_500);
/// And 5 to 25 s with gigabytes: about this much per gigabyte, up to the most that was seen.
const PAUSE_PER_GB: f64 = 5.0;
const PAUSE_MOST: Millis = Millis::secs(25);
/// Flink's default `heartbeat.timeout`.
const HEARTBEAT_TIMEOUT: Millis = Millis::secs(50);
/// Resource stabilisation and redeployment after a lost TaskManager (measured: 10 s on top of the heartbeat).
const REDEPLOY: Millis = Millis::secs(10);
/// Share of the time allowed for catching up that may be used.
const MARGIN: f64 = 0.9;
/// Share of the checkpoint time-out that the first one after a rescale may take.
const FIRST_CHECKPOINT: f64 = 0.7;
/// Share of the heap that may be live after a collection.
const HEAP: f64 = 0.75;
/// Distinct peaks kept.
const MAX_PEAKS: usize = 128;

/// How long the job stands still in a rescale of ours.
pub fn pause(memory: &JobMemory, checkpoints: Option<&Checkpoints>) -> Millis {
    let by_size = |bytes: u64| (PAUSE_LEAST + Millis::from_secs(PAUSE_PER_GB * bytes as f64 / 1e9)).min(PAUSE_MOST);
    let assumed = || checkpoints.and_then(|c| c.full_size).map_or(PAUSE_UNKNOWN, by_size);
    memory.pause.unwrap_or_else(assumed)
}

/// How long an unplanned restart with replay takes.
pub fn unplanned(memory: &JobMemory, facts: &ClusterFacts, checkpoints: Option<&Checkpoints>) -> Millis {
    let assumed = || {
        let interval = checkpoints.and_then(|c| c.interval).unwrap_or_default();
        facts.heartbeat_timeout.unwrap_or(HEARTBEAT_TIMEOUT) + REDEPLOY + interval
    };
    memory.unplanned.unwrap_or_else(assumed)
}

/// The aim: the policy's, or less where the job could not catch up in time after an unplanned restart.
pub fn target(scaling: &Scaling, unplanned: Millis) -> (f64, Option<Reason>) {
    let (policy, catch_up) = (scaling.target_utilization, scaling.catch_up.as_secs());
    if catch_up <= 0.0 {
        return (policy, None);
    }
    let drains = MARGIN * catch_up / (catch_up + unplanned.as_secs());
    if drains >= policy {
        return (policy, None);
    }
    let (target, policy_ratio) = (Ratio(drains), Ratio(policy));
    (drains, Some(Reason::Target { target, policy: policy_ratio, catch_up: scaling.catch_up, restart: unplanned }))
}

/// The first checkpoint after a rescale is close to a full upload.
pub fn first_checkpoint(memory: &JobMemory, checkpoints: Option<&Checkpoints>) -> Option<Millis> {
    let rate = memory.upload_rate.filter(|r| *r > 0.0)?;
    Some(Millis::from_secs(checkpoints?.full_size? as f64 / rate))
}

/// Refuses where that checkpoint would come too near its time-out.
pub fn checkpoint_fits(memory: &JobMemory, checkpoints: Option<&Checkpoints>) -> Option<Reason> {
    let expected = first_checkpoint(memory, checkpoints)?;
    let timeout = checkpoints?.timeout?;
    (expected.as_secs() > FIRST_CHECKPOINT * timeout.as_secs()).then_some(Reason::FirstCheckpoint { expected, timeout })
}

/// Bytes per second that checkpoints are written at, where the last one says: a small increment measures latency, not
/// throughput.
pub fn upload_rate(checkpoints: &Checkpoints) -> Option<f64> {
    let (written, full) = (checkpoints.written? as f64, checkpoints.full_size? as f64);
    let secs = checkpoints.last_duration?.as_secs();
    (written >= 0.1 * full && written > 0.0 && secs > 0.0).then(|| written / secs)
}

/// What a smaller size saves: in whole TaskManagers where a resource manager releases them, else in slots.
pub fn saving(scaling: &Scaling, slots: Option<&Slots>, now: u32, then: u32) -> Result<(), Reason> {
    let saved = now.saturating_sub(then);
    let share = f64::from(saved) / f64::from(now.max(1));
    let whole = match slots {
        Some(Slots { on_demand: true, per_taskmanager: Some(per), .. }) if *per > 0 => {
            now.div_ceil(*per) > then.div_ceil(*per)
        }
        _ => saved > 0,
    };
    if share >= scaling.scale_down.min_saving && whole {
        return Ok(());
    }
    let (saving, least) = (Ratio(share), Ratio(scaling.scale_down.min_saving));
    Err(Reason::SavingTooSmall { slots: saved, of: now, saving, least })
}

/// Whether the state still fits after a scale-down; `Err` refuses, `Ok` may say that it could not be judged.
pub fn state_fits(
    scaling: &Scaling,
    checkpoints: Option<&Checkpoints>,
    heap: Option<(f64, f64)>,
    taskmanagers: (u32, u32),
) -> Result<Option<Reason>, Reason> {
    let (now, then) = (f64::from(taskmanagers.0.max(1)), f64::from(taskmanagers.1.max(1)));
    let Some(state) = checkpoints.and_then(|c| c.full_size).map(|b| b as f64).filter(|_| then < now) else {
        return Ok(None);
    };
    if let Some((used, max)) = heap {
        let grown = used + state / then - state / now;
        if grown > HEAP * max {
            let what = "heap".to_owned();
            return Err(Reason::StateTooLarge { bytes: grown as u64, room: (HEAP * max) as u64, what });
        }
    }
    match scaling.disk_limit {
        Some(limit) if state / then > limit as f64 => {
            Err(Reason::StateTooLarge { bytes: (state / then) as u64, room: limit, what: "disk".to_owned() })
        }
        Some(_) => Ok(None),
        None => {
            let clause = "whether RocksDB state fits the local disks".to_owned();
            Ok(Some(Reason::ClauseOff { clause, needs: "scaling.diskLimit".to_owned() }))
        }
    }
}

/// Sliding maximum of a source's demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// Times rising, values falling.
    entries: VecDeque<(Timestamp, f64)>,
    /// What was taken in last.
    last: Option<f64>,
}

impl Peaks {
    /// Takes a demand in. The one before holds until then: a gap (a restart and its warm-up) is not low demand.
    pub fn push(&mut self, at: Timestamp, value: f64, keep: Millis) {
        if let Some(before) = self.last.replace(value).filter(|before| *before > value) {
            self.add(at, before, keep);
        }
        self.add(at, value, keep);
    }

    fn add(&mut self, at: Timestamp, value: f64, keep: Millis) {
        while self.entries.back().is_some_and(|e| e.1 <= value) {
            self.entries.pop_back();
        }
        self.entries.push_back((at, value));
        let oldest = at.minus(keep);
        while self.entries.len() > 1 && self.entries.front().is_some_and(|e| e.0 < oldest) {
            self.entries.pop_front();
        }
        if self.entries.len() > MAX_PEAKS {
            self.join();
        }
    }

    /// Joins neighbours: the higher value under the later time, so that no peak is forgotten too early.
    fn join(&mut self) {
        let old = std::mem::take(&mut self.entries);
        let pairs: Vec<_> = old.into_iter().collect();
        self.entries = pairs.chunks(2).map(|c| (c[c.len() - 1].0, c[0].1)).collect();
    }

    /// The highest at or after `from`.
    pub fn since(&self, from: Timestamp) -> Option<f64> {
        self.entries.iter().find(|e| e.0 >= from).map(|e| e.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_holds_until_the_next_is_known() {
        let mut peaks = Peaks::default();
        let at = |secs: i64| Timestamp(secs * 1_000);
        peaks.push(at(0), 1_200.0, Millis::secs(30));
        // Nothing was known from 0 to 25 s; 30 s of low demand are over at 55 s, not at 31 s.
        peaks.push(at(25), 300.0, Millis::secs(30));
        peaks.push(at(40), 310.0, Millis::secs(30));
        assert_eq!(peaks.since(at(40 - 30)), Some(1_200.0));
        peaks.push(at(56), 300.0, Millis::secs(30));
        assert_eq!(peaks.since(at(56 - 30)), Some(310.0));
    }

    #[test]
    fn the_aim_leaves_room_to_drain_after_an_unplanned_restart() {
        let mut scaling = Scaling::default();
        // By hand: 0.9 * 600 / (600 + 70) = 0.806: above 0.70, the policy's stays.
        assert_eq!(target(&scaling, Millis::secs(70)), (0.70, None));
        // 0.9 * 60 / (60 + 75) = 0.4.
        scaling.catch_up = Millis::secs(60);
        let (aim, reason) = target(&scaling, Millis::secs(75));
        assert!((aim - 0.4).abs() < 1e-12 && matches!(reason, Some(Reason::Target { .. })));
        scaling.catch_up = Millis(0);
        assert_eq!(target(&scaling, Millis::secs(75)), (0.70, None), "no catch-up is planned for");
    }

    #[test]
    fn an_unplanned_restart_is_heartbeat_redeployment_and_replay_until_measured() {
        let mut memory = JobMemory::default();
        let checkpoints = Checkpoints { interval: Some(Millis::secs(30)), ..Checkpoints::default() };
        let facts = ClusterFacts { heartbeat_timeout: Some(Millis::secs(8)), ..ClusterFacts::default() };
        assert_eq!(unplanned(&memory, &facts, Some(&checkpoints)), Millis::secs(48));
        assert_eq!(unplanned(&memory, &ClusterFacts::default(), None), Millis::secs(60));
        memory.unplanned = Some(Millis::secs(20));
        assert_eq!(unplanned(&memory, &facts, Some(&checkpoints)), Millis::secs(20));
    }

    #[test]
    fn a_pause_is_measured_or_told_by_the_size_of_the_state() {
        let mut memory = JobMemory::default();
        let of = |bytes| Checkpoints { full_size: Some(bytes), ..Checkpoints::default() };
        assert_eq!(pause(&memory, None), Millis::secs(5));
        assert_eq!(pause(&memory, Some(&of(0))), Millis(1_500));
        assert_eq!(pause(&memory, Some(&of(2_000_000_000))), Millis(11_500));
        assert_eq!(pause(&memory, Some(&of(90_000_000_000))), Millis::secs(25));
        memory.pause = Some(Millis(700));
        assert_eq!(pause(&memory, Some(&of(0))), Millis(700));
    }

    #[test]
    fn a_full_checkpoint_near_its_timeout_refuses() {
        let gb = 1_000_000_000;
        let timeout = Some(Millis::minutes(10));
        let checkpoints = |full: u64| Checkpoints { full_size: Some(full), timeout, ..Checkpoints::default() };
        let memory = JobMemory { upload_rate: Some(100e6), ..JobMemory::default() };
        // 100 MB/s: 42 GB take 420 s, just 0.7 of 600 s.
        assert_eq!(checkpoint_fits(&memory, Some(&checkpoints(42 * gb))), None);
        assert!(checkpoint_fits(&memory, Some(&checkpoints(43 * gb))).is_some());
        assert_eq!(checkpoint_fits(&JobMemory::default(), Some(&checkpoints(43 * gb))), None, "no rate, no judgement");
    }

    #[test]
    fn only_a_checkpoint_of_some_size_measures_the_upload() {
        let c = |written, full| Checkpoints {
            written: Some(written),
            full_size: Some(full),
            last_duration: Some(Millis::secs(2)),
            ..Checkpoints::default()
        };
        assert_eq!(upload_rate(&c(100, 1_000)), Some(50.0));
        assert_eq!(upload_rate(&c(99, 1_000)), None);
        assert_eq!(upload_rate(&c(0, 0)), None);
    }

    #[test]
    fn a_saving_is_a_share_and_a_whole_taskmanager_where_those_are_released() {
        let scaling = Scaling::default();
        let k8s = Slots { total: 8, free: 0, max: None, on_demand: true, per_taskmanager: Some(4), taskmanagers: 2 };
        let fixed = Slots { on_demand: false, ..k8s };
        assert!(saving(&scaling, Some(&fixed), 10, 8).is_ok());
        assert!(saving(&scaling, Some(&fixed), 10, 9).is_err(), "10 % is less than 20 %");
        assert!(saving(&scaling, Some(&k8s), 8, 5).is_err(), "still two TaskManagers of four slots");
        assert!(saving(&scaling, Some(&k8s), 8, 4).is_ok());
        assert!(saving(&scaling, None, 0, 0).is_err());
    }

    #[test]
    fn state_must_fit_heap_and_disk_of_fewer_taskmanagers() {
        let checkpoints = Checkpoints { full_size: Some(8_000), ..Checkpoints::default() };
        let mut scaling = Scaling { disk_limit: Some(4_000), ..Scaling::default() };
        // 4 -> 2 TaskManagers: 2000 more each; 4000 + 2000 = 6000 = 75 % of 8000.
        assert_eq!(state_fits(&scaling, Some(&checkpoints), Some((4_000.0, 8_000.0)), (4, 2)), Ok(None));
        assert!(state_fits(&scaling, Some(&checkpoints), Some((4_001.0, 8_000.0)), (4, 2)).is_err());
        assert!(state_fits(&scaling, Some(&checkpoints), None, (4, 1)).is_err(), "8000 on one disk of 4000");
        scaling.disk_limit = None;
        let said = state_fits(&scaling, Some(&checkpoints), None, (4, 1));
        assert!(matches!(said, Ok(Some(Reason::ClauseOff { .. }))));
        assert_eq!(state_fits(&scaling, Some(&checkpoints), None, (4, 4)), Ok(None), "as many as before");
    }

    #[test]
    fn peaks_are_the_maximum_of_a_sliding_span() {
        let mut peaks = Peaks::default();
        for (t, v) in [(0, 5.0), (10, 9.0), (20, 3.0), (30, 4.0)] {
            peaks.push(Timestamp(t), v, Millis(100));
        }
        assert_eq!(peaks.since(Timestamp(0)), Some(9.0));
        assert_eq!(peaks.since(Timestamp(10)), Some(9.0));
        // 9 held until 20.
        assert_eq!(peaks.since(Timestamp(11)), Some(9.0));
        assert_eq!(peaks.since(Timestamp(21)), Some(4.0));
        assert_eq!(peaks.since(Timestamp(31)), None);
    }

    #[test]
    fn a_long_fall_stays_bounded_and_forgets_no_peak() {
        let mut peaks = Peaks::default();
        for t in 0..10_000 {
            peaks.push(Timestamp(t), 10_000.0 - t as f64, Millis(20_000));
        }
        assert!(peaks.entries.len() <= MAX_PEAKS);
        assert_eq!(peaks.since(Timestamp(0)), Some(10_000.0));
        assert!(peaks.since(Timestamp(5_000)).unwrap() >= 5_000.0);
    }
}
