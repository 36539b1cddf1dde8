//! Metrics of the subtasks of one vertex, as far as the world has them.

use super::metric::Metric;
use super::view::{Io, View};
use crate::world::{VertexFigures, is_sink};

/// Counters of each subtask.
pub(super) fn io(view: &View<'_>, v: usize, figures: &VertexFigures) -> Vec<Io> {
    let p = view.vertex(v).parallelism;
    let t = &figures.totals;
    let busy = spread(p, t.busy, t.hottest, Some(t.coldest));
    let loads: Vec<f64> = (0..p).map(|s| view.world.load_of(view.shown.index, v, s)).collect();
    let read = shares(t.records_in, &loads);
    let written = shares(if view.has_outputs(v) { t.records_out } else { 0.0 }, &loads);
    let one = |s: usize| {
        let idle = (t.clock - t.backpressured - busy[s]).max(0.0);
        let time = |ms: f64| view.pace.time(ms).trunc();
        Io {
            read: read[s],
            read_bytes: if view.has_inputs(v) { Io::bytes(read[s]) } else { 0.0 },
            written: written[s],
            busy: time(busy[s]),
            idle: time(idle),
            backpressured: time(t.backpressured),
        }
    };
    (0..p as usize).map(one).collect()
}

/// A value of each of `p` subtasks, when the mean, the greatest and the least are known.
fn spread(p: u32, mean: f64, most: f64, least: Option<f64>) -> Vec<f64> {
    let most = most.max(mean);
    match p {
        0 => Vec::new(),
        1 => vec![mean],
        2 => vec![most, (2.0 * mean - most).max(0.0)],
        _ => {
            let rest = f64::from(p) * mean - most;
            let (middle, last) = match least {
                Some(least) => ((rest - least) / f64::from(p - 2), least),
                None => (rest / f64::from(p - 1), rest / f64::from(p - 1)),
            };
            let mut all = vec![middle.max(0.0); p as usize];
            (all[0], all[p as usize - 1]) = (most, last);
            all
        }
    }
}

/// Whole records for each, in proportion; the first takes what is left of rounding.
fn shares(total: f64, loads: &[f64]) -> Vec<f64> {
    let whole: f64 = loads.iter().sum();
    let share = |load: &f64| if whole > 0.0 { (total * load / whole).trunc() } else { 0.0 };
    let mut all: Vec<f64> = loads.iter().map(share).collect();
    let rest = total.trunc() - all.iter().sum::<f64>();
    if let Some(first) = all.first_mut() {
        *first += rest.max(0.0);
    }
    all
}

