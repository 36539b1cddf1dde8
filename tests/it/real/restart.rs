//! Scenario 10: the job fails once and comes back; that is not our doing.

use super::job::Job;
use super::stage::Stage;
use super::timeline::now_ms;
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Result, ensure};
use std::time::Duration;

/// `warmUp` of the scenarios' policy.
const WARM_UP_MS: u64 = 10_000;

/// The failure itself moves nothing. What was learned before it survives: parallelism 1 was measured, so the scale-down
/// after it goes there from more than 2, where without that measurement half at a step would be the most.
pub fn survived(stage: &Stage) -> Result<()> {
    let job = stage.submit(300, &[])?;
    let watch = Watch::start(&job, &stage.timeline);
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    // Long enough for what one subtask can do to be learned: warm-up and two windows.
    pause(75);
    job.load(1200)?;
    let wide = job.until_width("the size for four times the load", |p| p >= 4)?;
    job.until_caught_up(1200, 2.5)?;
    keeper.until_runs_end()?;
    let asked = stage.proxy.rescales().len();

    let (failed_at, back_at) = fail_once(&job, &watch)?;
    stage.seconds("down for", failed_at, back_at);
    let down_at = job.load(300)?;
    let request = eventually("the request to scale down", || Ok(stage.proxy.rescales().get(asked).cloned()))?;
    stage.seconds("all tasks run again, to the request", back_at, request.at_ms);
    stage.seconds("load change, to the request", down_at, request.at_ms);
    ensure!(request.at_ms >= back_at + WARM_UP_MS, "asked before the job was warm");
    job.until_width("parallelism 1", |p| p == 1)?;
    watch.until_reached(down_at, |p| p == 1)?;
    in_one_step(stage, &watch, asked, wide)?;
    job.settle()?;
    Ok(())
}

/// It may first go to what the load before would need, but to 1 it goes at once, from more than 2.
fn in_one_step(stage: &Stage, watch: &Watch, asked: usize, wide: u64) -> Result<()> {
    let widths = watch.widths();
    stage.timeline.figure("scale-down", format!("from {wide}, through {widths:?}"));
    let requests = stage.proxy.rescales().len() - asked;
    ensure!(requests <= 2, "{requests} requests for one step down");
    let before = widths.len().checked_sub(2).and_then(|i| widths.get(i));
    ensure!(before.is_some_and(|p| *p > 2), "what parallelism 1 does was measured before the failure: {widths:?}");
    Ok(())
}

/// Fails once; gives when, and when all tasks ran again.
fn fail_once(job: &Job, watch: &Watch) -> Result<(u64, u64)> {
    let restarts = job.restarts()?;
    let failed_at = job.switch("throw", "enrich")?;
    // Tasks look at their switches five times a second; Flink waits a second before it tries again.
    std::thread::sleep(Duration::from_millis(300));
    job.switch("throw", "none")?;
    eventually("the failure", || Ok((job.restarts()? > restarts).then_some(())))?;
    let back = eventually("the job to run again", || {
        let looks = watch.looks();
        let last = looks.last().filter(|l| l.at_ms > failed_at && l.running.is_whole());
        Ok(last.map(|l| l.at_ms).filter(|at| now_ms() > at + 3_000))
    })?;
    Ok((failed_at, back))
}
