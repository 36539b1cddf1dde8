//! How Flink prints metrics: as text one by one, as numbers when they are aggregated, by name where none is asked for.

use super::request::Request;
use serde_json::{Map, Value, json};

/// A metric of several subtasks or TaskManagers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    pub name: String,
    /// By subtask; those that do not have it have `None`.
    pub values: Vec<Option<f64>>,
    /// It is a whole number.
    pub whole: bool,
}

impl Metric {
    /// Of all alike.
    pub fn all(name: impl Into<String>, count: usize, value: f64) -> Metric {
        Metric::of(name, vec![value; count])
    }

    /// One value for each.
    pub fn of(name: impl Into<String>, values: Vec<f64>) -> Metric {
        Metric { name: name.into(), values: values.into_iter().map(Some).collect(), whole: false }
    }

    /// Whole numbers.
    pub fn count(mut self) -> Metric {
        self.values.iter_mut().flatten().for_each(|v| *v = v.trunc());
        self.whole = true;
        self
    }

    /// Names of those that somebody has.
    fn is_there(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }

    fn aggregated(&self, wanted: &[&str]) -> Value {
        let values: Vec<f64> = self.values.iter().flatten().copied().collect();
        let sum: f64 = values.iter().sum();
        let avg = sum / values.len().max(1) as f64;
        let off: f64 = values.iter().map(|v| (v - avg).abs()).sum::<f64>() / values.len().max(1) as f64;
        let mut out = Map::from_iter([("id".to_owned(), json!(self.name))]);
        for agg in ["min", "max", "avg", "sum", "skew"].into_iter().filter(|a| wanted.contains(a)) {
            let value = match agg {
                "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
                "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                "avg" => avg,
                "sum" => sum,
                // Recorded: 7 and 16 have a skew of 39.13, which is 4.5 / 11.5.
                _ => {
                    if avg > 0.0 {
                        100.0 * off / avg
                    } else {
                        0.0
                    }
                }
            };
            out.insert(agg.to_owned(), json!(value));
        }
        Value::Object(out)
    }

    fn text(&self, subtask: usize) -> Option<String> {
        let value = self.values.get(subtask).copied().flatten()?;
        Some(if self.whole { format!("{}", value as i64) } else { format!("{value:?}") })
    }
}

/// Aggregated; all five ways unless `agg` says which.
pub(super) fn aggregated(request: &Request, all: &[Metric]) -> Value {
    let Some(get) = request.list("get") else { return names(all.iter().map(|m| m.name.clone())) };
    let wanted = request.list("agg").unwrap_or_else(|| vec!["min", "max", "avg", "sum", "skew"]);
    let found = all.iter().filter(|m| get.contains(&m.name.as_str()) && m.is_there());
    found.map(|m| m.aggregated(&wanted)).collect()
}

/// One subtask's, as text.
pub(super) fn single(request: &Request, all: &[Metric], subtask: usize) -> Value {
    let there = all.iter().filter(|m| m.values.get(subtask).is_some_and(Option::is_some));
    let Some(get) = request.list("get") else { return names(there.map(|m| m.name.clone())) };
    let found = there.filter(|m| get.contains(&m.name.as_str()));
    found.filter_map(|m| Some(json!({"id": m.name, "value": m.text(subtask)?}))).collect()
}

/// All subtasks' in one list: `3.busyTimeMsPerSecond`.
pub(super) fn numbered(request: &Request, all: &[Metric]) -> Value {
    let mut named = Vec::new();
    for metric in all {
        for (i, value) in metric.values.iter().enumerate() {
            if value.is_some() {
                named.push((format!("{i}.{}", metric.name), metric.text(i)));
            }
        }
    }
    let Some(get) = request.list("get") else { return names(named.into_iter().map(|(n, _)| n)) };
    let found = named.into_iter().filter(|(n, _)| get.contains(&n.as_str()));
    found.map(|(n, v)| json!({"id": n, "value": v})).collect()
}

/// Values that are text by themselves.
pub(super) fn texts(request: &Request, all: &[(&str, String)]) -> Value {
    let Some(get) = request.list("get") else { return names(all.iter().map(|(n, _)| (*n).to_owned())) };
    let found = all.iter().filter(|(n, _)| get.contains(n));
    found.map(|(n, v)| json!({"id": n, "value": v})).collect()
}

fn names(all: impl Iterator<Item = String>) -> Value {
    all.map(|n| json!({"id": n})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregates_are_flinks() {
        let all = [Metric::of("delay", vec![7e6, 16e6]), Metric::all("busy", 2, 0.0)];
        let request = Request::new("GET", "/x?get=delay,busy,none", b"");
        let got = aggregated(&request, &all);
        // As recorded for checkpointStartDelayNanos.
        let skew = got[0]["skew"].as_f64().unwrap();
        assert!((skew - 39.130434782608695).abs() < 1e-9);
        assert_eq!((&got[0]["min"], &got[0]["avg"], &got[0]["sum"]), (&json!(7e6), &json!(11.5e6), &json!(23e6)));
        assert_eq!((got.as_array().unwrap().len(), &got[1]["skew"]), (2, &json!(0.0)));
        let two = aggregated(&Request::new("GET", "/x?get=busy&agg=max,sum", b""), &all);
        assert_eq!(two, json!([{"id": "busy", "max": 0.0, "sum": 0.0}]));
    }

    #[test]
    fn one_by_one_values_are_text() {
        let mut all = vec![Metric::of("count", vec![7.9, 3.0]).count(), Metric::of("rate", vec![232.0, 0.5])];
        all[0].values[1] = None;
        let get = Request::new("GET", "/x?get=count,rate", b"");
        assert_eq!(single(&get, &all, 0), json!([{"id": "count", "value": "7"}, {"id": "rate", "value": "232.0"}]));
        assert_eq!(single(&get, &all, 1), json!([{"id": "rate", "value": "0.5"}]));
        assert_eq!(single(&get, &all, 2), json!([]));
        let none = Request::new("GET", "/x", b"");
        assert_eq!(numbered(&none, &all), json!([{"id": "0.count"}, {"id": "0.rate"}, {"id": "1.rate"}]));
        let one = Request::new("GET", "/x?get=1.rate", b"");
        assert_eq!(numbered(&one, &all), json!([{"id": "1.rate", "value": "0.5"}]));
    }
}
