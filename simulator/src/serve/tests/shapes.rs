//! Field by field: what is served has the fields and types that a real Flink 2.2.1 was recorded with.

use super::{Lab, recorded_job};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A recorded answer.
pub fn recorded(name: &str) -> (u16, Value) {
    let path = format!("{}/../tests/fixtures/flink-rest/2.2.1/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut file: Value = serde_json::from_str(&text).unwrap();
    (file["status"].as_u64().unwrap() as u16, file["response"].take())
}

/// Paths of all fields with the types that stand there. Elements of a list share theirs; keys that are ids count as one.
pub fn fields(value: &Value) -> BTreeMap<String, BTreeSet<&'static str>> {
    fn walk(value: &Value, at: &str, out: &mut BTreeMap<String, BTreeSet<&'static str>>) {
        out.entry(at.to_owned()).or_default().insert(kind(value));
        match value {
            Value::Object(map) => map.iter().for_each(|(k, v)| {
                let k = if k.len() == 32 { "ID" } else { k };
                walk(v, &format!("{at}/{k}"), out);
            }),
            Value::Array(list) => list.iter().for_each(|v| walk(v, at, out)),
            _ => {}
        }
    }
    let mut out = BTreeMap::new();
    walk(value, "", &mut out);
    out
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "double",
        Value::Number(_) => "long",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// The same fields of the same types; `may_differ` are fields that the world does not have, or the recording was cut of.
#[track_caller]
fn check(name: &str, served: &Value, may_differ: &[&str]) {
    let (_, recorded) = recorded(name);
    let (want, got) = (fields(&recorded), fields(served));
    for (path, kinds) in &want {
        let excused = may_differ.iter().any(|l| path.starts_with(l));
        let served = got.get(path);
        assert!(served.is_some() || excused, "{name}: {path} is missing");
        // What is null in one may be there in the other, and an empty list says nothing of its elements.
        let known = |k: &str| kinds.contains(k) || k == "null" || kinds.contains("null");
        assert!(served.is_none_or(|s| s.iter().all(|k| known(k))), "{name}: {path} is {served:?}, not {kinds:?}");
    }
    let extra: Vec<_> = got.keys().filter(|p| !want.contains_key(*p)).collect();
    let parent_is_null =
        |p: &str| p.rmatch_indices('/').any(|(i, _)| want.get(&p[..i]).is_some_and(|k| k.contains("null")));
    let fine = |p: &&&String| parent_is_null(p) || may_differ.iter().any(|l| p.starts_with(l));
    let extra: Vec<_> = extra.iter().filter(|p| !fine(p)).collect();
    assert!(extra.is_empty(), "{name}: {extra:?} are not in the recording");
}

#[test]
fn the_cluster_has_the_recorded_fields() {
    let mut lab = Lab::after(60);
    for (path, name) in [
        ("/config", "config"),
        ("/overview", "overview"),
        ("/jobs/overview", "jobs_overview"),
        ("/taskmanagers", "taskmanagers"),
        ("/jobmanager/config", "jobmanager_config"),
        ("/jars", "jars"),
    ] {
        let served = lab.get(path);
        check(name, &served, &["/files/entry/description"]);
    }
    let id = lab.get("/taskmanagers")["taskmanagers"][0]["id"].as_str().unwrap().to_owned();
    let served = lab.get(&format!("/taskmanagers/{id}/metrics?get=Status.JVM.Memory.Heap.Used"));
    check("taskmanager_metrics_values", &served, &[]);
}

#[test]
fn a_job_has_the_recorded_fields() {
    let mut lab = Lab::after(60);
    for (rest, name) in [
        ("", "job"),
        ("/status", "job_status"),
        ("/checkpoints/config", "job_checkpoints_config"),
        ("/exceptions", "job_exceptions"),
        ("/resource-requirements", "job_resource_requirements_get"),
        ("/checkpoints", "job_checkpoints"),
        ("/plan", "job_plan"),
        ("/config", "job_config"),
        ("/accumulators", "job_accumulators"),
    ] {
        let path = lab.job(rest);
        let served = lab.get(&path);
        check(name, &served, &[]);
    }
    check("jobs", &lab.get("/jobs"), &[]);
    let last = lab.server.world().checkpoints(0).unwrap().latest.unwrap().id;
    let details = lab.job(&format!("/checkpoints/details/{last}"));
    check("job_checkpoint_details", &lab.get(&details), &[]);
    let vertex = lab.server.world().job(0).unwrap().vertices[1].id.clone();
    check("job_checkpoint_details_enrich", &lab.get(&format!("{details}/subtasks/{vertex}")), &[]);
    let path = lab.job("/metrics?get=numRestarts,lastCheckpointDuration,lastCheckpointExternalPath,uptime");
    let served = lab.get(&path);
    check("job_metrics_values", &served, &[]);
}

#[test]
fn job_metrics_are_among_the_recorded_ones() {
    let mut lab = Lab::after(60);
    let path = lab.job("/metrics");
    let served = lab.get(&path);
    let ids = |v: &Value| -> BTreeSet<String> {
        v.as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, recorded) = recorded("job_metrics_values");
    let (got, want) = (ids(&served), ids(&recorded));
    assert!(got.is_subset(&want) && got.len() > 12, "{:?}", got.difference(&want));
}

#[test]
fn vertices_have_the_recorded_fields() {
    let mut lab = Lab::after(60);
    for (v, short) in [(0, "source"), (1, "enrich"), (2, "sink")] {
        let path = lab.vertex(v, "");
        let served = lab.get(&path);
        check(&format!("vertex_{short}"), &served, &[]);
        let path = lab.vertex(v, "/taskmanagers");
        let served = lab.get(&path);
        check(&format!("vertex_{short}_taskmanagers"), &served, &[]);
        let path = lab.vertex(v, "/subtasks/metrics?agg=min,max,sum,avg,skew&get=busyTimeMsPerSecond,numRecordsIn");
        let served = lab.get(&path);
        assert_eq!(served.as_array().unwrap().len(), 2);
        check(&format!("vertex_{short}_subtask_metrics_agg_0"), &served, &[]);
    }
}

#[test]
fn one_vertex_has_the_recorded_fields() {
    let mut lab = Lab::after(60);
    for (rest, name) in [
        ("/backpressure", "vertex_enrich_backpressure"),
        ("/subtasktimes", "vertex_enrich_subtasktimes"),
        ("/accumulators", "vertex_enrich_accumulators"),
        ("/subtasks/0", "vertex_enrich_subtask0"),
        ("/subtasks/0/attempts/0", "vertex_enrich_subtask0"),
        ("/subtasks/0/metrics?get=busyTimeMsPerSecond,numRecordsOutPerSecond", "vertex_enrich_subtask0_metrics"),
    ] {
        let path = lab.vertex(1, rest);
        let served = lab.get(&path);
        check(name, &served, &[]);
    }
}

/// Names that the lab's source, which is no Kafka source, does not have.
fn is_kafkas(name: &str) -> bool {
    name.contains(".KafkaSourceReader.")
}

#[test]
fn names_of_metrics_are_among_the_recorded_ones() {
    let mut lab = Lab::after(60);
    for (v, short) in [(0, "source"), (1, "enrich"), (2, "sink")] {
        let path = lab.vertex(v, "/subtasks/metrics");
        let served = lab.get(&path);
        let (_, recorded) = recorded(&format!("vertex_{short}_subtask_metrics_names"));
        let known: BTreeSet<&str> = recorded.as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
        let served: Vec<&str> = served.as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
        let strange: Vec<_> = served.iter().filter(|n| !known.contains(*n) && !is_kafkas(n)).collect();
        // `currentSendTime` is a real sink's; the recorded one discards.
        assert!(
            strange.iter().all(|n| n.ends_with(".currentSendTime") || n.ends_with(".numRecordsOut")),
            "{strange:?}"
        );
        assert!(served.len() > 15, "{served:?}");
    }
}

#[test]
fn a_restart_loop_has_the_recorded_fields() {
    use crate::scenario::{Fault, FaultKind};
    let mut scenario = recorded_job(2);
    let kind = FaultKind::Throws { vertex: "enrich".into() };
    scenario.faults = vec![Fault { at: super::secs(30), lasts: None, job: None, kind }];
    let mut lab = Lab::new(&scenario);
    lab.pass(60);
    for _ in 0..2 {
        lab.get("/jobs/metrics");
        lab.pass(1);
    }
    while lab.word() != "RESTARTING" {
        lab.pass(1);
    }
    // The cache of three seconds.
    lab.pass(3);
    let (job, exceptions) = (lab.job(""), lab.job("/exceptions"));
    let details = lab.get(&job);
    check("restart_loop_job", &details, &[]);
    assert_eq!((&details["state"], &details["vertices"][1]["status"]), (&"RESTARTING".into(), &"FAILED".into()));
    assert_eq!(details["vertices"][0]["tasks"]["CANCELED"], 2);
    let served = lab.get(&exceptions);
    let entry = &served["exceptionHistory"]["entries"][0];
    assert_eq!(entry["exceptionName"], "java.lang.RuntimeException");
    assert!(entry["taskName"].as_str().unwrap().starts_with("enrich (1/2)"));
    let path = lab.vertex(1, "/subtasks/metrics?get=busyTimeMsPerSecond");
    assert_eq!(lab.get(&path), serde_json::json!([]), "tasks that do not run have no metrics");
    let path = lab.job("/exceptions?maxExceptions=1");
    assert_eq!(lab.get(&path)["exceptionHistory"]["truncated"], true);
}

#[test]
fn a_checkpoint_storm_has_the_recorded_fields() {
    use crate::scenario::{Fault, FaultKind};
    let mut scenario = recorded_job(2);
    let kind = FaultKind::SlowCheckpoints(1e9);
    scenario.faults = vec![Fault { at: super::secs(30), lasts: None, job: None, kind }];
    (scenario.jobs[0].checkpoints.timeout, scenario.jobs[0].checkpoints.tolerable_failures) = (super::secs(3), 0);
    let mut lab = Lab::new(&scenario);
    lab.pass(60);
    let path = lab.job("/checkpoints");
    // While one is under way, after one that expired and a restore.
    let mut served = lab.get(&path);
    for _ in 0..120 {
        if served["counts"]["in_progress"] == 1 && !served["latest"]["failed"].is_null() {
            break;
        }
        lab.pass(1);
        served = lab.get(&path);
    }
    // The recording was cut to its newest, which has no completed one.
    check("checkpoint_storm_tol0_checkpoints", &served, &["/summary", "/history/discarded", "/history/external_path"]);
    let failed = served["latest"]["failed"]["id"].as_u64().unwrap();
    let path = lab.job(&format!("/checkpoints/details/{failed}"));
    check("checkpoint_storm_tol0_failed_details", &lab.get(&path), &[]);
    assert!(served["latest"]["failed"]["failure_message"].as_str().unwrap().contains("expired"), "{served}");
}

/// The first line of a refusal, without ids and the folder that the recording was made in.
fn first_line(body: &Value) -> String {
    let text = body["errors"].as_array().unwrap().last().unwrap().as_str().unwrap();
    let line = text.lines().find(|l| l.contains("Exception: ")).unwrap_or(text.lines().next().unwrap());
    let word = |w: &str| {
        let hex: String = w.chars().filter(char::is_ascii_hexdigit).collect();
        if hex.len() == 32 { "ID".to_owned() } else { w.to_owned() }
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn refusals_have_the_recorded_status_and_words() {
    let mut lab = Lab::after(10);
    let path = lab.job("/resource-requirements");
    let ids: Vec<String> = lab.server.world().job(0).unwrap().bounds.keys().map(|id| id.to_string()).collect();
    let body = |bounds: &dyn Fn(usize) -> Option<(u32, u32)>| {
        let one = |(i, id): (usize, &String)| {
            let (lower, upper) = bounds(i)?;
            Some((id.clone(), serde_json::json!({"parallelism": {"lowerBound": lower, "upperBound": upper}})))
        };
        ids.iter().enumerate().filter_map(one).collect::<serde_json::Map<_, _>>()
    };
    let mut strange = body(&|_| Some((1, 2)));
    strange.insert("0".repeat(32), serde_json::json!({"parallelism": {"lowerBound": 1, "upperBound": 2}}));
    let nobody = format!("/jobs/{}/resource-requirements", "0".repeat(32));
    let cases = [
        ("job_rr_put_missing_vertex", &path, body(&|i| (i == 0).then_some((1, 2)))),
        ("job_rr_put_unknown_vertex", &path, strange),
        ("job_rr_put_above_max_parallelism", &path, body(&|i| Some((1, if i == 1 { 500 } else { 2 })))),
        ("job_rr_put_lower_gt_upper", &path, body(&|i| Some((if i == 1 { 3 } else { 1 }, 2)))),
        ("job_rr_put_unknown_job", &nobody, body(&|_| Some((1, 2)))),
    ];
    for (name, path, body) in cases {
        let served = lab.ask("PUT", path, &Value::Object(body));
        let (status, recorded) = recorded(name);
        assert_eq!((served.status, first_line(&served.body)), (status, first_line(&recorded)), "{name}");
    }
    let path = lab.job("/rescaling?parallelism=3");
    let served = lab.ask("PATCH", &path, &Value::Null);
    let (status, recorded_body) = recorded("job_rescaling_patch");
    assert_eq!((served.status, first_line(&served.body)), (status, first_line(&recorded_body)));
    let path = lab.job(&format!("/metrics?get={}", "x".repeat(4_096)));
    let served = lab.ask("GET", &path, &Value::Null);
    assert_eq!((served.status, served.body), recorded("too_long_request_line_4096"));
}

#[test]
fn what_is_not_there_is_refused_as_recorded() {
    let mut lab = Lab::after(10);
    let path = lab.job("/rescales");
    let served = lab.ask("GET", &path, &Value::Null);
    // Recorded, and the same for the other two.
    assert_eq!(
        (served.status, served.body["errors"][0].as_str().unwrap()),
        (404, &*format!("Unable to load requested file {path}."))
    );
    let served = lab.ask("PUT", "/jobmanager/config", &Value::Null);
    assert_eq!((served.status, &served.body["errors"][0]), (404, &"Not found: /jobmanager/config".into()));
    assert_eq!(lab.ask("GET", "/jobs/none", &Value::Null).status, 400);
    assert_eq!(lab.ask("GET", &format!("/jobs/{}", "0".repeat(32)), &Value::Null).status, 404);
}
