//! Metrics of a source's operator.

use super::metric::Metric;
use super::subtasks::scope;
use super::view::View;
use crate::world::SourceFigures;

/// All of them. Backlog and lag appear only once records flow.
pub(super) fn metrics(view: &View<'_>, v: usize, of: &SourceFigures, p: usize) -> Vec<Metric> {
    let scope = scope(&view.vertex(v).name);
    let name = |rest: &str| format!("{scope}.{rest}");
    let time = |ms: f64| view.pace.time(ms).trunc();
    let mut all = vec![Metric::all(name("sourceIdleTime"), p, time(of.idle_time)).count()];
    if of.emitted {
        let pending = over(of.pending.trunc(), p, readers(of, p));
        all.push(Metric::of(name("pendingRecords"), pending).count());
        all.push(Metric::all(name("currentEmitEventTimeLag"), p, time(of.emit_lag)).count());
    }
    if view.figures().is_some_and(|f| f.event_time) {
        all.push(Metric::all(name("watermarkLag"), p, time(of.watermark_lag)).count());
    }
    if let Some(partitions) = of.partitions {
        all.extend(kafka(&scope, of, partitions as u32, p));
    }
    all
}

/// Subtasks that have a partition.
fn readers(of: &SourceFigures, p: usize) -> usize {
    of.partitions.map_or(p, |n| (n as usize).min(p)).max(1)
}

/// A total over the first `readers` of `p`, whole, the first with what is left of rounding.
fn over(total: f64, p: usize, readers: usize) -> Vec<f64> {
    let each = (total / readers as f64).trunc();
    let one = |s: usize| match s {
        0 => total - each * (readers as f64 - 1.0),
        s if s < readers => each,
        _ => 0.0,
    };
    (0..p).map(one).collect()
}

fn kafka(scope: &str, of: &SourceFigures, partitions: u32, p: usize) -> Vec<Metric> {
    let consumer = |name: &str| format!("{scope}.KafkaSourceReader.KafkaConsumer.{name}");
    let owned = (0..p).map(|s| f64::from(owns(partitions, p as u32, s as u32))).collect();
    let mut all = vec![
        Metric::of(consumer("assigned-partitions"), owned),
        Metric::of(consumer("connection-count"), over(of.connections, p, readers(of, p))),
        Metric::of(format!("{scope}.KafkaSourceReader.commitsFailed"), over(of.commits_failed, p, readers(of, p)))
            .count(),
    ];
    let topic = scope.trim_start_matches("Source__");
    let read = over(of.position.trunc(), partitions as usize, partitions.max(1) as usize);
    for (partition, offset) in read.into_iter().enumerate() {
        let owner = partition % p.max(1);
        let name = format!("{scope}.KafkaSourceReader.topic.{topic}.partition.{partition}.currentOffset");
        let values = (0..p).map(|s| (s == owner).then_some(offset)).collect();
        all.push(Metric { name, values, whole: true });
    }
    all
}

/// Partitions of one subtask, dealt out in turn.
fn owns(partitions: u32, p: u32, subtask: u32) -> u32 {
    partitions / p.max(1) + u32::from(subtask < partitions % p.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_dealt_out() {
        let all: Vec<u32> = (0..3).map(|s| owns(8, 3, s)).collect();
        assert_eq!(all, [3, 3, 2]);
        assert_eq!((owns(2, 4, 1), owns(2, 4, 2)), (1, 0));
        assert_eq!(over(10.0, 4, 3), [4.0, 3.0, 3.0, 0.0]);
    }
}
