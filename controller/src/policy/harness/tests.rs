//! The harness against decision functions of our own, so that what it reports is known beforehand.

use super::*;
use crate::policy::{BUILTIN, Code, File, Loaded, parse, settle};
use weirkeeper_core::decision::Change;
use weirkeeper_core::effect::{Action, ActionKind, CheckpointOrder, Purpose, RunId, Token};
use weirkeeper_core::reason::{Gate, Reason};
use weirkeeper_core::series::{Agg, name};

fn load(tests: &str) -> Loaded {
    let text = format!("apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: {{ name: p }}\ntests:\n{tests}");
    settle(parse(&[File { path: "t.yaml".into(), bytes: text.into_bytes() }]))
}

const JOB: &str = "    job: { vertices: [ { name: 'Source: orders', parallelism: 2, partitions: 8 }, { name: Score, parallelism: 4 } ], edges: [ ['Source: orders', Score, HASH] ] }\n";

fn one(series: &str, expect: &str) -> InlineTest {
    let loaded = load(&format!("  - name: t\n    interval: 1m\n{JOB}    series: {series}\n    expect: {expect}\n"));
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    loaded.tests.into_iter().next().unwrap()
}

/// A decision for the series `script`: 0 nothing, N > 0 lets `Score: N` through, N < 0 holds `Score: -N` back by
/// cooldown.
fn scripted(_: &Config, state: &mut State, at: Timestamp, event: &Event) -> Vec<Effect> {
    let Event::Observed(seen) = event else { return Vec::new() };
    let Some(wanted) = seen.samples.iter().find(|s| &*s.key.name == "script").map(|s| s.value) else {
        return Vec::new();
    };
    let verdict = match wanted {
        w if w > 0.0 => Verdict::Act,
        w if w < 0.0 => Verdict::Gated,
        _ => Verdict::Hold,
    };
    let change = Change { from: Parallelism(4), to: Parallelism(wanted.abs() as u32) };
    let decision = Decision {
        id: 1,
        at,
        job: seen.job.clone(),
        policy: "p".to_owned(),
        verdict,
        rescale: BTreeMap::from([("Score".into(), change)]),
        gates: if verdict == Verdict::Gated { vec![Gate::Cooldown] } else { Vec::new() },
        reasons: vec![Reason::NoPolicy],
        run: None,
        plan_hash: None,
    };
    let job = state.jobs.entry(seen.job.clone()).or_default();
    job.view.standing = Some(decision.clone());
    vec![Effect::Record(Box::new(decision))]
}

#[track_caller]
fn passes(series: &str, expect: &str) {
    let failures = run(&one(series, expect), scripted);
    assert!(failures.is_empty(), "{series} {expect}: {}", failures[0]);
}

#[track_caller]
fn fails(series: &str, expect: &str, found: &str) {
    let failures = run(&one(series, expect), scripted);
    assert_eq!(failures.iter().map(|f| f.found.as_str()).collect::<Vec<_>>(), [found], "{series} {expect}");
}

#[test]
fn what_was_let_through() {
    passes("{ script: '0 0 6' }", "[ { at: 2m, rescale: { Score: 6 } } ]");
    fails("{ script: '0 0 6' }", "[ { at: 1m, rescale: { Score: 6 } } ]", "no rescale");
    fails("{ script: '0 0 6' }", "[ { at: 119s, rescale: { Score: 6 } } ]", "no rescale");
    fails("{ script: '6' }", "[ { at: 0s, rescale: { Score: 7 } } ]", "rescale { Score: 6 }");
    fails("{ script: '6' }", "[ { at: 0s, rescale: { Score: 6, 'Source: orders': 2 } } ]", "rescale { Score: 6 }");
    fails("{ script: '6' }", "[ { at: 0s, rescale: {} } ]", "rescale { Score: 6 }");
    passes("{ script: '0' }", "[ { at: 0s, rescale: {} } ]");
    fails("{ script: '_' }", "[ { at: 0s, gate: cooldown } ]", "no decision yet");
}

#[test]
fn what_was_let_through_stands_while_it_is_still_wanted() {
    passes("{ script: '6 -6' }", "[ { at: 1m, rescale: { Score: 6 } }, { at: 1m, gate: cooldown } ]");
    fails(
        "{ script: '6 -8' }",
        "[ { at: 1m, rescale: { Score: 8 } } ]",
        "wants rescale { Score: 8 }, held back by cooldown",
    );
    // Something else was wanted in between: the first plan is history.
    passes("{ script: '6 -8 -6' }", "[ { at: 2m, rescale: {} } ]");
    passes("{ script: '6 0' }", "[ { at: 1m, rescale: {} } ]");
}

