//! Actions against a cluster that changed, refuses, hangs or breaks off.

use super::fake::{Fake, Handler, Recorded, Reply, Req, fixture};
use crate::flink::{ClientConfig, Executor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weirkeeper_core::effect::{Action, ActionKind, CheckpointOrder, Purpose, RunId, Token};
use weirkeeper_core::event::Outcome;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::units::{Millis, Parallelism};

const IDS: [&str; 3] =
    ["2e588ce1c86a9d46e2e85186773ce4fd", "674df9b0384c0348e0b9d1034a44c46c", "f362c87ffabe89c8a91fa7d0a523ba6c"];

fn bounds(enrich: u32) -> BTreeMap<Arc<str>, Bounds> {
    let one = |id: &&str| {
        let upper = if id.starts_with("674d") { enrich } else { 2 };
        (Arc::from(*id), Bounds { lower: Parallelism(1), upper: Parallelism(upper) })
    };
    IDS.iter().map(one).collect()
}

fn action(token: u64, kind: ActionKind) -> Action {
    let job = JobKey { cluster: "c".into(), namespace: None, name: "lab-job".into() };
    Action { run: RunId(1), token: Token(token), job, job_id: "d7ff2b9cbad19d220b4964a1d56f6db9".into(), kind }
}

fn rescale(purpose: Purpose, checkpoint: CheckpointOrder) -> ActionKind {
    ActionKind::Rescale { purpose, target: bounds(4), expected: bounds(2), checkpoint }
}

/// The recorded cluster with an answer to what changes it, and perhaps one changed part.
fn cluster(put: Reply, spoil: impl FnOnce(&mut Recorded)) -> Handler {
    let mut recorded = Recorded::of("2.2.1");
    spoil(&mut recorded);
    Arc::new(move |r: &Req| match (r.method.as_str(), r.path.rsplit('/').next()) {
        ("PUT", _) => put.clone(),
        ("POST", Some("checkpoints")) => Reply::Json(202, fixture("2.2.1/checkpoint_trigger").1),
        ("GET", Some("17d8538269ce6f0112fc0b05b2e8f6c9")) => Reply::Json(200, fixture("2.2.1/checkpoint_poll_last").1),
        _ => recorded.reply(r),
    })
}

async fn run(handler: Handler, action: &Action) -> (Outcome, Vec<String>, Fake) {
    let fake = Fake::start(handler).await;
    let quick = |c: &mut ClientConfig| c.limits.timeout = Duration::from_millis(500);
    let outcome = Executor::new().execute(&fake.client_with(quick), action, false).await;
    let sent = fake.mutating().iter().map(|p| p.replace("/jobs/d7ff2b9cbad19d220b4964a1d56f6db9", "")).collect();
    (outcome, sent, fake)
}

fn accepted() -> Reply {
    Reply::Json(200, json!({}))
}

#[tokio::test]
async fn from_2_on_the_put_goes_first_with_all_vertices_and_then_a_checkpoint() {
    let (outcome, sent, fake) =
        run(cluster(accepted(), |_| {}), &action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut))).await;
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(sent, ["PUT /resource-requirements", "POST /checkpoints"]);
    let seen = fake.seen.lock().unwrap();
    let put = &seen.iter().find(|r| r.method == "PUT").unwrap().body;
    let bounds = |upper: u32| json!({"parallelism": {"lowerBound": 1, "upperBound": upper}});
    assert_eq!(*put, json!({IDS[0]: bounds(2), IDS[1]: bounds(4), IDS[2]: bounds(2)}));
    let post = &seen.iter().find(|r| r.method == "POST").unwrap().body;
    assert_eq!(*post, json!({"checkpointType": "CONFIGURED"}));
}

