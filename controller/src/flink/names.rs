//! Names of metrics: packed into requests that Flink accepts, and recognised by their operator scope.

use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::sizing::grain::MAX_PARTITIONS;

/// Percent-encodes what is not unreserved in RFC 3986.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Comma-separated lists of encoded names, each at most `room` bytes. A name that cannot be asked for is left out:
/// Flink splits the list at commas after decoding it.
pub fn chunks<'a>(names: impl IntoIterator<Item = &'a str>, room: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in names.into_iter().filter(|n| !n.contains(',') && !n.is_empty()) {
        let name = encode(name);
        if name.len() > room {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.len() + 1 + name.len() <= room => {
                last.push(',');
                last.push_str(&name);
            }
            _ => out.push(name),
        }
    }
    out
}

/// The metric of an operator that `name` is, if it ends with `suffix`. The operator scope holds no dot (Flink replaces
/// what is not alphanumeric by `_`), so a user's own `op.group.pendingRecords` does not match.
fn is_operator_metric(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).and_then(|n| n.strip_suffix('.')).is_some_and(|op| !op.is_empty() && !op.contains('.'))
}

/// Operator metrics of a source, as suffixes after the operator's scope.
pub mod suffix {
    pub const PENDING: &str = "pendingRecords";
    pub const EMIT_LAG: &str = "currentEmitEventTimeLag";
    pub const WATERMARK_LAG: &str = "watermarkLag";
    pub const SOURCE_IDLE: &str = "sourceIdleTime";
    pub const ALIGNMENT_DRIFT: &str = "watermarkAlignmentDrift";
    pub const ASSIGNED: &str = "KafkaSourceReader.KafkaConsumer.assigned-partitions";
    pub const CONNECTIONS: &str = "KafkaSourceReader.KafkaConsumer.connection-count";
    pub const COMMITS_FAILED: &str = "KafkaSourceReader.commitsFailed";
    pub const SEND_TIME: &str = "currentSendTime";
    pub const OPERATOR_OUT: &str = "numRecordsOut";
    /// After `split.` and the split's id.
    pub const SPLIT_PAUSED: &str = "watermark.pausedTimeMsPerSecond";
    /// Those of a source that are read.
    pub const OF_SOURCE: [&str; 8] =
        [PENDING, EMIT_LAG, WATERMARK_LAG, SOURCE_IDLE, ALIGNMENT_DRIFT, ASSIGNED, CONNECTIONS, COMMITS_FAILED];
}

/// What the list of a vertex's metric names tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VertexNames {
    /// Full names to read, with the suffix each ends with.
    pub wanted: Vec<(String, &'static str)>,
    /// Kafka partitions named in them, if any: the union, because after a rescale a subtask still lists the partitions
    /// that its predecessor of the same index owned.
    pub partitions: Option<u32>,
    /// The offset of each of them, where they are few enough to be read one by one: name, topic, number.
    pub offsets: Vec<(String, Arc<str>, u32)>,
    /// The paused time of each split (Flink 2.x), where they are few enough.
    pub splits: Vec<String>,
}

/// At most so many operators of one vertex are read: a chain of more sources than this was never seen.
const MAX_PER_SUFFIX: usize = 8;

