//! How real Flink misleads, each way a test.

use super::fake::{
    Fake, Handler, Recorded, Reply, Req, fixture, observation, observe, observer, of, of_job, poll, unobserved,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use weirkeeper_core::observation::{JobStatus, Observation, Scheduler};
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::Timestamp;

async fn read(recorded: Recorded) -> Observation {
    let now = recorded.part_now();
    let fake = Fake::start(recorded.handler()).await;
    observation(&poll(fake.client(), now).await).clone()
}

impl Recorded {
    fn part_now(&self) -> i64 {
        self.answers[&self.path("")].1["now"].as_i64().unwrap()
    }

    fn vertex(&mut self, v: usize) -> &mut Value {
        &mut self.part("")["vertices"][v]
    }

    /// Makes all vertices start so long before the recorded instant.
    fn started(&mut self, before: i64) {
        let at = self.part_now() - before;
        (0..3).for_each(|v| self.vertex(v)["start-time"] = json!(at));
    }
}

#[tokio::test]
async fn zeros_that_flink_calls_incomplete_discard_the_whole_observation() {
    for flag in ["read-records-complete", "write-records-complete", "read-bytes-complete", "write-bytes-complete"] {
        let mut recorded = Recorded::of("2.2.1");
        recorded.vertex(1)["metrics"]["read-records"] = json!(0);
        recorded.vertex(1)["metrics"][flag] = json!(false);
        let now = recorded.now;
        let fake = Fake::start(recorded.handler()).await;
        let (why, incomplete) = unobserved(&poll(fake.client(), now).await);
        assert!(incomplete && why.contains("enrich"), "{why}");
    }
}

#[tokio::test]
async fn running_does_not_mean_that_every_task_runs() {
    let mut recorded = Recorded::of("2.2.1");
    recorded.vertex(2)["tasks"]["RUNNING"] = json!(1);
    recorded.vertex(2)["tasks"]["INITIALIZING"] = json!(1);
    let o = read(recorded).await;
    assert_eq!((o.status, o.running_since), (JobStatus::Running, None));
    assert_eq!(o.graph.vertices[2].running, Some(1));
    // Sums over the subtasks that happen to run are no sums.
    assert_eq!(of(&o, name::RECORDS_IN, "discard: Writer", Agg::Sum), None);
    assert!(of(&o, name::RECORDS_IN, "enrich", Agg::Sum).is_some());
}

#[tokio::test]
async fn a_source_that_reached_its_end_does_not_hide_that_the_others_run() {
    let mut recorded = Recorded::of("2.2.1");
    recorded.vertex(0)["tasks"] = json!({"RUNNING": 0, "FINISHED": 2});
    let o = read(recorded).await;
    assert!(o.running_since.is_some());
    assert_eq!(o.graph.vertices[0].running, Some(0));
}

#[tokio::test]
async fn not_a_number_is_absent_and_said() {
    let mut recorded = Recorded::of("2.2.1");
    recorded.vertex(1)["metrics"]["accumulated-busy-time"] = json!("NaN");
    *recorded.vertex_metric(1, "accumulateBusyTimeMs") = json!({"id": "accumulateBusyTimeMs", "sum": "NaN"});
    *recorded.source_metric("Source__orders.currentEmitEventTimeLag") =
        json!({"id": "Source__orders.currentEmitEventTimeLag", "max": -1.0, "avg": "NaN"});
    *recorded.source_metric("Source__orders.watermarkLag") =
        json!({"id": "Source__orders.watermarkLag", "max": 9.223372036854775e18});
    recorded.part("/metrics").as_array_mut().unwrap().push(json!({"id": "numRescales", "value": "7"}));
    let o = read(recorded).await;
    assert_eq!(of(&o, name::BUSY_TOTAL, "enrich", Agg::Sum), None);
    assert_eq!(of(&o, name::IDLE_TOTAL, "enrich", Agg::Sum), Some(46_943.0));
    assert_eq!(of(&o, name::EMIT_LAG, "Source: orders", Agg::Max), None);
    assert_eq!(of(&o, name::WATERMARK_LAG, "Source: orders", Agg::Max), None);
    assert!(o.missing.iter().any(|m| m == "no busy time of enrich"), "{:?}", o.missing);
    assert!(o.samples.iter().all(|s| s.value.is_finite() && s.value >= 0.0));
}

#[tokio::test]
async fn a_source_lag_and_its_counters_are_of_one_moment() {
    // The subtasks' answer was fetched a moment later than the job's: its sums go with its gauges.
    let later = |recorded: &mut Recorded, subtasks: f64| {
        for (id, sum) in [
            ("accumulateBusyTimeMs", 800.0),
            ("accumulateIdleTimeMs", 64_000.0),
            ("accumulateBackPressuredTimeMs", 0.0),
            ("numRecordsOut", 34_000.0),
        ] {
            *recorded.source_metric(id) = json!({"id": id, "sum": sum, "avg": sum / subtasks, "max": sum, "min": 0.0});
        }
    };
    let mut recorded = Recorded::of("2.2.1");
    later(&mut recorded, 2.0);
    let o = read(recorded).await;
    assert_eq!(of(&o, name::RECORDS_OUT, "Source: orders", Agg::Sum), Some(34_000.0));
    assert_eq!(of(&o, name::IDLE_TOTAL, "Source: orders", Agg::Sum), Some(64_000.0));
    // One of the two subtasks has not reported: the job's own sums stay.
    let mut recorded = Recorded::of("2.2.1");
    later(&mut recorded, 1.0);
    let o = read(recorded).await;
    assert_eq!(of(&o, name::RECORDS_OUT, "Source: orders", Agg::Sum), Some(33_568.0));
}

#[tokio::test]
async fn numbers_may_be_text_and_fields_new() {
    let mut recorded = Recorded::of("2.2.1");
    recorded.vertex(1)["metrics"]["read-records"] = json!("33478");
    recorded.vertex(1)["parallelism"] = json!("2");
    recorded.vertex(1)["new-field"] = json!({"deep": [1, 2]});
    recorded.source_metric("Source__orders.pendingRecords")["sum"] = json!("5.0");
    let o = read(recorded).await;
    assert_eq!(of(&o, name::RECORDS_IN, "enrich", Agg::Sum), Some(33_478.0));
    assert_eq!(of(&o, name::PENDING, "Source: orders", Agg::Sum), Some(5.0));
}

#[tokio::test]
async fn not_yet_is_absent() {
    let mut recorded = Recorded::of("2.2.1");
    *recorded.part("/metrics") = json!([
        {"id": "lastCheckpointDuration", "value": "-1"}, {"id": "lastCheckpointSize", "value": "-1"},
        {"id": "numRestarts", "value": "0"}]);
    recorded.part("/checkpoints")["latest"]["completed"] = Value::Null;
    let o = read(recorded).await;
    assert_eq!((of_job(&o, name::CHECKPOINT_DURATION), of_job(&o, name::CHECKPOINT_SIZE)), (None, None));
    assert_eq!(of_job(&o, name::NUM_RESTARTS), Some(0.0));
    assert_eq!(o.checkpoints.unwrap().last_completed, None);
}

#[tokio::test]
async fn an_empty_list_of_metrics_is_unknown_not_zero() {
    // Flink 1.20 after a TaskManager was killed, for up to ten minutes.
    let recorded = Recorded::of("1.20.5");
    let now = recorded.now;
    let handler: Handler = Arc::new(move |r: &Req| match r.path.ends_with("/metrics") {
        true => Reply::Json(200, json!([])),
        false => recorded.reply(r),
    });
    let fake = Fake::start(handler).await;
    let events = poll(fake.client(), now).await;
    let o = observation(&events);
    assert_eq!(of_job(o, name::NUM_RESTARTS), None);
    assert_eq!(of(o, name::PENDING, "Source: orders", Agg::Sum), None);
    for want in ["no metrics of the job", "no metrics of the subtasks of enrich"] {
        assert!(o.missing.iter().any(|m| m == want), "{:?}", o.missing);
    }
}

/// The recorded cluster, with the JobManager's clock moved by the milliseconds in `by` and all figures standing still.
fn frozen(version: &str, by: Arc<AtomicI64>) -> (Handler, i64) {
    let recorded = Recorded::of(version);
    let now = recorded.now;
    let handler: Handler = Arc::new(move |r: &Req| {
        let mut recorded = recorded.clone();
        recorded.part("")["now"] = json!(now + by.load(Ordering::SeqCst));
        recorded.reply(r)
    });
    (handler, now)
}

#[tokio::test]
async fn figures_that_stand_still_longer_than_flinks_caches_explain_are_called_so() {
    let by = Arc::new(AtomicI64::new(0));
    let (handler, now) = frozen("1.20.5", by.clone());
    let fake = Fake::start(handler).await;
    let clock = by.clone();
    let name = fake.client().name().clone();
    let mut observer = crate::flink::Observer::new(
        fake.client(),
        name,
        std::time::Duration::from_secs(5),
        Arc::new(move || Timestamp(now + clock.load(Ordering::SeqCst))),
    );
    let mut notes = Vec::new();
    for at in [0, 5_000, 10_000, 20_000] {
        by.store(at, Ordering::SeqCst);
        let events = observe(&mut observer).await;
        let o = observation(&events);
        // The sample is still given; the core sees that it does not move.
        assert_eq!(of(o, name::RECORDS_IN, "enrich", Agg::Sum), Some(33_424.0));
        notes.push(o.missing.iter().filter(|m| m.contains("have not moved")).count());
    }
    assert_eq!(notes, [0, 0, 0, 3]);
}

#[tokio::test]
async fn counters_that_are_older_than_the_attempt_are_dropped() {
    let mut recorded = Recorded::of("2.2.1");
    // Two subtasks that were started 3 s ago cannot have been busy and idle for 64 s.
    recorded.started(3_000);
    let o = read(recorded).await;
    assert_eq!(of(&o, name::IDLE_TOTAL, "Source: orders", Agg::Sum), None);
    assert_eq!(of(&o, name::RECORDS_OUT, "Source: orders", Agg::Sum), None);
    assert!(o.missing.iter().any(|m| m == "figures of enrich are those of its former attempt"), "{:?}", o.missing);
}

#[tokio::test]
async fn operator_metrics_wait_until_the_attempt_has_settled() {
    let mut recorded = Recorded::of("2.2.1");
    recorded.started(8_000);
    for v in 0..3 {
        recorded.vertex(v)["metrics"]["accumulated-idle-time"] = json!(100);
        recorded.vertex(v)["metrics"]["accumulated-busy-time"] = json!(100);
    }
    let o = read(recorded).await;
    assert_eq!(of(&o, name::RECORDS_OUT, "Source: orders", Agg::Sum), Some(33_568.0));
    assert_eq!(of(&o, name::PENDING, "Source: orders", Agg::Sum), None);
    assert_eq!(of(&o, name::SOURCE_IDLE, "Source: orders", Agg::Min), None);
}

/// A Kafka source as it was 30 s after a rescale from 2 to 4 with the broker frozen: what the former attempt said last
/// is still served.
fn kafka(moved: bool) -> Recorded {
    let mut recorded = Recorded::of("1.20.5");
    *recorded.source_names() = fixture("kafka-1.20.5/source_subtasks_metric_names").1;
    recorded.vertex(0)["metrics"]["write-records"] = json!(if moved { 5_122 } else { 0 });
    let reader = "Source__orders.KafkaSourceReader";
    for (id, min, max, sum) in [
        ("Source__orders.pendingRecords".to_owned(), 1_101, 1_899, 3_000),
        ("Source__orders.currentEmitEventTimeLag".to_owned(), 5, 5, 10),
        ("Source__orders.sourceIdleTime".to_owned(), 29_893, 29_903, 59_796),
        (format!("{reader}.KafkaConsumer.assigned-partitions"), 1, 1, 2),
        (format!("{reader}.KafkaConsumer.connection-count"), 0, 0, 0),
        (format!("{reader}.commitsFailed"), 1, 2, 3),
    ] {
        *recorded.source_metric(&id) = json!({"id": id, "min": min, "max": max, "sum": sum, "avg": sum / 2});
    }
    recorded
}

#[tokio::test]
async fn pending_records_of_the_former_attempt_are_not_believed_until_records_flow() {
    let o = read(kafka(false)).await;
    assert_eq!(of(&o, name::PENDING, "Source: orders", Agg::Sum), None);
    assert_eq!(of(&o, name::EMIT_LAG, "Source: orders", Agg::Max), None);
    // What tells a dead broker is reported by every attempt.
    assert_eq!(of(&o, name::SOURCE_IDLE, "Source: orders", Agg::Min), Some(29_893.0));
    assert_eq!(of(&o, name::CONNECTION_COUNT, "Source: orders", Agg::Sum), Some(0.0));
    assert_eq!(of(&o, name::COMMITS_FAILED, "Source: orders", Agg::Sum), Some(3.0));
    let o = read(kafka(true)).await;
    assert_eq!(of(&o, name::PENDING, "Source: orders", Agg::Sum), Some(3_000.0));
    assert_eq!(of(&o, name::EMIT_LAG, "Source: orders", Agg::Max), Some(5.0));
}

#[tokio::test]
async fn offsets_of_partitions_are_series_of_their_own() {
    let mut recorded = kafka(true);
    let name = |n: u32| format!("Source__orders.KafkaSourceReader.topic.in.partition.{n}.currentOffset");
    // Partition 1 is also shown by the subtask that had it before the rescale; 2 has not been read from yet.
    for (n, min, max) in [(0, 700, 700), (1, 705, 1_745), (2, -1, -1), (3, 1_751, 1_751)] {
        *recorded.source_metric(&name(n)) = json!({"id": name(n), "min": min, "max": max, "sum": 0, "avg": 0});
    }
    let o = read(recorded).await;
    let offset = |n: &str| {
        let of = |s: &&weirkeeper_core::observation::Sample| {
            let label = |name: &str, value: &str| s.key.labels.iter().any(|l| &*l.0 == name && &*l.1 == value);
            *s.key.name == *name::PARTITION_OFFSET && label("topic", "in") && label("partition", n)
        };
        o.samples.iter().find(of).map(|s| (s.key.task.as_deref().unwrap().to_owned(), s.value))
    };
    assert_eq!(offset("0"), Some(("Source: orders".to_owned(), 700.0)));
    assert_eq!(offset("1").unwrap().1, 1_745.0);
    assert_eq!((offset("2"), offset("3").unwrap().1), (None, 1_751.0));
}

#[tokio::test]
async fn the_most_paused_split_is_told() {
    let mut recorded = Recorded::of("2.2.1");
    let o = read(Recorded::of("2.2.1")).await;
    assert_eq!(of(&o, name::SPLIT_PAUSED, "Source: orders", Agg::Max), Some(0.0));
    let id = "Source__orders.split.p3.watermark.pausedTimeMsPerSecond";
    *recorded.source_metric(id) = json!({"id": id, "min": 0, "max": 400, "sum": 400, "avg": 200});
    let o = read(recorded).await;
    assert_eq!(of(&o, name::SPLIT_PAUSED, "Source: orders", Agg::Max), Some(400.0));
}

#[tokio::test]
async fn partitions_are_the_union_of_the_names_even_when_fewer_are_assigned_for_a_moment() {
    let o = read(kafka(true)).await;
    assert_eq!(of(&o, name::ASSIGNED_PARTITIONS, "Source: orders", Agg::Sum), Some(2.0));
    assert_eq!(o.graph.vertices[0].partitions, Some(4));
    assert_eq!(o.graph.vertices[1].partitions, None);
}

#[tokio::test]
async fn new_partitions_are_found_and_none_is_lost_at_a_restart() {
    let recorded = kafka(true);
    let now = recorded.now;
    let turn = Arc::new(AtomicUsize::new(0));
    let at = turn.clone();
    let handler: Handler = Arc::new(move |r: &Req| {
        let mut recorded = recorded.clone();
        let reader = "Source__orders.KafkaSourceReader";
        if at.load(Ordering::SeqCst) >= 1 {
            let id = format!("{reader}.KafkaConsumer.assigned-partitions");
            *recorded.source_metric(&id) = json!({"id": id, "sum": 6, "min": 3, "max": 3, "avg": 3});
        }
        if at.load(Ordering::SeqCst) == 2 {
            recorded.started(1_000);
        }
        recorded.reply(r)
    });
    let fake = Fake::start(handler).await;
    let mut observer = observer(fake.client(), now);
    let mut seen = Vec::new();
    for n in 0..3 {
        turn.store(n, Ordering::SeqCst);
        seen.push(observation(&observe(&mut observer).await).graph.vertices[0].partitions);
    }
    assert_eq!(seen, [Some(4), Some(6), Some(6)]);
}

#[tokio::test]
async fn an_exactly_once_sink_with_its_broker_gone_runs_only_in_part() {
    let mut recorded = Recorded::of("1.20.5");
    recorded.vertex(2)["tasks"] = json!({"RUNNING": 0, "INITIALIZING": 2});
    let o = read(recorded).await;
    assert_eq!((o.status, o.running_since), (JobStatus::Running, None));
}

#[tokio::test]
async fn names_with_quotes_newlines_and_emoji_are_only_names() {
    let odd = "Source: \"a\"\n🦀 {x=\"y\"}, Sink: b";
    let mut recorded = Recorded::of("2.2.1");
    recorded.vertex(0)["name"] = json!(odd);
    recorded.vertex(1)["name"] = json!("twin");
    recorded.vertex(2)["name"] = json!("twin");
    let list = &mut recorded.answers.get_mut("/jobs/overview").unwrap().1;
    list["jobs"][0]["name"] = json!("job\n\"1\" 🦀");
    let o = read(recorded).await;
    assert_eq!(&*o.job.name, "job\n\"1\" 🦀");
    assert_eq!(of(&o, name::RECORDS_OUT, odd, Agg::Sum), Some(33_568.0));
    let names: Vec<_> = o.graph.vertices.iter().map(|v| v.name.to_string()).collect();
    assert_eq!(names, [odd, "twin #674df9b0", "twin #2e588ce1"]);
    assert_eq!(of(&o, name::RECORDS_IN, "twin #674df9b0", Agg::Sum), Some(33_478.0));
}

#[tokio::test]
async fn a_job_that_cannot_be_understood_is_named_with_what_is_wrong() {
    type Spoil = fn(&mut Recorded);
    let cases: [(Spoil, &str); 6] = [
        (|r| r.part("")["vertices"] = json!([]), "no vertices yet"),
        (|r| r.part("")["state"] = json!("DREAMING"), "DREAMING"),
        (|r| r.vertex(1)["id"] = json!("../../config"), "not the id of a vertex"),
        (|r| r.vertex(1)["parallelism"] = json!(0), "no parallelism"),
        (|r| r.part("")["plan"] = Value::Null, "no plan"),
        (|r| r.part("")["vertices"] = json!({"a": 1}), "cannot be read"),
    ];
    for (spoil, want) in cases {
        let mut recorded = Recorded::of("2.2.1");
        let now = recorded.now;
        spoil(&mut recorded);
        let fake = Fake::start(recorded.handler()).await;
        let (why, incomplete) = unobserved(&poll(fake.client(), now).await);
        assert!(why.contains(want) && !incomplete, "{why}");
    }
}

#[tokio::test]
async fn a_wide_job_is_read_within_the_bound_and_all_of_it_in_turn() {
    let mut recorded = Recorded::of("2.2.1");
    let (now, template) = (recorded.now, recorded.vertex(1).clone());
    let id = |v: usize| format!("{v:032x}");
    let vertices: Vec<Value> = (0..300)
        .map(|v| {
            let mut vertex = template.clone();
            (vertex["id"], vertex["name"]) = (json!(id(v)), json!(format!("vertex {v}")));
            vertex["parallelism"] = json!(2_000);
            vertex["tasks"]["RUNNING"] = json!(2_000);
            vertex["start-time"] = json!(now - 3_600_000);
            vertex
        })
        .collect();
    let nodes: Vec<Value> = (0..300)
        .map(|v| match v {
            0 => json!({"id": id(0)}),
            v => json!({"id": id(v), "inputs": [{"id": id(v - 1), "ship_strategy": "HASH"}]}),
        })
        .collect();
    recorded.part("")["vertices"] = json!(vertices);
    recorded.part("")["plan"]["nodes"] = json!(nodes);
    let fake = Fake::start(recorded.handler()).await;
    let mut observer = observer(fake.client(), now);
    for _ in 0..16 {
        let before = fake.paths().len();
        assert_eq!(observation(&observe(&mut observer).await).graph.vertices.len(), 300);
        assert!(fake.paths().len() - before < 60);
    }
    let asked: std::collections::BTreeSet<_> =
        fake.paths().into_iter().filter(|p| p.ends_with("/subtasks/metrics")).collect();
    assert_eq!(asked.len(), 300);
}

#[tokio::test]
async fn a_scheduler_that_cannot_rescale_is_told_apart_from_one_that_is_not_known() {
    let refusal = "java.lang.UnsupportedOperationException: The DefaultScheduler does not support requesting the resource requirements.";
    let cases = [
        (500, refusal, "jobmanager.scheduler", "default", Some(Scheduler::Other("default".into()))),
        (500, refusal, "jobmanager.scheduler", "adaptive", Some(Scheduler::Other("not adaptive".into()))),
        (500, "java.lang.OutOfMemoryError", "jobmanager.scheduler", "adaptive", Some(Scheduler::Adaptive)),
        (404, "Not found.", "rest.port", "8081", Some(Scheduler::Other("default".into()))),
    ];
    for (status, text, key, value, want) in cases {
        let mut recorded = Recorded::of("2.2.1");
        let path = recorded.path("/resource-requirements");
        recorded.answers.insert(path, (status, json!({"errors": ["Internal server error.", text]})));
        recorded.answers.get_mut("/jobmanager/config").unwrap().1 = json!([{"key": key, "value": value}]);
        let o = read(recorded).await;
        assert_eq!((o.scheduler, o.requirements), (want, None), "{text}");
    }
}

#[tokio::test]
async fn a_job_without_checkpoints_is_known_to_have_none() {
    let mut recorded = Recorded::of("2.2.1");
    let path = recorded.path("/checkpoints/config");
    let text =
        "org.apache.flink.runtime.rest.handler.RestHandlerException: Checkpointing is not enabled for this job (d7ff).";
    recorded.answers.insert(path, (404, json!({"errors": [text]})));
    let o = read(recorded).await;
    assert_eq!(o.checkpoints.unwrap().enabled, Some(false));
}

#[tokio::test]
async fn a_rescale_is_a_new_attempt_and_an_unchanged_job_shares_its_graph() {
    let recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let turn = Arc::new(AtomicUsize::new(0));
    let at = turn.clone();
    let handler: Handler = Arc::new(move |r: &Req| {
        let mut recorded = recorded.clone();
        if at.load(Ordering::SeqCst) == 2 {
            recorded.started(20_000);
            recorded.vertex(1)["parallelism"] = json!(4);
            recorded.vertex(1)["tasks"]["RUNNING"] = json!(4);
        }
        recorded.reply(r)
    });
    let fake = Fake::start(handler).await;
    let mut observer = observer(fake.client(), now);
    let mut seen = Vec::new();
    for n in 0..3 {
        turn.store(n, Ordering::SeqCst);
        seen.push(observation(&observe(&mut observer).await).clone());
    }
    assert!(Arc::ptr_eq(&seen[0].graph, &seen[1].graph));
    assert!(Arc::ptr_eq(&seen[0].samples[0].key, &seen[1].samples[0].key));
    assert_eq!(seen[2].graph.vertices[1].parallelism.0, 4);
    let configs = fake.paths().iter().filter(|p| p.ends_with("/checkpoints/config")).count();
    assert_eq!(configs, 2);
}

#[tokio::test]
async fn the_first_answer_after_a_silence_is_old_so_one_cheap_question_goes_first() {
    // Flink fetches metrics when asked and answers with what it had: here the figures of the job are fresh only some
    // time after the first question for a metric.
    let recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let asked = std::sync::Mutex::new(None::<std::time::Instant>);
    let handler: Handler = Arc::new(move |r: &Req| {
        let mut recorded = recorded.clone();
        let mut asked = asked.lock().unwrap();
        if asked.is_none_or(|t| t.elapsed() < std::time::Duration::from_millis(300)) {
            recorded.vertex(1)["metrics"]["read-records"] = json!(1);
        }
        if r.path.ends_with("/metrics") {
            asked.get_or_insert_with(std::time::Instant::now);
        }
        recorded.reply(r)
    });
    let fake = Fake::start(handler).await;
    let events = poll(fake.client(), now).await;
    assert_eq!(of(observation(&events), name::RECORDS_IN, "enrich", Agg::Sum), Some(33_478.0));
}

#[tokio::test]
async fn a_region_that_restarts_alone_begins_a_new_attempt() {
    let recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let turn = Arc::new(AtomicUsize::new(0));
    let at = turn.clone();
    let handler: Handler = Arc::new(move |r: &Req| {
        let mut recorded = recorded.clone();
        if at.load(Ordering::SeqCst) == 1 {
            *recorded.part("/metrics") = json!([{"id": "numRestarts", "value": "1"}]);
            // One subtask came to run again 5 s before: 1795250175248 - 5000.
            recorded.part("/vertices/674df9b0384c0348e0b9d1034a44c46c")["subtasks"][1]["status-duration"]["RUNNING"] =
                json!(5_000);
        }
        recorded.reply(r)
    });
    let fake = Fake::start(handler).await;
    let mut observer = observer(fake.client(), now);
    let mut seen = Vec::new();
    for n in 0..2 {
        turn.store(n, Ordering::SeqCst);
        seen.push(observation(&observe(&mut observer).await).running_since);
    }
    assert_eq!(seen, [Some(Timestamp(1_795_250_142_646)), Some(Timestamp(1_795_250_170_248))]);
    // One more restart may be a failure: the history was asked.
    assert!(fake.paths().iter().any(|p| p.ends_with("/exceptions")));
}

#[tokio::test]
async fn a_source_with_its_sink_chained_to_it_is_counted_within_the_chain() {
    let mut recorded = Recorded::of("2.2.1");
    recorded.part("")["vertices"].as_array_mut().unwrap().truncate(1);
    recorded.part("")["plan"]["nodes"].as_array_mut().unwrap().truncate(1);
    recorded.vertex(0)["metrics"]["write-records"] = json!(0);
    let o = read(recorded).await;
    assert_eq!(of(&o, name::RECORDS_OUT, "Source: orders", Agg::Sum), Some(33_568.0));
    // It did emit, so what it says is waiting is its own.
    assert_eq!(of(&o, name::PENDING, "Source: orders", Agg::Sum), Some(5.0));
}
