//! For each invariant a controller that breaks it, on a stage that does what it is told; and one that breaks none.

use super::*;
use crate::controller::Controller;
use crate::play::{Stage, play_on};
use crate::scenario::{
    Capacity, Checkpoints, Cluster, Edge, Fault, FaultKind, Job, Load, Mechanism, Restart, Shape, Vertex,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::effect::{ActionKind, CheckpointOrder, Redeploy, Stage as Half, Token};
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::{self, JobGraph, Ship};
use weirkeeper_core::observation::{self, Bounds, JobStatus, Observation, Sample, Slots};
use weirkeeper_core::policy::{Jar, JobLimit, Mode};
use weirkeeper_core::reason::Reason;
use weirkeeper_core::series::{Agg, SeriesKey};
use weirkeeper_core::units::Parallelism;

const BEGAN: Timestamp = Timestamp(1_736_121_600_000);

type Script = Vec<(u64, Vec<Command>)>;

/// What a test sets up; everything is as it should be until it says otherwise.
struct Case {
    scenario: Scenario,
    policy: Policy,
    script: Script,
    truth: fn(u64, &mut [JobTruth]),
    frozen: bool,
    obeys: bool,
}

fn key(job: usize) -> JobKey {
    JobKey { cluster: "c".into(), namespace: None, name: format!("j{job}").into() }
}

fn vertex(name: &str, parallelism: u32) -> Vertex {
    Vertex {
        name: name.into(),
        parallelism,
        max_parallelism: 8,
        slot_group: "default".into(),
        partitions: (name == "src").then_some(4),
        capacity: Capacity { lambda: 100.0, sigma: 0.0, kappa: 0.0, points: Vec::new() },
        selectivity: 1.0,
        emits_every: None,
        skew: 0.0,
        state: 0.0,
        state_per_record: 0.0,
        state_on_heap: false,
        noise: 0.0,
    }
}

fn spec(name: String, parallelism: u32) -> Job {
    Job {
        name: name.into(),
        vertices: vec![vertex("src", parallelism), vertex("work", parallelism)],
        edges: vec![Edge { from: 0, to: 1, ship: Ship::Hash, buffer: 100 }],
        load: BTreeMap::from([(0, Load { shapes: vec![Shape::Constant(50.0)], factor: 1.0, noise: 0.0 })]),
        checkpoints: Checkpoints {
            interval: Millis::secs(10),
            timeout: Millis::secs(10),
            tolerable_failures: 0,
            upload: 1e8,
            incremental: 0.1,
            unaligned: false,
            base: Millis(100),
        },
        restart: Restart::Fixed { delay: Millis::secs(1), attempts: 100 },
        labels: BTreeMap::new(),
    }
}

fn case(jobs: usize, parallelism: u32, script: Script) -> Case {
    let cluster = Cluster {
        version: (2, 2),
        mechanism: Mechanism::InPlace,
        task_managers: 8,
        slots_per_task_manager: 8,
        most_task_managers: None,
        start_up: Millis(0),
        heartbeat_timeout: Millis::secs(10),
        rescale_cooldown: Millis(0),
        rescale_pause: Millis(0),
        restart_pause: Millis(0),
        cold_capacity: 1.0,
        warm_up: Millis(0),
        metric_delay: Millis::secs(1),
        metric_update: Millis::secs(10),
        heap: 1 << 30,
    };
    let scenario = Scenario {
        name: "case".into(),
        summary: String::new(),
        duration: Millis::secs(1_800),
        seed: 1,
        interval: Millis::secs(15),
        cluster,
        jobs: (0..jobs).map(|j| spec(format!("j{j}"), parallelism)).collect(),
        faults: Vec::new(),
    };
    let names = (0..jobs).map(|j| Glob(format!("j{j}"))).collect();
    let mut policy = Policy { name: "p".into(), mode: Mode::Auto, ..Policy::default() };
    policy.matches.jobs = names;
    Case { scenario, policy, script, truth: |_, _| (), frozen: false, obeys: true }
}

/// Does at once what it is asked, checkpoints every ten seconds, and shows everything.
struct Fake {
    at: Timestamp,
    truth: Vec<JobTruth>,
    answers: Vec<Event>,
    script: fn(u64, &mut [JobTruth]),
    frozen: bool,
    obeys: bool,
}

impl Fake {
    fn observation(&self, job: usize) -> Observation {
        let truth = &self.truth[job];
        let one = |(v, p): (usize, &u32)| job::Vertex {
            id: format!("v{v}").into(),
            name: ["src", "work"][v].into(),
            parallelism: Parallelism(*p),
            max_parallelism: Some(Parallelism(8)),
            slot_group: "default".into(),
            partitions: None,
            running: Some(*p),
        };
        let vertices = truth.parallelism.iter().enumerate().map(one).collect();
        let counter =
            SeriesKey { name: "n".into(), task: None, operator: None, agg: Some(Agg::Sum), labels: Vec::new() };
        let value = if self.frozen { 1.0 } else { self.at.0 as f64 };
        Observation {
            job: key(job),
            job_id: "id".into(),
            labels: BTreeMap::new(),
            graph: Arc::new(JobGraph { vertices, edges: Vec::new() }),
            status: JobStatus::Running,
            running_since: Some(BEGAN),
            scheduler: None,
            slots: Some(Slots {
                total: 64,
                free: 8,
                max: None,
                on_demand: false,
                per_taskmanager: Some(8),
                taskmanagers: 8,
            }),
            requirements: None,
            checkpoints: None,
            failure: None,
            facts: observation::ClusterFacts::default(),
            samples: vec![Sample { key: Arc::new(counter), value }],
            missing: Vec::new(),
        }
    }

    fn resize(&mut self, job: usize, target: &BTreeMap<Arc<str>, Bounds>) {
        let truth = &mut self.truth[job];
        for (v, p) in truth.parallelism.iter_mut().enumerate() {
            *p = target.get(format!("v{v}").as_str()).map_or(*p, |b| b.upper.0);
        }
        truth.rescales += 1;
        truth.restarts += 1;
    }
}

impl Stage for Fake {
    fn now(&self) -> Timestamp {
        self.at
    }

    fn tick(&mut self) {
        self.at = self.at.plus(Millis::secs(1));
        let seconds = self.at.since(BEGAN).0 / 1_000;
        self.truth.iter_mut().for_each(|t| t.checkpoints = (seconds / 10) as u32);
        (self.script)(seconds, &mut self.truth);
    }

    fn poll(&mut self) -> Vec<Event> {
        (0..self.truth.len()).map(|j| Event::Observed(Box::new(self.observation(j)))).collect()
    }

    fn carry_out(&mut self, command: &Command) {
        let Command::Act(action) = command else { return };
        let job: usize = action.job.name[1..].parse().unwrap();
        let outcome = match &action.kind {
            ActionKind::Rescale { target, .. } => {
                if self.obeys {
                    self.resize(job, target);
                }
                Outcome::Accepted
            }
            _ => Outcome::Stopped { savepoint: "s".into() },
        };
        self.answers.push(Event::Outcome { run: action.run, token: action.token, outcome });
    }

    fn outcomes(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.answers)
    }

    fn truth(&self) -> &[JobTruth] {
        &self.truth
    }
}

