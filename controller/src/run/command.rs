//! `weirkeeper run`.

use crate::api::token::{self, Token};
use crate::api::{Api, router};
use crate::args::{Global, RunArgs};
use crate::exit::{CANNOT, OK, Stop};
use crate::metrics::Metrics;
use crate::policies::Policies;
use crate::run::engine::Engine;
use crate::run::watch::{Cluster, Watch};
use crate::run::{flink_world, killswitch};
use crate::settings::{Settings, resolve};
use crate::store::{self, RedbStore, Store};
use crate::{clock, logging};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use weirkeeper_core::state::{Config, State};
use weirkeeper_core::units::Millis;

/// Runs until told to stop.
pub async fn run(global: &Global, args: &RunArgs) -> Result<u8, Stop> {
    let (settings, log) = resolve(args).map_err(Stop::cannot_all)?;
    let format = global.log_format.or(log.format).unwrap_or_default();
    logging::start(logging::level(global, log.level), format, global.color);
    let interval = millis(settings.interval);
    let policies = Policies::load(settings.policies.as_deref(), interval).map_err(Stop::report)?;
    let clusters = clusters(&settings)?;
    let (state, store) = open_state(&settings)?;
    let store: Arc<dyn Store> = Arc::new(store);
    let token = Token::read_or_make(&token::path(&settings.state)).map_err(Stop::cannot)?;
    let listener = listen(&settings).await?;
    let metrics = Metrics::default();
    let config = Config { policies: policies.current(), interval, dry_run: false, dry_run_counts: false };
    let engine = Engine::new(config, state, weirkeeper_core::step, store.clone(), metrics.clone());
    let switch = killswitch::path(&settings.state);
    let watch = Watch::start(engine, clusters, settings.interval, &metrics, Some(switch)).await.map_err(Stop::broke)?;
    tokio::spawn(policies.follow(watch.inbox.clone(), watch.stopped()));
    say_start(&settings, listener.local_addr().unwrap_or(settings.listen));
    let api = Api {
        inbox: watch.inbox.clone(),
        store,
        metrics,
        clusters: watch.clusters.clone(),
        interval: settings.interval,
        token,
        open_reads: settings.listen.ip().is_loopback(),
    };
    serve(listener, api, watch).await
}

/// A duration in the core's unit.
pub fn millis(span: Duration) -> Millis {
    Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// The clusters, none of them asked yet; all that is wrong with them.
pub fn clusters(settings: &Settings) -> Result<Vec<Cluster>, Stop> {
    let made = settings.clusters.iter().map(|c| flink_world::cluster(c, settings.interval));
    let (good, bad): (Vec<_>, Vec<_>) = made.partition(Result::is_ok);
    let problems: Vec<_> = bad.into_iter().filter_map(|r| Some(r.err()?.to_string())).collect();
    if problems.is_empty() { Ok(good.into_iter().flatten().collect()) } else { Err(Stop::cannot_all(problems)) }
}

fn open_state(settings: &Settings) -> Result<(State, RedbStore), Stop> {
    let now = clock::now();
    let opened = store::open(&settings.state, now).map_err(|e| Stop::cannot(e.to_string()))?;
    let Some((why, aside)) = opened.broken else {
        return Ok((State::restore(opened.records), opened.store));
    };
    let (file, aside) = (settings.state.display(), aside.display());
    tracing::error!(
        "the state file {file} cannot be used: {why}. It is kept as {aside}; going on with a new one, in which every \
         budget counts as spent"
    );
    Ok((State::unreadable(now), opened.store))
}

async fn listen(settings: &Settings) -> Result<TcpListener, Stop> {
    let at = settings.listen;
    TcpListener::bind(at).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            Stop::cannot(format!("{at} is in use, perhaps by another weirkeeper; choose another with --listen ADDR"))
        }
        _ => Stop::cannot(format!("cannot listen on {at}: {e}")),
    })
}

/// `listen` is where it really listens: port 0 is the system's choice.
fn say_start(settings: &Settings, listen: SocketAddr) {
    let names: Vec<_> = settings.clusters.iter().map(|c| c.name.as_str()).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        clusters = names.join(" "),
        %listen,
        state = %settings.state.display(),
        interval = settings.interval.as_secs_f64(),
        "started"
    );
}

async fn serve(listener: TcpListener, api: Api, watch: Watch) -> Result<u8, Stop> {
    let mut stopped = watch.stopped();
    let server = axum::serve(listener, router(api)).with_graceful_shutdown(async move {
        let _ = stopped.changed().await;
    });
    let server = tokio::spawn(async move { server.await });
    told_to_stop().await.map_err(Stop::broke)?;
    tracing::info!("stopping");
    tokio::spawn(leave_at_once());
    watch.stop().await.map_err(Stop::broke)?;
    server.abort();
    tracing::info!("stopped");
    Ok(OK)
}

/// SIGINT or SIGTERM.
async fn told_to_stop() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Told again: the state is durable at every moment, so nothing is lost by leaving now.
async fn leave_at_once() {
    if told_to_stop().await.is_ok() {
        tracing::warn!("told to stop twice: leaving at once");
        std::process::exit(i32::from(CANNOT));
    }
}
