//! Cron expressions and spans of time that repeat.

use crate::policy::Calendar;
use crate::units::{Millis, Timestamp};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest that one span may last. Looking for the start that holds now walks back over this many days at most,
/// so it bounds the work; a longer rest is a policy without scaling, not a calendar.
pub const LONGEST: Millis = Millis::hours(31 * 24);

/// A parsed five-field cron expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    /// Both day fields restrict: a day that meets either counts, as in every cron since Version 7. A field that
    /// begins with `*` does not restrict in this sense (Vixie cron's reading).
    either_day: bool,
}

/// Why a cron expression was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronError {
    /// Which field, in words; absent where the fault is not in one of them.
    pub field: Option<&'static str>,
    /// Byte offset of the fault in the text.
    pub offset: usize,
    /// What is wrong.
    pub why: String,
}

/// A set of numbers from 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set(u64);

impl Set {
    fn has(self, n: u8) -> bool {
        n < 64 && self.0 >> n & 1 == 1
    }

    fn insert(&mut self, n: u8) {
        self.0 |= 1 << n;
    }

    /// Its members, largest first.
    fn descending(self) -> impl Iterator<Item = u8> {
        (0..64).rev().filter(move |n| self.has(*n))
    }
}

/// One of the five fields: its name, its bounds, and the words that stand for numbers from `first` on.
struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    words: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", low: 0, high: 59, words: &[] };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, words: &[] };
const DAY: Field = Field { name: "day of month", low: 1, high: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/// 7 is Sunday too.
const WEEKDAY: Field =
    Field { name: "day of week", low: 0, high: 7, words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

/// The most days a month can have, January first.
const MONTH_DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads minute, hour, day of month, month and day of week: `*`, numbers, names, ranges `a-b`, steps `/n`
    /// (`a/n` is from `a` to the end), and lists of these.
    pub fn parse(text: &str) -> Result<Cron, CronError> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = parts.as_slice() else {
            let why =
                format!("{} fields, where cron has five: minute hour day-of-month month day-of-week", parts.len());
            return Err(CronError { field: None, offset: 0, why });
        };
        let read = |field: &Field, part: &str| field.parse(part, offset_in(text, part));
        let mut weekdays = read(&WEEKDAY, weekday)?;
        if weekdays.has(7) {
            weekdays.insert(0);
        }
        let cron = Cron {
            minutes: read(&MINUTE, minute)?,
            hours: read(&HOUR, hour)?,
            days: read(&DAY, day)?,
            months: read(&MONTH, month)?,
            weekdays,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            text: text.to_owned(),
        };
        cron.refuse_never(offset_in(text, day))?;
        Ok(cron)
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `0 0 30 2 *` and its like: such a day does not exist.
    fn refuse_never(self: &Cron, offset: usize) -> Result<(), CronError> {
        let possible = (1..=12u8).any(|m| self.months.has(m) && (1..=longest(m)).any(|d| self.days.has(d)));
        if possible || self.either_day {
            return Ok(());
        }
        Err(CronError {
            field: Some(DAY.name),
            offset,
            why: "no such day in the months given: it would never begin".to_owned(),
        })
    }

    /// Whether something may start on that day.
    fn has_day(&self, date: Date) -> bool {
        let day = self.days.has(date.day().unsigned_abs());
        let weekday = self.weekdays.has(number(date.weekday()));
        let day_fits = if self.either_day { day || weekday } else { day && weekday };
        self.months.has(date.month().unsigned_abs()) && day_fits
    }

    /// The newest start at or before `at` and not before `oldest`.
    fn last_start(&self, zone: &TimeZone, oldest: Timestamp, at: Timestamp) -> Option<Timestamp> {
        let limit = local(zone, at)?.checked_add(REPEATED).ok()?;
        let first = local(zone, oldest)?.date().yesterday().ok()?;
        let mut date = limit.date();
        while date >= first {
            if self.has_day(date) {
                let found = self.starts_on(date, limit).find_map(|civil| instant(zone, civil).filter(|s| *s <= at));
                if found.is_some() {
                    return found.filter(|start| *start >= oldest);
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// The starts of one day by the wall clock, latest first, none after `limit`.
    fn starts_on(&self, date: Date, limit: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let hours = self.hours.descending();
        let times = hours.flat_map(move |h| self.minutes.descending().map(move |m| (h, m)));
        times.filter_map(move |(h, m)| {
            let civil = DateTime::from_parts(date, jiff::civil::Time::new(h as i8, m as i8, 0, 0).ok()?);
            (civil <= limit).then_some(civil)
        })
    }
}

/// When clocks go back, wall-clock times repeat: what began up to this much "later" by the clock may be in the past.
/// No zone has put its clock back by more within the years that matter (most by one hour, Antarctic stations by three).
const REPEATED: jiff::SignedDuration = jiff::SignedDuration::from_hours(3);

impl Calendar {
    /// Until when the span holds that holds at `at`; absent where none does. Where spans overlap, it is the end of the
    /// one that began last. Lengths are elapsed time, whatever clocks do meanwhile. A start that clocks skip happens
    /// when they jump; one that they repeat happens the first time. An unknown time zone (refused at load) is UTC.
    pub fn active(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC);
        let lasts = self.lasts.min(LONGEST);
        let start = self.cron.last_start(&zone, at.minus(lasts), at)?;
        let until = start.plus(lasts);
        (until > at).then_some(until)
    }

    /// Whether `name` is a time zone of the IANA database.
    pub fn knows_timezone(name: &str) -> bool {
        TimeZone::get(name).is_ok()
    }
}

fn local(zone: &TimeZone, at: Timestamp) -> Option<DateTime> {
    jiff::Timestamp::from_millisecond(at.0).ok().map(|t| zone.to_datetime(t))
}

/// When the wall clock shows `civil`. Rising with `civil`, so that the last start by the clock is the last in time.
fn instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let found = match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next()?.timestamp()
        }
        _ => ambiguous.earlier().ok()?,
    };
    Some(Timestamp(found.as_millisecond()))
}

fn longest(month: u8) -> u8 {
    MONTH_DAYS.get(usize::from(month) - 1).copied().unwrap_or(31)
}

/// Cron's number of a weekday.
fn number(day: Weekday) -> u8 {
    day.to_sunday_zero_offset().unsigned_abs()
}

/// Where `part`, a piece of `text`, begins in it.
fn offset_in(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

impl Field {
    fn parse(&self, text: &str, offset: usize) -> Result<Set, CronError> {
        let mut set = Set::default();
        for item in text.split(',') {
            self.item(item, &mut set).map_err(|why| CronError {
                field: Some(self.name),
                offset: offset + offset_in(text, item),
                why,
            })?;
        }
        Ok(set)
    }

    /// `RANGE` or `RANGE/STEP`.
    fn item(&self, item: &str, set: &mut Set) -> Result<(), String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let (low, high) = self.range(range, step.is_some())?;
        (low..=high).step_by(usize::from(step.unwrap_or(1))).for_each(|n| set.insert(n));
        Ok(())
    }

    fn step(&self, text: &str) -> Result<u8, String> {
        match text.parse::<u8>() {
            Ok(0) => Err("a step of 0 never moves".to_owned()),
            Ok(n) if n <= self.high => Ok(n),
            Ok(n) => Err(format!("a step of {n} is more than the field holds")),
            Err(_) => Err(format!("{text:?} is not a step: a number is expected after '/'")),
        }
    }

    fn range(&self, text: &str, stepped: bool) -> Result<(u8, u8), String> {
        // `*` in the last field is 0 to 6: 7 would be Sunday once more.
        let last = if self.high == 7 { 6 } else { self.high };
        if text == "*" {
            return Ok((self.low, last));
        }
        let Some((low, high)) = text.split_once('-') else {
            let only = self.value(text)?;
            return Ok((only, if stepped { last.max(only) } else { only }));
        };
        let (low, mut high) = (self.value(low)?, self.value(high)?);
        if self.high == 7 && high == 0 && low > 0 {
            high = 7; // FRI-SUN
        }
        if low > high {
            return Err(format!("the range {text} runs backwards"));
        }
        Ok((low, high))
    }

    fn value(&self, text: &str) -> Result<u8, String> {
        let word = self.words.iter().position(|w| w.eq_ignore_ascii_case(text));
        let number = match word {
            // JAN is 1, SUN is 0.
            Some(at) => u8::try_from(at).ok().map(|n| n + self.low),
            None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        match number {
            Some(n) if (self.low..=self.high).contains(&n) => Ok(n),
            Some(n) => Err(format!("{n} is not between {} and {}", self.low, self.high)),
            None if text.is_empty() => Err("a value is missing".to_owned()),
            None => Err(self.not_a_value(text)),
        }
    }

    fn not_a_value(&self, text: &str) -> String {
        let words = match self.words {
            [first, .., last] => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        format!("{text:?} is not a number from {} to {}{words}", self.low, self.high)
    }
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "{field}: {}", self.why),
            None => self.why.fmt(f),
        }
    }
}

impl TryFrom<String> for Cron {
    type Error = CronError;
    fn try_from(text: String) -> Result<Cron, CronError> {
        Cron::parse(&text)
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> String {
        cron.text
    }
}

impl Default for Cron {
    /// Every midnight.
    fn default() -> Cron {
        Cron {
            text: "0 0 * * *".to_owned(),
            minutes: Set(1),
            hours: Set(1),
            days: Set(u64::MAX),
            months: Set(u64::MAX),
            weekdays: Set(u64::MAX),
            either_day: false,
        }
    }
}

#[cfg(test)]
mod tests;
