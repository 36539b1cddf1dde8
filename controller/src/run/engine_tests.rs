use super::*;
use crate::store::{MemoryStore, StoreError};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use weirkeeper_core::decision::Verdict;
use weirkeeper_core::effect::{ActionKind, RunId, Token};
use weirkeeper_core::event::KillSwitch;

fn config() -> Config {
    Config { policies: vec![], interval: Millis::secs(10), dry_run: false, dry_run_counts: false }
}

fn key(name: &str) -> JobKey {
    JobKey { cluster: "c".into(), namespace: None, name: name.into() }
}

fn unobserved(name: &str) -> Event {
    Event::Unobserved { job: key(name), why: "x".into(), incomplete: false }
}

fn decision(id: u64, job: JobKey) -> Effect {
    let (policy, rescale) = ("p".into(), BTreeMap::new());
    let (verdict, at) = (Verdict::Act, Timestamp(0));
    Effect::Record(Box::new(Decision {
        id,
        at,
        job,
        policy,
        verdict,
        rescale,
        gates: vec![],
        reasons: vec![],
        run: None,
        plan_hash: None,
    }))
}

fn act(job: JobKey) -> Effect {
    let (run, token, kind) = (RunId(1), Token(1), ActionKind::Inquire);
    Effect::Act(Box::new(Action { run, token, job, job_id: "id".into(), kind }))
}

/// A store that says when it was written, and fails on demand.
#[derive(Default)]
struct Spy {
    inner: MemoryStore,
    fails: AtomicBool,
    writes: AtomicUsize,
}

impl Store for Spy {
    fn load(&self) -> Result<Vec<Stored>, StoreError> {
        self.inner.load()
    }
    fn write(&self, records: &[Stored], decisions: &[Decision]) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Io("disk full".into()));
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.write(records, decisions)
    }
    fn decisions(&self, job: Option<&str>, limit: usize) -> Result<Vec<Decision>, StoreError> {
        self.inner.decisions(job, limit)
    }
}

fn engine(step: Step, store: &Arc<Spy>) -> Engine {
    let store: Arc<dyn Store> = Arc::<Spy>::clone(store);
    Engine::new(config(), State::default(), step, store, Metrics::default())
}

/// Acts on every job event, and records what it heard by the number in the decision.
fn acting(_: &Config, state: &mut State, _: Timestamp, event: &Event) -> Vec<Effect> {
    state.fleet.next_id += 1;
    let id = state.fleet.next_id;
    match event {
        Event::Unobserved { job, .. } => vec![decision(id, job.clone()), act(job.clone())],
        Event::Outcome { outcome, .. } => {
            assert_eq!(*outcome, Outcome::Refused("the state could not be written, so nothing was sent".into()));
            vec![decision(1000 + id, key("told"))]
        }
        _ => vec![],
    }
}

#[test]
fn t36_an_action_comes_out_only_after_its_decision_is_durable() {
    let store = Arc::new(Spy::default());
    let mut engine = engine(acting, &store);
    assert_eq!(engine.handle(Timestamp(1_000), &unobserved("a")).len(), 1);
    assert_eq!(store.decisions(None, 9).unwrap().len(), 1, "written before handle returned");
}

#[test]
fn t36_an_action_that_cannot_be_made_durable_is_refused_and_the_core_is_told() {
    let store = Arc::new(Spy::default());
    store.fails.store(true, Ordering::SeqCst);
    let mut engine = engine(acting, &store);
    assert!(engine.handle(Timestamp(1_000), &unobserved("a")).is_empty());
    store.fails.store(false, Ordering::SeqCst);
    assert!(engine.handle(Timestamp(2_000), &Event::Tick).is_empty());
    let log = store.decisions(None, 9).unwrap();
    assert_eq!(log.len(), 2, "what could not be written is written later: {log:?}");
    assert_eq!(*log[0].job.name, *"told", "the core heard the refusal");
}

