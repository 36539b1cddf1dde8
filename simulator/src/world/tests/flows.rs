//! Throughput, time, buffers and backlogs.

use super::*;

#[test]
fn a_job_that_keeps_up_does_what_arrives() {
    let mut world = world(lab(1, Shape::Constant(300.0)));
    run(&mut world, 100);
    let truth = &world.truth()[0];
    // By hand: 300 of 500 records/s are 60 % of the time of one subtask; the source does 300 of 20,000: 1.5 %.
    assert!(close(truth.busy[1], 0.6, 1e-9) && close(truth.busy[0], 0.015, 1e-9), "{truth:?}");
    assert!(close(truth.consumed, 300.0, 1e-9) && close(truth.backlog, 0.0, 1e-6));
    assert_eq!((truth.lag, truth.slots, truth.capacity), (Millis(0), 1, 500.0));
    let totals = &world.jobs[0].net.nodes[1].totals;
    assert!(close(totals.records_in, 30_000.0, 1e-6) && close(totals.busy, 60_000.0, 1e-6));
    assert!(close(totals.idle(), 40_000.0, 1e-6) && totals.backpressured == 0.0);
}

#[test]
fn what_is_too_much_fills_the_buffer_and_then_waits_in_the_partitions() {
    let mut world = world(lab(1, Shape::Constant(800.0)));
    // By hand: 300/s too much fill the buffer of 1000 records in 3.33 s; from then on the source sends 500/s, which
    // takes 2.5 % of its time, and is held back the rest.
    run(&mut world, 3);
    assert!(close(world.truth()[0].backlog, 900.0, 1e-6) && world.jobs[0].net.sources[0].backlog() == 0.0);
    run(&mut world, 97);
    let job = &world.jobs[0];
    assert!(close(job.net.links[0].queue, 1_000.0, 1e-6));
    assert!(close(job.net.sources[0].backlog(), 300.0 * 100.0 - 1_000.0, 1e-6));
    let source = &job.net.nodes[0].totals;
    // Until 3.33 s it did 800/s (4 %), then 500/s (2.5 %): 133 ms and 2417 ms; held back for the rest of 96.67 s.
    assert!(close(source.busy, 0.04 * 3_333.33 + 0.025 * 96_666.67, 0.1), "{source:?}");
    assert!(close(source.backpressured, 0.975 * 96_666.67, 0.5), "{source:?}");
    assert!(close(source.idle(), 0.96 * 3_333.33, 0.5), "{source:?}");
    let truth = &world.truth()[0];
    assert!(close(truth.busy[1], 1.0, 1e-12) && close(truth.backlog, 30_000.0, 1e-6));
    // The oldest record that is not through is the 50,001st: it arrived at 62.5 s.
    assert_eq!(truth.lag, Millis(37_500));
}

#[test]
fn a_backlog_goes_as_fast_as_there_is_room() {
    // 800/s for 100 s, then 200/s: 30,000 records at 300/s are gone after another 100 s.
    let steps = Shape::Steps(vec![(Millis(0), 800.0), (Millis::secs(100), 200.0)]);
    let mut world = world(lab(1, steps));
    run(&mut world, 199);
    assert!(close(world.truth()[0].backlog, 300.0, 1e-6), "{:?}", world.truth());
    run(&mut world, 2);
    assert!(close(world.truth()[0].backlog, 0.0, 1e-6));
    assert_eq!(world.truth()[0].lag, Millis(0));
}

