//! The stand-in has the shapes of the recorded answers, and a fleet is read whole and cheaply.

use super::fake::{Fake, Handler, Recorded, Reply, Req, observe, observer};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use weirkeeper_core::event::Event;
use weirkeeper_simulator::fleet::Fleet;

const BEGAN: i64 = 1_795_250_000_000;
const NOW: i64 = BEGAN + 3_600_000;

fn serve(fleet: Fleet) -> Handler {
    let fleet = Mutex::new(fleet);
    Arc::new(move |r: &Req| {
        let (status, body) = fleet.lock().unwrap().answer(&r.method, &r.path, &r.query, &r.body, NOW);
        Reply::Json(status, body)
    })
}

/// Paths of all keys in a value; list elements share theirs.
fn keys(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| {
            // Ids of vertices are keys of the requirements.
            let k = if k.len() == 32 { "ID" } else { k };
            out.insert(format!("{at}/{k}"));
            keys(v, &format!("{at}/{k}"), out);
        }),
        Value::Array(list) => list.iter().for_each(|v| keys(v, at, out)),
        _ => {}
    }
}

#[test]
fn the_stand_in_answers_in_recorded_shapes() {
    let recorded = Recorded::of("2.2.1");
    let mut fleet = Fleet::new(2, 3, BEGAN);
    let (id, vertex) = (Fleet::job_id(0), Fleet::vertex_id(1));
    let enrich = "674df9b0384c0348e0b9d1034a44c46c";
    let parts = ["", "/status", "/resource-requirements", "/exceptions"];
    let mut pairs: Vec<(String, String)> = parts.iter().map(|p| (recorded.path(p), format!("/jobs/{id}{p}"))).collect();
    pairs.extend(["/jobs/overview", "/config", "/overview"].map(|p| (p.to_owned(), p.to_owned())));
    for (real, ours) in pairs {
        let (_, answer) = fleet.answer("GET", &ours, "", &Value::Null, NOW);
        let (mut want, mut got) = (BTreeSet::new(), BTreeSet::new());
        keys(&recorded.answers[&real].1, "", &mut want);
        keys(&answer, "", &mut got);
        assert_eq!(got, want, "{real}");
    }
    // Of these the stand-in gives a part: it must be a part of the real one.
    let some = ["/checkpoints", "/checkpoints/config"].map(|p| (recorded.path(p), format!("/jobs/{id}{p}")));
    let more = [
        (recorded.path(&format!("/vertices/{enrich}")), format!("/jobs/{id}/vertices/{vertex}")),
        (
            recorded.path(&format!("/vertices/{enrich}/taskmanagers")),
            format!("/jobs/{id}/vertices/{vertex}/taskmanagers"),
        ),
        ("/taskmanagers".to_owned(), "/taskmanagers".to_owned()),
    ];
    for (real, ours) in some.into_iter().chain(more) {
        let (_, answer) = fleet.answer("GET", &ours, "", &Value::Null, NOW);
        let (mut want, mut got) = (BTreeSet::new(), BTreeSet::new());
        keys(&recorded.answers[&real].1, "", &mut want);
        keys(&answer, "", &mut got);
        assert!(got.is_subset(&want) && got.len() > 2, "{real}: {:?}", got.difference(&want));
    }
}

#[tokio::test]
async fn a_fleet_is_read_whole_with_few_calls_per_job() {
    let fake = Fake::start(serve(Fleet::new(60, 5, BEGAN))).await;
    let mut observer = observer(fake.client(), NOW);
    let mut calls = Vec::new();
    for _ in 0..9 {
        let before = fake.paths().len();
        let events = observe(&mut observer).await;
        let observed = events
            .iter()
            .filter(|e| matches!(e, Event::Observed(o) if o.missing.iter().all(|m| !m.contains("cannot"))))
            .count();
        assert_eq!(observed, 60);
        calls.push(fake.paths().len() - before);
    }
    // Steady: details, metrics, the source, the one vertex in four whose turn it is, and every fourth time checkpoints
    // and requirements. Four vertices are not sources; all are busy above half, so each is looked at: 3 + 4 + 2/4.
    let steady = calls[1..].iter().sum::<usize>() as f64 / 8.0 / 60.0;
    assert!(steady < 8.0, "{steady} calls per job, {calls:?}");
}

#[tokio::test]
async fn quiet_vertices_are_looked_at_in_turn() {
    let fake = Fake::start(serve(Fleet::new(60, 5, BEGAN).with_load(500.0, 0.3))).await;
    let mut observer = observer(fake.client(), NOW);
    observe(&mut observer).await;
    let before = fake.paths().len();
    for _ in 0..8 {
        observe(&mut observer).await;
    }
    // 3 + 4/4 + 2/4.
    let steady = (fake.paths().len() - before) as f64 / 8.0 / 60.0;
    assert!(steady < 5.0, "{steady} calls per job");
}
