//! Runs inline tests: the test's series go through the core's `step`, one observation per interval, and what it wants
//! is compared with what the test expects. The world does not answer: parallelism and series stay what the test says.

use super::inline::{Expectation, InlineTest};
use super::inline_series;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::effect::Effect;
use weirkeeper_core::event::{Event, Outcome};
use weirkeeper_core::job::JobKey;
use weirkeeper_core::observation::{Bounds, Checkpoints, ClusterFacts, JobStatus, Observation, Scheduler};
use weirkeeper_core::policy::{Match, Mode, Policy};
use weirkeeper_core::series::{SeriesKey, name};
use weirkeeper_core::units::{Millis, Parallelism, Timestamp};
use weirkeeper_core::{Config, State};

/// The decision function. The program passes [`weirkeeper_core::step`]; tests of this module pass their own.
pub type Step = fn(&Config, &mut State, Timestamp, &Event) -> Vec<Effect>;

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// File of the expectation.
    pub path: PathBuf,
    /// Its line and column.
    pub pos: super::Pos,
    /// The policy.
    pub policy: String,
    /// The test.
    pub test: String,
    /// The time it is about.
    pub at: Timestamp,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Why it was decided so, one line each.
    pub reasons: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, line, column) = (self.path.display(), self.pos.line, self.pos.column);
        let at = self.at.since(Timestamp(0));
        writeln!(f, "{path}:{line}:{column}: policy {}, test {:?}, at {at}", self.policy, self.test)?;
        writeln!(f, "  expected: {}", self.expected)?;
        write!(f, "  found:    {}", self.found)?;
        self.reasons.iter().try_for_each(|reason| write!(f, "\n    because {reason}"))
    }
}

type Plan = BTreeMap<Arc<str>, Parallelism>;

/// Runs one test; the failures are empty when it passed.
pub fn run(test: &InlineTest, step: Step) -> Vec<Failure> {
    let mut runner = Runner::new(test, step);
    let mut failures = Vec::new();
    let mut tick = 0u64;
    for expectation in &test.expect {
        while runner.time(tick) <= expectation.at {
            runner.observe(tick);
            tick += 1;
        }
        failures.extend(runner.judge(expectation));
    }
    failures
}

struct Runner<'a> {
    test: &'a InlineTest,
    step: Step,
    config: Config,
    state: State,
    job: JobKey,
    /// The newest plan that was let through.
    let_through: Option<Plan>,
}

/// The world answers at once, so a chain of answers longer than this is a loop.
const MOST_ANSWERS: usize = 64;

impl<'a> Runner<'a> {
    fn new(test: &'a InlineTest, step: Step) -> Runner<'a> {
        let job = JobKey {
            cluster: "test".into(),
            namespace: test.job.namespace.as_deref().map(Into::into),
            name: test.job.name.as_str().into(),
        };
        let policies = vec![under_test(test)];
        let config = Config { policies, interval: test.interval, dry_run: true, dry_run_counts: true };
        Runner { test, step, config, state: State::default(), job, let_through: None }
    }

    fn time(&self, tick: u64) -> Timestamp {
        Timestamp(0).plus(self.test.interval.times(tick))
    }

    fn observe(&mut self, tick: u64) {
        let at = self.time(tick);
        let index = usize::try_from(tick).unwrap_or(usize::MAX);
        let observation = observation(self.test, &self.job, at, index);
        self.send(at, Event::Observed(Box::new(observation)));
        self.send(at, Event::Tick);
        self.forget_another_plan();
    }

    /// What was let through stands until sizing wants something else.
    fn forget_another_plan(&mut self) {
        let wanted = self.standing().map(plan).filter(|plan| !plan.is_empty());
        if wanted.is_some() && wanted != self.let_through {
            self.let_through = None;
        }
    }

    fn send(&mut self, at: Timestamp, event: Event) {
        let mut queue = vec![event];
        for _ in 0..MOST_ANSWERS {
            let Some(event) = queue.pop() else { return };
            let effects = (self.step)(&self.config, &mut self.state, at, &event);
            queue.extend(effects.into_iter().filter_map(|effect| self.answer(effect)));
        }
    }

    /// Notes what was let through; every action is answered with a dry run.
    fn answer(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Act(action) => {
                Some(Event::Outcome { run: action.run, token: action.token, outcome: Outcome::DryRun })
            }
            Effect::Record(decision) if decision.verdict == Verdict::Act => {
                self.let_through = Some(plan(&decision));
                None
            }
            Effect::Record(_) | Effect::Escalate { .. } => None,
        }
    }

    fn standing(&self) -> Option<&Decision> {
        self.state.jobs.get(&self.job)?.view.standing.as_ref()
    }

    fn judge(&self, expectation: &Expectation) -> Option<Failure> {
        let standing = self.standing();
        let wanted = standing.map(plan).unwrap_or_default();
        let held = standing.is_some_and(|d| expectation.gate.is_some_and(|gate| d.gates.contains(&gate)));
        let passed = self.let_through.as_ref() == Some(&wanted);
        let through = if passed { wanted.clone() } else { Plan::new() };
        let met = match (&expectation.rescale, expectation.gate) {
            (None, None) => true,
            (None, Some(_)) => held,
            (Some(rescale), None) => *rescale == through,
            // Both: this plan is wanted, and that gate holds it back.
            (Some(rescale), Some(_)) => *rescale == wanted && held,
        };
        (!met).then(|| self.failure(expectation, &wanted, passed))
    }

