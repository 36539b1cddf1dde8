//! What scaling cannot fix. Each returns the reason why a vertex, or the whole job, is not scaled up.

use crate::job::JobGraph;
use crate::memory::{JobMemory, Rise};
use crate::observation::Failure;
use crate::reason::Reason;
use crate::series::{Agg, name};
use crate::sizing::evidence::{self, Slice, Slices};
use crate::sizing::flow::SATURATED;
use crate::sizing::stats::fit_line;
use crate::units::{Millis, Ratio, Timestamp};
use crate::windows::Index;
use std::collections::VecDeque;

/// The others do less than this share of what the hottest does.
const HOT: f64 = 0.5;
/// Share of time in garbage collection above which memory is the problem: the throughput collector's own limit for
/// giving up is 98 %, and pauses are felt from a third on.
const GC_SHARE: f64 = 0.3;
/// Share of CPU periods throttled.
const THROTTLED: f64 = 0.10;
/// That many restarts within [`LOOP_WITHIN`] are a loop: one loss of a TaskManager gave 6 on a real Flink, so this
/// waits for quiet rather than for a person.
pub const LOOP_RESTARTS: f64 = 3.0;
/// Back-off grows to a minute, so a dead job restarts only a few times in it.
pub const LOOP_WITHIN: Millis = Millis::minutes(5);
/// A failure that names an outside system counts for this long, unless records have flowed since.
const DEPENDENCY_WITHIN: Millis = Millis::minutes(10);

/// One subtask carries the load.
///
/// From the level on at which it would be scaled for: the busiest subtask is what makes a vertex overloaded. While the
/// share of the busiest has just changed, it is waited for.
pub fn hot_subtask(graph: &JobGraph, v: usize, slices: &Slices, scale_up_at: f64) -> Option<Reason> {
    let p = f64::from(graph.vertices[v].parallelism.0);
    let newest = slices.slices.iter().rev().find(|s| s.hottest.is_some())?;
    if p < 2.0 || newest.hottest? < scale_up_at.min(SATURATED) {
        return None;
    }
    // A subtask that has just become hot hides for a reading or two behind the one that was busiest until then.
    if let Some((hottest, others)) = slices.newest(3).iter().rev().find_map(|s| hot_in(s, p, scale_up_at)) {
        let vertex = graph.vertices[v].name.clone();
        return Some(Reason::HotSubtask { vertex, hottest: Ratio(hottest), others: Ratio(others) });
    }
    let skew = |s: &Slice| Some(s.hottest? / s.busy?.max(0.01));
    let have = slices.stretch_readings(skew);
    let need = evidence::MIN_READINGS as u32;
    (have < need).then_some(Reason::TooFewSamples { have, need })
}

/// Busy time of the hottest and of the others in a slice, where they are far apart.
fn hot_in(slice: &Slice, p: f64, scale_up_at: f64) -> Option<(f64, f64)> {
    let (hottest, mean) = (slice.hottest?, slice.busy?);
    let others = ((mean * p - hottest) / (p - 1.0)).max(0.0);
    (hottest >= scale_up_at.min(SATURATED) && others < HOT * hottest).then_some((hottest, others))
}

/// Whether a vertex is a sink by Flink's names: what it writes to is outside.
pub fn is_sink(graph: &JobGraph, v: usize) -> bool {
    let name = &graph.vertices[v].name;
    let first = name.split(" -> ").next().unwrap_or(name);
    graph.outputs(v).next().is_none()
        && (first.starts_with("Sink: ") || first.ends_with(": Writer") || first.ends_with(": Committer"))
}

/// A sink's busy time may be waiting: it is scaled only where that is ruled out.
pub fn slow_sink(graph: &JobGraph, v: usize, slices: &Slices, index: &Index, memory: &JobMemory) -> Option<Reason> {
    if !is_sink(graph, v) {
        return None;
    }
    let vertex = &graph.vertices[v];
    let rise = memory.learned.get(&vertex.id).and_then(|l| l.last_rise);
    if rise.is_some_and(held) || send_time_is_flat(&vertex.name, index) {
        return None;
    }
    let why = match rise {
        Some(Rise { before, after: Some(after), .. }) => {
            format!("with more subtasks each did {after:.0}/s instead of {before:.0}/s")
        }
        _ => "neither its send latency nor an earlier rise in parallelism tells".to_owned(),
    };
    let busy = Ratio(slices.slices.last().and_then(|s| s.busy).unwrap_or(1.0));
    Some(Reason::SlowSink { vertex: vertex.name.clone(), busy, why })
}

