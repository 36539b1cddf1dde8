//! Series selectors of inline tests: `name{label="value",...}`, as in PromQL, with `=` only.

use std::fmt;

/// A name and its labels, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub name: String,
    /// Labels.
    pub labels: Vec<Label>,
}

/// A label and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Name.
    pub name: String,
    /// Value, unquoted.
    pub value: String,
    /// Characters of the selector before it.
    pub offset: usize,
}

/// What is wrong, and how many characters stand before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Characters before it.
    pub offset: usize,
    /// What.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

/// Whether `text` is the name of a series.
pub fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Reads a selector.
pub fn parse(text: &str) -> Result<Selector, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut cursor = Cursor { chars: &chars, at: 0 };
    cursor.blanks();
    let name = cursor.word();
    if !is_name(&name) {
        return cursor.fault("a series begins with its name: letters, digits, _ and :");
    }
    cursor.blanks();
    let labels = if cursor.eat('{') { cursor.labels()? } else { Vec::new() };
    cursor.blanks();
    if cursor.at < chars.len() {
        return cursor.fault("nothing may follow the series");
    }
    Ok(Selector { name, labels })
}

struct Cursor<'a> {
    chars: &'a [char],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        self.at += usize::from(there);
        there
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> String {
        let from = self.at;
        while self.peek().is_some_and(is_name_char) {
            self.at += 1;
        }
        self.chars[from..self.at].iter().collect()
    }

    fn fault<T>(&self, what: &str) -> Result<T, Fault> {
        Err(Fault { offset: self.at, what: what.to_owned() })
    }

    /// After the opening brace, through the closing one.
    fn labels(&mut self) -> Result<Vec<Label>, Fault> {
        let mut labels: Vec<Label> = Vec::new();
        loop {
            self.blanks();
            if self.eat('}') {
                return Ok(labels);
            }
            let label = self.label()?;
            if labels.iter().any(|l| l.name == label.name) {
                return Err(Fault { offset: label.offset, what: format!("the label {} stands twice", label.name) });
            }
            labels.push(label);
            self.blanks();
            if !self.eat(',') && self.peek() != Some('}') {
                return self.fault("a comma or the closing brace is expected");
            }
        }
    }

    fn label(&mut self) -> Result<Label, Fault> {
        let offset = self.at;
        let name = self.word();
        if name.is_empty() {
            return self.fault("the name of a label is expected");
        }
        self.blanks();
        if !self.eat('=') || matches!(self.peek(), Some('~' | '=')) {
            return self.fault("a label is given as name=\"value\": only = can say which series is meant");
        }
        self.blanks();
        let value = self.quoted()?;
        Ok(Label { name, value, offset })
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let Some(quote @ ('"' | '\'' | '`')) = self.peek() else {
            return self.fault("a value in quotes is expected");
        };
        self.at += 1;
        let mut value = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                c if c == quote => return Ok(value),
                '\\' if quote != '`' => value.push(self.escaped()?),
                c => value.push(c),
            }
        }
        self.fault("the closing quote is missing")
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        let c = match self.peek() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some(c @ ('\\' | '"' | '\'')) => c,
            _ => return self.fault("after a backslash, one of n, t, \\, \" and ' is expected"),
        };
        self.at += 1;
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<(String, String, usize)> {
        parse(text).unwrap().labels.into_iter().map(|l| (l.name, l.value, l.offset)).collect()
    }

    #[test]
    fn names_and_labels() {
        assert_eq!(parse("up").unwrap(), Selector { name: "up".to_owned(), labels: Vec::new() });
        assert_eq!(parse("up{}").unwrap().labels, Vec::new());
        let expected = [("a", "x, y}", 3), ("b", "\"é\"", 14)].map(|(n, v, at)| (n.to_owned(), v.to_owned(), at));
        assert_eq!(labels("up{a=\"x, y}\", b='\\\"é\"' , }"), expected);
        assert_eq!(labels("up { a = `\\n` }"), vec![("a".to_owned(), "\\n".to_owned(), 5)]);
    }

    #[test]
    fn faults_say_where() {
        let table = [
            ("", 0, "begins with its name"),
            ("1up", 3, "begins with its name"),
            ("up{", 3, "name of a label"),
            ("up{a}", 4, "only ="),
            ("up{a=~\"x\"}", 5, "only ="),
            ("up{a!=\"x\"}", 4, "only ="),
            ("up{a=x}", 5, "in quotes"),
            ("up{a=\"x}", 8, "closing quote"),
            ("up{a=\"x\" b=\"y\"}", 9, "comma"),
            ("up{a=\"x\",a=\"y\"}", 9, "twice"),
            ("up{a=\"\\q\"}", 7, "backslash"),
            ("up[5m]", 2, "nothing may follow"),
        ];
        for (text, offset, what) in table {
            let fault = parse(text).unwrap_err();
            assert!(fault.offset == offset && fault.what.contains(what), "{text}: {fault:?}");
        }
    }
}
