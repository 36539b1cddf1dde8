//! Options of the controllers to compare, as text: `name=value`.

use std::collections::BTreeMap;
use weirkeeper_core::units::Millis;

/// Options by name.
pub type Options = BTreeMap<String, String>;

/// `90 s`, `5m`, `1h`, `500ms`, or a bare number of milliseconds.
pub fn duration(key: &str, value: &str) -> Result<Millis, String> {
    let text = value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" | "sec" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    match number.parse::<u64>() {
        Ok(n) if factor > 0 => Ok(Millis(n.saturating_mul(factor))),
        _ => Err(format!("`{key}`: `{value}` is not a duration such as `90s`, `5m` or `1h`")),
    }
}

/// A number.
pub fn number(key: &str, value: &str) -> Result<f64, String> {
    let parsed = value.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    parsed.ok_or_else(|| format!("`{key}`: `{value}` is not a number"))
}

/// A whole number that is not negative.
pub fn count(key: &str, value: &str) -> Result<u32, String> {
    value.trim().parse().map_err(|_| format!("`{key}`: `{value}` is not a whole number"))
}

/// `true` or `false`.
pub fn flag(key: &str, value: &str) -> Result<bool, String> {
    value.trim().parse().map_err(|_| format!("`{key}`: `{value}` is neither `true` nor `false`"))
}
