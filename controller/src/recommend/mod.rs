//! `weirkeeper recommend`: watches for a while and says what it would change, and why. Nothing is touched.

use crate::args::{Global, RecommendArgs};
use crate::exit::Stop;

/// Runs it.
pub async fn run(global: &Global, args: &RecommendArgs) -> Result<u8, Stop> {
    let _ = (global, args);
    Err(Stop::cannot("not wired"))
}
