//! Fitting: the parameters of a world, estimated from a recording, each with an interval. What a recording does not
//! tell is absent, and the scenario that is made of it says so.

mod capacity;
pub mod fidelity;
mod load;
pub mod meter;
mod pause;
mod scenario;
pub mod stat;
mod track;

#[cfg(test)]
mod tests;

pub use capacity::{From, Vertex};
pub use load::Arrivals;
pub use pause::Pauses;
pub use scenario::{Made, Remark, scenario};
pub use stat::Estimate;
pub use track::{Figures, Row, Track};

use crate::recording::{Bad, Rows};
use stat::{least_squares, median};
use std::io::Read;

/// What was learned of checkpoints. Absent is not identified.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    /// Seconds of one that writes nothing.
    pub base: Option<Estimate>,
    /// Bytes/s that one TaskManager uploads.
    pub upload: Option<Estimate>,
    /// Bytes of the whole state.
    pub state: Option<Estimate>,
    /// Seconds that are done again after a failure, on average: half an interval, and what a checkpoint takes.
    pub replay: Option<Estimate>,
}

/// Everything that was learned.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// What was read.
    pub track: Track,
    /// By vertex.
    pub vertices: Vec<Vertex>,
    /// Restarts.
    pub pauses: Pauses,
    /// Checkpoints.
    pub checkpoints: Checkpoints,
    /// What arrived.
    pub arrivals: Arrivals,
}

/// Learns from a recording.
pub fn fit<R: Read>(rows: &mut Rows<R>) -> Result<Fitted, Bad> {
    Ok(learn(Track::read(rows)?))
}

/// Learns from what was read.
pub fn learn(track: Track) -> Fitted {
    Fitted {
        vertices: capacity::vertices(&track),
        pauses: pause::pauses(&track),
        checkpoints: checkpoints(&track),
        arrivals: load::arrivals(&track),
        track,
    }
}

/// Each checkpoint once: seconds, bytes written per TaskManager, bytes of the whole.
fn checkpoints(track: &Track) -> Checkpoints {
    let mut seen = None;
    let mut all: Vec<(f64, f64, f64)> = Vec::new();
    for row in &track.rows {
        let (Some((id, ms)), Some((written, full))) = (row.checkpoint, row.sizes) else { continue };
        if seen.replace(id) != Some(id) {
            all.push((ms / 1e3, written / f64::from(row.hosts.unwrap_or(1)), full));
        }
    }
    let sizes: Vec<f64> = all.iter().map(|c| c.2).collect();
    let seconds: Vec<f64> = all.iter().map(|c| c.0).collect();
    let interval = track.context.checkpoints.as_ref().and_then(|c| c.interval).map(|ms| ms as f64 / 1e3);
    let lasts = median(&seconds);
    let replay = interval.map(|i| {
        let lasts = lasts.map_or(0.0, |l| l.value);
        Estimate { value: i / 2.0 + lasts, low: lasts, high: i + lasts, of: all.len() }
    });
    let (base, upload) = cost(&all);
    Checkpoints { base, upload, state: median(&sizes), replay }
}

/// A line through duration over bytes. Where the bytes hardly differ, or hardly matter, only the fixed part is seen.
///
/// Barriers take their time, too, more of it the fuller the buffers, and nothing tells how much: it only ever adds. So the
/// slow ones are left out, and the intervals leave room for it.
fn cost(all: &[(f64, f64, f64)]) -> (Option<Estimate>, Option<Estimate>) {
    let mut rows: Vec<([f64; 2], f64, f64)> = all.iter().map(|c| ([1.0, c.1], c.0, 1.0)).collect();
    for _ in 0..ROUNDS {
        let Some([(base, _), (slope, _)]) = line(&rows) else { break };
        let late = |r: &([f64; 2], f64, f64)| r.1 - base - slope * r.0[1];
        let mut missed: Vec<f64> = rows.iter().map(|r| late(r).abs()).collect();
        let usual = stat::middle(&mut missed).unwrap_or(0.0);
        rows.retain(|r| late(r) <= 4.0 * usual + 1e-3);
    }
    if let Some([(base, eb), (slope, es)]) = line(&rows).filter(|l| l[1].0 > 2.0 * l[1].1 && l[0].0 >= 0.0) {
        let upload = Estimate::about(1.0 / slope, es / (slope * slope), rows.len());
        let most = all.iter().map(|c| c.1).fold(0.0, f64::max);
        // Before a large one barriers may have travelled as long again as the fixed part takes.
        let large = all.iter().filter(|c| c.1 > most / 2.0 && c.0 > 3.0 * base);
        let fastest = large.map(|c| c.1 / (c.0 - 2.0 * base)).fold(upload.high, f64::max);
        let base = Estimate::about(base, eb, rows.len()).positive();
        // None took less than its fixed part.
        let least = all.iter().map(|c| c.0).fold(f64::INFINITY, f64::min).max(base.value);
        let quickest = all.iter().map(|c| c.0 - c.1 * slope).fold(base.low, f64::min).max(0.0);
        let base = Estimate { low: quickest, high: least, ..base };
        return (Some(base), Some(Estimate { high: fastest, ..upload }));
    }
    let seconds: Vec<f64> = all.iter().map(|c| c.0).collect();
    let negligible = all.iter().all(|c| c.1 < 1e6);
    (median(&seconds).filter(|_| negligible), None)
}

/// Slow checkpoints are left out so often.
const ROUNDS: usize = 3;

fn line(rows: &[([f64; 2], f64, f64)]) -> Option<[(f64, f64); 2]> {
    // Bytes are large: in megabytes the two columns are of one size.
    let small: Vec<([f64; 2], f64, f64)> = rows.iter().map(|(x, y, w)| ([x[0], x[1] / 1e6], *y, *w)).collect();
    let found = if rows.len() > 5 { least_squares(&small) } else { None };
    found.map(|[base, slope]| [base, (slope.0 / 1e6, slope.1 / 1e6)])
}
