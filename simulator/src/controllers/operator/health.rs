//! What that operator calls healthy: its own checks of restarts and checkpoints, and its reading of "RUNNING".

use weirkeeper_core::units::Millis;

/// Settings of the check of checkpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckpointCheck {
    /// `cluster.health-check.checkpoint-progress.window`.
    pub window: Option<Millis>,
    /// `execution.checkpointing.interval`; absent: no checkpoints.
    pub interval: Option<Millis>,
    /// `execution.checkpointing.timeout`.
    pub timeout: Millis,
    /// `execution.checkpointing.tolerable-failed-checkpoints`.
    pub tolerable: u32,
}

/// Restarts since the last look, scaled down to the window where the look lies further back, are within the limit.
/// A counter that went back counts as fine.
pub fn restarts_are_few(window: Millis, since: Millis, before: u64, now: u64, limit: u64) -> bool {
    let Some(more) = now.checked_sub(before) else { return true };
    let share = if since.0 <= window.0 { 1.0 } else { window.0 as f64 / since.0 as f64 };
    (more as f64 * share).floor() <= limit as f64
}

/// Checkpoints complete, or have not failed to for long enough. Times are milliseconds.
pub fn checkpoints_progress(check: &CheckpointCheck, last: i64, now: i64, before: u64, completed: u64) -> bool {
    if check.window.is_none() && check.interval.is_none() {
        return true;
    }
    let longest = check.timeout.max(check.interval.unwrap_or_default());
    let least = longest.times(u64::from(check.tolerable) + 2);
    let window = check.window.filter(|w| *w >= least).unwrap_or(least);
    completed != before || last + window.0 as i64 >= now
}

/// Flink's word for a job's state, but for a job that says RUNNING while a task neither runs nor has finished: that
/// one is only being created.
pub fn effective_status(said: &str, tasks: u32, running: u32, finished: u32) -> &str {
    if said == "RUNNING" && tasks != running + finished { "CREATED" } else { said }
}
