//! Random worlds, random faults, random commands: nothing panics, and what must always hold holds.

use super::*;
use crate::rng::Rng;

/// A graph of up to six vertices with edges forward, whatever ships.
fn vertices(rng: &mut Rng) -> (Vec<Vertex>, Vec<Edge>) {
    let n = 1 + rng.below(6) as usize;
    let names = ["a", "b", "c", "d", "e", "Sink: f"];
    let vertices = (0..n).map(|i| {
        let mut v = vertex(names[i], 1 + rng.below(9) as u32, rng.between(1.0, 3_000.0));
        v.partitions = rng.chance(0.5).then(|| 1 + rng.below(20) as u32);
        v.max_parallelism = 16 + rng.below(200) as u32;
        v.slot_group = if rng.chance(0.2) { "other".into() } else { "default".into() };
        v.selectivity = [0.0, 0.1, 1.0, 1.0, 2.5][rng.below(5) as usize];
        v.emits_every = rng.chance(0.15).then(|| Millis::secs(1 + rng.below(60)));
        (v.skew, v.noise) = (rng.between(0.0, 0.5), rng.between(0.0, 0.3));
        (v.state, v.state_per_record) = (rng.between(0.0, 1e9), rng.between(0.0, 100.0));
        v.state_on_heap = rng.chance(0.2);
        v
    });
    let vertices: Vec<Vertex> = vertices.collect();
    let mut edges = Vec::new();
    for to in 1..n {
        for _ in 0..=rng.below(2) {
            let ships = [Ship::Hash, Ship::Forward, Ship::Rebalance, Ship::Broadcast];
            let ship = ships[rng.below(4) as usize].clone();
            edges.push(edge(rng.below(to as u64) as usize, to, ship, 1 + rng.below(3_000) as u32));
        }
    }
    (vertices, edges)
}

fn kind(rng: &mut Rng) -> FaultKind {
    let vertex: Arc<str> = ["a", "b", "c"][rng.below(3) as usize].into();
    match rng.below(20) {
        0 => FaultKind::MetricGap,
        1 => FaultKind::MetricFreeze,
        2 => FaultKind::MetricDelay(Millis::secs(rng.below(100))),
        3 => FaultKind::MetricIncomplete,
        4 => FaultKind::MetricLie(rng.between(0.0, 3.0)),
        5 => FaultKind::ApiErrors(rng.uniform()),
        6 => FaultKind::ApiTimeouts(rng.uniform()),
        7 => FaultKind::SlowCheckpoints(rng.between(0.5, 500.0)),
        8 => FaultKind::DeclinedCheckpoints,
        9 => FaultKind::TaskManagerLoss(1 + rng.below(3) as u32),
        10 => FaultKind::MemoryLeak { vertex, rate: rng.between(1e5, 1e8) },
        11 => FaultKind::Throws { vertex },
        12 => FaultKind::PoisonRecord { vertex },
        13 => FaultKind::Slow { vertex, factor: if rng.chance(0.3) { 0.0 } else { rng.uniform() } },
        14 => FaultKind::BrokerOutage { vertex },
        15 => FaultKind::HotKey { vertex, share: rng.uniform() },
        16 => FaultKind::WatermarkStall { vertex },
        17 => FaultKind::NoSlots,
        18 => FaultKind::Busy,
        _ => FaultKind::BadRescale(rng.uniform()),
    }
}

fn scenario(rng: &mut Rng) -> Scenario {
    let walk = |rng: &mut Rng| {
        let high = rng.between(0.0, 6_000.0);
        load(Shape::Walk { low: 0.0, high, step: high, every: Millis::secs(1 + rng.below(100)) })
    };
    let mut scenario = lab(1, Shape::Constant(0.0));
    scenario.jobs = (0..1 + rng.below(3))
        .map(|i| {
            let (vertices, edges) = vertices(rng);
            let sources = (0..vertices.len()).filter(|v| edges.iter().all(|e| e.to != *v));
            let load = sources.map(|v| (v, walk(rng))).collect();
            let mut job = Job { name: format!("job-{i}").into(), load, ..job(vertices, edges, Shape::Constant(0.0)) };
            job.checkpoints.tolerable_failures = rng.below(4) as u32;
            job.checkpoints.unaligned = rng.chance(0.3);
            if rng.chance(0.2) {
                job.restart = Restart::Fixed { delay: Millis::secs(1), attempts: 5 };
            }
            job
        })
        .collect();
    let cluster = &mut scenario.cluster;
    cluster.version = if rng.chance(0.5) { (2, 2) } else { (1, 20) };
    cluster.mechanism =
        [Mechanism::InPlace, Mechanism::InPlace, Mechanism::Reactive, Mechanism::Redeploy][rng.below(4) as usize];
    cluster.task_managers = 1 + rng.below(8) as u32;
    cluster.most_task_managers = rng.chance(0.4).then_some(10);
    cluster.metric_update = Millis::secs(1 + rng.below(12));
    cluster.warm_up = Millis::secs(rng.below(90));
    cluster.cold_capacity = rng.between(0.2, 1.0);
    scenario.faults = (0..rng.below(8))
        .map(|_| fault(rng.below(1_500), rng.chance(0.7).then(|| 1 + rng.below(600)), kind(rng)))
        .collect();
    scenario
}

