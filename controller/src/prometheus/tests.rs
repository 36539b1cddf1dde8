//! From answers of Prometheus to observations.

use super::*;
use axum::Router;
use axum::routing::post;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::{ClusterFacts, JobStatus, Observation, Slots};
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::{Parallelism, Timestamp};

fn vertex(id: &str, name: &str) -> Vertex {
    Vertex {
        id: id.into(),
        name: name.into(),
        parallelism: Parallelism(1),
        max_parallelism: Some(Parallelism(128)),
        slot_group: "default".into(),
        partitions: None,
        running: None,
    }
}

fn known() -> Observation {
    Observation {
        job: JobKey { cluster: "c".into(), namespace: None, name: "lab-job".into() },
        job_id: "".into(),
        labels: BTreeMap::new(),
        graph: Arc::new(JobGraph {
            vertices: vec![vertex("aa", "Source: orders"), vertex("bb", "enrich (x2)")],
            edges: vec![Edge { from: 0, to: 1, ship: Ship::Hash }],
        }),
        status: JobStatus::Running,
        running_since: None,
        scheduler: None,
        slots: Some(Slots { total: 0, free: 0, max: Some(9), on_demand: true, per_taskmanager: None, taskmanagers: 0 }),
        requirements: None,
        checkpoints: None,
        failure: None,
        facts: ClusterFacts::default(),
        samples: Vec::new(),
        missing: Vec::new(),
    }
}

/// A series from `name{k=v,...}` and its values at 0 s, 15 s, ...
fn series(text: &str, values: &[f64]) -> Series {
    let (name, labels) = text.trim_end_matches('}').split_once('{').unwrap();
    let mut map: BTreeMap<String, String> =
        labels.split(',').filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
    if !name.is_empty() {
        map.insert("__name__".into(), name.into());
    }
    let at = |(i, v): (usize, &f64)| (Timestamp(i as i64 * 15_000), *v);
    Series { labels: map, values: values.iter().enumerate().map(at).filter(|v| !v.1.is_infinite()).collect() }
}

/// Nothing at that time.
const NONE: f64 = f64::INFINITY;

fn told(o: &Observation, key: &str) -> Option<f64> {
    o.samples.iter().find(|s| s.key.to_string() == key).map(|s| s.value)
}

fn feed() -> Feed {
    let task = |n: &str, id: &str| format!("{n}{{job_id=j1,job_name=lab_job,task_id={id},task_name=t}}");
    vec![
        (
            Kind::Task(Agg::Sum),
            vec![
                series(&task(name::RECORDS_OUT, "aa"), &[100.0, 250.0, 400.0]),
                series(&task(name::RECORDS_IN, "aa"), &[0.0, 0.0, 0.0]),
                series(&task(name::RECORDS_OUT, "bb"), &[0.0, 0.0, 0.0]),
                series(&task(name::RECORDS_IN, "bb"), &[90.0, f64::NAN, 390.0]),
            ],
        ),
        (
            Kind::Task(Agg::Avg),
            vec![
                series(
                    "flink_taskmanager_job_task_operator_currentSendTime{job_id=j1,task_id=bb,operator_name=a}",
                    &[4.0, 4.0, 4.0],
                ),
                series(
                    "flink_taskmanager_job_task_operator_currentSendTime{job_id=j1,task_id=bb,operator_name=b}",
                    &[9.0, 9.0, 9.0],
                ),
            ],
        ),
        (
            Kind::Subtasks,
            vec![
                series("{job_id=j1,task_id=aa,task_name=t}", &[2.0, 2.0, 2.0]),
                series("{job_id=j1,task_id=bb,task_name=t}", &[4.0, NONE, 5.0]),
            ],
        ),
        (
            Kind::Age,
            vec![
                series("{job_id=j1,task_id=aa}", &[60_000.0, 75_000.0, 2_000.0]),
                series("{job_id=j1,task_id=bb}", &[59_000.0, NONE, 1_000.0]),
            ],
        ),
        (
            Kind::Job,
            vec![
                series("flink_jobmanager_job_numRestarts{job_id=j1,instance=here}", &[0.0, 1.0, 1.0]),
                series("flink_jobmanager_job_numberOfCompletedCheckpoints{job_id=j1,instance=here}", &[7.0, 7.0, 8.0]),
                series("flink_jobmanager_job_lastCheckpointDuration{job_id=j1,instance=here}", &[-1.0, 80.0, 90.0]),
            ],
        ),
        (
            Kind::Cluster,
            vec![
                series("flink_jobmanager_taskSlotsTotal{instance=here}", &[8.0, 8.0, 8.0]),
                series("flink_jobmanager_taskSlotsAvailable{instance=here}", &[4.0, 4.0, 3.0]),
                series("flink_jobmanager_numRegisteredTaskManagers{instance=here}", &[2.0, 2.0, 2.0]),
                series("flink_jobmanager_taskSlotsTotal{instance=there}", &[80.0, 80.0, 80.0]),
                series("flink_taskmanager_Status_JVM_Memory_Heap_Used{tm_id=tm1}", &[5e8, 5e8, 5e8]),
                series("flink_taskmanager_Status_JVM_Memory_Heap_Used{tm_id=tm9}", &[6e8, 6e8, 6e8]),
            ],
        ),
        (Kind::Hosts, vec![series("{job_id=j1,tm_id=tm1}", &[6.0, 6.0, 6.0])]),
    ]
}

