//! How fast a recording is read and replayed: 30 days of 15 s samples of a job of ten vertices, made of arithmetic.
//!
//! `cargo run --release -p weirkeeper-simulator --example replay_speed [DAYS]`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use weirkeeper_core::job::{Edge, JobGraph, JobKey, Ship, Vertex};
use weirkeeper_core::observation::*;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::series::{Agg, SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};
use weirkeeper_simulator::recording::{Context, Header, Origin, Rows, VERSION, Writer};
use weirkeeper_simulator::replay::{Contender, replay};

const VERTICES: usize = 10;
const P: u32 = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let days: u64 = std::env::args().nth(1).and_then(|d| d.parse().ok()).unwrap_or(30);
    let rows = days * 86_400 / 15;
    let began = Instant::now();
    let bytes = recording(rows)?;
    println!("written: {rows} rows, {} MB, in {:.2} s", bytes.len() / 1_000_000, began.elapsed().as_secs_f64());

    let began = Instant::now();
    let mut reader = Rows::new(&bytes[..])?;
    let mut values = 0usize;
    while let Some(item) = reader.next()? {
        if let weirkeeper_simulator::recording::Item::Event(_, weirkeeper_core::event::Event::Observed(o)) = item {
            values += o.samples.len();
        }
    }
    println!("read: {values} samples in {:.2} s", began.elapsed().as_secs_f64());

    let began = Instant::now();
    replay(&mut Rows::new(&bytes[..])?, &[], Millis::secs(15), &mut |_| {})?;
    println!("read and drawn, nothing decided: {:.2} s", began.elapsed().as_secs_f64());

    let began = Instant::now();
    let contender = Contender { name: "default".into(), policies: vec![Policy::default()] };
    let replayed = replay(&mut Rows::new(&bytes[..])?, &[contender], Millis::secs(15), &mut |_| {})?;
    let took = began.elapsed().as_secs_f64();
    let micros = took * 1e6 / rows as f64;
    println!("replayed: {} decisions in {took:.2} s, {micros:.1} us a row", replayed.outcomes[0].decisions.len());
    Ok(())
}

/// What a row of a job of this size holds when read through REST: about 160 samples.
fn recording(rows: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut o = blank();
    let header = Header {
        version: VERSION,
        cluster: "c".into(),
        namespace: None,
        job: "job".into(),
        origin: Origin { kind: "simulation".into(), by: "example".into(), notes: Vec::new() },
        interval: 15_000,
        context: Context::of(&o, true),
    };
    let mut writer = Writer::new(Vec::new(), header)?;
    let mut totals = [[0.0f64; 5]; VERTICES];
    let mut seed = 1u64;
    for n in 1..=rows {
        let at = 15_000 * n as i64;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // A slow wave with noise, never above what the job can do.
        let wave = ((n % 5_760) as f64 / 5_760.0 - 0.5).abs() * 2.0;
        let rate = 1_000.0 + 1_500.0 * wave + (seed >> 54) as f64 / 10.0;
        put_samples(&mut o, &mut totals, rate);
        if let Some(c) = o.checkpoints.as_mut() {
            (c.last_completed, c.completed) = (Some(Timestamp(at)), Some(n));
            (c.last_completed_id, c.last_duration) = (Some(n), Some(Millis(300 + (seed >> 58))));
        }
        writer.observe(Timestamp(at), &o)?;
    }
    Ok(writer.finish()?)
}

