//! What a policy file can get wrong, and what it means when it is right.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use weirkeeper_core::glob::Glob;
use weirkeeper_core::policy::*;
use weirkeeper_core::units::Parallelism;

const HEAD: &str = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: p }\n";

fn parse_all(files: &[(&str, &[u8])]) -> Loaded {
    let files: Vec<File> =
        files.iter().map(|(path, bytes)| File { path: PathBuf::from(path), bytes: bytes.to_vec() }).collect();
    settle(parse(&files))
}

/// `body` after the head, which takes three lines.
fn read(body: &str) -> Loaded {
    parse_all(&[("p.yaml", format!("{HEAD}{body}").as_bytes())])
}

#[track_caller]
fn good(body: &str) -> Policy {
    let loaded = read(body);
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    loaded.policies.into_iter().next().unwrap()
}

/// The one problem of `body`: line, column, code, and words of the message and of the hint.
#[track_caller]
fn check(body: &str, at: (u32, u32), code: Code, message: &str, hint: &str) {
    let loaded = read(body);
    let text = loaded.report().join("\n");
    let [problem] = loaded.problems.as_slice() else { panic!("not one problem: {text}") };
    assert_eq!((problem.at.line, problem.at.column, problem.code), (at.0, at.1, code), "{text}");
    assert!(problem.message.contains(message), "message {message:?}: {text}");
    assert!(problem.hint.contains(hint), "hint {hint:?}: {text}");
    assert!(loaded.policies.is_empty(), "a policy with a problem was used");
}

#[test]
fn an_empty_policy_is_the_default() {
    assert_eq!(good(""), Policy { name: "p".to_owned(), ..Policy::default() });
    assert_eq!(good("scaling: {}\nlimits: {}\nmatch: {}\n").scaling, Scaling::default());
}

