//! Flink's own command-line client against a served cluster: what it accepts, other clients do.

use super::Serve;
use crate::parts;
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const SCENARIO: &str = "apiVersion: weirkeeper.dev/v1
kind: Scenario
metadata: { name: two-jobs }
duration: 1h
cluster: { taskManagers: 4, slotsPerTaskManager: 4 }
jobs:
  - name: first
    vertices:
      - { name: \"Source: orders\", parallelism: 2, partitions: 4, capacity: 2000 }
      - { name: enrich, parallelism: 2, capacity: 500 }
    edges: [ [\"Source: orders\", enrich, HASH] ]
    load: [ constant: 300 ]
  - name: second
    vertices: [ { name: \"Source: orders\", parallelism: 1, capacity: 2000 } ]
    load: [ constant: 300 ]
";

/// Lists two jobs, takes a savepoint of one, stops it with another, and cancels the second.
pub fn works() -> Result<()> {
    let serve = Serve::start(SCENARIO, 10)?;
    let client = Client::new(&serve)?;
    let listed = client.run(&["list"])?;
    let id = |name: &str| {
        let line = listed.lines().find(|l| l.contains(&format!(": {name} (RUNNING)")))?;
        line.split(" : ").nth(1).map(str::to_owned)
    };
    let first = id("first").with_context(|| listed.clone())?;
    let second = id("second").with_context(|| listed.clone())?;

    let said = client.run(&["savepoint", &first])?;
    ensure!(said.contains("Savepoint completed. Path: file:/savepoints/savepoint-"), "{said}");
    let said = client.run(&["stop", &first])?;
    ensure!(said.contains("Savepoint completed. Path: file:/savepoints/savepoint-"), "{said}");
    let said = client.run(&["cancel", &second])?;
    ensure!(said.contains(&format!("Cancelled job {second}")), "{said}");

    let said = client.run(&["list", "-a"])?;
    ensure!(said.contains(": first (FINISHED)") && said.contains(": second (CANCELED)"), "{said}");
    let state = serve.get(&format!("/jobs/{first}/status"))?;
    ensure!(state["status"] == "FINISHED", "{state}");
    Ok(())
}

struct Client {
    home: PathBuf,
    conf: tempfile::TempDir,
    host: String,
}

impl Client {
    fn new(serve: &Serve) -> Result<Client> {
        let home = parts::cache().context("no cache")?.join("flink-2.2.1");
        let conf = tempfile::tempdir()?;
        let (host, port) = serve.address()?.split_once(':').context("no port")?;
        let lines = format!("rest.address: {host}\nrest.port: {port}\njobmanager.rpc.address: {host}\n");
        std::fs::write(conf.path().join("config.yaml"), lines)?;
        Ok(Client { home, conf, host: format!("{host}:{port}") })
    }

    /// What it prints; an error if it ends with one.
    fn run(&self, words: &[&str]) -> Result<String> {
        let options = std::fs::read_to_string(self.home.join("java-opts")).unwrap_or_default();
        let mut command = Command::new("java");
        command.args(options.split_whitespace()).arg("-XX:TieredStopAtLevel=1").arg("-Xmx256m");
        command.arg("-cp").arg(format!("{}/lib/*", self.home.display()));
        command.arg("org.apache.flink.client.cli.CliFrontend").args(&words[..1]).args(["-m", &self.host]);
        command.args(&words[1..]).env("FLINK_CONF_DIR", self.conf.path()).stdin(Stdio::null());
        let done = command.output().context("java")?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let erred = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{words:?}: {}\n{said}\n{erred}", done.status);
        Ok(said)
    }
}
