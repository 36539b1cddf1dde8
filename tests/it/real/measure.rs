//! Figures for one step of four times the load, not part of CI: `cargo test -p weirkeeper-tests -- --ignored real::measure`.

use super::controller::{Controller, policy};
use super::job::Job;
use super::stage::Stage;
use super::wait::{pause, within};
use super::watch::Watch;
use anyhow::{Context, Result};
use std::time::Duration;

const ONE: u32 = 300;
const FOUR: u32 = 1200;

/// The scenarios' policy, jobs read every 5 s.
pub fn short_5s(stage: &Stage) -> Result<()> {
    short(stage, "5s")
}

/// The scenarios' policy, jobs read every 2 s.
pub fn short_2s(stage: &Stage) -> Result<()> {
    short(stage, "2s")
}

fn short(stage: &Stage, interval: &'static str) -> Result<()> {
    let keeper = |job: &Job| stage.controller_with(&policy(job.name(), "auto"), interval);
    step(stage, keeper, 45, Duration::from_secs(240))
}

/// Every default of the policy and of the program; then, after the cooldown, another step.
pub fn defaults(stage: &Stage) -> Result<()> {
    let only_the_opt_in = |job: &Job| {
        let head = "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: { name: defaults }\n";
        stage.controller_with(&format!("{head}match: {{ jobs: [\"{}\"] }}\nmode: auto\n", job.name()), "15s")
    };
    step(stage, only_the_opt_in, 240, Duration::from_secs(900))
}

fn step(stage: &Stage, keeper: impl Fn(&Job) -> Result<Controller>, before: u64, patience: Duration) -> Result<()> {
    let job = stage.submit(ONE, &[])?;
    let watch = Watch::start(&job, &stage.timeline);
    let keeper = keeper(&job)?;
    keeper.until_read(job.name())?;
    pause(before);
    stage.timeline.figure("requests before the step", stage.proxy.rescales().len().to_string());
    let at = job.load(FOUR)?;
    let first = within(patience, "a request", || Ok(stage.proxy.rescales().first().cloned()))?;
    stage.seconds("load change to the request", at, first.at_ms);
    within(patience, "a size that holds the load", || Ok(job.width()?.filter(|p| *p >= 3)))?;
    let reached = watch.until_reached(at, |p| p >= 3)?;
    stage.seconds("to running", at, reached);
    let gone = job.until_caught_up(FOUR, 2.5)?;
    stage.seconds("to lag gone", at, gone);
    pause(20);
    stage.timeline.figure("requests", stage.proxy.rescales().len().to_string());
    stage.timeline.figure("size", job.width()?.context("it does not run")?.to_string());
    stage.timeline.figure("calls to Flink", calls(stage, &job));
    down(stage, &job, &watch, patience)
}

fn down(stage: &Stage, job: &Job, watch: &Watch, patience: Duration) -> Result<()> {
    let before = stage.proxy.rescales().len();
    let at = job.load(ONE)?;
    // With defaults the scale-down waits an hour: that is not awaited.
    if patience < Duration::from_secs(600) {
        within(patience, "parallelism 1", || Ok(job.width()?.filter(|p| *p == 1)))?;
        stage.seconds("load down to parallelism 1", at, watch.until_reached(at, |p| p == 1)?);
        stage.timeline.figure("requests down", (stage.proxy.rescales().len() - before).to_string());
    }
    job.settle()?;
    Ok(())
}

/// Reads per second over the whole time.
fn calls(stage: &Stage, job: &Job) -> String {
    let seen = stage.proxy.seen();
    let of_job = seen.iter().filter(|s| s.path.contains(job.id())).count();
    let span = seen.last().zip(seen.first()).map_or(0, |(l, f)| (l.at_ms - f.at_ms) / 1000);
    format!("{} in {span} s, of which {of_job} for the job", seen.len())
}
