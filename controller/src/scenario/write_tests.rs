//! What is written is read again as what it was.

use super::{load, read, write};
use std::path::Path;

const SMALL: &str = r#"
apiVersion: weirkeeper.dev/v1
kind: Scenario
metadata: { name: small }
summary: "It says \"so\": a: b"
duration: 10m
cluster: { version: "1.20", mechanism: reactive, taskManagers: 3, slotsPerTaskManager: 2, maxTaskManagers: 9, rescalePause: 1500ms }
jobs:
  - name: "orders: all"
    labels: { tier: gold }
    vertices:
      - { name: "Source: orders", parallelism: 2, partitions: 16, capacity: 4000 }
      - { name: enrich, parallelism: 3, capacity: { lambda: 901.5, sigma: 0.02, kappa: 0.001 }, state: 500MB, skew: 0.25, noise: 5% }
    edges: [["Source: orders", enrich, HASH, 300]]
    load: [{ line: [[0s, 100], [5m, 250.5]] }]
    checkpoints: { interval: 10s, base: 700ms, upload: 20MB }
    restart: { fixed: { delay: 3s, attempts: 7 } }
"#;

#[test]
fn what_is_written_is_read_again() {
    let loaded = read(Path::new("small.yaml"), SMALL);
    assert!(loaded.is_good(), "{:?}", loaded.report());
    let before = &loaded.scenarios[0];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("again.yaml");
    std::fs::write(dir.path().join("again.load.csv"), write::load(before)).unwrap();
    std::fs::write(&file, write::text(before, &[], Path::new("again.load.csv"))).unwrap();
    let again = load(&[file]);
    assert!(again.is_good(), "{:?}", again.report());
    assert_eq!(*before, again.scenarios[0]);
}