#[test]
fn series_come_back_under_the_names_of_the_job_graph() {
    let seen = Assembler::new(known()).observations(&feed());
    assert_eq!(seen.iter().map(|s| s.0.0).collect::<Vec<_>>(), [0, 15_000, 30_000]);
    let first = &seen[0].1;
    assert_eq!((&*first.job.name, &*first.job_id), ("lab-job", "j1"));
    assert_eq!(
        told(first, "flink_taskmanager_job_task_numRecordsOut{task_name=\"Source: orders\",agg=\"sum\"}"),
        Some(100.0)
    );
    assert_eq!(
        told(first, "flink_taskmanager_job_task_numRecordsIn{task_name=\"enrich (x2)\",agg=\"sum\"}"),
        Some(90.0)
    );
    // A source receives nothing, a sink sends nothing: Flink's zeros there are no figures.
    assert_eq!(told(first, "flink_taskmanager_job_task_numRecordsIn{task_name=\"Source: orders\",agg=\"sum\"}"), None);
    assert_eq!(told(first, "flink_taskmanager_job_task_numRecordsOut{task_name=\"enrich (x2)\",agg=\"sum\"}"), None);
    // Of two operators in one vertex the worse mean counts, as through REST.
    assert_eq!(
        told(first, "flink_taskmanager_job_task_operator_currentSendTime{task_name=\"enrich (x2)\",agg=\"avg\"}"),
        Some(9.0)
    );
    // Not a number, and "not yet", are not known.
    assert_eq!(
        told(&seen[1].1, "flink_taskmanager_job_task_numRecordsIn{task_name=\"enrich (x2)\",agg=\"sum\"}"),
        None
    );
    assert_eq!(told(first, "flink_jobmanager_job_lastCheckpointDuration"), None);
    // Memory of the TaskManagers that run the job, and of no others.
    assert_eq!(told(first, "flink_taskmanager_Status_JVM_Memory_Heap_Used{tm_id=\"tm1\"}"), Some(5e8));
    assert_eq!(told(first, "flink_taskmanager_Status_JVM_Memory_Heap_Used{tm_id=\"tm9\"}"), None);
}

#[test]
fn sizes_attempts_slots_and_checkpoints_are_told_over_time() {
    let seen = Assembler::new(known()).observations(&feed());
    let sizes: Vec<_> =
        seen.iter().map(|(_, o)| o.graph.vertices.iter().map(|v| v.parallelism.0).collect::<Vec<_>>()).collect();
    assert_eq!(sizes, [[2, 4], [2, 4], [2, 5]], "a vertex that is away keeps its size");
    let states: Vec<_> = seen.iter().map(|(_, o)| (o.status, o.running_since.map(|t| t.0))).collect();
    let expected =
        [(JobStatus::Running, Some(-59_000)), (JobStatus::Restarting, None), (JobStatus::Running, Some(29_000))];
    assert_eq!(states, expected);
    let slots = seen[2].1.slots.unwrap();
    assert_eq!(
        (slots.total, slots.free, slots.per_taskmanager, slots.max, slots.on_demand),
        (8, 3, Some(4), Some(9), true)
    );
    let completed: Vec<_> = seen.iter().map(|(_, o)| o.checkpoints.as_ref().and_then(|c| c.last_completed)).collect();
    assert_eq!(completed, [None, None, Some(Timestamp(15_000))], "no later than it may have been");
}

