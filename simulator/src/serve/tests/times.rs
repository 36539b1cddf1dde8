//! What is how old, and how fast time goes.

use super::{BEGAN, Lab, recorded_job};
use crate::scenario::{Fault, FaultKind};
use crate::serve::{Request, Server, copies};
use serde_json::Value;

fn busy(lab: &mut Lab) -> Option<f64> {
    let path = lab.vertex(1, "/subtasks/metrics?get=accumulateBusyTimeMs&agg=sum");
    lab.get(&path)[0]["sum"].as_f64()
}

#[test]
fn the_first_answer_after_a_silence_is_old() {
    let mut scenario = recorded_job(2);
    scenario.cluster.metric_update = super::secs(10);
    let mut lab = Lab::new(&scenario);
    lab.pass(60);
    assert_eq!(busy(&mut lab), None, "a new job has [] until the second poll");
    lab.pass(1);
    let first = busy(&mut lab).unwrap();
    // The keyed vertex has 500 records/s at 2 ms each: 1000 ms/s over both subtasks, for 60 s.
    assert!((first - 60_000.0).abs() < 2_000.0, "{first}");
    lab.pass(9);
    assert_eq!(busy(&mut lab), Some(first), "it is fetched every 10 s at most");
    lab.pass(30);
    assert_eq!(busy(&mut lab), Some(first), "who asks first after a silence gets what was there");
    lab.pass(1);
    let last = busy(&mut lab).unwrap();
    assert!((last - first - 40_000.0).abs() < 1_000.0, "{last}, 40 s later");
}

#[test]
fn details_are_three_seconds_old_and_the_status_is_not() {
    let mut scenario = recorded_job(2);
    let kind = FaultKind::Throws { vertex: "enrich".into() };
    scenario.faults = vec![Fault { at: super::secs(30), lasts: None, job: None, kind }];
    let mut lab = Lab::new(&scenario);
    lab.pass(29);
    let path = lab.job("");
    assert_eq!(lab.get(&path)["state"], "RUNNING");
    lab.pass(2);
    assert_eq!((lab.word().as_str(), &lab.get(&path)["state"]), ("RESTARTING", &"RUNNING".into()));
    lab.pass(1);
    assert_eq!(lab.get(&path)["state"], "RESTARTING");
}

#[test]
fn at_ten_times_the_speed_rates_are_tenfold_and_busy_time_is_the_same() {
    let figures = |speed: f64| {
        let mut server = Server::new(&recorded_job(2), 1, BEGAN, speed);
        let at = |real: f64| BEGAN + (real / speed * 1_000.0) as i64;
        let job = server.world().job(0).unwrap();
        let path = format!("/jobs/{}/vertices/{}", job.id, job.vertices[1].id);
        let get = "numRecordsIn,numRecordsInPerSecond,busyTimeMsPerSecond,accumulateBusyTimeMs";
        let request = Request::new("GET", &format!("{path}/subtasks/metrics?agg=sum&get={get}"), b"");
        server.answer(&request, at(120.0));
        let answer = server.answer(&request, at(121.0)).body;
        let config =
            server.answer(&Request::new("GET", &format!("/jobs/{}/checkpoints/config", job.id), b""), at(121.0));
        let of = |id: &str| {
            let all = answer.as_array().unwrap();
            all.iter().find(|m| m["id"] == id).unwrap()["sum"].as_f64().unwrap()
        };
        (
            of("numRecordsIn"),
            of("numRecordsInPerSecond"),
            of("busyTimeMsPerSecond"),
            of("accumulateBusyTimeMs"),
            config.body["interval"].as_i64().unwrap(),
        )
    };
    let (one, ten) = (figures(1.0), figures(10.0));
    assert_eq!((one.0, one.2), (ten.0, ten.2), "as many records at the same share of time");
    assert!((one.1 - 500.0).abs() < 1.0 && (ten.1 - 5_000.0).abs() < 10.0, "{one:?} {ten:?}");
    assert!((one.3 / ten.3 - 10.0).abs() < 0.01, "{one:?} {ten:?}");
    assert_eq!((one.4, ten.4), (5_000, 500));
}

#[test]
fn faults_of_the_api_show() {
    let mut scenario = recorded_job(2);
    let fault = |at, kind| Fault { at: super::secs(at), lasts: Some(super::secs(10)), job: None, kind };
    scenario.faults = vec![
        fault(100, FaultKind::ApiErrors(1.0)),
        fault(200, FaultKind::ApiTimeouts(1.0)),
        fault(300, FaultKind::MetricIncomplete),
        fault(400, FaultKind::MetricGap),
    ];
    let mut lab = Lab::new(&scenario);
    lab.pass(101);
    assert_eq!(lab.ask("GET", "/jobs/overview", &Value::Null).status, 500);
    lab.pass(100);
    assert!(lab.ask("GET", "/jobs/overview", &Value::Null).late);
    lab.pass(100);
    let path = lab.job("");
    let metrics = &lab.get(&path)["vertices"][1]["metrics"];
    assert_eq!((&metrics["read-records"], &metrics["read-records-complete"]), (&0.into(), &false.into()));
    lab.pass(100);
    busy(&mut lab);
    lab.pass(1);
    assert_eq!(busy(&mut lab), None);
    let path = lab.job("/metrics?get=numRestarts");
    assert_eq!(lab.get(&path), serde_json::json!([]));
}

#[test]
fn copies_have_names_and_room_of_their_own() {
    let mut scenario = recorded_job(2);
    let kind = FaultKind::Throws { vertex: "enrich".into() };
    scenario.faults = vec![Fault { at: super::secs(30), lasts: None, job: Some("lab-job".into()), kind }];
    let three = copies(&scenario, 3);
    let names: Vec<&str> = three.jobs.iter().map(|j| &*j.name).collect();
    assert_eq!(names, ["lab-job", "lab-job-2", "lab-job-3"]);
    assert_eq!((three.cluster.task_managers, three.faults.len()), (9, 3));
    let mut lab = Lab::new(&three);
    lab.pass(20);
    let overview = lab.get("/jobs/overview");
    let jobs = overview["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 3);
    assert!(jobs.iter().all(|j| j["state"] == "RUNNING"));
    assert_eq!(lab.get("/overview")["slots-available"], 36 - 6);
    assert_eq!(copies(&scenario, 0), copies(&scenario, 1));
}
