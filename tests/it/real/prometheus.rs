//! A real Prometheus beside a real Flink: the same job recorded through both, and judged through both at once.

use super::cluster::Cluster;
use super::controller::policy;
use super::job::ENRICH;
use super::stage::Stage;
use super::wait::pause;
use crate::program::{self, Ended, Running};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::Observation;
use weirkeeper_simulator::recording::{Item, Rows};

/// 94 % of what one subtask does, as in the scenario of recommend mode.
const LOAD: u32 = 470;
/// Records that a source sends between two scrapes and two polls.
const APART: f64 = 470.0 * 15.0;

/// Recordings hold the same series and figures; recommendations are equal.
pub fn same_as_rest(stage: &Stage) -> Result<()> {
    let prometheus = stage.cluster.prometheus().context("the cluster has no Prometheus")?;
    let job = stage.submit(300, &[])?;
    let dir = tempfile::tempdir()?;
    let (live, past) = (dir.path().join("live.wkr"), dir.path().join("past.wkr"));
    let mut recorder = Running::start(&mut record(&stage.cluster, job.name(), &live, &["--for", "70s"])?)?;
    pause(30);
    job.load(LOAD)?;
    let ended = recorder.wait(Duration::from_secs(150))?;
    ensure!(ended.code == Some(0), "{ended:?}");
    // What was scraped last is there within a scrape.
    pause(4);
    let range = ["--prometheus", prometheus, "--from", "100s"];
    let ended = Running::start(&mut record(&stage.cluster, job.name(), &past, &range)?)?.wait(program::PATIENCE)?;
    ensure!(ended.code == Some(0), "{ended:?}");
    let (live, past) = (rows(&live)?, rows(&past)?);
    stage.timeline.figure("rows through REST and Prometheus", format!("{} and {}", live.len(), past.len()));
    compare(&live, &past)?;
    advise(stage, prometheus, job.name())
}

/// `weirkeeper record` of this job, every two seconds.
fn record(cluster: &Cluster, job: &str, to: &Path, more: &[&str]) -> Result<std::process::Command> {
    let to = to.display().to_string();
    let args = ["record", "--flink", cluster.url(), "--job", job, "--interval", "2s", "-o", &to];
    program::command([&args[..], more].concat())
}

fn rows(path: &Path) -> Result<Vec<(i64, Observation)>> {
    let mut rows = Rows::new(BufReader::new(std::fs::File::open(path)?))?;
    let mut out = Vec::new();
    while let Some(item) = rows.next()? {
        if let Item::Event(at, Event::Observed(o)) = item {
            out.push((at.0, (**o).clone()));
        }
    }
    Ok(out)
}

fn series(o: &Observation) -> BTreeMap<String, f64> {
    o.samples.iter().map(|s| (s.key.to_string(), s.value)).collect()
}

/// The last rows: the same series, and counters that lie no further apart than the two readings did.
fn compare(live: &[(i64, Observation)], past: &[(i64, Observation)]) -> Result<()> {
    let (at, by_rest) = live.last().context("nothing was recorded live")?;
    let near = past.iter().min_by_key(|(t, _)| (t - at).abs()).context("nothing was recorded from Prometheus")?;
    ensure!((near.0 - at).abs() < 10_000, "no row within 10 s of the last one");
    let by_prometheus = &near.1;
    // Memory is read once a minute through REST: over all rows.
    let names = |rows: &[(i64, Observation)]| -> Vec<String> {
        let mut all: Vec<String> = rows.iter().flat_map(|(_, o)| series(o).into_keys()).collect();
        all.sort();
        all.dedup();
        all
    };
    ensure!(names(live) == names(past), "other series:\n{:#?}\n{:#?}", names(live), names(past));
    let (a, b) = (series(by_rest), series(by_prometheus));
    for (key, value) in a.iter().filter(|(k, _)| k.contains("numRecordsOut{") || k.contains("numRecordsIn{")) {
        let other = b.get(key).with_context(|| format!("{key} is missing"))?;
        ensure!((value - other).abs() <= APART, "{key}: {value} through REST, {other} through Prometheus");
        ensure!(*other > 0.0, "{key} is 0");
    }
    let graph = |o: &Observation| o.graph.vertices.iter().map(|v| (v.name.clone(), v.parallelism)).collect::<Vec<_>>();
    ensure!(graph(by_rest) == graph(by_prometheus), "other vertices");
    ensure!(by_rest.graph.edges == by_prometheus.graph.edges, "other edges");
    let apart = by_rest.running_since.zip(by_prometheus.running_since).map(|(a, b)| (a.0 - b.0).abs());
    ensure!(apart.is_some_and(|ms| ms < 10_000), "since when it runs: {apart:?} ms apart");
    let slots = |o: &Observation| o.slots.map(|s| (s.total, s.free, s.per_taskmanager));
    ensure!(slots(by_rest) == slots(by_prometheus), "other slots");
    Ok(())
}

/// Both look for the same time at the same job.
fn advise(stage: &Stage, prometheus: &str, job: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("p.yaml"), policy(job, "recommend"))?;
    let policies = folder.path().display().to_string();
    let args = [
        "recommend",
        "--flink",
        stage.cluster.url(),
        "--policies",
        &policies,
        "--for",
        "50s",
        "--interval",
        "2s",
        "-o",
        "json",
    ];
    let mut rest = Running::start(&mut program::command(args)?)?;
    let mut both = Running::start(&mut program::command([&args[..], &["--prometheus", prometheus]].concat())?)?;
    let told = |ended: Ended| -> Result<Value> {
        ensure!(ended.code == Some(0), "{ended:?}");
        Ok(serde_json::from_str::<Value>(&ended.stdout)?["jobs"][0].clone())
    };
    let (rest, both) = (told(rest.wait(Duration::from_secs(120))?)?, told(both.wait(Duration::from_secs(120))?)?);
    stage.timeline.figure("wanted of enrich through REST", rest["rescale"][ENRICH].to_string());
    stage.timeline.figure("wanted of enrich through Prometheus", both["rescale"][ENRICH].to_string());
    ensure!(rest["verdict"] == both["verdict"], "{rest}\n{both}");
    ensure!(rest["rescale"] == both["rescale"], "{rest}\n{both}");
    ensure!(rest["rescale"][ENRICH]["to"] == 2, "94 % of one subtask and not two are wanted: {rest}");
    Ok(())
}
