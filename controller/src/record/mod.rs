//! `weirkeeper record`: writes a recording of one job, live from Flink, or of any time from Prometheus.

mod live;
mod progress;
mod range;
mod when;

use crate::args::{Global, RecordArgs, RunArgs, WatchArgs};
use crate::exit::Stop;
use crate::flink::FlinkError;
use crate::logging;
use crate::run::flink_world;
use crate::run::watch::Cluster;
use crate::settings::{Level, resolve};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::Observation;
use weirkeeper_simulator::recording::{Context, Header, Origin, VERSION};

/// Runs it.
pub async fn run(global: &Global, args: &RecordArgs) -> Result<u8, Stop> {
    let format = global.log_format.unwrap_or_default();
    logging::start(logging::level(global, Some(Level::Warn)), format, global.color);
    match &args.prometheus {
        Some(url) => range::record(global, args, url).await,
        None => live::record(global, args).await,
    }
}

/// The one cluster that `--flink` names, and how often it is read.
fn cluster(args: &RecordArgs) -> Result<(Cluster, Duration), Stop> {
    let flink = args.flink.iter().cloned().collect();
    let watch = WatchArgs { flink, interval: args.interval, config: args.config.clone(), ..WatchArgs::default() };
    // There is no state file: a place that is never used keeps `resolve` from asking for one.
    let as_run = RunArgs { watch, state: Some("unused".into()), listen: None };
    let (settings, _) = resolve(&as_run).map_err(Stop::cannot_all)?;
    let [one] = &settings.clusters[..] else {
        return Err(Stop::cannot("a recording is of one job of one cluster: give one --flink URL"));
    };
    let interval = settings.interval;
    let made = flink_world::cluster(one, interval).map_err(|e: FlinkError| Stop::cannot(e.to_string()))?;
    Ok((made, interval))
}

/// What one reading says of the job, and the names of the jobs that there are.
struct Reading {
    of_job: Option<Event>,
    jobs: Vec<String>,
}

/// Reads the cluster once.
async fn read_once(cluster: &mut Cluster, job: &str) -> Result<Reading, String> {
    let seen = Mutex::new(Reading { of_job: None, jobs: Vec::new() });
    let sink = |event: Event| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            Event::Jobs { jobs, .. } => seen.jobs = jobs.iter().map(|j| j.name.to_string()).collect(),
            Event::Observed(o) if *o.job.name == *job => seen.of_job = Some(event),
            Event::Unobserved { job: key, .. } if *key.name == *job => seen.of_job = Some(event),
            _ => {}
        }
    };
    cluster.reader.read(&sink).await?;
    Ok(seen.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// There is no such job: which there are.
fn no_such(job: &str, place: &str, jobs: &[String]) -> Stop {
    let mut names: Vec<&str> = jobs.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(20);
    let known = if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Stop::no(format!("there is no job {job:?} at {place}: {known}"))
}

/// The header of a recording that begins with this.
fn header(first: &Observation, kind: &str, interval: Duration, edges: bool, notes: Vec<String>) -> Header {
    Header {
        version: VERSION,
        cluster: first.job.cluster.to_string(),
        namespace: first.job.namespace.as_ref().map(ToString::to_string),
        job: first.job.name.to_string(),
        origin: Origin { kind: kind.into(), by: concat!("weirkeeper ", env!("CARGO_PKG_VERSION")).into(), notes },
        interval: u64::try_from(interval.as_millis()).unwrap_or(u64::MAX),
        context: Context::of(first, edges),
    }
}
