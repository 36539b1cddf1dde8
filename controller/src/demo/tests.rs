//! The demo without a terminal and without a clock.

use super::*;
use crate::store::Store;
use weirkeeper_core::decision::Verdict;

fn play(scenario: Scenario) -> (Play, Arc<Tell>) {
    let tell = Arc::new(Tell::new(false, &scenario));
    let policies = acting(&policy::builtin(), &scenario);
    let config = Config { policies, interval: scenario.interval, dry_run: false, dry_run_counts: false };
    let engine = Engine::new(config, State::default(), weirkeeper_core::step, tell.clone(), Metrics::default());
    let (_, receiver) = Inbox::new();
    (Play::new(scenario, engine, receiver, SharedHealth::default(), tell.clone(), 60.0), tell)
}

fn builtin() -> Scenario {
    scenario(&DemoArgs { scenario: None, speed: 60.0, port: 0 }).unwrap()
}

/// At sixty times the clock, a minute of a newcomer's time is an hour of the world's.
#[test]
fn within_a_minute_a_newcomer_sees_a_rescale_its_reason_and_each_of_the_four_troubles() {
    let (mut play, tell) = play(builtin());
    (0..3_600).for_each(|_| play.second());
    let decisions = tell.decisions(None, 10_000).unwrap();
    let of = |job: &str| decisions.iter().filter(|d| *d.job.name == *job).collect::<Vec<_>>();
    let act = of("orders").into_iter().find(|d| d.verdict == Verdict::Act).expect("a rescale of orders");
    assert!(act.reasons.len() > 1 && !act.rescale.is_empty());
    let shown = tell.decision(act);
    assert!(shown.contains("act") && shown.contains(" -> ") && shown.contains("is asked for"), "{shown}");
    let said = |job: &str, what: &str| of(job).iter().any(|d| d.reasons.iter().any(|r| r.to_string().contains(what)));
    assert!(said("payments", "restart"), "the restart loop");
    assert!(said("clicks", "hot key"), "the hot key");
    assert!(!said("sessions", "\u{1b}"));
}

#[test]
fn colours_are_only_where_they_were_asked_for() {
    let scenario = builtin();
    let decision = |colours| {
        let tell = Tell::new(colours, &scenario);
        tell.decision(&weirkeeper_core::decision::Decision {
            id: 1,
            at: weirkeeper_simulator::world::BEGAN.plus(weirkeeper_core::units::Millis::secs(3_661)),
            job: weirkeeper_core::job::JobKey { cluster: "c".into(), namespace: None, name: "orders".into() },
            policy: "p".into(),
            verdict: Verdict::Hold,
            rescale: Default::default(),
            gates: Vec::new(),
            reasons: vec![weirkeeper_core::reason::Reason::NoPolicy],
            run: None,
            plan_hash: None,
        })
    };
    assert!(decision(true).contains('\u{1b}') && !decision(false).contains('\u{1b}'));
    assert!(decision(false).starts_with("01:01:01  orders    hold\n"), "{}", decision(false));
}
