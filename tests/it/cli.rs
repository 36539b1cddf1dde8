//! The command line as a person meets it, against a pretended cluster.

use crate::program::{self, Ended, Running};
use crate::standin::{StandIn, now};
use anyhow::{Context, Result};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use weirkeeper_simulator::fleet::Fleet;

/// The trials of this area.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("cli::the_program_runs", starts),
        Trial::test("cli::wrong_options_are_exit_code_2_and_name_the_option", usage),
        Trial::test("cli::problems_of_the_configuration_have_file_line_and_column", config_problems),
        Trial::test("cli::recommend_says_json_alone_on_stdout", recommend_json),
        Trial::test("cli::recommend_shows_people_every_vertex", recommend_table),
        Trial::test("cli::recommend_exits_2_when_nothing_can_be_observed", recommend_unreachable),
        Trial::test("cli::t47_recommend_sends_nothing_that_changes", recommend_changes_nothing),
        Trial::test("cli::run_explains_pauses_and_refuses_a_second_process", run_whole),
        Trial::test("cli::run_survives_kill_9_and_keeps_a_pause", run_killed),
        Trial::test("cli::run_goes_on_with_a_broken_state_file_kept_aside", run_broken_state),
        Trial::test("cli::a_dead_cluster_does_not_delay_another", dead_neighbour),
        Trial::test("cli::clients_say_when_nobody_answers", client_unreachable),
        Trial::test("cli::check_and_test_have_their_exit_codes", check_and_test),
        Trial::test("cli::t49_a_folder_without_policies_is_refused", empty_folder),
        Trial::test("cli::policies_are_read_again_and_the_last_good_set_stays", hot_reload),
        Trial::test("cli::t43_the_kill_switch_stops_a_policy_in_mode_auto_until_it_is_gone", kill_switch),
        Trial::test("cli::schemas_and_completions_are_printed", schemas),
    ]
}

fn starts() -> Result<(), Failed> {
    let ended = program::run(["--help"])?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for command in [
        "run",
        "recommend",
        "record",
        "replay",
        "import",
        "check",
        "test",
        "explain",
        "actions",
        "pause",
        "resume",
        "schema",
        "completions",
    ] {
        assert!(ended.stdout.contains(&format!("\n  {command} ")), "{command} is missing:\n{}", ended.stdout);
    }
    Ok(())
}

/// The exit code, and words that standard error has.
fn check_end(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is missing: {ended:?}");
    }
}

fn usage() -> Result<(), Failed> {
    check_end(&program::run(["run", "--flik", "x"])?, 2, &["--flik"]);
    check_end(&program::run(["run", "--interval", "15"])?, 2, &["--interval", "15s"]);
    check_end(&program::run(["run"])?, 2, &["--flink URL"]);
    check_end(&program::run(["recommend", "--flink", "http://ann:s3cret@"])?, 2, &["http://host:8081"]);
    let secret = program::run(["recommend", "--flink", "ftp://ann:s3cret@h:1"])?;
    assert!(secret.code == Some(2) && !secret.stderr.contains("s3cret"), "{secret:?}");
    Ok(())
}

fn config_problems() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("w.yaml");
    std::fs::write(&file, "interval: 15s\nclusters:\n  - url: http://a:1\n    nmae: x\n")?;
    let place = format!("{}:4:5: ", file.display());
    check_end(&program::run(["run", "--config", &file.to_string_lossy()])?, 2, &[&place, "nmae"]);
    let missing = dir.path().join("gone.yaml");
    check_end(&program::run(["run", "--config", &missing.to_string_lossy()])?, 2, &["gone.yaml", "cannot be read"]);
    Ok(())
}

/// Jobs of five vertices, each subtask 60 % busy, running for an hour.
fn fleet(jobs: usize) -> Result<StandIn> {
    StandIn::start(Fleet::new(jobs, 5, now() - 3_600_000))
}

fn recommend_json() -> Result<(), Failed> {
    let cluster = fleet(2)?;
    let ended = program::run(["recommend", "--flink", cluster.url(), "--for", "4s", "--interval", "1s", "-o", "json"])?;
    check_end(&ended, 0, &[]);
    let advice: Value = serde_json::from_str(&ended.stdout)?;
    let jobs = advice["jobs"].as_array().context("jobs")?;
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert!(job["name"].is_string() && job["id"].as_str().is_some_and(|id| id.len() == 32), "{job}");
        assert!(job["rescale"].is_object(), "{job}");
        let reasons = job["reasons"].as_array().context("reasons")?;
        assert!(!reasons.is_empty() && reasons.iter().all(Value::is_string), "{job}");
        assert_eq!(job["vertices"].as_array().map(Vec::len), Some(5), "{job}");
    }
    Ok(())
}

