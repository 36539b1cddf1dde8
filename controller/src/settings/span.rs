//! Durations as people write them: `15s`, `2m`, `1h30m`, `500ms`, `1d`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(transparent)]
pub struct Span(#[schemars(with = "String")] pub Duration);

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// What is wrong with a duration.
const FORM: &str = "a duration is a number with a unit, as 15s, 2m, 1h30m or 500ms";

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let bad = || format!("{text:?} is not a duration: {FORM}");
        let mut rest = text.trim();
        let mut total: u64 = 0;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let (millis, tail) = part(rest).ok_or_else(bad)?;
            total = total.checked_add(millis).ok_or_else(bad)?;
            rest = tail;
        }
        Ok(Span(Duration::from_millis(total)))
    }
}

/// The first number and unit, in milliseconds, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, tail) = rest.split_at(letters);
    let size = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    Some((number.parse::<u64>().ok()?.checked_mul(size)?, tail))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in UNITS.iter().rev() {
            if rest >= *size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_nothing_else() {
        let cases =
            [("15s", 15_000), ("2m", 120_000), ("1h30m", 5_400_000), ("500ms", 500), ("1d", 86_400_000), ("0s", 0)];
        for (text, millis) in cases {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span(Duration::from_millis(millis)));
            assert_eq!(span.to_string(), text);
        }
        for bad in
            ["", "15", "s", "1.5s", "-1s", "15 s", "1y", "99999999999999999999s", "18446744073709551615d", "1h 2m"]
        {
            let why = bad.parse::<Span>().unwrap_err();
            assert!(why.contains("15s"), "{why}");
        }
    }
}