fn listing(_: &Config, state: &mut State, at: Timestamp, event: &Event) -> Vec<Effect> {
    state.fleet.next_id += 1;
    let name = match event {
        Event::Resumed => "resumed",
        Event::Tick => "tick",
        Event::KillSwitch(KillSwitch::On) => "kill",
        _ => "other",
    };
    vec![decision(u64::try_from(at.0).unwrap(), key(name))]
}

fn heard(store: &Spy) -> Vec<(String, u64)> {
    let mut log = store.decisions(None, 99).unwrap();
    log.reverse();
    log.into_iter().map(|d| (d.job.name.to_string(), d.id)).collect()
}

fn expect(store: &Spy, want: &[(&str, u64)]) {
    let want: Vec<_> = want.iter().map(|(n, t)| ((*n).to_owned(), *t)).collect();
    assert_eq!(heard(store), want);
}

#[test]
fn t10_resumed_comes_first_and_after_a_gap_of_three_intervals() {
    let store = Arc::new(Spy::default());
    let mut engine = engine(listing, &store);
    engine.handle(Timestamp(1_000), &Event::Tick);
    engine.handle(Timestamp(31_000), &Event::Tick);
    engine.handle(Timestamp(61_001), &Event::Tick);
    let want = [("resumed", 1_000), ("tick", 1_000), ("tick", 31_000), ("resumed", 61_001), ("tick", 61_001)];
    expect(&store, &want);
}

#[test]
fn t10_a_clock_that_is_set_back_resumes_there_and_stamps_out_of_order_do_not_go_back() {
    let store = Arc::new(Spy::default());
    let mut engine = engine(listing, &store);
    engine.handle(Timestamp(50_000), &Event::Tick);
    engine.handle(Timestamp(49_000), &Event::Tick);
    engine.clock_jumped(Timestamp(20_000));
    engine.handle(Timestamp(21_000), &Event::Tick);
    let want = [("resumed", 50_000), ("tick", 50_000), ("tick", 50_000), ("resumed", 20_000), ("tick", 21_000)];
    expect(&store, &want);
}

fn panicking(config: &Config, state: &mut State, at: Timestamp, event: &Event) -> Vec<Effect> {
    if let Event::Unobserved { job, .. } = event {
        state.jobs.insert(job.clone(), JobState::default());
        assert!(&*job.name != "bad", "a bug that only this job meets");
    }
    listing(config, state, at, event)
}

#[test]
fn a_panic_about_one_job_skips_that_job_and_nothing_else() {
    let store = Arc::new(Spy::default());
    let mut engine = engine(panicking, &store);
    for name in ["good", "bad", "good", "bad"] {
        engine.handle(Timestamp(1_000), &unobserved(name));
    }
    assert!(engine.flush());
    let others = heard(&store).iter().filter(|(n, _)| n == "other").count();
    assert_eq!(others, 2, "the good one is served before and after");
    let glance = engine.glance();
    assert_eq!(glance.skipped.iter().collect::<Vec<_>>(), [&key("bad")]);
    assert!(glance.state.jobs.contains_key(&key("good")) && !glance.state.jobs.contains_key(&key("bad")));
    assert!(engine.metrics.encode().contains("weirkeeper_panics_total 1"));
}

#[test]
fn what_is_only_learned_is_written_with_the_next_tick() {
    let store = Arc::new(Spy::default());
    let mut engine = engine(listing, &store);
    engine.handle(Timestamp(1_000), &Event::Tick);
    let before = store.writes.load(Ordering::SeqCst);
    engine.handle(Timestamp(1_001), &unobserved("a"));
    engine.handle(Timestamp(1_002), &unobserved("a"));
    assert_eq!(store.writes.load(Ordering::SeqCst), before, "reads do not write each by itself");
    engine.handle(Timestamp(1_003), &Event::Tick);
    assert_eq!(store.writes.load(Ordering::SeqCst), before + 1);
}