fn recommend_table() -> Result<(), Failed> {
    let cluster = fleet(1)?;
    let ended = program::run(["recommend", "--flink", cluster.url(), "--for", "5s", "--interval", "1s"])?;
    check_end(&ended, 0, &[]);
    let head = ended.stdout.lines().find(|l| l.contains("VERTEX")).context("no head")?;
    for column in ["PARALLELISM", "WANTED", "BUSY", "DEMAND", "CAPACITY"] {
        assert!(head.contains(column), "{}", ended.stdout);
    }
    let rows = ended.stdout.lines().filter(|l| l.contains("60 %")).count();
    assert!(rows >= 4, "busy 60 % of each vertex:\n{}", ended.stdout);
    Ok(())
}

fn recommend_unreachable() -> Result<(), Failed> {
    let ended = program::run(["recommend", "--flink", "http://127.0.0.1:1", "--for", "10m"])?;
    check_end(&ended, 2, &["127.0.0.1:1", "onnect"]);
    assert_eq!(ended.stdout, "");
    let empty = fleet(0)?;
    let ended = program::run(["recommend", "--flink", empty.url(), "--for", "1s", "--interval", "1s"])?;
    check_end(&ended, 2, &["nothing could be observed"]);
    Ok(())
}

fn recommend_changes_nothing() -> Result<(), Failed> {
    let cluster = StandIn::start(Fleet::new(1, 3, now() - 3_600_000).with_load(900.0, 0.99))?;
    let ended = program::run(["recommend", "--flink", cluster.url(), "--for", "4s", "--interval", "1s"])?;
    check_end(&ended, 0, &[]);
    assert_eq!(cluster.changes(), Vec::<String>::new());
    assert!(cluster.requests() > 20);
    Ok(())
}

/// A `run` with a state file of its own.
struct Session {
    dir: tempfile::TempDir,
    running: Running,
    server: String,
}

impl Session {
    fn start(clusters: &[&str]) -> Result<Session> {
        Session::start_with(clusters, &[])
    }

    fn start_with(clusters: &[&str], more: &[&str]) -> Result<Session> {
        let dir = tempfile::tempdir()?;
        let (running, server) = launch(dir.path(), clusters, more)?;
        Ok(Session { dir, running, server })
    }

    fn again(&mut self, clusters: &[&str]) -> Result<()> {
        (self.running, self.server) = launch(self.dir.path(), clusters, &[])?;
        Ok(())
    }

    fn client(&self, args: &[&str]) -> Result<Ended> {
        let token = self.dir.path().join("state.token").to_string_lossy().into_owned();
        program::run(args.iter().copied().chain(["--server", &self.server, "--token-file", &token]))
    }

