//! Of any time from Prometheus, in chunks that stay below its limit of points, with progress.

use super::progress::Progress;
use super::when::instant;
use super::{cluster, header, no_such, read_once};
use crate::args::{Global, RecordArgs};
use crate::cli::print;
use crate::clock;
use crate::exit::{OK, Stop};
use crate::prometheus::{Assembler, Client, Feed, Filter, all, mangle};
use crate::recording_file::Recorder;
use crate::run::command::millis;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weirkeeper_core::event::Event;
use weirkeeper_core::job::{JobGraph, JobKey};
use weirkeeper_core::observation::{ClusterFacts, JobStatus, Observation};
use weirkeeper_core::units::{Millis, Timestamp};

/// Points of a chunk. Prometheus gives at most 11,000 for each series; a thousand of hundreds of series is enough at once.
const POINTS: u64 = 1_000;
const STEP: Duration = Duration::from_secs(15);

/// Goes through the range.
pub async fn record(global: &Global, args: &RecordArgs, url: &str) -> Result<u8, Stop> {
    let client = Client::new(url).map_err(Stop::cannot)?;
    let (from, to) = span(args)?;
    let step = args.interval.map_or(STEP, |s| s.0);
    let step = if step.is_zero() { STEP } else { step };
    let known = match &args.flink {
        Some(_) => Some(from_flink(args).await?),
        None => None,
    };
    let edges = known.is_some();
    let mut assembler = Assembler::new(known.unwrap_or_else(|| blank(&client, &args.job)));
    let progress = Progress::share(to.since(from), global.quiet);
    let mut recorder: Option<Recorder> = None;
    let mut begin = from;
    while begin <= to {
        let end = to.min(begin.plus(millis(step).times(POINTS - 1)));
        let feed = fetch(&client, &args.job, (begin, end), millis(step)).await?;
        for (at, o) in assembler.observations(&feed) {
            if recorder.is_none() {
                let made = header(&o, "prometheus", step, edges, notes(&client, edges));
                recorder = Some(Recorder::create(&args.output, made)?);
            }
            recorder.as_mut().map_or(Ok(()), |r| r.observe(at, &o))?;
        }
        progress.at(end.since(from));
        begin = end.plus(millis(step));
    }
    progress.done();
    finish(&client, args, recorder, &assembler).await
}

fn span(args: &RecordArgs) -> Result<(Timestamp, Timestamp), Stop> {
    let now = clock::now();
    let missing = || Stop::cannot("--prometheus needs --from T: a time (2026-01-31T08:00:00Z), or how long ago (24h)");
    let from =
        instant(args.from.as_deref().ok_or_else(missing)?, now).map_err(|e| Stop::cannot(format!("--from: {e}")))?;
    let to = args.to.as_deref().map_or(Ok(now), |t| instant(t, now)).map_err(|e| Stop::cannot(format!("--to: {e}")))?;
    if from >= to {
        return Err(Stop::cannot(format!("--from {from} is not before --to {to}")));
    }
    Ok((from, to))
}

async fn fetch(client: &Client, job: &str, span: (Timestamp, Timestamp), step: Millis) -> Result<Feed, Stop> {
    let mut feed = Vec::new();
    for (kind, expr) in all(&Filter::Name(job.to_owned())) {
        feed.push((kind, client.query_range(&expr, span, step).await.map_err(Stop::cannot)?));
    }
    Ok(feed)
}

/// The graph and the settings as Flink tells them now: Prometheus knows neither.
async fn from_flink(args: &RecordArgs) -> Result<Observation, Stop> {
    let (mut cluster, _) = cluster(args)?;
    let reading = read_once(&mut cluster, &args.job).await;
    let reading = reading.map_err(|why| Stop::cannot(format!("{}: {why}", cluster.name)))?;
    match reading.of_job {
        Some(Event::Observed(o)) => Ok(Observation {
            samples: Vec::new(),
            missing: Vec::new(),
            // What is asked of Flink now was not asked then.
            requirements: None,
            failure: None,
            ..*o
        }),
        Some(Event::Unobserved { why, .. }) => Err(Stop::cannot(format!("job {:?}: {why}", args.job))),
        _ => Err(no_such(&args.job, &cluster.name, &reading.jobs)),
    }
}

/// Nothing is known but the name.
fn blank(client: &Client, job: &str) -> Observation {
    Observation {
        job: JobKey { cluster: client.shown().into(), namespace: None, name: job.into() },
        job_id: "".into(),
        labels: BTreeMap::new(),
        graph: Arc::new(JobGraph::default()),
        status: JobStatus::Running,
        running_since: None,
        scheduler: None,
        slots: None,
        requirements: None,
        checkpoints: None,
        failure: None,
        facts: ClusterFacts::default(),
        samples: Vec::new(),
        missing: Vec::new(),
    }
}

fn notes(client: &Client, edges: bool) -> Vec<String> {
    let mut notes = vec![
        format!("From the metrics in {}.", client.shown()),
        "Parallelism is the number of subtasks that reported; since when all run is told by their own clocks."
            .to_owned(),
    ];
    notes.push(match edges {
        true => "The job graph and the cluster's settings are those at the time of recording.".to_owned(),
        false => "Prometheus does not know how the vertices are connected, nor their names as written: record with --flink too, and decisions can be made from it.".to_owned(),
    });
    notes
}

async fn finish(
    client: &Client,
    args: &RecordArgs,
    recorder: Option<Recorder>,
    assembler: &Assembler,
) -> Result<u8, Stop> {
    let Some(recorder) = recorder else {
        let names = client.label_values("job_name").await.map_err(Stop::cannot)?;
        let mangled = mangle(&args.job);
        if names.iter().any(|n| *n == args.job || *n == mangled) {
            return Err(Stop::no(format!("{} has nothing of job {:?} in that time", client.shown(), args.job)));
        }
        return Err(no_such(&args.job, &client.shown(), &names));
    };
    for stranger in &assembler.strangers {
        tracing::warn!("{stranger}: not in the job graph as it is now, and left out");
    }
    let rows = recorder.rows();
    let size = recorder.finish()?;
    print(&format!("{}: {rows} rows of {}, {size} bytes", args.output.display(), args.job))?;
    if args.flink.is_none() {
        tracing::warn!(
            "how the vertices are connected is not known without --flink URL: nothing can be decided from this recording"
        );
    }
    Ok(OK)
}
