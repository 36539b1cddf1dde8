//! How fast a world runs, and that its memory does not grow. Ignored: `cargo test --release -- --ignored --nocapture`.

use super::*;

/// Five vertices of 24 subtasks, checkpoints every minute, noise in load and capacity, a load that walks.
fn large() -> Scenario {
    let names = ["Source: in", "parse", "enrich", "window", "Sink: out"];
    let vertices: Vec<Vertex> = names
        .iter()
        .enumerate()
        .map(|(i, n)| Vertex {
            partitions: (i == 0).then_some(24),
            noise: 0.05,
            skew: 0.1,
            state: 1e9,
            ..vertex(n, 24, 1_000.0)
        })
        .collect();
    let edges = (0..4).map(|i| edge(i, i + 1, Ship::Hash, 1_000)).collect();
    let walk = Shape::Walk { low: 5_000.0, high: 22_000.0, step: 500.0, every: Millis::minutes(1) };
    let mut scenario = lab(1, Shape::Constant(0.0));
    scenario.jobs = vec![job(vertices, edges, walk)];
    scenario.jobs[0].checkpoints.interval = Millis::secs(60);
    scenario.jobs[0].load.values_mut().for_each(|l| l.noise = 0.05);
    scenario.cluster.task_managers = 6;
    scenario.cluster.metric_update = Millis::secs(10);
    scenario
}

/// Nanoseconds that this thread has run, where Linux tells; a busy machine does not change them.
fn on_cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "prints figures"]
fn nanoseconds_per_tick() {
    let mut world = world(large());
    run(&mut world, 1_000);
    let began = on_cpu();
    let ticks = 18 * 3_600;
    run(&mut world, ticks);
    println!("{:.0} ns per tick", (on_cpu() - began) as f64 / ticks as f64);
    let began = on_cpu();
    let polls = 4_320;
    let samples: usize = (0..polls)
        .map(|_| {
            world.hosts_read = None;
            observe(&mut world).samples.len()
        })
        .sum();
    println!("{:.0} ns per poll of {} samples", (on_cpu() - began) as f64 / f64::from(polls), samples / 4_320);
}

#[test]
fn memory_does_not_grow_with_time() {
    let mut scenario = large();
    // It cannot keep up, and no checkpoint completes: everything has to be remembered, and is so coarsely.
    scenario.jobs[0].vertices[4].capacity.lambda = 100.0;
    scenario.jobs[0].checkpoints.timeout = Millis::secs(1);
    scenario.jobs[0].checkpoints.tolerable_failures = u32::MAX;
    let mut world = world(scenario);
    run(&mut world, 20_000);
    assert!(world.jobs[0].net.sources[0].remembered() <= 4_096);
    assert!(world.truth()[0].lag > Millis::hours(4), "{:?}", world.truth());
    assert!(world.jobs[0].checkpoints.history.len() <= 10 && world.jobs[0].failures.len() <= 16);
}

#[test]
#[ignore = "prints figures"]
fn eighteen_hours() {
    use crate::controllers::fixed::Static;
    use crate::controllers::weirkeeper::Weirkeeper;
    use weirkeeper_core::policy::Policy;
    let scenario = Scenario { duration: Millis::hours(18), interval: Millis::secs(15), ..large() };
    let policies = [Policy::default()];
    let ms = |what: &str, controller: &mut dyn crate::controller::Controller| {
        let began = on_cpu();
        let played = crate::play::play(&scenario, 1, controller, &mut ()).expect("no violation");
        println!("{what}: {:.1} ms, {} changes", (on_cpu() - began) as f64 / 1e6, played.changes);
    };
    for _ in 0..3 {
        ms("static, with invariants", &mut Static);
        ms("weirkeeper, with invariants", &mut Weirkeeper::acting(&policies, &scenario));
    }
    let mut slow = Scenario { duration: Millis::hours(18), ..large() };
    slow.jobs[0].vertices[4].capacity.lambda = 500.0;
    let mut world = world(slow);
    let began = on_cpu();
    run(&mut world, 64_800);
    println!("overloaded: {:.0} ns per tick", (on_cpu() - began) as f64 / 64_800.0);
}
