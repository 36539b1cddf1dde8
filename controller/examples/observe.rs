//! Reads a Flink cluster a few times and prints what was seen, what it cost, and in how many calls.
//!
//! `cargo run --example observe -- http://127.0.0.1:8081 [POLLS] [SECONDS] [quiet]`

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use weirkeeper::flink::{ClientConfig, Clock, FlinkClient, Observer};
use weirkeeper_core::event::Event;
use weirkeeper_core::units::Timestamp;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: u64| args.get(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (polls, interval) = (number(1, 3), Duration::from_secs(number(2, 5)));
    let quiet = args.get(3).is_some();
    let url = args.first().map_or("http://127.0.0.1:8081", String::as_str);
    let client = Arc::new(FlinkClient::new(ClientConfig::new(url))?);
    let clock: Clock = Arc::new(now);
    let mut observer = Observer::new(client.clone(), client.name().clone(), interval, clock);
    let mut ticks = tokio::time::interval(interval);
    for _ in 0..polls {
        ticks.tick().await;
        let before = cpu_ticks();
        let report = observer
            .poll(|event| {
                if !quiet {
                    print(&event)
                }
            })
            .await;
        println!("{report:?}, cpu {} ms, {} KiB resident", (cpu_ticks() - before) * 10, resident());
    }
    println!("{:?}", client.stats());
    Ok(())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn print(event: &Event) {
    match event {
        Event::Observed(o) => {
            println!("{} {:?} running since {:?}, {} samples", o.job, o.status, o.running_since, o.samples.len());
            println!("  slots {:?}\n  facts {:?}\n  scheduler {:?}", o.slots, o.facts, o.scheduler);
            println!("  requirements {:?}\n  checkpoints {:?}", o.requirements, o.checkpoints);
            println!("  failure {:?}\n  missing {:?}", o.failure, o.missing);
            for v in &o.graph.vertices {
                println!("  {} x{} of {:?}, {:?} run", v.name, v.parallelism, v.partitions, v.running);
            }
            o.samples.iter().for_each(|s| println!("  {} {}", s.key, s.value));
        }
        other => println!("{other:?}"),
    }
}

/// User and system time of this process in ticks of 10 ms; 0 where there is no /proc.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|f| f.parse::<u64>().ok()).sum()
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
