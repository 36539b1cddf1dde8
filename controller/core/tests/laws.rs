//! Laws that hold for every policy, load and fault. `WEIRKEEPER_LAW_CASES=1000` tries that many cases of each instead
//! of a few seconds' worth.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod runs;
use proptest::prelude::*;
use runs::*;
use std::collections::BTreeMap;
use weirkeeper_core::effect::{ActionKind, Effect, Purpose};
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::Ship;
use weirkeeper_core::memory::{MAX_DISRUPTIONS, MAX_HOURS, MAX_POINTS, MAX_RUNS};
use weirkeeper_core::observation::{JobStatus, Observation};
use weirkeeper_core::policy::{Cooldown, JobLimit, Mode};
use weirkeeper_core::series::{MAX_SAMPLES, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};
use weirkeeper_core::view::MAX_RESTARTS;
use weirkeeper_core::{State, step};

fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("WEIRKEEPER_LAW_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What happens to the job in one interval.
#[derive(Clone, Debug)]
enum Turn {
    Load(f64),
    Slower(f64),
    Restart,
    LoseSubtask,
    Unread,
    Incomplete,
    ByHand(u32),
    Savepoint(bool),
    NoCheckpoints,
    Resumed,
    Disobey(u8),
    Nothing,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => (50.0..6_000.0f64).prop_map(Turn::Load),
        1 => (20.0..900.0f64).prop_map(Turn::Slower),
        1 => Just(Turn::Restart),
        1 => Just(Turn::LoseSubtask),
        1 => Just(Turn::Unread),
        1 => Just(Turn::Incomplete),
        1 => (1..9u32).prop_map(Turn::ByHand),
        1 => any::<bool>().prop_map(Turn::Savepoint),
        1 => Just(Turn::NoCheckpoints),
        1 => Just(Turn::Resumed),
        2 => (0..5u8).prop_map(Turn::Disobey),
        2 => Just(Turn::Nothing),
    ]
}

/// What a policy and a job may say.
#[derive(Clone, Debug)]
struct Bound {
    max: u32,
    min: u32,
    max_slots: u32,
    key_groups: u32,
    partitions: u32,
    slots: u32,
    forward: bool,
    up: u64,
    down: u64,
    count: u32,
    p: u32,
}

prop_compose! {
    fn bound()(
        max in 1..12u32, min in 1..4u32, max_slots in 4..16u32, key_groups in 4..40u32, partitions in 4..20u32,
        slots in 4..20u32, forward in any::<bool>(), up in 0..200u64, down in 0..300u64, count in 0..5u32, p in 1..4u32,
    ) -> Bound {
        Bound { max: max.max(p), min: min.min(max), max_slots, key_groups, partitions, slots, forward, up, down, count, p }
    }
}

const PER: Millis = Millis::minutes(10);

impl Bound {
    fn rig(&self) -> Rig {
        let mut rig = Rig::fast(self.p, 400.0 * f64::from(self.p));
        let scaling = &mut rig.policy().scaling;
        scaling.max_parallelism = Some(Parallelism(self.max));
        scaling.min_parallelism = Parallelism(self.min);
        scaling.max_slots = Some(self.max_slots);
        scaling.cooldown = Cooldown { up: Millis::secs(self.up), down: Millis::secs(self.down) };
        scaling.scale_down.after = Millis::secs(40);
        rig.policy().limits.per_job = vec![JobLimit { count: self.count, per: PER, downs: None, reserve_up: 0 }];
        rig.observation.slots.as_mut().unwrap().total = self.slots;
        rig.ships = vec![if self.forward { Ship::Forward } else { Ship::Hash }];
        rig
    }

    /// Key groups and partitions are of the graph, which the rig makes anew at each reading.
    fn seen(&self, rig: &Rig) -> Observation {
        let mut seen = rig.observe();
        let mut graph = (*seen.graph).clone();
        graph.vertices.iter_mut().for_each(|v| v.max_parallelism = Some(Parallelism(self.key_groups)));
        graph.vertices[0].partitions = Some(self.partitions);
        seen.graph = graph.into();
        seen
    }
}

