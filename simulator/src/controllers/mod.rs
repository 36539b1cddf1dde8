//! Controllers to compare with Weirkeeper. They live here only: nothing that decides about a real job uses them.

pub mod ds2;
pub mod fixed;
pub mod horizontal;
pub mod hpa;
pub mod keda;
pub mod operator;
pub mod options;
pub mod reading;
pub mod weirkeeper;

#[cfg(test)]
mod bench_of_two;
#[cfg(test)]
mod tests;

use crate::controller::Controller;
use crate::scenario::Scenario;
use options::Options;
use weirkeeper_core::policy::Policy;

/// The names of all controllers, as on the command line.
pub const NAMES: [&str; 6] = ["weirkeeper", "static", "hpa", "keda", "ds2", "operator"];

/// What a controller is made of.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// What it will control: for what it may know beforehand, such as how often to look.
    pub scenario: &'a Scenario,
    /// Policies of `weirkeeper`; the others have none.
    pub policies: &'a [Policy],
    /// Options of all controllers, as `controller.option`.
    pub options: &'a Options,
}

/// A controller by its name. What is wrong with the name or an option is said in one sentence.
pub fn by_name(name: &str, setup: &Setup<'_>) -> Result<Box<dyn Controller>, String> {
    let own = own_options(name, setup.options);
    let made: Result<Box<dyn Controller>, String> = match name {
        "weirkeeper" => none(&own).map(|()| boxed(weirkeeper::Weirkeeper::acting(setup.policies, setup.scenario))),
        "static" => none(&own).map(|()| boxed(fixed::Static)),
        "hpa" => hpa::Hpa::new(&own).map(boxed),
        "keda" => keda::Keda::new(&own).map(boxed),
        "ds2" => ds2::Ds2::new(&own).map(boxed),
        "operator" => operator::Operator::with(&own).map(boxed),
        _ => return Err(format!("no controller is called `{name}`: there are {}", NAMES.join(", "))),
    };
    made.map_err(|why| format!("{name}: {why}"))
}

fn boxed(controller: impl Controller + 'static) -> Box<dyn Controller> {
    Box::new(controller)
}

fn own_options(name: &str, options: &Options) -> Options {
    let own = options.iter().filter_map(|(key, value)| Some((key.strip_prefix(name)?.strip_prefix('.')?, value)));
    own.map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

fn none(options: &Options) -> Result<(), String> {
    options.keys().next().map_or(Ok(()), |key| Err(format!("`{key}`: it has no options")))
}
