//! What a scenario file can get wrong, and what it means when it is right.

use super::*;
use serde_json::Value;
use std::collections::BTreeSet;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::scenario::*;

const HEAD: &str = "apiVersion: weirkeeper.dev/v1\nkind: Scenario\nmetadata: { name: s }\n";
const JOB: &str = "jobs: [ { name: j, vertices: [ { name: src, capacity: 100 } ], load: [ constant: 50 ] } ]\n";

fn read_text(body: &str) -> Loaded {
    read(Path::new("s.yaml"), &format!("{HEAD}{body}"))
}

#[track_caller]
fn good(body: &str) -> Scenario {
    let loaded = read_text(body);
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    loaded.scenarios.into_iter().next().unwrap()
}

/// The one problem of `body`, which begins in line 4.
#[track_caller]
fn check(body: &str, at: (u32, u32), code: Code, message: &str, hint: &str) {
    let loaded = read_text(body);
    let text = loaded.report().join("\n");
    let [problem] = loaded.problems.as_slice() else { panic!("not one problem: {text}") };
    assert_eq!((problem.at.line, problem.at.column, problem.code), (at.0, at.1, code), "{text}");
    assert!(problem.message.contains(message), "message {message:?}: {text}");
    assert!(problem.hint.contains(hint), "hint {hint:?}: {text}");
    assert!(loaded.scenarios.is_empty(), "a scenario with a problem was used");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a list of what every field becomes")]
fn every_field_is_read() {
    let s = good(include_str!("tests/full.yaml"));
    assert_eq!((s.name.as_str(), s.summary.as_str(), s.seed), ("s", "Everything.", 7));
    assert_eq!((s.duration, s.interval), (Millis::hours(3), Millis::secs(30)));
    let cluster = Cluster {
        version: (1, 20),
        mechanism: Mechanism::Redeploy,
        task_managers: 3,
        slots_per_task_manager: 2,
        most_task_managers: Some(9),
        start_up: Millis::secs(40),
        heartbeat_timeout: Millis::secs(20),
        rescale_cooldown: Millis(0),
        rescale_pause: Millis::secs(61),
        restart_pause: Millis::secs(9),
        cold_capacity: 0.25,
        warm_up: Millis::secs(90),
        metric_delay: Millis::secs(2),
        metric_update: Millis::secs(5),
        heap: 2 << 30,
    };
    assert_eq!(s.cluster, cluster);
    let job = &s.jobs[0];
    assert_eq!(job.labels["tier"], "gold");
    let [source, window] = job.vertices.as_slice() else { panic!() };
    assert_eq!((&*source.name, source.parallelism, source.partitions), ("Source: a", 2, Some(8)));
    assert_eq!(source.capacity, Capacity { lambda: 1_000.0, sigma: 0.02, kappa: 0.001, points: Vec::new() });
    let expected = Vertex {
        name: "window".into(),
        parallelism: 2,
        max_parallelism: 64,
        slot_group: "w".into(),
        partitions: None,
        capacity: Capacity { lambda: 500.0, sigma: 0.0, kappa: 0.0, points: vec![(1, 500.0), (4, 1_800.0)] },
        selectivity: 0.5,
        emits_every: Some(Millis::minutes(1)),
        skew: 0.3,
        state: 1073741824.0,
        state_per_record: 10.0,
        state_on_heap: true,
        noise: 0.05,
    };
    assert_eq!(*window, expected);
    assert_eq!(job.edges, [Edge { from: 0, to: 1, ship: Ship::Hash, buffer: 500 }]);
    let load = &job.load[&0];
    assert_eq!((load.factor, load.noise, load.shapes.len()), (2.0, 0.1, 10));
    let spike = Shape::Spike {
        at: Millis::minutes(30),
        rise: Millis::minutes(1),
        hold: Millis::minutes(2),
        fall: Millis::minutes(3),
        height: 40.0,
    };
    assert_eq!(load.shapes[5], spike);
    assert_eq!(load.shapes[1], Shape::Steps(vec![(Millis(0), 1.0), (Millis::minutes(10), 5.0)]));
    let checkpoints = Checkpoints {
        interval: Millis::secs(30),
        timeout: Millis::minutes(5),
        tolerable_failures: 3,
        upload: 50e6,
        incremental: 0.2,
        unaligned: true,
        base: Millis::secs(1),
    };
    assert_eq!(job.checkpoints, checkpoints);
    assert_eq!(job.restart, Restart::Fixed { delay: Millis::secs(3), attempts: 10 });
    let kinds: BTreeSet<_> =
        s.faults.iter().map(|f| std::mem::discriminant(&f.kind)).map(|d| format!("{d:?}")).collect();
    assert_eq!((s.faults.len(), kinds.len()), (fault::KINDS.len(), fault::KINDS.len()));
    let slow = s.faults.iter().find(|f| matches!(f.kind, FaultKind::Slow { .. })).unwrap();
    let expected = FaultKind::Slow { vertex: "window".into(), factor: 0.5 };
    assert_eq!(
        (slow.at, slow.lasts, slow.job.as_deref(), &slow.kind),
        (Millis::minutes(14), Some(Millis::minutes(5)), Some("j"), &expected)
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a list of what every field becomes")]
fn what_is_wrong_is_said_with_its_place() {
    check("", (1, 1), Code::MissingField, "jobs is missing", "add");
    check("jobs: []\n", (4, 7), Code::BadValue, "no job", "add one");
    let job = |inside: &str| {
        format!(
            "jobs:\n  - name: j\n    vertices:\n      - {{ name: a, capacity: 100 }}\n      - {{ name: b, capacity: 100 }}\n{inside}"
        )
    };
    let edges = |edges: &str| job(&format!("    edges: {edges}\n    load: [ constant: 1 ]\n"));
    check(&edges("[ [a, c, HASH] ]"), (9, 18), Code::BadGraph, "\"c\", which is no vertex", "\"a\", \"b\"");
    let body = edges("[ [b, a, HASH] ]").replace("load: [ constant: 1 ]", "load: { b: [ constant: 1 ] }");
    check(&body, (9, 14), Code::BadGraph, "leads back", "order");
    check(&edges("[ [a, b] ]"), (9, 14), Code::WrongType, "[from, to, SHIP]", "HASH");
    check(&edges("[ [a, b, HSH] ]"), (9, 21), Code::BadValue, "HSH", "did you mean HASH?");
    let load = |load: &str| job(&format!("    edges: [ [a, b, HASH] ]\n    load: {load}\n"));
    check(&load("{ b: [ constant: 1 ], a: [ constant: 1 ] }"), (10, 13), Code::BadGraph, "no source", "\"a\"");
    check(&load("{}"), (10, 11), Code::MissingField, "what arrives at \"a\"", "constant");
    check(&load("[ { constant: 1, noise: 5% } ]"), (10, 13), Code::BadValue, "not one shape", "its own");
    check(&load("[ spike: { height: 5 } ]"), (10, 20), Code::MissingField, "at is missing", "add");
    check(&load("[ steps: [[5m, 1], [5m, 2]] ]"), (10, 20), Code::BadBounds, "do not rise", "sort");
    let twice = "[ constant: 1, outage: { at: 1m, lasts: 1m, returns: 5m }, outage: { at: 3m, lasts: 1m } ]";
    check(&load(twice), (10, 11), Code::BadBounds, "before the one before", "move it");
    check(&load("[ trace: { file: none.csv } ]"), (10, 22), Code::BadTrace, "none.csv: cannot be read", "beside");
    check(
        &format!("{JOB}cluster: {{ taskManagers: 1, slotsPerTaskManger: 2 }}\n"),
        (5, 29),
        Code::UnknownField,
        "slotsPerTaskManger",
        "did you mean slotsPerTaskManager?",
    );
    check(&format!("{JOB}cluster: {{ heap: 1Q }}\n"), (5, 18), Code::WrongUnit, "not a number of bytes", "1GiB");
    check(&format!("{JOB}interval: 1500ms\n"), (5, 11), Code::OutOfRange, "1.5s", "whole seconds");
    check(
        &format!("{JOB}faults: [ {{ at: 3h, fault: busy }} ]\n"),
        (5, 1),
        Code::BadBounds,
        "never happens",
        "duration",
    );
    check(
        &format!("{JOB}faults: [ {{ at: 1h, fault: slow, vertex: src }} ]\n"),
        (5, 11),
        Code::MissingField,
        "factor is missing",
        "add",
    );
    check(
        &format!("{JOB}faults: [ {{ at: 1h, fault: busy, factor: 2 }} ]\n"),
        (5, 34),
        Code::UnknownField,
        "no meaning for busy",
        "leave it out",
    );
    check(
        &format!("{JOB}faults: [ {{ at: 1h, fault: throws, vertex: b }} ]\n"),
        (5, 44),
        Code::BadValue,
        "no vertex",
        "\"src\"",
    );
    check(
        &format!("{JOB}faults: [ {{ at: 1h, fault: throws, job: k, vertex: src }} ]\n"),
        (5, 41),
        Code::BadValue,
        "no job",
        "j",
    );
    let wide = JOB.replace("capacity: 100", "capacity: 100, parallelism: 17");
    check(&wide, (4, 1), Code::BadBounds, "start with 17 slots, and the cluster has 16", "taskManagers");
}

#[test]
fn a_policy_is_no_scenario_and_an_empty_file_neither() {
    let loaded = read(Path::new("p.yaml"), "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: p }\n");
    assert_eq!(loaded.problems[0].code, Code::Kind);
    assert_eq!(read(Path::new("e.yaml"), "").problems[0].code, Code::NoScenarios);
    assert_eq!(read(Path::new("b.yaml"), "a: [").problems[0].code, Code::YamlSyntax);
}

fn schema_value() -> Value {
    serde_json::from_str(&schema::scenario()).unwrap()
}

#[test]
fn the_schema_is_the_committed_file() {
    let committed = include_str!("../../../simulator/scenarios/scenario.schema.json");
    let how = "run: weirkeeper schema scenario > simulator/scenarios/scenario.schema.json";
    assert_eq!(committed, schema::scenario() + "\n", "{how}");
}

#[test]
fn the_schema_has_the_fields_that_are_read_and_describes_each() {
    let schema = schema_value();
    let defined = [
        ("Metadata", known::METADATA),
        ("Cluster", known::CLUSTER),
        ("Job", known::JOB),
        ("Vertex", known::VERTEX),
        ("Capacity", known::CAPACITY),
        ("Checkpoints", known::CHECKPOINTS),
        ("Restart", known::RESTART),
        ("Exponential", known::EXPONENTIAL),
        ("Fixed", known::FIXED),
        ("Rate", known::RATE),
        ("Load", known::LOAD),
        ("Trace", known::TRACE),
        ("Sine", known::SINE),
        ("Diurnal", known::DIURNAL),
        ("Spike", known::SPIKE),
        ("Sawtooth", known::SAWTOOTH),
        ("Dump", known::DUMP),
        ("Walk", known::WALK),
        ("Outage", known::OUTAGE),
        ("Fault", known::FAULT),
    ];
    let names = |object: &Value| object["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let read = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&schema), read(known::SCENARIO));
    for (name, list) in defined {
        assert_eq!(names(&schema["$defs"][name]), read(list), "{name}");
        assert_eq!(schema["$defs"][name]["additionalProperties"], Value::Bool(false), "{name}");
    }
    let docs = include_str!("../../../docs/simulator.md");
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for (name, field) in objects.filter_map(|o| o["properties"].as_object()).flatten() {
        assert!(field["description"].is_string(), "{name} is not described");
        assert!(docs.contains(&format!("`{name}`")), "docs/simulator.md does not speak of {name}");
    }
    for (word, _) in fault::KINDS {
        assert!(docs.contains(&format!("`{word}`")), "docs/simulator.md does not speak of {word}");
    }
}

/// A scenario that writes out every default of the schema is the one that writes out nothing.
#[test]
fn the_schema_has_the_defaults_that_are_used() {
    let schema = schema_value();
    let written = |fields: &Value| {
        let fields = fields["properties"].as_object().unwrap();
        let given = fields.iter().filter_map(|(k, f)| Some((k.clone(), f.get("default")?.clone())));
        given.collect::<serde_json::Map<_, _>>()
    };
    let mut all = written(&schema);
    all.insert("cluster".to_owned(), written(&schema["$defs"]["Cluster"]).into());
    let mut vertex = written(&schema["$defs"]["Vertex"]);
    vertex.extend([("name".to_owned(), "src".into()), ("capacity".to_owned(), 100.into())]);
    let job = serde_json::json!({
        "name": "j", "vertices": [vertex], "load": [{ "constant": 50 }],
        "checkpoints": written(&schema["$defs"]["Checkpoints"]),
        "restart": { "exponential": written(&schema["$defs"]["Exponential"]) },
    });
    all.insert("jobs".to_owned(), serde_json::json!([job]));
    let head = [("apiVersion", "weirkeeper.dev/v1"), ("kind", "Scenario")];
    all.extend(head.map(|(k, v)| (k.to_owned(), v.into())));
    all.insert("metadata".to_owned(), serde_json::json!({ "name": "s" }));
    let loaded = read(Path::new("d.yaml"), &serde_json::to_string(&all).unwrap());
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    assert_eq!(loaded.scenarios[0], good(JOB));
}

/// The shipped scenarios, at most so long.
fn shipped(longest: Millis) -> Vec<std::sync::Arc<Scenario>> {
    let loaded = load(&[PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../simulator/scenarios")]);
    assert!(loaded.is_good(), "{}", loaded.report().join("\n"));
    let short = |mut s: Scenario| {
        s.duration = s.duration.min(longest);
        std::sync::Arc::new(s)
    };
    loaded.scenarios.into_iter().map(short).collect()
}

#[test]
fn there_is_a_scenario_for_each_fault_and_each_shape_of_load() {
    let all = shipped(Millis::hours(24 * 7));
    assert!(all.len() >= 30, "{}", all.len());
    assert!(all.iter().all(|s| !s.summary.is_empty() && s.summary.ends_with('.')), "each says what it shows");
    let names: BTreeSet<_> = all.iter().map(|s| s.name.clone()).collect();
    assert_eq!(names.len(), all.len(), "each has a name of its own");
    let kinds = all.iter().flat_map(|s| s.faults.iter().map(|f| format!("{:?}", std::mem::discriminant(&f.kind))));
    assert_eq!(kinds.collect::<BTreeSet<_>>().len(), fault::KINDS.len());
    let loads = || all.iter().flat_map(|s| &s.jobs).flat_map(|j| j.load.values());
    let shapes = loads().flat_map(|l| l.shapes.iter().map(|s| format!("{:?}", std::mem::discriminant(s))));
    // `line` and `trace` are one shape.
    assert_eq!(shapes.collect::<BTreeSet<_>>().len(), 10);
}

/// What must never happen does not, and whoever does nothing does nothing.
#[test]
fn every_shipped_scenario_plays_without_a_violation() {
    let scenarios = shipped(Millis::hours(3));
    let (controllers, policies) = (["weirkeeper".to_owned()], crate::policy::builtin());
    let tournament = weirkeeper_simulator::tournament::Tournament {
        scenarios: &scenarios,
        controllers: &controllers,
        seeds: &[],
        policies: &policies,
        options: &Default::default(),
        objective: Millis::minutes(2),
    };
    let runs = tournament.run(2, &|_| ()).unwrap();
    let violations: Vec<_> = runs.iter().filter_map(|r| r.violation.clone()).collect();
    assert!(violations.is_empty(), "{}", violations.join("\n\n"));
    let changes = |name: &str| runs.iter().find(|r| r.scenario == name).map(|r| r.changes);
    assert_eq!((changes("constant"), changes("watermark-stall")), (Some(0), Some(0)));
    assert!(changes("step-up") > Some(0) && changes("rush-hour") > Some(0));
}

/// 54: two that are shown the same say the same, through a kill of the controller, too.
#[test]
fn t54_a_twin_says_the_same() {
    use weirkeeper_simulator::controllers::weirkeeper::Weirkeeper;
    use weirkeeper_simulator::invariants::Twin;
    for name in ["controller-killed", "api-timeouts", "failing-together"] {
        let scenario = shipped(Millis::hours(2)).into_iter().find(|s| s.name == name).unwrap();
        let one = || Weirkeeper::acting(&crate::policy::builtin(), &scenario);
        let played = weirkeeper_simulator::play::play(&scenario, 3, &mut Twin::new(one(), one()), &mut ());
        let played = played.unwrap_or_else(|violation| panic!("{violation}"));
        assert!(played.decisions >= 5, "{name}: {played:?}");
    }
}