/// Whether Flink takes, refuses or swallows what it is asked.
fn turn_of(rig: &mut Rig, turn: &Turn, fate: &mut u8) -> Vec<Event> {
    let (job, why) = (key(), "no answer".to_owned());
    match turn {
        Turn::Load(load) => rig.arriving = *load,
        Turn::Slower(each) => rig.parts[1].each = *each,
        Turn::Restart => rig.restart(2_000),
        Turn::LoseSubtask => rig.parts[1].p = rig.parts[1].p.saturating_sub(1).max(1),
        Turn::ByHand(p) => {
            rig.parts.iter_mut().for_each(|part| part.p = *p);
            rig.restart(1_000);
            let asked = Rig::bounds(*p, *p);
            rig.show_requirements(asked);
        }
        Turn::Savepoint(on) => rig.observation.checkpoints.as_mut().unwrap().savepoint_in_progress = Some(*on),
        Turn::NoCheckpoints => rig.completes_checkpoints = !rig.completes_checkpoints,
        Turn::Disobey(how) => *fate = *how,
        Turn::Unread => return vec![Event::Unobserved { job, why, incomplete: false }],
        Turn::Incomplete => return vec![Event::Unobserved { job, why, incomplete: true }],
        Turn::Resumed => return vec![Event::Resumed],
        Turn::Nothing => {}
    }
    Vec::new()
}

struct Sent {
    at: Timestamp,
    purpose: Purpose,
    target: Vec<u32>,
    /// Parallelism that was seen.
    from: Vec<u32>,
    outcome: Outcome,
}

type Events = Vec<(Timestamp, Event)>;

/// Runs a history; every effect is answered as `fate` says, and every event is kept.
fn history(bound: &Bound, turns: &[Turn]) -> (Rig, Vec<Sent>, Events, Vec<Vec<Effect>>) {
    let mut rig = bound.rig();
    let (mut sent, mut events, mut all) = (Vec::new(), Vec::new(), Vec::new());
    let mut fate = 0;
    for n in 0..turns.len() * 8 {
        let mut queue = if n % 8 == 0 { turn_of(&mut rig, &turns[n / 8], &mut fate) } else { Vec::new() };
        rig.flow();
        let seen = bound.seen(&rig);
        let from: Vec<u32> = seen.graph.vertices.iter().map(|v| v.parallelism.0).collect();
        if queue.is_empty() || queue == [Event::Resumed] {
            queue.push(Event::Observed(Box::new(seen)));
        }
        queue.push(Event::Tick);
        queue.reverse();
        while let Some(event) = queue.pop() {
            let at = Timestamp(rig.at);
            let effects = step(&rig.config, &mut rig.state, at, &event);
            events.push((at, event));
            for effect in &effects {
                let Effect::Act(action) = effect else { continue };
                let outcome = answer(&mut rig, &action.kind, fate);
                if let ActionKind::Rescale { purpose, target, .. } = &action.kind {
                    let target = ["src", "work"].iter().map(|id| target[*id].upper.0).collect();
                    let (purpose, from, outcome) = (*purpose, from.clone(), outcome.clone());
                    sent.push(Sent { at, purpose, target, from, outcome });
                }
                queue.push(Event::Outcome { run: action.run, token: action.token, outcome });
            }
            all.push(effects);
        }
    }
    (rig, sent, events, all)
}

fn answer(rig: &mut Rig, kind: &ActionKind, fate: u8) -> Outcome {
    let asked = rig.observe().requirements.unwrap();
    match (kind, fate) {
        (ActionKind::Inquire, 4) => Outcome::Unclear("no answer".into()),
        (ActionKind::Inquire, _) => Rig::found(asked),
        (ActionKind::Rescale { expected, .. }, 0 | 1) if *expected != asked => Outcome::Changed("other".into()),
        (ActionKind::Rescale { target, .. }, 0) => {
            rig.show_requirements(target.clone());
            rig.apply(target);
            Outcome::Accepted
        }
        // Taken, and nothing comes of it: no slots.
        (ActionKind::Rescale { target, .. }, 1) => {
            rig.show_requirements(target.clone());
            Outcome::Accepted
        }
        (_, 2) => Outcome::Refused("no".into()),
        _ => Outcome::Unclear("no answer".into()),
    }
}

fn is_new(s: &&Sent) -> bool {
    matches!(s.purpose, Purpose::Up | Purpose::Down)
}

