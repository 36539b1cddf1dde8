//! `cluster:` of a scenario.

use super::{known, values};
use crate::policy::node::Node;
use crate::policy::problem::Code;
use crate::policy::reader::Reader;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::scenario::{Cluster, Mechanism};

/// What a cluster is that says nothing of itself.
pub(super) fn default() -> Cluster {
    Cluster {
        version: (2, 2),
        mechanism: Mechanism::InPlace,
        task_managers: 4,
        slots_per_task_manager: 4,
        most_task_managers: None,
        // Measured: about 12 s until a TaskManager that must be started has slots to offer.
        start_up: Millis::secs(12),
        // Flink's own default.
        heartbeat_timeout: Millis::secs(50),
        // `jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling`, Flink's own default.
        rescale_cooldown: Millis::secs(30),
        // Measured in place: 0.2 to 1.4 s on tiny state, 5 to 25 s on gigabytes.
        rescale_pause: Millis::secs(5),
        restart_pause: Millis::secs(5),
        // Measured: capacity ramps from a half to the whole within a minute.
        cold_capacity: 0.5,
        warm_up: Millis::secs(60),
        metric_delay: Millis::secs(1),
        // `metrics.fetcher.update-interval`, Flink's own default.
        metric_update: Millis::secs(10),
        heap: 1 << 30,
    }
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Cluster> {
    let fields = reader.fields(node, name, known::CLUSTER)?;
    let d = default();
    let cluster = Cluster {
        version: reader.get(&fields, "version", version).unwrap_or(d.version),
        mechanism: reader.get(&fields, "mechanism", mechanism).unwrap_or(d.mechanism),
        task_managers: reader.get(&fields, "taskManagers", Reader::positive).unwrap_or(d.task_managers),
        slots_per_task_manager: reader
            .get(&fields, "slotsPerTaskManager", Reader::positive)
            .unwrap_or(d.slots_per_task_manager),
        most_task_managers: reader.get(&fields, "maxTaskManagers", Reader::positive),
        start_up: reader.get(&fields, "startUp", Reader::duration).unwrap_or(d.start_up),
        heartbeat_timeout: reader.get(&fields, "heartbeatTimeout", Reader::span).unwrap_or(d.heartbeat_timeout),
        rescale_cooldown: reader.get(&fields, "rescaleCooldown", Reader::duration).unwrap_or(d.rescale_cooldown),
        rescale_pause: reader.get(&fields, "rescalePause", Reader::duration).unwrap_or(d.rescale_pause),
        restart_pause: reader.get(&fields, "restartPause", Reader::duration).unwrap_or(d.restart_pause),
        cold_capacity: reader.get(&fields, "coldCapacity", Reader::share).unwrap_or(d.cold_capacity),
        warm_up: reader.get(&fields, "warmUp", Reader::duration).unwrap_or(d.warm_up),
        metric_delay: reader.get(&fields, "metricDelay", Reader::duration).unwrap_or(d.metric_delay),
        metric_update: reader.get(&fields, "metricUpdate", Reader::span).unwrap_or(d.metric_update),
        heap: reader.get(&fields, "heap", values::size).map_or(d.heap, |b| b as u64),
    };
    if let Some(most) = cluster.most_task_managers.filter(|most| *most < cluster.task_managers) {
        let message =
            format!("{} {most} is less than taskManagers {}", fields.name("maxTaskManagers"), cluster.task_managers);
        reader.report(fields.key_at("maxTaskManagers"), Code::BadBounds, message, "raise it, or start with fewer");
    }
    Some(cluster)
}

fn version(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<(u32, u32)> {
    let text = reader.text(node, name)?;
    let parts = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if parts.is_none() {
        let message = format!("{name} {text:?} is not a version of Flink");
        reader.report(node.at, Code::BadValue, message, "write major and minor, in quotes: \"2.2\"");
    }
    parts
}

fn mechanism(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Mechanism> {
    let all = [("in-place", Mechanism::InPlace), ("reactive", Mechanism::Reactive), ("redeploy", Mechanism::Redeploy)];
    reader.choice(node, name, &all)
}
