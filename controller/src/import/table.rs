//! CSV files, plain or compressed by xz, read column by column.

use super::Problem;
use super::mapping::{Csv, TimeFormat};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// One column of a file: times in ms since the epoch, and what was there.
pub type Values = Vec<(i64, f64)>;

/// What is read of a file.
#[derive(Debug)]
pub struct Table {
    /// By asked-for column.
    pub columns: Vec<Values>,
    /// The times of all rows.
    pub times: Vec<i64>,
}

/// Reads the named columns of a file.
pub fn read(path: &Path, csv: &Csv, names: &[&str]) -> Result<Table, Problem> {
    let (input, child) = open(path)?;
    let result = parse(BufReader::new(input), path, csv, names);
    if let Some(mut child) = child {
        finish(&mut child, path, result.is_ok())?;
    }
    result
}

fn unopened(path: &Path, message: String) -> Problem {
    Problem { path: path.to_owned(), place: (1, 1), kind: "csv", message, unopened: true }
}

/// The program `xz` is where there are `.xz` files; a library of our own would be one more dependency for this alone.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<Child>), Problem> {
    let file = File::open(path).map_err(|e| unopened(path, format!("it cannot be opened: {e}")))?;
    if path.extension().is_none_or(|e| e != "xz") {
        return Ok((Box::new(file), None));
    }
    let mut command = Command::new("xz");
    command.arg("-dc").stdin(Stdio::from(file)).stdout(Stdio::piped()).stderr(Stdio::null());
    let way_out = "install xz-utils, or decompress the file and take `.xz` out of the mapping";
    let mut child =
        command.spawn().map_err(|e| unopened(path, format!("the program xz cannot be run ({e}): {way_out}")))?;
    match child.stdout.take() {
        Some(out) => Ok((Box::new(out), Some(child))),
        None => Err(unopened(path, "the program xz gives nothing".into())),
    }
}

fn finish(child: &mut Child, path: &Path, read_all: bool) -> Result<(), Problem> {
    if !read_all {
        // It may wait to be read on; what it thinks of that does not matter.
        let _ = child.kill();
    }
    match child.wait() {
        Ok(status) if status.success() || !read_all => Ok(()),
        _ => Err(unopened(path, "the program xz could not decompress it: it is damaged, or not an xz file".into())),
    }
}

