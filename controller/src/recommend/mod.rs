//! `weirkeeper recommend`: watches for a while and says what it would change, and why. Nothing is touched.

mod advice;
mod progress;

use crate::api::jobs;
use crate::args::{Global, RecommendArgs, RecommendOutput, RunArgs};
use crate::cli::print;
use crate::exit::{OK, Stop};
use crate::logging;
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::run::command::{clusters, millis};
use crate::run::engine::Engine;
use crate::run::poll::Health;
use crate::run::watch::Watch;
use crate::settings::{Level, Settings, resolve};
use crate::store::MemoryStore;
use advice::{Advice, Unread};
use progress::Progress;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weirkeeper_core::state::{Config, State};

/// How often it is looked whether it goes on.
const LOOK: Duration = Duration::from_millis(100);
/// A cluster that failed this often, and was never read, will not be.
const HOPELESS: u64 = 3;
/// The last read may end this much later.
const LAST_READ: Duration = Duration::from_secs(5);

/// Runs it.
pub async fn run(global: &Global, args: &RecommendArgs) -> Result<u8, Stop> {
    // There is no state file and nothing to listen on: a place that is never used keeps `resolve` from asking for one.
    let as_run = RunArgs { watch: args.watch.clone(), state: Some("unused".into()), listen: None };
    let (settings, log) = resolve(&as_run).map_err(Stop::cannot_all)?;
    let format = global.log_format.or(log.format).unwrap_or_default();
    let level = log.level.unwrap_or(Level::Warn);
    logging::start(logging::level(global, Some(level)), format, global.color);
    let watch = start(&settings).await?;
    let progress = Progress::new(args.watch_for.0, global.quiet);
    let gathered = gather(&watch, &settings, args.watch_for.0, &progress).await;
    progress.done();
    let healths = healths(&watch);
    let engine = watch.stop().await.map_err(Stop::broke)?;
    gathered?;
    let advice = Advice::new(jobs::all(&engine.glance()), unread(&healths));
    say(&advice, args.output)
}

async fn start(settings: &Settings) -> Result<Watch, Stop> {
    let interval = millis(settings.interval);
    let policies = Policies::load(settings.policies.as_deref(), interval).map_err(Stop::report)?.current();
    let config = Config { policies, interval, dry_run: true, dry_run_counts: false };
    let metrics = Metrics::default();
    let store = Arc::new(MemoryStore::default());
    let engine = Engine::new(config, State::default(), weirkeeper_core::step, store, metrics.clone());
    Watch::start(engine, clusters(settings)?, settings.interval, &metrics, None).await.map_err(Stop::broke)
}

fn healths(watch: &Watch) -> Vec<(String, Health)> {
    watch.clusters.iter().map(|c| (c.name.to_string(), c.health.get())).collect()
}

/// Waits for the time to be over; ends early only where every cluster is beyond hope, or on Ctrl-C.
async fn gather(watch: &Watch, settings: &Settings, span: Duration, progress: &Progress) -> Result<(), Stop> {
    let began = Instant::now();
    let reads = 1 + u64::try_from(span.as_millis() / settings.interval.as_millis().max(1)).unwrap_or(u64::MAX);
    loop {
        let all = healths(watch);
        if all.iter().all(|(_, h)| h.read_at.is_none() && h.failed_in_a_row >= HOPELESS) {
            return Err(Stop::cannot_all(unread(&all).iter().map(Unread::sentence).collect()));
        }
        let late = began.elapsed() >= span + LAST_READ;
        if began.elapsed() >= span && (late || all.iter().all(|(_, h)| h.reads >= reads)) {
            return Ok(());
        }
        progress.at(began.elapsed());
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => return Err(Stop::cannot("interrupted: nothing is recommended from half a window")),
        }
    }
}

fn unread(healths: &[(String, Health)]) -> Vec<Unread> {
    let why = |h: &Health| h.failure.clone().unwrap_or_else(|| "it did not answer in time".to_owned());
    let never = healths.iter().filter(|(_, h)| h.read_at.is_none());
    never.map(|(name, h)| Unread { cluster: name.clone(), name: None, why: why(h) }).collect()
}

fn say(advice: &Advice, output: RecommendOutput) -> Result<u8, Stop> {
    if advice.jobs.is_empty() {
        let mut messages: Vec<_> = advice.unread.iter().map(Unread::sentence).collect();
        messages.push("nothing could be observed: no running job was read".to_owned());
        return Err(Stop::cannot_all(messages));
    }
    advice.unread.iter().for_each(|u| tracing::warn!("{}", u.sentence()));
    let text = match output {
        RecommendOutput::Table => advice.text(),
        RecommendOutput::Json => serde_json::to_string_pretty(advice).map_err(Stop::broke)?,
        RecommendOutput::Yaml => serde_yaml::to_string(advice).map_err(Stop::broke)?,
    };
    print(&text)?;
    Ok(OK)
}