#[test]
fn every_field_is_read() {
    let policy = good(include_str!("tests/full.yaml"));
    let labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    let matches = Match { namespaces: vec!["payments".into()], jobs: vec!["ledger-*".into(), "x".into()], labels };
    assert_eq!((policy.matches, policy.mode), (matches, Mode::Approve));
    let s = policy.scaling;
    assert_eq!((s.target_utilization, s.scale_up_at, s.scale_down_at), (0.6, 0.8, 0.4));
    assert_eq!((s.window, s.warm_up, s.lag_objective), (Millis(60_000), Millis(30_000), Millis(5_400_000)));
    assert_eq!((s.min_parallelism, s.max_parallelism, s.max_slots), (Parallelism(2), Some(Parallelism(96)), Some(192)));
    assert_eq!((s.catch_up, s.withdraw_after), (Millis(0), Millis(250)));
    assert_eq!(s.scale_down, ScaleDown { after: Millis::minutes(20), min_saving: 0.25 });
    assert_eq!(s.cooldown, Cooldown { up: Millis::secs(1), down: Millis::secs(2) });
    assert_eq!((s.apply, s.disk_limit), (Apply::StopWithSavepoint, Some(107_374_182_400)));
    let jar = s.jar.unwrap();
    assert_eq!((&*jar.name, jar.entry_class.as_deref()), ("ledger.jar", Some("com.example.Ledger")));
    assert_eq!(jar.args, ["--rate", "5", "x y"]);
    let config = [("execution.checkpointing.interval", "10 s"), ("state.backend.incremental", "true")];
    assert_eq!(jar.config, config.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!(s.checkpoint_limit, Some(Millis::minutes(3)));
    let [(first, sink), (second, source)] = s.vertices.as_slice() else { panic!("{:?}", s.vertices) };
    assert_eq!((first, second), (&Glob::from("Sink: *"), &Glob::from("Source: *")));
    assert_eq!(*sink, VertexPolicy { fixed: true, ..VertexPolicy::default() });
    let expected = VertexPolicy {
        fixed: false,
        min_parallelism: Some(Parallelism(1)),
        max_parallelism: Some(Parallelism(8)),
        bounded: Some(true),
        deadline: Some(Millis::hours(6)),
        lag_exempt: true,
        async_io: Some(AsyncIo { capacity: 100, latency: Millis(20) }),
        capacity_per_subtask: weirkeeper_core::units::RecordsPerSec::new(500.5),
        throttled_series: Some("container_throttled".to_owned()),
    };
    assert_eq!(*source, expected);
    assert_eq!(s.floors.len(), 1);
    assert_eq!((s.floors[0].min_parallelism, s.floors[0].min_slots), (Some(Parallelism(4)), Some(8)));
    assert_eq!((s.floors[0].when.timezone.as_str(), s.floors[0].when.lasts), ("UTC", Millis::hours(1)));
    let [hour, day] = policy.limits.per_job.as_slice() else { panic!() };
    assert_eq!(*hour, JobLimit { count: 2, per: Millis::hours(1), downs: Some(1), reserve_up: 1 });
    assert_eq!(*day, JobLimit { count: 5, per: Millis::hours(24), downs: None, reserve_up: 0 });
    assert_eq!(policy.limits.per_fleet, FleetLimit { count: 0, percent: 5.0, per: Millis::minutes(10) });
    assert_eq!(policy.limits.max_concurrent, Concurrency { count: 4, percent: 0.0, per_cluster: 1 });
    assert_eq!(policy.freeze[0].reason, "trading open");
    assert_eq!(policy.freeze[0].when.cron.text(), "0 9 * * MON-FRI");
}

#[test]
fn forms_of_budgets() {
    let one =
        good("limits: { perJob: { count: 1, per: 1h }, maxConcurrent: { percent: 2.5%, perCluster: 3 } }\n").limits;
    assert_eq!(one.per_job, [JobLimit { count: 1, per: Millis::hours(1), downs: None, reserve_up: 0 }]);
    assert_eq!(one.max_concurrent, Concurrency { count: 0, percent: 2.5, per_cluster: 3 });
    assert_eq!(one.per_fleet, Limits::default().per_fleet);
}

#[test]
fn shares_are_fractions_or_percentages() {
    assert_eq!(good("scaling: { targetUtilization: 60% }\n").scaling.target_utilization, 0.6);
    assert_eq!(good("scaling: { scaleDown: { minSaving: 0.2 } }\n").scaling.scale_down.min_saving, 0.2);
    check("scaling: { targetUtilization: 60 }\n", (4, 31), Code::WrongUnit, "not a share", "60%");
    check("scaling: { targetUtilization: 600 }\n", (4, 31), Code::OutOfRange, "not a share", "between 0 and 1");
    check("scaling: { targetUtilization: -0.1 }\n", (4, 31), Code::OutOfRange, "not a share", "between 0 and 1");
    check("scaling: { targetUtilization: .nan }\n", (4, 31), Code::OutOfRange, "not a share", "between 0 and 1");
    check("scaling: { targetUtilization: high }\n", (4, 31), Code::WrongUnit, "neither", "20%");
}

#[test]
fn units_of_time() {
    check("scaling:\n  window: 90\n", (5, 11), Code::WrongUnit, "90 has no unit", "90s");
    check("scaling:\n  window: 90sec\n", (5, 11), Code::WrongUnit, "not a duration", "1h30m");
    check("scaling:\n  window:\n", (5, 9), Code::WrongType, "no value", "duration");
    check("scaling:\n  window: [90s]\n", (5, 11), Code::WrongType, "a list", "duration");
    check("scaling:\n  window: 0s\n", (5, 11), Code::OutOfRange, "zero", "1ms");
    check("scaling:\n  window: 9999d\n", (5, 11), Code::OutOfRange, "longer than", "less");
    check("scaling:\n  diskLimit: 100\n", (5, 14), Code::WrongUnit, "no unit", "100Gi");
    check("scaling:\n  diskLimit: 100GB\n", (5, 14), Code::WrongUnit, "not a size", "100Gi");
}

#[test]
fn unknown_fields_at_every_level() {
    check("scailing: {}\n", (4, 1), Code::UnknownField, "scailing", "did you mean scaling?");
    check("scaling: { scale_up_at: 0.9 }\n", (4, 12), Code::UnknownField, "in scaling", "scaleUpAt");
    check(
        "scaling: { cooldown: { upp: 1m } }\n",
        (4, 24),
        Code::UnknownField,
        "scaling.cooldown",
        "known fields in scaling.cooldown: up, down",
    );
    check("scaling: { vertices: { A: { fix: true } } }\n", (4, 29), Code::UnknownField, "fix", "fixed");
    check(
        "scaling: { vertices: { A: { async: { capacity: 1, latency: 1s, x: 1 } } } }\n",
        (4, 64),
        Code::UnknownField,
        "x",
        "capacity, latency",
    );
    check("match: { job: [a] }\n", (4, 10), Code::UnknownField, "job", "jobs");
    check(
        "limits: { perJob: [{ count: 1, per: 1h, up: 1 }] }\n",
        (4, 41),
        Code::UnknownField,
        "limits.perJob[0]",
        "reserveUp",
    );
    check(
        "limits: { perFleet: { count: 1, per: 1h, max: 1 } }\n",
        (4, 42),
        Code::UnknownField,
        "limits.perFleet",
        "percent",
    );
    check(
        "limits: { maxConcurrent: { count: 1, each: 1 } }\n",
        (4, 38),
        Code::UnknownField,
        "limits.maxConcurrent",
        "perCluster",
    );
    check("freeze: [ { cron: '0 9 * * *', lasts: 1h, why: x } ]\n", (4, 43), Code::UnknownField, "freeze[0]", "reason");
    check(
        "scaling: { floors: [ { cron: '0 9 * * *', lasts: 1h, minSlots: 1, y: 1 } ] }\n",
        (4, 67),
        Code::UnknownField,
        "scaling.floors[0]",
        "minParallelism",
    );
    check("? [a]\n: 1\n", (4, 3), Code::WrongType, "a key is a list", "quotes");
}

#[test]
fn repeated_keys() {
    check("mode: auto\nmode: observe\n", (5, 1), Code::DuplicateKey, "first in line 4", "keep one");
    check("scaling: { vertices: { A: {}, A: {} } }\n", (4, 31), Code::DuplicateKey, "scaling.vertices.A", "keep one");
}

#[test]
fn wrong_types_and_choices() {
    check("mode: Auto\n", (4, 7), Code::BadValue, "\"Auto\"", "did you mean auto?");
    check("mode: on\n", (4, 7), Code::BadValue, "\"on\"", "observe, recommend, approve, auto");
    check("match: { jobs: ledger }\n", (4, 16), Code::WrongType, "a list is expected", "[a, b]");
    check("match: { labels: { tier: 1 } }\n", (4, 26), Code::WrongType, "match.labels.\"tier\"", "quotes");
    check("match: [a]\n", (4, 8), Code::WrongType, "match is a list", "name: value");
    check("scaling: { minParallelism: 2.5 }\n", (4, 28), Code::WrongType, "whole number", "round");
    check("scaling: { minParallelism: 0 }\n", (4, 28), Code::OutOfRange, "is 0", "between 1 and");
    check("scaling: { minParallelism: 99999999999 }\n", (4, 28), Code::OutOfRange, "is 99999999999", "between 1 and");
    check("scaling: { minParallelism: '2' }\n", (4, 28), Code::WrongType, "text", "digits");
    check("scaling: { vertices: { A: { fixed: yes } } }\n", (4, 36), Code::WrongType, "true or false", "true");
    check(
        "scaling: { vertices: { A: { async: { latency: 1s } } } }\n",
        (4, 36),
        Code::MissingField,
        "capacity is missing",
        "capacity",
    );
    check("scaling: { vertices: { A: { capacityPerSubtask: 0 } } }\n", (4, 49), Code::OutOfRange, "is 0", "above 0");
    check(
        "scaling: { vertices: { A: { throttledSeries: 'a{b=\"c\"}' } } }\n",
        (4, 46),
        Code::BadSeries,
        "not the name",
        "labels",
    );
    check("scaling: { apply: savepoint }\n", (4, 19), Code::BadValue, "savepoint", "stop-with-savepoint");
    check(
        "scaling: { floors: [ { cron: '0 9 * * *', lasts: 1h } ] }\n",
        (4, 22),
        Code::MissingField,
        "neither",
        "minSlots",
    );
}

#[test]
fn patterns_calendars_and_zones() {
    check("match: { jobs: [''] }\n", (4, 17), Code::BadGlob, "empty", "*");
    check("scaling: { vertices: { '': {} } }\n", (4, 24), Code::BadGlob, "empty", "*");
    check("match: { jobs: [\"a\\tb\"] }\n", (4, 17), Code::BadGlob, "control", "*");
    check(
        "freeze: [ { cron: '0 25 * * *', lasts: 1h } ]\n",
        (4, 19),
        Code::BadCron,
        "hour: 25 is not between 0 and 23",
        "0 9 * * MON-FRI",
    );
    check("freeze: [ { cron: '0 9 * *', lasts: 1h } ]\n", (4, 19), Code::BadCron, "4 fields", "minute hour");
    check("freeze: [ { cron: '0 9 * * *', lasts: 32d } ]\n", (4, 39), Code::OutOfRange, "31 days", "pause");
    check("freeze: [ { lasts: 1h } ]\n", (4, 11), Code::MissingField, "freeze[0].cron", "cron");
    check(
        "freeze: [ { cron: '0 9 * * *', lasts: 1h, timezone: Europe/Berln } ]\n",
        (4, 53),
        Code::BadTimezone,
        "Berln",
        "did you mean Europe/Berlin?",
    );
}

#[test]
fn impossible_bounds() {
    check(
        "scaling: { minParallelism: 9, maxParallelism: 3 }\n",
        (4, 12),
        Code::BadBounds,
        "above maxParallelism 3",
        "swap",
    );
    check("scaling: { minParallelism: 9, maxSlots: 3 }\n", (4, 31), Code::BadBounds, "no room", "raise maxSlots");
    check(
        "scaling: { targetUtilization: 0.9, scaleUpAt: 0.8 }\n",
        (4, 12),
        Code::BadBounds,
        "does not hold",
        "leave out",
    );
    check("scaling: { scaleDownAt: 0.8, scaleUpAt: 0.8 }\n", (4, 30), Code::BadBounds, "does not hold", "leave out");
    check("scaling: { targetUtilization: 1.0 }\n", (4, 12), Code::BadBounds, "does not hold", "leave out");
    check(
        "scaling: { vertices: { A: { minParallelism: 3, maxParallelism: 2 } } }\n",
        (4, 29),
        Code::BadBounds,
        "above",
        "swap",
    );
    check(
        "scaling: { vertices: { A: { fixed: true, maxParallelism: 2 } } }\n",
        (4, 29),
        Code::BadBounds,
        "fixed",
        "keep",
    );
    check(
        "scaling: { maxSlots: 4, floors: [ { cron: '0 9 * * *', lasts: 1h, minSlots: 8 } ] }\n",
        (4, 25),
        Code::BadBounds,
        "floor",
        "lower",
    );
}

#[test]
fn malformed_budgets() {
    check("limits: { perJob: [] }\n", (4, 19), Code::BadBudget, "0 entries", "default");
    check("limits: { perJob: { count: 1, per: 1h, downs: 2 } }\n", (4, 40), Code::BadBudget, "downs 2", "at most 1");
    check(
        "limits: { perJob: { count: 1, per: 1h, reserveUp: 2 } }\n",
        (4, 40),
        Code::BadBudget,
        "reserveUp 2",
        "at most 1",
    );
    check("limits: { perJob: { count: -1, per: 1h } }\n", (4, 28), Code::OutOfRange, "-1", "between 0");
    check("limits: { perJob: { count: 3 } }\n", (4, 19), Code::MissingField, "limits.perJob.per", "per");
    check("limits: { perFleet: { per: 10m } }\n", (4, 21), Code::MissingField, "neither count nor percent", "larger");
    check("limits: { perFleet: { percent: 101, per: 10m } }\n", (4, 32), Code::OutOfRange, "101", "0 and 100");
    check("limits: { maxConcurrent: many }\n", (4, 26), Code::WrongType, "text", "name: value");
}

#[test]
fn what_comes_later_is_refused_by_name() {
    check("rules: []\n", (4, 1), Code::NotYet, "rules", "leave it out");
    check("notify: []\n", (4, 1), Code::NotYet, "notify", "leave it out");
    check("scaling: { veto: x }\n", (4, 12), Code::NotYet, "veto", "leave it out");
}

/// Problems of a whole document, without the head.
#[track_caller]
fn check_whole(text: &[u8], at: (u32, u32), code: Code, message: &str) {
    let loaded = parse_all(&[("w.yaml", text)]);
    let report = loaded.report().join("\n");
    let found = loaded.problems.first().unwrap_or_else(|| panic!("no problem"));
    assert_eq!((found.at.line, found.at.column, found.code), (at.0, at.1, code), "{report}");
    assert!(found.message.contains(message), "{report}");
}

#[test]
fn heads_and_files() {
    check_whole(b"apiVersion: v2\nkind: Policy\nmetadata: { name: a }\n", (1, 13), Code::ApiVersion, "v2");
    check_whole(b"apiVersion: weirkeeper.dev/v1\nkind: Polcy\n", (2, 7), Code::Kind, "Polcy");
    check_whole(b"apiVersion: weirkeeper.dev/v1\nkind: Runbook\nsteps: []\n", (2, 7), Code::NotYet, "Runbook");
    check_whole(b"metadata: { name: a }\napiVersion: weirkeeper.dev/v1\n", (1, 1), Code::MissingField, "kind");
    check_whole(b"apiVersion: weirkeeper.dev/v1\nkind: Policy\n", (1, 1), Code::MissingField, "metadata");
    check_whole(
        b"apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: A_b }\n",
        (3, 19),
        Code::BadValue,
        "A_b",
    );
    check_whole(b"- a\n", (1, 1), Code::WrongType, "a list");
    check_whole(b"", (1, 1), Code::NoPolicies, "no policy");
    check_whole(b"# nothing\n", (1, 1), Code::NoPolicies, "no policy");
    check_whole(b"ab\n\xc3\xa9\xffx\n", (2, 2), Code::NotUtf8, "0xff");
    check_whole(&vec![b'#'; (1 << 20) + 1], (1, 1), Code::TooLarge, "bytes");
    check_whole(("[".repeat(100) + &"]".repeat(100)).as_bytes(), (1, 49), Code::TooLarge, "");
    let laughs = (1..9).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", ")));
    let laughs = laughs.fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |all, line| all + &line);
    let loaded = parse_all(&[("l.yaml", laughs.as_bytes())]);
    assert_eq!(loaded.problems[0].code, Code::TooLarge, "{}", loaded.report().join("\n"));
    check_whole("[".repeat(100_000).as_bytes(), (1, 256), Code::YamlSyntax, "recursion limit");
}