/// Says what it was told to say, when its time has come.
struct Bad {
    policies: Vec<Policy>,
    script: Script,
}

impl Controller for Bad {
    fn name(&self) -> &str {
        "bad"
    }

    fn look(&mut self, at: Timestamp, _: &[Event]) -> Vec<Command> {
        let seconds = at.since(BEGAN).0 / 1_000;
        let (due, later) = std::mem::take(&mut self.script).into_iter().partition(|s: &(u64, _)| s.0 <= seconds);
        self.script = later;
        due.into_iter().flat_map(|s: (u64, Vec<Command>)| s.1).collect()
    }

    fn policies(&self) -> &[Policy] {
        &self.policies
    }
}

fn play_case(case: Case) -> Result<(), Violation> {
    let truth = |job: &Job| JobTruth {
        name: job.name.clone(),
        at: BEGAN,
        arriving: 50.0,
        consumed: 50.0,
        backlog: 0.0,
        lag: Millis(0),
        parallelism: job.vertices.iter().map(|v| v.parallelism).collect(),
        slots: 1,
        running: true,
        restarts: 0,
        rescales: 0,
        busy: vec![0.5, 0.5],
        checkpoints: 0,
        capacity: 100.0,
    };
    let truth = case.scenario.jobs.iter().map(truth).collect();
    let mut stage =
        Fake { at: BEGAN, truth, answers: Vec::new(), script: case.truth, frozen: case.frozen, obeys: case.obeys };
    let mut bad = Bad { policies: vec![case.policy], script: case.script };
    play_on(&mut stage, &case.scenario, 7, &mut bad, &mut ()).map(|_| ())
}

