//! No bytes make the reader panic, and whatever it refuses it explains.

use super::*;
use proptest::prelude::*;

const GARBAGE_BASE: &str = include_str!("full.yaml");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let loaded = parse_all(&[("x.yaml", &bytes)]);
        prop_assert!(loaded.is_good() || loaded.report().iter().all(|line| !line.is_empty()));
    }

    #[test]
    fn yamlish_text_is_read_or_refused(text in "(apiVersion|kind|scaling|[a-z]{1,3}|\n|\n  |- |: |[{}\\[\\],&*!|>'\"#%?@`~-]|[0-9.xs]){0,60}") {
        let loaded = parse_all(&[("x.yaml", text.as_bytes())]);
        prop_assert!(!loaded.report().is_empty() || loaded.is_good());
    }

    /// A good policy with some bytes replaced, removed or repeated.
    #[test]
    fn a_mutated_policy_is_read_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..3), 1..6),
    ) {
        let mut bytes = format!("{HEAD}{GARBAGE_BASE}").into_bytes();
        for (place, byte, kind) in edits {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => { let again = bytes[at..].to_vec(); bytes.splice(at..at, again.into_iter().take(20)); }
            }
        }
        let loaded = parse_all(&[("x.yaml", &bytes)]);
        for problem in &loaded.problems {
            let text = problem.to_string();
            prop_assert!(text.starts_with("x.yaml:") && text.contains("\n  hint: "), "{}", text);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{}", text);
        }
    }
}
