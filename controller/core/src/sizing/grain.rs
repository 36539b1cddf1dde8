//! What cannot be split further, key groups and partitions, and what that leaves of the ideal at a parallelism.

use crate::series::{Window, name};
use crate::units::{Millis, Timestamp};
use crate::windows::Windows;

/// Partitions that are weighed one by one: a series each is kept for them.
pub const MAX_PARTITIONS: usize = 64;
/// The heaviest may carry this many times the mean before they are weighed: less is what differs between any two minutes.
const UNEVEN: f64 = 1.2;
/// A partition's rate is the rise of its offset over the newest span of this length,
const LOOK: Millis = Millis::minutes(10);
/// of which at least this must have been seen: offsets move by whole fetches,
const SEEN: Millis = Millis::secs(60);
/// and over which so many records came on average: a tenth of it is chance.
const RECORDS: f64 = 100.0;

/// Units of work that one subtask has as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Grain {
    /// None: any parallelism shares evenly.
    Fine,
    /// So many, alike.
    Alike(u32),
    /// The share of all work that the busiest subtask has, for a parallelism of 1, 2, and so on up to one unit each.
    Weighed(Vec<f64>),
}

impl From<Option<u32>> for Grain {
    fn from(units: Option<u32>) -> Grain {
        units.filter(|m| *m > 0).map_or(Grain::Fine, Grain::Alike)
    }
}

impl Grain {
    /// Share of the ideal that `p` subtasks reach: 1 / (p * share of the busiest), which for units alike is
    /// m / (p ceil(m/p)).
    pub fn evenness(&self, p: u32) -> f64 {
        match self {
            _ if p == 0 => 1.0,
            Grain::Fine => 1.0,
            Grain::Alike(m) => f64::from(*m) / (f64::from(p) * f64::from(m.div_ceil(p))),
            Grain::Weighed(busiest) => {
                let share = busiest.get(p as usize - 1).or(busiest.last()).copied().unwrap_or(1.0);
                1.0 / (f64::from(p) * share)
            }
        }
    }

