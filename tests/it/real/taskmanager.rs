//! Scenario 4: a TaskManager dies.

use super::controller::Decision;
use super::job::Job;
use super::stage::Stage;
use super::timeline::{now_ms, seconds_between};
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Result, ensure};

/// 60 % of what two subtasks do.
const LOAD: u32 = 600;
const CAPACITY: f64 = 1000.0;
/// `warmUp` and `catchUp` of the scenarios' policy.
const WARM_UP_MS: u64 = 10_000;
const CATCH_UP: f64 = 60.0;

/// While the job is down, and until it is warm again, nothing is asked, whatever the metrics show. Afterwards only what
/// the backlog needs, and nothing at all where it drains in time by itself.
pub fn lost(stage: &Stage) -> Result<()> {
    let job = stage.submit(LOAD, &["--parallelism", "source=1,enrich=2,sink=2"])?;
    let watch = Watch::start(&job, &stage.timeline);
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    pause(20);
    ensure!(stage.proxy.rescales().is_empty(), "60 % busy is no reason to rescale");

    let killed_at = now_ms();
    stage.timeline.mark(killed_at, "kill -9 of a TaskManager that runs the job");
    let killed = stage.cluster.kill_taskmanager_of(job.name())?;
    stage.timeline.note("outside", format!("killed {}", killed["resource_id"]));
    let back_at = back(&job, &watch, killed_at)?;
    stage.seconds("down for", killed_at, back_at);
    stage.cluster.start_taskmanager()?;
    stage.timeline.note("outside", "another TaskManager is registered");
    pause(WARM_UP_MS / 1000 + 3);
    let early = stage.proxy.rescales().into_iter().filter(|r| r.at_ms >= killed_at && r.at_ms < back_at + WARM_UP_MS);
    ensure!(early.count() == 0, "asked for a rescale while the job was down or cold: {:?}", stage.proxy.rescales());
    no_decision_meanwhile(&keeper.decisions(job.name())?, killed_at, back_at + WARM_UP_MS)?;

    let drained_at = job.until_caught_up(LOAD, 2.5)?;
    stage.seconds("to lag gone", killed_at, drained_at);
    // What has piled up while it was down, over what is left of the capacity.
    let drain = f64::from(LOAD) * seconds_between(killed_at, back_at) / (CAPACITY - f64::from(LOAD));
    let asked = stage.proxy.rescales().len();
    stage.timeline.figure("requests", format!("{asked} (the backlog would drain in {drain:.0} s)"));
    ensure!(asked <= 1, "{asked} requests after one lost TaskManager");
    ensure!(asked == 0 || drain > 0.8 * CATCH_UP, "a backlog that drains in {drain:.0} s needs no rescale");
    job.settle()?;
    Ok(())
}

/// When all tasks run again; they must first have been down.
fn back(job: &Job, watch: &Watch, killed_at: u64) -> Result<u64> {
    let down_at = eventually("the job to go down", || {
        Ok(watch.looks().iter().find(|l| l.at_ms >= killed_at && !l.running.is_whole()).map(|l| l.at_ms))
    })?;
    // Flink first deploys on the dead TaskManager again, more than once: up for good is up for some seconds.
    eventually("the job to run again", || {
        let looks = watch.looks();
        let last = looks.last().filter(|l| l.at_ms > down_at && l.running.is_whole());
        Ok(last.map(|l| l.at_ms).filter(|at| now_ms() > at + 4_000 && job.width().is_ok_and(|w| w.is_some())))
    })
}

fn no_decision_meanwhile(decisions: &[Decision], from_ms: u64, to_ms: u64) -> Result<()> {
    let acted = decisions.iter().find(|d| d.at_ms() >= from_ms && d.at_ms() < to_ms && d.verdict() == "act");
    ensure!(acted.is_none(), "{acted:?}");
    Ok(())
}