#[test]
fn an_attempt_keeps_its_beginning_though_clocks_are_read_unevenly() {
    let ages = [60_000.0, 74_000.0, 91_500.0];
    let feed: Feed = vec![
        (
            Kind::Subtasks,
            ["aa", "bb"].iter().map(|v| series(&format!("{{job_id=j,task_id={v}}}"), &[1.0, 1.0, 1.0])).collect(),
        ),
        (Kind::Age, ["aa", "bb"].iter().map(|v| series(&format!("{{job_id=j,task_id={v}}}"), &ages)).collect()),
    ];
    let seen = Assembler::new(known()).observations(&feed);
    assert!(seen.iter().all(|(_, o)| o.running_since == Some(Timestamp(-60_000))));
    // Where Flink itself says since when all subtasks run, that counts.
    let mut told = feed;
    told.push((
        Kind::Job,
        vec![series("flink_jobmanager_job_allSubTasksRunningOrFinishedTime{job_id=j}", &[1_000.0, 16_000.0, 0.0])],
    ));
    let seen = Assembler::new(known()).observations(&told);
    let since: Vec<_> = seen.iter().map(|(_, o)| o.running_since.map(|t| t.0)).collect();
    assert_eq!(since, [Some(-1_000), Some(-1_000), None]);
}

