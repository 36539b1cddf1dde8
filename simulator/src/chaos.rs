//! Random worlds with random faults: what nobody thought of writing down. A seed gives the same world everywhere.

use crate::rng::Rng;
use crate::scenario::{
    Capacity, Checkpoints, Cluster, Edge, Fault, FaultKind, Job, Load, Mechanism, Restart, Scenario, Shape, Vertex,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;

/// Long enough for a scale-down and what follows it.
const DURATION: Millis = Millis::hours(3);
/// Most jobs of a world: enough for failures together.
const MOST_JOBS: u64 = 6;
/// Most faults of a world.
const MOST_FAULTS: u64 = 6;

/// The world of a seed.
pub fn scenario(seed: u64) -> Scenario {
    let rng = Rng::new(seed).split("chaos");
    let cluster = cluster(&mut rng.split("cluster"));
    let slots = cluster.most_task_managers.unwrap_or(cluster.task_managers) * cluster.slots_per_task_manager;
    let jobs = jobs(&rng, slots);
    let faults = faults(&mut rng.split("faults"), &jobs);
    Scenario {
        name: format!("chaos-{seed}"),
        summary: "A random world.".into(),
        duration: DURATION,
        seed,
        interval: Millis::secs(pick(&mut rng.split("interval"), &[5, 10, 15, 15, 15, 20])),
        cluster,
        jobs,
        faults,
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}

/// A whole number from `low` to `high`.
fn whole(rng: &mut Rng, low: u32, high: u32) -> u32 {
    low + rng.below(u64::from(high - low) + 1) as u32
}

fn seconds(rng: &mut Rng, low: u32, high: u32) -> Millis {
    Millis::secs(u64::from(whole(rng, low, high)))
}

fn minutes(rng: &mut Rng, low: u32, high: u32) -> Millis {
    Millis::minutes(u64::from(whole(rng, low, high)))
}

fn cluster(rng: &mut Rng) -> Cluster {
    let task_managers = whole(rng, 2, 8);
    let on_demand = rng.chance(0.4);
    let most = task_managers + whole(rng, 0, 8);
    Cluster {
        version: pick(rng, &[(2, 2), (2, 2), (1, 20), (1, 18)]),
        mechanism: pick(rng, &[Mechanism::InPlace, Mechanism::InPlace, Mechanism::InPlace, Mechanism::Redeploy]),
        task_managers,
        slots_per_task_manager: whole(rng, 1, 6),
        most_task_managers: on_demand.then_some(most),
        start_up: seconds(rng, 1, 60),
        heartbeat_timeout: seconds(rng, 5, 60),
        rescale_cooldown: seconds(rng, 0, 30),
        rescale_pause: Millis(u64::from(whole(rng, 200, 25_000))),
        restart_pause: seconds(rng, 1, 30),
        cold_capacity: rng.between(0.3, 1.0),
        warm_up: seconds(rng, 0, 90),
        metric_delay: seconds(rng, 0, 5),
        metric_update: pick(rng, &[Millis::secs(1), Millis::secs(10), Millis::secs(10)]),
        heap: 1 << 30,
    }
}

/// Jobs as long as there are slots for them.
fn jobs(rng: &Rng, slots: u32) -> Vec<Job> {
    let wanted = 1 + rng.split("jobs").below(MOST_JOBS);
    let mut left = slots;
    let mut jobs = Vec::new();
    for i in 0..wanted {
        let mut own = rng.split(&format!("job {i}"));
        if left == 0 {
            break;
        }
        let parallelism = whole(&mut own, 1, 4).min(left);
        left -= parallelism;
        jobs.push(job(&mut own, &format!("job-{i}"), parallelism));
    }
    jobs
}

fn job(rng: &mut Rng, name: &str, parallelism: u32) -> Job {
    // What the job is asked for on average, records/s.
    let rate = rng.between(200.0, 20_000.0);
    let inner = whole(rng, 1, 3);
    let mut vertices = vec![vertex(rng, "Source: in", parallelism, rate, 3.0)];
    vertices[0].partitions = rng.chance(0.8).then(|| whole(rng, parallelism, parallelism + 30));
    for i in 0..inner {
        let spread = rng.between(0.8, 2.5);
        vertices.push(vertex(rng, &format!("work-{i}"), parallelism, rate, spread));
        if let Some(last) = vertices.last_mut() {
            last.state = pick(rng, &[0.0, 1e6, 1e8, 2e9]);
            last.skew = pick(rng, &[0.0, 0.0, 0.1, 0.4]);
            last.state_per_record = pick(rng, &[0.0, 0.0, 5.0]);
        }
    }
    vertices.push(vertex(rng, "Sink: out", parallelism, rate, 3.0));
    let ships = [Ship::Hash, Ship::Hash, Ship::Rebalance, Ship::Forward];
    let edge = |from: usize, rng: &mut Rng| Edge {
        from,
        to: from + 1,
        ship: ship(rng, &ships),
        buffer: whole(rng, 100, 3_000),
    };
    let edges = (0..vertices.len() - 1).map(|from| edge(from, rng)).collect();
    Job {
        name: name.into(),
        edges,
        vertices,
        load: BTreeMap::from([(0, load(rng, rate))]),
        checkpoints: checkpoints(rng),
        restart: restart(rng),
        labels: BTreeMap::new(),
    }
}

fn ship(rng: &mut Rng, ships: &[Ship]) -> Ship {
    ships[rng.below(ships.len() as u64) as usize].clone()
}

/// A vertex that at its parallelism can do `times` the rate, more or less.
fn vertex(rng: &mut Rng, name: &str, parallelism: u32, rate: f64, times: f64) -> Vertex {
    let lambda = rate * times * rng.between(0.8, 1.25) / f64::from(parallelism);
    Vertex {
        name: name.into(),
        parallelism,
        max_parallelism: pick(rng, &[128, 128, 64, 24]),
        slot_group: "default".into(),
        partitions: None,
        capacity: Capacity {
            lambda,
            sigma: rng.between(0.0, 0.05),
            kappa: rng.between(0.0, 0.001),
            points: Vec::new(),
        },
        selectivity: 1.0,
        emits_every: None,
        skew: 0.0,
        state: 0.0,
        state_per_record: 0.0,
        state_on_heap: false,
        noise: rng.between(0.0, 0.05),
    }
}

fn load(rng: &mut Rng, rate: f64) -> Load {
    let mut shapes = vec![base(rng, rate)];
    for _ in 0..rng.below(3) {
        shapes.push(extra(rng, rate));
    }
    Load { shapes, factor: 1.0, noise: rng.between(0.0, 0.1) }
}

fn base(rng: &mut Rng, rate: f64) -> Shape {
    match rng.below(4) {
        0 => Shape::Constant(rate),
        1 => Shape::Sine {
            mean: rate,
            amplitude: rate * rng.between(0.1, 0.9),
            period: minutes(rng, 10, 120),
            shift: Millis(0),
        },
        2 => Shape::Walk { low: rate * 0.3, high: rate * 2.0, step: rate * 0.1, every: minutes(rng, 1, 3) },
        _ => Shape::Sawtooth { low: rate * 0.4, high: rate * 1.6, period: minutes(rng, 15, 90) },
    }
}

fn extra(rng: &mut Rng, rate: f64) -> Shape {
    let at = minutes(rng, 5, 150);
    match rng.below(4) {
        0 => Shape::Steps(vec![(at, rate * rng.between(0.2, 2.0))]),
        1 => Shape::Spike {
            at,
            rise: seconds(rng, 0, 600),
            hold: minutes(rng, 1, 60),
            fall: seconds(rng, 0, 600),
            height: rate * rng.between(0.5, 4.0),
        },
        2 => Shape::Dump { records: rate * rng.between(10.0, 200.0), at, period: minutes(rng, 20, 60) },
        _ => Shape::Outage { at, lasts: minutes(rng, 1, 15), returns: minutes(rng, 1, 20) },
    }
}

fn checkpoints(rng: &mut Rng) -> Checkpoints {
    Checkpoints {
        interval: seconds(rng, 5, 180),
        timeout: minutes(rng, 1, 10),
        tolerable_failures: whole(rng, 0, 5),
        upload: rng.between(20e6, 300e6),
        incremental: rng.between(0.05, 1.0),
        unaligned: rng.chance(0.3),
        base: Millis(u64::from(whole(rng, 50, 3_000))),
    }
}

fn restart(rng: &mut Rng) -> Restart {
    match rng.below(3) {
        0 => Restart::Exponential {
            initial: seconds(rng, 1, 5),
            max: seconds(rng, 10, 120),
            multiplier: rng.between(1.1, 2.0),
            reset: Millis::hours(1),
        },
        1 => Restart::Fixed { delay: seconds(rng, 1, 30), attempts: 1_000_000 },
        _ => Restart::Rate { delay: seconds(rng, 1, 10), failures: whole(rng, 10, 100), per: minutes(rng, 5, 10) },
    }
}

fn faults(rng: &mut Rng, jobs: &[Job]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = (0..rng.below(MOST_FAULTS + 1)).map(|_| fault(rng, jobs)).collect();
    faults.sort_by_key(|f| f.at);
    faults
}

fn fault(rng: &mut Rng, jobs: &[Job]) -> Fault {
    let job = &jobs[rng.below(jobs.len() as u64) as usize];
    let all = rng.chance(0.2);
    let inner: Arc<str> = job.vertices[1 + rng.below(job.vertices.len() as u64 - 1) as usize].name.clone();
    let source = job.vertices[0].name.clone();
    let kind = kind(rng, source, inner);
    let own = !all || matches!(kind, FaultKind::Slow { .. } | FaultKind::HotKey { .. });
    let of_cluster = matches!(kind, FaultKind::TaskManagerLoss(_) | FaultKind::NoSlots | FaultKind::ControllerKilled);
    let lasts = Some(seconds(rng, 10, 1_800));
    Fault { at: minutes(rng, 2, 160), lasts, job: (own && !of_cluster).then(|| job.name.clone()), kind }
}

fn kind(rng: &mut Rng, source: Arc<str>, vertex: Arc<str>) -> FaultKind {
    match rng.below(21) {
        0 => FaultKind::MetricGap,
        1 => FaultKind::MetricFreeze,
        2 => FaultKind::MetricDelay(seconds(rng, 10, 120)),
        3 => FaultKind::MetricIncomplete,
        4 => FaultKind::MetricLie(rng.between(0.3, 2.0)),
        5 => FaultKind::ApiErrors(rng.between(0.05, 1.0)),
        6 => FaultKind::ApiTimeouts(rng.between(0.05, 1.0)),
        7 => FaultKind::SlowCheckpoints(rng.between(2.0, 50.0)),
        8 => FaultKind::DeclinedCheckpoints,
        9 => FaultKind::TaskManagerLoss(whole(rng, 1, 2)),
        10 => FaultKind::MemoryLeak { vertex, rate: rng.between(1e5, 5e6) },
        11 => FaultKind::Throws { vertex },
        12 => FaultKind::PoisonRecord { vertex },
        13 => FaultKind::Slow { vertex, factor: pick(rng, &[0.0, 0.2, 0.5, 0.8]) },
        14 => FaultKind::BrokerOutage { vertex: source },
        15 => FaultKind::HotKey { vertex, share: rng.between(0.2, 0.8) },
        16 => FaultKind::WatermarkStall { vertex },
        17 => FaultKind::NoSlots,
        18 => FaultKind::Busy,
        19 => FaultKind::ControllerKilled,
        _ => FaultKind::BadRescale(rng.between(0.4, 0.95)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_gives_one_world_and_every_world_can_begin() {
        let mut kinds = BTreeSet::new();
        for seed in 0..300 {
            let world = scenario(seed);
            assert_eq!(world, scenario(seed));
            let managers = world.cluster.most_task_managers.unwrap_or(world.cluster.task_managers);
            let wanted: u32 = world.jobs.iter().map(|j| j.vertices[0].parallelism).sum();
            assert!(wanted <= managers * world.cluster.slots_per_task_manager && !world.jobs.is_empty());
            assert!(world.faults.iter().all(|f| f.at < world.duration));
            kinds.extend(world.faults.iter().map(|f| format!("{:?}", std::mem::discriminant(&f.kind))));
        }
        assert_eq!(kinds.len(), 21, "every kind of fault comes up");
        assert_ne!(scenario(1).jobs, scenario(2).jobs);
    }
}
