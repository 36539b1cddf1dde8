//! Figures, not verdicts: what a large fleet costs. Not part of a normal run:
//! `cargo test --release -p weirkeeper-tests --test it -- --ignored measure --nocapture`

use crate::program::{self, Running};
use crate::standin::{StandIn, now};
use anyhow::{Context, Result};
use libtest_mimic::{Failed, Trial};
use std::time::{Duration, Instant};
use weirkeeper_simulator::fleet::Fleet;

const JOBS: usize = 500;
const INTERVAL: Duration = Duration::from_secs(10);
const CYCLES: u32 = 6;

/// The trials of this area.
pub fn trials() -> Vec<Trial> {
    let big = Trial::test("measure::five_hundred_jobs", || fleet(JOBS)).with_ignored_flag(true);
    let small = Trial::test("measure::one_job", || fleet(1)).with_ignored_flag(true);
    vec![big, small]
}

fn fleet(jobs: usize) -> Result<(), Failed> {
    let cluster = StandIn::start(Fleet::new(jobs, 5, now() - 3_600_000))?;
    let dir = tempfile::tempdir()?;
    let state = dir.path().join("state").to_string_lossy().into_owned();
    let args =
        ["run", "--flink", cluster.url(), "--interval", "10s", "--state", &state, "--listen", "127.0.0.1:0", "-q"];
    let running = Running::start(&mut program::command(args)?)?;
    // The first cycles read what is static, and fill the windows.
    std::thread::sleep(INTERVAL * 2);
    let (began, cpu, requests) = (Instant::now(), cpu(running.pid())?, cluster.requests());
    std::thread::sleep(INTERVAL * CYCLES);
    let cycles = began.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
    let cpu = (self::cpu(running.pid())? - cpu) / cycles;
    let requests = (cluster.requests() - requests) as f64 / cycles;
    let size = std::fs::metadata(&state)?.len() as f64 / f64::from(1 << 20);
    println!(
        "{jobs} jobs: {cpu:.3} CPU s and {requests:.0} requests per cycle, {:.1} MiB resident (most {:.1}), state file {size:.1} MiB",
        memory(running.pid(), "VmRSS")?,
        memory(running.pid(), "VmHWM")?,
    );
    Ok(())
}

/// Seconds of processor time so far: fields 14 and 15 of `/proc/PID/stat`, in hundredths.
fn cpu(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit(')').next().context("stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |i: usize| -> Result<f64> { Ok(fields.get(i).context("stat")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// A figure of `/proc/PID/status`, MiB.
fn memory(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|l| l.starts_with(name)).context("status")?;
    let kib: f64 = line.split_whitespace().nth(1).context("status")?.parse()?;
    Ok(kib / 1024.0)
}
