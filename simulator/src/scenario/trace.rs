//! Loads from CSV: a column of times and a column of values.

use std::fmt;
use weirkeeper_core::units::Millis;

/// Which column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name in the header.
    Name(String),
    /// By position, from 1.
    Position(usize),
}

impl Column {
    /// A number is a position, anything else a name.
    pub fn parse(text: &str) -> Column {
        match text.parse() {
            Ok(position) if position > 0 => Column::Position(position),
            _ => Column::Name(text.to_owned()),
        }
    }
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct How {
    /// The column of times; absent: the first whose cells are times.
    pub time: Option<Column>,
    /// The column of values; absent: the first other whose cells are numbers.
    pub value: Option<Column>,
    /// Scaled so.
    pub scale: Scale,
    /// So many times as fast: 5-minute samples become 1-minute samples with 5.
    pub speed: Option<f64>,
}

/// How values become records/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Times this.
    Factor(f64),
    /// So that the highest is this.
    Peak(f64),
}

impl Default for Scale {
    fn default() -> Scale {
        Scale::Factor(1.0)
    }
}

/// What is wrong with a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// Line, from 1.
    pub line: usize,
    /// Column of the cell, in characters, from 1.
    pub column: usize,
    /// What.
    pub message: String,
    /// A way out.
    pub hint: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} ({})", self.line, self.column, self.message, self.hint)
    }
}

/// More rows than this are not read: ten years of minutes.
const MOST_ROWS: usize = 5_300_000;
const TIMES: &str = "a time is RFC 3339, YYYY-MM-DD HH:MM:SS, or unix seconds";

/// The points of a trace, the first at 0, scaled. Cells without a value are left out: the line goes over them.
pub fn read(text: &str, how: &How) -> Result<Vec<(Millis, f64)>, TraceError> {
    let rows = Rows::new(text)?;
    let (time, value) = rows.columns(how)?;
    let mut points: Vec<(i64, f64)> = Vec::new();
    for row in rows.data() {
        let at = row.time(time)?;
        let Some(rate) = row.value(value)? else { continue };
        match points.last_mut() {
            Some(last) if last.0 > at => {
                return Err(row.error(time, "this time is before that of the row above", "sort the file by time"));
            }
            // The hour that a clock goes back stands twice: the later row counts.
            Some(last) if last.0 == at => last.1 = rate,
            _ => points.push((at, rate)),
        }
    }
    match points.first() {
        Some(first) => Ok(scaled(&points, first.0, how)),
        None => Err(TraceError {
            line: 1,
            column: 1,
            message: "the file holds no row with a time and a value".into(),
            hint: TIMES.into(),
        }),
    }
}

fn scaled(points: &[(i64, f64)], first: i64, how: &How) -> Vec<(Millis, f64)> {
    let highest = points.iter().fold(0.0_f64, |m, p| m.max(p.1));
    let factor = match how.scale {
        Scale::Factor(factor) => factor,
        Scale::Peak(peak) if highest > 0.0 => peak / highest,
        Scale::Peak(_) => 1.0,
    };
    let speed = how.speed.unwrap_or(1.0);
    let at = |t: i64| Millis(((t - first) as f64 / speed) as u64);
    points.iter().map(|(t, rate)| (at(*t), (rate * factor).max(0.0))).collect()
}

