//! Requests that change the world.

use super::{Lab, recorded_job};
use crate::scenario::{Fault, FaultKind};
use serde_json::{Value, json};

fn trigger(lab: &mut Lab, rest: &str, body: &Value) -> String {
    let path = lab.job(rest);
    let answer = lab.ask("POST", &path, body);
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.body["request-id"].as_str().unwrap().to_owned()
}

/// Asks until it is over.
fn result(lab: &mut Lab, path: &str) -> Value {
    for _ in 0..60 {
        let answer = lab.get(path);
        if answer["status"]["id"] == "COMPLETED" {
            return answer["operation"].clone();
        }
        assert_eq!(answer, json!({"status": {"id": "IN_PROGRESS"}, "operation": null}));
        lab.pass(1);
    }
    panic!("{path} is never over");
}

#[test]
fn new_requirements_rescale_the_job() {
    let mut lab = Lab::after(60);
    let path = lab.job("/resource-requirements");
    let mut body = lab.get(&path);
    for (_, bounds) in body.as_object_mut().unwrap() {
        bounds["parallelism"]["upperBound"] = json!(4);
    }
    let answer = lab.ask("PUT", &path, &body);
    assert_eq!((answer.status, answer.body), (200, json!({})));
    assert_eq!(lab.get(&path), body);
    let path = lab.job("/checkpoints");
    let answer = lab.ask("POST", &path, &json!({"checkpointType": "CONFIGURED"}));
    let id = answer.body["request-id"].as_str().unwrap().to_owned();
    let path = lab.job(&format!("/checkpoints/{id}"));
    assert!(result(&mut lab, &path)["checkpointId"].as_u64().unwrap() > 0);
    lab.pass(10);
    let path = lab.job("");
    let details = lab.get(&path);
    assert_eq!((&details["state"], &details["vertices"][1]["parallelism"]), (&"RUNNING".into(), &4.into()));
    assert_eq!(details["vertices"][1]["tasks"]["RUNNING"], 4);
    let path = lab.job("/metrics?get=numRestarts,numRescales");
    lab.get(&path);
    lab.pass(11);
    lab.get(&path);
    lab.pass(1);
    assert_eq!(lab.get(&path), json!([{"id": "numRestarts", "value": "1"}, {"id": "numRescales", "value": "1"}]));
}

#[test]
fn a_savepoint_is_taken_once_per_trigger() {
    let mut lab = Lab::after(60);
    let chosen = "a".repeat(32);
    let body = json!({"target-directory": null, "cancel-job": false, "triggerId": chosen});
    assert_eq!(trigger(&mut lab, "/savepoints", &body), chosen);
    assert_eq!(trigger(&mut lab, "/savepoints", &body), chosen);
    let path = lab.job(&format!("/savepoints/{chosen}"));
    let location = result(&mut lab, &path)["location"].as_str().unwrap().to_owned();
    assert!(location.starts_with("file:/savepoints/savepoint-"), "{location}");
    let path = lab.job("/checkpoints");
    lab.pass(3);
    let history = lab.get(&path)["history"].clone();
    let savepoints: Vec<_> = history.as_array().unwrap().iter().filter(|c| c["is_savepoint"] == true).collect();
    assert_eq!((savepoints.len(), &savepoints[0]["checkpoint_type"]), (1, &"SAVEPOINT".into()));
    assert_eq!(lab.word(), "RUNNING");
    let path = lab.job(&format!("/savepoints/{}", "b".repeat(32)));
    assert_eq!(lab.ask("GET", &path, &Value::Null).status, 404);
}

