//! Text that came from elsewhere, made fit for a log line: one line, bounded, without secrets and control characters.

/// Words after which a value is hidden up to the next blank, comma, quote or ampersand.
const SECRET_WORDS: [&str; 9] =
    ["password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "credential", "authorization"];

const HIDDEN: &str = "***";

/// One line of at most `max` characters, scrubbed.
pub fn line(text: &str, max: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    shorten(&hide_values(&hide_user_info(&plain)), max)
}

fn shorten(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(3)).chain("...".chars()).collect()
}

/// `scheme://user:password@host` loses its user and password.
fn hide_user_info(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || "/?#'\"<>".contains(c)).unwrap_or(tail.len());
        match tail[..end].rfind('@') {
            Some(user) => {
                out.push_str(HIDDEN);
                rest = &tail[user..];
            }
            None => rest = tail,
        }
    }
    out.push_str(rest);
    out
}

/// `password=x`, `"token": "x"`, `Authorization: Bearer x` lose their values.
fn hide_values(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some((at, word)) = next_word(&lower, from) {
        let after = at + word.len();
        match value_span(text, after) {
            Some((start, end)) => {
                out.push_str(&text[from..start]);
                out.push_str(HIDDEN);
                from = end;
            }
            None => {
                out.push_str(&text[from..after]);
                from = after;
            }
        }
    }
    out.push_str(&text[from..]);
    out
}

fn next_word(lower: &str, from: usize) -> Option<(usize, &'static str)> {
    SECRET_WORDS.iter().filter_map(|w| lower[from..].find(w).map(|at| (from + at, *w))).min()
}

/// The value after `[quote] (= | :) [quote] [Bearer|Basic]`, or nothing if this is just a word in a sentence.
fn value_span(text: &str, after: usize) -> Option<(usize, usize)> {
    let rest = &text[after..];
    let sign = rest.find(['=', ':'])?;
    // Between the word and its sign stands at most a suffix or a quote (`password_hash=`, `"token":`).
    if sign > 12 || rest[..sign].contains(|c: char| c.is_whitespace()) {
        return None;
    }
    let mut start = after + sign + 1;
    loop {
        let tail = &text[start..];
        let skip = ["Bearer ", "bearer ", "Basic ", "basic "].iter().find(|w| tail.starts_with(**w)).map(|w| w.len());
        match (skip, tail.chars().next()) {
            (Some(n), _) => start += n,
            (None, Some(' ' | '"' | '\'')) => start += 1,
            _ => break,
        }
    }
    let end = text[start..].find(|c: char| c.is_whitespace() || ",;&\"'}".contains(c));
    let end = end.map_or(text.len(), |n| start + n);
    (end > start).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_what_is_secret_and_keeps_the_rest() {
        let cases = [
            ("http://ann:pw@host:8081/x", "http://***@host:8081/x"),
            ("sasl.jaas.config=... password=\"hunter2\";", "sasl.jaas.config=... password=\"***\";"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("{\"token\": \"abc\", \"n\": 1}", "{\"token\": \"***\", \"n\": 1}"),
            ("Could not read the token file", "Could not read the token file"),
            ("jdbc:postgresql://db/x?user=a&password=p&ssl=1", "jdbc:postgresql://db/x?user=a&password=***&ssl=1"),
            ("two\nlines\u{7}", "two lines"),
            ("TOKEN=Ä€é x", "TOKEN=*** x"),
        ];
        for (text, want) in cases {
            assert_eq!(line(text, 200), want, "{text}");
        }
    }

    #[test]
    fn is_bounded_in_characters() {
        assert_eq!(line("äöüäöüäöü", 6), "äöü...");
        assert_eq!(line("äöü", 3), "äöü");
    }
}
