//! What is to be played: the command line made into scenarios, policies, controllers and seeds.

use crate::args::SimulateArgs;
use crate::exit::Stop;
use crate::policy;
use crate::scenario;
use std::sync::Arc;
use weirkeeper_core::policy::Policy;
use weirkeeper_core::units::Millis;
use weirkeeper_simulator::chaos;
use weirkeeper_simulator::controllers::options::Options;
use weirkeeper_simulator::scenario::trace::{How, Scale};
use weirkeeper_simulator::scenario::{Scenario, Shape};
use weirkeeper_simulator::tournament::Tournament;

/// Everything that is played.
pub struct Inputs {
    /// Scenarios, with the load that was asked for.
    pub scenarios: Vec<Arc<Scenario>>,
    /// The policies in force.
    pub policies: Vec<Policy>,
    controllers: Vec<String>,
    options: Options,
    /// Empty: each scenario has its own.
    seeds: Vec<u64>,
}

impl Inputs {
    /// Reads everything, or says everything that is wrong.
    pub fn read(args: &SimulateArgs) -> Result<Inputs, Stop> {
        let policies = policies(args)?;
        let mut scenarios = if args.chaos { chaos(args) } else { scenarios(args)? };
        if let Some(path) = &args.trace {
            let scale = args.trace_peak.map_or(Scale::Factor(1.0), Scale::Peak);
            let how = How { scale, ..How::default() };
            let points =
                scenario::read_trace(path, &how).map_err(|(what, hint)| Stop::cannot(format!("{what}; {hint}")))?;
            scenarios.iter_mut().for_each(|s| replace_load(s, &points));
        }
        let factor = args.load.map_or(1.0, |f| f.0);
        scenarios
            .iter_mut()
            .flat_map(|s| &mut s.jobs)
            .flat_map(|j| j.load.values_mut())
            .for_each(|l| l.factor *= factor);
        if let Some(duration) = args.duration {
            let span = Millis(u64::try_from(duration.0.as_millis()).unwrap_or(u64::MAX));
            scenarios.iter_mut().for_each(|s| s.duration = span);
        }
        Ok(Inputs {
            scenarios: scenarios.into_iter().map(Arc::new).collect(),
            policies,
            controllers: args.controller.clone(),
            options: options(&args.set)?,
            seeds: seeds(args),
        })
    }

    /// All plays.
    pub fn tournament(&self) -> Tournament<'_> {
        Tournament {
            scenarios: &self.scenarios,
            controllers: &self.controllers,
            seeds: &self.seeds,
            policies: &self.policies,
            options: &self.options,
            objective: self.objective(),
        }
    }

    /// The strictest objective of the policies: what is late is late for somebody.
    pub fn objective(&self) -> Millis {
        self.policies.iter().map(|p| p.scaling.lag_objective).min().unwrap_or(Millis::minutes(2))
    }
}

fn policies(args: &SimulateArgs) -> Result<Vec<Policy>, Stop> {
    let Some(folder) = &args.policies else { return Ok(policy::builtin()) };
    let loaded = policy::load(std::slice::from_ref(folder));
    if loaded.is_good() { Ok(loaded.policies) } else { Err(Stop::report(loaded.report())) }
}

fn scenarios(args: &SimulateArgs) -> Result<Vec<Scenario>, Stop> {
    let loaded = scenario::load(&args.scenarios);
    if loaded.is_good() { Ok(loaded.scenarios) } else { Err(Stop::report(loaded.report())) }
}

/// One world per seed.
fn chaos(args: &SimulateArgs) -> Vec<Scenario> {
    let first = args.seed.unwrap_or(1);
    (first..first + args.seeds.max(1)).map(chaos::scenario).collect()
}

fn seeds(args: &SimulateArgs) -> Vec<u64> {
    match (args.chaos, args.seed, args.seeds) {
        (true, _, _) | (false, None, 0) => Vec::new(),
        (false, seed, n) => (seed.unwrap_or(1)..seed.unwrap_or(1) + n.max(1)).collect(),
    }
}

/// Each source gets its share: as large as that of its own load.
fn replace_load(scenario: &mut Scenario, points: &[(Millis, f64)]) {
    for job in &mut scenario.jobs {
        let peaks: Vec<f64> = job.load.values().map(|l| l.peak(scenario.duration)).collect();
        let all: f64 = peaks.iter().sum();
        let even = 1.0 / peaks.len().max(1) as f64;
        for (load, peak) in job.load.values_mut().zip(peaks) {
            let share = if all > 0.0 { peak / all } else { even };
            let own = points.iter().map(|(at, rate)| (*at, rate * share)).collect();
            load.shapes = vec![Shape::Line(Arc::new(own))];
            load.factor = 1.0;
        }
    }
    if let Some((end, _)) = points.last() {
        scenario.duration = *end;
    }
}

/// `operator.target.utilization=0.6`.
fn options(set: &[String]) -> Result<Options, Stop> {
    let one = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err(Stop::cannot(format!("--set {text}: write CONTROLLER.OPTION=VALUE"))),
    };
    set.iter().map(one).collect()
}
