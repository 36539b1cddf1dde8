//! Controllers against each other: every controller on every scenario with every seed, on all cores. The result does
//! not depend on how many cores there are, nor on which play ends first.

pub mod table;

#[cfg(test)]
mod tests;

use crate::controllers::options::Options;
use crate::controllers::{Setup, by_name};
use crate::play::play_on;
use crate::scenario::Scenario;
use crate::score::{Known, Scorer, Scores};
use crate::world::World;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Millis;

/// Who plays, what, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Tournament<'a> {
    /// Scenarios.
    pub scenarios: &'a [Arc<Scenario>],
    /// Names of controllers.
    pub controllers: &'a [String],
    /// Seeds; none: each scenario has its own.
    pub seeds: &'a [u64],
    /// Policies of `weirkeeper`.
    pub policies: &'a [Policy],
    /// Options of controllers, as `controller.option`.
    pub options: &'a Options,
    /// Late is what lags beyond it.
    pub objective: Millis,
}

/// One play.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Scenario.
    pub scenario: String,
    /// Controller.
    pub controller: String,
    /// Seed.
    pub seed: u64,
    /// Scores by job; empty where it was stopped.
    pub scores: Vec<Scores>,
    /// Changes that the controller asked for.
    pub changes: u64,
    /// Why it was stopped: an invariant did not hold.
    pub violation: Option<String>,
}

impl Tournament<'_> {
    /// How many plays there are.
    pub fn plays(&self) -> usize {
        self.scenarios.len() * self.controllers.len() * self.seeds.len().max(1)
    }

    /// The `i`-th play: seeds turn fastest, then controllers.
    fn place(&self, i: usize) -> (&Arc<Scenario>, &str, u64) {
        let (seeds, controllers) = (self.seeds.len().max(1), self.controllers.len());
        let scenario = &self.scenarios[i / seeds / controllers];
        let seed = self.seeds.get(i % seeds).copied().unwrap_or(scenario.seed);
        (scenario, &self.controllers[i / seeds % controllers], seed)
    }

    /// What is wrong with a name or an option, before anything is played.
    pub fn check(&self) -> Result<(), String> {
        for scenario in self.scenarios {
            let setup = Setup { scenario, policies: self.policies, options: self.options };
            for name in self.controllers {
                by_name(name, &setup)?;
            }
        }
        Ok(())
    }

    /// Plays all, on `threads` threads. `done` is told after each play how many are over; it may be called from any
    /// thread.
    pub fn run(&self, threads: usize, done: &(dyn Fn(usize) + Sync)) -> Result<Vec<Run>, String> {
        self.check()?;
        let (next, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results: Vec<Mutex<Option<Result<Run, String>>>> = (0..self.plays()).map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, self.plays().max(1)) {
                scope.spawn(|| {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(slot) = results.get(i) else { break };
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.play(i));
                        done(over.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                });
            }
        });
        let taken = results.into_iter().filter_map(|r| r.into_inner().unwrap_or_else(PoisonError::into_inner));
        taken.collect()
    }

    fn play(&self, i: usize) -> Result<Run, String> {
        let (scenario, name, seed) = self.place(i);
        let setup = Setup { scenario, policies: self.policies, options: self.options };
        let mut controller = by_name(name, &setup)?;
        let mut world = World::new(scenario.clone(), seed);
        let mut scorer = Scorer::new(Known::of(scenario, self.objective));
        let played = play_on(&mut world, scenario, seed, controller.as_mut(), &mut scorer);
        let (scores, changes, violation) = match played {
            Ok(played) => (scorer.finish(), played.changes, None),
            Err(violation) => (Vec::new(), 0, Some(violation.to_string())),
        };
        let (scenario, controller) = (scenario.name.clone(), name.to_owned());
        Ok(Run { scenario, controller, seed, scores, changes, violation })
    }
}
