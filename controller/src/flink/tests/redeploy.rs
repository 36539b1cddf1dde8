//! Stop with savepoint and a new run, against a cluster that refuses, loses answers, or forgets the jar.

use super::fake::{Fake, Handler, Recorded, Reply, Req, fixture};
use crate::flink::{ClientConfig, Executor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weirkeeper_core::effect::{Action, ActionKind, Purpose, Redeploy, RunId, Stage, Token};
use weirkeeper_core::event::Outcome;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::policy::Jar;
use weirkeeper_core::units::{Millis, Parallelism};

const OLD: &str = "d7ff2b9cbad19d220b4964a1d56f6db9";
/// The id that the recorded run was given.
const NEW: &str = "00000000000000000000000000000abc";
const TRIGGER: &str = "fc28b715622e172948213a9373b32a89";
const SAVEPOINT: &str = "file:/flink/sp/savepoint-868414-969090a85102";
const IDS: [&str; 3] =
    ["2e588ce1c86a9d46e2e85186773ce4fd", "674df9b0384c0348e0b9d1034a44c46c", "f362c87ffabe89c8a91fa7d0a523ba6c"];

fn widths(enrich: u32) -> BTreeMap<Arc<str>, Parallelism> {
    IDS.iter().map(|id| (Arc::from(*id), Parallelism(if *id == IDS[1] { enrich } else { 2 }))).collect()
}

fn redeploy(stage: Stage) -> Redeploy {
    let config = BTreeMap::from([("execution.checkpointing.interval".to_owned(), "5s".to_owned())]);
    Redeploy {
        purpose: Purpose::Up,
        stage,
        jar: Jar {
            name: "lab-job.jar".into(),
            entry_class: Some("lab.LabJob".into()),
            args: vec!["--x".into()],
            config,
        },
        trigger: TRIGGER.into(),
        checkpoint_before: Some(7),
        expected: widths(2),
        target: widths(4),
        wait: Millis(600),
    }
}

fn again() -> Stage {
    Stage::Run { savepoint: SAVEPOINT.into(), job_id: NEW.into() }
}

fn action(kind: ActionKind) -> Action {
    let job = JobKey { cluster: "c".into(), namespace: None, name: "lab-job".into() };
    Action { run: RunId(1), token: Token(1), job, job_id: OLD.into(), kind }
}

fn act(stage: Stage) -> Action {
    action(ActionKind::Redeploy(Box::new(redeploy(stage))))
}

fn ask(stage: Stage) -> Action {
    action(ActionKind::InquireRedeploy(Box::new(redeploy(stage))))
}

/// A cluster that does what it is asked: answers by path, changed by what was posted.
struct World {
    recorded: Recorded,
    stop: Reply,
    poll: Reply,
    run: Reply,
    /// State of the new job once it was run.
    comes_up_as: &'static str,
}

impl World {
    fn new() -> World {
        let reply = |name: &str| {
            let (status, body) = fixture(&format!("2.2.1/{name}"));
            Reply::Json(status, body)
        };
        let mut recorded = Recorded::of("2.2.1");
        recorded.answers.insert("/jars".into(), fixture("2.2.1/jars"));
        World {
            recorded,
            stop: Reply::Json(202, json!({"request-id": TRIGGER})),
            poll: reply("stop_poll_last"),
            run: reply("jars_run_chosen_jobid"),
            comes_up_as: "RUNNING",
        }
    }

    /// The job has ended so.
    fn ended(mut self, word: &str) -> World {
        *self.recorded.part("/status") = json!({"status": word});
        *self.recorded.answers.get_mut("/jobs/overview").unwrap() =
            (200, json!({"jobs": [{"jid": OLD, "name": "lab-job", "state": word}]}));
        self
    }

    fn with(mut self, change: impl FnOnce(&mut World)) -> World {
        change(&mut self);
        self
    }

    fn new_job(&mut self, word: &str) {
        self.recorded.answers.insert(format!("/jobs/{NEW}/status"), (200, json!({"status": word})));
    }

    fn answer(&mut self, r: &Req) -> Reply {
        let last = r.path.rsplit('/').next().unwrap_or("");
        match (r.method.as_str(), last) {
            ("POST", "stop") => {
                if matches!(self.stop, Reply::Json(202, _))
                    && matches!(&self.poll, Reply::Json(_, v) if v["operation"]["location"].is_string())
                {
                    *self.recorded.part("/status") = json!({"status": "FINISHED"});
                }
                self.stop.clone()
            }
            ("POST", "run") => {
                if matches!(self.run, Reply::Json(200, _)) {
                    self.new_job(self.comes_up_as);
                }
                self.run.clone()
            }
            ("GET", TRIGGER) => self.poll.clone(),
            _ => self.recorded.reply(r),
        }
    }
}

async fn run(world: World, action: &Action) -> (Outcome, Vec<String>, Vec<Value>) {
    let world = Mutex::new(world);
    let handler: Handler = Arc::new(move |r: &Req| world.lock().unwrap().answer(r));
    let fake = Fake::start(handler).await;
    let quick = |c: &mut ClientConfig| c.limits.timeout = Duration::from_millis(500);
    let outcome = Executor::new().execute(&fake.client_with(quick), action, false).await;
    let short =
        |p: &String| p.replace(&format!("/jobs/{OLD}"), "").replace("5f215147-2724-4d3d-99c3-6d2a8fd97cea", "NEWEST");
    let sent = fake.mutating().iter().map(short).collect();
    let bodies = fake.seen.lock().unwrap().iter().filter(|r| r.method != "GET").map(|r| r.body.clone()).collect();
    (outcome, sent, bodies)
}

#[tokio::test]
async fn it_stops_and_gives_the_savepoint() {
    let (outcome, sent, bodies) = run(World::new(), &act(Stage::Stop)).await;
    assert_eq!(outcome, Outcome::Stopped { savepoint: SAVEPOINT.into() });
    assert_eq!(sent, ["POST /stop"]);
    assert_eq!(bodies, [json!({"drain": false, "triggerId": TRIGGER})]);
}

#[tokio::test]
async fn nothing_is_stopped_that_could_not_be_run_again_or_is_not_as_planned() {
    type Spoil = fn(&mut World);
    let cases: [(Spoil, &str); 5] = [
        (|w| w.recorded.answers.get_mut("/jars").unwrap().1["files"] = json!([]), "knows no jar \"lab-job.jar\""),
        (|w| drop(w.recorded.answers.insert("/jars".into(), (500, json!({"errors": ["odd"]})))), "could not be read"),
        (|w| w.recorded.part("")["vertices"][1]["parallelism"] = json!(3), "parallelism"),
        (|w| w.recorded.part("/status")["status"] = json!("RESTARTING"), "RESTARTING"),
        (
            |w| {
                w.recorded.part("/checkpoints")["counts"]["in_progress"] = json!(1);
                w.recorded.part("/checkpoints")["history"] =
                    json!([{"id": 9, "status": "IN_PROGRESS", "is_savepoint": true}]);
            },
            "savepoint is in progress",
        ),
    ];
    for (spoil, want) in cases {
        let (outcome, sent, _) = run(World::new().with(spoil), &act(Stage::Stop)).await;
        let (Outcome::Refused(why) | Outcome::Changed(why)) = &outcome else { panic!("{want}: {outcome:?}") };
        assert!(why.contains(want), "{want}: {why}");
        assert_eq!(sent, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_stop_that_fails_is_told_from_one_that_takes_long() {
    let failed = fixture("2.2.1/stop_in_storm_result").1;
    let (outcome, ..) = run(World::new().with(|w| w.poll = Reply::Json(200, failed)), &act(Stage::Stop)).await;
    assert!(matches!(&outcome, Outcome::Refused(why) if why.contains("could not be completed")), "{outcome:?}");
    let refused = |w: &mut World| w.stop = Reply::Json(400, json!({"errors": ["no savepoint directory configured"]}));
    let (outcome, ..) = run(World::new().with(refused), &act(Stage::Stop)).await;
    assert!(matches!(&outcome, Outcome::Refused(why) if why.contains("no savepoint directory")), "{outcome:?}");
    let long = |w: &mut World| w.poll = Reply::Json(200, json!({"status": {"id": "IN_PROGRESS"}}));
    for spoil in [long, |w: &mut World| w.stop = Reply::Hang] {
        let (outcome, sent, _) = run(World::new().with(spoil), &act(Stage::Stop)).await;
        assert!(matches!(outcome, Outcome::Unclear(_)), "{outcome:?}");
        assert_eq!(sent, ["POST /stop"], "never repeated");
    }
}

#[tokio::test]
async fn it_runs_the_newest_jar_of_that_name_with_everything_that_flink_does_not_inherit() {
    let (outcome, sent, bodies) = run(World::new().ended("FINISHED"), &act(again())).await;
    assert_eq!(outcome, Outcome::Started { job_id: NEW.into() });
    assert_eq!(sent, ["POST /jars/NEWEST_lab-job.jar/run"]);
    let overrides = format!("{}:2,{}:4,{}:2", IDS[0], IDS[1], IDS[2]);
    let want = json!({
        "entryClass": "lab.LabJob", "programArgsList": ["--x"], "parallelism": 4, "savepointPath": SAVEPOINT,
        "allowNonRestoredState": false, "jobId": NEW,
        "flinkConfiguration": {
            "execution.checkpointing.interval": "5s", "pipeline.jobvertex-parallelism-overrides": overrides,
        },
    });
    assert_eq!(bodies, [want]);
}

#[tokio::test]
async fn what_runs_already_is_not_run_twice() {
    let (outcome, sent, _) = run(World::new().ended("FINISHED").with(|w| w.new_job("RUNNING")), &act(again())).await;
    assert_eq!((outcome, sent), (Outcome::Started { job_id: NEW.into() }, vec![]));
    let other = |w: &mut World| {
        w.recorded.answers.get_mut("/jobs/overview").unwrap().1["jobs"] =
            json!([{"jid": "77", "name": "lab-job", "state": "RUNNING"}]);
    };
    let (outcome, sent, _) = run(World::new().ended("FINISHED").with(other), &act(again())).await;
    assert!(matches!(&outcome, Outcome::Changed(why) if why.contains("job 77")), "{outcome:?}");
    assert_eq!(sent, Vec::<String>::new());
}

#[tokio::test]
async fn a_run_that_fails_says_whether_its_id_is_used_up() {
    type Spoil = fn(&mut World);
    let cases: [(Spoil, bool, &str); 4] = [
        (|w| w.comes_up_as = "FAILED", true, "FAILED at once"),
        (|w| w.new_job("CANCELED"), true, "CANCELED"),
        (|w| w.recorded.answers.get_mut("/jars").unwrap().1["files"] = json!([]), false, "knows no jar"),
        (|w| w.run = Reply::Json(400, fixture("2.2.1/jars_run_same_jobid").1), false, "execute"),
    ];
    for (spoil, want_used, want) in cases {
        let (outcome, ..) = run(World::new().ended("FINISHED").with(spoil), &act(again())).await;
        let Outcome::NotStarted { why, used } = &outcome else { panic!("{want}: {outcome:?}") };
        assert!(why.contains(want), "{want}: {why}");
        assert_eq!(*used, want_used, "{want}");
    }
    for unclear in [Reply::Hang, Reply::Raw(503, "busy".into())] {
        let (outcome, ..) = run(World::new().ended("FINISHED").with(|w| w.run = unclear), &act(again())).await;
        assert!(matches!(outcome, Outcome::Unclear(_)), "{outcome:?}");
    }
}

fn forgotten(w: &mut World) {
    w.poll = Reply::Json(404, json!({"errors": ["There is no savepoint operation with triggerId"]}));
}

fn latest_savepoint(w: &mut World, id: u64) {
    w.recorded.part("/checkpoints")["latest"]["savepoint"] = json!({"id": id, "external_path": SAVEPOINT});
}

#[tokio::test]
async fn asked_after_a_stop_it_finds_out_without_sending_anything() {
    let stopped = Outcome::Stopped { savepoint: SAVEPOINT.into() };
    let find = |world: World| async move {
        let (outcome, sent, _) = run(world, &ask(Stage::Stop)).await;
        assert_eq!(sent, Vec::<String>::new());
        outcome
    };
    assert_eq!(find(World::new().ended("FINISHED")).await, stopped);
    assert_eq!(find(World::new().with(forgotten)).await, Outcome::StillRuns);
    // The trigger is forgotten: the ended job's last savepoint counts if it is newer than the plan (checkpoint 7).
    let by_checkpoints = |id| World::new().ended("FINISHED").with(forgotten).with(|w| latest_savepoint(w, id));
    assert_eq!(find(by_checkpoints(8)).await, stopped);
    assert!(matches!(find(by_checkpoints(7)).await, Outcome::Changed(_)));
    let canceled = World::new().ended("CANCELED").with(forgotten).with(|w| latest_savepoint(w, 8));
    assert!(matches!(find(canceled).await, Outcome::Changed(why) if why.contains("CANCELED")));
    let failed = fixture("2.2.1/stop_in_storm_result").1;
    assert!(matches!(find(World::new().with(|w| w.poll = Reply::Json(200, failed))).await, Outcome::Refused(_)));
    for status in [json!({"status": {"id": "IN_PROGRESS"}}), fixture("2.2.1/stop_poll_last").1] {
        let under_way = World::new().with(|w| w.poll = Reply::Json(200, status));
        assert!(matches!(find(under_way).await, Outcome::Unclear(_)));
    }
}

#[tokio::test]
async fn asked_after_a_run_it_finds_out_without_sending_anything() {
    let find = |world: World| async move {
        let (outcome, sent, _) = run(world, &ask(again())).await;
        assert_eq!(sent, Vec::<String>::new());
        outcome
    };
    let ended = || World::new().ended("FINISHED");
    assert!(matches!(find(ended()).await, Outcome::NotStarted { used: false, .. }));
    assert!(matches!(find(ended().with(|w| w.new_job("FAILED"))).await, Outcome::NotStarted { used: true, .. }));
    assert_eq!(find(ended().with(|w| w.new_job("CREATED"))).await, Outcome::Started { job_id: NEW.into() });
}
