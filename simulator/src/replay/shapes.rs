//! A replay as JSON: stable, and described in docs/recordings.md. Fields are only ever added; no figure in it depends on
//! the clock of the machine.

use super::Replay;
use super::player::{Judged, Outcome};
use serde_json::{Map, Value, json};
use weirkeeper_core::units::{Millis, Timestamp};

/// The whole replay.
pub fn json(replay: &Replay) -> Value {
    let (from, to) = replay.span.unwrap_or_default();
    json!({
        "job": replay.header.job,
        "cluster": replay.header.cluster,
        "namespace": replay.header.namespace,
        "from": time(from),
        "to": time(to),
        "rows": replay.rows,
        "looks": replay.looks,
        "intervalSeconds": replay.interval.as_secs(),
        "recorded": {
            "rescales": count(replay, "rescales"),
            "failures": count(replay, "failures"),
            "gaps": count(replay, "gaps"),
            "restarts": replay.gathered.restarts,
            "checkpoints": replay.gathered.checkpoints,
            "slotHours": replay.gathered.slot_ms / 3_600_000.0,
            "downSeconds": replay.gathered.down_ms as f64 / 1_000.0,
            "lag": replay.gathered.scores.as_ref().map(|(s, share)| json!({
                "seconds": s.lag, "lateTime": s.late_time, "lateRecords": s.late_records, "knownShare": share,
                "mostRestartsIn30m": s.most_restarts_in_30m, "recovery": s.recovery,
            })),
        },
        "policies": replay.outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "notJudged": replay.known.unjudged(),
    })
}

fn count(replay: &Replay, what: &str) -> u64 {
    replay.counts.get(what).copied().unwrap_or(0)
}

fn outcome(o: &Outcome) -> Value {
    let (ups, downs) = o.rescales();
    let spans: Vec<Value> = o.unjudged.iter().map(|(a, b)| json!({"from": time(*a), "to": time(*b)})).collect();
    let stood: Map<String, Value> = o.stood.iter().map(|(k, v)| (k.clone(), json!(v.as_secs()))).collect();
    json!({
        "name": o.name,
        "ups": ups,
        "downs": downs,
        "heldBack": o.held_back(),
        "decisions": o.decisions.iter().map(decision).collect::<Vec<_>>(),
        "decisionsLeftOut": o.dropped,
        "escalations": o.escalations.iter().map(|(at, m)| json!({"at": time(*at), "message": m})).collect::<Vec<_>>(),
        "notJudgedSpans": spans,
        "notJudgedSeconds": o.unjudged_for().as_secs(),
        "stoodSeconds": stood,
    })
}

fn decision(j: &Judged) -> Value {
    let d = &j.decision;
    let rescale: Map<String, Value> =
        d.rescale.iter().map(|(v, c)| (v.to_string(), json!({"from": c.from.0, "to": c.to.0}))).collect();
    json!({
        "at": time(d.at),
        "policy": d.policy,
        "verdict": d.verdict.as_str(),
        "rescale": rescale,
        "gates": d.gates.iter().map(|g| g.as_str()).collect::<Vec<_>>(),
        "reasons": d.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "details": serde_json::to_value(&d.reasons).unwrap_or_default(),
        "beyondRecording": j.beyond,
    })
}

fn time(at: Timestamp) -> String {
    let (second, ms) = (Timestamp(at.0.div_euclid(1_000) * 1_000), at.0.rem_euclid(1_000));
    let text = second.to_string();
    match text.strip_suffix('Z') {
        Some(whole) => format!("{whole}.{ms:03}Z"),
        None => text,
    }
}

/// Hours, for tables.
pub fn hours(ms: Millis) -> String {
    format!("{:.2} h", ms.0 as f64 / 3_600_000.0)
}
