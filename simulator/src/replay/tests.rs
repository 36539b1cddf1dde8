//! Replays of a job made of arithmetic.

use super::*;
use crate::recording::{Context, Origin, VERSION, Writer};
use std::sync::Arc;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::Effect;
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::*;
use weirkeeper_core::policy::Match;
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::state::{Config, State};
use weirkeeper_core::units::Parallelism;

/// A source with ample capacity and a vertex that does 500/s per subtask, with exact counters.
struct Job {
    at: i64,
    p: [u32; 2],
    arriving: f64,
    backlog: f64,
    started: i64,
    totals: [[f64; 5]; 2],
    life: Vec<(Timestamp, Observation)>,
}

impl Job {
    fn new(p: u32, arriving: f64) -> Job {
        Job { at: 0, p: [p; 2], arriving, backlog: 0.0, started: 0, totals: [[0.0; 5]; 2], life: Vec::new() }
    }

    fn run(mut self, minutes: i64) -> Job {
        let until = self.at + minutes * 60_000;
        while self.at < until {
            self.tick();
            self.life.push((Timestamp(self.at), self.observe()));
        }
        self
    }

    fn rescaled(mut self, p: [u32; 2]) -> Job {
        (self.p, self.started, self.totals) = (p, self.at, [[0.0; 5]; 2]);
        self
    }

    fn tick(&mut self) {
        let (secs, p) = (15.0, self.p.map(f64::from));
        let capacity = 500.0 * p[1];
        let passed = (self.arriving + self.backlog / secs).min(capacity);
        self.backlog = ((self.arriving - passed) * secs + self.backlog).max(0.0);
        for (v, most) in [100_000.0 * p[0], capacity].into_iter().enumerate() {
            let (busy, ms) = (passed / most, secs * 1_000.0 * p[v]);
            let held = if v == 0 && self.backlog > 0.0 { 1.0 - busy } else { 0.0 };
            let more = [
                if v == 0 { 0.0 } else { passed * secs },
                passed * secs,
                busy * ms,
                (1.0 - busy - held) * ms,
                held * ms,
            ];
            self.totals[v].iter_mut().zip(more).for_each(|(t, m)| *t += m);
        }
        self.at += 15_000;
    }

    fn observe(&self) -> Observation {
        let names = ["src", "work"];
        let vertex = |(v, name): (usize, &&str)| Vertex {
            id: (*name).into(),
            name: (*name).into(),
            parallelism: Parallelism(self.p[v]),
            max_parallelism: Some(Parallelism(128)),
            slot_group: "default".into(),
            partitions: None,
            running: Some(self.p[v]),
        };
        let mut samples = Vec::new();
        let series =
            [name::RECORDS_IN, name::RECORDS_OUT, name::BUSY_TOTAL, name::IDLE_TOTAL, name::BACKPRESSURED_TOTAL];
        for (v, totals) in self.totals.iter().enumerate() {
            for (series, value) in series.iter().zip(totals) {
                samples.push(Sample { key: Arc::new(SeriesKey::task(series, names[v], Agg::Sum)), value: *value });
            }
        }
        let bounds = |v: usize| Bounds { lower: Parallelism(1), upper: Parallelism(self.p[v]) };
        let widest = self.p[0].max(self.p[1]);
        let lag = self.backlog / self.arriving * 1_000.0;
        samples.push(Sample { key: Arc::new(SeriesKey::task(name::EMIT_LAG, "src", Agg::Max)), value: lag + 5.0 });
        Observation {
            job: JobKey { cluster: "c".into(), namespace: None, name: "job".into() },
            job_id: "1".into(),
            labels: BTreeMap::new(),
            graph: Arc::new(JobGraph {
                vertices: names.iter().enumerate().map(vertex).collect(),
                edges: vec![Edge { from: 0, to: 1, ship: Ship::Hash }],
            }),
            status: JobStatus::Running,
            running_since: Some(Timestamp(self.started)),
            scheduler: Some(Scheduler::Adaptive),
            slots: Some(Slots {
                total: 64,
                free: 64 - widest,
                max: None,
                on_demand: false,
                per_taskmanager: Some(4),
                taskmanagers: 16,
            }),
            requirements: Some(names.iter().enumerate().map(|(v, n)| ((*n).into(), bounds(v))).collect()),
            checkpoints: Some(self.checkpoints()),
            failure: None,
            facts: ClusterFacts {
                version: Some((2, 2)),
                taskmanager_memory: Some(1 << 30),
                buffer_debloat: Some(true),
                ..ClusterFacts::default()
            },
            samples,
            missing: Vec::new(),
        }
    }