    /// Of units that differ, the heaviest's share of the work.
    pub fn heaviest(&self) -> Option<f64> {
        match self {
            Grain::Weighed(busiest) => busiest.last().copied(),
            _ => None,
        }
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub number: u32,
    /// Records read per second.
    pub rate: f64,
}

/// The partitions of a source, weighed where they differ and all are known; else all alike.
pub fn of_source(windows: &Windows, task: &str, count: Option<u32>, at: Timestamp) -> Grain {
    let partitions = count.and_then(|count| rates(windows, task, count as usize, at));
    partitions.and_then(|p| weigh(&p)).unwrap_or_else(|| count.into())
}

/// The rate of each, if it is known of all of them.
fn rates(windows: &Windows, task: &str, count: usize, at: Timestamp) -> Option<Vec<Partition>> {
    let mut out = Vec::with_capacity(count.min(MAX_PARTITIONS));
    let mut records = 0.0;
    for (labels, window) in windows.labelled(task, name::PARTITION_OFFSET) {
        let label = |name: &str| labels.iter().find(|l| &*l.0 == name).map(|l| &*l.1);
        let (topic, number) = (label("topic")?.to_owned(), label("partition")?.parse().ok()?);
        let (rise, secs) = rise(window, at.minus(LOOK))?;
        records += rise;
        out.push(Partition { topic, number, rate: rise / secs });
    }
    let known = out.len() == count && count <= MAX_PARTITIONS && records >= RECORDS * count as f64;
    known.then_some(out)
}

/// How far the offset rose since it last fell back (a restart reads some records again), and over how many seconds.
fn rise(window: &Window, from: Timestamp) -> Option<(f64, f64)> {
    let mut samples = window.since(from).rev();
    let newest = samples.next()?;
    let mut oldest = newest;
    for sample in samples {
        if sample.1 > oldest.1 {
            break;
        }
        oldest = sample;
    }
    let span = newest.0.since(oldest.0);
    (span >= SEEN).then(|| (newest.1 - oldest.1, span.as_secs()))
}

/// The busiest subtask's share by parallelism; `None` where the partitions are alike.
pub fn weigh(partitions: &[Partition]) -> Option<Grain> {
    let total: f64 = partitions.iter().map(|p| p.rate).sum();
    let most = partitions.iter().map(|p| p.rate).fold(0.0, f64::max);
    let uneven = total > 0.0 && total.is_finite() && most * partitions.len() as f64 > UNEVEN * total;
    let busiest = |p: u32| {
        let mut shares = vec![0.0; p as usize];
        partitions.iter().for_each(|part| shares[owner(part, p)] += part.rate / total);
        shares.into_iter().fold(0.0, f64::max)
    };
    uneven.then(|| Grain::Weighed((1..=partitions.len() as u32).map(busiest).collect()))
}

/// The subtask that Kafka's enumerator gives a partition to (`KafkaSourceEnumerator.getSplitOwner`): round robin from a
/// subtask that the topic's name chooses.
fn owner(partition: &Partition, p: u32) -> usize {
    let start = (java_hash(&partition.topic).wrapping_mul(31) & 0x7FFF_FFFF) as u64 % u64::from(p);
    ((start + u64::from(partition.number)) % u64::from(p)) as usize
}

/// `String.hashCode`, as the Java language defines it.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(rates: &[f64]) -> Vec<Partition> {
        let part = |(i, rate): (usize, &f64)| Partition { topic: "t".into(), number: i as u32, rate: *rate };
        rates.iter().enumerate().map(part).collect()
    }

    #[test]
    fn units_alike_are_a_staircase_of_the_fullest_subtask() {
        // 128 key groups on 48 subtasks: the fullest has 3, 128 / 144.
        assert!((Grain::Alike(128).evenness(48) - 128.0 / 144.0).abs() < 1e-12);
        assert_eq!((Grain::Alike(128).evenness(64), Grain::Fine.evenness(7)), (1.0, 1.0));
        assert_eq!(Grain::from(Some(0)), Grain::Fine);
        assert_eq!(Grain::Alike(4).evenness(0), 1.0);
    }

    #[test]
    fn a_heavy_partition_bounds_what_more_subtasks_gain() {
        // 600, 200, 100, 100 of 1000. At 2, partitions 0 and 2 are together: 700; at 3, 0 and 3: 700; at 4: 600.
        let grain = weigh(&partitions(&[600.0, 200.0, 100.0, 100.0])).unwrap();
        let busiest = [1.0, 0.7, 0.7, 0.6, 0.6];
        for (i, share) in busiest.into_iter().enumerate() {
            let p = i as f64 + 1.0;
            assert!((grain.evenness(i as u32 + 1) - 1.0 / (p * share)).abs() < 1e-9, "{p}");
        }
        assert_eq!(grain.heaviest(), Some(0.6));
    }

    #[test]
    fn partitions_that_hardly_differ_are_alike() {
        // The mean is 100: 120 are 1.2 times that, 121 are more.
        assert_eq!(weigh(&partitions(&[120.0, 80.0])), None);
        assert!(weigh(&partitions(&[121.0, 79.0])).is_some());
        assert_eq!(weigh(&partitions(&[0.0, 0.0])), None);
        assert_eq!(weigh(&[]), None);
        assert_eq!(Grain::Alike(2).heaviest(), None);
    }

    #[test]
    fn the_owner_is_round_robin_from_a_subtask_that_the_topic_chooses() {
        // "ab".hashCode() is 97 * 31 + 98 = 3105; times 31 is 96255; mod 4 is 3.
        assert_eq!(java_hash("ab"), 3105);
        let owner = |number| owner(&Partition { topic: "ab".into(), number, rate: 1.0 }, 4);
        assert_eq!([owner(0), owner(1), owner(5)], [3, 0, 0]);
        // A word known for its hash, the smallest int: times 31 it stays that, and without its sign it is 0.
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(super::owner(&Partition { topic: "polygenelubricants".into(), number: 4, rate: 1.0 }, 3), 1);
    }

    #[test]
    fn a_rate_is_the_rise_since_the_offset_last_fell_back() {
        let mut window = Window::default();
        for (secs, offset) in [(0, 0.0), (30, 900.0), (60, 500.0), (90, 800.0), (120, 1_100.0)] {
            window.push(Timestamp(secs * 1_000), offset, Millis::hours(1));
        }
        assert_eq!(rise(&window, Timestamp(0)), Some((600.0, 60.0)));
        assert_eq!(rise(&window, Timestamp(90_000)), None, "30 s are too little");
    }
}
