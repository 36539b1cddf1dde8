//! Flink's REST API in front of a world: a pure map from a request and a time to an answer, in the shapes, types, caches,
//! error codes and oddities that Flink 2.2.1 and 1.20.5 were recorded with. A request that changes something changes the
//! world. What the world does not model is absent, never made up; docs/serve.md says what that is.

mod checkpoints;
mod cluster;
mod copies;
mod fetcher;
mod history;
mod jars;
mod jobs;
mod metric;
mod operations;
mod pace;
mod refused;
mod request;
mod requirements;
mod sources;
mod subtasks;
#[cfg(test)]
mod tests;
mod vertices;
mod view;

pub use copies::copies;
pub use request::Request;

use crate::scenario::Scenario;
use crate::world::view::{CheckpointState, Missed};
use crate::world::{BEGAN, World};
use cluster::{Hosts, REFRESH};
use fetcher::Fetcher;
use history::{History, Shown};
use jars::Jar;
use operations::{Kind, Operations};
use pace::Pace;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use view::View;
use weirkeeper_core::units::Millis;

/// A status and a body.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Value,
    /// It comes too late: a client would have given up.
    pub late: bool,
}

impl Answer {
    fn of(status: u16, body: Value) -> Answer {
        Answer { status, body, late: false }
    }

    fn ok(body: Value) -> Answer {
        Answer::of(200, body)
    }
}

/// A submission that is over.
#[derive(Clone, Debug)]
struct Archived {
    shown: Arc<Shown>,
    checkpoints: CheckpointState,
}

/// Submissions that are over and still shown.
const MAX_ARCHIVED: usize = 100;
/// A tick of the world, ms.
const TICK: i64 = 1_000;

/// What Flink remembers of a job for three seconds, with when it was taken (of the world).
#[derive(Clone, Debug, Default)]
struct Cache {
    shown: Option<(i64, Arc<Shown>)>,
    checkpoints: Option<(i64, CheckpointState)>,
}

/// A job that a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Live(usize),
    Over(usize),
}

/// A world behind Flink's REST API.
#[derive(Debug)]
pub struct Server {
    world: World,
    pace: Pace,
    fetcher: Fetcher,
    histories: Vec<History>,
    caches: Vec<Cache>,
    operations: Operations,
    archived: VecDeque<Archived>,
    jars: Vec<Jar>,
    made: usize,
    /// Between two fetches, as the scenario says.
    update: Millis,
}

impl Server {
    /// A scenario, begun at `now` (ms of the reader's clock) and played at that speed.
    pub fn new(scenario: &Scenario, seed: u64, now: i64, speed: f64) -> Server {
        let pace = Pace::new(now, speed);
        // Flink fetches when it is asked: the world's own beat would come on top of that.
        let mut own = scenario.clone();
        let update = std::mem::replace(&mut own.cluster.metric_update, Millis(TICK as u64));
        let fetcher = Fetcher::new(pace.span(update.0 as i64));
        let jars = own.jobs.iter().enumerate().map(|(i, j)| Jar::new(&format!("{}.jar", j.name), i, now)).collect();
        let world = World::new(Arc::new(own), seed);
        Server {
            histories: vec![History::new(BEGAN.0); world.jobs()],
            caches: vec![Cache::default(); world.jobs()],
            made: world.jobs(),
            operations: Operations::default(),
            archived: VecDeque::new(),
            world,
            pace,
            fetcher,
            jars,
            update,
        }
    }

    /// The world behind it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world moves on to `now`.
    pub fn advance(&mut self, now: i64) {
        let target = self.pace.world(now);
        while self.world.now().0 + TICK <= target {
            self.world.tick();
            self.operations.follow(&mut self.world);
            self.look();
        }
    }

    fn look(&mut self) {
        let now = self.world.now().0;
        for (job, history) in self.histories.iter_mut().enumerate() {
            if let Some(standing) = self.world.standing(job) {
                history.look(standing, now);
            }
        }
    }