    fn checkpoints(&self) -> Checkpoints {
        Checkpoints {
            last_completed: Some(Timestamp(self.at)),
            last_completed_id: Some(self.at as u64 / 15_000),
            completed: Some(self.at as u64 / 15_000),
            last_duration: Some(Millis(100)),
            full_size: Some(1_000),
            savepoint_in_progress: Some(false),
            interval: Some(Millis::secs(10)),
            timeout: Some(Millis::minutes(10)),
            enabled: Some(true),
            failed: Some(0),
            written: Some(1_000),
            checkpoint_in_progress: Some(false),
            forst: Some(false),
        }
    }

    fn recording(&self, edges: bool) -> Vec<u8> {
        let first = &self.life[0].1;
        let header = Header {
            version: VERSION,
            cluster: "c".into(),
            namespace: None,
            job: "job".into(),
            origin: Origin { kind: "simulation".into(), by: "test".into(), notes: vec![] },
            interval: 15_000,
            context: Context::of(first, edges),
        };
        let mut writer = Writer::new(Vec::new(), header).expect("writes");
        for (at, o) in &self.life {
            writer.observe(*at, o).expect("writes");
        }
        writer.finish().expect("writes")
    }
}

fn policy(name: &str) -> Policy {
    Policy {
        name: name.to_owned(),
        matches: Match { jobs: vec![Glob("job".to_owned())], ..Match::default() },
        ..Policy::default()
    }
}

fn contender(name: &str) -> Contender {
    Contender { name: name.to_owned(), policies: vec![policy(name)] }
}

fn replayed(bytes: &[u8], contenders: &[Contender]) -> Replay {
    let mut rows = Rows::new(bytes).expect("reads");
    replay(&mut rows, contenders, Millis::secs(15), &mut |_| {}).expect("replays")
}

/// An hour at ease, an overload, and then (or not) the size that helps.
fn rush(helped: bool) -> Job {
    let mut job = Job::new(4, 1_200.0).run(60);
    job.arriving = 3_000.0;
    let job = job.run(20);
    if helped { job.rescaled([4, 10]).run(40) } else { job.run(40) }
}

fn wanted(o: &Outcome) -> Vec<&Judged> {
    o.decisions.iter().filter(|d| player::is_wanted(&d.decision)).collect()
}

#[test]
fn an_overload_is_told_with_its_time_and_reasons() {
    let replay = replayed(&rush(false).recording(true), &[contender("a")]);
    let wanted = wanted(&replay.outcomes[0]);
    let first = wanted.first().expect("a rescale is wanted");
    assert!(!first.beyond && first.decision.verdict == Verdict::Recommend);
    // The load rises at 60 minutes; three readings show the change, and two more that a lag grows.
    let minute = first.decision.at.0 / 60_000;
    assert!((60..65).contains(&minute), "at minute {minute}");
    assert!(first.decision.rescale.values().all(|c| c.to > c.from), "{}", first.decision);
    assert!(!first.decision.reasons.is_empty());
    assert_eq!(replay.rows, 480);
    assert_eq!(replay.span, Some((Timestamp(15_000), Timestamp(120 * 60_000))));
}

