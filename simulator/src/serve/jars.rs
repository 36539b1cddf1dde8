//! Jars, and running them: a jar stands for the job of its name, which the world runs at most once.

use super::history::{History, Shown};
use super::request::Request;
use super::{Answer, Archived, Server, refused};
use crate::world::Fate;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A jar that the cluster has.
#[derive(Clone, Debug)]
pub(super) struct Jar {
    pub id: String,
    pub name: String,
    /// Of the reader's clock.
    pub uploaded: i64,
}

/// Jars kept.
const MOST: usize = 100;
/// Where Flink keeps them.
const FOLDER: &str = "/upload/flink-web-upload";
/// Honoured by 1.20.5, ignored by 2.2.1 (measured).
const OVERRIDES: &str = "pipeline.jobvertex-parallelism-overrides";

impl Jar {
    /// `number` tells two of one name apart.
    pub fn new(name: &str, number: usize, uploaded: i64) -> Jar {
        let hash = super::id(&["jar", name, &number.to_string()]);
        let (a, b, c, d, e) = (&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..]);
        Jar { id: format!("{a}-{b}-{c}-{d}-{e}_{name}"), name: name.to_owned(), uploaded }
    }

    fn json(&self) -> Value {
        json!({"id": self.id, "name": self.name, "uploaded": self.uploaded,
            "entry": [{"name": "weirkeeper.Simulated", "description": null}]})
    }
}

/// What a request to run a jar asks for.
struct Order<'a> {
    jar: &'a str,
    savepoint: Option<&'a str>,
    id: Option<&'a str>,
    parallelism: u32,
    overrides: BTreeMap<&'a str, u32>,
}

impl<'a> Order<'a> {
    fn read(jar: &'a str, request: &'a Request) -> Order<'a> {
        let text = |key: &str| request.body[key].as_str().or_else(|| request.get(key)).filter(|t| !t.is_empty());
        let number = request.body["parallelism"].as_u64().and_then(|n| u32::try_from(n).ok());
        let parallelism = number.or_else(|| request.get("parallelism")?.parse().ok());
        let overrides = request.body["flinkConfiguration"][OVERRIDES].as_str().unwrap_or_default();
        let pair = |p: &'a str| p.trim().split_once(':').and_then(|(id, n)| Some((id, n.trim().parse().ok()?)));
        Order {
            jar,
            savepoint: text("savepointPath"),
            id: text("jobId"),
            // `parallelism.default`
            parallelism: parallelism.unwrap_or(1),
            overrides: overrides.split(',').filter_map(pair).collect(),
        }
    }
}

impl Server {
    /// `/jars/...`
    pub(super) fn jars(&mut self, request: &Request, rest: &[&str], now: i64) -> Answer {
        match (request.method.as_str(), rest) {
            ("GET", []) => {
                let files: Vec<Value> = self.jars.iter().rev().map(Jar::json).collect();
                Answer::ok(json!({"address": "http://localhost:8081", "files": files}))
            }
            ("POST", ["upload"]) => self.upload(request, now),
            ("POST", [jar, "run"]) => self.run(&Order::read(jar, request)),
            ("DELETE", [jar]) => {
                self.jars.retain(|j| j.id != *jar);
                Answer::ok(json!({}))
            }
            _ => refused::path(&request.method, &request.path),
        }
    }

    /// Of an upload only its file name counts.
    fn upload(&mut self, request: &Request, now: i64) -> Answer {
        let text = String::from_utf8_lossy(&request.bytes[..request.bytes.len().min(4_096)]).into_owned();
        let name = text.split("filename=\"").nth(1).and_then(|rest| rest.split('"').next());
        let Some(name) = name.filter(|n| n.ends_with(".jar")) else {
            return refused::handler(400, "Exactly 1 file must be sent, received 0.");
        };
        self.made += 1;
        let jar = Jar::new(name.rsplit('/').next().unwrap_or(name), self.made, now);
        let answer = json!({"filename": format!("{FOLDER}/{}", jar.id), "status": "success"});
        self.jars.push(jar);
        if self.jars.len() > MOST {
            self.jars.remove(0);
        }
        Answer::ok(answer)
    }

