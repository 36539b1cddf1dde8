//! Scenario 11: a real Kafka, and an overload of which `pendingRecords` shows a fraction.

use super::controller::{Controller, policy};
use super::http;
use super::job::{Job, SOURCE};
use super::kafka::Broker;
use super::stage::{INTERVAL, Stage};
use super::wait::{eventually, pause};
use super::watch::Watch;
use anyhow::{Context, Result, ensure};

/// Records per second; one subtask does 1000/s at 1 ms a record.
const CALM: u32 = 600;
/// Twice what the one subtask does. At an aim of 0.65 (see the scenario of the steps) 3077 records/s are needed, and some
/// hundred for the backlog: 4 subtasks if capacity grows as p^0.9 (3482), 5 where the backlog is old.
const FLOOD: u32 = 2000;
const PARTITIONS: u64 = 2;
/// Below this many records the share that is shown says nothing.
const ENOUGH: f64 = 3000.0;

/// The right size in one request, though the backlog that Flink shows is far too small; and no source subtask without a
/// partition, though the policy asks for six.
pub fn right_size_at_once(stage: &Stage) -> Result<()> {
    let broker = Broker::start(&stage.cluster, &stage.timeline)?;
    let parallelism = "source=2,enrich=1,sink=1";
    let kafka = ["--kafka", "overload", "--partitions", "2", "--cost-ms", "1", "--parallelism", parallelism];
    let job = stage.submit(CALM, &kafka)?;
    let watch = Watch::start(&job, &stage.timeline);
    job.until_caught_up(CALM, 1.0)?;
    let keeper = stage.controller_with(&six_sources(stage), INTERVAL)?;
    keeper.until_read(job.name())?;
    pause(25);
    ensure!(stage.proxy.rescales().is_empty(), "60 % busy is no reason to rescale: {:?}", stage.proxy.rescales());

    let flood_at = job.load(FLOOD)?;
    let shown = smallest_share(stage, &job)?;
    stage.timeline.figure("pendingRecords showed, at worst", format!("{:.0} % of what waited", 100.0 * shown));
    ensure!(shown < 0.5, "pendingRecords showed {shown:.2} of the truth: this is not the case it should be");
    let wide = job.until_width("a parallelism for the flood", |p| p >= 4)?;
    stage.seconds("to running", flood_at, watch.reached(flood_at, |p| p >= 4).unwrap_or(0));
    let gone_at = job.until_caught_up(FLOOD, 2.5)?;
    stage.seconds("to lag gone", flood_at, gone_at);
    keeper.until_runs_end()?;
    ensure!((4..=5).contains(&wide), "{wide} is not the right parallelism for {FLOOD} records/s");
    one_request(stage, &job)?;
    end(&job, keeper)?;
    drop((watch, broker));
    Ok(())
}

/// A minimum that the partitions do not bear.
fn six_sources(stage: &Stage) -> String {
    let vertices = "scaling:\n  vertices: { \"Source: *\": { minParallelism: 6 } }";
    policy(&stage.name, "auto").replace("scaling:", vertices)
}

/// The smallest share of what waited that `pendingRecords` showed until something was done about it.
fn smallest_share(stage: &Stage, job: &Job) -> Result<f64> {
    let ids = job.vertex_ids()?;
    let source = ids.get(SOURCE).context("source")?;
    let url = format!(
        "{}/jobs/{}/vertices/{source}/subtasks/metrics?get=Source__orders.pendingRecords&agg=sum",
        stage.cluster.url(),
        job.id()
    );
    let mut smallest = f64::INFINITY;
    eventually("the rescale", || {
        let shown = http::get(&url)?[0]["sum"].as_f64();
        let waiting = job.books()?.unprocessed.and_then(|n| i32::try_from(n).ok()).map(f64::from);
        if let (Some(shown), Some(waiting)) = (shown, waiting.filter(|w| *w >= ENOUGH)) {
            stage.timeline.note("flink", format!("pendingRecords {shown:.0} of {waiting:.0}"));
            smallest = smallest.min(shown / waiting);
        }
        Ok((!stage.proxy.rescales().is_empty()).then_some(()))
    })?;
    Ok(smallest)
}

fn one_request(stage: &Stage, job: &Job) -> Result<()> {
    let requests = stage.proxy.rescales();
    stage.timeline.figure("requests", requests.len().to_string());
    ensure!(requests.len() == 1, "{} requests for one change of load: {requests:?}", requests.len());
    let ids = job.vertex_ids()?;
    let sources = requests[0].upper_bounds().into_iter().find(|(id, _)| ids.get(SOURCE) == Some(id)).map(|(_, n)| n);
    stage.timeline.figure("asked for", format!("{:?}", requests[0].upper_bounds().iter().map(|b| b.1).max()));
    ensure!(sources.is_some_and(|n| n <= PARTITIONS), "asked for {sources:?} sources of {PARTITIONS} partitions");
    Ok(())
}

fn end(job: &Job, keeper: Controller) -> Result<()> {
    drop(keeper);
    job.settle()?;
    Ok(())
}