#[test]
fn a_job_is_stopped_and_run_again_under_another_id() {
    let mut lab = Lab::after(60);
    let old = lab.job("");
    let id = trigger(&mut lab, "/stop", &json!({"drain": false}));
    let path = lab.job(&format!("/savepoints/{id}"));
    let location = result(&mut lab, &path)["location"].as_str().unwrap().to_owned();
    assert_eq!(lab.word(), "FINISHED");
    let jar = lab.get("/jars")["files"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({"savepointPath": location, "parallelism": 3, "jobId": "c".repeat(32)});
    let answer = lab.ask("POST", &format!("/jars/{jar}/run"), &body);
    assert_eq!((answer.status, &answer.body["jobid"]), (200, &json!("c".repeat(32))));
    lab.pass(5);
    let new = lab.job("");
    assert_ne!(new, old);
    let details = lab.get(&new);
    assert_eq!((&details["state"], &details["vertices"][0]["parallelism"]), (&"RUNNING".into(), &3.into()));
    assert_eq!(lab.get(&old)["state"], "FINISHED", "the former one is still shown");
    assert_eq!(lab.get("/jobs/overview")["jobs"].as_array().unwrap().len(), 2);
    let overview = lab.get("/overview");
    assert_eq!((&overview["jobs-running"], &overview["jobs-finished"]), (&1.into(), &1.into()));
    // An id that was used, a jar that is not there, a job that runs already: as recorded, or plainly.
    let again = lab.ask("POST", &format!("/jars/{jar}/run"), &body);
    assert_eq!(again.status, 400);
    assert!(again.body["errors"][0].as_str().unwrap().contains("DuplicateJobSubmissionException"));
    assert_eq!(lab.ask("POST", "/jars/nope.jar/run", &json!({})).status, 500);
    assert_eq!(lab.ask("POST", &format!("/jars/{jar}/run"), &json!({})).status, 400);
}

#[test]
fn a_savepoint_that_is_not_there_fails_the_job_without_a_word() {
    let mut lab = Lab::after(30);
    let path = lab.job("?mode=cancel");
    let answer = lab.ask("PATCH", &path, &Value::Null);
    assert_eq!((answer.status, answer.body, lab.word().as_str()), (202, json!({}), "CANCELED"));
    let jar = lab.get("/jars")["files"][0]["id"].as_str().unwrap().to_owned();
    let answer =
        lab.ask("POST", &format!("/jars/{jar}/run"), &json!({"savepointPath": "file:/none", "parallelism": 2}));
    assert_eq!(answer.status, 200);
    let id = answer.body["jobid"].as_str().unwrap().to_owned();
    let details = lab.get(&format!("/jobs/{id}"));
    assert_eq!((&details["state"], &details["vertices"][0]["start-time"]), (&"FAILED".into(), &json!(-1)));
    let exceptions = lab.get(&format!("/jobs/{id}/exceptions"));
    assert_eq!(exceptions["exceptionHistory"]["entries"], json!([]));
}

#[test]
fn what_failed_is_completed_with_a_cause() {
    let mut scenario = recorded_job(2);
    let kind = FaultKind::SlowCheckpoints(1e9);
    scenario.faults = vec![Fault { at: super::secs(30), lasts: None, job: None, kind }];
    (scenario.jobs[0].checkpoints.timeout, scenario.jobs[0].checkpoints.tolerable_failures) = (super::secs(3), 1_000);
    let mut lab = Lab::new(&scenario);
    lab.pass(40);
    let id = trigger(&mut lab, "/stop", &json!({"drain": false}));
    let path = lab.job(&format!("/savepoints/{id}"));
    let operation = result(&mut lab, &path);
    let cause = operation["failure-cause"]["stack-trace"].as_str().unwrap();
    assert!(cause.contains("Stop with savepoint operation could not be completed"), "{cause}");
    assert!(cause.contains("expired before completing"), "{cause}");
    let (_, recorded) = super::shapes::recorded("stop_in_storm_result");
    // The recording was cut of the serialised Java object.
    let mut fields = super::shapes::fields(&operation);
    assert!(fields.remove("/failure-cause/serialized-throwable").is_some());
    assert_eq!(fields, super::shapes::fields(&recorded["operation"]));
}

#[test]
fn an_uploaded_jar_is_listed() {
    let mut lab = Lab::after(1);
    let body = b"--x\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"mine.jar\"\r\n\r\nPK\x03\x04";
    let answer = lab.server.answer(&super::Request::new("POST", "/jars/upload", body), lab.now);
    assert_eq!((answer.status, &answer.body["status"]), (200, &"success".into()));
    let files = lab.get("/jars")["files"].clone();
    assert_eq!((files.as_array().unwrap().len(), &files[0]["name"]), (2, &"mine.jar".into()));
    let id = files[0]["id"].as_str().unwrap().to_owned();
    assert!(answer.body["filename"].as_str().unwrap().ends_with(&id));
    assert_eq!(lab.ask("DELETE", &format!("/jars/{id}"), &Value::Null).status, 200);
    assert_eq!(lab.get("/jars")["files"].as_array().unwrap().len(), 1);
}