/// The scope of a vertex's first operator: what is not alphanumeric becomes `_`.
pub(super) fn scope(name: &str) -> String {
    let first = name.split(" -> ").next().unwrap_or(name);
    first.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

/// All metrics of a vertex's subtasks; none where nothing has been fetched.
pub(super) fn metrics(view: &View<'_>, v: usize) -> Vec<Metric> {
    let Some(figures) = view.figures() else { return Vec::new() };
    let of = &figures.vertices[v];
    let p = view.vertex(v).parallelism as usize;
    let io = io(view, v, of);
    let mut all = counters(view, &io);
    all.extend(averages(view, v, of));
    all.extend(buffers(view, of, p));
    all.extend(operator(view, v, of, &io));
    if let Some(source) = of.source {
        all.extend(super::sources::metrics(view, v, &source, p));
    } else if let Some(watermark) = watermark(view) {
        all.push(Metric::all("currentInputWatermark", p, watermark as f64).count());
    }
    all
}

fn counters(view: &View<'_>, io: &[Io]) -> Vec<Metric> {
    let of = |name: &str, pick: fn(&Io) -> f64| Metric::of(name, io.iter().map(pick).collect()).count();
    let mut all = vec![
        of("accumulateBusyTimeMs", |i| i.busy),
        of("accumulateIdleTimeMs", |i| i.idle),
        of("accumulateBackPressuredTimeMs", |i| i.backpressured),
        of("numRecordsIn", |i| i.read),
        of("numRecordsOut", |i| i.written),
        of("numBytesIn", |i| i.read_bytes),
        of("numBytesOut", |i| Io::bytes(i.written)),
    ];
    if let Some(last) = view.fetched.and_then(|f| f.checkpoints.latest.as_ref()) {
        let delay = view.pace.time((last.ended - last.triggered) as f64) * 1e6;
        all.push(Metric::all("checkpointStartDelayNanos", io.len(), delay).count());
    }
    all
}

fn averages(view: &View<'_>, v: usize, of: &VertexFigures) -> Vec<Metric> {
    let (a, p) = (&of.averages, view.vertex(v).parallelism);
    let loads: Vec<f64> = (0..p).map(|s| view.world.load_of(view.shown.index, v, s)).collect();
    let whole: f64 = loads.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let rate = |total: f64| loads.iter().map(|l| view.pace.rate(total * l / whole)).collect::<Vec<_>>();
    let busy = spread(p, a.busy, a.hottest, None);
    let idle = busy.iter().map(|b| (1_000.0 - a.backpressured - b).max(0.0)).collect();
    let out = if view.has_outputs(v) { a.records_out } else { 0.0 };
    let pressed = |name: &str, value: f64| Metric::all(name, p as usize, value);
    let bytes = |total: f64| rate(total).into_iter().map(Io::bytes).collect();
    vec![
        Metric::of("busyTimeMsPerSecond", busy),
        Metric::of("idleTimeMsPerSecond", idle),
        pressed("backPressuredTimeMsPerSecond", a.backpressured),
        pressed("softBackPressuredTimeMsPerSecond", a.backpressured),
        pressed("hardBackPressuredTimeMsPerSecond", 0.0),
        Metric::of("numRecordsInPerSecond", rate(a.records_in)),
        Metric::of("numRecordsOutPerSecond", rate(out)),
        Metric::of("numBytesInPerSecond", if view.has_inputs(v) { bytes(a.records_in) } else { bytes(0.0) }),
        Metric::of("numBytesOutPerSecond", bytes(out)),
    ]
}

/// Flink 1.x has them under an older name too.
fn buffers(view: &View<'_>, of: &VertexFigures, p: usize) -> Vec<Metric> {
    let mut all = vec![Metric::all("Shuffle.Netty.Input.Buffers.inPoolUsage", p, of.in_pool)];
    if view.version().0 < 2 {
        all.push(Metric::all("buffers.inPoolUsage", p, of.in_pool));
    }
    all
}

/// Of the operator itself: what a source reads and sends, also where a sink is chained to it.
fn operator(view: &View<'_>, v: usize, of: &VertexFigures, io: &[Io]) -> Vec<Metric> {
    let (scope, p) = (scope(&view.vertex(v).name), io.len());
    let sends = |i: &Io| if view.has_outputs(v) { i.written } else { i.read };
    let mut all = vec![
        Metric::of(format!("{scope}.numRecordsIn"), io.iter().map(|i| i.read).collect()).count(),
        Metric::of(format!("{scope}.numRecordsOut"), io.iter().map(sends).collect()).count(),
    ];
    if !view.has_outputs(v) && is_sink(&view.vertex(v).name) {
        let ms = view.pace.time(of.send_time);
        all.push(Metric::all(format!("{scope}.currentSendTime"), p, ms));
    }
    all
}

/// The least watermark of the sources, of the reader's clock.
pub(super) fn watermark(view: &View<'_>) -> Option<i64> {
    let figures = view.figures().filter(|f| f.event_time)?;
    let lags = figures.vertices.iter().filter_map(|f| f.source.map(|s| s.watermark_lag));
    let worst = lags.reduce(f64::max)?;
    Some(view.pace.at(figures.at.0) - view.pace.span(worst as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spread_adds_up() {
        assert_eq!(spread(1, 5.0, 9.0, Some(1.0)), [5.0], "of one the mean is the whole");
        assert_eq!(spread(2, 5.0, 8.0, Some(1.0)), [8.0, 2.0]);
        assert_eq!(spread(4, 5.0, 8.0, Some(2.0)), [8.0, 5.0, 5.0, 2.0]);
        assert_eq!(spread(4, 5.0, 8.0, None), [8.0, 4.0, 4.0, 4.0]);
        assert_eq!(shares(10.9, &[2.0, 1.0, 1.0]), [6.0, 2.0, 2.0], "10 records: 5, 2.5 and 2.5 of them");
        assert_eq!(shares(7.0, &[]), Vec::<f64>::new());
    }

    #[test]
    fn a_scope_is_the_first_operators() {
        assert_eq!(scope("Source: orders -> Map"), "Source__orders");
        assert_eq!(scope("discard: Writer"), "discard__Writer");
    }
}