fn parse(input: impl BufRead, path: &Path, csv: &Csv, names: &[&str]) -> Result<Table, Problem> {
    let problem = |line: usize, column: usize, message: String| Problem {
        path: path.to_owned(),
        place: (line as u64, column as u64),
        kind: "csv",
        message,
        unopened: false,
    };
    let mut lines = input.lines().enumerate();
    let head = lines.next().and_then(|(_, l)| l.ok()).ok_or_else(|| problem(1, 1, "the file is empty".into()))?;
    let head: Vec<String> = fields(head.trim_start_matches('\u{feff}'), csv.separator).map(|f| f.1).collect();
    let place = |name: &str| {
        let missing = || problem(1, 1, format!("there is no column {name:?}: there are {}", head.join(", ")));
        head.iter().position(|h| h == name).ok_or_else(missing)
    };
    let time = place(&csv.time)?;
    let places: Vec<usize> = names.iter().map(|n| place(n)).collect::<Result<_, _>>()?;
    let mut table = Table { columns: vec![Vec::new(); names.len()], times: Vec::new() };
    for (n, line) in lines {
        let line = line.map_err(|e| problem(n + 1, 1, format!("it cannot be read on: {e}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let row: Vec<(usize, String)> = fields(&line, csv.separator).collect();
        let field = |i: usize| {
            let short = || {
                problem(
                    n + 1,
                    line.len() + 1,
                    format!("the line has {} fields, the first line has {}", row.len(), head.len()),
                )
            };
            row.get(i).ok_or_else(short)
        };
        let (at, text) = field(time)?;
        let at = instant(text, csv.time_format).map_err(|m| problem(n + 1, at + 1, m))?;
        table.times.push(at);
        for (place, values) in places.iter().zip(&mut table.columns) {
            let (column, text) = field(*place)?;
            match number(text, csv) {
                Ok(Some(value)) => values.push((at, value)),
                Ok(None) => {}
                Err(message) => return Err(problem(n + 1, column + 1, message)),
            }
        }
    }
    Ok(table)
}

/// Fields with the byte at which each begins. In quotes, the separator and doubled quotes stand for themselves.
fn fields(line: &str, separator: char) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut rest = Some((0, line.trim_end_matches('\r')));
    std::iter::from_fn(move || {
        let (begin, text) = rest.take()?;
        let (field, end) = if text.starts_with('"') { quoted(text, separator) } else { bare(text, separator) };
        rest = end.map(|end| (begin + end, &text[end..]));
        Some((begin, field))
    })
}

fn bare(text: &str, separator: char) -> (String, Option<usize>) {
    let end = text.find(separator);
    (text[..end.unwrap_or(text.len())].trim().to_owned(), end.map(|e| e + separator.len_utf8()))
}

fn quoted(text: &str, separator: char) -> (String, Option<usize>) {
    let mut field = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    let mut open = true;
    while let Some((i, c)) = chars.next() {
        match c {
            '"' if open && chars.peek().is_some_and(|n| n.1 == '"') => {
                chars.next();
                field.push('"');
            }
            '"' => open = !open,
            c if c == separator && !open => return (field, Some(i + c.len_utf8())),
            c => field.push(c),
        }
    }
    (field, None)
}

fn instant(text: &str, format: TimeFormat) -> Result<i64, String> {
    let bad = |as_what: &str| format!("{text:?} is not a time: the mapping's timeFormat says {as_what}");
    let number = || text.parse::<f64>().ok().filter(|t| t.is_finite() && t.abs() < 1e15);
    match format {
        TimeFormat::Seconds => number()
            .filter(|t| t.abs() < 1e12)
            .map(|t| (t * 1_000.0).round() as i64)
            .ok_or_else(|| bad("seconds since the epoch")),
        TimeFormat::Millis => number().map(|t| t as i64).ok_or_else(|| bad("milliseconds since the epoch")),
        TimeFormat::Rfc3339 => {
            let time: Result<jiff::Timestamp, _> = text.parse();
            time.map(|t| t.as_millisecond()).map_err(|_| bad("RFC 3339, as 2025-01-06T00:00:00Z"))
        }
    }
}

fn number(text: &str, csv: &Csv) -> Result<Option<f64>, String> {
    if text.is_empty() || csv.unknown.iter().any(|u| u == text) {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(format!("{text:?} is not a number; if it stands for \"not known\", name it under `csv: unknown:`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, csv: &Csv, names: &[&str]) -> Result<Table, String> {
        parse(text.as_bytes(), Path::new("f.csv"), csv, names).map_err(|p| p.to_string())
    }

    #[test]
    fn columns_are_found_by_name_and_what_is_not_known_is_left_out() {
        let text = "\u{feff}timestamp,\"a, b\",c\r\n1.5,1,2\r\n\n2,NaN,\"3\"\n3,,4e2\n";
        let table = parsed(text, &Csv::default(), &["c", "a, b"]).unwrap();
        assert_eq!(table.columns, [vec![(1_500, 2.0), (2_000, 3.0), (3_000, 400.0)], vec![(1_500, 1.0)]]);
        assert_eq!(table.times, [1_500, 2_000, 3_000]);
    }

    #[test]
    fn problems_have_line_column_and_a_way_out() {
        let csv = Csv { separator: '|', ..Csv::default() };
        let cases = [
            ("timestamp|v\n1|2\n2|x\n", "f.csv:3:3: csv: \"x\" is not a number; if it stands for"),
            ("timestamp|v\nnoon|2\n", "f.csv:2:1: csv: \"noon\" is not a time: the mapping's timeFormat says seconds"),
            ("timestamp|w\n1|2\n", "f.csv:1:1: csv: there is no column \"v\": there are timestamp, w"),
            ("timestamp|v\n1\n", "f.csv:2:2: csv: the line has 1 fields, the first line has 2"),
            ("", "f.csv:1:1: csv: the file is empty"),
            ("timestamp|v\n1|inf\n", "f.csv:2:3: csv: \"inf\" is not a number"),
        ];
        for (text, begin) in cases {
            let message = parsed(text, &csv, &["v"]).unwrap_err();
            assert!(message.starts_with(begin), "{text:?}: {message}");
        }
    }

    #[test]
    fn times_are_read_in_each_form() {
        let at = |text, format| instant(text, format).unwrap();
        assert_eq!(at("1736121600.25", TimeFormat::Seconds), 1_736_121_600_250);
        assert_eq!(at("1736121600250", TimeFormat::Millis), 1_736_121_600_250);
        assert_eq!(at("2025-01-06T00:00:00.250Z", TimeFormat::Rfc3339), 1_736_121_600_250);
        assert!(instant("1736121600250", TimeFormat::Seconds).is_err(), "milliseconds taken for seconds");
    }
}
