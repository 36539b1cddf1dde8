//! The workload on a cluster: its load, its switches, its books.

use super::cluster::{Cluster, lab, lab_with};
use super::http;
use super::timeline::{Timeline, now_ms};
use super::wait::{PATIENCE, within};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The vertices of the workload, as Flink names them.
pub const SOURCE: &str = "Source: orders";
/// Where the work is: 2 ms a record.
pub const ENRICH: &str = "enrich";
/// Joined to `enrich` by a FORWARD edge.
pub const SINK: &str = "discard: Writer";

/// What the job's own books say (`tests/lab oracle`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Books {
    /// Records that have come in.
    pub arrived: u64,
    /// Records that came in and are not processed; absent while the job restarts. Some hundred at any time, because the
    /// figures are up to 250 ms apart.
    pub unprocessed: Option<i64>,
    /// Every record processed once, and none waits.
    pub exact: bool,
    /// Records that came twice, late or not at all.
    pub violations: Option<u64>,
}

impl Books {
    fn of(v: &Value) -> Result<Books> {
        Ok(Books {
            arrived: v["arrived"].as_u64().context("arrived")?,
            unprocessed: v["unprocessed"].as_i64(),
            exact: v["exact"].as_bool().unwrap_or(false),
            violations: v["violations"].as_u64(),
        })
    }
}

/// What runs, as Flink says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Flink's word for its state.
    pub state: String,
    /// Subtasks in state RUNNING by vertex name.
    pub running: BTreeMap<String, u64>,
    /// Parallelism by vertex name.
    pub parallelism: BTreeMap<String, u64>,
}

impl Running {
    /// Whether every task runs.
    pub fn is_whole(&self) -> bool {
        self.state == "RUNNING" && self.running == self.parallelism && !self.parallelism.is_empty()
    }
}

/// A job of the workload. Its cluster cancels it.
#[derive(Clone)]
pub struct Job {
    cluster: String,
    url: String,
    name: String,
    id: String,
    control: String,
    timeline: Timeline,
}

