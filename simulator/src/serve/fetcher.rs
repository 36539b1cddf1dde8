//! Metrics are fetched from TaskManagers only when somebody asks, and at most every so often; who asks first after a
//! silence is answered with what was there before (measured: up to 25.6 s old).

use crate::world::view::{CheckpointState, Figures, JobState};
use crate::world::{JobFigures, World};

/// A fetch comes back so much later, ms of the reader's clock.
const TAKES: i64 = 30;

/// What a fetch brought of one job.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub job: JobState,
    pub checkpoints: CheckpointState,
    /// What the JobManager tells of it.
    pub figures_of_job: JobFigures,
    /// What its tasks tell.
    pub figures: Option<Figures>,
}

/// All that a fetch brought, in the scenario's order.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub jobs: Vec<Option<Fetched>>,
}

/// Fetches.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// Between two fetches, ms of the reader's clock.
    interval: i64,
    asked: Option<i64>,
    coming: Option<(i64, Store)>,
    store: Store,
}

impl Fetcher {
    pub fn new(interval: i64) -> Fetcher {
        Fetcher { interval, asked: None, coming: None, store: Store::default() }
    }

    /// What is known of a job.
    pub fn now(&self, job: usize) -> Option<&Fetched> {
        self.store.jobs.get(job)?.as_ref()
    }

    /// Somebody asks for metrics at `now`, ms of the reader's clock.
    pub fn ask(&mut self, world: &World, now: i64) -> &Store {
        if self.coming.as_ref().is_some_and(|(at, _)| *at <= now)
            && let Some((_, store)) = self.coming.take()
        {
            self.store = store;
        }
        if self.asked.is_none_or(|at| now - at > self.interval) {
            self.asked = Some(now);
            self.coming = Some((now + TAKES, fetch(world)));
        }
        &self.store
    }
}

fn fetch(world: &World) -> Store {
    let one = |index: usize| {
        let (job, checkpoints) = (world.job(index)?, world.checkpoints(index)?);
        let lie = world.reading(Some(index)).lie;
        let figures = lied(world.figures(index)?, lie);
        let figures_of_job = figures.job;
        // Without tasks there is nothing to ask; what was known of the attempt before is dropped.
        let figures = Some(figures).filter(|_| job.word == "RUNNING");
        Some(Fetched { job, checkpoints, figures_of_job, figures })
    };
    Store { jobs: (0..world.jobs()).map(one).collect() }
}

/// A lie about busy time is made up for by idle time, so that time still adds up.
fn lied(mut figures: Figures, lie: Option<f64>) -> Figures {
    let Some(factor) = lie else { return figures };
    for vertex in &mut figures.vertices {
        let (t, a) = (&mut vertex.totals, &mut vertex.averages);
        let (room, averaged) = (t.busy + t.idle(), a.busy + a.idle);
        t.busy = (t.busy * factor).min(room);
        t.hottest = (t.hottest * factor).min(t.clock).max(t.busy);
        t.coldest = (t.coldest * factor).min(t.clock).min(t.busy);
        a.busy = (a.busy * factor).min(averaged);
        a.idle = averaged - a.busy;
        a.hottest = (a.hottest * factor).min(1_000.0).max(a.busy);
    }
    figures
}
