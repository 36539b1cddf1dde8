//! Partitions of a source, counted from the names of its metrics (Kafka and Pulsar).

use std::collections::BTreeSet;

/// How many partitions the names tell of.
pub fn count<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.filter_map(|n| kafka(n).or_else(|| pulsar(n))).collect::<BTreeSet<_>>().len()
}

/// `(..kafkaCluster.C.)KafkaSourceReader.topic.T.partition.N.currentOffset`.
fn kafka(name: &str) -> Option<String> {
    let rest = name.strip_suffix(".currentOffset")?;
    let (rest, partition) = rest.rsplit_once(".partition.").filter(|(_, n)| is_number(n))?;
    let (before, topic) = rest.split_once(".KafkaSourceReader.topic.")?;
    let cluster = before.split_once(".kafkaCluster.").map_or("", |(_, c)| c);
    Some(format!("{cluster}|{topic}|{partition}"))
}

/// `PulsarConsumer.T-partition-N.HASH.numMsgsReceived`; several consumers may read one partition.
fn pulsar(name: &str) -> Option<String> {
    let rest = name.strip_suffix(".numMsgsReceived")?;
    let (_, rest) = rest.split_once(".PulsarConsumer.")?;
    let (topic, tail) = rest.rsplit_once("-partition-")?;
    let (partition, _consumer) = tail.split_once('.')?;
    is_number(partition).then(|| format!("{topic}|{partition}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