    /// Answers a request at `now`, ms of the reader's clock.
    pub fn answer(&mut self, request: &Request, now: i64) -> Answer {
        self.advance(now);
        let now = now.max(self.pace.at(self.world.now().0));
        if request.too_long {
            return refused::path("GET", "/bad-request");
        }
        let parts = request.parts();
        let job = match parts.as_slice() {
            ["jobs", id, ..] => self.find(id),
            _ => None,
        };
        let live = job.and_then(|j| if let Job::Live(i) = j { Some(i) } else { None });
        match self.world.call_fails(live) {
            Some(Missed::Refused) => refused::server("java.util.concurrent.TimeoutException: the simulated API fails"),
            Some(Missed::Late { done }) => {
                let body = if done { self.route(request, &parts, job, now).body } else { Value::Null };
                Answer { status: 503, body, late: true }
            }
            None => self.route(request, &parts, job, now),
        }
    }

    fn route(&mut self, request: &Request, parts: &[&str], job: Option<Job>, now: i64) -> Answer {
        let cluster = &self.world.scenario().cluster;
        match (request.method.as_str(), parts) {
            ("GET", ["config"]) => Answer::ok(cluster::config(cluster, self.pace)),
            ("GET", ["jobmanager", "config"]) => Answer::ok(self.settings()),
            ("GET", ["overview"]) => Answer::ok(cluster::overview(&self.world, &self.words())),
            ("GET", ["taskmanagers" | "jobmanager", ..]) => self.hosts(request, parts, now),
            ("GET", ["jobs"]) => Answer::ok(self.list()),
            ("GET", ["jobs", "overview"]) => Answer::ok(self.jobs_overview(now)),
            ("GET", ["jobs", "metrics"]) => self.metrics_of_all(request, now),
            (_, ["jars", rest @ ..]) => self.jars(request, rest, now),
            (method, ["jobs", id, rest @ ..]) => match (refused::is_id(id), job) {
                (false, _) => refused::bad_id("jobid", id),
                (true, Some(job)) if method == "GET" => self.read(request, (job, id), rest, now),
                (true, None) if method == "GET" => self.read_unknown(id, rest),
                (true, job) => self.change(request, (job, id), rest),
            },
            (method, _) => refused::path(method, &request.path),
        }
    }

    fn settings(&self) -> Value {
        let mut told = self.world.scenario().cluster.clone();
        told.metric_update = self.update;
        cluster::settings(&told, self.pace)
    }

    fn find(&self, id: &str) -> Option<Job> {
        let over = || self.archived.iter().position(|a| *a.shown.state.id == *id).map(Job::Over);
        self.world.find_job(id).map(Job::Live).or_else(over)
    }

    fn is_known(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    fn archive(&mut self, archived: Archived) {
        self.archived.push_front(archived);
        self.archived.truncate(MAX_ARCHIVED);
    }

    /// All submissions as they are now: those of the scenario, then those that are over, the newest first.
    fn all(&self) -> Vec<Arc<Shown>> {
        let live = self.histories.iter().enumerate();
        let live = live.filter_map(|(i, history)| Shown::take(&self.world, i, history)).map(Arc::new);
        live.chain(self.archived.iter().map(|a| a.shown.clone())).collect()
    }

    fn words(&self) -> Vec<&'static str> {
        let live = (0..self.world.jobs()).filter_map(|j| self.world.standing(j)).map(|(word, _)| word);
        live.chain(self.archived.iter().map(|a| a.shown.state.word)).collect()
    }

    fn list(&self) -> Value {
        let one = |s: &Arc<Shown>| json!({"id": &*s.state.id, "status": s.state.word});
        json!({"jobs": self.all().iter().map(one).collect::<Vec<_>>()})
    }

    /// Not cached.
    fn jobs_overview(&self, now: i64) -> Value {
        let entries: Vec<Value> =
            self.all().iter().filter_map(|s| Some(jobs::entry(&self.plain_view(s, now)?))).collect();
        json!({"jobs": entries})
    }