#[test]
fn time_is_busy_idle_or_backpressured() {
    // A chain in which each is the bottleneck once, with noise and windows, a diamond, and a broadcast.
    let walk = Shape::Walk { low: 0.0, high: 4_000.0, step: 700.0, every: Millis::secs(7) };
    let mut vertices =
        vec![vertex("s", 2, 3_000.0), vertex("a", 3, 600.0), vertex("b", 2, 500.0), vertex("c", 4, 900.0)];
    vertices[1].noise = 0.2;
    vertices[1].skew = 0.3;
    vertices[2].emits_every = Some(Millis::secs(10));
    vertices[2].selectivity = 0.3;
    let edges = vec![
        edge(0, 1, Ship::Hash, 300),
        edge(0, 2, Ship::Rebalance, 100),
        edge(1, 3, Ship::Hash, 50),
        edge(2, 3, Ship::Broadcast, 500),
    ];
    let mut scenario = lab(1, Shape::Constant(0.0));
    scenario.jobs = vec![job(vertices, edges, walk)];
    scenario.faults = vec![fault(200, Some(30), FaultKind::Slow { vertex: "c".into(), factor: 0.0 })];
    let mut world = world(scenario);
    for second in 1..=1_000 {
        let before: Vec<_> = world.jobs[0].net.nodes.iter().map(|n| n.totals).collect();
        world.tick();
        for (v, (node, before)) in world.jobs[0].net.nodes.iter().zip(before).enumerate() {
            let rose = |pick: fn(&crate::world::flow::Totals) -> f64| pick(&node.totals) - pick(&before);
            let parts = [rose(|t| t.busy), rose(|t| t.backpressured), rose(crate::world::flow::Totals::idle)];
            assert!(parts.iter().all(|p| *p >= -1e-6 && *p <= 1_000.0 + 1e-6), "{second} {v}: {parts:?}");
            assert!(close(parts.iter().sum::<f64>(), 1_000.0, 1e-6), "{second} {v}: {parts:?}");
            assert!(node.totals.hottest + 1e-6 >= node.totals.busy && node.totals.coldest <= node.totals.busy + 1e-6);
        }
    }
}

#[test]
fn no_record_is_lost_or_made_up() {
    let walk = Shape::Walk { low: 0.0, high: 2_000.0, step: 300.0, every: Millis::secs(5) };
    let vertices = vec![vertex("s", 1, 3_000.0), vertex("a", 1, 900.0), vertex("b", 1, 800.0)];
    let edges = vec![edge(0, 1, Ship::Hash, 500), edge(1, 2, Ship::Hash, 200)];
    let mut scenario = lab(1, Shape::Constant(0.0));
    scenario.jobs = vec![job(vertices, edges, walk)];
    let mut world = world(scenario);
    for _ in 0..600 {
        world.tick();
        let net = &world.jobs[0].net;
        let [s, a, b] = [0, 1, 2].map(|v| net.nodes[v].totals.records_in);
        assert!(close(net.sources[0].arrived, s + net.sources[0].backlog(), 1e-6));
        assert!(close(s, a + net.links[0].queue, 1e-6) && close(a, b + net.links[1].queue, 1e-6));
        assert!(net.links[0].queue <= 500.0 + 1e-6 && net.links[1].queue <= 200.0 + 1e-6);
    }
}

#[test]
fn key_groups_and_partitions_bound_what_subtasks_can_do() {
    // By hand: 128 key groups on 48 subtasks of 500/s: 24,000 / (3 * 48 / 128) = 21,333/s.
    let mut scenario = lab(48, Shape::Constant(30_000.0));
    scenario.cluster.task_managers = 12;
    scenario.jobs[0].vertices[0].parallelism = 8;
    let mut world = world(scenario);
    run(&mut world, 60);
    assert!(close(world.truth()[0].consumed, 24_000.0 / 1.125, 0.01), "{:?}", world.truth());
    assert!(close(world.truth()[0].busy[1], 1.0 / 1.125, 1e-9), "the others wait for the fullest");
    assert!(close(world.truth()[0].capacity, 24_000.0 / 1.125, 0.01));
}

#[test]
fn a_hot_key_holds_the_whole_vertex_back() {
    let mut scenario = lab(4, Shape::Constant(1_800.0));
    scenario.faults = vec![fault(10, Some(100), FaultKind::HotKey { vertex: "enrich".into(), share: 0.5 })];
    let mut world = world(scenario);
    run(&mut world, 60);
    // By hand: half of all and an eighth on one of 4 subtasks of 500/s: 500 / 0.625 = 800/s.
    assert!(close(world.truth()[0].consumed, 800.0, 0.01), "{:?}", world.truth());
    let seen = observe(&mut world);
    let busy = |agg| value(&seen, "enrich", name::BUSY_TOTAL, agg).unwrap();
    // 10 s at 1800/s: 90 % each; then the hottest is busy all the time, and 40 % is the mean.
    assert!(close(busy(Agg::Max), 9_000.0 + 50_000.0, 500.0), "{}", busy(Agg::Max));
    assert!(close(busy(Agg::Avg), 9_000.0 + 20_000.0, 500.0), "{}", busy(Agg::Avg));
    assert!(close(busy(Agg::Sum), 4.0 * busy(Agg::Avg), 1e-6));
}

