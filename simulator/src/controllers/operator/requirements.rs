//! What is asked of Flink: `PUT resource-requirements`, and whose word counts.

use std::collections::BTreeMap;

/// Who carries a decision out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realizer {
    /// The operator: the lower bound stays, unless it would be above the upper one.
    Operator,
    /// The standalone form: the lower bound becomes 1.
    Standalone,
}

/// The new (lower, upper) bounds of all vertices, and whether anything changed (only then a request is sent).
pub fn requirements(
    current: &BTreeMap<String, (u32, u32)>,
    overrides: &BTreeMap<String, u32>,
    realizer: Realizer,
) -> (BTreeMap<String, (u32, u32)>, bool) {
    let new: BTreeMap<String, (u32, u32)> = current
        .iter()
        .map(|(vertex, bounds)| {
            let lower = match realizer {
                Realizer::Operator => bounds.0,
                Realizer::Standalone => 1,
            };
            let asked = overrides.get(vertex).map_or(*bounds, |p| (lower.min(*p), *p));
            (vertex.clone(), asked)
        })
        .collect();
    let changed = new != *current;
    (new, changed)
}

/// The autoscaler's overrides over those of the specification, except for vertices that are excluded.
pub fn merge(
    stored: &BTreeMap<String, String>,
    specified: &BTreeMap<String, String>,
    excluded: &[String],
) -> BTreeMap<String, String> {
    let mut merged = specified.clone();
    for (vertex, parallelism) in stored {
        if excluded.contains(vertex) {
            merged.entry(vertex.clone()).or_insert_with(|| parallelism.clone());
        } else {
            merged.insert(vertex.clone(), parallelism.clone());
        }
    }
    merged
}