    /// Without metrics.
    fn plain_view<'a>(&'a self, shown: &'a Shown, now: i64) -> Option<View<'a>> {
        let spec = self.world.scenario().jobs.get(shown.index)?;
        Some(View { world: &self.world, pace: self.pace, now, shown, spec, fetched: None, incomplete: false })
    }

    fn hosts(&mut self, request: &Request, parts: &[&str], now: i64) -> Answer {
        let running = self.words().iter().filter(|w| **w == "RUNNING").count();
        let store = self.fetcher.ask(&self.world, now);
        let figures = store.jobs.iter().flatten().filter_map(|f| f.figures.as_ref());
        let hosts = Hosts { world: &self.world, figures: figures.flat_map(|f| &f.hosts).collect(), now };
        match parts {
            ["taskmanagers", rest @ ..] => hosts.answer(request, rest),
            ["jobmanager", "metrics"] => Answer::ok(hosts.of_jobmanager(request, running)),
            _ => refused::path(&request.method, &request.path),
        }
    }

    /// `/jobs/metrics`: all jobs', aggregated.
    fn metrics_of_all(&mut self, request: &Request, now: i64) -> Answer {
        let all = self.all();
        self.fetcher.ask(&self.world, now);
        let mut merged: Vec<metric::Metric> = Vec::new();
        for shown in all.iter().filter(|s| !s.has_ended()) {
            let Some(mut view) = self.plain_view(shown, now) else { continue };
            view.fetched = self.fetcher.now(shown.index);
            for (name, value) in jobs::values(&view) {
                let value = value.parse().ok();
                match merged.iter_mut().find(|m| m.name == name) {
                    Some(known) => known.values.push(value),
                    None => merged.push(metric::Metric { name: name.into(), values: vec![value], whole: true }),
                }
            }
        }
        Answer::ok(metric::aggregated(request, &merged))
    }

    fn read(&mut self, request: &Request, (job, id): (Job, &str), rest: &[&str], now: i64) -> Answer {
        match rest {
            ["status"] => return Answer::ok(json!({"status": self.word(job)})),
            ["resource-requirements"] => return requirements::get(&self.world, job, id),
            ["checkpoints", trigger] if refused::is_id(trigger) => {
                return self.operations.ask("checkpoints", id, trigger);
            }
            ["savepoints", trigger] => return self.operations.ask("savepoints", id, trigger),
            ["jobmanager", "config"] => return Answer::ok(self.settings()),
            _ => {}
        }
        let (Some(shown), Some(checkpoints)) = (self.shown(job), self.checkpoints(job)) else {
            return refused::no_job(id);
        };
        self.fetcher.ask(&self.world, now);
        let Some(mut view) = self.plain_view(&shown, now) else { return refused::no_job(id) };
        if let Job::Live(index) = job {
            view.fetched = self.fetcher.now(index);
            view.incomplete = self.world.reading(Some(index)).incomplete;
        }
        of_job(&view, &checkpoints, request, rest)
    }