#[test]
fn a_broadcast_costs_every_subtask() {
    // 100 records/s to each of 4 subtasks of 500/s: 20 %, whatever their number.
    for p in [1, 4] {
        let mut scenario = lab(p, Shape::Constant(100.0));
        scenario.jobs[0].edges[0].ship = Ship::Broadcast;
        let mut world = world(scenario);
        run(&mut world, 30);
        assert!(close(world.truth()[0].busy[1], 0.2, 1e-9), "{p}: {:?}", world.truth());
    }
}

#[test]
fn windows_emit_in_bursts() {
    let vertices = vec![vertex("s", 1, 10_000.0), vertex("window", 1, 1_000.0), vertex("sink", 1, 100.0)];
    let mut scenario = lab(1, Shape::Constant(0.0));
    let edges = vec![edge(0, 1, Ship::Hash, 100), edge(1, 2, Ship::Forward, 50)];
    scenario.jobs = vec![job(vertices, edges, Shape::Constant(500.0))];
    scenario.jobs[0].vertices[1].emits_every = Some(Millis::secs(10));
    scenario.jobs[0].vertices[1].selectivity = 0.1;
    let mut world = world(scenario);
    run(&mut world, 10);
    assert_eq!(world.jobs[0].net.nodes[2].totals.records_in, 0.0, "nothing before the end of the window");
    // By hand: 10 s of 500/s and a tenth of it are 500 results; 100/s take 5 s, and 50 fit into the buffer.
    run(&mut world, 3);
    assert!(close(world.jobs[0].net.nodes[2].totals.records_in, 300.0, 1e-6));
    run(&mut world, 7);
    assert!(close(world.jobs[0].net.nodes[2].totals.records_in, 500.0, 1e-6));
    assert!(world.jobs[0].net.nodes[1].totals.backpressured > 3_000.0, "it waits while it emits");
}

#[test]
fn a_dead_sink_is_busy_and_everything_before_it_waits() {
    let mut scenario = lab(1, Shape::Constant(300.0));
    scenario.faults = vec![fault(10, None, FaultKind::Slow { vertex: "enrich".into(), factor: 0.0 })];
    let mut world = world(scenario);
    run(&mut world, 40);
    let truth = &world.truth()[0];
    assert_eq!((truth.consumed, truth.busy[1], truth.capacity), (0.0, 1.0, 0.0));
    // 1000 records fit into the buffer, which takes 3.33 s.
    assert!(close(truth.backlog, 9_000.0, 1e-6));
}

#[test]
fn two_inputs_share_what_a_vertex_can_do() {
    let vertices = vec![vertex("s1", 1, 5_000.0), vertex("s2", 1, 5_000.0), vertex("join", 1, 900.0)];
    let mut scenario = lab(1, Shape::Constant(0.0));
    let edges = vec![edge(0, 2, Ship::Hash, 200), edge(1, 2, Ship::Hash, 200)];
    scenario.jobs = vec![job(vertices, edges, Shape::Constant(600.0))];
    scenario.jobs[0].load.insert(1, load(Shape::Constant(200.0)));
    let mut world = world(scenario);
    run(&mut world, 30);
    assert!(close(world.truth()[0].consumed, 800.0, 1e-6), "{:?}", world.truth());
    assert!(close(world.truth()[0].busy[2], 800.0 / 900.0, 1e-9));
}

#[test]
fn a_cold_job_does_half_and_warms_up() {
    let mut scenario = lab(1, Shape::Constant(1_000.0));
    (scenario.cluster.cold_capacity, scenario.cluster.warm_up) = (0.5, Millis::secs(60));
    let mut world = world(scenario);
    run(&mut world, 30);
    // By hand: the mean of 50 % to 75 % of 500/s over 30 s, and 1000 records that its buffer holds.
    let done = world.jobs[0].net.nodes[1].totals.records_in;
    assert!(close(done, 0.625 * 500.0 * 30.0, 1e-6), "{done}");
    run(&mut world, 30);
    let warm = world.jobs[0].net.nodes[1].totals.records_in;
    assert!(close(warm, 0.75 * 500.0 * 60.0, 1e-6), "{warm}");
    run(&mut world, 1);
    assert!(close(world.jobs[0].net.nodes[1].totals.records_in - warm, 500.0, 1e-6));
}
