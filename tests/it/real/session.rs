//! Scenario 8: jobs that share a cluster with one that fails again and again, and with one that does not answer.

use super::controller::{Controller, policy_for};
use super::job::Job;
use super::proxy::{Fault, Seen};
use super::stage::{INTERVAL, Stage};
use super::timeline::now_ms;
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Result, ensure};

/// 60 % of what one subtask does, and four times that.
const ONE: u32 = 300;
const FOUR: u32 = 1200;
const FAILING: &str = "session-failing";
const MUTE: &str = "session-mute";

/// The job between them is served as if it were alone, both ways: one right rescale up while the calls about its
/// neighbour answer 500, one right rescale down while they hang. Neither neighbour is touched, and each is told.
pub fn served_as_before(stage: &Stage) -> Result<()> {
    let job = stage.submit(ONE, &[])?;
    let failing = Job::submit(&stage.cluster, FAILING, ONE, &[], &stage.timeline)?;
    let mute = Job::submit(&stage.cluster, MUTE, ONE, &[], &stage.timeline)?;
    let watch = Watch::start(&job, &stage.timeline);
    job.until_caught_up(ONE, 1.0)?;
    let keeper = stage.controller_with(&policy_for(&[job.name(), FAILING, MUTE], "auto"), INTERVAL)?;
    for name in [job.name(), FAILING, MUTE] {
        keeper.until_read(name)?;
    }
    failing.switch("throw", "enrich")?;
    stage.proxy.inject(None, mute.id(), Fault::Status(500), None);
    unread(&keeper, "500")?;
    pause(20);
    ensure!(stage.proxy.rescales().is_empty(), "60 % busy is no reason to rescale: {:?}", stage.proxy.rescales());

    let up_at = job.load(FOUR)?;
    job.until_width("a parallelism for four times the load", |p| p >= 4)?;
    let gone_at = job.until_caught_up(FOUR, 2.5)?;
    let wide = job.width()?.unwrap_or(0);
    ensure!((4..=5).contains(&wide), "{wide} is not the right parallelism for {FOUR} records/s");
    stage.seconds("4x beside 500s: to running", up_at, watch.reached(up_at, |p| p >= 4).unwrap_or_else(now_ms));
    stage.seconds("4x beside 500s: to lag gone", up_at, gone_at);
    only(&stage.proxy.rescales(), &job, 1)?;

    stage.proxy.clear();
    stage.proxy.inject(None, mute.id(), Fault::Hang, None);
    unread(&keeper, "not read within")?;
    let down_at = job.load(ONE)?;
    // Parallelism 1 was watched for too short a time to count as measured: half at a step is the most.
    let smaller = |p: u64| p <= wide.div_ceil(2);
    job.until_width("half or less of the size for four times the load", smaller)?;
    stage.seconds("1x beside silence: to running", down_at, watch.reached(down_at, smaller).unwrap_or_else(now_ms));
    only(&stage.proxy.rescales(), &job, 2)?;
    neighbours(stage, &keeper, &failing)?;
    job.settle()?;
    Ok(())
}

/// It is told that the mute job cannot be read, and why.
fn unread(keeper: &Controller, why: &str) -> Result<()> {
    eventually("the mute job to be told", || {
        let now = keeper.job(MUTE)?;
        Ok(now["unread"].as_str().filter(|told| told.contains(why)).map(|_| ()))
    })
}

/// So many requests, all about this job.
fn only(requests: &[Seen], job: &Job, count: usize) -> Result<()> {
    ensure!(requests.iter().all(|r| r.path.contains(job.id())), "a neighbour was rescaled: {requests:?}");
    ensure!(requests.len() == count, "{} requests where {count} are right: {requests:?}", requests.len());
    Ok(())
}

/// The failing job failed all the while, and it was told so.
fn neighbours(stage: &Stage, keeper: &Controller, failing: &Job) -> Result<()> {
    // Flink waits longer from one restart to the next, up to a minute.
    let restarts = failing.restarts()?;
    stage.timeline.figure("restarts of the failing job meanwhile", restarts.to_string());
    ensure!(restarts >= 4, "the failing job restarted only {restarts} times: it was no bad neighbour");
    let told = keeper.decisions(FAILING)?.iter().filter(|d| d.reason("restart-loop").is_some()).count();
    stage.timeline.figure("restart loop told", told.to_string());
    let standing = keeper.job(FAILING)?["standing"].clone();
    let codes: Vec<_> = standing["details"].as_array().into_iter().flatten().map(|r| r["code"].clone()).collect();
    ensure!(codes.iter().any(|c| c == "restart-loop" || c == "not-running" || c == "warming-up"), "{standing}");
    Ok(())
}
