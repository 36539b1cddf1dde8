//! `weirkeeper serve`: the controller and Flink's own client against a simulated cluster.

mod client;
mod parity;
mod rescale;

use crate::program::{self, Running};
use anyhow::{Context, Result};
use libtest_mimic::Trial;
use tempfile::TempDir;

/// The trials of this area.
pub fn trials() -> Vec<Trial> {
    let mut all = vec![
        Trial::test("serve::run_rescales_a_served_job_on_a_fourfold_load", || Ok(rescale::fourfold()?)),
        Trial::test("serve::a_bad_scenario_ends_with_its_problems", || Ok(rescale::bad_scenario()?)),
        Trial::test("serve::run_against_serve_decides_as_the_simulation_does", || Ok(parity::equal_targets()?)),
    ];
    let name = "serve::flinks_own_client_lists_savepoints_stops_and_cancels";
    all.push(crate::parts::needing(name, &["flink-2.2.1"], || Ok(client::works()?)));
    all
}

/// `weirkeeper serve` beside the test; killed when dropped.
pub struct Serve {
    _folder: TempDir,
    running: Running,
    /// Its REST API.
    pub url: String,
}

impl Serve {
    /// A scenario's text at a speed.
    pub fn start(scenario: &str, speed: u32) -> Result<Serve> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("scenario.yaml");
        std::fs::write(&file, scenario)?;
        let (file, speed) = (file.display().to_string(), speed.to_string());
        let mut running = Running::start(&mut program::command(["serve", &file, "--port", "0", "--speed", &speed])?)?;
        let url =
            running.until("its port", |r| Some(r.stdout().split_once("http://")?.1.lines().next()?.to_owned()))?;
        Ok(Serve { _folder: folder, running, url: format!("http://{url}") })
    }

    /// Host and port.
    pub fn address(&self) -> Result<&str> {
        self.url.strip_prefix("http://").context("no http")
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Result<serde_json::Value> {
        crate::real::get(&format!("{}{path}", self.url))
    }

    /// What it says of itself, where something failed.
    pub fn said(&self) -> String {
        self.running.stderr()
    }
}