    fn failure(&self, expectation: &Expectation, wanted: &Plan, passed: bool) -> Failure {
        let standing = self.standing();
        Failure {
            path: self.test.path.clone(),
            pos: expectation.pos,
            policy: self.test.policy.name.clone(),
            test: self.test.name.clone(),
            at: expectation.at,
            expected: expected(expectation),
            found: found(standing, wanted, passed),
            reasons: standing.map(|d| d.reasons.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        }
    }
}

/// The policy as it is tested: free to act on this job alone, whatever its mode and match say.
fn under_test(test: &InlineTest) -> Policy {
    let jobs = vec![test.job.name.as_str().into()];
    Policy { mode: Mode::Auto, matches: Match { jobs, ..Match::default() }, ..test.policy.clone() }
}

fn plan(decision: &Decision) -> Plan {
    let planned =
        matches!(decision.verdict, Verdict::Act | Verdict::Recommend | Verdict::AwaitApproval | Verdict::Gated);
    let changes = decision.rescale.iter().filter(|_| planned);
    changes.map(|(vertex, change)| (vertex.clone(), change.to)).collect()
}

fn expected(expectation: &Expectation) -> String {
    let gate = expectation.gate.map(|g| format!("held back by {}", g.as_str()));
    let rescale = expectation.rescale.as_ref().map(show);
    [rescale, gate].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn found(standing: Option<&Decision>, wanted: &Plan, passed: bool) -> String {
    let Some(standing) = standing else { return "no decision yet".to_owned() };
    let gates: Vec<_> = standing.gates.iter().map(|g| g.as_str()).collect();
    match (wanted.is_empty(), passed, gates.is_empty()) {
        (true, _, true) => "no rescale".to_owned(),
        (true, _, false) => format!("no rescale ({})", gates.join(", ")),
        (false, true, _) => show(wanted),
        (false, false, _) => format!("wants {}, held back by {}", show(wanted), gates.join(", ")),
    }
}

fn show(plan: &Plan) -> String {
    if plan.is_empty() {
        return "no rescale".to_owned();
    }
    let vertices: Vec<_> = plan.iter().map(|(v, p)| format!("{v}: {p}")).collect();
    format!("rescale {{ {} }}", vertices.join(", "))
}

fn observation(test: &InlineTest, job: &JobKey, at: Timestamp, index: usize) -> Observation {
    let samples = inline_series::samples(&test.series, index);
    let graph = &test.job.graph;
    let one = |p| Bounds { lower: Parallelism(1), upper: p };
    Observation {
        job: job.clone(),
        job_id: "00000000000000000000000000000001".into(),
        labels: BTreeMap::new(),
        graph: Arc::new(graph.clone()),
        status: JobStatus::Running,
        running_since: Some(Timestamp(0).minus(test.job.running_for)),
        scheduler: Some(Scheduler::Adaptive),
        slots: Some(test.job.slots),
        requirements: Some(graph.vertices.iter().map(|v| (v.id.clone(), one(v.parallelism))).collect()),
        checkpoints: Some(checkpoints(at, &|name| {
            let key = SeriesKey::job(name);
            samples.iter().find(|s| *s.key == key).map(|s| s.value)
        })),
        failure: None,
        facts: ClusterFacts { version: Some((2, 2)), ..ClusterFacts::default() },
        samples,
        missing: Vec::new(),
    }
}

/// Age of the last completed checkpoint, s: a test may give it.
const CHECKPOINT_AGE: &str = "weirkeeper_checkpoint_age_seconds";

/// Healthy checkpoints, one a minute and a second long, except for what the test's series say.
fn checkpoints(at: Timestamp, given: &dyn Fn(&str) -> Option<f64>) -> Checkpoints {
    let interval = Millis::minutes(1);
    let count = |name| given(name).filter(|v| *v >= 0.0).map(|v| v as u64);
    let minutes = at.since(Timestamp(0)).0 / interval.0;
    let usual = Timestamp(0).plus(interval.times(minutes));
    let last = given(CHECKPOINT_AGE).map_or(usual, |age| at.minus(Millis::from_secs(age)));
    Checkpoints {
        last_completed: Some(last),
        last_completed_id: Some(count(name::CHECKPOINTS_COMPLETED).unwrap_or(minutes + 1)),
        last_duration: Some(count(name::CHECKPOINT_DURATION).map_or(Millis::secs(1), Millis)),
        full_size: Some(count(name::CHECKPOINT_FULL_SIZE).unwrap_or(1 << 20)),
        written: Some(count(name::CHECKPOINT_SIZE).unwrap_or(1 << 20)),
        completed: Some(count(name::CHECKPOINTS_COMPLETED).unwrap_or(minutes + 1)),
        failed: Some(count(name::CHECKPOINTS_FAILED).unwrap_or(0)),
        savepoint_in_progress: Some(false),
        checkpoint_in_progress: Some(count(name::CHECKPOINTS_IN_PROGRESS).is_some_and(|n| n > 0)),
        interval: Some(interval),
        timeout: Some(Millis::minutes(10)),
        enabled: Some(true),
        forst: Some(false),
    }
}

#[cfg(test)]
mod tests;
