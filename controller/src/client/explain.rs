//! `weirkeeper explain`: why, or why not, with every number.

use super::{Server, actions, print_json};
use crate::api::shapes::{ActionShape, DecisionShape, DecisionsShape, JobShape, JobsShape};
use crate::args::ExplainArgs;
use crate::cli::print;
use crate::exit::Stop;
use crate::settings::Output;
use crate::show;
use serde::Serialize;

/// Decisions to look through for one number: as many as the server gives at once.
const SEARCH: usize = 1_000;

#[derive(Serialize)]
struct JobExplained {
    jobs: Vec<JobShape>,
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
    let JobsShape { jobs } = server.get(&["jobs", name], "").await?;
    let limit = format!("limit={last}");
    let DecisionsShape { decisions } = server.get(&["jobs", name, "decisions"], &limit).await?;
    match output {
        Output::Json => print_json(&JobExplained { jobs, decisions }),
        Output::Table => {
            let mut parts: Vec<_> = jobs.iter().map(job_text).collect();
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
        Some(standing) => format!("now, since {}: {}", standing.at, show::decision(standing)),
        None => "now: nothing decided yet".to_owned(),
    });
    parts.join("\n")
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