    /// Asks `explain` until the job was read and decided about.
    fn explained(&mut self, job: &str) -> Result<String> {
        let deadline = std::time::Instant::now() + program::PATIENCE;
        loop {
            let ended = self.client(&["explain", "--job", job])?;
            if ended.code == Some(0) && !ended.stdout.contains("nothing decided yet") {
                return Ok(ended.stdout);
            }
            anyhow::ensure!(std::time::Instant::now() < deadline, "{ended:?}\n{}", self.running.stderr());
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

fn launch(dir: &std::path::Path, clusters: &[&str], more: &[&str]) -> Result<(Running, String)> {
    let state = dir.join("state").to_string_lossy().into_owned();
    let flags = clusters.iter().flat_map(|c| ["--flink", c]);
    let args = ["run", "--interval", "1s", "--state", &state, "--listen", "127.0.0.1:0"];
    let mut running =
        Running::start(&mut program::command(args.into_iter().chain(flags).chain(more.iter().copied()))?)?;
    // Port 0 lets the system choose; the log says which it was.
    let server = running.until("the address", |r| {
        let log = r.stderr();
        let from = log.find("listen=")? + "listen=".len();
        Some(format!("http://{}", log[from..].split_whitespace().next()?))
    })?;
    Ok((running, server))
}

fn run_whole() -> Result<(), Failed> {
    let cluster = fleet(3)?;
    let mut session = Session::start(&[cluster.url()])?;
    let job = first_job(&session)?;
    let text = session.explained(&job)?;
    assert!(text.contains(&job) && text.contains("budgets:"), "{text}");

    let paused = session.client(&["pause", "--job", &job, "--reason", "night shift", "--by", "ann"])?;
    check_end(&paused, 0, &[]);
    let text = session.explained(&job)?;
    assert!(text.contains("night shift") && text.contains("ann"), "{text}");
    check_end(&session.client(&["resume"])?, 0, &[]);
    assert!(!session.explained(&job)?.contains("night shift"));

    check_end(&session.client(&["explain", "--job", "no such job"])?, 1, &["no such job"]);
    check_end(&session.client(&["actions", "show", "run-999"])?, 1, &["run-999"]);
    check_end(&session.client(&["actions"])?, 0, &[]);
    check_end(&session.client(&["pause", "--reason", "x", "--until", "2001-01-01T00:00:00Z"])?, 2, &["past"]);

    let state = session.dir.path().join("state").to_string_lossy().into_owned();
    let second = program::run(["run", "--flink", cluster.url(), "--state", &state, "--listen", "127.0.0.1:0"])?;
    check_end(&second, 2, &[&state, "another weirkeeper"]);
    let port = session.server.trim_start_matches("http://");
    let other = session.dir.path().join("other").to_string_lossy().into_owned();
    let taken = program::run(["run", "--flink", cluster.url(), "--state", &other, "--listen", port])?;
    check_end(&taken, 2, &[port, "in use"]);

    session.running.signal("TERM")?;
    let ended = session.running.wait(program::PATIENCE)?;
    check_end(&ended, 0, &["stopped"]);
    assert_eq!(cluster.changes(), Vec::<String>::new(), "recommending is the default");
    Ok(())
}

/// Name of a job that the server knows.
fn first_job(session: &Session) -> Result<String> {
    let deadline = std::time::Instant::now() + program::PATIENCE;
    loop {
        if let Some(name) = get(session, "/api/v1/jobs")?["jobs"][0]["name"].as_str() {
            return Ok(name.to_owned());
        }
        anyhow::ensure!(std::time::Instant::now() < deadline, "no job was read\n{}", session.running.stderr());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A read of the API.
fn get(session: &Session, path: &str) -> Result<Value> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let answer = http.get(format!("{}{path}", session.server)).send().await?;
        Ok(answer.json().await?)
    })
}

fn run_killed() -> Result<(), Failed> {
    let cluster = fleet(1)?;
    let mut session = Session::start(&[cluster.url()])?;
    check_end(&session.client(&["pause", "--reason", "moving house"])?, 0, &[]);
    session.running.kill()?;
    session.again(&[cluster.url()])?;
    let fleet = get(&session, "/api/v1/jobs")?["fleet"].clone();
    assert_eq!(fleet["pauses"][0]["reason"], "moving house", "{fleet}");
    Ok(())
}

fn run_broken_state() -> Result<(), Failed> {
    let cluster = fleet(1)?;
    let mut session = Session::start(&[cluster.url()])?;
    session.running.kill()?;
    std::fs::write(session.dir.path().join("state"), "this is not a state file\n".repeat(500))?;
    session.again(&[cluster.url()])?;
    assert!(session.running.stderr().contains("budget counts as spent"), "{}", session.running.stderr());
    let kept =
        std::fs::read_dir(session.dir.path())?.flatten().filter(|e| e.file_name().to_string_lossy().contains("broken"));
    assert_eq!(kept.count(), 1);
    let fleet = get(&session, "/api/v1/jobs")?["fleet"].clone();
    assert!(fleet["budgetsSpentUntil"].is_string(), "{fleet}");
    Ok(())
}

/// The dead one takes connections and never answers.
fn dead_neighbour() -> Result<(), Failed> {
    let hung = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", hung.local_addr()?);
    let cluster = fleet(1)?;
    let mut session = Session::start(&[&url, cluster.url()])?;
    let job = first_job(&session)?;
    session.explained(&job)?;
    let (before, ready) = (cluster.requests(), get(&session, "/ready")?);
    assert_eq!(ready["ready"], true, "{ready}");
    session.running.until("more reads", |_| (cluster.requests() > before + 20).then_some(()))?;
    Ok(())
}

fn client_unreachable() -> Result<(), Failed> {
    let ended = program::run(["explain", "--job", "x", "--server", "http://127.0.0.1:1"])?;
    check_end(&ended, 2, &["127.0.0.1:1", "--server"]);
    let dir = tempfile::tempdir()?;
    let token = dir.path().join("none").to_string_lossy().into_owned();
    let ended = program::run(["pause", "--reason", "x", "--server", "http://127.0.0.1:1", "--token-file", &token])?;
    check_end(&ended, 2, &["--token-file"]);
    Ok(())
}

const GOOD: &str = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: one }\n";

fn check_and_test() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("p.yaml");
    let path = file.to_string_lossy().into_owned();
    std::fs::write(&file, GOOD)?;
    check_end(&program::run(["check", &path])?, 0, &[]);
    check_end(&program::run(["test", &path])?, 0, &[]);
    std::fs::write(&file, format!("{GOOD}mood: sunny\n"))?;
    check_end(&program::run(["check", &path])?, 1, &[&format!("{path}:4:1: "), "mood"]);
    check_end(&program::run(["test", &path])?, 1, &["mood"]);
    check_end(&program::run(["check", "/no/such/path"])?, 2, &["/no/such/path"]);
    Ok(())
}

