//! Globs over names: `*` any run of characters, `?` one character; everything else is literal.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A glob.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Glob(pub String);

impl Glob {
    /// Whether the whole of `text` matches. At most pattern times text steps.
    pub fn matches(&self, text: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let text: Vec<char> = text.chars().collect();
        let (mut p, mut t) = (0, 0);
        // The last `*` seen, and the text position up to which it has swallowed: where to go back to.
        let mut retry: Option<(usize, usize)> = None;
        while t < text.len() {
            match pattern.get(p) {
                Some('*') => {
                    retry = Some((p, t));
                    p += 1;
                }
                Some(&c) if c == '?' || c == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => {
                    let Some((star, swallowed)) = retry else { return false };
                    retry = Some((star, swallowed + 1));
                    p = star + 1;
                    t = swallowed + 1;
                }
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }

    /// How many of its characters stand for themselves: the more, the more specific.
    pub fn literals(&self) -> usize {
        self.0.chars().filter(|c| !is_wild(*c)).count()
    }

    /// Whether it is a name without any wildcard.
    pub fn is_exact(&self) -> bool {
        !self.0.chars().any(is_wild)
    }

    /// Whether some text matches both. Exact: walks the product of the two automata, whose states are pairs of
    /// positions, from the end.
    pub fn meets(&self, other: &Glob) -> bool {
        let a: Vec<char> = self.0.chars().collect();
        let b: Vec<char> = other.0.chars().collect();
        // `below[j]`: whether `a[i + 1..]` meets `b[j..]`; `row[j]` the same for `a[i..]`.
        let mut below = vec![false; b.len() + 1];
        for i in (0..=a.len()).rev() {
            let mut row = vec![false; b.len() + 1];
            for j in (0..=b.len()).rev() {
                row[j] = meets_here(a.get(i), b.get(j), &below, row.get(j + 1).copied(), j);
            }
            below = row;
        }
        below[0]
    }
}

/// One state of the product: `a` and `b` are what comes next on either side (absent: the end).
fn meets_here(a: Option<&char>, b: Option<&char>, below: &[bool], right: Option<bool>, j: usize) -> bool {
    let right = right.unwrap_or(false);
    match (a, b) {
        (None, None) => true,
        // A star stands for nothing (step past it) or for whatever the other side has next (step past that).
        (Some('*'), _) => below[j] || (b.is_some() && right),
        (_, Some('*')) => right || (a.is_some() && below[j]),
        (Some(&x), Some(&y)) => (x == y || x == '?' || y == '?') && below.get(j + 1).copied().unwrap_or(false),
        _ => false,
    }
}

fn is_wild(c: char) -> bool {
    matches!(c, '*' | '?')
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&str> for Glob {
    fn from(text: &str) -> Glob {
        Glob(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(glob: &str, text: &str, expected: bool) {
        assert_eq!(Glob::from(glob).matches(text), expected, "{glob:?} against {text:?}");
    }

    #[test]
    fn whole_text_must_match() {
        check("ledger", "ledger", true);
        check("ledger", "ledger-eu", false);
        check("ledger-*", "ledger-eu", true);
        check("ledger-*", "ledger-", true);
        check("ledger-*", "ledger", false);
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("?", "é", true);
        check("?", "", false);
        check("Sink: *", "Sink: Kafka", true);
        check("*ab*ab", "abxabab", true);
        check("*ab*ab", "ab", false);
        check("a*b?c", "a__bbxc", true);
        check("[a]", "a", false);
    }

    #[test]
    fn many_stars_do_not_explode() {
        let glob = Glob("*a".repeat(60) + "b");
        assert!(!glob.matches(&"a".repeat(2_000)));
    }

    #[test]
    fn literal_characters_are_counted() {
        assert_eq!(Glob::from("ledger-*").literals(), 7);
        assert_eq!(Glob::from("?*é").literals(), 1);
        assert!(Glob::from("ledger").is_exact());
        assert!(!Glob::from("ledge?").is_exact());
    }

    #[track_caller]
    fn check_meets(a: &str, b: &str, expected: bool) {
        assert_eq!(Glob::from(a).meets(&b.into()), expected, "{a:?} and {b:?}");
        assert_eq!(Glob::from(b).meets(&a.into()), expected, "{b:?} and {a:?}");
    }

    #[test]
    fn globs_meet_when_some_text_matches_both() {
        check_meets("a*", "*b", true); // ab
        check_meets("a*", "b*", false);
        check_meets("*a*", "*b*", true); // ab
        check_meets("a?", "?b", true); // ab
        check_meets("a?", "a", false);
        check_meets("a*", "a", true);
        check_meets("", "*", true);
        check_meets("", "?", false);
        check_meets("ab*cd", "ab*ce", false);
        check_meets("ab*", "abc*d", true); // abcd
        check_meets("a*c", "ab?", true); // abc
        check_meets("?*", "*", true);
        check_meets("a*b*c", "abc", true);
        check_meets("a*bb*c", "abc", false);
    }

    /// All texts over {a, b} up to six characters.
    fn texts() -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..6 {
            let to = all.len();
            for i in from..to {
                for c in ['a', 'b'] {
                    all.push(format!("{}{c}", all[i]));
                }
            }
            from = to;
        }
        all
    }

    proptest! {
        /// Brute force over every short text. Two patterns of at most three parts that meet at all meet in a text of
        /// at most six characters, one for each part.
        #[test]
        fn meets_is_what_some_text_shows(a in "[ab*?]{0,3}", b in "[ab*?]{0,3}") {
            let (a, b) = (Glob(a), Glob(b));
            let shown = texts().iter().any(|t| a.matches(t) && b.matches(t));
            prop_assert_eq!(a.meets(&b), shown);
        }

        #[test]
        fn matching_agrees_with_the_product(glob in "[ab*?]{0,6}", text in "[ab]{0,8}") {
            let glob = Glob(glob);
            prop_assert_eq!(glob.matches(&text), glob.meets(&Glob(text.clone())));
        }
    }
}