/// What was certainly not done is given back.
fn is_spent(s: &&Sent) -> bool {
    is_new(s) && !matches!(s.outcome, Outcome::Refused(_) | Outcome::Changed(_))
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn within_every_bound(bound in bound(), turns in prop::collection::vec(turn(), 1..12)) {
        let (_, sent, ..) = history(&bound, &turns);
        for s in sent.iter().filter(is_new) {
            for (v, p) in s.target.iter().enumerate() {
                // What a person has set beyond a bound is not torn down by it, but never widened.
                let most = bound.max.min(bound.key_groups).min(if v == 0 { bound.partitions } else { u32::MAX });
                prop_assert!(*p <= most.max(s.from[v]), "{v}: {:?} from {:?}", s.target, s.from);
                prop_assert!(*p >= bound.min.min(s.from[v]).max(1), "{v}: {:?} from {:?}", s.target, s.from);
            }
            let (slots, now) = (*s.target.iter().max().unwrap(), *s.from.iter().max().unwrap());
            prop_assert!(slots <= bound.max_slots.min(bound.slots).max(now), "{:?} from {:?}", s.target, s.from);
            prop_assert!(s.target != s.from, "a plan equal to the present");
            prop_assert!(!bound.forward || s.from[0] != s.from[1] || s.target[0] == s.target[1], "{:?}", s.target);
        }
    }

    #[test]
    fn never_within_the_cooldown_nor_above_the_budget(bound in bound(), turns in prop::collection::vec(turn(), 1..16)) {
        let (_, sent, ..) = history(&bound, &turns);
        let spent: Vec<&Sent> = sent.iter().filter(is_spent).collect();
        for (i, s) in spent.iter().enumerate() {
            let within = spent[..i].iter().filter(|e| s.at.since(e.at) < PER).count();
            prop_assert!(within < bound.count as usize, "{} within ten minutes before {}", within, s.at);
            let rest = if s.purpose == Purpose::Up { bound.up } else { bound.down };
            let before = sent.iter().rfind(|e| e.at < s.at && (is_spent(e) || e.purpose == Purpose::Undo));
            prop_assert!(before.is_none_or(|e| s.at.since(e.at) >= Millis::secs(rest)), "too soon at {}", s.at);
        }
    }

    #[test]
    fn nothing_while_something_is_in_flight(bound in bound(), turns in prop::collection::vec(turn(), 1..16)) {
        let mut state = State::default();
        let (rig, _, events, _) = history(&bound, &turns);
        for (at, event) in &events {
            let flight = |s: &State| s.jobs.get(&key()).and_then(|j| j.memory.run.clone()).filter(|r| r.phase.is_in_flight());
            let before = flight(&state);
            for effect in step(&rig.config, &mut state, *at, event) {
                let Effect::Act(action) = effect else { continue };
                let ActionKind::Rescale { purpose: Purpose::Up | Purpose::Down, .. } = action.kind else { continue };
                // A run that this very event has ended keeps nobody out.
                let open = before.as_ref().filter(|b| !state.jobs[&key()].memory.ended.iter().any(|e| e.id == b.id));
                prop_assert!(open.is_none(), "{:?} while {:?}", action, open);
            }
        }
    }

    #[test]
    fn the_same_events_give_the_same_effects_also_after_being_stored(
        bound in bound(), turns in prop::collection::vec(turn(), 1..8), cut in 0.0..1.0f64,
    ) {
        let (rig, _, events, effects) = history(&bound, &turns);
        let cut = (cut * events.len() as f64) as usize;
        let mut state = State::default();
        for (n, (at, event)) in events.iter().enumerate() {
            if n == cut {
                let text = serde_json::to_string(&state).unwrap();
                let mut read: State = serde_json::from_str(&text).unwrap();
                // What is still to be written is not part of what is written.
                drop((read.take_dirty(), state.take_dirty()));
                prop_assert_eq!(&read, &state);
                state = read;
            }
            prop_assert_eq!(&step(&rig.config, &mut state, *at, event), &effects[n], "event {}", n);
        }
    }

    #[test]
    fn every_run_ends(bound in bound(), turns in prop::collection::vec(turn(), 1..10)) {
        let (mut rig, ..) = history(&bound, &turns);
        rig.obeys = false;
        rig.policy().mode = Mode::Recommend;
        let patience = rig.memory().run.as_ref().map_or(Millis(0), |r| r.patience);
        let until = rig.at + patience.0 as i64 + 20 * 60_000;
        while rig.at < until {
            rig.flow();
            rig.feed(&Event::Tick);
        }
        prop_assert_eq!(&rig.memory().run, &None);
    }

    #[test]
    fn bad_values_move_nothing(kinds in prop::collection::vec(0..6u8, 10), load in 900.0..6_000.0f64) {
        // A job that would be rescaled at once, and not one good reading of `work`.
        let mut rig = Rig::fast(1, load);
        let bad = |kind: u8, good: f64| match kind {
            0 => Some(f64::NAN),
            1 => Some(f64::INFINITY),
            2 => Some(f64::NEG_INFINITY),
            3 => Some(-good - 1.0),
            4 => Some(0.0),
            _ => None,
        };
        for n in 0..40 {
            rig.flow();
            let mut seen = rig.observe();
            let mut i = n;
            seen.samples.retain_mut(|sample| {
                let task = sample.key.task.as_deref();
                if task.is_some_and(|t| t == "work") || sample.key.name.contains("Lag") || &*sample.key.name == name::PENDING {
                    i += 1;
                    match bad(kinds[i % kinds.len()], sample.value) {
                        Some(value) => sample.value = value,
                        None => return false,
                    }
                }
                true
            });
            rig.feed(&Event::Observed(Box::new(seen)));
        }
        prop_assert!(rig.acts.is_empty(), "{:#?}", rig.log);
    }
}

