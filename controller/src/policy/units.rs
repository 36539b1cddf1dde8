//! Numbers with units, as people write them.

use weirkeeper_core::units::Millis;

/// Units of time, longest first, as they must follow each other.
const TIME: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What a duration looks like, for hints.
pub const DURATIONS: &str = "a duration is a whole number with a unit, such as 250ms, 90s, 2m, 1h30m or 7d";

/// `90s`, `1h30m`, `250ms`: whole numbers with units, each unit once, longest first.
pub fn duration(text: &str) -> Option<Millis> {
    let (mut rest, mut total, mut next) = (text, 0u64, 0);
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let unit = after.find(|c: char| c.is_ascii_digit()).map_or(after, |end| &after[..end]);
        let place = TIME.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(TIME[place].1)?)?;
        next = place + 1;
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then_some(Millis(total))
}

/// Bytes: `100Gi`, `500M`, `1048576`.
pub fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
    ];
    let (number, unit) = split_number(text)?;
    let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// `20%` as 20.
pub fn percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim_end();
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    number.parse::<f64>().ok().filter(|v| plain && v.is_finite())
}

/// Splits after the leading digits; absent without any.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// The known word nearest to `word`, if it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let squeezed = squeeze(word);
    let near = known.into_iter().map(|k| (distance(&squeezed, &squeeze(k)), k)).min_by_key(|(d, _)| *d)?;
    // Less than the word's length: otherwise nothing of it is left.
    (near.0 <= 1 + squeezed.len() / 4 && near.0 < squeezed.len()).then_some(near.1)
}

/// `scale_up_at`, `scale-up-at` and `ScaleUpAt` are meant as `scaleUpAt`.
fn squeeze(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).take(40).collect()
}

/// Edit distance (insert, delete, replace).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("90s", Some(90_000)),
            ("2m", Some(120_000)),
            ("1h30m", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1d", Some(86_400_000)),
            ("0s", Some(0)),
            ("1m30s", Some(90_000)),
            ("1s500ms", Some(1_500)),
            ("", None),
            ("90", None),
            ("s", None),
            ("90sec", None),
            ("1.5h", None),
            ("-1s", None),
            ("30m1h", None),
            ("1m1m", None),
            ("1 m", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
            ("5µs", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text).map(|d| d.0), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(bytes("100Gi"), Some(107_374_182_400));
        assert_eq!(bytes("5k"), Some(5_000));
        assert_eq!(bytes("12"), Some(12));
        assert_eq!(bytes("100GB"), None);
        assert_eq!(bytes("99999999Ti"), None);
        assert_eq!(percent("20%"), Some(20.0));
        assert_eq!(percent("2.5 %"), Some(2.5));
        assert_eq!(percent("20"), None);
        assert_eq!(percent("inf%"), None);
    }

    #[test]
    fn the_nearest_word() {
        let known = ["scaleUpAt", "scaleDownAt", "window", "warmUp"];
        assert_eq!(nearest("scale_up_at", known), Some("scaleUpAt"));
        assert_eq!(nearest("windw", known), Some("window"));
        assert_eq!(nearest("scaleDwnAt", known), Some("scaleDownAt"));
        assert_eq!(nearest("colour", known), None);
    }
}
