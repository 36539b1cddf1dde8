//! `weirkeeper`: the core behind the trait, driven as the shell drives it: what was read, then a tick.

use crate::controller::{Command, Controller};
use crate::scenario::{Mechanism, Scenario};
use weirkeeper_core::effect::Effect;
use weirkeeper_core::event::Event;
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::JobKey;
use weirkeeper_core::policy::{Apply, Jar, Mode, Policy};
use weirkeeper_core::select::select;
use weirkeeper_core::state::{STORED_VERSION, Stored};
use weirkeeper_core::units::{Millis, Timestamp};
use weirkeeper_core::{Config, State, step};

/// The core with its state.
#[derive(Clone, Debug)]
pub struct Weirkeeper {
    config: Config,
    state: State,
    /// It has just started, and does not know yet what time it is.
    fresh: bool,
}

impl Weirkeeper {
    /// With policies as they are; a policy that only recommends moves nothing.
    pub fn new(policies: Vec<Policy>, interval: Millis) -> Weirkeeper {
        let config = Config { policies, interval, dry_run: false, dry_run_counts: false };
        Weirkeeper { config, state: State::default(), fresh: true }
    }

    /// With policies that may do what they say; see [`acting`].
    pub fn acting(policies: &[Policy], scenario: &Scenario) -> Weirkeeper {
        Weirkeeper::new(acting(policies, scenario), scenario.interval)
    }

    /// What it remembers.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn events(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        let resumed = self.fresh.then_some(Event::Resumed);
        self.fresh = false;
        let mut commands = Vec::new();
        for event in resumed.iter().chain(events).chain([&Event::Tick]) {
            commands.extend(step(&self.config, &mut self.state, at, event).into_iter().map(command));
        }
        commands
    }

    /// What would be durable now, as the store holds it.
    fn durable(&self) -> Vec<Stored> {
        let fleet = Stored::Fleet { version: STORED_VERSION, memory: self.state.fleet.clone() };
        let jobs = self.state.jobs.iter().map(|(job, state)| Stored::Job {
            version: STORED_VERSION,
            job: job.clone(),
            memory: Box::new(state.memory.clone()),
        });
        [fleet].into_iter().chain(jobs).collect()
    }
}

fn command(effect: Effect) -> Command {
    match effect {
        Effect::Act(action) => Command::Act(action),
        Effect::Record(decision) => Command::Record(decision),
        Effect::Escalate { message, .. } => Command::Escalate(message),
    }
}

impl Controller for Weirkeeper {
    fn name(&self) -> &str {
        "weirkeeper"
    }

    fn look(&mut self, at: Timestamp, events: &[Event]) -> Vec<Command> {
        self.events(at, events)
    }

    /// What was durable goes through its serialised form, as it does in the state file.
    fn restarted(&mut self, at: Timestamp) {
        let text = serde_json::to_vec(&self.durable());
        let back = text.and_then(|text| serde_json::from_slice::<Vec<Stored>>(&text));
        self.state = back.map_or_else(|_| State::unreadable(at), State::restore);
        self.fresh = true;
    }

    fn policies(&self) -> &[Policy] {
        &self.config.policies
    }
}

/// The same policies, allowed to act on the scenario's jobs: in a simulation nothing can be broken, and the question is
/// what a policy would do. `recommend` and `approve` become `auto`, with the opt-in of every job that falls to the policy
/// (`observe` stays); where the cluster can only redeploy, a jar stands for the job's own.
pub fn acting(policies: &[Policy], scenario: &Scenario) -> Vec<Policy> {
    let mut acting = policies.to_vec();
    for job in &scenario.jobs {
        let key = JobKey { cluster: "simulated".into(), namespace: None, name: job.name.clone() };
        let Some(chosen) = select(policies, &key, &job.labels).map(|p| p.name.clone()) else { continue };
        for policy in acting.iter_mut().filter(|p| p.name == chosen && p.mode > Mode::Observe) {
            policy.mode = Mode::Auto;
            policy.matches.jobs.push(Glob(job.name.to_string()));
        }
    }
    if scenario.cluster.mechanism == Mechanism::Redeploy {
        acting.iter_mut().filter(|p| p.scaling.jar.is_none()).for_each(redeploys);
    }
    acting
}

fn redeploys(policy: &mut Policy) {
    policy.scaling.apply = Apply::StopWithSavepoint;
    let jar = Jar { name: "job.jar".into(), entry_class: None, args: Vec::new(), config: Default::default() };
    policy.scaling.jar = Some(jar);
}

#[cfg(test)]
mod tests {
    use super::*;
    use weirkeeper_core::event::{Control, PauseScope};

    #[test]
    fn what_is_durable_survives_being_killed() {
        let mut weirkeeper = Weirkeeper::new(vec![Policy::default()], Millis::secs(15));
        let pause = Control::Pause {
            job: Some("a".into()),
            only: Some(PauseScope::Up),
            until: None,
            reason: "release".into(),
            by: "ann".into(),
        };
        let at = Timestamp(1_000_000);
        weirkeeper.look(at, &[Event::Control(pause)]);
        let before = weirkeeper.state.fleet.clone();
        assert_eq!(before.pauses.len(), 1);
        weirkeeper.restarted(at);
        assert_eq!(weirkeeper.state.fleet, before);
        assert!(weirkeeper.fresh);
    }
}
