//! The real program beside the test, with a policy and a state file that outlive it.

use super::http;
use super::timeline::{Timeline, now_ms};
use super::wait::within;
use crate::program::{self, Running};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tempfile::TempDir;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A policy for one job that acts in seconds, comparable with the "short" options of other autoscalers' tests.
pub fn policy(job: &str, mode: &str) -> String {
    format!(
        "apiVersion: weirkeeper.dev/v1
kind: Policy
metadata: {{ name: scenario }}
match: {{ jobs: [\"{job}\"] }}
mode: {mode}
scaling:
  window: 30s
  warmUp: 10s
  lagObjective: 10s
  catchUp: 60s
  scaleDown: {{ after: 30s, minSaving: 20% }}
  cooldown: {{ up: 10s, down: 20s }}
limits:
  perJob: {{ count: 100, per: 1h }}
  perFleet: {{ count: 100, per: 10m }}
  maxConcurrent: {{ count: 10, perCluster: 10 }}
"
    )
}

/// The same for several jobs, each by its exact name.
pub fn policy_for(jobs: &[&str], mode: &str) -> String {
    policy(&jobs.join("\", \""), mode)
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line(pub Value);

impl Line {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or("")
    }

    /// When it was written, epoch milliseconds.
    pub fn at_ms(&self) -> Option<u64> {
        millis(self.text("timestamp"))
    }

    fn is_decision(&self) -> bool {
        self.text("target") == "decision"
    }
}

/// A decision, as the API gives it.
#[derive(Clone, Debug)]
pub struct Decision(pub Value);

impl Decision {
    /// Its number.
    pub fn id(&self) -> u64 {
        self.0["id"].as_u64().unwrap_or(0)
    }

    /// When, epoch milliseconds.
    pub fn at_ms(&self) -> u64 {
        millis(self.0["at"].as_str().unwrap_or("")).unwrap_or(0)
    }

    /// `act`, `hold`, `gated`, ...
    pub fn verdict(&self) -> &str {
        self.0["verdict"].as_str().unwrap_or("")
    }

    /// Whether a change of parallelism is wanted.
    pub fn wants_rescale(&self) -> bool {
        self.0["rescale"].as_object().is_some_and(|r| !r.is_empty())
    }

    /// Wanted parallelism of a vertex; absent: it stays.
    pub fn wanted(&self, vertex: &str) -> Option<u64> {
        self.0["rescale"][vertex]["to"].as_u64()
    }

    /// The data of its first reason of this code.
    pub fn reason(&self, code: &str) -> Option<&Value> {
        self.0["details"].as_array()?.iter().find(|r| r["code"] == code)
    }

    /// What holds it back.
    pub fn has_gate(&self, gate: &str) -> bool {
        self.0["gates"].as_array().is_some_and(|g| g.iter().any(|g| g == gate))
    }
}

/// A run, as the API gives it.
#[derive(Clone, Debug)]
pub struct Run(pub Value);

impl Run {
    /// Where it stands.
    pub fn phase(&self) -> &str {
        self.0["phase"].as_str().unwrap_or("")
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.0["endedAt"].is_string()
    }
}

/// The program, its folder and everything it said.
pub struct Controller {
    folder: TempDir,
    flink: String,
    interval: &'static str,
    running: Option<Running>,
    listen: String,
    said: Vec<Line>,
    timeline: Timeline,
}

impl Controller {
    /// Starts it on this REST API with this policy.
    pub fn start(flink: &str, policy: &str, interval: &'static str, timeline: &Timeline) -> Result<Controller> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("policies"))?;
        std::fs::write(folder.path().join("policies/scenario.yaml"), policy)?;
        let (flink, listen) = (flink.to_owned(), String::new());
        let timeline = timeline.clone();
        let mut new = Controller { folder, flink, interval, running: None, listen, said: Vec::new(), timeline };
        new.restart()?;
        Ok(new)
    }

    /// Starts it again on the same state.
    pub fn restart(&mut self) -> Result<()> {
        ensure!(self.running.is_none(), "it runs already");
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let (policies, state) = (at("policies"), at("state.redb"));
        let args = ["run", "--flink", &self.flink, "--policies", &policies, "--state", &state];
        let args =
            [&args[..], &["--interval", self.interval, "--listen", "127.0.0.1:0", "--log-format", "json"]].concat();
        let mut running = Running::start(&mut program::command(args)?)?;
        self.listen = running.until("its start", |r| listening(&r.stderr()))?;
        self.timeline.note("outside", format!("weirkeeper starts, pid {}", running.pid()));
        self.running = Some(running);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) -> Result<()> {
        let mut running = self.running.take().context("it does not run")?;
        running.kill()?;
        self.timeline.mark(now_ms(), "kill -9 of weirkeeper");
        self.said.extend(lines(&running.stderr()));
        Ok(())
    }

    /// Everything it has said, also before it was killed.
    pub fn said(&self) -> Vec<Line> {
        let now = self.running.as_ref().map(|r| lines(&r.stderr())).unwrap_or_default();
        self.said.iter().cloned().chain(now).collect()
    }

    fn ask(&self, path: &str) -> Result<Value> {
        http::get(&format!("http://{}{path}", self.listen))
    }

    /// What it knows of a job.
    pub fn job(&self, name: &str) -> Result<Value> {
        Ok(self.ask(&format!("/api/v1/jobs/{name}"))?["jobs"][0].clone())
    }

    /// Every decision about a job, oldest first.
    pub fn decisions(&self, job: &str) -> Result<Vec<Decision>> {
        let found = self.ask(&format!("/api/v1/jobs/{job}/decisions?limit=1000"))?;
        let newest_first = found["decisions"].as_array().cloned().unwrap_or_default();
        Ok(newest_first.into_iter().rev().map(Decision).collect())
    }

    /// Every run.
    pub fn runs(&self) -> Result<Vec<Run>> {
        let found = self.ask("/api/v1/actions")?;
        Ok(found["actions"].as_array().cloned().unwrap_or_default().into_iter().map(Run).collect())
    }

    /// Disruptions of a job that its budget counts.
    pub fn budget_used(&self, job: &str) -> Result<u64> {
        let found = self.job(job)?;
        let budgets = found["budgets"].as_array().cloned().unwrap_or_default();
        let mine = budgets.iter().find(|b| b["whose"] == "this job").context("no budget of this job")?;
        mine["used"].as_u64().context("used")
    }

    /// Waits until a decision about the job, newer than `after`, is as wanted; gives it.
    pub fn until(&self, job: &str, why: &str, after_ms: u64, fits: impl Fn(&Decision) -> bool) -> Result<Decision> {
        super::wait::eventually(why, || Ok(self.decisions(job)?.into_iter().find(|d| d.at_ms() >= after_ms && fits(d))))
    }

    /// Waits until every run is over; gives them.
    pub fn until_runs_end(&self) -> Result<Vec<Run>> {
        super::wait::eventually("every run to end", || {
            let runs = self.runs()?;
            Ok((!runs.is_empty() && runs.iter().all(Run::is_over)).then_some(runs))
        })
    }

    /// Waits until it has read this job at least once.
    pub fn until_read(&self, job: &str) -> Result<()> {
        within(START, "the job to be read", || Ok(self.job(job)?["readAt"].is_string().then_some(())))
    }

    /// Writes what it said into the timeline.
    fn tell(&self) {
        let mut told = BTreeSet::new();
        for line in self.said() {
            let (Some(at), Some(text)) = (line.at_ms(), sentence(&line)) else { continue };
            // The same standing decision may be said again and again while it holds.
            if told.insert((at, text.clone())) {
                self.timeline.note_at(at, "weirkeeper", text);
            }
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.tell();
    }
}

fn lines(text: &str) -> Vec<Line> {
    text.lines().filter_map(|l| serde_json::from_str(l).ok()).map(Line).collect()
}

/// Where it listens, once it has said so.
fn listening(stderr: &str) -> Option<String> {
    lines(stderr).iter().find_map(|l| Some(l.0["listen"].as_str()?.to_owned()))
}

/// What of a log line a person wants to read.
fn sentence(line: &Line) -> Option<String> {
    let field = |name| Some(line.text(name)).filter(|t| !t.is_empty());
    let part = |name, before: &str| field(name).map(|t| format!("{before}{t}")).unwrap_or_default();
    match line.text("target") {
        "decision" => {
            let why = part("reasons", ": ");
            Some(format!("{}{}{}{why}", line.text("verdict"), part("rescale", " "), part("gates", " held by ")))
        }
        "effect" => Some(format!("effect {} {}{}", line.text("kind"), line.text("outcome"), part("detail", ": "))),
        "escalation" => Some(format!("A PERSON IS NEEDED: {}", line.text("message"))),
        _ if line.text("level") == "INFO" => None,
        _ => Some(format!("{} {}{}", line.text("level"), line.text("message"), part("why", ": "))),
    }
}

/// Decision lines for a job in the log.
pub fn decision_lines(lines: &[Line]) -> impl Iterator<Item = &Line> {
    lines.iter().filter(|l| l.is_decision())
}

fn millis(rfc3339: &str) -> Option<u64> {
    let at: jiff::Timestamp = rfc3339.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok()
}