/// The play is stopped by this invariant, with these words.
#[track_caller]
fn caught(case: Case, invariant: u8, words: &str) {
    let violation = play_case(case).expect_err("the checker let it through");
    assert_eq!(violation.invariant, invariant, "{violation}");
    assert!(violation.message.contains(words), "{words:?}: {violation}");
    assert!(violation.to_string().contains("case, seed 7, second "), "{violation}");
}

#[track_caller]
fn let_through(case: Case) {
    if let Err(violation) = play_case(case) {
        panic!("{violation}");
    }
}

fn decision(id: u64, run: u64, job: usize, verdict: Verdict, reason: Reason) -> Command {
    Command::Record(Box::new(Decision {
        id,
        at: BEGAN,
        job: key(job),
        policy: "p".into(),
        verdict,
        rescale: BTreeMap::new(),
        gates: Vec::new(),
        reasons: vec![reason],
        run: Some(RunId(run)),
        plan_hash: None,
    }))
}

fn bounds(sizes: [u32; 2]) -> BTreeMap<Arc<str>, Bounds> {
    let one = |v: usize| (format!("v{v}").into(), Bounds { lower: Parallelism(1), upper: Parallelism(sizes[v]) });
    [one(0), one(1)].into()
}

fn action(run: u64, job: usize, kind: ActionKind) -> Command {
    Command::Act(Box::new(Action { run: RunId(run), token: Token(run), job: key(job), job_id: "id".into(), kind }))
}

fn rescale(run: u64, job: usize, purpose: Purpose, from: [u32; 2], to: [u32; 2]) -> Command {
    let (target, expected) = (bounds(to), bounds(from));
    action(run, job, ActionKind::Rescale { purpose, target, expected, checkpoint: CheckpointOrder::None })
}

/// A decision, and what follows from it.
fn go(run: u64, job: usize, purpose: Purpose, from: [u32; 2], to: [u32; 2]) -> Vec<Command> {
    vec![decision(run * 100, run, job, Verdict::Act, Reason::NoPolicy), rescale(run, job, purpose, from, to)]
}

fn up(run: u64, from: [u32; 2], to: [u32; 2]) -> Vec<Command> {
    go(run, 0, Purpose::Up, from, to)
}

fn down(run: u64, from: [u32; 2], to: [u32; 2]) -> Vec<Command> {
    go(run, 0, Purpose::Down, from, to)
}

/// The `n`-th step of a run is told.
fn step(run: u64, n: u64, job: usize, phase: &str) -> Vec<Command> {
    let what = format!("run-{run} {phase}: it is so");
    vec![decision(run * 100 + n, run, job, Verdict::Progress, Reason::Run { what })]
}

fn fault(at: u64, kind: FaultKind) -> Fault {
    Fault { at: Millis::secs(at), lasts: None, job: None, kind }
}

#[test]
fn a_controller_that_keeps_to_all_is_let_through() {
    let script = vec![
        (300, up(1, [1, 1], [1, 2])),
        (450, step(1, 1, 0, "succeeded")),
        (900, down(2, [1, 2], [1, 1])),
        (1_050, step(2, 1, 0, "succeeded")),
    ];
    let_through(case(2, 1, script));
    let script = vec![
        (300, up(1, [1, 1], [1, 2])),
        (405, [step(1, 1, 0, "rolling-back"), vec![rescale(1, 0, Purpose::Undo, [1, 2], [1, 1])]].concat()),
        (420, step(1, 2, 0, "rolled-back")),
    ];
    let_through(case(1, 1, script));
}

#[test]
fn t01_figures_that_do_not_move_are_no_evidence() {
    caught(Case { frozen: true, ..case(1, 1, vec![(300, up(1, [1, 1], [1, 2]))]) }, 1, "1 readings that differ");
}

#[test]
fn t04_nothing_before_the_job_is_warm() {
    caught(case(1, 1, vec![(60, up(1, [1, 1], [1, 2]))]), 4, "has run for 1m; 2m are needed");
    let restarted = |s: u64, truth: &mut [JobTruth]| truth[0].restarts = u32::from(s >= 400);
    caught(Case { truth: restarted, ..case(1, 1, vec![(480, up(1, [1, 1], [1, 2]))]) }, 4, "2m are needed");
    // What has just happened cannot have been seen.
    let_through(Case { truth: restarted, ..case(1, 1, vec![(405, up(1, [1, 1], [1, 2]))]) });
}

