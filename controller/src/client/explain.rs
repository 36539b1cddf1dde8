//! `weirkeeper explain`: why, or why not, with every number.

use super::{Server, actions, print_json};
use crate::api::shapes::{ActionShape, BudgetShape, DecisionShape, DecisionsShape, FleetShape, JobShape, JobsShape};
use crate::args::ExplainArgs;
use crate::cli::print;
use crate::exit::Stop;
use crate::settings::Output;
use crate::show;
use serde::Serialize;
use weirkeeper_core::units::Millis;

/// Decisions to look through for one number: as many as the server gives at once.
const SEARCH: usize = 1_000;

#[derive(Serialize)]
struct JobExplained {
    jobs: Vec<JobShape>,
    fleet: FleetShape,
    decisions: Vec<DecisionShape>,
}

#[derive(Serialize)]
struct ActionExplained {
    action: ActionShape,
    decisions: Vec<DecisionShape>,
}

/// Runs it.
pub async fn run(args: ExplainArgs) -> Result<u8, Stop> {
    let server = Server::new(&args.server)?;
    match (args.job, args.id) {
        (Some(name), _) => job(&server, args.output, &name, args.last).await,
        (None, Some(id)) if id.starts_with("run-") => action(&server, args.output, &id).await,
        (None, Some(id)) => one_decision(&server, args.output, &id).await,
        (None, None) => Err(Stop::cannot("say what: --job NAME, or an ID")),
    }
}

async fn job(server: &Server, output: Output, name: &str, last: usize) -> Result<u8, Stop> {
    let JobsShape { jobs, fleet } = server.get(&["jobs", name], "").await?;
    let limit = format!("limit={last}");
    let DecisionsShape { decisions } = server.get(&["jobs", name, "decisions"], &limit).await?;
    match output {
        Output::Json => print_json(&JobExplained { jobs, fleet, decisions }),
        Output::Table => {
            let mut parts: Vec<_> = jobs.iter().map(job_text).collect();
            parts.extend(fleet_text(&fleet, name));
            parts.push(log_text(&decisions));
            print(&parts.join("\n\n"))
        }
    }
}

/// One job: how it is, its vertices, what is decided about it and why.
fn job_text(job: &JobShape) -> String {
    let mut parts = vec![show::headline(job)];
    parts.extend(job.read_at.as_ref().map(|at| format!("  read {at}")));
    parts.extend(job.unread.as_ref().map(|why| show::clean_lines(&[format!("  NOT READ since: {why}")])));
    parts.extend(job.missing.iter().map(|what| show::clean_lines(&[format!("  missing: {what}")])));
    if !job.vertices.is_empty() {
        parts.push(show::indent(&show::vertices(job)));
    }
    parts.push(match &job.standing {
        Some(standing) => format!("now, at {}: {}", standing.at, show::decision(standing)),
        None => "now: nothing decided yet".to_owned(),
    });
    parts.extend(budgets_text(&job.budgets));
    parts.join("\n")
}

/// What holds for this job and others; nothing where nothing does.
fn fleet_text(fleet: &FleetShape, name: &str) -> Option<String> {
    let mut lines = Vec::new();
    match fleet.kill_switch.as_deref() {
        None | Some("off") => {}
        Some(state) => lines.push(format!("the kill switch is {state}: nothing is carried out")),
    }
    for p in fleet.pauses.iter().filter(|p| p.job.as_deref().is_none_or(|j| j == name)) {
        let what = p.only.as_ref().map_or_else(String::new, |o| format!(" ({o} only)"));
        let until = p.until.as_deref().map_or_else(|| "until resumed".to_owned(), |t| format!("until {t}"));
        lines.push(format!("paused{what} {until} by {}: {}", p.by, p.reason));
    }
    let breaker = |t| format!("only recommending until {t}: too many verifications failed");
    lines.extend(fleet.breaker_until.as_ref().map(breaker));
    let spent = |t| format!("every budget counts as spent until {t}: the state file could not be read");
    lines.extend(fleet.budgets_spent_until.as_ref().map(spent));
    (!lines.is_empty()).then(|| show::clean_lines(&lines))
}

fn budgets_text(budgets: &[BudgetShape]) -> Option<String> {
    let one = |b: &BudgetShape| {
        let left = b.count.saturating_sub(b.used);
        format!("{left} of {} left in {} ({})", b.count, Millis(b.per_ms), b.whose)
    };
    (!budgets.is_empty()).then(|| format!("  budgets: {}", budgets.iter().map(one).collect::<Vec<_>>().join("; ")))
}

fn log_text(decisions: &[DecisionShape]) -> String {
    let row = |d: &DecisionShape| {
        let why = d.reasons.first().cloned().unwrap_or_default();
        vec![d.id.to_string(), d.at.clone(), show::verdict(d), why]
    };
    match decisions {
        [] => "no decisions yet".to_owned(),
        some => format!(
            "last decisions\n{}",
            show::indent(&show::table(&["id", "at", "decision", "first reason"], some.iter().map(row)))
        ),
    }
}

async fn action(server: &Server, output: Output, id: &str) -> Result<u8, Stop> {
    let action: ActionShape = server.get(&["actions", id], "").await?;
    let all: DecisionsShape = server.get(&["jobs", &action.job, "decisions"], &format!("limit={SEARCH}")).await?;
    let mut decisions = all.decisions;
    decisions.retain(|d| d.run.as_deref() == Some(id));
    match output {
        Output::Json => print_json(&ActionExplained { action, decisions }),
        Output::Table => {
            let mut parts = vec![actions::text(&action)];
            parts.extend(decisions.iter().rev().map(|d| format!("{}  {}", d.at, show::decision(d))));
            print(&parts.join("\n"))
        }
    }
}

async fn one_decision(server: &Server, output: Output, id: &str) -> Result<u8, Stop> {
    let number: u64 = id
        .parse()
        .map_err(|_| Stop::cannot(format!("{id:?} is neither a run (run-12) nor the number of a decision")))?;
    let all: DecisionsShape = server.get(&["decisions"], &format!("limit={SEARCH}")).await?;
    let found = all.decisions.iter().find(|d| d.id == number);
    let decision = found.ok_or_else(|| Stop::no(format!("no decision {number} among the newest {SEARCH}")))?;
    match output {
        Output::Json => print_json(decision),
        Output::Table => print(&format!("{}  {}: {}", decision.at, decision.job, show::decision(decision))),
    }
}
