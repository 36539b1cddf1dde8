//! Waiting for what must come, and for as long as nothing may.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How long to wait for what must come: generous, because the machine may be busy with other things. A scenario that
/// waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(150);
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until `what` gives something. Errors of `what` count as "not yet"; the last one is told.
pub fn eventually<T>(why: &str, what: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    within(PATIENCE, why, what)
}

/// The same, with a patience of its own.
pub fn within<T>(patience: Duration, why: &str, mut what: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + patience;
    let mut last = None;
    while Instant::now() < end {
        match what() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => last = None,
            Err(e) => last = Some(e),
        }
        std::thread::sleep(PAUSE);
    }
    match last {
        Some(e) => bail!("waited {patience:?} in vain for {why}: {e:#}"),
        None => bail!("waited {patience:?} in vain for {why}"),
    }
}

/// Lets this much time pass.
pub fn pause(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}