struct Rows<'a> {
    header: Option<Row<'a>>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    line: usize,
    cells: Vec<&'a str>,
    /// Column of each cell, in characters, from 0.
    starts: Vec<usize>,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str) -> Result<Rows<'a>, TraceError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = || text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
        let delimiter = lines().next().map_or(',', |(_, l)| delimiter(l));
        if lines().count() > MOST_ROWS {
            return Err(TraceError {
                line: MOST_ROWS + 1,
                column: 1,
                message: format!("more than {MOST_ROWS} rows"),
                hint: "keep fewer samples: the load is drawn in a line between them".into(),
            });
        }
        let mut rows: Vec<Row> = lines().map(|(i, l)| Row::new(i + 1, l, delimiter)).collect();
        let is_header = rows.first().is_some_and(|r| r.cells.iter().all(|c| time(c).is_none() && number(c).is_none()));
        let header = is_header.then(|| rows.remove(0));
        Ok(Rows { header, rows })
    }

    fn data(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter()
    }

    fn columns(&self, how: &How) -> Result<(usize, usize), TraceError> {
        let first = self.rows.first();
        let time_at = |i: &usize| first.is_some_and(|r| r.cells.get(*i).is_some_and(|c| time(c).is_some()));
        let width = first.map_or(0, |r| r.cells.len());
        // A date is a time beyond doubt; a number may be one.
        let date = |i: &usize| time_at(i) && first.is_some_and(|r| number(r.cells[*i]).is_none());
        let time = match &how.time {
            Some(column) => self.find(column)?,
            None => (0..width)
                .find(date)
                .or_else(|| (0..width).find(time_at))
                .ok_or_else(|| self.nothing("times", TIMES))?,
        };
        let numeric =
            |i: &usize| *i != time && self.rows.iter().any(|r| r.cells.get(*i).is_some_and(|c| number(c).is_some()));
        let value = match &how.value {
            Some(column) => self.find(column)?,
            None => (0..width).find(numeric).ok_or_else(|| self.nothing("values", "a value is a number"))?,
        };
        Ok((time, value))
    }

    fn find(&self, column: &Column) -> Result<usize, TraceError> {
        let header: &[&str] = self.header.as_ref().map_or(&[], |h| &h.cells);
        let width = self.rows.first().map_or(header.len(), |r| r.cells.len());
        let (found, name) = match column {
            Column::Position(p) => (Some(*p - 1).filter(|i| *i < width), p.to_string()),
            Column::Name(name) => (header.iter().position(|c| c == name), format!("{name:?}")),
        };
        let known = if header.is_empty() {
            format!("it has {width} columns and no header")
        } else {
            format!("its columns are {}", header.join(", "))
        };
        found.ok_or_else(|| TraceError {
            line: 1,
            column: 1,
            message: format!("there is no column {name}"),
            hint: known,
        })
    }

    fn nothing(&self, what: &str, hint: &str) -> TraceError {
        let line = self.rows.first().map_or(1, |r| r.line);
        TraceError {
            line,
            column: 1,
            message: format!("no column holds {what}"),
            hint: format!("{hint}; name the column"),
        }
    }
}

impl<'a> Row<'a> {
    fn new(line: usize, text: &'a str, delimiter: char) -> Row<'a> {
        let (mut cells, mut starts, mut at) = (Vec::new(), Vec::new(), 0);
        for cell in text.split(delimiter) {
            cells.push(cell.trim().trim_matches('"'));
            starts.push(at);
            at += cell.chars().count() + 1;
        }
        Row { line, cells, starts }
    }

    fn error(&self, cell: usize, message: &str, hint: &str) -> TraceError {
        let column = self.starts.get(cell).map_or(1, |s| s + 1);
        TraceError { line: self.line, column, message: message.to_owned(), hint: hint.to_owned() }
    }

    fn time(&self, cell: usize) -> Result<i64, TraceError> {
        let text = self.cells.get(cell).copied().unwrap_or_default();
        time(text).ok_or_else(|| self.error(cell, &format!("{text:?} is not a time"), TIMES))
    }

    /// Absent where the cell says so: a gap is not a zero.
    fn value(&self, cell: usize) -> Result<Option<f64>, TraceError> {
        let text = self.cells.get(cell).copied().unwrap_or_default();
        if ["", "nan", "null", "na", "-"].contains(&text.to_ascii_lowercase().as_str()) {
            return Ok(None);
        }
        number(text).map(Some).ok_or_else(|| {
            self.error(cell, &format!("{text:?} is not a number"), "leave the cell empty where nothing is known")
        })
    }
}

fn delimiter(line: &str) -> char {
    let count = |d: char| line.chars().filter(|c| *c == d).count();
    [',', ';', '\t'].into_iter().max_by_key(|d| (count(*d), *d == ',')).unwrap_or(',')
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|v| v.is_finite())
}

/// Numbers from here on are unix milliseconds: as seconds they would be beyond the year 5000.
const MILLISECONDS_FROM: f64 = 1e11;

/// Milliseconds since the epoch.
fn time(text: &str) -> Option<i64> {
    if let Some(number) = number(text) {
        return Some(if number.abs() < MILLISECONDS_FROM { (number * 1e3) as i64 } else { number as i64 });
    }
    let (date, rest) = text.split_once(['T', ' ', 't'])?;
    let [year, month, day] = parts(date, '-')?;
    let (clock, offset) = zone(rest.trim())?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let clock = if clock.matches(':').count() == 1 { format!("{clock}:00") } else { clock.to_owned() };
    let [hour, minute, second] = parts(&clock, ':')?;
    let plausible = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    plausible.then_some(seconds * 1_000 + millis(fraction)?)
}