#[test]
fn what_holds_back() {
    passes("{ script: '-6' }", "[ { at: 0s, gate: cooldown } ]");
    passes("{ script: '-6' }", "[ { at: 0s, gate: cooldown, rescale: { Score: 6 } } ]");
    passes("{ script: '-6' }", "[ { at: 0s, rescale: {} } ]");
    fails("{ script: '-6' }", "[ { at: 0s, gate: budget } ]", "wants rescale { Score: 6 }, held back by cooldown");
    fails(
        "{ script: '-6' }",
        "[ { at: 0s, gate: cooldown, rescale: { Score: 7 } } ]",
        "wants rescale { Score: 6 }, held back by cooldown",
    );
    fails("{ script: '6' }", "[ { at: 0s, gate: cooldown } ]", "rescale { Score: 6 }");
}

#[test]
fn a_failure_says_everything() {
    let failures = run(&one("{ script: '-6' }", "[ { at: 0s, rescale: {} }, { at: 0s, gate: budget } ]"), scripted);
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(
        failure.to_string(),
        "t.yaml:9:40: policy p, test \"t\", at 0ms\n  expected: held back by budget\n  found:    wants rescale { Score: 6 }, held back by cooldown\n    because no policy matches this job"
    );
}

#[test]
fn every_action_is_answered_with_a_dry_run() {
    // Acts once; when the answer comes, it stands as a decision with the answer's run as its parallelism.
    fn acting(config: &Config, state: &mut State, at: Timestamp, event: &Event) -> Vec<Effect> {
        assert!(config.dry_run && config.dry_run_counts);
        let job = JobKey { cluster: "test".into(), namespace: None, name: "job".into() };
        match event {
            Event::Observed(seen) => {
                assert_eq!(seen.job, job);
                let kind = ActionKind::Rescale {
                    purpose: Purpose::Up,
                    target: BTreeMap::new(),
                    expected: BTreeMap::new(),
                    checkpoint: CheckpointOrder::None,
                };
                let job_id = seen.job_id.clone();
                vec![Effect::Act(Box::new(Action { run: RunId(7), token: Token(1), job, job_id, kind }))]
            }
            Event::Outcome { run: RunId(7), token: Token(1), outcome: Outcome::DryRun } => {
                let sample = weirkeeper_core::observation::Sample { key: SeriesKey::job("script").into(), value: 7.0 };
                let mut seen = observation(&one("{ script: '7' }", "[ { at: 0s, rescale: {} } ]"), &job, at, 0);
                seen.samples = vec![sample];
                scripted(config, state, at, &Event::Observed(Box::new(seen)))
            }
            _ => Vec::new(),
        }
    }
    assert_eq!(run(&one("{ script: '0' }", "[ { at: 0s, rescale: { Score: 7 } } ]"), acting), []);
}

/// The samples at one step, as text.
fn samples(test: &InlineTest, step: usize) -> Vec<String> {
    let mut all: Vec<_> =
        inline_series::samples(&test.series, step).iter().map(|s| format!("{} {}", s.key, s.value)).collect();
    all.sort();
    all
}

#[test]
fn a_value_without_agg_has_a_meaning() {
    let busy = "flink_taskmanager_job_task_busyTimeMsPerSecond";
    let test = one(&format!("{{ '{busy}{{task_name=\"Score\"}}': '500 _ NaN' }}"), "[ { at: 0s, rescale: {} } ]");
    let expected = ["avg", "max", "min"].map(|a| format!("{busy}{{task_name=\"Score\",agg=\"{a}\"}} 500"));
    // 4 subtasks of 500.
    let sum = format!("{busy}{{task_name=\"Score\",agg=\"sum\"}} 2000");
    assert_eq!(samples(&test, 0), [&expected[..], &[sum]].concat());
    assert_eq!(samples(&test, 1), Vec::<String>::new());
    assert_eq!(samples(&test, 2), Vec::<String>::new());
    assert_eq!(samples(&test, 3), Vec::<String>::new());

    let records = name::RECORDS_IN;
    let test = one(&format!("{{ '{records}{{task_name=\"Score\"}}': '0+60x3' }}"), "[ { at: 0s, rescale: {} } ]");
    assert_eq!(samples(&test, 2), [format!("{records}{{task_name=\"Score\",agg=\"sum\"}} 120")]);

    let test =
        one(&format!("{{ '{busy}{{agg=\"max\", task_name=\"Source:_orders\"}}': 7 }}"), "[ { at: 0s, rescale: {} } ]");
    assert_eq!(samples(&test, 0), [format!("{busy}{{task_name=\"Source: orders\",agg=\"max\"}} 7")]);
}

