//! Scenario 5: more slots are wanted than there are.

use super::cluster::{SLOTS, TASKMANAGERS};
use super::controller::{Controller, Decision};
use super::job::{Job, SINK, SOURCE};
use super::stage::Stage;
use super::wait::pause;
use super::watch::Watch;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;

const ALL: u64 = (TASKMANAGERS * SLOTS) as u64;
/// 24 times the first load; needs 21 subtasks or more, of which 8 fit.
const FLOOD: u32 = 7200;

/// Everything there is, in one request or two, never above it; the shortage is told as a number, and not again and again.
pub fn short_of(stage: &Stage) -> Result<()> {
    let job = stage.submit(300, &[])?;
    let watch = Watch::start(&job, &stage.timeline);
    let keeper = stage.controller("auto")?;
    keeper.until_read(job.name())?;
    // Long enough for the share of what is sent that arrives to be learned.
    pause(30);
    let flood_at = job.load(FLOOD)?;
    job.until_width("all slots to be used", |p| p == ALL)?;
    stage.seconds("to all slots used", flood_at, watch.until_reached(flood_at, |p| p == ALL)?);
    let told = shortage(&keeper, &job, flood_at)?;
    pause(15);
    within_the_slots(stage, &job)?;
    said_once(stage, &keeper, &job, flood_at)?;
    stage.timeline.figure("told", told);
    job.load(300)?;
    job.settle()?;
    Ok(())
}

/// The decision that tells of the shortage, as a sentence.
fn shortage(keeper: &Controller, job: &Job, after_ms: u64) -> Result<String> {
    let told =
        keeper.until(job.name(), "the shortage to be told", after_ms, |d| d.reason("short-of-slots").is_some())?;
    let reason = told.reason("short-of-slots").context("no reason")?.clone();
    let number = |field: &str| reason[field].as_u64().with_context(|| format!("{field} in {reason}"));
    let (wanted, have, short) = (number("wanted")?, number("have")?, number("short")?);
    ensure!(have == ALL && wanted > ALL && short == wanted - have, "{reason}");
    Ok(format!("{wanted} wanted, {have} there, short of {short}"))
}

/// No request for more than there is, and the source, which only waits for enrich, is left alone.
fn within_the_slots(stage: &Stage, job: &Job) -> Result<()> {
    let ids = job.vertex_ids()?;
    let requests = stage.proxy.rescales();
    stage.timeline.figure("requests", requests.len().to_string());
    ensure!((1..=2).contains(&requests.len()), "{} requests for one change of load", requests.len());
    for request in &requests {
        for (vertex, upper) in request.upper_bounds() {
            ensure!(upper <= ALL, "asked for {upper} of {ALL} slots");
            ensure!(ids.get(SOURCE) != Some(&vertex) || upper == 1, "asked for {upper} sources");
        }
    }
    ensure!(ids.contains_key(SINK), "{ids:?}");
    Ok(())
}

/// Different numbers are news (the backlog grows, and with it what is wanted); the same number again is noise.
fn said_once(stage: &Stage, keeper: &Controller, job: &Job, after_ms: u64) -> Result<()> {
    let all = keeper.decisions(job.name())?;
    let telling: Vec<&Decision> =
        all.iter().filter(|d| d.at_ms() >= after_ms && d.reason("short-of-slots").is_some()).collect();
    let numbers: BTreeSet<u64> = telling.iter().filter_map(|d| d.reason("short-of-slots")?["short"].as_u64()).collect();
    stage.timeline.figure("times told", format!("{} (numbers {numbers:?})", telling.len()));
    // Once while it scales to what there is, once when it is there, and when what is known of the demand changes.
    ensure!(telling.len() <= 5, "the shortage was told {} times in less than a minute", telling.len());
    Ok(())
}
