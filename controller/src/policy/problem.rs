//! What is wrong with a file: a stable code, where, the line, and a way out.

use std::fmt;
use std::path::{Path, PathBuf};

/// The kinds of problem. `docs/policies.md` explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// More bytes, documents or levels than are read.
    TooLarge,
    /// The text is not YAML.
    YamlSyntax,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// A field that does not exist.
    UnknownField,
    /// A field that must be there.
    MissingField,
    /// A value of another kind than expected.
    WrongType,
    /// A number without its unit, or with one that does not exist.
    WrongUnit,
    /// A word that is not one of the choices.
    BadValue,
    /// A number outside what is possible.
    OutOfRange,
    /// Bounds that contradict each other.
    BadBounds,
    /// A budget that makes no sense.
    BadBudget,
    /// A pattern that cannot match.
    BadGlob,
    /// A cron expression that does not parse.
    BadCron,
    /// A time zone that is not in the IANA database.
    BadTimezone,
    /// Not a version this program reads.
    ApiVersion,
    /// Not a kind this program reads.
    Kind,
    /// Planned, but this version does not have it.
    NotYet,
    /// Two policies of one name.
    DuplicatePolicy,
    /// Two policies claim one job with equal right.
    Overlap,
    /// A place given to read policies from holds none.
    NoPolicies,
    /// A series selector or its notation does not parse.
    BadSeries,
    /// An inline test that cannot be run.
    BadTest,
    /// Vertices and edges that make no job graph.
    BadGraph,
    /// A load trace that cannot be read.
    BadTrace,
    /// A place given to read scenarios from holds none.
    NoScenarios,
}

impl Code {
    /// All of them, in the order of the documentation's table.
    pub const ALL: [Code; 26] = [
        Code::NotUtf8,
        Code::TooLarge,
        Code::YamlSyntax,
        Code::DuplicateKey,
        Code::UnknownField,
        Code::MissingField,
        Code::WrongType,
        Code::WrongUnit,
        Code::BadValue,
        Code::OutOfRange,
        Code::BadBounds,
        Code::BadBudget,
        Code::BadGlob,
        Code::BadCron,
        Code::BadTimezone,
        Code::ApiVersion,
        Code::Kind,
        Code::NotYet,
        Code::DuplicatePolicy,
        Code::Overlap,
        Code::NoPolicies,
        Code::BadSeries,
        Code::BadTest,
        Code::BadGraph,
        Code::BadTrace,
        Code::NoScenarios,
    ];

    /// The word that is printed and documented.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::NotUtf8 => "not-utf8",
            Code::TooLarge => "too-large",
            Code::YamlSyntax => "yaml-syntax",
            Code::DuplicateKey => "duplicate-key",
            Code::UnknownField => "unknown-field",
            Code::MissingField => "missing-field",
            Code::WrongType => "wrong-type",
            Code::WrongUnit => "wrong-unit",
            Code::BadValue => "bad-value",
            Code::OutOfRange => "out-of-range",
            Code::BadBounds => "bad-bounds",
            Code::BadBudget => "bad-budget",
            Code::BadGlob => "bad-glob",
            Code::BadCron => "bad-cron",
            Code::BadTimezone => "bad-timezone",
            Code::ApiVersion => "api-version",
            Code::Kind => "kind",
            Code::NotYet => "not-yet",
            Code::DuplicatePolicy => "duplicate-policy",
            Code::Overlap => "overlap",
            Code::NoPolicies => "no-policies",
            Code::BadSeries => "bad-series",
            Code::BadTest => "bad-test",
            Code::BadGraph => "bad-graph",
            Code::BadTrace => "bad-trace",
            Code::NoScenarios => "no-scenarios",
        }
    }
}

/// A place in a file: line and column from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Pos {
    /// Where a file begins.
    pub const START: Pos = Pos { line: 1, column: 1 };

    /// `n` characters to the right.
    pub fn right(self, n: usize) -> Pos {
        Pos { column: self.column.saturating_add(u32::try_from(n).unwrap_or(u32::MAX)), ..self }
    }
}

/// A problem, complete: it can be printed without the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file.
    pub path: PathBuf,
    /// Where.
    pub at: Pos,
    /// What kind.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// The line it is on; empty where there is none.
    pub source: String,
    /// What to do, in one line.
    pub hint: String,
}

impl Problem {
    /// A problem of a place as a whole, such as a folder.
    pub fn of_path(path: &Path, code: Code, message: String, hint: String) -> Problem {
        Problem { path: path.to_owned(), at: Pos::START, code, message, source: String::new(), hint }
    }
}

/// Lines longer than this are cut around the place: a file may be one line of a megabyte.
const WIDTH: usize = 120;

impl fmt::Display for Problem {
    /// `PATH:LINE:COL: CODE: message`, the source line with a caret below the place, and the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pos { line, column } = self.at;
        write!(f, "{}:{line}:{column}: {}: {}", self.path.display(), self.code.as_str(), one_line(&self.message))?;
        if !self.source.trim().is_empty() {
            let (shown, caret) = around(&self.source, column);
            write!(f, "\n    {shown}\n    {}^", " ".repeat(caret))?;
        }
        write!(f, "\n  hint: {}", one_line(&self.hint))
    }
}

/// The part of `line` around `column` that is shown, and how many characters of it stand before the place.
fn around(line: &str, column: u32) -> (String, usize) {
    let before = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1).min(line.chars().count());
    let cut = if before > WIDTH * 3 / 4 { before - WIDTH / 2 } else { 0 };
    (line.chars().skip(cut).take(WIDTH).map(harmless).collect(), before - cut)
}

/// What a file holds may not steer the terminal that shows it.
fn harmless(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { harmless(c) }).collect()
}