#[test]
fn t05_what_was_before_verifies_nothing() {
    let script = |at| vec![(300, up(1, [1, 1], [1, 2])), (at, step(1, 1, 0, "succeeded"))];
    caught(case(1, 1, script(360)), 5, "at its target are needed");
    let none = |_: u64, truth: &mut [JobTruth]| truth[0].checkpoints = 1;
    caught(Case { truth: none, ..case(1, 1, script(600)) }, 5, "without a checkpoint");
}

#[test]
fn t09_many_that_fail_together_are_one_call_and_no_change() {
    let failing = |s: u64, truth: &mut [JobTruth]| truth[1..].iter_mut().for_each(|t| t.restarts = u32::from(s >= 400));
    let page = || vec![Command::Escalate("6 of 7 jobs failed".into())];
    let storm = |script| Case { truth: failing, ..case(7, 1, script) };
    caught(storm(vec![(435, page()), (450, up(1, [1, 1], [1, 2]))]), 9, "6 of 7 jobs fail together");
    caught(storm(Vec::new()), 9, "nobody was called");
    caught(storm(vec![(435, page()), (450, page())]), 9, "2 calls for one storm");
    let_through(storm(vec![(435, page()), (450, vec![Command::Escalate("j1: cannot be undone".into())])]));
}

#[test]
fn t12_a_budget_per_job() {
    let script = || vec![(300, up(1, [1, 1], [1, 2])), (450, step(1, 1, 0, "succeeded")), (700, up(2, [1, 2], [1, 3]))];
    let limited = |count| {
        let mut case = case(1, 1, script());
        case.policy.limits.per_job = vec![JobLimit { count, per: Millis::hours(1), downs: None, reserve_up: 0 }];
        case
    };
    caught(limited(1), 12, "2 changes of one job within 1h, 1 are allowed");
    let_through(limited(2));
    let mut downs = case(
        1,
        4,
        vec![(300, down(1, [4, 4], [4, 3])), (450, step(1, 1, 0, "succeeded")), (700, down(2, [4, 3], [4, 2]))],
    );
    downs.policy.limits.per_job[0].downs = Some(1);
    caught(downs, 12, "2 scale-downs");
    let mut none = case(1, 1, script());
    none.policy.limits.per_job.clear();
    caught(none, 12, "without a budget");
}

#[test]
fn t13_a_budget_per_fleet() {
    let script = vec![
        (300, up(1, [1, 1], [1, 2])),
        (450, step(1, 1, 0, "succeeded")),
        (480, go(2, 1, Purpose::Up, [1, 1], [1, 2])),
    ];
    let mut case = case(2, 1, script);
    case.policy.limits.per_fleet.count = 1;
    caught(case, 13, "2 changes of all jobs within 10m, 1 are allowed");
}

#[test]
fn t14_what_is_under_way_counts() {
    let script = vec![(300, up(1, [1, 1], [1, 2])), (315, go(2, 1, Purpose::Up, [1, 1], [1, 2]))];
    caught(case(2, 1, script), 14, "1 others are under way");
    caught(case(1, 1, vec![(300, up(1, [1, 1], [1, 2])), (600, up(2, [1, 2], [1, 3]))]), 14, "its runs are not over");
}

#[test]
fn t17_every_bound() {
    let change = |p, commands| case(1, p, vec![(300, commands)]);
    caught(change(1, up(1, [1, 1], [1, 9])), 17, "at most 8");
    caught(change(1, up(1, [1, 1], [5, 1])), 17, "partitions");
    caught(change(1, up(1, [1, 1], [1, 1])), 17, "changes nothing");
    caught(change(6, down(1, [6, 6], [6, 2])), 17, "more than half at a step");
    let policy = |change: fn(&mut Policy), commands| {
        let mut case = change_of(commands);
        change(&mut case.policy);
        case
    };
    fn change_of(commands: Vec<Command>) -> Case {
        case(1, 2, vec![(300, commands)])
    }
    caught(policy(|p| p.scaling.max_parallelism = Some(Parallelism(3)), up(1, [2, 2], [2, 4])), 17, "at most 3");
    caught(policy(|p| p.scaling.min_parallelism = Parallelism(2), down(1, [2, 2], [2, 1])), 17, "at least 2");
    caught(policy(|p| p.scaling.max_slots = Some(3), up(1, [2, 2], [2, 4])), 17, "the policy allows 3");
    let mut forward = change(1, up(1, [1, 1], [1, 2]));
    forward.scenario.jobs[0].edges[0].ship = Ship::Forward;
    caught(forward, 17, "are joined by Forward");
    let mut narrow = change(1, up(1, [1, 1], [1, 12]));
    narrow.scenario.jobs[0].vertices[1].max_parallelism = 128;
    caught(narrow, 17, "12 slots are asked for, 9 are there");
}

