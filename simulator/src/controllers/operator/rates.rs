//! Rates and averages over the metric window. NaN is "not known" and infinity "nothing came in", as in that project.

use super::options::{Aggregator, Options};

/// A series of (milliseconds, value), in order of time.
pub type Series = Vec<(i64, f64)>;

/// Change per second between the first and the last known value; NaN with fewer than two.
pub fn rate(series: &[(i64, f64)]) -> f64 {
    let mut known = series.iter().filter(|(_, v)| !v.is_nan());
    let (Some((t0, first)), Some((t1, last))) = (known.next(), known.next_back()) else { return f64::NAN };
    1_000.0 * (last - first) / (t1 - t0).max(1) as f64
}

/// Mean of the finite values; infinite if only infinities are known, NaN with fewer than `least` finite ones.
pub fn average(series: &[(i64, f64)], least: usize) -> f64 {
    let finite: Vec<f64> = series.iter().map(|(_, v)| *v).filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        let any = series.iter().any(|(_, v)| v.is_infinite());
        return if any { f64::INFINITY } else { f64::NAN };
    }
    if finite.len() < least { f64::NAN } else { finite.iter().sum::<f64>() / finite.len() as f64 }
}

/// Busy milliseconds per second: over the counter when averaging over subtasks, else over the gauge.
pub fn busy_time(load: &[(i64, f64)], accumulated: &[(i64, f64)], parallelism: u32, aggregator: Aggregator) -> f64 {
    match aggregator {
        Aggregator::Avg => rate(accumulated) / f64::from(parallelism),
        Aggregator::Max | Aggregator::Min => average(load, 1) * 1_000.0,
    }
}

/// Records/s that stand over the busy time: a counter over a counter, a gauge over a gauge.
pub fn input_rate_for_busy(counter: &[(i64, f64)], gauge: &[(i64, f64)], aggregator: Aggregator) -> f64 {
    let mean = average(gauge, 1);
    if aggregator == Aggregator::Avg || !mean.is_finite() { rate(counter) } else { mean }
}

/// Records per busy second. Nothing coming in counts as unlimited.
fn busy_rate(busy_ms: f64, input: f64) -> f64 {
    if input == 0.0 { f64::INFINITY } else { input / (busy_ms / 1_000.0) }
}

/// The true processing rate: by busy time, unless what was seen while catching up tells that busy time flatters.
pub fn true_rate(busy_ms: f64, input: f64, observed: &[(i64, f64)], options: &Options) -> f64 {
    let by_busy = busy_rate(busy_ms, input);
    let seen = average(observed, options.observe_least);
    if seen.is_nan() {
        return by_busy;
    }
    let flatters = !by_busy.is_finite() || by_busy > seen * (1.0 + options.observe_switch);
    if flatters { seen } else { by_busy }
}

/// Records/s of the time that is not spent waiting for downstream.
pub fn unhindered_rate(input: f64, backpressured_ms: f64) -> f64 {
    if backpressured_ms >= 1_000.0 { f64::NAN } else { input / (1.0 - backpressured_ms / 1_000.0) }
}

/// What a source shows it can do, only while it works off a lag; else the mean of what it showed before.
pub fn observed_rate(lag: f64, input: f64, backpressured_ms: f64, before: f64, options: &Options) -> f64 {
    if input == 0.0 {
        return f64::INFINITY;
    }
    let threshold = (options.observe_lag.0 / 1_000) as f64 * input;
    let seen = if lag >= threshold { unhindered_rate(input, backpressured_ms) } else { f64::NAN };
    if seen.is_nan() { before } else { seen }
}

/// Share of time that a vertex is busy, 0 to 1, from the aggregates over its subtasks (ms/s).
pub fn load(min: f64, max: f64, avg: f64, aggregator: Aggregator) -> f64 {
    let busy = match aggregator {
        Aggregator::Min => min,
        Aggregator::Max => max,
        Aggregator::Avg => avg,
    };
    if busy.is_finite() { busy.max(0.0) / 1_000.0 } else { f64::NAN }
}

/// A source has more lag than it can read in the threshold's time.
pub fn has_backlog(latest_lag: f64, records_in: &[(i64, f64)], options: &Options) -> bool {
    let input = rate(records_in);
    let lag = if latest_lag.is_nan() { 0.0 } else { latest_lag };
    lag / input > (options.backlog_lag.0 / 1_000) as f64
}

/// What arrives at a source (what it reads, and what its lag grows by), and what would clear its lag in time.
pub fn source_demand(
    records_in: &[(i64, f64)],
    lag: &[(i64, f64)],
    latest_lag: f64,
    options: &Options,
) -> super::capacity::Demand {
    let arriving = rate(records_in) + rate(lag);
    let seconds = (options.catch_up.0 / 1_000) as f64;
    let lag = if latest_lag.is_nan() { 0.0 } else { latest_lag };
    let catch_up = if seconds == 0.0 { 0.0 } else { lag / seconds };
    let target = if arriving.is_nan() { f64::NAN } else { arriving.max(0.0) };
    super::capacity::Demand { target, catch_up }
}

/// What an extension says stands over what was evaluated, unless it is not known.
pub fn merged(evaluated: f64, said: f64) -> f64 {
    if said.is_nan() { evaluated } else { said }
}
