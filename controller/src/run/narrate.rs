//! Says what was decided: one log line per decision, and the figures that count them.

use crate::metrics::{DecisionLabels, EffectLabels, GateLabels, Metrics};
use std::any::Any;
use weirkeeper_core::decision::Decision;
use weirkeeper_core::job::JobKey;

/// A name or message of someone else's, on one line: control characters become `?`, and no more than 500 characters.
pub fn one_line(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    one_line(text.unwrap_or("a panic without words"))
}

/// The words of a list, separated by `sep`.
fn joined(words: impl Iterator<Item = String>, sep: &str) -> String {
    words.collect::<Vec<_>>().join(sep)
}

/// Logs and counts a decision.
pub fn decision(metrics: &Metrics, decision: &Decision) {
    let verdict = decision.verdict.as_str();
    let reason = decision.reasons.first().map_or("none", |r| r.name());
    metrics.decisions.get_or_create(&DecisionLabels { verdict: verdict.into(), reason: reason.into() }).inc();
    for gate in &decision.gates {
        metrics.gates.get_or_create(&GateLabels { gate: gate.as_str().into() }).inc();
    }
    let rescale = joined(decision.rescale.iter().map(|(v, c)| format!("{v}: {} -> {}", c.from, c.to)), ", ");
    let gates = joined(decision.gates.iter().map(|g| g.as_str().to_owned()), ",");
    let reasons = joined(decision.reasons.iter().map(ToString::to_string), "; ");
    tracing::info!(
        target: "decision",
        id = decision.id,
        cluster = %decision.job.cluster,
        job = %one_line(&decision.job.to_string()),
        policy = %decision.policy,
        verdict,
        rescale = %one_line(&rescale),
        gates,
        run = decision.run.map(tracing::field::display),
        reasons = %clean(&reasons),
        "decided"
    );
}

/// Control characters out, nothing cut: a reason may be long, but it ends.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Logs and counts a call for a person.
pub fn escalation(metrics: &Metrics, job: Option<&JobKey>, message: &str) {
    metrics.effects.get_or_create(&EffectLabels { kind: "escalate".into(), outcome: "said".into() }).inc();
    let job = job.map_or_else(|| "the fleet".to_owned(), ToString::to_string);
    tracing::error!(target: "escalation", job = %one_line(&job), "{}", clean(message));
}