#[test]
fn t20_up_down_up_on_the_same_demand() {
    let script = || {
        vec![
            (300, up(1, [1, 1], [1, 2])),
            (450, step(1, 1, 0, "succeeded")),
            (600, down(2, [1, 2], [1, 1])),
            (750, step(2, 1, 0, "succeeded")),
            (900, up(3, [1, 1], [1, 2])),
        ]
    };
    caught(case(1, 1, script()), 20, "work went up at");
    let more = |s: u64, truth: &mut [JobTruth]| truth[0].arriving = if s > 760 { 90.0 } else { 50.0 };
    let_through(Case { truth: more, ..case(1, 1, script()) });
}

#[test]
fn t26_not_while_another_holds_the_job() {
    let mut case = case(1, 1, vec![(300, up(1, [1, 1], [1, 2]))]);
    case.scenario.faults = vec![fault(200, FaultKind::Busy)];
    caught(case, 26, "another holds the job");
}

#[test]
fn t27_not_down_without_a_young_checkpoint() {
    let none = |_: u64, truth: &mut [JobTruth]| truth[0].checkpoints = 0;
    caught(Case { truth: none, ..case(1, 2, vec![(300, down(1, [2, 2], [2, 1]))]) }, 27, "the limit is 40s");
    // Up in place the age is a cost, not a veto.
    let_through(Case { truth: none, ..case(1, 2, vec![(300, up(1, [2, 2], [2, 3]))]) });
}

#[test]
fn t30_a_job_held_stopped_is_told_of() {
    let redeploy = Redeploy {
        purpose: Purpose::Up,
        stage: Half::Stop,
        jar: Jar { name: "j".into(), entry_class: None, args: Vec::new(), config: BTreeMap::new() },
        trigger: "t".into(),
        checkpoint_before: None,
        expected: bounds([1, 1]).into_iter().map(|(k, b)| (k, b.upper)).collect(),
        target: bounds([1, 2]).into_iter().map(|(k, b)| (k, b.upper)).collect(),
        wait: Millis::secs(60),
    };
    let go = vec![
        decision(100, 1, 0, Verdict::Act, Reason::NoPolicy),
        action(1, 0, ActionKind::Redeploy(Box::new(redeploy))),
    ];
    caught(case(1, 1, vec![(300, go.clone())]), 30, "held stopped");
    let_through(case(1, 1, vec![(300, go), (375, vec![Command::Escalate("j0: it does not run".into())])]));
}

#[test]
fn t31_not_down_while_lag_grows_or_below_what_arrives() {
    let lag = |s: u64, truth: &mut [JobTruth]| truth[0].lag = Millis::secs(s.saturating_sub(150));
    let script = || vec![(300, down(1, [2, 2], [2, 1]))];
    caught(Case { truth: lag, ..case(1, 2, script()) }, 31, "while lag grows");
    let much = |_: u64, truth: &mut [JobTruth]| truth[0].arriving = 150.0;
    caught(Case { truth: much, ..case(1, 2, script()) }, 31, "to 100/s while 150/s arrive");
}

#[test]
fn t32_not_up_for_what_scaling_cannot_fix() {
    let with = |kind| {
        let mut case = case(1, 2, vec![(600, up(1, [2, 2], [2, 3]))]);
        case.scenario.faults = vec![fault(60, kind)];
        case
    };
    let vertex: Arc<str> = "work".into();
    caught(with(FaultKind::Slow { vertex: vertex.clone(), factor: 0.0 }), 32, "does not work at all");
    caught(with(FaultKind::Throws { vertex: vertex.clone() }), 32, "fails again and again");
    caught(with(FaultKind::PoisonRecord { vertex: vertex.clone() }), 32, "fails again and again");
    caught(with(FaultKind::BrokerOutage { vertex: "src".into() }), 32, "nothing to be read");
    caught(with(FaultKind::HotKey { vertex: vertex.clone(), share: 0.9 }), 32, "one key");
    caught(with(FaultKind::WatermarkStall { vertex: vertex.clone() }), 32, "watermark");
    let_through(with(FaultKind::Slow { vertex, factor: 0.5 }));
}