#[tokio::test]
async fn before_2_a_checkpoint_goes_first_and_one_that_fails_or_takes_too_long_only_delays() {
    let done = fixture("2.2.1/checkpoint_poll_last").1;
    let running = fixture("2.2.1/checkpoint_poll_first").1;
    let failed = fixture("2.2.1/stop_in_storm_result").1;
    for poll in [done, running, failed] {
        let inner = cluster(accepted(), |_| {});
        let handler: Handler = Arc::new(move |r: &Req| match r.path.ends_with("/17d8538269ce6f0112fc0b05b2e8f6c9") {
            true => Reply::Json(200, poll.clone()),
            false => inner(r),
        });
        let order = CheckpointOrder::BeforePut { wait: Millis(600) };
        let (outcome, sent, _) = run(handler, &action(1, rescale(Purpose::Up, order))).await;
        assert_eq!(outcome, Outcome::Accepted);
        assert_eq!(sent, ["POST /checkpoints", "PUT /resource-requirements"]);
    }
}

#[tokio::test]
async fn a_live_job_that_is_not_as_planned_is_left_alone() {
    type Spoil = fn(&mut Recorded);
    let id = "674df9b0384c0348e0b9d1034a44c46c";
    assert_eq!(IDS[1], id);
    let cases: [(Spoil, &str); 7] = [
        (|r| r.part("/resource-requirements")[IDS[1]]["parallelism"]["upperBound"] = json!(3), "now asks for"),
        (
            |r| r.part("/resource-requirements")["ab"] = json!({"parallelism": {"lowerBound": 1, "upperBound": 1}}),
            "other vertices",
        ),
        (|r| r.part("/status")["status"] = json!("RESTARTING"), "RESTARTING"),
        (|r| r.part("/status")["status"] = json!("CANCELED"), "CANCELED"),
        (|r| r.part("")["name"] = json!("another"), "another"),
        (
            |r| {
                r.part("/checkpoints")["counts"]["in_progress"] = json!(1);
                r.part("/checkpoints")["history"] = json!([{"id": 9, "status": "IN_PROGRESS", "is_savepoint": true}]);
            },
            "savepoint",
        ),
        (
            |r| {
                let path = r.path("");
                r.answers.insert(path, (404, json!({"errors": ["Job d7ff not found"]})));
            },
            "not there any more",
        ),
    ];
    for (spoil, want) in cases {
        let plan = action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut));
        let (outcome, sent, _) = run(cluster(accepted(), spoil), &plan).await;
        assert!(matches!(&outcome, Outcome::Changed(why) if why.contains(want)), "{want}: {outcome:?}");
        assert_eq!(sent, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_undo_may_go_while_tasks_restart() {
    let restarting = |r: &mut Recorded| r.part("/status")["status"] = json!("RESTARTING");
    let plan = action(1, rescale(Purpose::Undo, CheckpointOrder::None));
    let (outcome, sent, _) = run(cluster(accepted(), restarting), &plan).await;
    assert_eq!((outcome, sent), (Outcome::Accepted, vec!["PUT /resource-requirements".to_owned()]));
}

#[tokio::test]
async fn what_flink_says_to_a_put_is_told_apart() {
    let recorded = |name: &str| {
        let (status, body) = fixture(name);
        Reply::Json(status, body)
    };
    let refused = [
        ("job_rr_put_above_max_parallelism", "exceeds its maximum parallelism 128"),
        ("job_rr_put_missing_vertex", "missing"),
        ("job_rr_put_unknown_vertex", "vert"),
        ("job_rr_put_lower_gt_upper", "ound"),
    ];
    for version in ["1.20.5", "2.2.1"] {
        for (name, want) in refused {
            let plan = action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut));
            let (outcome, sent, _) = run(cluster(recorded(&format!("{version}/{name}")), |_| {}), &plan).await;
            assert!(
                matches!(&outcome, Outcome::Refused(why) if why.contains(want) && !why.contains('\n')),
                "{outcome:?}"
            );
            assert_eq!(sent.len(), 1, "no checkpoint after a refusal");
        }
        // An unknown job is answered with 500; still it is certain that nothing was done.
        let plan = action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut));
        let (outcome, ..) = run(cluster(recorded(&format!("{version}/job_rr_put_unknown_job")), |_| {}), &plan).await;
        assert!(matches!(outcome, Outcome::Changed(_)), "{outcome:?}");
    }
    for unclear in
        [Reply::Hang, Reply::Raw(500, "odd".into()), Reply::Raw(503, "busy".into()), Reply::Raw(504, "".into())]
    {
        let plan = action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut));
        let (outcome, sent, _) = run(cluster(unclear, |_| {}), &plan).await;
        assert!(matches!(outcome, Outcome::Unclear(_)), "{outcome:?}");
        assert_eq!(sent, ["PUT /resource-requirements"], "never repeated");
    }
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_triggered_afterwards_is_no_failure() {
    let inner = cluster(accepted(), |_| {});
    let handler: Handler = Arc::new(move |r: &Req| match r.method.as_str() {
        "POST" => Reply::Raw(500, "no".into()),
        _ => inner(r),
    });
    let (outcome, ..) = run(handler, &action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut))).await;
    assert_eq!(outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let fake = Fake::start(cluster(accepted(), |_| {})).await;
    let plan = action(1, rescale(Purpose::Up, CheckpointOrder::AfterPut));
    assert_eq!(Executor::new().execute(&fake.client(), &plan, true).await, Outcome::DryRun);
    assert_eq!(fake.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn an_older_token_is_refused_and_the_same_one_is_not() {
    let fake = Fake::start(cluster(accepted(), |_| {})).await;
    let (client, executor) = (fake.client(), Executor::new());
    let mut outcomes = Vec::new();
    for token in [5, 4, 5] {
        let plan = action(token, rescale(Purpose::Up, CheckpointOrder::None));
        outcomes.push(executor.execute(&client, &plan, false).await);
    }
    assert_eq!((&outcomes[0], &outcomes[2]), (&Outcome::Accepted, &Outcome::Accepted));
    assert!(matches!(&outcomes[1], Outcome::Refused(why) if why.contains("fencing token 4")), "{outcomes:?}");
}

#[tokio::test]
async fn an_action_that_waits_for_its_checkpoint_gives_way_to_a_newer_one() {
    let running = fixture("2.2.1/checkpoint_poll_first").1;
    let inner = cluster(accepted(), |_| {});
    let handler: Handler = Arc::new(move |r: &Req| match r.path.ends_with("/17d8538269ce6f0112fc0b05b2e8f6c9") {
        true => Reply::Json(200, running.clone()),
        false => inner(r),
    });
    let fake = Fake::start(handler).await;
    let (client, executor) = (fake.client(), Arc::new(Executor::new()));
    let old = action(1, rescale(Purpose::Up, CheckpointOrder::BeforePut { wait: Millis(1_500) }));
    let waiting = tokio::spawn({
        let (client, executor) = (client.clone(), executor.clone());
        async move { executor.execute(&client, &old, false).await }
    });
    while fake.mutating().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let newer = executor.execute(&client, &action(2, ActionKind::Inquire), false).await;
    assert!(matches!(newer, Outcome::Found { .. }));
    let outcome = waiting.await.unwrap();
    assert!(matches!(&outcome, Outcome::Refused(why) if why.contains("fencing")), "{outcome:?}");
    assert!(!fake.mutating().iter().any(|p| p.starts_with("PUT")));
}

#[tokio::test]
async fn an_inquiry_tells_what_is_asked_and_what_runs() {
    let (outcome, sent, _) = run(cluster(accepted(), |_| {}), &action(1, ActionKind::Inquire)).await;
    let running = IDS.iter().map(|id| (Arc::from(*id), Parallelism(2))).collect();
    let job_id = "d7ff2b9cbad19d220b4964a1d56f6db9".into();
    assert_eq!(outcome, Outcome::Found { requirements: bounds(2), running, job_id });
    assert_eq!(sent, Vec::<String>::new());
    let down = |r: &mut Recorded| {
        let path = r.path("/resource-requirements");
        r.answers.insert(path, (500, Value::Null));
    };
    let (outcome, ..) = run(cluster(accepted(), down), &action(1, ActionKind::Inquire)).await;
    assert!(matches!(outcome, Outcome::Unclear(_)), "{outcome:?}");
}
