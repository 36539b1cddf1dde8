//! Slots and TaskManagers that a rescale would take.

/// A quota of CPU or memory, and what one TaskManager takes of it.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Of one TaskManager.
    pub per_taskmanager: f64,
    /// Limit.
    pub limit: f64,
}

/// Slots after a rescale: as many as the largest vertex if that is so now (slots are shared), else one per subtask.
pub fn after_rescale(now: &[u32], after: &[u32], used: u32) -> u32 {
    let shared = now.iter().copied().max().unwrap_or(0) == used;
    if shared { after.iter().copied().max().unwrap_or(0) } else { after.iter().sum() }
}

/// Whether growth would pass a quota. `groups` holds, by slot-sharing group, the (old, new) parallelism of the
/// vertices that change; that project looks at no others, and counts only full TaskManagers.
pub fn passes_quota(groups: &[Vec<(u32, u32)>], slots_per_tm: u32, quotas: &[Quota]) -> bool {
    let largest =
        |pick: fn(&(u32, u32)) -> u32| -> u32 { groups.iter().map(|g| g.iter().map(pick).max().unwrap_or(0)).sum() };
    let (before, after) = (largest(|c| c.0) / slots_per_tm, largest(|c| c.1) / slots_per_tm);
    after > before && quotas.iter().any(|q| q.per_taskmanager * f64::from(after) > q.limit)
}
