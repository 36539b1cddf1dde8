//! `weirkeeper actions`.

use super::{Server, print_json, somebody};
use crate::api::shapes::{ActionShape, ActionsShape, AnswerShape};
use crate::args::{ActionsArgs, ActionsCommand};
use crate::cli::print;
use crate::exit::Stop;
use crate::settings::Output;
use crate::show::{self, table};

/// Runs it.
pub async fn run(args: ActionsArgs) -> Result<u8, Stop> {
    let server = Server::new(&args.server.into())?;
    match args.what.unwrap_or(ActionsCommand::List) {
        ActionsCommand::List => list(&server, args.output).await,
        ActionsCommand::Show { id } => show_one(args.output, &server.get(&["actions", &id], "").await?),
        ActionsCommand::Approve { id, plan_hash, by } => approve(&server, args.output, &id, plan_hash, by).await,
        ActionsCommand::Reject { id, by } => {
            let body = AnswerShape { plan_hash: None, by: somebody(by) };
            show_one(args.output, &server.post(&["actions", &id, "reject"], &body).await?)
        }
    }
}

async fn list(server: &Server, output: Output) -> Result<u8, Stop> {
    let found: ActionsShape = server.get(&["actions"], "").await?;
    match output {
        Output::Json => print_json(&found),
        Output::Table if found.actions.is_empty() => print("no actions"),
        Output::Table => print(&rows(&found.actions)),
    }
}

/// Approves the plan as it is shown here: if it changes in between, the server refuses.
async fn approve(
    server: &Server,
    output: Output,
    id: &str,
    plan_hash: Option<String>,
    by: Option<String>,
) -> Result<u8, Stop> {
    let plan_hash = match plan_hash {
        Some(hash) => hash,
        None => server.get::<ActionShape>(&["actions", id], "").await?.plan_hash,
    };
    let body = AnswerShape { plan_hash: Some(plan_hash), by: somebody(by) };
    show_one(output, &server.post(&["actions", id, "approve"], &body).await?)
}

fn show_one(output: Output, action: &ActionShape) -> Result<u8, Stop> {
    match output {
        Output::Json => print_json(action),
        Output::Table => print(&text(action)),
    }
}

fn rows(actions: &[ActionShape]) -> String {
    let row = |a: &ActionShape| {
        let when = a.ended_at.as_ref().or(a.acted_at.as_ref()).unwrap_or(&a.planned_at).clone();
        vec![a.id.clone(), a.job.clone(), a.phase.clone(), show::changes(&a.rescale), when]
    };
    table(&["id", "job", "phase", "rescale", "since"], actions.iter().map(row))
}

/// One action, in full.
pub fn text(a: &ActionShape) -> String {
    let mut lines = vec![
        format!("{}  {} of {} ({})", a.id, a.purpose, a.job, a.cluster),
        format!("  phase    {}{}", a.phase, a.why.as_ref().map_or_else(String::new, |w| format!(": {w}"))),
        format!("  rescale  {}", show::changes(&a.rescale)),
        format!("  policy   {}", a.policy),
        format!("  plan     {}", a.plan_hash),
    ];
    let times = [
        ("planned", Some(&a.planned_at)),
        ("expires", a.expires.as_ref()),
        ("approved", a.approved_by.as_ref()),
        ("acted", a.acted_at.as_ref()),
        ("reached", a.reached_at.as_ref()),
        ("ended", a.ended_at.as_ref()),
    ];
    lines.extend(times.iter().filter_map(|(name, at)| Some(format!("  {name:<9}{}", (*at)?))));
    lines.extend(a.log.iter().map(|note| format!("  {}  {}", note.at, note.what)));
    show::clean_lines(&lines)
}
