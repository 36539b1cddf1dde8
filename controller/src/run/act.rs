//! One task per action: carries it out on its cluster and sends back what came of it.

use crate::metrics::{EffectLabels, Metrics};
use crate::run::input::{Inbox, Input};
use crate::run::killswitch;
use crate::run::narrate::one_line;
use crate::run::world::Executor;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;
use weirkeeper_core::effect::{Action, ActionKind, Purpose, Stage};
use weirkeeper_core::event::{Event, KillSwitch, Outcome};

/// Starts a task per action.
pub struct Dispatcher {
    runtime: Handle,
    executors: BTreeMap<Arc<str>, Arc<dyn Executor>>,
    inbox: Inbox,
    metrics: Metrics,
    dry_run: bool,
    kill_switch: Option<PathBuf>,
    under_way: Arc<AtomicUsize>,
}

impl Dispatcher {
    /// For these clusters, by name. The kill switch is looked at once more right before each action.
    pub fn new(
        runtime: Handle,
        executors: BTreeMap<Arc<str>, Arc<dyn Executor>>,
        inbox: Inbox,
        metrics: Metrics,
    ) -> Dispatcher {
        Dispatcher { runtime, executors, inbox, metrics, dry_run: true, kill_switch: None, under_way: Arc::default() }
    }

    /// Lets it act, unless this file is there.
    pub fn acting(mut self, kill_switch: PathBuf) -> Dispatcher {
        (self.dry_run, self.kill_switch) = (false, Some(kill_switch));
        self
    }

    /// Starts the action.
    pub fn dispatch(&self, action: Action) {
        let executor = self.executors.get(&action.job.cluster).cloned();
        let (inbox, metrics, dry_run) = (self.inbox.clone(), self.metrics.clone(), self.dry_run);
        let switch = self.kill_switch.clone();
        let under_way = UnderWay::one_more(&self.under_way);
        let work = async move {
            let outcome = carry_out(executor, &action, dry_run, switch).await;
            tell(&metrics, &action, &outcome);
            let event = Event::Outcome { run: action.run, token: action.token, outcome };
            // The loop has ended: what came of it is asked again after the next start.
            let _ = inbox.send(Input::Event(event)).await;
            drop(under_way);
        };
        self.runtime.spawn(work);
    }

    /// How many actions are under way.
    pub fn under_way(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.under_way)
    }
}

/// Counts an action from its start until what came of it is in the loop's hands, however it ends.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn one_more(count: &Arc<AtomicUsize>) -> UnderWay {
        count.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn carry_out(
    executor: Option<Arc<dyn Executor>>,
    action: &Action,
    dry_run: bool,
    switch: Option<PathBuf>,
) -> Outcome {
    let reads_only = matches!(action.kind, ActionKind::Inquire | ActionKind::InquireRedeploy(_));
    if !reads_only && switch.is_some_and(|path| killswitch::read(&path) != KillSwitch::Off) {
        return Outcome::Refused("the kill switch is on".into());
    }
    match executor {
        Some(executor) => executor.execute(action, dry_run).await,
        None => Outcome::Refused(format!("no cluster {:?} is configured any more", action.job.cluster)),
    }
}

fn tell(metrics: &Metrics, action: &Action, outcome: &Outcome) {
    let (kind, what) = (kind(&action.kind), word(outcome));
    metrics.effects.get_or_create(&EffectLabels { kind: kind.into(), outcome: what.into() }).inc();
    let detail = match outcome {
        Outcome::Changed(why) | Outcome::Refused(why) | Outcome::Unclear(why) => one_line(why),
        Outcome::NotStarted { why, .. } => one_line(why),
        Outcome::Stopped { savepoint } => one_line(savepoint),
        Outcome::Started { job_id } => one_line(job_id),
        Outcome::Accepted | Outcome::DryRun | Outcome::Found { .. } | Outcome::StillRuns => String::new(),
    };
    let job = one_line(&action.job.to_string());
    tracing::info!(target: "effect", run = %action.run, job, kind, outcome = what, detail, "done");
}

/// The word for an action, in logs and labels.
fn kind(kind: &ActionKind) -> &'static str {
    match kind {
        ActionKind::Rescale { purpose, .. } => match purpose {
            Purpose::Up => "rescale-up",
            Purpose::Down => "rescale-down",
            Purpose::Undo => "rescale-undo",
            Purpose::Withdraw => "rescale-withdraw",
        },
        ActionKind::Redeploy(redeploy) => match redeploy.stage {
            Stage::Stop => "redeploy-stop",
            Stage::Run { .. } => "redeploy-run",
        },
        ActionKind::Inquire | ActionKind::InquireRedeploy(_) => "inquire",
    }
}

/// The word for what came of it.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::DryRun => "dry-run",
        Outcome::Changed(_) => "changed",
        Outcome::Refused(_) => "refused",
        Outcome::Unclear(_) => "unclear",
        Outcome::Found { .. } => "found",
        Outcome::Stopped { .. } => "stopped",
        Outcome::Started { .. } => "started",
        Outcome::StillRuns => "still-runs",
        Outcome::NotStarted { .. } => "not-started",
    }
}
