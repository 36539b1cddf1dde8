//! The command, without its printing.

use super::*;
use crate::args::{Cli, Command};
use clap::Parser;
use weirkeeper_core::units::Millis;

const SCENARIO: &str = "apiVersion: weirkeeper.dev/v1
kind: Scenario
metadata: { name: step }
duration: 40m
jobs:
  - name: orders
    vertices:
      - { name: src, parallelism: 1, partitions: 8, capacity: 5000 }
      - { name: work, parallelism: 1, capacity: 1000 }
    edges: [ [src, work, HASH] ]
    load: [ { steps: [[0s, 400], [10m, 1500]] }, { noise: 2% } ]
";

fn args(words: &[&str]) -> (tempfile::TempDir, SimulateArgs) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("s.yaml");
    std::fs::write(&file, SCENARIO).unwrap();
    let file = file.to_string_lossy().into_owned();
    let words = ["weirkeeper", "simulate", &file].into_iter().chain(words.iter().copied());
    let Command::Simulate(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
    (dir, args)
}

fn json(words: &[&str]) -> String {
    let (_dir, args) = args(words);
    let inputs = Inputs::read(&args).unwrap();
    let runs = inputs.tournament().run(args.threads.unwrap(), &|_| ()).unwrap();
    let table = Table::of(&runs);
    let load = args.load.map(|f| answer::all(&inputs, f.0, &runs));
    serde_json::to_string_pretty(&Outcome { runs: &runs, table: &table.rows, load }).unwrap()
}

#[test]
fn two_runs_and_two_numbers_of_threads_give_the_same_bytes() {
    let words = |threads| ["--seeds", "3", "--controller", "weirkeeper,static", "--threads", threads];
    let one = json(&words("1"));
    assert_eq!(one, json(&words("1")), "a second run");
    assert_eq!(one, json(&words("2")), "two threads");
    let parsed: serde_json::Value = serde_json::from_str(&one).unwrap();
    let runs = parsed["runs"].as_array().unwrap();
    let told: Vec<_> = runs.iter().map(|r| (r["controller"].as_str().unwrap(), r["seed"].as_u64().unwrap())).collect();
    let expected: Vec<_> = ["weirkeeper", "static"].iter().flat_map(|c| [1, 2, 3].map(|s| (*c, s))).collect();
    assert_eq!(told, expected);
    assert!(runs.iter().all(|r| r["violation"].is_null()), "{one}");
    // Another seed is another noise, and the one who does nothing falls behind.
    assert_ne!(runs[3]["scores"], runs[4]["scores"]);
    let worst = |i: usize| runs[i]["scores"][0]["lag"]["max"].as_f64().unwrap();
    assert!(worst(0) < worst(3), "{} {}", worst(0), worst(3));
}

#[test]
fn without_a_seed_the_scenario_has_its_own() {
    let (_dir, args) = args(&["--threads", "1"]);
    let inputs = Inputs::read(&args).unwrap();
    assert_eq!(inputs.tournament().plays(), 1);
    assert_eq!(inputs.tournament().run(1, &|_| ()).unwrap()[0].seed, 1);
}

/// 1,500/s on subtasks of 1,000/s, twice: three would do but for the key groups, of which the fullest of three has 43 of
/// 128, so that they carry 2,977/s. Twenty times: with four key groups each, 32 subtasks carry 32,000/s; with five only
/// 25,600/s.
#[test]
fn a_load_is_answered_in_a_sentence() {
    let answer = |factor: &str| {
        let (_dir, args) = args(&["--load", factor, "--threads", "1", "--duration", "60m"]);
        let inputs = Inputs::read(&args).unwrap();
        let runs = inputs.tournament().run(1, &|_| ()).unwrap();
        answer::all(&inputs, args.load.unwrap().0, &runs).remove(0)
    };
    let twice = answer("2x");
    assert_eq!((twice.peak, twice.needed_slots, twice.slots), (3_000.0, 4, 16));
    assert!(twice.to_string().contains("at its peak of 3000/s it needs 4 slots of 16; it was at most "), "{twice}");
    let twenty = answer("20");
    assert_eq!((twenty.needed_slots, twenty.holds), (32, false));
    assert!(
        twenty.to_string().contains("does not hold 20 times") && twenty.to_string().contains("32 slots, 16 more"),
        "{twenty}"
    );
}

#[test]
fn a_trace_takes_the_place_of_the_load() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("t.csv");
    std::fs::write(&csv, "t,v\n0,1\n600,4\n1200,2\n").unwrap();
    let (_dir, args) = args(&["--trace", &csv.to_string_lossy(), "--trace-peak", "800", "--threads", "1"]);
    let inputs = Inputs::read(&args).unwrap();
    let scenario = &inputs.scenarios[0];
    let expected = vec![(Millis(0), 200.0), (Millis(600_000), 800.0), (Millis(1_200_000), 400.0)];
    assert_eq!(scenario.jobs[0].load[&0].shapes, [weirkeeper_simulator::scenario::Shape::Line(expected.into())]);
    assert_eq!(scenario.duration, Millis::minutes(20));
}

#[test]
fn what_is_wrong_is_said() {
    let stop = |words: &[&str]| {
        let (_dir, args) = args(words);
        Inputs::read(&args).err().map(|s| (s.code, s.messages.join("\n"))).unwrap()
    };
    let (code, text) = stop(&["--set", "operator"]);
    assert!(code == 2 && text.contains("CONTROLLER.OPTION=VALUE"), "{text}");
    let (code, text) = stop(&["--trace", "none.csv"]);
    assert!(code == 2 && text.contains("none.csv: cannot be read"), "{text}");
    let (_dir, args) = args(&["--controller", "magic"]);
    let inputs = Inputs::read(&args).unwrap();
    assert!(inputs.tournament().run(1, &|_| ()).unwrap_err().contains("no controller is called `magic`"));
}
