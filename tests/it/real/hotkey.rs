//! Scenario 6: most records have one key.

use super::job::ENRICH;
use super::stage::Stage;
use super::wait::pause;
use super::watch::Watch;
use anyhow::{Result, ensure};

/// 60 % of what three subtasks do; with seven tenths of it on one key, that key's subtask is asked for 630 records/s or
/// more and does 500, while the others are at 27 % or less.
const LOAD: u32 = 900;
const SHARE: &str = "0.7";

/// It is told so, by name of the vertex, and no parallelism is changed: more subtasks would not help.
pub fn told_not_scaled(stage: &Stage) -> Result<()> {
    let job = stage.submit(LOAD, &["--parallelism", "source=1,enrich=3,sink=3"])?;
    let _watch = Watch::start(&job, &stage.timeline);
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    pause(15);
    let hot_at = job.switch("hot-share", SHARE)?;
    let told = keeper.until(job.name(), "the hot subtask to be told", hot_at, |d| d.reason("hot-subtask").is_some())?;
    stage.seconds("to being told", hot_at, told.at_ms());
    let reason = told.reason("hot-subtask").cloned().unwrap_or_default();
    ensure!(reason["vertex"] == ENRICH, "{reason}");
    pause(45);
    ensure!(stage.proxy.rescales().is_empty(), "scaled what scaling cannot fix: {:?}", stage.proxy.rescales());
    let waiting = job.books()?.unprocessed;
    stage.timeline.figure("records that wait meanwhile", format!("{waiting:?}"));
    stage.timeline.figure("told", reason.to_string());
    job.switch("hot-share", "0")?;
    job.settle()?;
    Ok(())
}
