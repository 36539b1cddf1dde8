//! Scenario 9: a person rescales the job by hand.

use super::controller::policy;
use super::job::ENRICH;
use super::stage::{INTERVAL, Stage};
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Context, Result, ensure};

/// What four subtasks do.
const CAPACITY: f64 = 2000.0;

/// It is told and respected while the hold lasts, though the job is far too large; and what the new size can do is
/// learned, so that a load which fits it moves nothing.
pub fn respected(stage: &Stage) -> Result<()> {
    let policy = policy(&stage.name, "auto").replace("down: 20s", "down: 60s");
    let job = stage.submit(300, &[])?;
    let watch = Watch::start(&job, &stage.timeline);
    let keeper = stage.controller_with(&policy, INTERVAL)?;
    keeper.until_read(job.name())?;
    pause(15);
    let hand_at = job.rescale_by_hand(4)?;
    let told = keeper.until(job.name(), "the change to be told", hand_at, |d| d.reason("changed-by-hand").is_some())?;
    let reason = told.reason("changed-by-hand").cloned().unwrap_or_default();
    stage.timeline.figure("told", reason.to_string());
    ensure!(reason["from"] == 1 && reason["to"] == 4, "{reason}");
    // Longer than `scaleDown.after`: without the hold it would go down now.
    pause(40);
    ensure!(stage.proxy.rescales().is_empty(), "reverted a person's change: {:?}", stage.proxy.rescales());

    job.load(1300)?;
    let capacity = eventually("the capacity at 4 to be learned", || {
        let now = keeper.job(job.name())?;
        let mine = now["vertices"].as_array().and_then(|v| v.iter().find(|v| v["name"] == ENRICH)).cloned();
        let capacity = mine.context("enrich")?["capacity"].as_f64();
        Ok(capacity.filter(|c| (c / CAPACITY - 1.0).abs() < 0.15))
    })?;
    pause(15);
    stage.timeline.figure("capacity learned at 4", format!("{capacity:.0} records/s (true: {CAPACITY:.0})"));
    ensure!(stage.proxy.rescales().is_empty(), "65 % busy is no reason to rescale: {:?}", stage.proxy.rescales());
    ensure!(watch.widths().last() == Some(&4), "{:?}", watch.widths());
    job.settle()?;
    Ok(())
}
