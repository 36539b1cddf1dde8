//! What real clusters answered, read as it should be. Every figure here was taken from the recorded answers by hand.

use super::fake::{Fake, Recorded, fixture, observation, of, of_job, poll};
use weirkeeper_core::event::Event;
use weirkeeper_core::job::Ship;
use weirkeeper_core::observation::{JobStatus, Observation, Scheduler, Slots};
use weirkeeper_core::series::{Agg, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};

async fn read(version: &str) -> (Observation, Vec<Event>, Vec<String>) {
    let recorded = Recorded::of(version);
    let now = recorded.now;
    let fake = Fake::start(recorded.handler()).await;
    let events = poll(fake.client(), now).await;
    (observation(&events).clone(), events, fake.paths())
}

#[tokio::test]
async fn flink_2_2_is_read_whole() {
    let (o, events, _) = read("2.2.1").await;
    assert!(matches!(&events[0], Event::Jobs { jobs, .. } if jobs.len() == 1 && &*jobs[0].name == "lab-job"));
    assert_eq!(o.missing, Vec::<String>::new());
    assert_eq!((o.status, &*o.job_id), (JobStatus::Running, "d7ff2b9cbad19d220b4964a1d56f6db9"));
    // The last subtask to run was enrich's: 1795250175248 - 32602.
    assert_eq!(o.running_since, Some(Timestamp(1_795_250_142_646)));
    assert_eq!(o.scheduler, Some(Scheduler::Adaptive));
    assert_eq!(o.facts.version, Some((2, 2)));
    assert_eq!(o.facts.taskmanager_memory, Some(1_207_959_552));
    assert_eq!(o.facts.heartbeat_timeout, Some(Millis::secs(50)));
    let slots = Slots { total: 4, free: 2, max: None, on_demand: false, per_taskmanager: Some(2), taskmanagers: 2 };
    assert_eq!(o.slots, Some(slots));
    let bounds: Vec<_> = o.requirements.iter().flatten().map(|(_, b)| (b.lower.0, b.upper.0)).collect();
    assert_eq!(bounds, [(1, 2); 3]);
    assert_eq!(o.failure, None);
}

#[tokio::test]
async fn the_graph_is_that_of_the_plan() {
    for version in ["1.20.5", "2.2.1"] {
        let (o, ..) = read(version).await;
        let g = &o.graph;
        let names: Vec<_> =
            g.vertices.iter().map(|v| (&*v.name, v.parallelism, v.max_parallelism, v.running)).collect();
        let like = |n| (n, Parallelism(2), Some(Parallelism(128)), Some(2));
        assert_eq!(names, [like("Source: orders"), like("enrich"), like("discard: Writer")]);
        let edges: Vec<_> = g.edges.iter().map(|e| (e.from, e.to, &e.ship)).collect();
        assert_eq!(edges, [(0, 1, &Ship::Hash), (1, 2, &Ship::Forward)]);
        assert!(g.is_source(0) && !g.is_source(1));
    }
}

#[tokio::test]
async fn counters_and_operator_metrics_become_series() {
    let (o, ..) = read("2.2.1").await;
    let source = |n, a| of(&o, n, "Source: orders", a);
    assert_eq!(source(name::RECORDS_OUT, Agg::Sum), Some(33_568.0));
    assert_eq!(source(name::RECORDS_IN, Agg::Sum), None);
    assert_eq!(source(name::BUSY_TOTAL, Agg::Sum), Some(776.0));
    assert_eq!(source(name::IDLE_TOTAL, Agg::Sum), Some(63_672.0));
    assert_eq!(source(name::BUSY_TOTAL, Agg::Max), Some(401.0));
    assert_eq!(source(name::BUSY_TOTAL, Agg::Min), Some(375.0));
    assert_eq!(source(name::PENDING, Agg::Sum), Some(5.0));
    assert_eq!(source(name::EMIT_LAG, Agg::Max), Some(0.0));
    assert_eq!(source(name::WATERMARK_LAG, Agg::Max), Some(26.0));
    assert_eq!(source(name::SOURCE_IDLE, Agg::Min), Some(7.0));
    let enrich = |n, a| of(&o, n, "enrich", a);
    assert_eq!(enrich(name::RECORDS_IN, Agg::Sum), Some(33_478.0));
    assert_eq!(enrich(name::BUSY_RATE, Agg::Max), Some(232.0));
    assert_eq!(enrich(name::BUSY_RATE, Agg::Avg), Some(230.5));
    assert_eq!(enrich(name::RECORDS_IN_RATE, Agg::Sum), Some(547.95));
    assert_eq!(enrich(name::BACKPRESSURED_TOTAL, Agg::Sum), Some(0.0));
    assert_eq!(of(&o, name::RECORDS_OUT, "discard: Writer", Agg::Sum), None);
    assert_eq!(of_job(&o, name::NUM_RESCALES), Some(0.0));
    assert_eq!(of_job(&o, name::CHECKPOINT_DURATION), Some(38.0));
    let heap: Vec<_> = o.samples.iter().filter(|s| &*s.key.name == name::HEAP_USED).collect();
    // All subtasks run on tm1; tm2 is another job's business.
    assert_eq!(heap.len(), 1);
    assert_eq!(&*heap[0].key.labels[0].1, "tm1");
}