fn parts(text: &str, by: char) -> Option<[i64; 3]> {
    let numbers: Option<Vec<i64>> = text.split(by).map(digits).collect();
    numbers?.try_into().ok()
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// The first three digits of a fraction of a second.
fn millis(fraction: &str) -> Option<i64> {
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let three: String = fraction.chars().chain("000".chars()).take(3).collect();
    three.parse().ok()
}

/// The clock without its zone, and the zone's seconds east of Greenwich; none means UTC.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), 0));
    }
    let Some(sign) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (clock, offset) = text.split_at(sign);
    let (hours, minutes) = offset[1..].split_once(':').or_else(|| offset[1..].split_at_checked(2))?;
    let seconds = digits(hours)? * 3_600 + digits(minutes)? * 60;
    Some((clock.trim_end(), if offset.starts_with('-') { -seconds } else { seconds }))
}

/// Days since the epoch of a date of the Gregorian calendar: years begin in March, so that a leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str, how: &How) -> Vec<(u64, f64)> {
        read(text, how).unwrap().into_iter().map(|(t, v)| (t.0, v)).collect()
    }

    #[test]
    fn the_usual_forms() {
        let expected = vec![(0, 1.5), (300_000, 3.0)];
        let same = [
            "date,messages\n2019-10-06 22:00:00,1.5\n2019-10-06 22:05:00,3\n",
            "timestamp,value\n2015-02-26T21:42:53Z,1.5\n2015-02-26T21:47:53Z,3\n",
            "1500000000,1.5\n1500000300,3\n",
            "t;host;v\n2019-10-27T00:59:00+02:00;a;1.5\n2019-10-26T23:04:00.000Z;a;3\n",
            "\u{feff}\"t\"\t\"v\"\n\"2020-02-28 23:58\"\t\"1.5\"\n\"2020-02-29 00:03\"\t3\n",
            "n,when\n1.5,2024-02-29 00:00:00\n,2024-02-29 00:01:00\nNaN,2024-02-29 00:02:00\n3,2024-02-29 00:05:00\n",
            "1500000000000,1.5\n1500000300000,3\n",
        ];
        for text in same {
            assert_eq!(points(text, &How::default()), expected, "{text}");
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let table = [
            ("1970-01-01 00:00:00", 0),
            ("2000-03-01 00:00:00", 951_868_800),
            ("2024-02-29 12:00:00", 1_709_208_000),
            ("2025-01-06T00:00:00Z", 1_736_121_600),
            ("2025-01-06T01:00:00+01:00", 1_736_121_600),
            ("2025-01-05T23:30:00-0030", 1_736_121_600),
        ];
        for (text, seconds) in table {
            assert_eq!(time(text), Some(seconds * 1_000), "{text}");
        }
        for wrong in
            ["", "yesterday", "2025-13-01 00:00:00", "2025-01-01", "2025-01-01 25:00:00", "2025-01-01 00:00:0x"]
        {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn columns_scale_and_speed_can_be_said() {
        let text = "a,b,when\n10,1,0\n20,4,60\n";
        let how = |time: &str, value: &str| How {
            time: Some(Column::parse(time)),
            value: Some(Column::parse(value)),
            ..How::default()
        };
        assert_eq!(points(text, &how("when", "b")), [(0, 1.0), (60_000, 4.0)]);
        assert_eq!(points(text, &how("3", "1")), [(0, 10.0), (60_000, 20.0)]);
        let peak = How { scale: Scale::Peak(100.0), speed: Some(2.0), ..how("when", "b") };
        assert_eq!(points(text, &peak), [(0, 25.0), (30_000, 100.0)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_a_way_out() {
        let table = [
            ("t,v\n2020-01-01 00:00:00,1\nnonsense,2\n", 3, 1, "\"nonsense\" is not a time"),
            ("t,v\n2020-01-01 00:00:00,1\n2020-01-01 00:01:00,x\n", 3, 21, "\"x\" is not a number"),
            ("t,v\n2020-01-01 00:01:00,1\n2020-01-01 00:00:00,2\n", 3, 1, "before that of the row above"),
            ("t,v\n", 1, 1, "no column holds times"),
            ("", 1, 1, "no column holds times"),
        ];
        for (text, line, column, message) in table {
            let error = read(text, &How::default()).unwrap_err();
            assert!(error.message.contains(message), "{error}");
            assert_eq!((error.line, error.column), (line, column), "{error}");
            assert!(!error.hint.is_empty());
        }
        let error = read("t,v\n0,1\n", &How { value: Some(Column::parse("w")), ..How::default() }).unwrap_err();
        assert_eq!(error.to_string(), "1:1: there is no column \"w\" (its columns are t, v)");
    }
}
