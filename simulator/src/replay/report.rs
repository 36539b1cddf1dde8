//! A replay as a page.

use super::Replay;
use super::player::{Judged, Outcome, is_up, is_wanted};
use super::shapes::hours;
use crate::report::{Mark, MarkKind, Report, Shade, Table};
use crate::score::Scores;
use crate::score::events::Recoveries;
use weirkeeper_core::decision::{Decision, Verdict};
use weirkeeper_core::units::Millis;

const BEYOND: &str = "The job did not get an earlier rescale that this policy asked for: this is what it would say to the job as recorded, not what would have followed.";

/// The page of a replay.
pub fn report(replay: &Replay) -> Report {
    let span = replay.span.unwrap_or_default();
    let mut marks: Vec<Mark> = replay.happened.clone();
    marks.extend(replay.outcomes.iter().flat_map(|o| o.decisions.iter().map(|d| mark(o, d))));
    marks.extend(replay.outcomes.iter().flat_map(calls));
    marks.sort_by_key(|m| m.at);
    Report {
        title: format!("Replay of {}", replay.header.job),
        summary: summary(replay),
        facts: facts(replay),
        span,
        charts: replay.gathered.charts.clone(),
        marks,
        shades: shades(replay),
        tables: vec![recorded(replay), contenders(replay)],
        notes: vec![
            ("What could not be judged".into(), not_judged(replay)),
            ("About this recording".into(), replay.header.origin.notes.clone()),
        ],
    }
}

fn summary(replay: &Replay) -> String {
    let wanted: Vec<String> = replay
        .outcomes
        .iter()
        .map(|o| {
            let (ups, downs) = o.rescales();
            let held = match o.held_back() {
                0 => String::new(),
                n => format!(", and wanted {n} that something held back"),
            };
            format!("{} would have asked for {ups} rescales up and {downs} down{held}", o.name)
        })
        .collect();
    if wanted.is_empty() {
        "Nothing could be decided from this recording.".into()
    } else {
        format!("{}.", wanted.join("; "))
    }
}

fn facts(replay: &Replay) -> Vec<(String, String)> {
    let span = replay.span.unwrap_or_default();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("From", span.0.to_string()),
        fact("To", span.1.to_string()),
        fact("Rows", replay.rows.to_string()),
        fact("Looked at every", replay.interval.to_string()),
        fact("Recorded from", replay.header.origin.kind.clone()),
        fact("Cluster", replay.header.cluster.clone()),
    ]
}

fn mark(o: &Outcome, judged: &Judged) -> Mark {
    let d = &judged.decision;
    Mark {
        at: d.at,
        lane: o.name.clone(),
        kind: kind(d),
        title: title(d),
        reasons: d.reasons.iter().map(ToString::to_string).collect(),
        caveat: judged.beyond.then(|| BEYOND.to_owned()),
    }
}

fn kind(d: &Decision) -> MarkKind {
    match d.verdict {
        Verdict::Progress => MarkKind::Told,
        _ if is_wanted(d) && is_up(d) => MarkKind::Up,
        _ if is_wanted(d) => MarkKind::Down,
        _ => MarkKind::Held,
    }
}

/// What was decided, in a few words.
pub fn title(d: &Decision) -> String {
    let changes: Vec<String> = d.rescale.iter().map(|(v, c)| format!("{v} {} -> {}", c.from, c.to)).collect();
    let gates: Vec<&str> = d.gates.iter().map(|g| g.as_str()).collect();
    let mut title = d.verdict.as_str().to_owned();
    if !changes.is_empty() {
        title = format!("{title}: {}", changes.join(", "));
    }
    if gates.is_empty() { title } else { format!("{title} [{}]", gates.join(", ")) }
}

fn calls(o: &Outcome) -> impl Iterator<Item = Mark> + '_ {
    o.escalations.iter().map(|(at, message)| Mark {
        at: *at,
        lane: o.name.clone(),
        kind: MarkKind::Told,
        title: "a person is called".into(),
        reasons: vec![message.clone()],
        caveat: None,
    })
}

fn shades(replay: &Replay) -> Vec<Shade> {
    let of = |o: &Outcome| {
        let name = o.name.clone();
        let why = format!(
            "{name}: the job did not get what it asked for; the recording cannot tell what would have followed"
        );
        o.unjudged.iter().map(|(from, to)| Shade { from: *from, to: *to, why: why.clone() }).collect::<Vec<_>>()
    };
    replay.outcomes.iter().flat_map(of).collect()
}

