//! A mapping and its files, to a recording and back.

use super::*;
use crate::recording_file::open;
use std::fs::write;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::units::Parallelism;
use weirkeeper_simulator::recording::{Item, NoteKind};

const MAPPING: &str = r#"apiVersion: weirkeeper.dev/v1
kind: CsvMapping
job: { name: shop, cluster: lab }
interval: 10s
csv: { separator: ";", time: t }
graph:
  vertices:
    - { name: "Source: orders", parallelism: 2, partitions: 8 }
    - { name: enrich, parallelism: 2, maxParallelism: 128 }
  edges: [["Source: orders", enrich, HASH]]
slots: { perTaskmanager: 1 }
checkpoints: { interval: 10s }
columns:
  - { file: rate.csv, column: kps, series: flink_taskmanager_job_task_numRecordsOutPerSecond, vertex: "Source: orders", agg: sum, factor: 1000 }
  - { file: slots.csv, column: total, field: slotsTotal }
  - { file: slots.csv, column: used, field: parallelism }
running: { file: rate.csv, column: kps, patience: 10s }
events: [ { file: faults.csv, failure: a switch was pulled } ]
"#;

const RATE: &str = "t;kps\n0;1.5\n10;2.5\n20;NaN\n30;\n40;0\n50;3\n70;4\n60;9\n60;5\n";
const SLOTS: &str = "t;total;used\n0;4;2\n10;4;2\n50;8;4\n60;8;4\n70;8;4\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.put("map.yaml", MAPPING).put("rate.csv", RATE).put("slots.csv", SLOTS).put("faults.csv", "t\n45\n90\n");
        folder
    }

    fn put(&self, name: &str, text: &str) -> &Folder {
        write(self.0.path().join(name), text).unwrap();
        self
    }

    fn import(&self) -> Result<PathBuf, String> {
        let output = self.0.path().join("out.wkr");
        let mapping = self.0.path().join("map.yaml");
        let args = ImportCsvArgs { mapping, input: None, job: None, output: output.clone() };
        let clean = |m: String| m.replace(&format!("{}/", self.0.path().display()), "");
        csv(&args).map(|_| output).map_err(|s| clean(s.messages.join("\n")))
    }
}

/// Observations by second, and failures by second.
fn read(path: &Path) -> (Vec<(i64, Observation)>, Vec<i64>) {
    let (mut rows, _) = open(path).unwrap();
    let (mut seen, mut failures) = (Vec::new(), Vec::new());
    while let Some(item) = rows.next().unwrap() {
        match item {
            Item::Event(at, Event::Observed(o)) => seen.push((at.0 / 1_000, (**o).clone())),
            Item::Note(n) if matches!(n.kind, NoteKind::Failure { .. }) => failures.push(n.at / 1_000),
            _ => {}
        }
    }
    (seen, failures)
}

#[test]
fn columns_become_series_and_what_is_missing_stays_unknown() {
    let folder = Folder::new();
    let (seen, failures) = read(&folder.import().unwrap());
    let rates: Vec<_> = seen.iter().map(|(t, o)| (*t, o.samples.first().map(|s| s.value))).collect();
    let expected = [
        (0, Some(1_500.0)),
        (10, Some(2_500.0)),
        (40, Some(0.0)),
        (50, Some(3_000.0)),
        (60, Some(5_000.0)),
        (70, Some(4_000.0)),
    ];
    assert_eq!(rates, expected);
    assert_eq!(failures, [45, 90]);
    let first = &seen[0].1;
    assert_eq!(
        first.samples[0].key.to_string(),
        "flink_taskmanager_job_task_numRecordsOutPerSecond{task_name=\"Source: orders\",agg=\"sum\"}"
    );
    assert_eq!((first.graph.vertices[0].partitions, first.graph.vertices[1].partitions), (Some(8), None));
    assert!(first.graph.is_keyed(1) && first.scheduler.is_none() && first.requirements.is_none());
    assert_eq!(seen[2].1.slots, None, "no slots were told at 40 s");
}

#[test]
fn a_job_runs_while_its_column_says_so_and_a_new_size_is_a_new_attempt() {
    let folder = Folder::new();
    let (seen, _) = read(&folder.import().unwrap());
    let since: Vec<_> = seen.iter().map(|(t, o)| (*t, o.running_since.map(|s| s.0 / 1_000))).collect();
    let expected = [(0, Some(0)), (10, Some(0)), (40, None), (50, Some(50)), (60, Some(50)), (70, Some(50))];
    assert_eq!(since, expected);
    assert_eq!(seen[2].1.status, JobStatus::Restarting);
    assert!(seen[3].1.graph.vertices.iter().all(|v| v.parallelism == Parallelism(4)));
    let slots = seen[3].1.slots.unwrap();
    assert_eq!((slots.total, slots.free, slots.per_taskmanager), (8, 4, Some(1)));
}

#[test]
fn problems_of_the_mapping_have_their_place_and_a_way_out() {
    let cases = [
        ("field: slotsTotal", "field: slots", "map.yaml:15:", "slotsTotal"),
        (
            "[\"Source: orders\", enrich, HASH]",
            "[\"Source: order\", enrich, HASH]",
            "map.yaml:10:13: mapping: there is no vertex",
            "Source: orders, enrich",
        ),
        ("interval: 10s\ncsv", "interval: soon\ncsv", "map.yaml:4:", "duration"),
        ("kind: CsvMapping", "kind: Policy", "map.yaml:2:1: mapping: kind", "CsvMapping"),
        (", field: slotsTotal", "", "map.yaml:15:13: mapping: column \"total\" needs", "series or a field"),
        ("slots.csv, column: used", "none.csv, column: used", "none.csv: it cannot be opened", ""),
        ("column: used", "column: usd", "slots.csv:1:1: csv: there is no column \"usd\"", "t, total, used"),
    ];
    for (from, to, begin, word) in cases {
        let folder = Folder::new();
        folder.put("map.yaml", &MAPPING.replacen(from, to, 1));
        let message = folder.import().unwrap_err();
        assert!(message.starts_with(begin) && message.contains(word), "{from}: {message}");
    }
}

#[test]
fn nothing_stays_of_an_import_that_failed() {
    let folder = Folder::new();
    folder.put("rate.csv", "t;kps\n0;x\n");
    assert!(folder.import().unwrap_err().contains("rate.csv:2:3"));
    folder.put("rate.csv", "t;kps\n").put("slots.csv", "t;total;used\n").put("faults.csv", "t\n");
    assert!(folder.import().unwrap_err().contains("hold no rows"));
    let left: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().contains("out.wkr")), "{left:?}");
}

#[test]
fn the_shipped_mappings_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples");
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if std::fs::read_to_string(&path).is_ok_and(|t| t.contains("kind: CsvMapping")) {
            mapping::read(&path).unwrap_or_else(|p| panic!("{p}"));
            found += 1;
        }
    }
    assert!(found >= 2, "only {found} mappings");
}