#[tokio::test]
async fn flink_1_20_is_read_whole() {
    let (o, ..) = read("1.20.5").await;
    assert_eq!(o.missing, Vec::<String>::new());
    assert_eq!(o.facts.version, Some((1, 20)));
    // enrich again: 1795248421366 - 32694.
    assert_eq!(o.running_since, Some(Timestamp(1_795_248_388_672)));
    assert_eq!(of(&o, name::RECORDS_OUT, "Source: orders", Agg::Sum), Some(33_482.0));
    assert_eq!(of(&o, name::PENDING, "Source: orders", Agg::Sum), Some(7.0));
    assert_eq!(of_job(&o, name::NUM_RESTARTS), Some(0.0));
    assert_eq!(of_job(&o, name::NUM_RESCALES), None);
    let c = o.checkpoints.unwrap();
    assert_eq!(c.last_completed, Some(Timestamp(1_795_248_417_458)));
    assert_eq!((c.last_completed_id, c.completed, c.failed), (Some(6), Some(6), Some(0)));
    assert_eq!((c.last_duration, c.full_size, c.written), (Some(Millis(45)), Some(143_698), Some(143_698)));
    assert_eq!((c.interval, c.timeout, c.enabled), (Some(Millis(5_000)), Some(Millis(600_000)), Some(true)));
    assert_eq!((c.savepoint_in_progress, c.checkpoint_in_progress), (Some(false), Some(false)));
}

#[tokio::test]
async fn times_of_a_jobmanager_with_another_clock_are_moved_to_ours() {
    let recorded = Recorded::of("2.2.1");
    let ours = recorded.now + 3_600_000;
    let fake = Fake::start(recorded.handler()).await;
    let events = poll(fake.client(), ours).await;
    let o = observation(&events);
    assert_eq!(o.running_since, Some(Timestamp(1_795_250_142_646 + 3_600_000)));
    assert_eq!(o.checkpoints.as_ref().unwrap().last_completed, Some(Timestamp(1_795_250_173_889 + 3_600_000)));
}

#[tokio::test]
async fn what_is_static_is_read_once_and_the_rest_stays_within_four_calls_and_one_per_vertex() {
    let recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let fake = Fake::start(recorded.handler()).await;
    let mut observer = super::fake::observer(fake.client(), now);
    observer.poll(|_| {}).await;
    let first = fake.paths().len();
    let report = observer.poll(|_| {}).await;
    let second: Vec<String> = fake.paths().split_off(first);
    // The list of jobs and of TaskManagers are the cluster's.
    let of_job: Vec<_> = second.iter().filter(|p| p.contains("/jobs/d7ff")).collect();
    assert_eq!(of_job.len(), 4 + 3, "{second:#?}");
    assert_eq!(report.requests as usize, second.len());
    for once in ["/config", "/checkpoints/config", "/jobmanager/config"] {
        assert!(!second.iter().any(|p| p.ends_with(once)), "{once} again");
    }
}