fn check(world: &World, seed: u64, second: u64) {
    let at = |what: &str| format!("{what}, seed {seed}, second {second}");
    let used: u32 = world.pool.members.iter().map(|t| t.used).sum();
    let held: u32 = world.jobs.iter().map(|j| j.placement.iter().map(|p| p.1).sum::<u32>()).sum();
    assert!(held >= used && world.pool.members.iter().all(|t| t.used <= t.slots), "{}", at("slots"));
    assert!(world.pending.len() < 100, "{}", at("pending"));
    for (job, truth) in world.jobs.iter().zip(world.truth()) {
        let numbers = [truth.arriving, truth.consumed, truth.backlog, truth.capacity];
        assert!(numbers.iter().all(|n| n.is_finite() && *n >= 0.0), "{}: {truth:?}", at("truth"));
        assert!(truth.busy.iter().all(|b| (0.0..=1.0).contains(b)), "{}: {truth:?}", at("busy"));
        for (v, p) in job.spec.vertices.iter().zip(&job.parallelism) {
            assert!(*p >= 1 && *p <= v.max_parallelism.max(v.parallelism), "{}", at("parallelism"));
        }
        for node in &job.net.nodes {
            let t = &node.totals;
            assert!(t.busy >= 0.0 && t.backpressured >= 0.0, "{}: {t:?}", at("time"));
            assert!(t.busy + t.backpressured <= t.clock * (1.0 + 1e-9) + 1e-6, "{}: {t:?}", at("time"));
            assert!(t.coldest <= t.busy + 1e-6 && t.busy <= t.hottest + 1e-6, "{}: {t:?}", at("skew"));
            assert!(t.hottest <= t.clock + 1e-6, "{}: {t:?}", at("hottest"));
        }
        for source in &job.net.sources {
            assert!(source.position <= source.arrived + 1e-6 && source.pending() >= 0.0, "{}", at("source"));
            assert!(source.pending() <= source.backlog() + 1e-3, "{}", at("pending is at least"));
        }
        assert!(job.net.links.iter().all(|l| l.queue >= 0.0 && l.queue.is_finite()), "{}", at("queues"));
        assert!(truth.rescales <= truth.restarts, "{}", at("counts"));
    }
}

#[test]
fn random_worlds_hold_what_must_hold() {
    let mut restarts = 0;
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let mut world = World::new(Arc::new(scenario(&mut rng)), seed);
        for second in 0..1_800 {
            world.tick();
            check(&world, seed, second);
            if second % 15 == 0 {
                for event in world.poll() {
                    if let Event::Observed(seen) = event {
                        assert!(seen.samples.iter().all(|s| s.value.is_finite() && s.value >= 0.0));
                    }
                }
                world.outcomes();
            }
            if rng.chance(0.005) {
                let job = rng.below(world.jobs.len() as u64) as usize;
                let (key, id) = (world.jobs[job].key.clone(), world.jobs[job].ids[0].clone());
                let target = BTreeMap::from([(id, 1 + rng.below(30) as u32)]);
                world.carry_out(&Command::Rescale { job: key, target });
            }
        }
        restarts += world.truth().iter().map(|t| t.restarts).sum::<u32>();
    }
    assert!(restarts > 500, "the faults did something: {restarts}");
}

#[test]
fn a_world_can_be_sent_to_a_thread() {
    fn sent<T: Send + 'static>(_: T) {}
    sent(world(lab(1, Shape::Constant(1.0))));
}
