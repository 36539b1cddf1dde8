//! Recording, importing and replaying, by the program itself.

use crate::program::{self, Ended, Running};
use crate::standin::{StandIn, now};
use anyhow::{Context, Result, ensure};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::path::Path;
use weirkeeper_simulator::fleet::Fleet;

/// The trials of this area.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("recordings::a_job_is_recorded_until_told_to_stop_and_replayed", live),
        Trial::test("recordings::a_job_that_is_not_there_is_told_with_those_that_are", no_such),
        Trial::test("recordings::csv_files_are_imported_and_replayed_under_two_policies", csv),
        Trial::test("recordings::what_is_damaged_or_something_else_is_told_by_its_byte", damaged),
    ]
}

fn live() -> Result<(), Failed> {
    let cluster = StandIn::start(Fleet::new(2, 3, now() - 3_600_000).with_load(500.0, 0.97))?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("job.wkr");
    let path = file.display().to_string();
    let args = ["record", "--flink", cluster.url(), "--job", "job-0001", "--interval", "1s", "-v", "-o", &path];
    let mut recorder = Running::start(&mut program::command(args)?)?;
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert!(!file.exists(), "a recording that is not complete must not look like one");
    recorder.signal("INT")?;
    let ended = recorder.wait(program::PATIENCE)?;
    assert!(ended.code == Some(0) && ended.stdout.contains("rows of job-0001"), "{ended:?}");
    let replay = |form: &str| program::run(["replay", &path, "--interval", "1s", "-o", form]);
    let (once, again, table) = (replay("json")?, replay("json")?, replay("table")?);
    assert_eq!(once.stdout, again.stdout);
    let json: Value = serde_json::from_str(&once.stdout)?;
    assert!(json["rows"].as_u64().is_some_and(|n| n >= 2) && json["job"] == "job-0001", "{json}");
    assert!(json["policies"][0]["decisions"].as_array().is_some_and(|d| !d.is_empty()), "{json}");
    assert!(once.stderr.contains("times as fast") && table.stdout.contains("BECAUSE"), "{table:?}");
    assert_eq!(cluster.changes(), Vec::<String>::new());
    Ok(())
}

fn no_such() -> Result<(), Failed> {
    let cluster = StandIn::start(Fleet::new(2, 3, now() - 3_600_000))?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("job.wkr").display().to_string();
    let ended = program::run(["record", "--flink", cluster.url(), "--job", "job", "--interval", "1s", "-o", &path])?;
    check(&ended, 1, &["no job \"job\"", "job-0000, job-0001"]);
    let both = program::run(["record", "--job", "job", "-o", &path])?;
    check(&both, 2, &["--flink", "--prometheus"]);
    assert!(std::fs::read_dir(dir.path())?.next().is_none(), "something was left behind");
    Ok(())
}

/// The exit code, and words that standard error has.
fn check(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is missing: {ended:?}");
    }
}

const MAPPING: &str = "apiVersion: weirkeeper.dev/v1\nkind: CsvMapping\njob: { name: shop }\ninterval: 15s\ncsv: { time: t }\n\
    graph:\n  vertices:\n    - { name: \"Source: orders\", parallelism: 2 }\n    - { name: work, parallelism: 2, maxParallelism: 128 }\n\
    \x20 edges: [[\"Source: orders\", work, HASH]]\ncolumns:\n\
    \x20 - { file: a.csv, column: sent, series: flink_taskmanager_job_task_numRecordsOut, vertex: \"Source: orders\", agg: sum }\n\
    \x20 - { file: a.csv, column: sent, series: flink_taskmanager_job_task_numRecordsIn, vertex: work, agg: sum }\n\
    \x20 - { file: a.csv, column: lag, series: flink_taskmanager_job_task_operator_currentEmitEventTimeLag, vertex: \"Source: orders\", agg: max, factor: 1000 }\n\
    \x20 - { file: a.csv, column: busy, series: flink_taskmanager_job_task_accumulateBusyTimeMs, vertex: work, agg: sum }\n\
    \x20 - { file: a.csv, column: idle, series: flink_taskmanager_job_task_accumulateIdleTimeMs, vertex: work, agg: sum }\n\
    \x20 - { file: a.csv, column: zero, series: flink_taskmanager_job_task_accumulateBackPressuredTimeMs, vertex: work, agg: sum }\n\
    running: { file: a.csv, column: sent, patience: 1m }\n";

/// Half an hour of a job that is 97 % busy.
fn rows() -> String {
    let row = |n: u64| format!("{},{},0.01,{},{},0\n", n * 15, n * 15_000, n * 29_100, n * 900);
    format!("t,sent,lag,busy,idle,zero\n{}", (1..=120).map(row).collect::<String>())
}

fn imported(dir: &Path) -> Result<String> {
    std::fs::write(dir.join("map.yaml"), MAPPING)?;
    std::fs::write(dir.join("a.csv"), rows())?;
    let path = dir.join("shop.wkr").display().to_string();
    let ended = program::run(["import", "csv", &dir.join("map.yaml").display().to_string(), "-o", &path])?;
    ensure!(ended.code == Some(0) && ended.stdout.contains("120 rows of shop"), "{ended:?}");
    Ok(path)
}

fn csv() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = imported(dir.path())?;
    let policy = |name: &str, most: u32| {
        let folder = dir.path().join(name);
        let text = format!(
            "apiVersion: weirkeeper.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nscaling: {{ maxParallelism: {most} }}\n"
        );
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("p.yaml"), text)?;
        anyhow::Ok(folder.display().to_string())
    };
    let (wide, narrow, page) = (policy("wide", 64)?, policy("narrow", 2)?, dir.path().join("r.html"));
    let page = page.display().to_string();
    let args = ["replay", &path, "--policies", &wide, "--against", &narrow, "--report", &page, "-o", "json"];
    let ended = program::run(args)?;
    check(&ended, 0, &["replayed 120 rows"]);
    let json: Value = serde_json::from_str(&ended.stdout)?;
    let names: Vec<_> = json["policies"].as_array().context("policies")?.iter().map(|p| p["name"].clone()).collect();
    assert_eq!(names, ["wide", "narrow"]);
    let wanted = |p: &Value| {
        let all = p["decisions"].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|d| d["rescale"]["work"]["to"].as_u64()).max()
    };
    assert!(wanted(&json["policies"][0]) > Some(2), "97 % busy and nothing is wanted: {json}");
    assert_eq!(wanted(&json["policies"][1]), None, "{json}");
    let told = json["notJudged"].as_array().context("notJudged")?;
    assert!(told.iter().any(|s| s.as_str().is_some_and(|s| s.starts_with("Checkpoints"))), "{json}");
    let page = std::fs::read_to_string(&page)?;
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("What could not be judged"));
    Ok(())
}

fn damaged() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = imported(dir.path())?;
    let whole = std::fs::read(&path)?;
    let other = dir.path().join("other.wkr");
    let shown = other.display().to_string();
    std::fs::write(&other, &whole[..whole.len() / 2])?;
    check(&program::run(["replay", &shown])?, 1, &[&format!("ends at byte {}", whole.len() / 2), &shown]);
    let mut spoiled = whole;
    spoiled[100] ^= 1;
    std::fs::write(&other, &spoiled)?;
    check(&program::run(["replay", &shown])?, 1, &["damaged in the chunk at byte 8", "checksum"]);
    std::fs::write(&other, "kind: Policy\n")?;
    check(&program::run(["replay", &shown])?, 1, &["not a recording"]);
    check(&program::run(["replay", "/nowhere.wkr"])?, 2, &["/nowhere.wkr: it cannot be opened"]);
    Ok(())
}
