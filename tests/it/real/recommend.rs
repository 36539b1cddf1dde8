//! Scenario 2: recommend mode says the same and touches nothing.

use super::controller::{Controller, Decision, policy};
use super::job::{ENRICH, Job};
use super::proxy::Proxy;
use super::stage::{INTERVAL, Stage};
use super::timeline::now_ms;
use crate::program;
use anyhow::{Context, Result, ensure};
use std::time::Duration;

/// 94 % of what one subtask does: too much, but no backlog grows, so that what is wanted is the same at any time. At the
/// aim of 0.65 (see the scenario of steps) 723 records/s are needed: two subtasks.
const LOAD: u32 = 470;
const WANTED: u64 = 2;

/// One weirkeeper recommends all the while, the command of that name looks for a while, and one in mode auto acts in the
/// end: all three want the same, and only the last sends anything but reads.
pub fn same_but_nothing_moves(stage: &Stage) -> Result<()> {
    let job = stage.submit(300, &[])?;
    let adviser = stage.controller("recommend")?;
    adviser.until_read(job.name())?;
    job.load(LOAD)?;
    let first = adviser.until(job.name(), "a recommendation", 0, Decision::wants_rescale)?;
    ensure!(first.verdict() == "recommend", "{}", first.0);
    let command = by_command(stage, &job)?;
    ensure!(stage.proxy.mutating().is_empty(), "recommend mode sent {:?}", stage.proxy.mutating());

    let acted = by_acting(stage, &job)?;
    let advised = standing(&adviser, &job)?;
    ensure!(stage.proxy.mutating().is_empty(), "recommend mode sent {:?}", stage.proxy.mutating());
    stage.timeline.figure("recommended, at first", format!("{:?}", first.wanted(ENRICH)));
    stage.timeline.figure("recommended by the command", command.to_string());
    stage.timeline.figure("recommended when auto acted", advised.to_string());
    stage.timeline.figure("asked for by auto", acted.to_string());
    let all = [first.wanted(ENRICH), Some(command), Some(advised), Some(acted)];
    ensure!(all.iter().all(|w| *w == Some(WANTED)), "not the same, or not {WANTED}: {all:?}");
    Ok(())
}

/// What `weirkeeper recommend` wants of enrich.
fn by_command(stage: &Stage, job: &Job) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("scenario.yaml"), policy(job.name(), "recommend"))?;
    let policies = folder.path().display().to_string();
    let args = ["recommend", "--flink", stage.proxy.url(), "--policies", &policies, "--for", "50s"];
    let mut command = program::command([&args[..], &["--interval", INTERVAL, "-o", "json"]].concat())?;
    let ended = program::Running::start(&mut command)?.wait(Duration::from_secs(90))?;
    ensure!(ended.code == Some(0), "recommend ended with {:?}\n{}", ended.code, ended.stderr);
    let advice: serde_json::Value = serde_json::from_str(&ended.stdout).context("recommend -o json")?;
    stage.timeline.note("recommend", advice["jobs"][0]["reasons"].to_string());
    let wanted = advice["jobs"][0]["rescale"][ENRICH]["to"].as_u64();
    wanted.with_context(|| format!("recommend wants nothing of enrich: {}", ended.stdout))
}

/// What the one in mode auto asks for, through a proxy of its own.
fn by_acting(stage: &Stage, job: &Job) -> Result<u64> {
    let proxy = Proxy::start(stage.cluster.url(), &stage.timeline)?;
    let keeper = Controller::start(proxy.url(), &policy(job.name(), "auto"), INTERVAL, &stage.timeline)?;
    let acted = keeper.until(job.name(), "auto to act", now_ms(), |d| d.verdict() == "act")?;
    super::wait::eventually("the request", || Ok(proxy.rescales().pop()))?;
    acted.wanted(ENRICH).context("auto acts, but not on enrich")
}

/// What is recommended now.
fn standing(adviser: &Controller, job: &Job) -> Result<u64> {
    let all = adviser.decisions(job.name())?;
    all.iter().rev().find_map(|d| d.wanted(ENRICH)).context("nothing is recommended for enrich")
}