#[test]
fn a_fault_of_syntax_does_not_hide_the_documents_before_it() {
    let text = format!("{HEAD}mode: no\n---\na: [1\nb: 2\n");
    let loaded = parse_all(&[("s.yaml", text.as_bytes())]);
    let codes: Vec<_> = loaded.problems.iter().map(|p| (p.at.line, p.code)).collect();
    assert_eq!(codes[0], (4, Code::BadValue), "{}", loaded.report().join("\n"));
    assert!(codes.len() == 2 && codes[1].1 == Code::YamlSyntax && codes[1].0 >= 6, "{}", loaded.report().join("\n"));
}

#[test]
fn every_problem_of_every_file_and_how_it_is_printed() {
    let a = format!("{HEAD}scaling:\n  window: 90\n  colour: red\nlimits: {{ perJob: {{ count: 1 }} }}\n");
    let b = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: q }\nmode: fast\nfreeze:\n  - cron: \"0 9 * * *\"\n    lasts: 90\n---\nkind: Policy\n";
    let loaded = parse_all(&[("a.yaml", a.as_bytes()), ("dir/b.yml", b.as_bytes())]);
    insta::assert_snapshot!(loaded.report().join("\n"));
}

#[test]
fn anchors_and_merges_are_read() {
    let text = format!(
        "{HEAD}scaling: {{ cooldown: &c {{ up: 1m, down: 2m }} }}\n---\napiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: {{ name: q }}\nmatch: {{ jobs: [x] }}\n"
    );
    let loaded = parse_all(&[("m.yaml", text.as_bytes())]);
    assert_eq!(loaded.policies.len(), 2, "{}", loaded.report().join("\n"));
}

