//! The commands that talk to a running `weirkeeper run`.

pub mod actions;
pub mod explain;
mod http;
pub mod pause;

pub use http::Server;

use crate::cli::print;
use crate::exit::Stop;
use serde::Serialize;

/// Who gives a word, unless told: the user's name.
fn somebody(by: Option<String>) -> String {
    let user = || std::env::var("USER").ok().filter(|u| !u.is_empty());
    by.or_else(user).unwrap_or_else(|| "somebody".to_owned())
}

/// Prints a result as JSON.
fn print_json(value: &impl Serialize) -> Result<u8, Stop> {
    print(&serde_json::to_string_pretty(value).map_err(Stop::broke)?)
}
