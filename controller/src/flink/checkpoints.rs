//! What is known of a job's checkpoints.

use super::answers::{CheckpointConfigAnswer, CheckpointEntry, CheckpointsAnswer, Entry, Flag, Num};
use super::error::FlinkError;
use weirkeeper_core::observation::Checkpoints;
use weirkeeper_core::units::{Millis, Timestamp};

/// Settings of a job's checkpoints, read once per attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointSettings {
    pub interval: Option<Millis>,
    pub timeout: Option<Millis>,
    pub enabled: Option<bool>,
    pub forst: Option<bool>,
}

/// Without checkpoints Flink answers 404 with these words; another 404 (a proxy's) says nothing.
pub fn is_disabled(error: &FlinkError) -> bool {
    let says =
        |text: &str| text.contains("heckpointing is not enabled") || text.contains("heckpointing has not been enabled");
    error.status() == Some(404) && error.reason().is_some_and(says)
}

/// From `GET /jobs/:id/checkpoints/config`. An interval of centuries is how Flink writes "never".
pub fn settings(answer: &CheckpointConfigAnswer) -> CheckpointSettings {
    let century = 100.0 * 365.0 * 86_400_000.0;
    let span = |n: Num| n.0.filter(|v| *v > 0.0 && *v < century).map(|v| Millis(v as u64));
    let interval = span(answer.interval);
    let forst = answer.state_backend.as_ref().map(|name| name.to_ascii_lowercase().contains("forst"));
    CheckpointSettings { interval, timeout: span(answer.timeout), enabled: interval.map(|_| true), forst }
}

/// From `GET /jobs/:id/checkpoints`. `shift` moves the JobManager's clock to ours.
pub fn read(answer: CheckpointsAnswer, settings: CheckpointSettings, restarting: bool, shift: i64) -> Checkpoints {
    let last = answer.latest.and_then(|l| l.completed).filter(|c| c.is_savepoint != Some(Flag(true)));
    let last = last.as_ref();
    let underway: Vec<CheckpointEntry> =
        answer.history.into_iter().filter_map(Entry::good).filter(is_underway).collect();
    let savepoint = underway.iter().any(|c| c.is_savepoint == Some(Flag(true)));
    // While a job restarts, all counts were seen as 0 for one poll.
    let counts = answer.counts.filter(|c| !restarting || c.completed.0 != Some(0.0) || c.failed.0 != Some(0.0));
    let in_progress = counts.as_ref().and_then(|c| c.in_progress.count());
    Checkpoints {
        last_completed: last.and_then(|c| c.latest_ack_timestamp.instant()).map(|t| Timestamp(t + shift)),
        last_completed_id: last.and_then(|c| c.id.count()),
        last_duration: last.and_then(|c| c.end_to_end_duration.count()).map(Millis),
        full_size: last.and_then(|c| c.state_size.count()),
        written: last.and_then(|c| c.checkpointed_size.count()),
        completed: counts.as_ref().and_then(|c| c.completed.count()),
        failed: counts.as_ref().and_then(|c| c.failed.count()),
        savepoint_in_progress: in_progress.map(|_| savepoint),
        checkpoint_in_progress: in_progress.map(|n| n as usize > usize::from(savepoint)),
        interval: settings.interval,
        timeout: settings.timeout,
        enabled: settings.enabled,
        forst: settings.forst,
    }
}

fn is_underway(entry: &CheckpointEntry) -> bool {
    entry.status.as_deref() == Some("IN_PROGRESS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> CheckpointsAnswer {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_savepoint_under_way_is_seen() {
        let text = r#"{"counts":{"in_progress":1,"completed":3,"failed":0},"latest":{"completed":null},
            "history":[{"id":4,"status":"IN_PROGRESS","is_savepoint":true},7,{"id":3,"status":"COMPLETED","is_savepoint":false}]}"#;
        let c = read(answer(text), CheckpointSettings::default(), false, 0);
        assert_eq!((c.savepoint_in_progress, c.checkpoint_in_progress), (Some(true), Some(false)));
        assert_eq!((c.last_completed, c.completed), (None, Some(3)));
    }

    #[test]
    fn counts_of_zero_while_restarting_are_unknown() {
        let text = r#"{"counts":{"in_progress":0,"completed":0,"failed":0}}"#;
        assert_eq!(read(answer(text), CheckpointSettings::default(), true, 0).completed, None);
        assert_eq!(read(answer(text), CheckpointSettings::default(), false, 0).completed, Some(0));
        assert_eq!(read(answer("{}"), CheckpointSettings::default(), false, 0), Checkpoints::default());
    }

    #[test]
    fn never_is_not_an_interval() {
        let config = serde_json::from_str(r#"{"interval":9223372036854775807,"timeout":600000}"#).unwrap();
        assert_eq!(
            settings(&config),
            CheckpointSettings { interval: None, timeout: Some(Millis(600_000)), enabled: None, forst: None }
        );
    }

    #[test]
    fn a_forst_backend_is_known_by_its_class() {
        let of = |backend: &str| {
            settings(&serde_json::from_str(&format!(r#"{{"state_backend":"{backend}"}}"#)).unwrap()).forst
        };
        assert_eq!(of("ForStStateBackend"), Some(true));
        assert_eq!(of("EmbeddedRocksDBStateBackend"), Some(false));
    }

    #[test]
    fn only_flinks_own_words_mean_disabled() {
        let of = |status, reason: &str| {
            is_disabled(&FlinkError::Status { call: String::new(), status, reason: reason.into() })
        };
        assert!(of(404, "Checkpointing is not enabled for this job (abc)."));
        assert!(of(404, "Checkpointing has not been enabled."));
        assert!(!of(404, "Not found.") && !of(500, "Checkpointing is not enabled for this job (abc)."));
    }
}