/// The rate per subtask held when the parallelism last rose.
fn held(rise: Rise) -> bool {
    rise.after.is_some_and(|after| after >= 0.9 * rise.before)
}

fn send_time_is_flat(task: &str, index: &Index) -> bool {
    let Some(window) = index.task_any(task, name::SEND_TIME, &[Agg::Avg, Agg::Max]) else { return false };
    let points: Vec<(f64, f64)> = window.since(Timestamp(i64::MIN)).map(|(t, v)| (t.0 as f64 / 1_000.0, v)).collect();
    let Some(line) = fit_line(&points) else { return false };
    let span = points[points.len() - 1].0 - points[0].0;
    // Flat: over what is seen it changed by less than a fifth of its level, or by less than a millisecond.
    (line.slope * span).abs() < (0.2 * line.last.abs()).max(1.0)
}

/// Memory is short.
pub fn gc_pressure(index: &Index) -> Option<Reason> {
    let newest = |agg| index.all("", name::GC_RATE, agg).filter_map(|w| w.last()).map(|s| s.1 / 1_000.0);
    let worst = [None, Some(Agg::Max)].into_iter().flat_map(newest).fold(0.0, f64::max);
    (worst > GC_SHARE).then_some(Reason::GcPressure { share: Ratio(worst) })
}

/// CPU is throttled: only more TaskManagers help, and only a resource manager starts those.
pub fn throttled(task: &str, index: &Index, series: Option<&str>, on_demand: bool) -> Option<Reason> {
    let series = series.unwrap_or(name::CPU_THROTTLED);
    let window = index.task_any(task, series, &[Agg::Max, Agg::Avg]).or_else(|| index.job(series))?;
    let share = window.last()?.1;
    let reason = Reason::Throttled { vertex: task.into(), share: Ratio(share) };
    (share > THROTTLED && !on_demand).then_some(reason)
}

/// The newest failure names an outside system, and nothing has shown since that it is back.
pub fn failed_dependency(at: Timestamp, failure: Option<&Failure>, flowing_since: Option<Timestamp>) -> Option<Reason> {
    // Records that have flowed for a while since the failure prove that it is back.
    let recent = |f: &&Failure| at.since(f.at) <= DEPENDENCY_WITHIN && flowing_since.is_none_or(|since| since <= f.at);
    let failure = failure.filter(recent)?;
    let dependency = failure.dependency.clone()?;
    Some(Reason::DependencyDown { dependency, evidence: failure.text.clone() })
}

/// The outside system that a source or sink waits for does not answer.
pub fn dependency_down(
    graph: &JobGraph,
    at: Timestamp,
    failure: Option<&Failure>,
    flowing_since: Option<Timestamp>,
    index: &Index,
    slices: &[Slices],
) -> Option<Reason> {
    if let Some(named) = failed_dependency(at, failure, flowing_since) {
        return Some(named);
    }
    let silent = |v: &usize| slices[*v].slices.last().is_some_and(|s| s.rate_out == Some(0.0));
    (0..graph.vertices.len()).filter(|v| graph.is_source(*v)).filter(silent).find_map(|v| stalled(graph, v, index))
}

fn stalled(graph: &JobGraph, v: usize, index: &Index) -> Option<Reason> {
    let task = &graph.vertices[v].name;
    let last = |series| index.task_any(task, series, &[Agg::Sum, Agg::Max]).and_then(|w| w.last()).map(|s| s.1);
    let commits = index.task_any(task, name::COMMITS_FAILED, &[Agg::Sum, Agg::Max]);
    let rising = commits.is_some_and(|w| {
        let values: Vec<f64> = w.since(Timestamp(i64::MIN)).map(|s| s.1).collect();
        values.windows(2).rev().take(3).any(|p| p[1] > p[0])
    });
    let evidence = match last(name::CONNECTION_COUNT) {
        Some(0.0) => format!("{task} emits nothing and has no connection"),
        _ if rising => format!("{task} emits nothing and its offset commits fail"),
        _ => return None,
    };
    Some(Reason::DependencyDown { dependency: "Kafka".to_owned(), evidence })
}

