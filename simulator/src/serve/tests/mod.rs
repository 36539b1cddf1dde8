//! Served answers beside recorded ones, and what requests do to the world.

mod changes;
mod shapes;
mod times;

use super::{Answer, Request, Server};
use crate::scenario::*;
use crate::world::tests::{edge, lab, vertex};
use serde_json::Value;
use weirkeeper_core::job::Ship;
use weirkeeper_core::units::Millis;

/// When the reader's clock says so, worlds begin here.
pub const BEGAN: i64 = 1_795_250_000_000;

/// The recorded job: a source, a keyed vertex and a sink, at `parallelism`.
pub fn recorded_job(parallelism: u32) -> Scenario {
    let mut scenario = lab(parallelism, Shape::Constant(500.0));
    let job = &mut scenario.jobs[0];
    job.vertices[0].parallelism = parallelism;
    job.vertices[1].state = 1e6;
    job.vertices.push(vertex("discard: Writer", parallelism, 5_000.0));
    job.edges.push(edge(1, 2, Ship::Forward, 1_000));
    scenario
}

/// A server and the reader's clock.
pub struct Lab {
    pub server: Server,
    pub now: i64,
}

impl Lab {
    pub fn new(scenario: &Scenario) -> Lab {
        Lab { server: Server::new(scenario, 1, BEGAN, 1.0), now: BEGAN }
    }

    /// The recorded job after `secs`, its metrics fetched.
    pub fn after(secs: i64) -> Lab {
        let mut lab = Lab::new(&recorded_job(2));
        lab.pass(secs);
        lab.get("/jobs/metrics");
        lab.pass(1);
        lab.get("/jobs/metrics");
        lab
    }

    pub fn pass(&mut self, secs: i64) {
        self.now += secs * 1_000;
        self.server.advance(self.now);
    }

    pub fn ask(&mut self, method: &str, target: &str, body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.server.answer(&Request::new(method, target, &body), self.now)
    }

    #[track_caller]
    pub fn get(&mut self, target: &str) -> Value {
        let answer = self.ask("GET", target, &Value::Null);
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        answer.body
    }

    /// The first job's present path, and below it.
    pub fn job(&self, rest: &str) -> String {
        format!("/jobs/{}{rest}", self.server.world().job(0).unwrap().id)
    }

    pub fn vertex(&self, v: usize, rest: &str) -> String {
        let id = self.server.world().job(0).unwrap().vertices[v].id.clone();
        self.job(&format!("/vertices/{id}{rest}"))
    }

    pub fn word(&mut self) -> String {
        let path = self.job("/status");
        self.get(&path)["status"].as_str().unwrap().to_owned()
    }
}

pub fn secs(n: u64) -> Millis {
    Millis::secs(n)
}
