//! Answers about the cluster: its version, settings, TaskManagers.

use super::metric::{self, Metric};
use super::request::Request;
use super::view::endpoint;
use super::{Answer, refused};
use crate::scenario::{Cluster, Mechanism};
use crate::serve::pace::Pace;
use crate::world::{HostFigures, TaskManager, World};
use serde_json::{Value, json};
use weirkeeper_core::units::Millis;

/// Heap is half of a TaskManager's memory.
const MEMORY_OVER_HEAP: u64 = 2;
/// Network memory: 128 MiB in segments of 32 KiB.
const SEGMENTS: f64 = 4_096.0;
/// `web.refresh-interval` and `rest.cache.checkpoint-statistics.timeout`, ms of the world.
pub(super) const REFRESH: i64 = 3_000;
/// What stands in for the commit that Flink was built of.
const REVISION: &str = "weirkeeper-simulator";

/// The release that stands for a version.
pub(super) fn version((major, minor): (u32, u32)) -> String {
    match (major, minor) {
        (1, 20) => "1.20.5".into(),
        (2, 2) => "2.2.1".into(),
        _ => format!("{major}.{minor}.0"),
    }
}

/// `/config`.
pub(super) fn config(cluster: &Cluster, pace: Pace) -> Value {
    json!({"refresh-interval": pace.span(REFRESH).max(1), "timezone-name": "Coordinated Universal Time",
        "timezone-offset": 0, "flink-version": version(cluster.version), "flink-revision": REVISION,
        "features": {"web-submit": true, "web-cancel": true, "web-rescale": true, "web-history": false}})
}

/// `/overview`; `words` are the states of all jobs.
pub(super) fn overview(world: &World, words: &[&str]) -> Value {
    let managers = world.task_managers();
    let (total, used) = managers.iter().fold((0, 0), |(total, used), t| (total + t.slots, used + t.used));
    let count = |of: &[&str]| words.iter().filter(|w| of.contains(w)).count();
    json!({"taskmanagers": managers.len(), "slots-total": total, "slots-available": total.saturating_sub(used),
        "jobs-running": count(&["RUNNING", "RESTARTING", "CREATED"]), "jobs-finished": count(&["FINISHED"]),
        "jobs-cancelled": count(&["CANCELED"]), "jobs-failed": count(&["FAILED"]),
        "flink-version": version(world.scenario().cluster.version), "flink-commit": REVISION})
}

/// `/jobmanager/config`: what a reader can learn of the scenario's cluster.
pub(super) fn settings(cluster: &Cluster, pace: Pace) -> Value {
    let ms = |span: Millis| format!("{} ms", pace.span(span.0 as i64).max(1));
    let cooldown = match cluster.version.0 {
        0 | 1 => "jobmanager.adaptive-scheduler.scaling-interval.min",
        _ => "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling",
    };
    let scheduler = if cluster.mechanism == Mechanism::Redeploy { "default" } else { "adaptive" };
    let mut all = vec![
        ("jobmanager.scheduler", scheduler.to_owned()),
        ("taskmanager.numberOfTaskSlots", cluster.slots_per_task_manager.to_string()),
        ("parallelism.default", "1".to_owned()),
        ("heartbeat.timeout", ms(cluster.heartbeat_timeout)),
        (cooldown, ms(cluster.rescale_cooldown)),
        ("metrics.fetcher.update-interval", ms(cluster.metric_update)),
        ("web.refresh-interval", ms(Millis(REFRESH as u64))),
        ("rest.cache.checkpoint-statistics.timeout", ms(Millis(REFRESH as u64))),
        ("taskmanager.memory.process.size", format!("{}b", cluster.heap * MEMORY_OVER_HEAP)),
        ("execution.checkpointing.dir", "file:///checkpoints".to_owned()),
        ("execution.checkpointing.savepoint-dir", "file:///savepoints".to_owned()),
        ("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION".to_owned()),
    ];
    if cluster.mechanism == Mechanism::Reactive {
        all.push(("scheduler-mode", "reactive".to_owned()));
    }
    if let Some(most) = cluster.most_task_managers {
        all.push(("execution.target", "kubernetes-session".to_owned()));
        all.push(("slotmanager.number-of-slots.max", (most * cluster.slots_per_task_manager).to_string()));
    }
    all.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// What a cluster's answers are made of.
pub(super) struct Hosts<'a> {
    pub world: &'a World,
    /// Those whose metrics were fetched.
    pub figures: Vec<&'a HostFigures>,
    /// Of the reader's clock.
    pub now: i64,
}

