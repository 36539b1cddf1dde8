//! One test for each thing that a real Flink was seen to do, and that was taken for something else.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use weirkeeper_core::job::Ship;
use weirkeeper_core::observation::Bounds;
use weirkeeper_core::policy::ScaleDown;
use weirkeeper_core::units::{Millis, Parallelism};

/// A sink that is busy for 45 ms in 15 s of four subtasks, and whose total of busy time wobbles by 100 ms, as the
/// difference that Flink makes of it does.
fn wobble(rig: &mut Rig, until: i64) {
    let mut by = 100.0;
    while rig.at < until * 1_000 {
        let sink = &mut rig.parts[2].totals;
        (sink[2], sink[3]) = (sink[2] + by, sink[3] - by);
        by = -by;
        rig.tick();
    }
}

#[test]
fn a_busy_total_that_falls_by_a_hair_is_no_restart() {
    let parts = vec![part("src", 1, 100_000.0), part("work", 4, 500.0), part("sink", 4, 100_000.0)];
    let mut rig = Rig::new(parts, 1_500.0);
    rig.config.dry_run = true;
    rig.ships = vec![Ship::Hash, Ship::Forward];
    rig.policy().scaling.scale_down = ScaleDown { after: Millis::minutes(1), min_saving: 0.2 };
    wobble(&mut rig, 300);
    rig.arriving = 300.0;
    wobble(&mut rig, 600);
    // 300 of 2000 records/s; 1.5 times the 375 per subtask that were seen is proven; half at a step.
    assert_eq!(rig.wanted().get("work"), Some(&2), "{:?}", rig.standing());
}

#[test]
fn a_change_by_hand_is_told_while_it_holds_also_where_nothing_is_wanted() {
    let mut rig = Rig::simple(2, 600.0);
    let asked = |p| ["src", "work"].map(|v| (v.into(), Bounds { lower: Parallelism(1), upper: Parallelism(p) }));
    rig.observation.requirements = Some(asked(2).into_iter().collect());
    rig.run_until(300);
    assert!(!rig.says("changed-by-hand"), "{:?}", rig.standing());
    rig.apply(&asked(3).into_iter().collect());
    rig.run_until(315);
    assert!(rig.says("changed-by-hand"), "while it warms up: {:?}", rig.standing());
    rig.run_until(900);
    assert!(rig.says("changed-by-hand") && rig.wanted().is_empty(), "while all is well: {:?}", rig.standing());
    // The hold is cooldown.down, half an hour.
    rig.run_until(300 + 1_830);
    assert!(!rig.says("changed-by-hand"), "{:?}", rig.standing());
}

#[test]
fn a_sink_that_is_hardly_busy_does_not_hold_back_what_feeds_it() {
    let parts = vec![part("src", 1, 100_000.0), part("work", 1, 500.0), part("sink", 1, 100_000.0)];
    let mut rig = Rig::new(parts, 300.0);
    rig.config.dry_run = true;
    rig.ships = vec![Ship::Hash, Ship::Forward];
    // In its first window of 90 s (120 to 210 s) the sink is busy for 145 ms in 15 s, in the second for 45 ms: it does
    // three times as many records per busy second as before.
    while rig.at < 210_000 {
        let sink = &mut rig.parts[2].totals;
        (sink[2], sink[3]) = (sink[2] + 100.0, sink[3] - 100.0);
        rig.tick();
    }
    rig.run_until(300);
    rig.arriving = 1_200.0;
    rig.run_until(360);
    assert!(rig.wanted().get("work").is_some_and(|p| *p >= 4), "{}", rig.standing());
}

/// A sink whose busy time per record differs by a factor from one window of 90 s to the next.
fn uneven(rig: &mut Rig, until: i64) {
    while rig.at < until * 1_000 {
        let by = if rig.at / 90_000 % 2 == 0 { 30.0 } else { -30.0 };
        let sink = &mut rig.parts[2].totals;
        (sink[2], sink[3]) = (sink[2] + by, sink[3] - by);
        rig.tick();
    }
}

#[test]
fn a_hardly_busy_sink_that_has_run_alone_may_do_so_again() {
    let parts = vec![part("src", 1, 100_000.0), part("work", 1, 500.0), part("sink", 1, 100_000.0)];
    let mut rig = Rig::new(parts, 300.0);
    rig.config.dry_run = true;
    rig.ships = vec![Ship::Hash, Ship::Forward];
    rig.policy().scaling.scale_down = ScaleDown { after: Millis::minutes(1), min_saving: 0.2 };
    uneven(&mut rig, 500);
    let six =
        |v: &str| (v.into(), Bounds { lower: Parallelism(1), upper: Parallelism(if v == "src" { 1 } else { 6 }) });
    rig.apply(&["src", "work", "sink"].map(six).into_iter().collect());
    rig.arriving = 2_000.0;
    uneven(&mut rig, 900);
    rig.arriving = 300.0;
    uneven(&mut rig, 1_090);
    // One subtask of work is measured to do 500/s, and 300 / 0.7 and a little is needed. Each of the sink has done 333/s,
    // 1.5 times that is proven, and one alone has been seen to run.
    let wanted = rig.wanted();
    assert_eq!((wanted.get("work"), wanted.get("sink")), (Some(&1), Some(&1)), "{}", rig.standing());
}