/// What is first wanted of a job that has had that load since it began.
fn first_wanted(parts: &[(f64, f64)], load: f64) -> BTreeMap<String, u32> {
    let names = ["src", "a", "b", "c"];
    let one = |(i, (each, ratio)): (usize, &(f64, f64))| Part { ratio: *ratio, ..part(names[i], 2, *each) };
    let mut rig = Rig::new(parts.iter().enumerate().map(one).collect(), load);
    let fast = Rig::fast(1, 1.0);
    (rig.config, rig.step_ms) = (fast.config, 5_000);
    rig.policy().mode = Mode::Recommend;
    rig.policy().scaling.window = Millis::secs(120);
    rig.observation.slots.as_mut().unwrap().total = 10_000;
    rig.run_until(90);
    let wanted = rig.wanted();
    rig.parts.iter().map(|p| (p.name.to_owned(), wanted.get(p.name).copied().unwrap_or(p.p))).collect()
}

/// Found by the law below: `a` is the bottleneck and `src` is beyond its limit too. To raise `src` alone would gain
/// nothing, so nothing is wanted until what arrives at `a` is known.
#[test]
fn a_bottleneck_that_cannot_be_judged_yet_is_waited_for() {
    let mut rig = Rig::new(vec![Part { ratio: 1.32, ..part("src", 2, 464.0) }, part("a", 2, 515.0)], 1_192.0);
    (rig.config, rig.step_ms) = (Rig::fast(1, 1.0).config, 5_000);
    rig.policy().mode = Mode::Recommend;
    rig.policy().scaling.window = Millis::secs(60);
    while rig.at < 90_000 {
        rig.tick();
        let wanted = rig.wanted();
        assert!(wanted.is_empty() || wanted.contains_key("a"), "at {}: {wanted:?}", rig.at);
    }
    assert_eq!(rig.wanted().len(), 2);
}

fn parts() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((200.0..2_000.0f64, 0.3..2.0f64), 2..4)
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn more_load_never_lowers_a_target(parts in parts(), load in 100.0..4_000.0f64, more in 1.0..3.0f64) {
        let (less, much) = (first_wanted(&parts, load), first_wanted(&parts, load * more));
        let lowered = less.iter().find(|(v, p)| much[*v] < **p);
        prop_assert!(lowered.is_none(), "at {load}: {less:?}; at {}: {much:?}", load * more);
    }

    #[test]
    fn the_order_of_vertices_does_not_matter(
        parts in parts(), load in 100.0..6_000.0f64, order in Just(vec![0usize, 1, 2]).prop_shuffle(),
    ) {
        let names = ["src", "a", "b"];
        let one = |(i, (each, ratio)): (usize, &(f64, f64))| Part { ratio: *ratio, ..part(names[i], 2, *each) };
        let rig = |permute: bool| {
            let mut rig = Rig::new(parts.iter().enumerate().map(one).collect(), load);
            (rig.config, rig.step_ms) = (Rig::fast(1, 1.0).config, 5_000);
            rig.policy().mode = Mode::Recommend;
            while rig.at < 90_000 {
                rig.flow();
                let mut seen = rig.observe();
                if permute {
                    permuted(&mut seen, &order);
                }
                rig.feed(&Event::Observed(Box::new(seen)));
            }
            rig.wanted()
        };
        prop_assert_eq!(rig(false), rig(true));
    }
}

/// What a metric may claim to be.
fn figure() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1e6f64,
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-1.0), Just(-0.0)],
        1 => prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(f64::MIN_POSITIVE), Just(5e-324), Just(9.2e18)],
        1 => any::<f64>(),
    ]
}

