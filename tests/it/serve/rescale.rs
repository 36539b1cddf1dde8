//! The loop closed over HTTP: `weirkeeper run` reads a served job, and rescales it when its load rises to four times.

use super::Serve;
use crate::program;
use crate::real::{Controller, Timeline, policy, within};
use anyhow::{Result, ensure};
use std::time::Duration;

/// 300 records/s are 60 % of what one subtask does; four times that need 1200 / 500 / 0.70 = 3.4 subtasks, so four.
const SCENARIO: &str = "apiVersion: weirkeeper.dev/v1
kind: Scenario
metadata: { name: fourfold }
duration: 1h
cluster:
  taskManagers: 4
  slotsPerTaskManager: 4
  rescaleCooldown: 5s
  coldCapacity: 1
  warmUp: 1s
  metricDelay: 0s
  metricUpdate: 2s
jobs:
  - name: lab-job
    vertices:
      - { name: \"Source: orders\", parallelism: 1, partitions: 16, capacity: 20000 }
      - { name: enrich, parallelism: 1, capacity: 500 }
    edges: [ [\"Source: orders\", enrich, HASH] ]
    load: [ steps: [[0s, 300], [240s, 1200]] ]
    checkpoints: { interval: 5s }
";

/// Faster than real, and slow enough that the operator metrics of an attempt (10 s old at least) mean something.
const SPEED: u32 = 3;
/// The load rises after 80 s; the rest is for the controller, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// At three times the speed the world does 1500 records/s per subtask of the reader's time, and is asked for as many.
pub fn fourfold() -> Result<()> {
    let serve = Serve::start(SCENARIO, SPEED)?;
    let timeline = Timeline::new("served-fourfold");
    let keeper = Controller::start(&serve.url, &policy("lab-job", "auto"), "2s", &timeline)?;
    keeper.until_read("lab-job")?;
    let width = within(PATIENCE, "three subtasks and more", || {
        let jobs = serve.get("/jobs/overview")?;
        let id = jobs["jobs"][0]["jid"].as_str().unwrap_or_default().to_owned();
        let width = serve.get(&format!("/jobs/{id}"))?["vertices"][1]["tasks"]["RUNNING"].as_u64();
        Ok(width.filter(|w| *w >= 3))
    })?;
    ensure!((3..=6).contains(&width), "{width} is not the right parallelism for four times the load\n{}", serve.said());
    let decisions = keeper.decisions("lab-job")?;
    ensure!(decisions.iter().any(|d| d.verdict() == "act" && d.wanted("enrich").is_some()), "it was not Weirkeeper");
    Ok(())
}

/// As everywhere: every problem, with its place, and exit code 2.
pub fn bad_scenario() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("s.yaml");
    std::fs::write(&file, "apiVersion: weirkeeper.dev/v1\nkind: Scenario\nmetadata: { name: s }\njbos: []\n")?;
    let ended = program::run(["serve".as_ref(), file.as_os_str()])?;
    ensure!(ended.code == Some(2), "{ended:?}");
    ensure!(ended.stderr.contains("s.yaml:4:1: "), "{}", ended.stderr);
    let ended = program::run(["serve", "/no/such/file.yaml"])?;
    ensure!(ended.code == Some(2) && ended.stderr.contains("/no/such/file.yaml"), "{ended:?}");
    let ended = program::run(["serve".as_ref(), file.as_os_str(), "--speed".as_ref(), "0".as_ref()])?;
    ensure!(ended.code == Some(2) && ended.stderr.contains("a number above 0"), "{ended:?}");
    Ok(())
}
