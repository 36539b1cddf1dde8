//! The compact notation of a series' samples, as promtool's rule tests have it: `1 2`, `0+10x5`, `7x3`, `_`, `_x4`,
//! `stale`, `NaN`, `Inf`. The sample at position i belongs to the time i times the interval.

use super::selector::Fault;

/// One sample. A marker of staleness, NaN and infinities are all the same here: nothing is known.
pub type Value = Option<f64>;

/// Samples of one series: a day in steps of a second is 86,400.
pub const MOST_SAMPLES: usize = 100_000;

/// Reads the samples.
pub fn parse(text: &str) -> Result<Vec<Value>, Fault> {
    let mut samples = Vec::new();
    let (mut word, mut from) = (String::new(), 0);
    for (offset, c) in text.chars().chain([' ']).enumerate() {
        if !c.is_whitespace() {
            if word.is_empty() {
                from = offset;
            }
            word.push(c);
        } else if !word.is_empty() {
            item(&word, &mut samples).map_err(|what| Fault { offset: from, what })?;
            word.clear();
        }
    }
    Ok(samples)
}

/// `_`, `_xN`, `a`, `axN`, `a+bxN` or `a-bxN`. With a step or a repetition of a value, N counts what follows the
/// first sample, so N + 1 samples come of it; `_xN` are N.
fn item(word: &str, samples: &mut Vec<Value>) -> Result<(), String> {
    let (values, times) = split_times(word);
    let times =
        times.map(|t| t.parse::<usize>().map_err(|_| format!("{t:?} in {word:?} is not how often"))).transpose()?;
    let (first, step) = value_and_step(values).ok_or_else(|| not_understood(word))?;
    if step.is_some() && times.is_none() {
        return Err(format!("{word:?} has a step, but does not say how often: {word}x5"));
    }
    let blank = values == "_";
    let count = match times {
        Some(n) if blank => n,
        Some(n) => n.saturating_add(1),
        None => 1,
    };
    if samples.len().saturating_add(count) > MOST_SAMPLES {
        return Err(format!("more than {MOST_SAMPLES} samples"));
    }
    // Added up step by step, as promtool does: a product would round differently.
    let mut value = first;
    for _ in 0..count {
        samples.push(value.filter(|v| v.is_finite()));
        value = value.zip(step.or(Some(0.0))).map(|(v, s)| v + s);
    }
    Ok(())
}

/// Splits at the `x` that says how often.
fn split_times(word: &str) -> (&str, Option<&str>) {
    match word.rfind('x') {
        Some(at) if !word[at + 1..].is_empty() => (&word[..at], Some(&word[at + 1..])),
        _ => (word, None),
    }
}

/// The first value (absent: nothing is known) and the step.
fn value_and_step(text: &str) -> Option<(Value, Option<f64>)> {
    if text == "_" || text == "stale" {
        return Some((None, None));
    }
    if let Some(value) = number(text) {
        return Some((Some(value), None));
    }
    // A sign that begins the step: not the first character, not part of an exponent.
    let bytes = text.as_bytes();
    let sign = (1..bytes.len()).find(|i| matches!(bytes[*i], b'+' | b'-') && !matches!(bytes[i - 1], b'e' | b'E'))?;
    let step = number(&text[sign + 1..]).filter(|_| !text[sign + 1..].starts_with(['+', '-']))?;
    let step = if bytes[sign] == b'-' { -step } else { step };
    Some((Some(number(&text[..sign])?), Some(step)))
}

/// A number as PromQL writes it, without hexadecimal, which the `x` would make ambiguous.
fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let word = ["inf", "nan"].iter().any(|w| unsigned.eq_ignore_ascii_case(w));
    let digits = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if word || digits { text.parse().ok() } else { None }
}

fn not_understood(word: &str) -> String {
    if word.starts_with("{{") {
        return "histograms are not read".to_owned();
    }
    format!("{word:?} is none of: a number, a+bxN, a-bxN, axN, _, _xN, stale, NaN, Inf")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[Value]) {
        assert_eq!(parse(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn what_promtool_reads() {
        check("", &[]);
        check("1 2 -3.5", &[Some(1.0), Some(2.0), Some(-3.5)]);
        check("0+10x3", &[Some(0.0), Some(10.0), Some(20.0), Some(30.0)]);
        check("5-2x2", &[Some(5.0), Some(3.0), Some(1.0)]);
        check("-2+4x2", &[Some(-2.0), Some(2.0), Some(6.0)]);
        check("-2-1x1", &[Some(-2.0), Some(-3.0)]);
        check("7x2", &[Some(7.0), Some(7.0), Some(7.0)]);
        check("7x0", &[Some(7.0)]);
        check("_ 1 _x2 2", &[None, Some(1.0), None, None, Some(2.0)]);
        check("_x0 1", &[Some(1.0)]);
        check("1 stale 2", &[Some(1.0), None, Some(2.0)]);
        check("NaN Inf -Inf +inf nan", &[None; 5]);
        check("1e3 2.5E-1 .5 1e+2", &[Some(1000.0), Some(0.25), Some(0.5), Some(100.0)]);
        check("1e2+1e1x1", &[Some(100.0), Some(110.0)]);
        check("0.5-.25x2", &[Some(0.5), Some(0.25), Some(0.0)]);
        check("  1\n\t2  ", &[Some(1.0), Some(2.0)]);
        check("+5", &[Some(5.0)]);
        check("NaNx1 stalex1", &[None; 4]);
    }

    #[track_caller]
    fn check_fault(text: &str, offset: usize, what: &str) {
        let fault = parse(text).unwrap_err();
        assert!(fault.offset == offset && fault.what.contains(what), "{text}: {fault:?}");
    }

    #[test]
    fn faults_say_where() {
        check_fault("1 2 foo", 4, "none of");
        check_fault("1+2", 0, "how often");
        check_fault("1+2x", 0, "none of");
        check_fault("é 1xy", 0, "none of");
        check_fault("1 1xy", 2, "is not how often");
        check_fault("1 1x-2", 2, "is not how often");
        check_fault("1+-2x3", 0, "none of");
        check_fault("0x1F", 0, "is not how often");
        check_fault("1x99999999", 0, "more than");
        check_fault("1x99999999999999999999999", 0, "is not how often");
        check_fault("{{schema:1}}", 0, "histograms");
        check_fault("1_000", 0, "none of");
        check_fault("infinity", 0, "none of");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9x+_. einfatsl-]{0,24}|\\PC{0,12}") {
            if let Ok(samples) = parse(&text) {
                prop_assert!(samples.len() <= MOST_SAMPLES && samples.iter().flatten().all(|v| v.is_finite()));
            }
        }

        #[test]
        fn a_step_gives_one_more_than_it_says(a in -1000i32..1000, b in 0i32..1000, n in 0usize..50) {
            let samples = parse(&format!("{a}+{b}x{n}")).unwrap();
            let expected: Vec<Value> = (0..=n).map(|i| Some(f64::from(a) + f64::from(b) * i as f64)).collect();
            prop_assert_eq!(samples, expected);
        }
    }
}
