//! Real clusters, started through `tests/lab` and lent to one scenario at a time: starting one takes longer than
//! cleaning it.

use super::http;
use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Clusters that are up at once: each takes one to two GiB, and a third of a processor while its job runs.
const MOST: usize = 4;
/// TaskManagers of each cluster.
pub const TASKMANAGERS: u32 = 2;
/// Slots of each TaskManager.
pub const SLOTS: u32 = 4;

/// Runs `tests/lab` with these arguments and reads its JSON.
pub fn lab(args: &[&str]) -> Result<Value> {
    lab_with(args, false)
}

/// The same for `oracle`, whose exit code 1 says that the counts are not exact.
pub fn lab_with(args: &[&str], inexact_is_fine: bool) -> Result<Value> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/lab");
    let mut command = Command::new(program);
    command.args(args).args(["-o", "json"]).stdin(Stdio::null());
    let done = command.output().context("tests/lab")?;
    let fine = done.status.success() || (inexact_is_fine && done.status.code() == Some(1));
    if !fine {
        bail!("tests/lab {}: {}\n{}", args.join(" "), done.status, String::from_utf8_lossy(&done.stderr));
    }
    serde_json::from_slice(&done.stdout).with_context(|| format!("tests/lab {}", args.join(" ")))
}

/// A cluster that is up.
#[derive(Debug)]
struct Up {
    name: String,
    url: String,
    flink: &'static str,
    /// The Prometheus beside it.
    prometheus: Option<String>,
}

#[derive(Debug)]
struct Pool {
    idle: Vec<Up>,
    /// Idle, lent or starting.
    count: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { idle: Vec::new(), count: 0 });
static RETURNED: Condvar = Condvar::new();
static STARTED: AtomicU32 = AtomicU32::new(0);

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A cluster for one scenario: [`TASKMANAGERS`] times [`SLOTS`] slots, no job. It goes back, clean, when dropped.
#[derive(Debug)]
pub struct Cluster {
    up: Option<Up>,
    /// It is stopped instead of being lent again.
    broken: bool,
}

/// What to do for whoever wants a cluster.
enum Turn {
    Take(Up),
    Start,
    Replace(Up),
}

impl Cluster {
    /// Waits for one of this Flink version.
    pub fn lease(flink: &'static str) -> Result<Cluster> {
        match turn(flink) {
            Turn::Take(up) => Ok(Cluster { up: Some(up), broken: false }),
            Turn::Start => start(flink, &[]),
            Turn::Replace(old) => {
                stop(&old);
                start(flink, &[])
            }
        }
    }

    /// One with options of its own (`KEY=VALUE` of Flink, or a flag of `tests/lab up`), which is stopped afterwards: nobody else wants it.
    pub fn own(flink: &'static str, options: &[&str]) -> Result<Cluster> {
        if let Turn::Take(old) | Turn::Replace(old) = turn("") {
            stop(&old);
        }
        let mut own = start(flink, options)?;
        own.spoil();
        Ok(own)
    }

    /// Flink's REST API.
    pub fn url(&self) -> &str {
        self.up.as_ref().map_or("", |u| &u.url)
    }

    /// The Prometheus beside it, where it was started with `--prometheus`.
    pub fn prometheus(&self) -> Option<&str> {
        self.up.as_ref()?.prometheus.as_deref()
    }

    /// Its name for `tests/lab --name`.
    pub fn name(&self) -> &str {
        self.up.as_ref().map_or("", |u| &u.name)
    }

