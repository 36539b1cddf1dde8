//! `weirkeeper pause` and `weirkeeper resume`.

use super::{Server, somebody};
use crate::api::shapes::PauseShape;
use crate::args::{PauseArgs, ResumeArgs};
use crate::cli::print;
use crate::exit::Stop;
use crate::settings::Span;
use serde_json::Value;

/// Stops acting.
pub async fn pause(args: PauseArgs) -> Result<u8, Stop> {
    let until = args.until.as_deref().map(|t| time(t, jiff::Timestamp::now())).transpose()?;
    let said = what(args.job.as_deref(), args.only.map(|o| o.as_str()));
    let body = PauseShape {
        job: args.job,
        only: args.only.map(|o| o.as_str().to_owned()),
        until: until.clone(),
        reason: Some(args.reason),
        by: somebody(args.by),
    };
    Server::new(&args.server)?.post::<Value>(&["pause"], &body).await?;
    print(&format!("paused: {said}, {}", until.map_or_else(|| "until resumed".into(), |t| format!("until {t}"))))
}

/// Acts again.
pub async fn resume(args: ResumeArgs) -> Result<u8, Stop> {
    let said = what(args.job.as_deref(), args.only.map(|o| o.as_str()));
    let body = PauseShape {
        job: args.job,
        only: args.only.map(|o| o.as_str().to_owned()),
        until: None,
        reason: args.reason,
        by: somebody(args.by),
    };
    Server::new(&args.server)?.post::<Value>(&["resume"], &body).await?;
    print(&format!("resumed: {said}"))
}

fn what(job: Option<&str>, only: Option<&str>) -> String {
    let effects = only.map_or("everything", |o| match o {
        "up" => "scale-ups",
        "down" => "scale-downs",
        _ => "remedies",
    });
    format!("{effects} of {}", job.map_or_else(|| "all jobs".to_owned(), |j| format!("job {j}")))
}

/// A duration from now, or a time.
fn time(text: &str, now: jiff::Timestamp) -> Result<String, Stop> {
    if let Ok(Span(span)) = text.parse::<Span>() {
        let at = now.checked_add(span).map_err(|_| Stop::cannot(format!("--until {text}: too far away")))?;
        return Ok(format!("{at:.0}"));
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        Stop::cannot(format!("--until {text:?} is neither a duration (2h) nor a time (2026-01-31T08:00:00Z)"))
    })?;
    if at <= now {
        return Err(Stop::cannot(format!("--until {text}: that is past")));
    }
    Ok(format!("{at:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_is_a_duration_or_a_time_to_come() {
        let now: jiff::Timestamp = "2026-01-31T08:00:00Z".parse().unwrap();
        assert_eq!(time("2h30m", now).unwrap(), "2026-01-31T10:30:00Z");
        assert_eq!(time("2026-01-31T10:00:00+01:00", now).unwrap(), "2026-01-31T09:00:00Z");
        for bad in ["2026-01-31T07:59:59Z", "tomorrow", "", "2026-01-31"] {
            assert!(time(bad, now).is_err(), "{bad}");
        }
    }
}
