//! Memory: pressure that blocks scaling, memory that is kept when TaskManagers go, and network buffers.

use super::options::Options;
use weirkeeper_core::job::Ship;

/// Garbage collection or heap use is above its limit. NaN (not known) blocks nothing.
pub fn is_short(gc_pressure: f64, heap_usage: f64, options: &Options) -> bool {
    gc_pressure > options.gc_pressure || heap_usage > options.heap_usage
}

/// Share of the heap in use: the largest use over the largest heap of any TaskManager.
pub fn heap_usage(used_max: f64, heap_max: f64) -> f64 {
    used_max / heap_max
}

/// Bytes of a TaskManager after a rescale: the sum over the cluster is kept as far as `budget` (bytes) goes, and
/// nothing is taken away.
pub fn kept_on_scale_down(bytes: u64, budget: u64, slots: (u32, u32), slots_per_tm: u32) -> u64 {
    let before = slots.0.div_ceil(slots_per_tm);
    let after = slots.1.div_ceil(slots_per_tm);
    let factor = (f64::from(before) / f64::from(after)).max(1.0);
    let more = ((factor * bytes as f64) as u64).saturating_sub(bytes);
    bytes + more.min(budget)
}

/// Buffers of one gate of a vertex at parallelism `own` whose other end has `other`.
pub fn network_segments(own: u32, other: u32, ship: &Ship, per_channel: u32, floating: u32) -> u32 {
    let channels = match ship {
        Ship::Forward | Ship::Rescale => other.div_ceil(own),
        _ => other,
    };
    channels * per_channel + floating
}