    fn run(&mut self, order: &Order<'_>) -> Answer {
        let Some(jar) = self.jars.iter().find(|j| j.id == order.jar).cloned() else {
            let what = "org.apache.flink.runtime.rest.handler.RestHandlerException";
            let trace = format!("{what}: Jar file {FOLDER}/{} does not exist", order.jar);
            return refused::server(&format!("java.util.concurrent.CompletionException: {trace}\nCaused by: {trace}"));
        };
        if order.id.is_some_and(|id| self.is_known(id)) {
            return could_not_run(
                "org.apache.flink.runtime.client.DuplicateJobSubmissionException: Job has already been submitted.",
            );
        }
        let by_name = || self.job_of(&jar.name);
        let found = order.savepoint.map_or_else(by_name, |path| self.owner_of(path).or_else(by_name));
        let Some(job) = found else {
            return could_not_run(
                "java.lang.IllegalStateException: this simulated cluster has no job that this jar could be",
            );
        };
        self.made += 1;
        let made = self.made.to_string();
        let id: Arc<str> = order.id.map_or_else(|| super::id(&["run", &made]).into(), Into::into);
        if order.savepoint.is_some_and(|path| self.owner_of(path) != Some(job)) {
            return self.fail_at_once(job, id);
        }
        self.start(job, order, id)
    }

    fn start(&mut self, job: usize, order: &Order<'_>, id: Arc<str>) -> Answer {
        let Some(state) = self.world.job(job) else { return refused::unknown_job(&id) };
        let honoured = self.world.scenario().cluster.version.0 < 2;
        let of = |v: &str| order.overrides.get(v).copied().filter(|_| honoured).unwrap_or(order.parallelism);
        let target: BTreeMap<Arc<str>, u32> = state.vertices.iter().map(|v| (v.id.clone(), of(&v.id))).collect();
        let most = |v: &crate::world::view::VertexState| {
            target.get(&v.id).is_some_and(|p| (1..=v.max_parallelism).contains(p))
        };
        if !state.vertices.iter().all(most) {
            return self.fail_at_once(job, id);
        }
        let archived = self.archive_of(job);
        if let Err(why) = self.world.run_job(job, id.clone(), &target) {
            return could_not_run(&format!(
                "java.lang.IllegalStateException: this simulated cluster has each job once, and {why}"
            ));
        }
        archived.into_iter().for_each(|a| self.archive(a));
        self.forget(job);
        Answer::ok(json!({"jobid": &*id}))
    }

    /// As recorded: it is taken, and then FAILED without a word in its exceptions.
    fn fail_at_once(&mut self, job: usize, id: Arc<str>) -> Answer {
        let world_now = self.world.now().0;
        if let Some(of) = self.archive_of(job) {
            let shown = of.shown.failed_at_once(id.clone(), world_now);
            self.archive(Archived { shown: Arc::new(shown), checkpoints: of.checkpoints });
        }
        Answer::ok(json!({"jobid": &*id}))
    }

    fn archive_of(&self, job: usize) -> Option<Archived> {
        let shown = Shown::take(&self.world, job, self.histories.get(job)?)?;
        Some(Archived { shown: Arc::new(shown), checkpoints: self.world.checkpoints(job)? })
    }

    /// A new submission begins its own history.
    fn forget(&mut self, job: usize) {
        if let Some(history) = self.histories.get_mut(job) {
            *history = History::new(self.world.now().0);
        }
        if let Some(cache) = self.caches.get_mut(job) {
            *cache = super::Cache::default();
        }
    }

    /// The job that a jar is named after: `orders.jar`, or the only one there is.
    fn job_of(&self, jar: &str) -> Option<usize> {
        let stem = jar.trim_end_matches(".jar");
        let jobs = &self.world.scenario().jobs;
        let named = jobs.iter().position(|j| *j.name == *stem);
        named.or_else(|| (jobs.len() == 1).then_some(0))
    }

    /// The job whose completed checkpoint or savepoint that is.
    fn owner_of(&self, path: &str) -> Option<usize> {
        let path = plain(path);
        (0..self.world.jobs()).find(|job| {
            let Some(checkpoints) = self.world.checkpoints(*job) else { return false };
            let completed = checkpoints.history.iter().chain(&checkpoints.latest).filter(|c| c.fate == Fate::Completed);
            completed.into_iter().any(|c| plain(&self.world.path_of(*job, c.id, c.savepoint)) == path)
        })
    }
}

/// `file:/a`, `file:///a` and `/a` are one.
fn plain(path: &str) -> &str {
    path.trim_start_matches("file:").trim_start_matches('/').trim_end_matches('/')
}

fn could_not_run(cause: &str) -> Answer {
    refused::handler(400, &format!("Could not execute application.\nCaused by: {cause}"))
}