#[test]
fn subtasks_are_aggregated() {
    let one_of =
        |i: usize, v: &str| format!("'{}{{task_name=\"Score\",subtask_index=\"{i}\"}}': '{v}'", name::BUSY_RATE);
    let series = format!("{{ {}, {}, {} }}", one_of(0, "100 1"), one_of(1, "200 _"), one_of(2, "900 1"));
    let test = one(&series, "[ { at: 0s, rescale: {} } ]");
    let key = |agg: Agg| SeriesKey::task(name::BUSY_RATE, "Score", agg);
    let expected: Vec<_> = [(Agg::Avg, 400), (Agg::Max, 900), (Agg::Min, 100), (Agg::Sum, 1200)]
        .map(|(a, v)| format!("{} {v}", key(a)))
        .to_vec();
    assert_eq!(samples(&test, 0), expected);
    assert_eq!(samples(&test, 1), Vec::<String>::new(), "one subtask is not known");
}

#[test]
fn the_job_is_observed_as_given() {
    let text = "  - name: t\n    job: { name: ledger, namespace: pay, runningFor: 1h, vertices: [ { name: B, parallelism: 3, maxParallelism: 9, slotGroup: x }, { name: A, parallelism: 2 } ], edges: [ [A, B, FORWARD] ], slots: { total: 8, perTaskManager: 4, onDemand: true, max: 12 } }\n    series: { 'up{job_name=\"ledger\",namespace=\"pay\"}': 1, flink_jobmanager_job_lastCheckpointDuration: 2500, weirkeeper_checkpoint_age_seconds: 90 }\n    expect: [ { at: 1970-01-01T00:01:00Z, rescale: {} } ]\n";
    let loaded = load(text);
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    let test = &loaded.tests[0];
    assert_eq!((test.interval, test.expect[0].at), (Millis::secs(15), Timestamp(60_000)));
    let job = Runner::new(test, scripted).job;
    let seen = observation(test, &job, Timestamp(0), 0);
    assert_eq!((&*seen.job.name, seen.job.namespace.as_deref()), ("ledger", Some("pay")));
    let names: Vec<_> = seen.graph.vertices.iter().map(|v| (&*v.name, v.parallelism.0, &*v.slot_group)).collect();
    assert_eq!(names, [("A", 2, "default"), ("B", 3, "x")], "upstream first");
    assert_eq!((seen.graph.edges[0].from, seen.graph.edges[0].to), (0, 1));
    assert_eq!(seen.running_since, Some(Timestamp(-3_600_000)));
    let slots = seen.slots.unwrap();
    // 2 + 3 in two groups are in use.
    assert_eq!((slots.total, slots.free, slots.taskmanagers, slots.max, slots.on_demand), (8, 3, 2, Some(12), true));
    let checkpoints = seen.checkpoints.unwrap();
    assert_eq!(checkpoints.last_duration, Some(Millis(2500)));
    assert_eq!(checkpoints.last_completed, Some(Timestamp(-90_000)));
    let policy = under_test(test);
    assert_eq!((policy.mode, policy.matches.jobs), (Mode::Auto, vec!["ledger".into()]));
}

/// The one problem of a test's text: line, column, code and a part of the message.
#[track_caller]
fn check(test: &str, at: (u32, u32), code: Code, message: &str) {
    let loaded = load(test);
    let text = loaded.report().join("\n");
    let [problem] = loaded.problems.as_slice() else { panic!("not one problem: {text}") };
    assert_eq!((problem.at.line, problem.at.column, problem.code), (at.0, at.1, code), "{text}");
    assert!(problem.message.contains(message), "{text}");
}

