//! A job without the adaptive scheduler: left alone with the setting to change, or stopped with a savepoint and run again
//! where the policy says so by name.

use super::controller::policy;
use super::http;
use super::job::Job;
use super::stage::{INTERVAL, Stage};
use super::wait::pause;
use anyhow::{Context, Result, ensure};

/// Before 2.x a jar takes a parallelism per vertex, also where its code sets another.
pub fn by_savepoint(stage: &Stage) -> Result<()> {
    redeployed(stage, 1)
}

/// From 2.x on it takes one for all vertices, and only where its code sets none.
pub fn by_savepoint_2(stage: &Stage) -> Result<()> {
    redeployed(stage, 0)
}

/// One stop and one run, the right size, nothing lost or doubled across the two jobs.
fn redeployed(stage: &Stage, own: u32) -> Result<()> {
    let job = stage.submit(300, &["--parallelism", &format!("source={own},enrich={own},sink={own}")])?;
    gated(stage, &job)?;
    let keeper = stage.controller_with(&by_name(stage, &job, own)?, INTERVAL)?;
    let up_at = super::timeline::now_ms();
    let succeeded = |runs: Vec<super::controller::Run>| runs.iter().any(|r| r.phase() == "succeeded");
    ensure!(succeeded(keeper.until_runs_end()?), "the redeploy did not succeed: {:?}", keeper.runs()?);
    let sent: Vec<String> = stage.proxy.mutating().iter().map(|s| format!("{} {}", s.method, s.path)).collect();
    let count = |end: &str| sent.iter().filter(|s| s.ends_with(end)).count();
    ensure!(count("/stop") == 1 && count("/run") == 1 && sent.len() == 2, "requests: {sent:?}");
    let new = job.follow()?;
    ensure!(new.id() != job.id(), "it was not submitted anew");
    let width = new.until_width("the size for four times the load", |p| p >= 4)?;
    ensure!((4..=6).contains(&width), "{width} is not the right parallelism for 1200 records/s");
    let gone_at = new.until_caught_up(1200, 2.5)?;
    stage.seconds("start of Weirkeeper to lag gone", up_at, gone_at);
    stage.timeline.figure("size", width.to_string());
    new.settle()?;
    Ok(())
}

/// Overloaded, in mode auto, and nothing is sent: the reason names the setting.
fn gated(stage: &Stage, job: &Job) -> Result<()> {
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    pause(15);
    let load_at = job.load(1200)?;
    let held = keeper.until(job.name(), "a rescale held back", load_at, |d| d.has_gate("scheduler"))?;
    ensure!(held.reason("not-adaptive").is_some(), "{held:?}");
    ensure!(held.0.to_string().contains("jobmanager.scheduler: adaptive"), "{held:?}");
    ensure!(stage.proxy.mutating().is_empty(), "requests: {:?}", stage.proxy.mutating());
    Ok(())
}

/// The scenarios' policy, and the jar with the arguments that `tests/lab submit` gave it.
fn by_name(stage: &Stage, job: &Job, own: u32) -> Result<String> {
    let jars = http::get(&format!("{}/jars", stage.cluster.url()))?;
    let jar = jars["files"][0]["name"].as_str().context("no jar")?.to_owned();
    let control = job.control();
    let args = format!(
        "[--control, {control:?}, --job-name, {:?}, --max-parallelism, 128, --partitions, 8, --sink, plain, \
         --source-parallelism, \"{own}\", --enrich-parallelism, \"{own}\", --sink-parallelism, \"{own}\"]",
        job.name()
    );
    let lines = format!("scaling:\n  apply: stop-with-savepoint\n  jar: {{ name: {jar:?}, args: {args} }}");
    Ok(policy(job.name(), "auto").replacen("scaling:", &lines, 1))
}
