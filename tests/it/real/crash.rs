//! Scenario 3: Weirkeeper dies with kill -9 between its intent and the request, and right after the request.

use super::controller::{Controller, Run};
use super::job::Job;
use super::proxy::{Fault, Seen};
use super::stage::Stage;
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Result, ensure};
use reqwest::Method;

const PUT: &str = "/resource-requirements";

/// Each time: one terminal state per run, the budget counts what was done and nothing twice, the job has its size.
pub fn one_terminal_state(stage: &Stage) -> Result<()> {
    let job = stage.submit(300, &[])?;
    let _watch = Watch::start(&job, &stage.timeline);
    let mut keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    pause(15);
    before_the_request(stage, &job, &mut keeper)?;
    after_the_request(stage, &job, &mut keeper)?;
    job.settle()?;
    Ok(())
}

fn before_the_request(stage: &Stage, job: &Job, keeper: &mut Controller) -> Result<()> {
    stage.proxy.inject(Some(Method::PUT), PUT, Fault::Hang, Some(1));
    let load_at = job.load(1200)?;
    eventually("the first request", || Ok(stage.proxy.rescales().first().cloned()))?;
    keeper.kill()?;
    pause(2);
    ensure!(job.width()? == Some(1), "the request that was held back reached Flink");
    keeper.restart()?;
    job.until_width("the size for four times the load", |p| p >= 4)?;
    let runs = keeper.until_runs_end()?;
    ensure!(stage.proxy.rescales().len() == 2, "requests: {:?}", stage.proxy.rescales());
    check(&runs, "aborted", 1)?;
    check(&runs, "succeeded", 1)?;
    let used = keeper.budget_used(job.name())?;
    ensure!(used == 1, "one rescale was carried out, the budget counts {used}");
    job.until_caught_up(1200, 2.5).map(|at| stage.seconds("killed before the request: to lag gone", load_at, at))
}

fn after_the_request(stage: &Stage, job: &Job, keeper: &mut Controller) -> Result<()> {
    let before = stage.proxy.rescales().len();
    stage.proxy.inject(Some(Method::PUT), PUT, Fault::Swallow, Some(1));
    let load_at = job.load(300)?;
    eventually("the request to scale down", || Ok(stage.proxy.rescales().get(before).and_then(carried_out)))?;
    keeper.kill()?;
    let asked = stage.proxy.rescales().len();
    keeper.restart()?;
    job.until_width("a smaller size", |p| p <= 3)?;
    let runs = keeper.until_runs_end()?;
    ensure!(asked == before + 1, "the answer to one request was kept back, there were {}", asked - before);
    check(&runs, "aborted", 1)?;
    ensure!(runs.iter().all(|r| matches!(r.phase(), "aborted" | "succeeded")), "{runs:?}");
    let (used, done) = (keeper.budget_used(job.name())?, stage.proxy.rescales().len() - 1);
    ensure!(used == u64::try_from(done)?, "{done} rescales were carried out, the budget counts {used}");
    let running_at = stage.proxy.rescales()[before].at_ms;
    stage.seconds("killed after the request: load change to the request", load_at, running_at);
    Ok(())
}

/// Flink has answered it.
fn carried_out(request: &Seen) -> Option<u16> {
    request.status
}

fn check(runs: &[Run], phase: &str, count: usize) -> Result<()> {
    let found = runs.iter().filter(|r| r.phase() == phase).count();
    let phases: Vec<_> = runs.iter().map(Run::phase).collect();
    ensure!(found == count, "wanted {count} run(s) that {phase}, found {phases:?}");
    Ok(())
}
