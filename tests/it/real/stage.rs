//! What a scenario plays on: a cluster, a proxy in front of it, a timeline.

use super::cluster::Cluster;
use super::controller::{Controller, policy};
use super::job::Job;
use super::proxy::Proxy;
use super::timeline::{Timeline, seconds_between};
use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use std::sync::Mutex;
use std::time::Instant;

/// How often jobs are read in the scenarios.
pub const INTERVAL: &str = "2s";

/// The stage. Weirkeeper reaches Flink through the proxy only; the scenario itself goes there directly.
pub struct Stage {
    /// The name of the job and of the timeline.
    pub name: String,
    /// The cluster.
    pub cluster: Cluster,
    /// In front of it.
    pub proxy: Proxy,
    /// What happens.
    pub timeline: Timeline,
}

impl Stage {
    fn set(name: &str, flink: &'static str, options: &[&str]) -> Result<Stage> {
        let cluster = if options.is_empty() { Cluster::lease(flink)? } else { Cluster::own(flink, options)? };
        let timeline = Timeline::new(&format!("{name}-{flink}"));
        let proxy = Proxy::start(cluster.url(), &timeline)?;
        Ok(Stage { name: name.to_owned(), cluster, proxy, timeline })
    }

    /// Submits the scenario's job, every vertex at parallelism 1 unless `more` says otherwise.
    pub fn submit(&self, rate: u32, more: &[&str]) -> Result<Job> {
        Job::submit(&self.cluster, &self.name, rate, more, &self.timeline)
    }

    /// Starts Weirkeeper with the scenarios' policy.
    pub fn controller(&self, mode: &str) -> Result<Controller> {
        self.controller_with(&policy(&self.name, mode), INTERVAL)
    }

    /// Starts Weirkeeper with a policy and an interval of its own.
    pub fn controller_with(&self, policy: &str, interval: &'static str) -> Result<Controller> {
        Controller::start(self.proxy.url(), policy, interval, &self.timeline)
    }

    /// A result: seconds between two times.
    pub fn seconds(&self, what: &str, from_ms: u64, to_ms: u64) {
        self.timeline.figure(what, format!("{:.1} s", seconds_between(from_ms, to_ms)));
    }
}

/// Figures of all scenarios, told at the end.
static SUMMARY: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Prints what the scenarios measured.
pub fn tell_figures() {
    let told = SUMMARY.lock().map(|s| s.clone()).unwrap_or_default();
    for line in told {
        println!("{line}");
    }
}

type Play = fn(&Stage) -> Result<()>;

/// A scenario on one Flink line. Its timeline is written however it ends.
pub fn scenario(name: &'static str, flink: &'static str, run: Play) -> Trial {
    scenario_on(name, flink, &[], run)
}

/// A scenario on a cluster with options of its own.
pub fn scenario_on(name: &'static str, flink: &'static str, options: &'static [&'static str], run: Play) -> Trial {
    let parts: &'static [&'static str] = if flink == super::FLINK_1 { &["flink-1.20.5"] } else { &["flink-2.2.1"] };
    trial(name, flink, parts, options, run)
}

/// A scenario with a Kafka broker.
pub fn kafka_scenario(name: &'static str, flink: &'static str, run: Play) -> Trial {
    let parts: &'static [&'static str] = if flink == super::FLINK_1 {
        &["flink-1.20.5", "kafka-4.1.2", "connector-kafka-3.4.0-1.20"]
    } else {
        &["flink-2.2.1", "kafka-4.1.2", "connector-kafka-5.0.0-2.2"]
    };
    trial(name, flink, parts, &[], run)
}

/// A scenario with a Prometheus that scrapes the cluster. It is a program of the distribution, not a part of the cache.
pub fn prometheus_scenario(name: &'static str, flink: &'static str, run: Play) -> Trial {
    let play = move || play_until_passed(name, flink, &["--prometheus"], run).map_err(Failed::from);
    let title = format!("real::{name}::{flink}");
    crate::parts::needing_program(title, &["flink-2.2.1"], "prometheus", play)
}

fn trial(
    name: &'static str,
    flink: &'static str,
    parts: &'static [&'static str],
    options: &'static [&'static str],
    run: Play,
) -> Trial {
    let play = move || play_until_passed(name, flink, options, run).map_err(Failed::from);
    crate::parts::needing(format!("real::{name}::{flink}"), parts, play)
}

/// Tries of one scenario. A shared machine that stands still for seconds, or gives a tenth of its time, can fail what
/// Weirkeeper passes: each try has a cluster of its own and keeps its timeline, each failure is told at the end of the
/// run, and what fails every time has failed.
const TRIES: u32 = 3;

fn play_until_passed(name: &str, flink: &'static str, options: &[&str], run: Play) -> Result<(), String> {
    let mut failures = Vec::new();
    for attempt in 1..=TRIES {
        let title = if attempt == 1 { name.to_owned() } else { format!("{name}-try{attempt}") };
        let Err(why) = play(&title, flink, options, run) else { return Ok(()) };
        if let Ok(mut all) = SUMMARY.lock() {
            all.push(format!("real::{name}::{flink} FAILED AT TRY {attempt}: {why}"));
        }
        failures.push(why);
    }
    Err(failures.join("\n"))
}

fn play(name: &str, flink: &'static str, options: &[&str], run: Play) -> Result<(), String> {
    let stage = Stage::set(name, flink, options).map_err(|e| format!("{e:#}"))?;
    let began = Instant::now();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&stage)));
    let result = match result {
        Ok(result) => result.map_err(|e| format!("{e:#}")),
        Err(panic) => Err(said(&*panic)),
    };
    stage.timeline.figure("took", format!("{:.0} s", began.elapsed().as_secs_f64()));
    let outcome = result.as_ref().err().map_or_else(|| "Passed.".to_owned(), |why| format!("FAILED: {why}"));
    let written = stage.timeline.write(&outcome).map_err(|e| format!("{e:#}"))?;
    if let Ok(mut all) = SUMMARY.lock() {
        all.push(stage.timeline.summary());
    }
    result.map_err(|why| format!("{why}\ntimeline: {}", written.display()))
}

/// What a failed assertion said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}
