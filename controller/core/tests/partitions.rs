//! Partitions that carry unlike loads: what a source can do is what its busiest subtask can.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use weirkeeper_core::event::Event;
use weirkeeper_core::observation::Sample;
use weirkeeper_core::series::{Agg, SeriesKey, name};

fn offset(partition: usize) -> Arc<SeriesKey> {
    let label = |name: &str, value: &str| (name.into(), value.into());
    let labels = vec![label("partition", &partition.to_string()), label("topic", "orders")];
    Arc::new(SeriesKey { labels, ..SeriesKey::task(name::PARTITION_OFFSET, "src", Agg::Max) })
}

/// A source of 100/s per subtask that reads four partitions, `shown` of which tell their offsets.
fn after(seconds: i64, load: f64, shares: [f64; 4], shown: usize) -> Rig {
    let mut rig = Rig::new(vec![part("src", 1, 100.0), part("work", 1, 100_000.0)], load);
    rig.config.dry_run = true;
    while rig.at < seconds * 1_000 {
        rig.flow();
        let mut seen = rig.observe();
        Arc::make_mut(&mut seen.graph).vertices[0].partitions = Some(4);
        let read = rig.parts[0].totals[1];
        let sample = |(i, share): (usize, &f64)| Sample { key: offset(i), value: 1e6 + read * share };
        seen.samples.extend(shares.iter().enumerate().take(shown).map(sample));
        rig.feed(&Event::Observed(Box::new(seen)));
    }
    rig
}

fn wants(p: u32) -> BTreeMap<String, u32> {
    BTreeMap::from([("src".to_owned(), p)])
}

/// By hand: 110/s of 100/s. 110 / 0.7 = 157, and catching up adds less than 5. At 1, 2, 3, 4 subtasks the power law
/// gives 100, 186.6, 268.8 and 348.2.
const LOAD: f64 = 110.0;

#[test]
fn the_busiest_subtask_must_carry_its_partitions() {
    // Alike, two subtasks have two each: 186.6 is enough.
    assert_eq!(after(200, LOAD, [0.25; 4], 4).wanted(), wants(2));
    // 40, 20, 20, 20 %: the busiest has 60 % at 2 and at 3, 40 % at 4: 186.6 / 1.2 = 155, 268.8 / 1.8 = 149, and
    // 348.2 / 1.6 = 218.
    let rig = after(200, LOAD, [0.4, 0.2, 0.2, 0.2], 4);
    assert_eq!(rig.wanted(), wants(4), "{}", rig.standing());
    assert!(!rig.says("heavy-partition"));
}

#[test]
fn a_parallelism_that_gains_nothing_is_not_asked_for() {
    // 91, 3, 3, 3 %: the busiest has 94 % at 2 and at 3: 186.6 / 1.88 = 99, 268.8 / 2.82 = 95; 91 % at 4:
    // 348.2 / 3.64 = 95.7. All of them are less than what runs now.
    let rig = after(200, LOAD, [0.91, 0.03, 0.03, 0.03], 4);
    assert_eq!(rig.wanted(), BTreeMap::new(), "{}", rig.standing());
    assert!(rig.says("heavy-partition"), "{}", rig.standing());
    assert!(rig.standing().to_string().contains("91 %"), "{}", rig.standing());
    // 70, 10, 10, 10 %: 80 % at 2: 117; at 4 70 %: 124, which is 6 % more: asked for, and it is told that it will not do.
    let rig = after(200, LOAD, [0.7, 0.1, 0.1, 0.1], 4);
    assert_eq!(rig.wanted(), wants(4), "{}", rig.standing());
    assert!(rig.says("heavy-partition"), "{}", rig.standing());
}

#[test]
fn partitions_are_weighed_only_where_all_of_them_are_known() {
    assert_eq!(after(200, LOAD, [0.91, 0.03, 0.03, 0.03], 3).wanted(), wants(2));
}
