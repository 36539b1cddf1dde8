//! The loop closed over arithmetic: what a job that obeys goes through.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
use common::*;
use weirkeeper_core::units::Millis;

#[test]
fn a_step_of_load_is_answered_once_and_taken_back_once() {
    let mut rig = Rig::simple(1, 300.0);
    rig.step_ms = 5_000;
    rig.config.interval = Millis::secs(5);
    let scaling = &mut rig.policy().scaling;
    scaling.window = Millis::secs(30);
    scaling.warm_up = Millis::secs(10);
    scaling.catch_up = Millis::minutes(10);
    scaling.scale_down.after = Millis::secs(120);
    scaling.cooldown.up = Millis::secs(60);
    scaling.cooldown.down = Millis::secs(60);
    rig.run_until(75);
    assert_eq!(rig.rescales(), [], "{:#?}", rig.log);
    rig.arriving = 1_200.0;
    rig.run_until(400);
    // By hand: 1200 / 0.7 = 1714, and 500 * 4^0.9 = 1741 is the first above it.
    let (at, p) = rig.rescales()[0].clone();
    assert!((80..=95).contains(&at), "{at}");
    assert_eq!(p, [1, 4]);
    rig.arriving = 300.0;
    rig.run_until(1_200);
    assert_eq!(rig.rescales().len(), 2);
    assert_eq!(rig.rescales()[1].1, [1, 1]);
}
