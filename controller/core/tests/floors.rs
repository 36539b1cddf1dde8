//! Floors by calendar: of slots.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use std::collections::BTreeMap;
use weirkeeper_core::calendar::Cron;
use weirkeeper_core::glob::Glob;
use weirkeeper_core::job::{JobGraph, Ship};
use weirkeeper_core::policy::{Calendar, Floor, VertexPolicy};
use weirkeeper_core::reason::{Limit, Reason};
use weirkeeper_core::sizing::plan::{Need, Task};
use weirkeeper_core::units::{Millis, Parallelism};

/// The epoch was a Thursday: at midnight, for an hour.
fn with_floor(slots: u32) -> Rig {
    let mut rig = Rig::simple(1, 200.0);
    rig.config.dry_run = true;
    let when = Calendar { cron: Cron::parse("0 0 * * THU").unwrap(), lasts: Millis::hours(1), timezone: "UTC".into() };
    rig.policy().scaling.floors = vec![Floor { when, min_parallelism: None, min_slots: Some(slots) }];
    rig
}

fn map(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
    pairs.iter().map(|(v, p)| ((*v).to_owned(), *p)).collect()
}

#[test]
fn a_floor_of_slots_raises_while_it_lasts() {
    let mut rig = with_floor(3);
    rig.run_until(300);
    assert_eq!(rig.wanted(), map(&[("src", 3), ("work", 3)]), "both share three slots: {}", rig.standing());
    assert_eq!(rig.reasons()[0], "below-floor");
    rig.run_until(3_630);
    assert_eq!(rig.wanted(), map(&[]), "{}", rig.standing());
}

#[test]
fn a_floor_of_slots_that_is_met_raises_nothing() {
    let mut rig = with_floor(1);
    rig.run_until(300);
    assert_eq!(rig.wanted(), map(&[]), "{}", rig.standing());
    assert!(!rig.says("below-floor"));
}

#[test]
fn a_floor_of_slots_stays_within_all_bounds() {
    let mut rig = with_floor(5);
    let two = VertexPolicy { max_parallelism: Some(Parallelism(2)), ..VertexPolicy::default() };
    rig.policy().scaling.vertices = vec![(Glob("work".into()), two)];
    rig.run_until(300);
    assert_eq!(rig.wanted(), map(&[("src", 5), ("work", 2)]), "{}", rig.standing());
    let fixed = VertexPolicy { fixed: true, ..VertexPolicy::default() };
    rig.policy().scaling.vertices = vec![(Glob("work".into()), fixed)];
    rig.run_until(330);
    assert_eq!(rig.wanted(), map(&[("src", 5)]), "{}", rig.standing());
    let slots = rig.observation.slots.as_mut().unwrap();
    slots.total = 4;
    rig.policy().scaling.vertices.clear();
    rig.run_until(360);
    assert_eq!(rig.wanted(), map(&[("src", 4), ("work", 4)]), "{}", rig.standing());
    let short = Reason::ShortOfSlots { wanted: 5, have: 4, short: 1 };
    assert!(rig.standing().reasons.contains(&short), "{}", rig.standing());
}

#[test]
fn what_is_needed_beyond_a_floor_is_given() {
    let mut rig = with_floor(2);
    // L' = 2/3, older than the window: at least 500 / (1 - 2/3) = 1500/s. 1500 / 0.7 = 2143, and a lag of 100 s (+ 1.5 s)
    // in 600 s: 254. 500 p^0.9 >= 2397 from p = 5.71 on.
    rig.arriving = 1_500.0;
    rig.run_until(150);
    assert_eq!(
        rig.wanted(),
        map(&[("work", 6)]),
        "the source shares their slots, and is not raised: {}",
        rig.standing()
    );
    assert!(rig.says("below-floor"));
}

/// Three vertices in groups a, a and b at 1, 1 and 4.
fn planned(floor: u32, slots: Option<u32>) -> Vec<u32> {
    let parts = vec![part("x", 1, 1.0), part("y", 1, 1.0), part("z", 4, 1.0)];
    let mut graph: JobGraph = Rig::new(parts, 1.0).graph();
    graph.edges.iter_mut().for_each(|e| e.ship = Ship::Hash);
    graph.vertices.iter_mut().zip(["a", "a", "b"]).for_each(|(v, group)| v.slot_group = group.into());
    let need = || Need { arrival: None, curve: None, min: 1, max: 100, max_by: Limit::PolicyMax, obstacle: false };
    let needs = [need(), need(), need()];
    Task { graph: &graph, needs: &needs, target: 0.7, catch_up: 0.0, slots, floor }.up().parallelism
}

#[test]
fn a_floor_is_the_lowest_level_under_all_slot_groups_that_meets_it() {
    assert_eq!(planned(0, None), [1, 1, 4]);
    assert_eq!(planned(5, None), [1, 1, 4], "1 + 4 are five");
    assert_eq!(planned(6, None), [2, 2, 4]);
    assert_eq!(planned(8, None), [4, 4, 4]);
    // Level 5 would take 10: the first by name is raised, then none that takes more than nine.
    assert_eq!(planned(9, None), [5, 5, 4]);
    assert_eq!(planned(10, None), [5, 5, 5]);
    assert_eq!(planned(9, Some(7)), [3, 3, 4], "no more than there are");
}