impl Job {
    /// Submits it and waits until all its tasks run. `more` are further arguments of `tests/lab submit`.
    pub fn submit(cluster: &Cluster, name: &str, rate: u32, more: &[&str], timeline: &Timeline) -> Result<Job> {
        let rate = rate.to_string();
        let args = ["submit", "--name", cluster.name(), "--job-name", name, "--rate", &rate, "--wait", "90"];
        let submitted = lab(&[&args[..], more].concat())?;
        let id = submitted["job_id"].as_str().context("submit gives no job_id")?.to_owned();
        let control = submitted["control"].as_str().context("submit gives no control")?.to_owned();
        timeline.mark(now_ms(), format!("the job runs; {rate} records/s"));
        let (cluster, url) = (cluster.name().to_owned(), cluster.url().to_owned());
        Ok(Job { cluster, url, name: name.to_owned(), id, control, timeline: timeline.clone() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The job that now runs under its name: a new submission has another id.
    pub fn follow(&self) -> Result<Job> {
        let job = within(PATIENCE, "a job of that name to run", || {
            let overview = http::get(&format!("{}/jobs/overview", self.url))?;
            let jobs = overview["jobs"].as_array().cloned().unwrap_or_default();
            let ours = |j: &&Value| j["name"] == *self.name && j["state"] == "RUNNING";
            Ok(jobs.iter().find(ours).and_then(|j| j["jid"].as_str()).map(str::to_owned))
        });
        Ok(Job { id: job?, ..self.clone() })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder by which it is controlled: an argument of its program.
    pub fn control(&self) -> &str {
        &self.control
    }

    fn lab(&self, what: &str, args: &[&str]) -> Result<Value> {
        lab(&[&[what, "--name", &self.cluster, "--job", &self.name][..], args].concat())
    }

    /// Changes the load; gives the time from which it holds, epoch milliseconds.
    pub fn load(&self, rate: u32) -> Result<u64> {
        let at = self.lab("load", &[&rate.to_string()])?["effective_at_ms"].as_u64().context("effective_at_ms")?;
        self.timeline.mark(at, format!("{rate} records/s"));
        Ok(at)
    }

    /// Changes a switch; gives the time.
    pub fn switch(&self, key: &str, value: &str) -> Result<u64> {
        self.lab("switch", &[key, value])?;
        let at = now_ms();
        self.timeline.mark(at, format!("{key} = {value}"));
        Ok(at)
    }

    /// Rescales it as a person would, and waits until it runs so.
    pub fn rescale_by_hand(&self, parallelism: u32) -> Result<u64> {
        let at = now_ms();
        self.timeline.mark(at, format!("a person rescales enrich and sink to {parallelism}"));
        let wanted = [format!("enrich={parallelism}"), format!("sink={parallelism}")];
        self.lab("rescale", &[&wanted[0], &wanted[1], "--wait", "60"])?;
        Ok(at)
    }

    /// What its books say now.
    pub fn books(&self) -> Result<Books> {
        Books::of(&self.lab("oracle", &[])?)
    }

    /// Stops the load and waits until every record is accounted for: none lost, none twice.
    pub fn settle(&self) -> Result<Books> {
        let wait = PATIENCE.as_secs().to_string();
        let args = ["oracle", "--name", &self.cluster, "--job", &self.name, "--drain", "--wait", &wait];
        let read = lab_with(&args, true)?;
        let books = Books::of(&read)?;
        ensure!(books.exact, "records were lost or doubled, or never came through: {read}");
        self.timeline.figure("records", format!("{}, each processed exactly once", books.arrived));
        Ok(books)
    }

    /// What runs now.
    pub fn running(&self) -> Result<Running> {
        let job = http::get(&format!("{}/jobs/{}", self.url, self.id))?;
        let vertices = job["vertices"].as_array().cloned().unwrap_or_default();
        let by_name = |field: &dyn Fn(&Value) -> Option<u64>| {
            vertices.iter().filter_map(|v| Some((v["name"].as_str()?.to_owned(), field(v)?))).collect()
        };
        Ok(Running {
            state: job["state"].as_str().unwrap_or("?").to_owned(),
            running: by_name(&|v| v["tasks"]["RUNNING"].as_u64()),
            parallelism: by_name(&|v| v["parallelism"].as_u64()),
        })
    }

    /// Parallelism of `enrich` once every task runs.
    pub fn width(&self) -> Result<Option<u64>> {
        let now = self.running()?;
        Ok(now.is_whole().then(|| now.parallelism.get(ENRICH).copied()).flatten())
    }

    /// Ids of the vertices by name.
    pub fn vertex_ids(&self) -> Result<BTreeMap<String, String>> {
        let job = http::get(&format!("{}/jobs/{}", self.url, self.id))?;
        let vertices = job["vertices"].as_array().cloned().unwrap_or_default();
        let pair = |v: &Value| Some((v["name"].as_str()?.to_owned(), v["id"].as_str()?.to_owned()));
        Ok(vertices.iter().filter_map(pair).collect())
    }

    /// Job metric `numRestarts`; it counts rescales, too.
    pub fn restarts(&self) -> Result<u64> {
        let found = http::get(&format!("{}/jobs/{}/metrics?get=numRestarts", self.url, self.id))?;
        found[0]["value"].as_str().and_then(|v| v.parse().ok()).context("numRestarts")
    }

    /// Waits until `enrich` runs so wide that `fits` is content; gives the width.
    pub fn until_width(&self, why: &str, fits: impl Fn(u64) -> bool) -> Result<u64> {
        within(PATIENCE, why, || Ok(self.width()?.filter(|p| fits(*p))))
    }

    /// Waits until less than `seconds` of arrivals at `rate` wait; gives the time.
    pub fn until_caught_up(&self, rate: u32, seconds: f64) -> Result<u64> {
        let few = f64::from(rate) * seconds;
        self.until_waiting("the backlog to be gone", |waiting| waiting < few)
    }

    /// Waits until the number of records that wait is as wanted; gives the time.
    pub fn until_waiting(&self, why: &str, fits: impl Fn(f64) -> bool) -> Result<u64> {
        within(PATIENCE, why, || {
            let waiting = self.books()?.unprocessed.and_then(|n| i32::try_from(n).ok()).map(f64::from);
            if !waiting.is_some_and(&fits) {
                std::thread::sleep(Duration::from_millis(500));
                return Ok(None);
            }
            Ok(Some(now_ms()))
        })
    }
}
