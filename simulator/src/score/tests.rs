//! Each score on a case computed by hand.

use super::*;
use crate::scenario::{Capacity, Checkpoints, Job, Load, Restart, Shape, Vertex};

/// A job of one vertex whose subtasks carry 100/s each.
fn sizer() -> Sizer {
    let ms = Millis(0);
    let vertex = Vertex {
        name: "v".into(),
        parallelism: 1,
        max_parallelism: 64,
        slot_group: "g".into(),
        partitions: None,
        capacity: Capacity { lambda: 100.0, sigma: 0.0, kappa: 0.0, points: Vec::new() },
        selectivity: 1.0,
        emits_every: None,
        skew: 0.0,
        state: 0.0,
        state_per_record: 0.0,
        state_on_heap: false,
        noise: 0.0,
    };
    let job = Job {
        name: "j".into(),
        vertices: vec![vertex],
        edges: Vec::new(),
        load: [(0, Load { shapes: vec![Shape::Constant(1.0)], factor: 1.0, noise: 0.0 })].into(),
        checkpoints: Checkpoints {
            interval: ms,
            timeout: ms,
            tolerable_failures: 0,
            upload: 1.0,
            incremental: 1.0,
            unaligned: false,
            base: ms,
        },
        restart: Restart::Fixed { delay: ms, attempts: 1 },
        labels: BTreeMap::new(),
    };
    Sizer::new(&job, 64)
}

struct Play {
    scorer: Scorer,
    now: JobTruth,
}

impl Play {
    fn new(faults: &[i64]) -> Play {
        let known = Known {
            objective: Millis::secs(10),
            sizer: Some(sizer()),
            faults: faults.iter().map(|s| Timestamp(s * 1_000)).collect(),
        };
        let now = JobTruth {
            name: "j".into(),
            at: Timestamp(0),
            arriving: 100.0,
            consumed: 100.0,
            backlog: 0.0,
            lag: Millis::secs(1),
            parallelism: vec![2],
            slots: 2,
            running: true,
            restarts: 0,
            rescales: 0,
            busy: vec![0.5],
            checkpoints: 0,
            capacity: 200.0,
        };
        Play { scorer: Scorer::new([("j".into(), known)].into()), now }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now.at = self.now.at.plus(Millis::secs(1));
            self.scorer.tick(self.now.at, std::slice::from_ref(&self.now));
        }
    }

    fn rescale(&mut self, to: u32) {
        (self.now.parallelism, self.now.slots) = (vec![to], to);
        self.now.rescales += 1;
        self.now.restarts += 1;
    }

    fn scores(&self) -> Scores {
        self.scorer.finish().remove(0)
    }
}

#[test]
fn slot_hours_and_the_clairvoyant_plan() {
    let mut play = Play::new(&[]);
    play.run(1_800); // half an hour at 2, needs 1
    play.now.arriving = 400.0;
    play.rescale(5);
    play.run(1_800); // half an hour at 5, needs 4
    let s = play.scores();
    assert!((s.slot_hours - 3.5).abs() < 1e-9);
    // One change: half an hour at 1 and half at 4.
    assert_eq!(s.clairvoyant_slot_hours, Some(2.5));
    assert_eq!(s.clairvoyant_ratio, Some(3.5 / 2.5));
    assert_eq!((s.rescales, s.restarts, s.hours), (1, 1, 1.0));
}

#[test]
fn without_a_change_the_plan_has_one_size_too() {
    let mut play = Play::new(&[]);
    play.run(1_800);
    play.now.arriving = 400.0;
    play.run(1_800);
    assert_eq!(play.scores().clairvoyant_slot_hours, Some(4.0));
}

#[test]
fn late_time_late_records_and_lag() {
    let mut play = Play::new(&[]);
    play.run(80);
    play.now.lag = Millis::secs(10);
    play.run(10); // at the objective: not late
    play.now.lag = Millis::secs(30);
    play.now.consumed = 300.0;
    play.run(10);
    let s = play.scores();
    assert_eq!(s.late_time, 0.1);
    assert_eq!(s.late_records, 3_000.0 / 12_000.0);
    // 31.0 s would be the bucket's edge; the largest value bounds it.
    assert_eq!(s.lag, Lag { p50: 1.0, p95: 30.0, p99: 30.0, max: 30.0 });
}

#[test]
fn over_and_under() {
    let mut play = Play::new(&[]);
    play.now.arriving = 200.0;
    play.run(60); // needs 2, has 2
    play.now.arriving = 100.0;
    play.run(120); // needs 1, has 2
    play.now.arriving = 500.0;
    play.run(60); // needs 5, has 2
    let s = play.scores();
    assert_eq!(s.over, Some(Provisioning { share: 0.5, slots: 0.5 }));
    assert_eq!(s.under, Some(Provisioning { share: 0.25, slots: 0.75 }));
}

#[test]
fn downtime_and_the_most_restarts_in_half_an_hour() {
    let mut play = Play::new(&[]);
    play.run(60);
    for gap in [60, 1_640, 60, 60, 1_790] {
        play.now.restarts += 1;
        play.now.running = false;
        play.run(5);
        play.now.running = true;
        play.run(gap - 5);
    }
    // At 61, 121, 1761, 1821, 1881 s: the first four span 1760 s; the fifth comes 1820 s after the first.
    let s = play.scores();
    assert_eq!((s.restarts, s.rescales, s.downtime), (5, 0, 25.0));
    assert_eq!(s.most_restarts_in_30m, 4);
}

#[test]
fn recovery_after_a_failure_and_after_a_fault() {
    let mut play = Play::new(&[200]);
    play.run(100);
    play.now.restarts += 1;
    play.now.running = false;
    play.now.lag = Millis::secs(12);
    play.run(11);
    play.now.running = true;
    play.run(4); // running, but 12 s behind
    play.now.lag = Millis::secs(6); // 1 s before it, and 5 are no matter
    play.run(84);
    play.now.lag = Millis::secs(60);
    play.run(31); // from 200 s on
    play.now.lag = Millis::secs(1);
    play.run(100);
    let s = play.scores();
    assert_eq!((s.recovery.failures.events, s.recovery.failures.mean), (1, Some(15.0)));
    assert_eq!((s.recovery.faults.events, s.recovery.faults.longest), (1, Some(31.0)));
    assert_eq!(s.recovery.rescales.events, 0);
}

#[test]
fn settling_after_a_step() {
    let mut play = Play::new(&[]);
    play.run(600);
    play.now.arriving = 400.0;
    play.run(120);
    play.rescale(3);
    play.run(60);
    play.rescale(4);
    play.run(1_000);
    let s = play.scores();
    assert_eq!((s.settling.steps, s.settling.mean, s.settling.most), (1, Some(2.0), 2));
    assert_eq!(s.recovery.rescales.events, 2);
}

#[test]
fn memory_does_not_grow_with_time() {
    let mut play = Play::new(&[]);
    let size = |s: &Scores| serde_json::to_string(s).unwrap().len();
    play.run(3_600);
    let hour = size(&play.scores());
    for quarter in 0..8 {
        play.now.lag = Millis::secs(quarter * 7);
        play.run(10_800);
    }
    assert!(size(&play.scores()) < hour + 200);
    assert_eq!(play.scores().hours, 25.0);
}
