//! Scenario 1: the load rises to four times and falls again.

use super::job::ENRICH;
use super::stage::Stage;
use super::wait::pause;
use super::watch::Watch;
use anyhow::{Result, ensure};

/// Records per second: 60 % of what one subtask does (500/s at 2 ms a record).
const ONE: u32 = 300;
/// Four times that. At the aim of 0.70, bounded by the catch-up after a lost TaskManager
/// (0.9 * 60 s / (60 s + 8 s heartbeat + 10 s + 5 s checkpoint interval) = 0.65), 1200 / 0.65 = 1845 records/s are
/// needed, and something for the backlog: 4 subtasks if capacity grows linearly, 5 at (p)^0.9.
const FOUR: u32 = 1200;

/// Right parallelism for each, in at most two rescales each, lag gone, no record lost or doubled.
pub fn up_and_down(stage: &Stage) -> Result<()> {
    let job = stage.submit(ONE, &[])?;
    let watch = Watch::start(&job, &stage.timeline);
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    // Long enough for what one subtask can do to be learned: warm-up and two windows.
    pause(75);
    ensure!(stage.proxy.rescales().is_empty(), "60 % busy is no reason to rescale: {:?}", stage.proxy.rescales());

    let up_at = job.load(FOUR)?;
    let wide = job.until_width("a parallelism for four times the load", |p| p >= 3)?;
    let gone_at = job.until_caught_up(FOUR, 2.5)?;
    let ups = stage.proxy.rescales();
    ensure!(ups.len() <= 2, "{} requests for one step", ups.len());
    let wide = job.width()?.unwrap_or(wide);
    ensure!((4..=5).contains(&wide), "{wide} is not the right parallelism for {FOUR} records/s");
    stage.seconds("4x: to the request", up_at, ups.first().map_or(0, |r| r.at_ms));
    stage.seconds("4x: to running", up_at, watch.until_reached(up_at, |p| p >= 4)?);
    stage.seconds("4x: to lag gone", up_at, gone_at);
    stage.timeline.figure("4x: requests", ups.len().to_string());
    stage.timeline.figure("4x: size", wide.to_string());

    let down_at = job.load(ONE)?;
    job.until_width("parallelism 1 for the first load again", |p| p == 1)?;
    let downs = stage.proxy.rescales().len() - ups.len();
    ensure!(downs <= 2, "{downs} requests for one step down");
    stage.seconds("1x: to running", down_at, watch.until_reached(down_at, |p| p == 1)?);
    stage.timeline.figure("1x: requests", downs.to_string());
    stage.timeline.figure("widths", format!("{:?}", watch.widths()));
    let wanted: Vec<_> = keeper.decisions(job.name())?.iter().filter_map(|d| d.wanted(ENRICH)).collect();
    stage.timeline.figure("wanted", format!("{wanted:?}"));
    job.settle()?;
    Ok(())
}