#[test]
fn same_name_and_same_right() {
    let one = |name: &str, matches: &str| {
        format!("---\napiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nmatch: {matches}\n")
    };
    let both = |a: &str, b: &str| parse_all(&[("1.yaml", a.as_bytes()), ("2.yaml", b.as_bytes())]).problems;
    let problems = both(&one("a", "{}"), &one("a", "{ jobs: [x] }"));
    assert_eq!((problems[0].code, problems[0].at), (Code::DuplicatePolicy, Pos { line: 4, column: 19 }));
    assert!(problems[0].message.contains("1.yaml:4:19") && problems[0].source.contains("name: a"));
    let problems = both(&one("a", "{ jobs: ['a*'] }"), &one("b", "{ jobs: [x, '*b'] }"));
    assert_eq!((problems[0].code, problems[0].at), (Code::Overlap, Pos { line: 5, column: 1 }));
    assert!(problems[0].message.contains("\"a\" at 1.yaml:5:1"), "{}", problems[0]);
    assert_eq!(both(&one("a", "{ jobs: ['a*'] }"), &one("b", "{ jobs: ['b*'] }")), []);
    assert_eq!(both(&one("a", "{ labels: { t: x } }"), &one("b", "{}")), []);
}

#[test]
fn folders_links_and_what_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let policy = |name: &str| {
        format!(
            "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nmatch: {{ jobs: [{name}] }}\n"
        )
    };
    std::fs::create_dir_all(root.join("sub/empty")).unwrap();
    std::fs::create_dir_all(root.join("..data")).unwrap();
    std::fs::write(root.join("..data/b.yaml"), policy("hidden")).unwrap();
    std::fs::write(root.join("b.yaml"), policy("b")).unwrap();
    std::fs::write(root.join("sub/a.yml"), policy("a")).unwrap();
    std::fs::write(root.join("notes.txt"), "not yaml: [").unwrap();
    let names = |loaded: &Loaded| loaded.policies.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    let loaded = load(&[root.to_owned(), root.join("b.yaml")]);
    assert_eq!(names(&loaded), ["a", "b"], "{}", loaded.report().join("\n"));
    let loaded = load(&[root.join("sub/empty"), root.join("b.yaml")]);
    assert_eq!(loaded.problems.iter().map(|p| p.code).collect::<Vec<_>>(), [Code::NoPolicies]);
    let loaded = load(&[root.join("absent"), root.join("b.yaml")]);
    assert!(loaded.policies.is_empty() && loaded.unreadable.len() == 1);
    assert!(loaded.report()[0].contains("absent: cannot be opened"));
}