#[test]
fn after_a_rescale_that_the_job_did_not_get_nothing_is_judged() {
    let replay = replayed(&rush(false).recording(true), &[contender("a")]);
    let o = &replay.outcomes[0];
    let first = wanted(o)[0].decision.at;
    assert_eq!(o.unjudged, [(first, Timestamp(120 * 60_000))]);
    let later: Vec<bool> = o.decisions.iter().filter(|d| d.decision.at > first).map(|d| d.beyond).collect();
    assert!(later.iter().all(|b| *b), "{later:?}");
}

#[test]
fn once_the_job_has_the_size_that_was_asked_for_it_is_judged_again() {
    let probe = replayed(&rush(false).recording(true), &[contender("a")]);
    let until = |d: &&&Judged| d.decision.at <= Timestamp(80 * 60_000);
    let last = wanted(&probe.outcomes[0]).iter().rfind(until).expect("one").decision.clone();
    assert_eq!(last.rescale.keys().map(|k| &**k).collect::<Vec<_>>(), ["work"], "the source has ample capacity");
    let to = last.rescale["work"].to.0;
    assert!(to >= 7, "3000/s at 500/s each and room to spare: {to}");
    let mut job = Job::new(4, 1_200.0).run(60);
    job.arriving = 3_000.0;
    let replay = replayed(&job.run(20).rescaled([4, to]).run(40).recording(true), &[contender("a")]);
    let o = &replay.outcomes[0];
    assert_eq!(o.unjudged[0].1, Timestamp(80 * 60_000 + 15_000), "the first row at the new size");
    // When the backlog is gone it has more than it needs, and that is told of the job as recorded.
    let down = wanted(o).last().map(|d| (d.beyond, d.decision.rescale["work"].to.0 < to));
    assert_eq!(down, Some((false, true)));
    assert_eq!(replay.counts.get("rescales"), Some(&1));
}

/// The same observations, handed to the core as `recommend` does.
fn directly(job: &Job, policies: Vec<Policy>) -> Vec<Decision> {
    let config = Config { policies, interval: Millis::secs(15), dry_run: true, dry_run_counts: false };
    let mut state = State::default();
    let mut out = Vec::new();
    let mut feed = |at: Timestamp, event: Event| {
        for effect in weirkeeper_core::step(&config, &mut state, at, &event) {
            if let Effect::Record(d) = effect {
                out.push(*d);
            }
        }
    };
    feed(job.life[0].0, Event::Resumed);
    let key = job.life[0].1.job.clone();
    for (at, o) in &job.life {
        feed(*at, Event::Jobs { cluster: "c".into(), jobs: vec![key.clone()] });
        feed(*at, Event::Observed(Box::new(o.clone())));
        feed(*at, Event::Tick);
    }
    out
}

#[test]
fn a_replay_decides_what_recommend_mode_decided() {
    for job in [rush(false), rush(true)] {
        let live = directly(&job, vec![policy("a")]);
        let replay = replayed(&job.recording(true), &[contender("a")]);
        let again: Vec<Decision> = replay.outcomes[0].decisions.iter().map(|d| d.decision.clone()).collect();
        assert!(live.len() > 3, "{live:?}");
        assert_eq!(again, live);
    }
}

#[test]
fn two_policies_are_replayed_side_by_side_and_do_not_touch_each_other() {
    let bytes = rush(false).recording(true);
    let mut eager = contender("b");
    eager.policies[0].scaling.max_parallelism = Some(Parallelism(5));
    let both = replayed(&bytes, &[contender("a"), eager.clone()]);
    for (i, alone) in [contender("a"), eager].into_iter().enumerate() {
        let alone = replayed(&bytes, &[alone]);
        assert_eq!(both.outcomes[i].decisions, alone.outcomes[0].decisions);
    }
    assert_ne!(wanted(&both.outcomes[0]).len(), 0);
    let most = |o: &Outcome| wanted(o).iter().flat_map(|d| d.decision.rescale.values().map(|c| c.to.0)).max();
    assert!(most(&both.outcomes[0]) > most(&both.outcomes[1]));
    assert_eq!(most(&both.outcomes[1]), Some(5));
}

