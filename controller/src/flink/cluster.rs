//! What a cluster says of itself: version, settings, slots.

use super::answers::{ConfigLine, OverviewAnswer, TaskManagersAnswer};
use std::collections::BTreeMap;
use weirkeeper_core::observation::{ClusterFacts, Scheduler, Slots};
use weirkeeper_core::units::Millis;

/// The JobManager's configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// From `GET /jobmanager/config`.
    pub fn new(lines: Vec<ConfigLine>) -> Settings {
        Settings(lines.into_iter().filter_map(|l| Some((l.key, l.value?))).collect())
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn first(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|k| self.get(k))
    }

    /// The scheduler of streaming jobs. Flink's own default is `default`; reactive mode runs on the adaptive scheduler
    /// but takes no requirements.
    pub fn scheduler(&self) -> Scheduler {
        if self.get("scheduler-mode").is_some_and(|m| m.eq_ignore_ascii_case("reactive")) {
            return Scheduler::Other("reactive".into());
        }
        let word = self.get("jobmanager.scheduler").unwrap_or("default").to_ascii_lowercase();
        if word == "adaptive" { Scheduler::Adaptive } else { Scheduler::Other(word) }
    }

    /// Whether TaskManagers are started on demand. The high-availability services set `kubernetes.cluster-id` too, so
    /// only the execution target counts.
    fn on_demand(&self) -> bool {
        self.get("execution.target").is_some_and(|t| t.starts_with("kubernetes-") || t.starts_with("yarn-"))
    }

    /// How long Flink serves a metric before it fetches it again.
    pub fn fetch_interval(&self) -> Millis {
        self.get("metrics.fetcher.update-interval").and_then(duration).unwrap_or(Millis::secs(10))
    }

    /// Facts for sizing. Defaults are Flink's own, and given only where the configuration was read.
    pub fn facts(&self, version: Option<(u32, u32)>) -> ClusterFacts {
        let debloat = self.get("taskmanager.network.memory.buffer-debloat.enabled").unwrap_or("false");
        ClusterFacts {
            version,
            buffer_debloat: Some(debloat.eq_ignore_ascii_case("true")),
            heartbeat_timeout: Some(self.get("heartbeat.timeout").and_then(duration).unwrap_or(Millis::secs(50))),
            rescale_cooldown: Some(self.cooldown()),
            taskmanager_memory: self.get("taskmanager.memory.process.size").and_then(bytes),
        }
    }

    fn cooldown(&self) -> Millis {
        let keys = [
            "jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling",
            "jobmanager.adaptive-scheduler.scaling-interval.min",
        ];
        self.first(&keys).and_then(duration).unwrap_or(Millis::secs(30))
    }

    fn slots_max(&self) -> Option<u32> {
        // The default is the largest integer: no limit.
        let text = self.get("slotmanager.number-of-slots.max")?;
        text.trim().parse().ok().filter(|n| *n < i32::MAX.unsigned_abs())
    }
}

/// `2.2.1` or `1.20-SNAPSHOT`.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Flink's durations: a number and a unit, milliseconds without one, or ISO 8601 (`PT30S`).
pub fn duration(text: &str) -> Option<Millis> {
    let text = text.trim();
    if text.starts_with(['P', 'p']) {
        let span: jiff::SignedDuration = text.parse().ok()?;
        return u64::try_from(span.as_millis()).ok().map(Millis);
    }
    let (number, unit) = split_unit(text);
    let factor = match unit.as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Millis)
}

/// Flink's memory sizes: a number and a unit, bytes without one; units are powers of 1024.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text.trim());
    let factor: u64 = match unit.as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kb" | "kibibytes" => 1 << 10,
        "m" | "mb" | "mebibytes" => 1 << 20,
        "g" | "gb" | "gibibytes" => 1 << 30,
        "t" | "tb" | "tebibytes" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn split_unit(text: &str) -> (String, String) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].to_owned(), text[end..].trim().to_ascii_lowercase())
}