#[test]
fn hot_reload_keeps_the_last_good_set() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("p.yaml");
    let write = |mode: &str| std::fs::write(&file, format!("{HEAD}mode: {mode}\n")).unwrap();
    write("observe");
    let mut hot = HotReload::start(&[dir.path().to_owned()]).map_err(|l| l.report()).unwrap();
    assert_eq!(hot.policies()[0].mode, Mode::Observe);
    assert!(hot.poll().is_none());
    write("fast");
    assert_eq!(hot.poll().unwrap().unwrap_err().problems[0].code, Code::BadValue);
    assert!(hot.poll().is_none(), "told once");
    assert_eq!(hot.policies()[0].mode, Mode::Observe);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(hot.poll().unwrap().unwrap_err().problems[0].code, Code::NoPolicies);
    write("approve");
    assert_eq!(hot.poll().unwrap().map_err(|l| l.report()).unwrap()[0].mode, Mode::Approve);
    assert!(HotReload::start(&[dir.path().join("absent")]).is_err());
    assert!(HotReload::start(&[]).is_ok_and(|mut hot| hot.poll().is_none() && hot.policies() == builtin()));
}

#[test]
fn windows_that_hold_too_few_samples_are_told() {
    let policies = [Policy { name: "p".to_owned(), ..Policy::default() }];
    assert_eq!(too_short_for(&policies, Millis::secs(30)), Vec::<String>::new());
    assert!(too_short_for(&policies, Millis::secs(31))[0].contains("window 1m30s holds fewer than 3 samples"));
}