fn recorded(replay: &Replay) -> Table {
    let g = &replay.gathered;
    let count = |what: &str| replay.counts.get(what).copied().unwrap_or(0).to_string();
    let unknown = || "not known".to_owned();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut table = Table {
        title: "What the job did, as recorded".into(),
        head: vec!["What".into(), "How much".into()],
        rows: vec![
            row("Slot-hours", format!("{:.1}", g.slot_ms / 3_600_000.0)),
            row("Rescales", count("rescales")),
            row("Restarts, rescales among them", g.restarts.map_or_else(unknown, |r| format!("{r:.0}"))),
            row("Failures", count("failures")),
            row("Not running", Millis(g.down_ms).to_string()),
            row("Checkpoints completed", g.checkpoints.map_or_else(unknown, |n| n.to_string())),
        ],
        notes: Vec::new(),
    };
    match &g.scores {
        Some((scores, share)) => by_lag(&mut table, scores, *share),
        None => table.notes.push("Its lag in time is not in the recording: no score that needs it is given.".into()),
    }
    table
}

/// The scores that need the lag.
fn by_lag(table: &mut Table, s: &Scores, share: f64) {
    let secs = |v: f64| Millis::from_secs(v).to_string();
    let recovered = |r: &Recoveries| match (r.events, r.mean, r.longest) {
        (0, ..) => "there were none".to_owned(),
        (n, Some(mean), Some(longest)) => {
            format!("{} on average, {} at worst ({n} of them)", secs(mean), secs(longest))
        }
        (n, ..) => format!("not over at the end ({n} of them)"),
    };
    let rows = [
        ("Time beyond the lag objective", format!("{:.2} %", 100.0 * s.late_time)),
        ("Records read while beyond it", format!("{:.2} %", 100.0 * s.late_records)),
        ("Lag: half of the time at most", secs(s.lag.p50)),
        ("Lag: 95 % of the time at most", secs(s.lag.p95)),
        ("Lag: 99 % of the time at most", secs(s.lag.p99)),
        ("Lag: never more than", secs(s.lag.max)),
        ("Most restarts in any 30 minutes", s.most_restarts_in_30m.to_string()),
        ("Recovery after restarts that changed no size", recovered(&s.recovery.failures)),
        ("Recovery after rescales", recovered(&s.recovery.rescales)),
    ];
    table.rows.extend(rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]));
    table.notes.push(format!(
        "Its lag was known for {:.0} % of the time; while it did not run, what waits is taken to grow older by the time that passes.",
        100.0 * share
    ));
}

fn contenders(replay: &Replay) -> Table {
    let row = |o: &Outcome| {
        let (ups, downs) = o.rescales();
        let stood = |name: &str| hours(o.stood.get(name).copied().unwrap_or_default());
        vec![
            o.name.clone(),
            ups.to_string(),
            downs.to_string(),
            stood("gated"),
            stood("hold"),
            o.escalations.len().to_string(),
            hours(o.unjudged_for()),
        ]
    };
    let head = [
        "Policy",
        "Rescales up",
        "Rescales down",
        "Held back for",
        "Nothing wanted for",
        "Calls for a person",
        "Not judged by the recording",
    ];
    Table {
        title: "What would have been decided".into(),
        head: head.iter().map(ToString::to_string).collect(),
        rows: replay.outcomes.iter().map(row).collect(),
        notes: vec!["Not judged: from a rescale that the job did not get until the job had the size that was asked for. What is decided meanwhile is marked; it is said to the job as recorded.".into()],
    }
}

/// What the recording lacks, and what stood for long because of it.
fn not_judged(replay: &Replay) -> Vec<String> {
    let mut out = replay.known.unjudged();
    for o in &replay.outcomes {
        let unsure = [
            "unknown-demand",
            "unknown-capacity",
            "not-read",
            "missing",
            "not-all-running",
            "warming-up",
            "too-few-samples",
            "no-policy",
            "not-moving",
            "not-running",
        ];
        let long = |name: &&str| o.stood.get(*name).is_some_and(|t| *t > Millis(0));
        for name in unsure.iter().filter(|n| long(n)) {
            let stood = o.stood.get(*name).copied().unwrap_or_default();
            out.push(format!("{}: for {} the first reason was \"{name}\".", o.name, hours(stood)));
        }
        if o.dropped > 0 {
            out.push(format!("{}: {} more decisions were made than are kept.", o.name, o.dropped));
        }
    }
    out
}