#[test]
fn tests_that_cannot_be_run_are_problems() {
    let rest = "    series: {}\n    expect: [ { at: 1m, rescale: {} } ]\n";
    let job = |job: &str| format!("  - name: t\n    job: {job}\n{rest}");
    check(&job("{ vertices: [] }"), (6, 12), Code::BadTest, "between 1 and 300");
    check(&job("{ vertices: [ { name: A } ] }"), (6, 24), Code::MissingField, "parallelism");
    check(
        &job("{ vertices: [ { name: A, parallelism: 9, maxParallelism: 4 } ] }"),
        (6, 35),
        Code::BadBounds,
        "max parallelism of 4",
    );
    check(
        &job("{ vertices: [ { name: A, parallelism: 1 } ], edges: [ [A, B, HASH] ] }"),
        (6, 68),
        Code::BadTest,
        "no vertex \"B\"",
    );
    check(
        &job("{ vertices: [ { name: A, parallelism: 1 } ], edges: [ [A, A, HASH] ] }"),
        (6, 55),
        Code::BadTest,
        "circle",
    );
    check(
        &job("{ vertices: [ { name: A, parallelism: 1 } ], edges: [ [A, A] ] }"),
        (6, 64),
        Code::WrongType,
        "2 parts",
    );
    check(
        &job("{ vertices: [ { name: A, parallelism: 1 } ], edges: [ [A, A, hash] ] }"),
        (6, 71),
        Code::BadValue,
        "hash",
    );
    check(
        &job("{ vertices: [ { name: A, parallelism: 5 } ], slots: { total: 4 } }"),
        (6, 64),
        Code::BadTest,
        "takes 5",
    );
    check(
        &job("{ vertices: [ { name: A, parallelism: 1 }, { name: A, parallelism: 1 } ] }"),
        (6, 12),
        Code::BadTest,
        "two vertices",
    );
}

#[test]
fn series_and_expectations_that_cannot_be_used_are_problems() {
    let with = |series: &str, expect: &str| format!("  - name: t\n{JOB}    series: {series}\n    expect: {expect}\n");
    let none = "[ { at: 1m, rescale: {} } ]";
    check(&with("{ x: '1+' }", none), (7, 19), Code::BadSeries, "none of");
    check(&with("{ x: '1 2 y' }", none), (7, 23), Code::BadSeries, "none of");
    check(&with("{ 'x{a=~\"b\"}': '1' }", none), (7, 20), Code::BadSeries, "only =");
    check(&with("{ 'x{agg=\"p99\"}': '1' }", none), (7, 18), Code::BadSeries, "p99");
    check(&with("{ 'x{task_name=\"score\"}': '1' }", none), (7, 18), Code::BadTest, "no vertex \"score\"");
    check(&with("{ 'x{job_name=\"other\"}': '1' }", none), (7, 18), Code::BadSeries, "not this test's job");
    check(
        &with("{ flink_taskmanager_job_task_numRecordsIn: '1' }", none),
        (7, 15),
        Code::BadSeries,
        "which one is missing",
    );
    check(
        &with("{ 'x{a=\"1\",b=\"2\"}': '1', 'x{b=\"2\",a=\"1\"}': '1' }", none),
        (7, 38),
        Code::BadSeries,
        "stands twice",
    );
    check(&with("{}", "[]"), (8, 13), Code::BadTest, "is empty");
    check(&with("{}", "[ { at: 1m } ]"), (8, 15), Code::MissingField, "expects nothing");
    check(&with("{}", "[ { at: 600, rescale: {} } ]"), (8, 21), Code::WrongUnit, "not a time");
    check(&with("{}", "[ { at: 365d, rescale: {} } ]"), (8, 21), Code::OutOfRange, "out of reach");
    check(&with("{}", "[ { at: 1m, gate: cool-down } ]"), (8, 31), Code::BadValue, "cool-down");
    check(&with("{}", "[ { at: 1m, rescale: { score: 3 } } ]"), (8, 36), Code::BadTest, "no vertex \"score\"");
    check(&with("{}", "[ { at: 1m, rescale: { Score: 0 } } ]"), (8, 43), Code::OutOfRange, "is 0");
    check(&with("{}", "[ { at: 1m, rules: {}, rescale: {} } ]"), (8, 25), Code::UnknownField, "rules");
}

#[test]
fn the_built_in_policy_carries_tests() {
    assert!(BUILTIN.contains("\ntests:\n"));
}