#[test]
fn vertices_are_found_by_their_mangled_name_too_and_strangers_are_told() {
    let feed: Feed = vec![(
        Kind::Task(Agg::Sum),
        vec![
            series("flink_taskmanager_job_task_numRecordsOut{job_id=j,task_name=Source:_orders}", &[5.0]),
            series("flink_taskmanager_job_task_numRecordsOut{job_id=j,task_id=zz,task_name=other}", &[5.0]),
        ],
    )];
    let mut assembler = Assembler::new(known());
    let seen = assembler.observations(&feed);
    assert_eq!(seen[0].1.samples.len(), 1);
    assert_eq!(assembler.strangers.iter().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn of_two_jobs_of_one_name_the_one_that_runs_counts() {
    let row = |job: &str, v: f64| series(&format!("{{job_id={job},task_id=aa}}"), &[v]);
    let feed: Feed = vec![
        (
            Kind::Job,
            vec![
                series("flink_jobmanager_job_numRestarts{job_id=old}", &[3.0]),
                series("flink_jobmanager_job_numRestarts{job_id=new}", &[0.0]),
            ],
        ),
        (Kind::Subtasks, vec![row("new", 2.0)]),
    ];
    let seen = Assembler::new(known()).observations(&feed);
    assert_eq!((&*seen[0].1.job_id, told(&seen[0].1, name::NUM_RESTARTS)), ("new", Some(0.0)));
}

#[test]
fn without_a_graph_vertices_are_what_prometheus_names_and_nothing_is_called_a_source() {
    let blank = Observation { graph: Arc::default(), slots: None, ..known() };
    let seen = Assembler::new(blank).observations(&feed());
    let names: Vec<_> = seen[0].1.graph.vertices.iter().map(|v| v.id.to_string()).collect();
    assert_eq!(names, ["aa", "bb"]);
    assert_eq!(seen[0].1.slots, None, "whether slots come on demand is not known");
}

#[test]
fn a_reading_takes_few_queries_however_many_jobs_there_are() {
    let many: Vec<String> = (0..500).map(|n| format!("{n:032x}")).collect();
    for filter in [Filter::All, Filter::Name("a.b".into()), Filter::Ids(many)] {
        let queries = all(&filter);
        assert!(queries.len() <= 10, "{}", queries.len());
        assert!(queries.iter().all(|(_, q)| q.len() < 8_000));
    }
    let one = all(&Filter::Name("lab-job (1)".into()));
    assert!(one[0].1.contains(r#"job_name=~"lab-job \\(1\\)|lab_job__1_""#), "{}", one[0].1);
}

/// A Prometheus that says of every query what `answer` says of its expression.
async fn fake(answer: fn(&str) -> serde_json::Value) -> Client {
    let handler = move |body: String| async move {
        let expr = body.split('&').find_map(|p| p.strip_prefix("query=")).unwrap_or("").to_owned();
        axum::Json(serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": answer(&expr)}}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/api/v1/query", post(handler));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Client::new(&url).unwrap()
}

fn running() -> Event {
    let o = Observation { job_id: "j1".into(), running_since: Some(Timestamp(1)), ..known() };
    Event::Observed(Box::new(o))
}

/// Scraped at 100 s: the source has sent 100 records and owns six partitions.
fn one_job(expr: &str) -> serde_json::Value {
    let row = |metric: serde_json::Value, value: &str| serde_json::json!([{"metric": metric, "value": [100.0, value]}]);
    match expr {
        e if e.starts_with("sum") => serde_json::json!([
            {"metric": {"__name__": name::RECORDS_OUT, "job_id": "j1", "task_id": "aa", "task_name": "x"}, "value": [100.0, "100"]},
            {"metric": {"__name__": name::ASSIGNED_PARTITIONS, "job_id": "j1", "task_id": "aa", "task_name": "x"}, "value": [100.0, "6"]},
            {"metric": {"__name__": name::RECORDS_OUT, "job_id": "j2", "task_id": "aa", "task_name": "x"}, "value": [100.0, "777"]},
        ]),
        e if e.contains("timestamp") => row(serde_json::json!({"job_id": "j1"}), "100"),
        _ => serde_json::json!([]),
    }
}

#[tokio::test]
async fn what_flink_said_is_completed_with_the_figures_of_that_job() {
    let mut live = Live::new(fake(one_job).await, weirkeeper_core::units::Millis::secs(15));
    let events = live.complete(Timestamp(110_000), vec![running()]).await;
    let [Event::Observed(o)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        told(o, "flink_taskmanager_job_task_numRecordsOut{task_name=\"Source: orders\",agg=\"sum\"}"),
        Some(100.0)
    );
    assert_eq!((o.running_since, o.graph.vertices[0].partitions), (Some(Timestamp(1)), Some(6)));
}

#[tokio::test]
async fn figures_that_are_old_or_missing_are_not_taken_for_new() {
    let why = |events: Vec<Event>| match events.into_iter().next() {
        Some(Event::Unobserved { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let mut live = Live::new(fake(one_job).await, weirkeeper_core::units::Millis::secs(15));
    assert!(why(live.complete(Timestamp(190_000), vec![running()]).await).contains("1m30s old"));
    let mut nothing = Live::new(fake(|_| serde_json::json!([])).await, weirkeeper_core::units::Millis::secs(15));
    assert!(why(nothing.complete(Timestamp(0), vec![running()]).await).contains("no figures of it"));
    let gone = Client::new("http://127.0.0.1:1").unwrap();
    let mut gone = Live::new(gone, weirkeeper_core::units::Millis::secs(15));
    assert!(why(gone.complete(Timestamp(0), vec![running()]).await).contains("does not answer"));
}

#[tokio::test]
async fn a_refusal_is_told_in_prometheus_own_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:secret@{}", listener.local_addr().unwrap());
    let refuse = || async {
        let body = serde_json::json!({"status": "error", "errorType": "bad_data", "error": "exceeded maximum resolution of 11,000 points"});
        (axum::http::StatusCode::BAD_REQUEST, axum::Json(body))
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(refuse)).await });
    let client = Client::new(&url).unwrap();
    let why = client.query("1", Timestamp(0)).await.unwrap_err();
    assert!(why.contains("11,000 points") && !why.contains("secret"), "{why}");
    assert!(Client::new("ftp://x").is_err_and(|e| e.contains("http://prometheus:9090")));
}
