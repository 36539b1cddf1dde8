//! Names as Flink's Prometheus reporter writes them.

/// What is not a letter of ASCII, a digit, `_` or `:` becomes `_` (Flink's `AbstractPrometheusReporter`, unless
/// `filterLabelValueCharacters` is off).
pub fn mangle(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' }).collect()
}

/// Quotes what means something in a regular expression.
pub fn quote(text: &str) -> String {
    let special = |c: char| ".+*?()|[]{}^$\\".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// A string literal of PromQL.
pub fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_the_reporter_writes() {
        assert_eq!(mangle("Source: orders -> Map (2/4)"), "Source:_orders____Map__2_4_");
        assert_eq!(mangle("größe"), "gr__e");
        assert_eq!(mangle("lab-job"), "lab_job");
    }

    #[test]
    fn a_name_is_matched_as_it_stands() {
        assert_eq!(literal(&quote("a.b|c")), "\"a\\\\.b\\\\|c\"");
        assert_eq!(literal("say \"hi\"\n"), "\"say \\\"hi\\\"\\n\"");
    }
}