#[tokio::test]
async fn a_restart_loop_reads_as_restarting_with_its_cause_and_without_the_dead_attempts_figures() {
    for version in ["1.20.5", "2.2.1"] {
        let mut recorded = Recorded::of(version);
        *recorded.part("") = fixture(&format!("{version}/restart_loop_job")).1;
        *recorded.part("/metrics") = fixture(&format!("{version}/restart_loop_job_metrics")).1;
        *recorded.part("/exceptions") = fixture(&format!("{version}/restart_loop_exceptions")).1;
        let now = recorded.part("")["now"].as_i64().unwrap();
        let fake = Fake::start(recorded.handler()).await;
        let events = poll(fake.client(), now).await;
        let o = observation(&events);
        assert_eq!((o.status, o.running_since), (JobStatus::Restarting, None));
        assert!(o.samples.iter().all(|s| s.key.task.is_none()), "{:?}", o.samples);
        let failure = o.failure.as_ref().unwrap();
        assert!(failure.text.starts_with("java.lang.RuntimeException: lab: failure switched on"), "{failure:?}");
        assert_eq!(failure.dependency, None);
        assert!(of_job(o, name::NUM_RESTARTS).unwrap() >= 6.0);
    }
}

#[tokio::test]
async fn a_lost_taskmanager_is_no_outside_dependency() {
    for version in ["1.20.5", "2.2.1"] {
        let answer = fixture(&format!("{version}/job_exceptions_after_tm_kill")).1;
        let failure = crate::flink::failure::newest(serde_json::from_value(answer).unwrap()).unwrap();
        assert_eq!(failure.dependency, None, "{failure:?}");
    }
}

#[test]
fn kafkas_failures_name_kafka() {
    for version in ["kafka-1.20.5", "kafka-2.2.1"] {
        let (_, lines) = fixture(&format!("{version}/broker_kill9_causes"));
        let lines = lines.as_array().unwrap().clone();
        assert!(!lines.is_empty());
        for line in lines {
            let trace: Vec<&str> = line["causes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
            let answer = serde_json::json!({"exceptionHistory": {"entries": [
                {"exceptionName": line["exception"], "stacktrace": trace.join("\n"), "timestamp": 1}]}});
            let failure = crate::flink::failure::newest(serde_json::from_value(answer).unwrap()).unwrap();
            assert_eq!(failure.dependency.as_deref(), Some("Kafka"), "{trace:?}");
        }
    }
}

#[test]
fn reasons_of_refusals_are_one_line() {
    let reason = |name: &str| {
        let (_, body) = fixture(name);
        crate::flink::error::reason_of(&body.to_string())
    };
    assert_eq!(
        reason("2.2.1/job_rr_put_above_max_parallelism"),
        "The newly requested parallelism 500 for the job vertex f362c87ffabe89c8a91fa7d0a523ba6c exceeds its maximum parallelism 128."
    );
    assert!(reason("1.20.5/job_rr_put_unknown_job").contains("FlinkJobNotFoundException: Could not find Flink job"));
    assert_eq!(reason("2.2.1/too_long_request_line_4096"), "Unable to load requested file /bad-request.");
}

#[test]
fn kafka_names_give_partitions_and_metrics() {
    for (version, partitions) in [("kafka-1.20.5", 4), ("kafka-2.2.1", 2)] {
        let (_, list) = fixture(&format!("{version}/source_subtasks_metric_names"));
        let names: Vec<String> =
            list.as_array().unwrap().iter().map(|n| n["id"].as_str().unwrap().to_owned()).collect();
        let found = crate::flink::names::pick(&names, &crate::flink::names::suffix::OF_SOURCE);
        assert_eq!(found.partitions, Some(partitions), "{version}");
        let has = |n: &str| found.wanted.iter().any(|(name, _)| name == n);
        assert!(has("Source__orders.pendingRecords") && has("Source__orders.currentEmitEventTimeLag"));
        assert!(has("Source__orders.KafkaSourceReader.KafkaConsumer.assigned-partitions"));
        assert!(has("Source__orders.KafkaSourceReader.KafkaConsumer.connection-count"));
        assert!(has("Source__orders.KafkaSourceReader.commitsFailed"));
        assert_eq!(found.offsets.len(), partitions as usize, "{version}");
        assert_eq!(found.splits.len(), if version == "kafka-2.2.1" { 2 } else { 0 }, "only Flink 2.x tells");
    }
}