/// Slots by TaskManager; the more telling source.
pub fn slots_by_taskmanager(answer: &TaskManagersAnswer, settings: Option<&Settings>) -> Option<Slots> {
    let each: Option<Vec<(u32, u32)>> =
        answer.taskmanagers.iter().map(|t| Some((t.slots_number.small()?, t.free_slots.small()?))).collect();
    let each = each?;
    let first = each.first().map(|s| s.0);
    Some(Slots {
        total: each.iter().map(|s| s.0).sum(),
        free: each.iter().map(|s| s.1).sum(),
        max: settings.and_then(Settings::slots_max),
        on_demand: settings.is_some_and(Settings::on_demand),
        per_taskmanager: first.filter(|n| each.iter().all(|s| s.0 == *n)),
        taskmanagers: u32::try_from(each.len()).unwrap_or(u32::MAX),
    })
}

/// Slots as the overview sums them, where the list of TaskManagers cannot be read.
pub fn slots_by_overview(answer: &OverviewAnswer, settings: Option<&Settings>) -> Option<Slots> {
    Some(Slots {
        total: answer.slots_total.small()?,
        free: answer.slots_available.small()?,
        max: settings.and_then(Settings::slots_max),
        on_demand: settings.is_some_and(Settings::on_demand),
        per_taskmanager: None,
        taskmanagers: answer.taskmanagers.small()?,
    })
}

/// Memory of one TaskManager, where all have the same.
pub fn common_memory(answer: &TaskManagersAnswer) -> Option<u64> {
    let mut sizes = answer.taskmanagers.iter().map(|t| t.memory_configuration.as_ref()?.total_process_memory.count());
    let first = sizes.next()??;
    sizes.all(|s| s == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        Settings(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn durations_and_sizes_as_flink_writes_them() {
        let cases = [
            ("5s", 5_000),
            ("200", 200),
            ("1 min", 60_000),
            ("30 s", 30_000),
            ("PT1M30S", 90_000),
            ("2 d", 172_800_000),
        ];
        for (text, ms) in cases {
            assert_eq!(duration(text), Some(Millis(ms)), "{text}");
        }
        for bad in ["", "x", "5 parsecs", "-5s", "99999999999999999999 d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(bytes("1152m"), Some(1152 << 20));
        assert_eq!(bytes("134217728b"), Some(134_217_728));
        assert_eq!(bytes("1 gb"), Some(1 << 30));
        assert_eq!(bytes("lots"), None);
    }

    #[test]
    fn the_scheduler_is_what_the_settings_say() {
        assert_eq!(settings(&[("jobmanager.scheduler", "adaptive")]).scheduler(), Scheduler::Adaptive);
        assert_eq!(settings(&[]).scheduler(), Scheduler::Other("default".into()));
        let reactive = settings(&[("scheduler-mode", "REACTIVE"), ("jobmanager.scheduler", "adaptive")]);
        assert_eq!(reactive.scheduler(), Scheduler::Other("reactive".into()));
    }

    #[test]
    fn versions_and_cooldowns_of_both_lines() {
        assert_eq!(version("2.2.1"), Some((2, 2)));
        assert_eq!(version("1.20-SNAPSHOT"), Some((1, 20)));
        assert_eq!(version("<unknown>"), None);
        let one = settings(&[("jobmanager.adaptive-scheduler.scaling-interval.min", "1s")]);
        let two = settings(&[("jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling", "2 s")]);
        assert_eq!(one.facts(None).rescale_cooldown, Some(Millis::secs(1)));
        assert_eq!(two.facts(None).rescale_cooldown, Some(Millis::secs(2)));
        assert_eq!(settings(&[]).facts(None).rescale_cooldown, Some(Millis::secs(30)));
    }

    #[test]
    fn on_demand_only_where_the_target_says_so() {
        let one = |pairs: &[(&str, &str)]| settings(pairs).on_demand();
        assert!(one(&[("execution.target", "kubernetes-application")]) && one(&[("execution.target", "yarn-session")]));
        assert!(!one(&[("kubernetes.cluster-id", "ha-only")]) && !one(&[("execution.target", "remote")]));
    }
}
