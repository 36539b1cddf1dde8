//! Servers that hang, lie, break off or say no.

use super::fake::{Fake, Handler, Recorded, Reply, Req, observation, observe, observer, poll, unobserved};
use crate::flink::auth::{Auth, Secret};
use crate::flink::client::Lane;
use crate::flink::{ClientConfig, FlinkClient, FlinkError};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weirkeeper_core::event::Event;

fn always(reply: Reply) -> Handler {
    Arc::new(move |_| reply.clone())
}

/// The recorded cluster, but one path answers otherwise.
fn except(suffix: &'static str, reply: Reply) -> (Handler, i64) {
    let recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let base = recorded.path(suffix);
    (Arc::new(move |r: &Req| if r.path == base { reply.clone() } else { recorded.reply(r) }), now)
}

async fn get(fake: &Fake) -> Result<Value, FlinkError> {
    let quick = |c: &mut ClientConfig| c.limits.timeout = Duration::from_millis(300);
    fake.client_with(quick).get(Lane::Poll, "/jobs/overview").await
}

#[tokio::test]
async fn a_read_that_fails_in_passing_is_repeated() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let handler: Handler = Arc::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Reply::Raw(503, "<html>busy</html>".into()),
        _ => Reply::Json(200, json!({"jobs": []})),
    });
    let fake = Fake::start(handler).await;
    assert_eq!(get(&fake).await, Ok(json!({"jobs": []})));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn errors_are_one_line_and_not_repeated_where_that_cannot_help() {
    let cases = [
        (Reply::Hang, "no answer within 0.3 s", 1),
        (Reply::Raw(500, "boom\nbang".into()), "500 boom", 1),
        (Reply::Raw(200, "{\"jobs\": [".into()), "cannot be read", 1),
        (Reply::Raw(200, "<html>sign in</html>".into()), "cannot be read", 1),
        (Reply::Json(401, json!({"errors": ["who are you"]})), "401 who are you", 1),
        (Reply::Raw(302, "".into()), "302", 1),
        (Reply::Raw(502, "<html>x</html>".into()), "502 (an HTML page)", 3),
    ];
    for (reply, want, calls) in cases {
        let fake = Fake::start(always(reply)).await;
        let error = get(&fake).await.unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains('\n'), "{error}");
        assert_eq!(fake.paths().len(), calls, "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let fake = Fake::start(always(Reply::Raw(200, "x".repeat(100_000)))).await;
    let client = fake.client_with(|c| c.limits.max_answer = 1_000);
    let error = client.get::<Value>(Lane::Poll, "/jobs/overview").await.unwrap_err();
    assert!(matches!(error, FlinkError::TooLarge { limit: 1_000, .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_told_without_credentials() {
    let config = ClientConfig::new("http://zoe:hunter2@127.0.0.1:1/x");
    let client = FlinkClient::new(config).unwrap();
    let error = client.get::<Value>(Lane::Poll, "/jobs/overview").await.unwrap_err();
    assert!(matches!(error, FlinkError::Connect { .. }), "{error:?}");
    assert!(!format!("{client:?}").contains("hunter2"), "{client:?}");
    for shown in [error.to_string(), format!("{error:?}"), client.name().to_string()] {
        assert!(!shown.contains("hunter2") && !shown.contains("zoe"), "{shown}");
    }
}

#[tokio::test]
async fn a_change_is_sent_once() {
    let fake = Fake::start(always(Reply::Raw(503, "busy".into()))).await;
    let error =
        fake.client().send(reqwest::Method::PUT, "/jobs/a/resource-requirements", &json!({})).await.unwrap_err();
    assert_eq!((error.status(), fake.paths().len()), (Some(503), 1));
}

#[tokio::test]
async fn who_we_are_goes_with_every_call_through_a_path_prefix() {
    let cases = [
        (Auth::Basic { user: "ann".into(), password: Secret::Value("pw".into()) }, "Basic YW5uOnB3"),
        (Auth::Bearer(Secret::Value("t0k".into())), "Bearer t0k"),
    ];
    for (auth, want) in cases {
        let fake = Fake::start(always(Reply::Json(200, json!({"jobs": []})))).await;
        let client = fake.client_with(|c| (c.auth, c.url) = (auth, format!("{}/proxy/flink/", fake.url)));
        client.get::<Value>(Lane::Poll, "/jobs/overview").await.unwrap();
        let seen = fake.seen.lock().unwrap()[0].clone();
        assert_eq!((seen.path.as_str(), seen.auth.as_deref()), ("/proxy/flink/jobs/overview", Some(want)));
    }
}

#[tokio::test]
async fn a_request_line_above_flinks_limit_is_never_sent() {
    let fake = Fake::start(always(Reply::Json(200, json!([])))).await;
    let path = format!("/jobs/a/metrics?get={}", "x".repeat(4_090));
    let error = fake.client().get::<Value>(Lane::Poll, &path).await.unwrap_err();
    assert!(error.to_string().contains("4096") && fake.paths().is_empty(), "{error}");
}

#[tokio::test]
async fn a_list_that_fails_or_is_empty_is_no_event() {
    for reply in [Reply::Raw(500, "x".into()), Reply::Json(200, json!({"jobs": []})), Reply::Raw(200, "{}".into())] {
        let fake = Fake::start(always(reply)).await;
        assert_eq!(poll(fake.client(), 1).await, []);
    }
}

#[tokio::test]
async fn when_the_list_fails_later_the_known_jobs_are_not_observed() {
    let recorded = Recorded::of("2.2.1");
    let (now, calls) = (recorded.now, AtomicUsize::new(0));
    let handler: Handler = Arc::new(move |r: &Req| match r.path.as_str() {
        "/jobs/overview" if calls.fetch_add(1, Ordering::SeqCst) > 0 => Reply::Raw(500, "down".into()),
        _ => recorded.reply(r),
    });
    let fake = Fake::start(handler).await;
    let mut observer = observer(fake.client(), now);
    observation(&observe(&mut observer).await);
    let (why, incomplete) = unobserved(&observe(&mut observer).await);
    assert!(why.contains("list of jobs") && why.contains("500 down") && !incomplete, "{why}");
}

#[tokio::test]
async fn the_part_that_fails_is_named_and_the_rest_is_read() {
    let cases = [
        ("/checkpoints", "checkpoints: "),
        ("/metrics", "metrics of the job: "),
        ("/resource-requirements", "resource requirements: "),
        ("/vertices/674df9b0384c0348e0b9d1034a44c46c/subtasks/metrics", "metrics of enrich: "),
        ("/vertices/674df9b0384c0348e0b9d1034a44c46c", "subtasks of enrich: "),
    ];
    for (part, want) in cases {
        let (handler, now) = except(part, Reply::Raw(500, "odd".into()));
        let fake = Fake::start(handler).await;
        let events = poll(fake.client(), now).await;
        let o = observation(&events);
        assert!(o.missing.iter().any(|m| m.starts_with(want) && m.contains("500 odd")), "{:?}", o.missing);
        assert!(!o.samples.is_empty());
        match part {
            "/checkpoints" => assert_eq!(o.checkpoints, None),
            "/resource-requirements" => assert_eq!(o.requirements, None),
            p if p.ends_with("c46c") => assert_eq!(o.running_since, None),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_job_that_answers_500_or_hangs_does_not_hold_up_another() {
    for bad in [Reply::Raw(500, "odd".into()), Reply::Hang] {
        let mut recorded = Recorded::of("2.2.1");
        let now = recorded.now;
        let other = "00000000000000000000000000000bad";
        let jobs = recorded.answers.get_mut("/jobs/overview").unwrap().1["jobs"].as_array_mut().unwrap();
        jobs.push(json!({"jid": other, "name": "bad", "state": "RUNNING"}));
        let handler: Handler =
            Arc::new(move |r: &Req| if r.path.contains(other) { bad.clone() } else { recorded.reply(r) });
        let fake = Fake::start(handler).await;
        let quick = |c: &mut ClientConfig| c.limits.timeout = Duration::from_millis(1_500);
        let mut observer = observer(fake.client_with(quick), now);
        for _ in 0..2 {
            let events = observe(&mut observer).await;
            // The good one is told first: it did not wait for the bad one.
            let kinds: Vec<_> = events
                .iter()
                .map(|e| match e {
                    Event::Jobs { jobs, .. } => format!("{} jobs", jobs.len()),
                    Event::Observed(o) => format!("observed {}", o.job),
                    Event::Unobserved { job, .. } => format!("not {job}"),
                    other => format!("{other:?}"),
                })
                .collect();
            assert!(kinds.contains(&"observed lab-job".into()) && kinds.contains(&"not bad".into()), "{kinds:?}");
            assert_eq!((kinds.len(), kinds[0].as_str()), (3, "2 jobs"));
        }
    }
}

#[tokio::test]
async fn two_running_jobs_of_one_name_are_neither_looked_at() {
    let mut recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let jobs = recorded.answers.get_mut("/jobs/overview").unwrap().1["jobs"].as_array_mut().unwrap();
    jobs.push(json!({"jid": "0000000000000000000000000000002a", "name": "lab-job", "state": "RUNNING"}));
    jobs.push(json!({"jid": "0000000000000000000000000000003a", "name": "lab-job", "state": "FINISHED"}));
    let fake = Fake::start(recorded.handler()).await;
    let events = poll(fake.client(), now).await;
    assert!(matches!(&events[0], Event::Jobs { jobs, .. } if jobs.len() == 2));
    assert!(unobserved(&events).0.starts_with("2 running jobs have this name"));
}

#[tokio::test]
async fn a_cluster_that_shows_no_settings_is_still_read() {
    let mut recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    for path in ["/config", "/jobmanager/config", "/taskmanagers", "/overview"] {
        recorded.answers.insert(path.into(), (403, json!({"errors": ["forbidden"]})));
    }
    let fake = Fake::start(recorded.handler()).await;
    let events = poll(fake.client(), now).await;
    let o = observation(&events);
    assert_eq!((o.slots, o.facts.version, o.facts.rescale_cooldown), (None, None, None));
    // The bounds could be read, so the scheduler is known all the same.
    assert_eq!(o.scheduler, Some(weirkeeper_core::observation::Scheduler::Adaptive));
    assert!(o.missing.iter().any(|m| m.starts_with("slots: ")), "{:?}", o.missing);
}

#[tokio::test]
async fn a_dead_cluster_does_not_delay_another() {
    let recorded = Recorded::of("2.2.1");
    let now = recorded.now;
    let (dead, alive) = (Fake::start(always(Reply::Hang)).await, Fake::start(recorded.handler()).await);
    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
    // The dead one is asked first. Its time-out is the longer, and nothing waits for it.
    for fake in [&dead, &alive] {
        let (mut observer, tx, url) = (observer(fake.client(), now), tx.clone(), fake.url.clone());
        tokio::spawn(async move {
            let mut events = Vec::new();
            let report = observer.poll(|e| events.push(e)).await;
            let _ = tx.send((url, report.observed));
        });
    }
    assert_eq!(rx.recv().await, Some((alive.url.clone(), 1)));
    assert_eq!(rx.recv().await, Some((dead.url.clone(), 0)));
}