#[test]
fn t34_not_more_while_slots_are_pending() {
    let script = vec![(300, up(1, [1, 1], [1, 2])), (450, step(1, 1, 0, "inconclusive")), (600, up(2, [1, 1], [1, 3]))];
    caught(Case { obeys: false, ..case(1, 1, script) }, 34, "work has 1 of 2 subtasks");
}

#[test]
fn t39_undone_once_and_to_what_was() {
    let undo = |to| rescale(1, 0, Purpose::Undo, [1, 2], to);
    let begun = || (300, up(1, [1, 1], [1, 2]));
    caught(case(1, 1, vec![begun(), (400, vec![undo([1, 1])]), (430, vec![undo([1, 1])])]), 39, "a second time");
    caught(case(1, 1, vec![begun(), (400, vec![undo([1, 3])])]), 39, "to other values");
    caught(case(1, 1, vec![(400, vec![undo([1, 1])])]), 39, "nobody began");
    let other = rescale(1, 0, Purpose::Undo, [1, 7], [1, 1]);
    caught(case(1, 1, vec![begun(), (400, vec![other])]), 39, "compares with other values");
}

/// A change that fails and is undone.
fn failed(run: u64, job: usize, at: u64) -> Script {
    let undo = rescale(run, job, Purpose::Undo, [1, 2], [1, 1]);
    vec![
        (at, go(run, job, Purpose::Up, [1, 1], [1, 2])),
        (at + 60, [step(run, 1, job, "rolling-back"), vec![undo]].concat()),
        (at + 75, step(run, 2, job, "rolled-back")),
    ]
}

#[test]
fn t40_what_failed_is_not_tried_again_soon() {
    let script = [failed(1, 0, 300), vec![(900, up(2, [1, 1], [1, 2]))]].concat();
    caught(case(1, 1, script), 40, "is tried again");
    // Another vertex is another attempt.
    let script = [failed(1, 0, 300), vec![(900, up(2, [1, 1], [2, 1]))]].concat();
    let_through(case(1, 1, script));
}

#[test]
fn t51_three_failed_verifications_stop_the_fleet() {
    let three = [failed(1, 0, 300), failed(2, 1, 450), failed(3, 2, 600)].concat();
    let script = [three, vec![(900, go(4, 3, Purpose::Up, [1, 1], [1, 2]))]].concat();
    let mut case = case(4, 1, script);
    case.policy.limits.per_fleet.count = 100;
    caught(case, 51, "after 3 failed verifications");
}

#[test]
fn t53_one_record_for_each_change_with_its_reasons() {
    let silent = vec![rescale(1, 0, Purpose::Up, [1, 1], [1, 2])];
    caught(case(1, 1, vec![(300, silent)]), 53, "no decision was written down");
    let twice = || decision(5, 1, 0, Verdict::Hold, Reason::NoPolicy);
    caught(case(1, 1, vec![(300, vec![twice()]), (315, vec![twice()])]), 53, "decision 5 is written down twice");
    let Command::Record(mut bare) = twice() else { unreachable!() };
    bare.reasons.clear();
    caught(case(1, 1, vec![(300, vec![Command::Record(bare)])]), 53, "no reason");
    let again = vec![decision(7, 1, 0, Verdict::Act, Reason::NoPolicy)];
    caught(case(1, 1, vec![(300, up(1, [1, 1], [1, 2])), (315, again)]), 53, "run-1 was decided twice");
}

#[test]
fn t54_the_same_events_give_the_same_decisions() {
    let setup = case(1, 1, Vec::new());
    let bad = |script| Bad { policies: vec![setup.policy.clone()], script };
    let play = |mut twin: Twin<Bad, Bad>| {
        let mut stage =
            Fake { at: BEGAN, truth: Vec::new(), answers: Vec::new(), script: |_, _| (), frozen: false, obeys: true };
        play_on(&mut stage, &setup.scenario, 7, &mut twin, &mut ())
    };
    let hold = |reason| vec![(300, vec![decision(1, 1, 0, Verdict::Hold, reason)])];
    let differ = Twin::new(bad(hold(Reason::NoPolicy)), bad(hold(Reason::Savepoint)));
    assert_eq!(play(differ).unwrap_err().invariant, 54);
    assert!(play(Twin::new(bad(hold(Reason::NoPolicy)), bad(hold(Reason::NoPolicy)))).is_ok());
}