/// The examples of the documentation that are whole policies: each loads, and its tests pass.
#[test]
fn the_examples_of_the_documentation_hold() {
    let docs = include_str!("../../../docs/policies.md");
    let blocks = docs.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples: Vec<&str> = blocks.filter(|b| b.starts_with("apiVersion:")).collect();
    assert_eq!(examples.len(), 2);
    for example in &examples {
        let loaded = parse_all(&[("docs.yaml", example.as_bytes())]);
        assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
        let failures: Vec<_> = loaded.tests.iter().flat_map(|t| harness::run(t, weirkeeper_core::step)).collect();
        assert!(failures.is_empty(), "{}", failures[0]);
    }
    assert!(examples[1].contains("\ntests:\n"));
}

#[test]
fn codes_are_unique_and_documented() {
    let docs = include_str!("../../../docs/policies.md");
    let words: BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len());
    for word in words {
        assert!(docs.contains(&format!("| `{word}` |")), "docs/policies.md lacks {word}");
    }
}

mod garbage;
mod schema_agrees;
mod shipped;

#[test]
fn stop_with_savepoint_needs_a_jar_and_nothing_else_has_use_for_one() {
    let body = "scaling:\n  apply: stop-with-savepoint\n";
    check(body, (5, 3), Code::MissingField, "nothing says what is to be run again", "GET /jars");
    let body = "scaling:\n  jar: { name: a.jar }\n";
    check(body, (5, 3), Code::BadBounds, "only with apply: stop-with-savepoint", "leave it out");
    let body = "scaling:\n  apply: stop-with-savepoint\n  jar: { args: [x] }\n";
    check(body, (6, 8), Code::MissingField, "scaling.jar.name", "name");
    let body = "scaling:\n  apply: stop-with-savepoint\n  jar: { name: a.jar, config: { k: [1] } }\n";
    check(body, (6, 36), Code::WrongType, "scaling.jar.config.\"k\"", "in quotes");
}