#[test]
fn a_recording_that_was_read_more_often_is_looked_at_at_the_interval() {
    let bytes = rush(false).recording(true);
    let mut rows = Rows::new(&bytes[..]).expect("reads");
    let replay = replay(&mut rows, &[contender("a")], Millis::secs(60), &mut |_| {}).expect("replays");
    assert_eq!((replay.rows, replay.looks), (480, 120));
}

#[test]
fn without_edges_nothing_is_decided_and_it_is_said() {
    let replay = replayed(&rush(false).recording(false), &[contender("a")]);
    assert!(replay.outcomes.is_empty());
    assert!(replay.known.unjudged()[0].contains("how the vertices are connected"));
}

#[test]
fn what_is_recorded_is_summed_by_the_clock_of_the_recording() {
    let replay = replayed(&rush(true).recording(true), &[contender("a")]);
    // 80 minutes at 4 slots but for the first row, whose time before it nobody saw, then 40 at 10. What was so at one row
    // is so until the next, at the size of the later row.
    let by_hand = (f64::from(4 * (80 * 60 - 15)) + f64::from(10 * 40 * 60)) / 3_600.0;
    assert!((replay.gathered.slot_ms / 3_600_000.0 - by_hand).abs() < 1e-9, "{}", replay.gathered.slot_ms);
    assert_eq!(replay.gathered.checkpoints, Some(479));
    let load = &replay.gathered.charts[0];
    assert_eq!((load.title.as_str(), load.unit.as_str()), ("Load", "records/s"));
    let at_ease = load.lines[0].points.iter().find(|p| p.0 == 30 * 60_000).and_then(|p| p.1);
    assert_eq!(at_ease, Some(1_200.0));
}

#[test]
fn the_page_and_the_json_hold_every_decision_and_what_could_not_be_judged() {
    let replay = replayed(&rush(false).recording(true), &[contender("a")]);
    let json = json(&replay);
    let decisions = json["policies"][0]["decisions"].as_array().expect("a list");
    assert_eq!(decisions.len(), replay.outcomes[0].decisions.len());
    assert!(
        decisions.iter().any(|d| d["beyondRecording"] == true && d["verdict"] == "recommend")
            || decisions.iter().filter(|d| d["verdict"] == "recommend").count() == 1
    );
    assert!(
        json["notJudged"]
            .as_array()
            .is_some_and(|a| a.iter().any(|s| s.as_str().is_some_and(|s| s.contains("partitions of src"))))
    );
    let page = crate::report::html(&report(&replay));
    assert!(page.contains("Lag in time") && page.contains("What could not be judged"));
    assert_eq!(
        page.matches("<tr id=\"mark-").count(),
        decisions.len() + replay.happened.len() + replay.outcomes[0].escalations.len()
    );
}

#[test]
fn the_lag_of_the_job_as_recorded_is_scored_by_the_definitions_of_all_scores() {
    let replay = replayed(&rush(false).recording(true), &[contender("a")]);
    let (scores, share) = replay.gathered.scores.expect("the lag is known");
    assert!((share - 1.0).abs() < 1e-9);
    // 3000/s arrive and 2000/s are done from minute 60 on: after t seconds 1000 t records wait, t / 3 seconds of arrivals.
    // Beyond two minutes after 360 s; the rest of the hour, 3240 s and the row in which it was crossed, of 7185 s.
    assert!((scores.late_time - 3_240.0 / 7_185.0).abs() < 0.003, "{}", scores.late_time);
    assert!((scores.lag.max - 1_200.0).abs() < 1_200.0 * 0.01, "{}", scores.lag.max);
    assert!((scores.slot_hours - 4.0 * 7_185.0 / 3_600.0).abs() < 1e-9, "{}", scores.slot_hours);
    assert_eq!((scores.rescales, scores.restarts, scores.downtime), (0, 0, 0.0));
    assert_eq!(replayed(&rush(true).recording(true), &[contender("a")]).gathered.scores.expect("known").0.rescales, 1);
}