    /// Flink's version.
    pub fn flink(&self) -> &'static str {
        self.up.as_ref().map_or("", |u| u.flink)
    }

    /// Never lends this one again: the scenario did what cannot be undone.
    pub fn spoil(&mut self) {
        self.broken = true;
    }

    /// kill -9 of a TaskManager that runs the job.
    pub fn kill_taskmanager_of(&self, job: &str) -> Result<Value> {
        lab(&["kill-taskmanager", "--name", self.name(), "--of", job])
    }

    /// One more TaskManager, once it is registered.
    pub fn start_taskmanager(&self) -> Result<Value> {
        lab(&["start-taskmanager", "--name", self.name()])
    }

    /// All slots, as Flink counts them.
    pub fn slots(&self) -> Result<u64> {
        http::get(&format!("{}/overview", self.url()))?["slots-total"].as_u64().context("slots-total")
    }

    /// Cancels every job and waits until none is left.
    pub fn clear(&self) -> Result<()> {
        cancel_all(self.url())
    }

    fn is_whole(&self) -> bool {
        !self.broken && self.slots().is_ok_and(|n| n == u64::from(TASKMANAGERS * SLOTS))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(up) = self.up.as_ref() else { return };
        let clean = cancel_all(&up.url).is_ok() && self.is_whole();
        let Some(up) = self.up.take() else { return };
        if clean {
            pool().idle.push(up);
        } else {
            stop(&up);
            pool().count -= 1;
        }
        RETURNED.notify_all();
    }
}

fn turn(flink: &str) -> Turn {
    let mut pool = pool();
    loop {
        if let Some(place) = pool.idle.iter().position(|u| u.flink == flink) {
            return Turn::Take(pool.idle.remove(place));
        }
        if pool.count < MOST {
            pool.count += 1;
            return Turn::Start;
        }
        if let Some(old) = pool.idle.pop() {
            return Turn::Replace(old);
        }
        pool = RETURNED.wait(pool).unwrap_or_else(PoisonError::into_inner);
    }
}

fn start(flink: &'static str, options: &[&str]) -> Result<Cluster> {
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let name = format!("it-{}-{number}", std::process::id());
    match up(&name, flink, options) {
        Ok((url, prometheus)) => Ok(Cluster { up: Some(Up { name, url, flink, prometheus }), broken: false }),
        Err(e) => {
            pool().count -= 1;
            RETURNED.notify_all();
            Err(e)
        }
    }
}

/// The URLs of Flink and of its Prometheus.
fn up(name: &str, flink: &str, options: &[&str]) -> Result<(String, Option<String>)> {
    let (taskmanagers, slots) = (TASKMANAGERS.to_string(), SLOTS.to_string());
    let size = ["--taskmanagers", &taskmanagers, "--slots", &slots];
    let words = options.iter().flat_map(|o| if o.starts_with("--") { vec![*o] } else { vec!["--conf", *o] });
    let options: Vec<&str> = words.collect();
    let up = lab(&[&["up", "--name", name, "--flink", flink, "--port", "0"][..], &size, &options].concat())?;
    let url = up["url"].as_str().context("up gives no url")?.to_owned();
    Ok((url, up["prometheus"]["url"].as_str().map(str::to_owned)))
}

fn stop(up: &Up) {
    if let Err(e) = lab(&["down", "--name", &up.name]) {
        eprintln!("{e:#}");
    }
}

/// Cancels every job and waits until none is left.
fn cancel_all(url: &str) -> Result<()> {
    super::wait::eventually("all jobs to be cancelled", || {
        let overview = http::get(&format!("{url}/jobs/overview"))?;
        let ended = |state: &str| matches!(state, "CANCELED" | "FINISHED" | "FAILED");
        let all = overview["jobs"].as_array().cloned().unwrap_or_default();
        let living: Vec<_> = all.iter().filter(|j| !ended(j["state"].as_str().unwrap_or(""))).collect();
        for job in &living {
            let id = job["jid"].as_str().unwrap_or("");
            // It may end by itself in between.
            drop(http::send(Method::PATCH, &format!("{url}/jobs/{id}?mode=cancel"), None));
        }
        Ok(living.is_empty().then_some(()))
    })
}

/// Stops every cluster of this process: call it when all trials have ended.
pub fn stop_all() {
    let idle = std::mem::take(&mut pool().idle);
    idle.iter().for_each(stop);
}

/// Stops clusters of earlier processes that were killed before they could.
pub fn reap() {
    let Some(folder) = crate::parts::cache().map(|c| c.join("lab")) else { return };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for name in entries.filter_map(|e| e.file_name().into_string().ok()) {
        let pid = name.strip_prefix("it-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            drop(lab(&["down", "--name", &name]));
        }
    }
}