    fn word(&self, job: Job) -> &'static str {
        match job {
            Job::Live(i) => self.world.standing(i).map_or("", |(word, _)| word),
            Job::Over(i) => self.archived[i].shown.state.word,
        }
    }

    /// Up to 3 s old.
    fn shown(&mut self, job: Job) -> Option<Arc<Shown>> {
        let index = match job {
            Job::Over(i) => return self.archived.get(i).map(|a| a.shown.clone()),
            Job::Live(i) => i,
        };
        let now = self.world.now().0;
        let cached = &mut self.caches.get_mut(index)?.shown;
        if let Some((_, shown)) = cached.as_ref().filter(|(at, _)| now - at < REFRESH) {
            return Some(shown.clone());
        }
        let shown = Arc::new(Shown::take(&self.world, index, self.histories.get(index)?)?);
        *cached = Some((now, shown.clone()));
        Some(shown)
    }

    /// Up to 3 s old, by a clock of their own.
    fn checkpoints(&mut self, job: Job) -> Option<CheckpointState> {
        let index = match job {
            Job::Over(i) => return self.archived.get(i).map(|a| a.checkpoints.clone()),
            Job::Live(i) => i,
        };
        let now = self.world.now().0;
        let cached = &mut self.caches.get_mut(index)?.checkpoints;
        if let Some((_, state)) = cached.as_ref().filter(|(at, _)| now - at < REFRESH) {
            return Some(state.clone());
        }
        let state = self.world.checkpoints(index)?;
        *cached = Some((now, state.clone()));
        Some(state)
    }

    fn read_unknown(&self, id: &str, rest: &[&str]) -> Answer {
        match rest {
            ["resource-requirements"] => refused::unknown_job(id),
            ["savepoints", trigger] => self.operations.ask("savepoints", id, trigger),
            ["checkpoints", trigger] if refused::is_id(trigger) => self.operations.ask("checkpoints", id, trigger),
            _ => refused::no_job(id),
        }
    }

    fn change(&mut self, request: &Request, (job, id): (Option<Job>, &str), rest: &[&str]) -> Answer {
        let chosen = request.body["triggerId"].as_str();
        let live = job.and_then(|j| if let Job::Live(i) = j { Some(i) } else { None });
        let cancels = request.body["cancel-job"].as_bool() == Some(true);
        let kind = match (request.method.as_str(), rest) {
            ("PUT", ["resource-requirements"]) => return requirements::put(&mut self.world, job, id, &request.body),
            ("PATCH", []) => return self.cancel(job, id),
            ("PATCH", ["rescaling"]) => {
                return refused::handler(503, "Rescaling is temporarily disabled. See FLINK-12312.");
            }
            ("POST", ["savepoints"]) if cancels => Kind::SavepointAndCancel,
            ("POST", ["savepoints"]) => Kind::Savepoint,
            ("POST", ["stop"]) => Kind::Stop,
            ("POST", ["checkpoints"]) => Kind::Checkpoint,
            (method, _) => return refused::path(method, &request.path),
        };
        self.operations.trigger(&mut self.world, kind, (live, id), chosen)
    }

    fn cancel(&mut self, job: Option<Job>, id: &str) -> Answer {
        let Some(job) = job else { return refused::handler(404, "Job could not be found.") };
        match (self.word(job), job) {
            ("FINISHED" | "FAILED", _) => {
                let word = self.word(job);
                let why = format!("Job {id} has reached the globally terminal state {word} instead of CANCELED.");
                refused::handler(409, &why)
            }
            (_, Job::Live(index)) => {
                self.world.cancel(index);
                self.look();
                Answer::of(202, json!({}))
            }
            _ => Answer::of(202, json!({})),
        }
    }
}

/// What is read of one job.
fn of_job(view: &View<'_>, checkpoints: &CheckpointState, request: &Request, rest: &[&str]) -> Answer {
    match rest {
        [] => Answer::ok(jobs::details(view)),
        ["plan"] => Answer::ok(json!({"plan": jobs::plan(view)})),
        ["config"] => Answer::ok(jobs::config(view)),
        ["exceptions"] => Answer::ok(jobs::exceptions(view, request)),
        ["metrics"] => Answer::ok(jobs::metrics(view, request)),
        ["accumulators"] => Answer::ok(json!({"job-accumulators": [], "user-task-accumulators": [],
            "serialized-user-task-accumulators": {}})),
        ["checkpoints", rest @ ..] => checkpoints::answer(view, checkpoints, request, rest),
        ["vertices", id, rest @ ..] => match view.find_vertex(id) {
            _ if !refused::is_id(id) => refused::bad_id("vertexid", id),
            Some(v) => vertices::answer(view, request, v, rest),
            // Metrics of what is not there are an empty list, as where nothing was fetched.
            None if rest.last() == Some(&"metrics") => Answer::ok(json!([])),
            None => refused::not_found(&format!("No vertex with ID '{id}' exists.")),
        },
        _ => refused::path(&request.method, &request.path),
    }
}

/// 32 hex digits of a name.
fn id(parts: &[&str]) -> String {
    crate::world::id(parts).to_string()
}
