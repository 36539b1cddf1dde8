//! For tests of gates and runs: a rig with short spans, answers given by hand, and several rigs on one state.

#![allow(dead_code, reason = "each test binary uses its part")]

#[path = "../common/mod.rs"]
mod rig;

pub use rig::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::State;
use weirkeeper_core::effect::{Action, ActionKind, Effect};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::policy::{Cooldown, JobLimit};
use weirkeeper_core::units::{Millis, Parallelism};

/// Short spans, and nothing that stands in the way unless the test puts it there.
impl Rig {
    /// Source `src` and `work` of 500/s per subtask, read every 5 s, judged after 10 s of warm-up, budgets ample.
    pub fn fast(p: u32, arriving: f64) -> Rig {
        let mut rig = Rig::simple(p, arriving);
        rig.step_ms = 5_000;
        rig.config.interval = Millis::secs(5);
        let scaling = &mut rig.policy().scaling;
        scaling.window = Millis::secs(30);
        scaling.warm_up = Millis::secs(10);
        scaling.scale_down.after = Millis::secs(60);
        scaling.cooldown = Cooldown { up: Millis::secs(60), down: Millis::secs(120) };
        let ample = JobLimit { count: 100, per: Millis::hours(1), downs: None, reserve_up: 0 };
        rig.policy().limits.per_job = vec![ample];
        rig.policy().limits.per_fleet.count = 100;
        rig
    }

    /// `work` at 1 is asked for 1100/s and can do 500/s. By hand: 1100 / 0.7 and the backlog of 10 to 20 s to be gone in
    /// 10 minutes are 1590 to 1610/s; 500 * 3^0.9 is 1344, 500 * 4^0.9 is 1741: it goes to 4.
    pub fn overloaded() -> Rig {
        Rig::fast(1, 1_100.0)
    }

    /// Ticks until a change has been sent, at most `secs` more.
    pub fn until_act(&mut self, secs: i64) -> Action {
        let (until, before) = (self.at + secs * 1_000, self.acts.len());
        while self.at < until && self.acts.len() == before {
            self.tick();
        }
        assert!(self.acts.len() > before, "nothing was sent within {secs} s: {:#?}", self.log);
        self.acts[before].1.clone()
    }

    /// Ticks for `secs` more.
    pub fn run_for(&mut self, secs: i64) -> &mut Rig {
        let until = self.at / 1_000 + secs;
        self.run_until(until)
    }

    /// The newest action's outcome.
    pub fn answer(&mut self, outcome: Outcome) -> Vec<Effect> {
        let (_, action) = self.acts.last().unwrap().clone();
        self.feed(&Event::Outcome { run: action.run, token: action.token, outcome })
    }

    /// Flink carries out the newest rescale, and says so.
    pub fn obey(&mut self) -> Vec<Effect> {
        let (_, action) = self.acts.last().unwrap().clone();
        let ActionKind::Rescale { target, .. } = &action.kind else { return Vec::new() };
        self.show_requirements(target.clone());
        self.apply(target);
        self.answer(Outcome::Accepted)
    }

    /// What is asked of Flink is from now on this, whatever runs.
    pub fn show_requirements(&mut self, asked: BTreeMap<Arc<str>, Bounds>) {
        self.observation.requirements = Some(asked);
    }

    /// Upper bounds for `src` and `work`.
    pub fn bounds(src: u32, work: u32) -> BTreeMap<Arc<str>, Bounds> {
        let one = |p| Bounds { lower: Parallelism(1), upper: Parallelism(p) };
        [("src".into(), one(src)), ("work".into(), one(work))].into_iter().collect()
    }

    pub fn found(asked: BTreeMap<Arc<str>, Bounds>) -> Outcome {
        Outcome::Found { requirements: asked, running: BTreeMap::new(), job_id: "1".into() }
    }

    pub fn memory(&self) -> &weirkeeper_core::memory::JobMemory {
        &self.state.jobs[&self.observation.job].memory
    }

    /// The word for the phase of the run under way.
    pub fn phase(&self) -> &'static str {
        self.memory().run.as_ref().map_or("none", |r| r.phase.as_str())
    }

    /// The words for the phases that ended runs ended in.
    pub fn ends(&self) -> Vec<&'static str> {
        self.memory().ended.iter().map(|r| r.phase.as_str()).collect()
    }

    /// Time passes, and nothing is seen of the job.
    pub fn tick_unseen(&mut self, secs: i64) -> Vec<Effect> {
        let until = self.at + secs * 1_000;
        let mut effects = Vec::new();
        while self.at < until {
            self.flow();
            effects.extend(self.feed(&Event::Tick));
        }
        effects
    }
}

pub fn escalations(effects: &[Effect]) -> Vec<String> {
    let message = |e: &'_ Effect| match e {
        Effect::Escalate { message, .. } => Some(message.clone()),
        _ => None,
    };
    effects.iter().filter_map(message).collect()
}

/// Several rigs on one state, a cluster each.
pub struct Fleet {
    pub rigs: Vec<Rig>,
}

impl Fleet {
    pub fn new(rigs: Vec<Rig>) -> Fleet {
        let mut fleet = Fleet { rigs };
        for (i, rig) in fleet.rigs.iter_mut().enumerate() {
            rig.observation.job = JobKey { cluster: format!("c{i}").into(), namespace: None, name: "job".into() };
        }
        fleet
    }

    /// The state moves from rig to rig.
    pub fn tick(&mut self) {
        for i in 0..self.rigs.len() {
            let before = if i == 0 { self.rigs.len() - 1 } else { i - 1 };
            let state = std::mem::take(&mut self.rigs[before].state);
            self.rigs[i].state = state;
            self.rigs[i].tick();
        }
    }

    pub fn state(&mut self) -> &mut State {
        &mut self.rigs.last_mut().unwrap().state
    }

    pub fn run_for(&mut self, secs: i64) {
        let until = self.rigs[0].at + secs * 1_000;
        while self.rigs[0].at < until {
            self.tick();
        }
    }

    /// Rescales sent, over all of them.
    pub fn sent(&self) -> usize {
        self.rigs.iter().map(|r| r.rescales().len()).sum()
    }
}