impl Hosts<'_> {
    /// `/taskmanagers/...`
    pub fn answer(&self, request: &Request, rest: &[&str]) -> Answer {
        let managers = self.world.task_managers();
        match rest {
            [] => Answer::ok(json!({"taskmanagers": managers.iter().map(|t| self.entry(t)).collect::<Vec<_>>()})),
            ["metrics"] => {
                let all: Vec<Vec<Metric>> = managers.iter().map(|t| self.metrics(t)).collect();
                Answer::ok(metric::aggregated(request, &merged(all)))
            }
            [id, rest @ ..] => match managers.iter().find(|t| *t.id == **id) {
                Some(manager) => self.one(request, manager, rest),
                None => refused::not_found(&format!("Could not find TaskExecutor with id {id}.")),
            },
        }
    }

    fn one(&self, request: &Request, manager: &TaskManager, rest: &[&str]) -> Answer {
        match rest {
            [] => {
                let mut entry = self.entry(manager);
                let used = self.figures.iter().find(|f| f.id == manager.id).map_or(0.0, |f| f.heap_used);
                let heap = self.world.scenario().cluster.heap;
                entry["allocatedSlots"] = json!([]);
                entry["metrics"] = json!({"heapUsed": used as i64, "heapCommitted": heap, "heapMax": heap});
                Answer::ok(entry)
            }
            ["metrics"] => Answer::ok(metric::single(request, &self.metrics(manager), 0)),
            _ => refused::path(&request.method, &request.path),
        }
    }

    fn entry(&self, manager: &TaskManager) -> Value {
        let heap = self.world.scenario().cluster.heap;
        let free = manager.slots.saturating_sub(manager.used);
        let share = |slots: u32| {
            let part = f64::from(slots) / f64::from(manager.slots.max(1));
            json!({"cpuCores": f64::from(slots), "taskHeapMemory": (heap as f64 * part / 1_048_576.0) as i64,
                "taskOffHeapMemory": 0, "managedMemory": 0, "networkMemory": (128.0 * part) as i64,
                "extendedResources": {}})
        };
        json!({"id": &*manager.id, "path": format!("pekko.tcp://flink@{}/user/rpc/taskmanager_0", endpoint(&manager.id)),
            "dataPort": 6_121, "jmxPort": -1, "timeSinceLastHeartbeat": self.now, "slotsNumber": manager.slots,
            "freeSlots": free, "totalResource": share(manager.slots), "freeResource": share(free),
            "hardware": {"cpuCores": manager.slots, "physicalMemory": heap * MEMORY_OVER_HEAP, "freeMemory": heap,
                "managedMemory": 0},
            "memoryConfiguration": memory(heap)})
    }

    /// Of one TaskManager. One that runs nothing has an empty heap.
    fn metrics(&self, manager: &TaskManager) -> Vec<Metric> {
        let figures = self.figures.iter().find(|f| f.id == manager.id);
        let heap = self.world.scenario().cluster.heap as f64;
        let one = |name: &str, value: f64| Metric::all(name, 1, value);
        vec![
            one("Status.JVM.Memory.Heap.Used", figures.map_or(0.0, |f| f.heap_used)).count(),
            one("Status.JVM.Memory.Heap.Max", heap).count(),
            one("Status.JVM.Memory.Heap.Committed", heap).count(),
            one("Status.JVM.GarbageCollector.All.TimeMsPerSecond", figures.map_or(0.0, |f| f.gc)),
            one("Status.Shuffle.Netty.TotalMemorySegments", SEGMENTS).count(),
        ]
    }

    /// `/jobmanager/metrics`.
    pub fn of_jobmanager(&self, request: &Request, running: usize) -> Value {
        let managers = self.world.task_managers();
        let (total, used) = managers.iter().fold((0, 0), |(total, used), t| (total + t.slots, used + t.used));
        let all = [
            ("taskSlotsTotal", total.to_string()),
            ("taskSlotsAvailable", total.saturating_sub(used).to_string()),
            ("numRegisteredTaskManagers", managers.len().to_string()),
            ("numRunningJobs", running.to_string()),
        ];
        metric::texts(request, &all)
    }
}

/// The same metrics of several, side by side.
fn merged(all: Vec<Vec<Metric>>) -> Vec<Metric> {
    let mut out: Vec<Metric> = Vec::new();
    for metric in all.into_iter().flatten() {
        match out.iter_mut().find(|m| m.name == metric.name) {
            Some(known) => known.values.extend(metric.values),
            None => out.push(metric),
        }
    }
    out
}

fn memory(heap: u64) -> Value {
    let total = heap * MEMORY_OVER_HEAP;
    json!({"frameworkHeap": heap / 8, "taskHeap": heap - heap / 8, "frameworkOffHeap": 0, "taskOffHeap": 0,
        "networkMemory": 134_217_728, "managedMemory": 0, "jvmMetaspace": 0, "jvmOverhead": total - heap,
        "totalFlinkMemory": heap, "totalProcessMemory": total})
}