/// The job restarts again and again; `restarts` holds when, rescales left out.
pub fn restart_loop(at: Timestamp, restarts: &VecDeque<(Timestamp, f64)>) -> Option<Reason> {
    let recent: f64 = restarts.iter().filter(|r| at.since(r.0) <= LOOP_WITHIN).map(|r| r.1).sum();
    let reason = Reason::RestartLoop { restarts: recent as u64, within: LOOP_WITHIN };
    (recent >= LOOP_RESTARTS).then_some(reason)
}

/// Event time stands still while records move and nobody is busy: more subtasks do not move a watermark.
pub fn stalled_watermark(
    graph: &JobGraph,
    at: Timestamp,
    index: &Index,
    slices: &[Slices],
    window: Millis,
) -> Option<Reason> {
    let busy = slices.iter().filter_map(|s| s.slices.last()?.busy).fold(0.0, f64::max);
    (0..graph.vertices.len()).find_map(|v| {
        let moves = slices[v].slices.last().is_some_and(|s| s.rate_in.or(s.rate_out).is_some_and(|r| r > 0.0));
        let watermark = index.task_any(&graph.vertices[v].name, name::OUTPUT_WATERMARK, &[Agg::Min, Agg::Avg])?;
        let (newest, value) = watermark.last()?;
        let since = watermark.since(Timestamp(i64::MIN)).rev().take_while(|s| s.1 == value).last()?.0;
        let still = newest.since(since);
        let vertex = graph.vertices[v].name.clone();
        let held = moves && busy < SATURATED && still >= window && at.since(newest) <= window;
        held.then_some(Reason::StalledWatermark { vertex, since: still })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Vertex;
    use crate::units::Parallelism;

    fn judge(shares: &[(f64, f64)]) -> Option<Reason> {
        let vertex = Vertex {
            id: "a".into(),
            name: "a".into(),
            parallelism: Parallelism(4),
            max_parallelism: None,
            slot_group: "default".into(),
            partitions: None,
            running: Some(4),
        };
        let graph = JobGraph { vertices: vec![vertex], edges: Vec::new() };
        let slice = |(i, (busy, hottest)): (usize, &(f64, f64))| {
            let begin = Timestamp(i as i64 * 5_000);
            let (rate_in, rate_out, backpressured) = (Some(100.0), Some(100.0), Some(0.0));
            let (busy, hottest) = (Some(*busy), Some(*hottest));
            Slice { begin, end: begin.plus(Millis(5_000)), secs: 5.0, rate_in, rate_out, busy, backpressured, hottest }
        };
        let slices = Slices { slices: shares.iter().enumerate().map(slice).collect(), ..Slices::default() };
        hot_subtask(&graph, 0, &slices, 0.85)
    }

    #[test]
    fn a_skew_that_stays_is_not_waited_for_when_the_load_changes() {
        // The busiest does 1.25 times the mean before and after the load has doubled.
        assert_eq!(judge(&[(0.36, 0.45), (0.36, 0.45), (0.72, 0.9)]), None);
        // Its share has just changed: 1.0 times the mean, then 1.5 times.
        assert_eq!(judge(&[(0.6, 0.6), (0.6, 0.6), (0.6, 0.9)]), Some(Reason::TooFewSamples { have: 2, need: 3 }));
        // Below the level at which a vertex would be scaled for it is nobody's concern.
        assert_eq!(judge(&[(0.6, 0.6), (0.6, 0.6), (0.6, 0.84)]), None);
        // Of four, one at 90 % and three at 30 %: mean 45 %.
        assert!(matches!(judge(&[(0.45, 0.9); 3]), Some(Reason::HotSubtask { .. })));
    }
}