fn put_samples(o: &mut Observation, totals: &mut [[f64; 5]; VERTICES], rate: f64) {
    let values = totals.iter_mut().enumerate().flat_map(|(v, t)| {
        let (share, ms) = (rate / (450.0 + 20.0 * v as f64) / f64::from(P), 15_000.0 * f64::from(P));
        let more = [if v == 0 { 0.0 } else { rate * 15.0 }, rate * 15.0, share * ms, (1.0 - share) * ms, 0.0];
        t.iter_mut().zip(more).for_each(|(t, m)| *t = (*t + m).round());
        let [records_in, out, busy, idle, held] = *t;
        let each = busy / f64::from(P);
        [
            records_in,
            out,
            busy,
            idle,
            held,
            each * 1.02,
            each * 0.98,
            each,
            share * 1_000.0,
            share * 1_020.0,
            0.0,
            rate,
            rate,
            0.1,
            3.0,
            7.0,
        ]
    });
    let values: Vec<f64> = values.collect();
    o.samples.iter_mut().zip(values).for_each(|(s, v)| s.value = v);
}

fn blank() -> Observation {
    let names: Vec<String> = (0..VERTICES).map(|v| format!("vertex {v}")).collect();
    let vertex = |name: &String| Vertex {
        id: name.as_str().into(),
        name: name.as_str().into(),
        parallelism: Parallelism(P),
        max_parallelism: Some(Parallelism(128)),
        slot_group: "default".into(),
        partitions: None,
        running: Some(P),
    };
    let bounds = Bounds { lower: Parallelism(1), upper: Parallelism(P) };
    Observation {
        job: JobKey { cluster: "c".into(), namespace: None, name: "job".into() },
        job_id: "1".into(),
        labels: BTreeMap::new(),
        graph: Arc::new(JobGraph {
            vertices: names.iter().map(vertex).collect(),
            edges: (1..VERTICES).map(|v| Edge { from: v - 1, to: v, ship: Ship::Hash }).collect(),
        }),
        status: JobStatus::Running,
        running_since: Some(Timestamp(0)),
        scheduler: Some(Scheduler::Adaptive),
        slots: Some(Slots {
            total: 64,
            free: 56,
            max: None,
            on_demand: false,
            per_taskmanager: Some(4),
            taskmanagers: 16,
        }),
        requirements: Some(names.iter().map(|n| (n.as_str().into(), bounds)).collect()),
        checkpoints: Some(Checkpoints {
            full_size: Some(1_000_000),
            written: Some(1_000_000),
            failed: Some(0),
            interval: Some(Millis::secs(15)),
            timeout: Some(Millis::minutes(10)),
            enabled: Some(true),
            forst: Some(false),
            savepoint_in_progress: Some(false),
            checkpoint_in_progress: Some(false),
            ..Checkpoints::default()
        }),
        failure: None,
        facts: ClusterFacts {
            version: Some((2, 2)),
            taskmanager_memory: Some(1 << 30),
            buffer_debloat: Some(true),
            ..ClusterFacts::default()
        },
        samples: names.iter().flat_map(|n| keys(n)).collect(),
        missing: Vec::new(),
    }
}

fn keys(task: &str) -> Vec<Sample> {
    let all = [
        (name::RECORDS_IN, Agg::Sum),
        (name::RECORDS_OUT, Agg::Sum),
        (name::BUSY_TOTAL, Agg::Sum),
        (name::IDLE_TOTAL, Agg::Sum),
        (name::BACKPRESSURED_TOTAL, Agg::Sum),
        (name::BUSY_TOTAL, Agg::Max),
        (name::BUSY_TOTAL, Agg::Min),
        (name::BUSY_TOTAL, Agg::Avg),
        (name::BUSY_RATE, Agg::Avg),
        (name::BUSY_RATE, Agg::Max),
        (name::BACKPRESSURED_RATE, Agg::Avg),
        (name::RECORDS_IN_RATE, Agg::Sum),
        (name::RECORDS_OUT_RATE, Agg::Sum),
        (name::IN_POOL_USAGE, Agg::Avg),
        (name::SEND_TIME, Agg::Avg),
        (name::EMIT_LAG, Agg::Max),
    ];
    all.iter().map(|(n, agg)| Sample { key: Arc::new(SeriesKey::task(n, task, *agg)), value: 0.0 }).collect()
}
