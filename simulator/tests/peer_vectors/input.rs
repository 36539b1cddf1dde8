//! Reading the inputs of a vector.

use serde_json::{Value, json};
use weirkeeper_simulator::controllers::operator::options::Options;

/// The inputs of a vector, or a part of them.
#[derive(Clone, Copy)]
pub struct Input<'a>(pub &'a Value);

/// A number; the words stand for what JSON cannot say.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => match s.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A number as a vector writes it.
pub fn write(v: f64) -> Value {
    match v {
        v if v.is_nan() => json!("NaN"),
        v if v.is_infinite() => json!(if v > 0.0 { "Infinity" } else { "-Infinity" }),
        v => json!(v),
    }
}

impl<'a> Input<'a> {
    pub fn get(&self, key: &str) -> Input<'a> {
        Input(self.0.get(key).unwrap_or(&Value::Null))
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|v| !v.is_null())
    }

    pub fn value(&self) -> Option<f64> {
        number(self.0)
    }

    pub fn f64(&self, key: &str) -> Result<f64, String> {
        self.get(key).value().ok_or_else(|| format!("`{key}` is not a number: {}", self.get(key).0))
    }

    /// A number; NaN where it is absent or null.
    pub fn maybe(&self, key: &str) -> f64 {
        self.get(key).value().unwrap_or(f64::NAN)
    }

    pub fn or(&self, key: &str, default: f64) -> f64 {
        self.get(key).value().unwrap_or(default)
    }

    pub fn u32(&self, key: &str) -> Result<u32, String> {
        Ok(self.f64(key)? as u32)
    }

    pub fn text(&self, key: &str) -> &'a str {
        self.get(key).0.as_str().unwrap_or("")
    }

    pub fn flag(&self, key: &str) -> bool {
        self.get(key).0.as_bool().unwrap_or(false)
    }

    pub fn list(&self, key: &str) -> Vec<Input<'a>> {
        self.get(key).0.as_array().map(|l| l.iter().map(Input).collect()).unwrap_or_default()
    }

    pub fn words(&self, key: &str) -> Vec<String> {
        self.list(key).iter().filter_map(|w| w.0.as_str().map(str::to_owned)).collect()
    }

    pub fn numbers(&self, key: &str) -> Vec<f64> {
        self.list(key).iter().map(|v| v.value().unwrap_or(f64::NAN)).collect()
    }

    pub fn map(&self, key: &str) -> Vec<(&'a str, Input<'a>)> {
        let map = self.get(key).0.as_object();
        map.map(|m| m.iter().map(|(k, v)| (k.as_str(), Input(v))).collect()).unwrap_or_default()
    }

    /// `[[milliseconds, value], ...]`; null is NaN.
    pub fn series(&self, key: &str) -> Vec<(i64, f64)> {
        let point = |p: &Input| Some((p.0.get(0)?.as_i64()?, number(p.0.get(1)?).unwrap_or(f64::NAN)));
        self.list(key).iter().filter_map(point).collect()
    }

    /// Values without times, a second apart.
    pub fn ticks(&self, key: &str) -> Vec<(i64, f64)> {
        self.numbers(key).into_iter().enumerate().map(|(i, v)| (1_000 * (i as i64 + 1), v)).collect()
    }

    pub fn is_keyed(&self, key: &str) -> bool {
        self.words(key).iter().any(|s| s == "HASH")
    }

    /// `config` over the defaults. That project's tests let a scale-down go all the way unless they say otherwise.
    pub fn options(&self) -> Result<Options, String> {
        let mut options = Options::default();
        let config = self.get("config");
        let Some(map) = config.0.as_object() else { return Ok(options) };
        for (key, value) in map.iter().filter(|(_, v)| !v.is_null()) {
            set(&mut options, key, value)?;
        }
        Ok(options)
    }
}

/// Keys that end in `.s`, and durations without unit, are seconds.
fn set(options: &mut Options, key: &str, value: &Value) -> Result<(), String> {
    let word = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let text = value.as_array().map_or_else(|| word(value), |l| l.iter().map(word).collect::<Vec<_>>().join(";"));
    if let Some(key) = key.strip_suffix(".s") {
        return options.set(key, &format!("{text}s"));
    }
    let in_seconds = ["catch-up.duration", "restart.time", "scale-down.interval", "metrics.window"];
    if in_seconds.contains(&key) && value.is_number() {
        return options.set(key, &format!("{text}s"));
    }
    options.set(key, &text)
}
