//! Scenario 7: a rescale makes it worse.

use super::controller::{Controller, Decision, Run};
use super::job::{ENRICH, Job};
use super::proxy::Seen;
use super::stage::Stage;
use super::timeline::now_ms;
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Context, Result, ensure};

/// 60 % of what one subtask does, and four times that.
const ONE: u32 = 300;
const FOUR: u32 = 1200;
/// With more than one subtask each record takes ten times as long: five do 250 records/s, where one does 500.
const WORSE: &str = "worse-above=1:10";

/// Undone, once, with one request; told to a person; and not tried again though the load still asks for it.
pub fn undone_once(stage: &Stage) -> Result<()> {
    let job = stage.submit(ONE, &["--set", WORSE])?;
    let watch = Watch::start(&job, &stage.timeline);
    job.until_caught_up(ONE, 1.0)?;
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    pause(20);
    ensure!(stage.proxy.rescales().is_empty(), "60 % busy is no reason to rescale: {:?}", stage.proxy.rescales());

    let up_at = job.load(FOUR)?;
    let up = eventually("the rescale", || Ok(stage.proxy.rescales().first().cloned()))?;
    let runs = keeper.until_runs_end()?;
    check(&runs)?;
    let back_at = now_ms();
    stage.seconds("load change, to the rescale", up_at, up.at_ms);
    stage.seconds("rescale, to undone", up.at_ms, watch.reached(up.at_ms + 1, |p| p == 1).unwrap_or(back_at));
    stage.timeline.figure("widths", format!("{:?}", watch.widths()));

    let held = keeper.until(job.name(), "the same to be held back", back_at, |d| d.has_gate("ineffective"))?;
    ensure!(held.wants_rescale(), "the load still asks for more: {}", held.0);
    pause(40);
    let later: Vec<Decision> =
        keeper.decisions(job.name())?.into_iter().filter(|d| d.at_ms() > up.at_ms + 1_000 && acts(d)).collect();
    ensure!(later.is_empty(), "acted again: {later:?}");
    one_there_and_one_back(&job, &stage.proxy.rescales())?;
    settle(stage, &job, keeper)
}

fn acts(decision: &Decision) -> bool {
    decision.verdict() == "act"
}

fn check(runs: &[Run]) -> Result<()> {
    let [run] = runs else { anyhow::bail!("one run, and its undo in it: {runs:?}") };
    ensure!(run.phase() == "rolled-back", "{}", run.0);
    Ok(())
}

/// Exactly two requests: up, and back to one.
fn one_there_and_one_back(job: &Job, requests: &[Seen]) -> Result<()> {
    let ids = job.vertex_ids()?;
    let enrich = ids.get(ENRICH).context("enrich")?;
    let asked: Vec<u64> = requests
        .iter()
        .filter_map(|r| r.upper_bounds().into_iter().find(|(id, _)| id == enrich).map(|(_, upper)| upper))
        .collect();
    ensure!(matches!(asked[..], [up, 1] if up > 1), "asked for {asked:?}, {} requests", requests.len());
    ensure!(job.width()? == Some(1), "{:?}", job.running()?);
    Ok(())
}

/// What has piled up would take minutes: nobody watches any more, so the work may become cheap.
fn settle(stage: &Stage, job: &Job, keeper: Controller) -> Result<()> {
    let told = keeper.said().iter().any(|line| line.0["target"] == "escalation");
    ensure!(told, "nobody was told that it was undone");
    stage.timeline.figure("told to a person", "yes");
    drop(keeper);
    job.switch("cost-ms", "0.1")?;
    job.settle()?;
    Ok(())
}