proptest! {
    #![proptest_config(cases(64))]

    /// What is no number cannot be written as JSON: it would come back as nothing, and take all that was learned with it.
    #[test]
    fn what_is_remembered_is_finite(
        figures in prop::collection::vec((0..12usize, figure()), 1..150), wild in 1..8usize, load in 100.0..2_000.0f64,
    ) {
        let mut rig = Rig::fast(1, load);
        let mut figures = figures.into_iter().cycle();
        for n in 0..60 {
            rig.flow();
            let mut seen = rig.observe();
            // Sane at first, so that something is learned; then every few readings something is not.
            if n > 12 && n % wild == 0 {
                for (at, value) in figures.by_ref().take(4) {
                    let at = at % seen.samples.len();
                    seen.samples[at].value = value;
                }
            }
            rig.feed(&Event::Observed(Box::new(seen)));
            rig.feed(&Event::Tick);
            let memory = &rig.state.jobs[&key()].memory;
            let text = serde_json::to_string(memory).unwrap();
            let back: weirkeeper_core::memory::JobMemory = serde_json::from_str(&text)
                .map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
            prop_assert_eq!(&back, memory);
        }
    }
}

/// The vertices in another order, and the edges backwards.
fn permuted(seen: &mut Observation, order: &[usize]) {
    let mut graph = (*seen.graph).clone();
    let order: Vec<usize> = order.iter().copied().filter(|v| *v < graph.vertices.len()).collect();
    let place = |v: usize| order.iter().position(|o| *o == v).unwrap();
    graph.vertices = order.iter().map(|v| graph.vertices[*v].clone()).collect();
    graph.edges.iter_mut().for_each(|e| (e.from, e.to) = (place(e.from), place(e.to)));
    graph.edges.reverse();
    seen.graph = graph.into();
    seen.samples.reverse();
}

/// 100,000 events, of several jobs, with everything that can go wrong going wrong again and again.
#[test]
fn the_state_stays_bounded() {
    let mut rig = Rig::fast(1, 400.0);
    rig.config.policies[0].limits.max_concurrent.per_cluster = 10;
    let mut largest = 0;
    let mut at_half = 0;
    for n in 0..100_000u64 {
        let job = weirkeeper_core::job::JobKey { name: ["job", "job2"][(n / 7 % 2) as usize].into(), ..key() };
        let event = match n % 50 {
            0 => Event::Resumed,
            1 => Event::Unobserved { job, why: "x".repeat(200), incomplete: n % 100 == 1 },
            2..=20 if n % 3 != 0 => Event::Tick,
            _ => {
                rig.flow();
                rig.arriving = if n / 900 % 2 == 0 { 4_000.0 } else { 100.0 };
                rig.observation.job = job;
                rig.observation.job_id = format!("{}", n / 3_000).into();
                if n % 331 == 0 {
                    rig.restart(1_000);
                }
                rig.extra.insert(weirkeeper_core::series::SeriesKey::job(name::NUM_RESTARTS), (n / 331) as f64);
                rig.observation.status = if n % 977 == 0 { JobStatus::Ended } else { JobStatus::Running };
                Event::Observed(Box::new(rig.observe()))
            }
        };
        rig.feed(&event);
        rig.acts.clear();
        rig.log.clear();
        if n % 5_000 == 4_999 {
            rig.state.take_dirty();
            let size = serde_json::to_string(&rig.state).unwrap().len();
            if n < 50_000 { at_half = at_half.max(size) } else { largest = largest.max(size) }
        }
    }
    // Ended runs, hours and learned sizes fill up slowly; the second half may hold a little more than the first.
    assert!(largest < 2_000_000 && largest < 2 * at_half, "{at_half} then {largest}");
    for job in rig.state.jobs.values() {
        let (memory, view) = (&job.memory, &job.view);
        assert!(memory.ended.len() <= MAX_RUNS && memory.disruptions.len() <= MAX_DISRUPTIONS);
        assert!(memory.hours.values().all(|h| h.len() <= MAX_HOURS));
        assert!(memory.learned.values().all(|l| l.points.len() <= MAX_POINTS));
        assert!(view.restarts.len() <= MAX_RESTARTS);
        assert!(view.windows.len() <= 40 * MAX_SAMPLES, "{}", view.windows.len());
    }
    assert!(rig.state.fleet.failures.len() <= 1_000);
}

#[test]
fn jobs_stay_bounded() {
    let mut rig = Rig::fast(1, 100.0);
    for batch in 0..5 {
        let name = |n: u32| weirkeeper_core::job::JobKey { name: format!("batch-{batch}-{n}").into(), ..key() };
        rig.feed(&Event::Jobs { cluster: "c".into(), jobs: (0..4_000).map(name).collect() });
    }
    assert_eq!(rig.state.jobs.len(), weirkeeper_core::state::MAX_JOBS);
}