fn empty_folder() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (state, path) = (dir.path().join("s").to_string_lossy().into_owned(), dir.path().join("policies"));
    std::fs::create_dir(&path)?;
    let policies = path.to_string_lossy().into_owned();
    let ended = program::run(["run", "--flink", "http://127.0.0.1:1", "--state", &state, "--policies", &policies])?;
    check_end(&ended, 2, &[&policies]);
    Ok(())
}

fn hot_reload() -> Result<(), Failed> {
    let cluster = fleet(1)?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("p.yaml");
    std::fs::write(&file, GOOD)?;
    let policies = dir.path().to_string_lossy().into_owned();
    let mut session = Session::start_with(&[cluster.url()], &["--policies", &policies])?;
    let job = first_job(&session)?;
    let policy = |s: &Session| get(s, "/api/v1/jobs").ok()?["jobs"][0]["policy"].as_str().map(str::to_owned);
    assert_eq!(policy(&session).as_deref(), Some("one"), "{job}");
    std::fs::write(&file, format!("{GOOD}mood: sunny\n"))?;
    session.running.until("the problem", |r| r.stderr().contains("mood").then_some(()))?;
    assert_eq!(policy(&session).as_deref(), Some("one"));
    std::fs::write(&file, GOOD.replace("one", "two"))?;
    session.running.until("the change", |r| r.stderr().contains("the policies changed: they count").then_some(()))?;
    assert_eq!(policy(&session).as_deref(), Some("two"));
    assert_eq!(
        session.running.stderr().matches("unknown-field: ").count(),
        1,
        "said once: {}",
        session.running.stderr()
    );
    Ok(())
}

fn schemas() -> Result<(), Failed> {
    for kind in ["policy", "config"] {
        let ended = program::run(["schema", kind])?;
        check_end(&ended, 0, &[]);
        let schema: Value = serde_json::from_str(&ended.stdout)?;
        assert!(schema["properties"].is_object() || schema["$defs"].is_object(), "{kind}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let ended = program::run(["completions", shell])?;
        assert!(ended.code == Some(0) && ended.stdout.contains("recommend"), "{shell}");
    }
    Ok(())
}

/// A job that is asked for more than it can do, and a policy that may act within seconds.
const AUTO: &str = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: auto }\nmatch: { jobs: [job-0000] }\n\
                    mode: auto\nscaling: { window: 10s, warmUp: 1s, maxParallelism: 8 }\n";

fn kill_switch() -> Result<(), Failed> {
    let cluster = StandIn::start(Fleet::new(1, 3, now() - 3_600_000).with_load(500.0, 0.97))?;
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("p.yaml"), AUTO)?;
    let policies = dir.path().to_string_lossy().into_owned();
    // It is there before the start: nothing may slip through in between.
    let home = tempfile::tempdir()?;
    let switch = home.path().join("state.pause");
    std::fs::write(&switch, "")?;
    let (running, server) = launch(home.path(), &[cluster.url()], &["--policies", &policies])?;
    let mut session = Session { dir: home, running, server };
    session.running.until("the switch", |r| r.stderr().contains("the kill switch is on").then_some(()))?;
    session.running.until("a refusal", |r| r.stderr().contains("paused").then_some(()))?;
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(cluster.changes(), Vec::<String>::new(), "{}", session.running.stderr());
    std::fs::remove_file(&switch)?;
    session.running.until("a rescale", |_| cluster.changes().iter().any(|c| c.starts_with("PUT")).then_some(()))?;
    let actions = session.client(&["actions"])?;
    assert!(actions.stdout.contains("run-") && actions.stdout.contains("job-0000"), "{actions:?}");
    let id = actions.stdout.split_whitespace().find(|w| w.starts_with("run-")).context("no id")?;
    let shown = session.client(&["explain", id])?;
    assert!(shown.code == Some(0) && shown.stdout.contains("job-0000"), "{shown:?}");
    Ok(())
}