/// Picks from a vertex's metric names.
pub fn pick(names: &[String], suffixes: &[&'static str]) -> VertexNames {
    let mut wanted = Vec::new();
    for suffix in suffixes {
        let found = names.iter().filter(|n| is_operator_metric(n, suffix));
        wanted.extend(found.take(MAX_PER_SUFFIX).map(|n| (n.clone(), *suffix)));
    }
    let found = partitions(names);
    let partitions = u32::try_from(found.len()).ok().filter(|n| *n > 0);
    let splits: Vec<String> = names.iter().filter(|n| is_split_pause(n)).cloned().collect();
    VertexNames { wanted, partitions, offsets: few(offsets(found)), splits: few(splits) }
}

/// Each is a name in a request of every cycle; of more, none are read, because some would say nothing of the others.
fn few<T>(names: Vec<T>) -> Vec<T> {
    if names.len() > MAX_PARTITIONS { Vec::new() } else { names }
}

/// The Kafka partitions that the names speak of, with one of the names.
fn partitions(names: &[String]) -> BTreeMap<(&str, u32), &str> {
    names.iter().filter_map(|n| Some((partition(n)?, n.as_str()))).collect()
}

fn offsets(found: BTreeMap<(&str, u32), &str>) -> Vec<(String, Arc<str>, u32)> {
    let offset = |((scope, number), _): ((&str, u32), &str)| {
        let topic = scope.split_once(".KafkaSourceReader.topic.")?.1;
        Some((format!("{scope}.partition.{number}.currentOffset"), topic.into(), number))
    };
    found.into_iter().filter_map(offset).collect()
}

/// `op.split.ID.watermark.pausedTimeMsPerSecond`; the id may hold dots (a topic's name does).
fn is_split_pause(name: &str) -> bool {
    let split = name.strip_suffix(suffix::SPLIT_PAUSED).and_then(|n| n.strip_suffix('.'));
    split
        .and_then(|n| n.split_once(".split."))
        .is_some_and(|(op, id)| !op.contains('.') && !op.is_empty() && !id.is_empty())
}

/// `op.KafkaSourceReader.topic.T.partition.N.currentOffset`; topics may hold dots, so it is read from the right.
fn partition(name: &str) -> Option<(&str, u32)> {
    let stem = name.strip_suffix(".currentOffset").or_else(|| name.strip_suffix(".committedOffset"))?;
    let (topic, number) = stem.rsplit_once(".partition.")?;
    topic.contains(".KafkaSourceReader.topic.").then_some(())?;
    Some((topic, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_stay_within_the_room_by_their_encoded_length() {
        let names: Vec<String> = (0..300).map(|i| format!("Source__ä{i}.pendingRecords")).collect();
        let lists = chunks(names.iter().map(String::as_str), 500);
        assert!(lists.len() > 1 && lists.iter().all(|l| l.len() <= 500));
        assert_eq!(lists.iter().map(|l| l.split(',').count()).sum::<usize>(), 300);
    }

    #[test]
    fn a_name_that_cannot_be_asked_for_is_left_out() {
        let long = "x".repeat(600);
        assert_eq!(chunks(["a,b", "", &long, "ok"], 500), ["ok"]);
        assert_eq!(chunks([], 500), Vec::<String>::new());
    }

    #[test]
    fn operators_are_matched_by_scope_not_by_guess() {
        let names = ["Source__orders.pendingRecords", "pendingRecords", "op.user.pendingRecords", "xpendingRecords"];
        let names = names.map(String::from);
        let found = pick(&names, &[suffix::PENDING]);
        assert_eq!(found.wanted, [("Source__orders.pendingRecords".to_owned(), suffix::PENDING)]);
    }

    #[test]
    fn partitions_are_a_union_over_topics_with_dots() {
        let name = |t: &str, n: u32| format!("s.KafkaSourceReader.topic.{t}.partition.{n}.currentOffset");
        let names = [name("a.partition.7", 0), name("a", 0), name("a", 0), name("a", 1), "s.other".into()];
        let found = pick(&names, &[]);
        assert_eq!(found.partitions, Some(3));
        let offsets: Vec<(&str, &str, u32)> = found.offsets.iter().map(|(n, t, i)| (n.as_str(), &**t, *i)).collect();
        assert_eq!(offsets[0], (names[1].as_str(), "a", 0));
        assert_eq!(offsets[2], (names[0].as_str(), "a.partition.7", 0));
        assert_eq!(pick(&["s.KafkaSourceReader.topic.a.partition.x.currentOffset".into()], &[]).partitions, None);
        // Those of more partitions than are weighed are not read at all.
        let names: Vec<String> = (0..=MAX_PARTITIONS as u32).map(|n| name("a", n)).collect();
        assert_eq!((pick(&names, &[]).partitions, pick(&names, &[]).offsets.len()), (Some(65), 0));
        assert_eq!(pick(&names[1..], &[]).offsets.len(), 64);
    }

    #[test]
    fn paused_splits_are_found_whatever_their_ids() {
        let paused = |id: &str| format!("Source__orders.split.{id}.watermark.pausedTimeMsPerSecond");
        let names = [paused("p0"), paused("a.b-1"), "op.user.split.x.watermark.pausedTimeMsPerSecond".into()];
        assert_eq!(pick(&names, &[]).splits, names[..2]);
        assert_eq!(pick(&["Source__orders.split.p0.watermark.idleTimeMsPerSecond".into()], &[]).splits.len(), 0);
    }
}
