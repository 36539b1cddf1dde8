//! Expectations are from a wall calendar and the published rules of daylight saving time, not from the code.

use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn calendar(cron: &str, lasts: Millis, timezone: &str) -> Calendar {
    Calendar { cron: Cron::parse(cron).unwrap(), lasts, timezone: timezone.to_owned() }
}

#[track_caller]
fn check(calendar: &Calendar, when: &str, until: Option<&str>) {
    assert_eq!(calendar.active(at(when)), until.map(at), "{} at {when}", calendar.cron.text());
}

#[test]
fn a_weekday_morning() {
    // 2024-05-06 is a Monday; Berlin is at +02:00 in May: 09:00 is 07:00Z.
    let trading = calendar("0 9 * * MON-FRI", Millis::hours(2), "Europe/Berlin");
    check(&trading, "2024-05-06T06:59:59Z", None);
    check(&trading, "2024-05-06T07:00:00Z", Some("2024-05-06T09:00:00Z"));
    check(&trading, "2024-05-06T08:59:59Z", Some("2024-05-06T09:00:00Z"));
    check(&trading, "2024-05-06T09:00:00Z", None);
    check(&trading, "2024-05-11T07:30:00Z", None); // Saturday
    // In January Berlin is at +01:00. 2024-01-08 is a Monday.
    check(&trading, "2024-01-08T07:30:00Z", None);
    check(&trading, "2024-01-08T08:30:00Z", Some("2024-01-08T10:00:00Z"));
}

#[test]
fn spans_cross_midnight_month_and_year() {
    let night = calendar("0 22 * * *", Millis::hours(8), "UTC");
    check(&night, "2024-01-01T05:59:00Z", Some("2024-01-01T06:00:00Z"));
    check(&night, "2024-01-01T06:00:00Z", None);
    let leap = calendar("0 0 29 FEB *", Millis::hours(31 * 24), "UTC");
    check(&leap, "2024-03-30T23:00:00Z", Some("2024-03-31T00:00:00Z"));
    check(&leap, "2025-03-01T00:00:00Z", None);
}

#[test]
fn clocks_that_jump_ahead() {
    // New York, 2024-03-10: 02:00 EST becomes 03:00 EDT at 07:00Z. 02:30 does not exist: it begins at the jump.
    let skipped = calendar("30 2 * * *", Millis::hours(1), "America/New_York");
    check(&skipped, "2024-03-10T06:59:00Z", None);
    check(&skipped, "2024-03-10T07:00:00Z", Some("2024-03-10T08:00:00Z"));
    check(&skipped, "2024-03-10T08:00:00Z", None);
    // The length is elapsed time: 01:00 EST (06:00Z) + 3 h is 09:00Z, which clocks call 05:00 EDT.
    let across = calendar("0 1 * * *", Millis::hours(3), "America/New_York");
    check(&across, "2024-03-10T08:59:00Z", Some("2024-03-10T09:00:00Z"));
}

#[test]
fn clocks_that_go_back() {
    // New York, 2024-11-03: 02:00 EDT becomes 01:00 EST at 06:00Z. 01:30 comes at 05:30Z and 06:30Z: the first counts.
    let repeated = calendar("30 1 * * *", Millis::minutes(20), "America/New_York");
    check(&repeated, "2024-11-03T05:30:00Z", Some("2024-11-03T05:50:00Z"));
    check(&repeated, "2024-11-03T06:35:00Z", None);
    // Second 01:10 (06:10Z) with a start at the first 01:45 (05:45Z): the clock shows less than the start's time.
    let late = calendar("45 1 * * *", Millis::hours(1), "America/New_York");
    check(&late, "2024-11-03T06:10:00Z", Some("2024-11-03T06:45:00Z"));
}

#[test]
fn half_hour_zones_and_year_round_ones() {
    // Kolkata is +05:30 all year: 09:00 is 03:30Z. Kathmandu is +05:45: 09:00 is 03:15Z.
    check(
        &calendar("0 9 * * *", Millis::minutes(1), "Asia/Kolkata"),
        "2024-07-01T03:30:30Z",
        Some("2024-07-01T03:31:00Z"),
    );
    check(
        &calendar("0 9 * * *", Millis::minutes(1), "Asia/Kathmandu"),
        "2024-07-01T03:15:30Z",
        Some("2024-07-01T03:16:00Z"),
    );
    // Lord Howe moves by half an hour: 2024-04-06T15:00Z, 02:00 (+11) becomes 01:30 (+10:30).
    let howe = calendar("45 1 * * *", Millis::minutes(5), "Australia/Lord_Howe");
    check(&howe, "2024-04-06T14:45:00Z", Some("2024-04-06T14:50:00Z"));
    check(&howe, "2024-04-06T15:15:00Z", None);
}

#[test]
fn either_day_counts_where_both_are_given() {
    // 2024-09-13 is a Friday, 2024-09-14 a Saturday, 2024-09-20 a Friday.
    let either = calendar("0 0 13 * FRI", Millis::hours(1), "UTC");
    check(&either, "2024-09-13T00:30:00Z", Some("2024-09-13T01:00:00Z"));
    check(&either, "2024-09-20T00:30:00Z", Some("2024-09-20T01:00:00Z"));
    check(&either, "2024-08-13T00:30:00Z", Some("2024-08-13T01:00:00Z")); // a Tuesday
    check(&either, "2024-09-14T00:30:00Z", None);
    // A day field that begins with a star does not open that door: odd days that are Fridays.
    let both = calendar("0 0 */2 * FRI", Millis::hours(1), "UTC");
    check(&both, "2024-09-13T00:30:00Z", Some("2024-09-13T01:00:00Z"));
    check(&both, "2024-09-20T00:30:00Z", None);
    check(&both, "2024-09-15T00:30:00Z", None);
}

#[test]
fn spans_that_overlap_hold_on() {
    let always = calendar("*/30 * * * *", Millis::hours(1), "UTC");
    check(&always, "2024-01-01T00:15:00Z", Some("2024-01-01T01:00:00Z"));
    check(&always, "2024-01-01T00:30:00Z", Some("2024-01-01T01:30:00Z"));
}

/// The numbers that a field of an expression stands for.
#[track_caller]
fn members(text: &str, which: fn(&Cron) -> Set, expected: &[u8]) {
    let mut found: Vec<u8> = which(&Cron::parse(text).unwrap()).descending().collect();
    found.reverse();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn lists_ranges_steps_and_names() {
    members("0,30 * * * *", |c| c.minutes, &[0, 30]);
    members("*/20 * * * *", |c| c.minutes, &[0, 20, 40]);
    members("50/3 * * * *", |c| c.minutes, &[50, 53, 56, 59]);
    members("1-10/4,7 * * * *", |c| c.minutes, &[1, 5, 7, 9]);
    members("0 0 1 jan-MAR,12 *", |c| c.months, &[1, 2, 3, 12]);
    members("0 0 * * MON-FRI", |c| c.weekdays, &[1, 2, 3, 4, 5]);
    members("0 0 * * 7", |c| c.weekdays, &[0, 7]);
    members("0 0 * * FRI-SUN", |c| c.weekdays, &[0, 5, 6, 7]);
    members("0 0 * * SUN-TUE", |c| c.weekdays, &[0, 1, 2]);
    members("0 0 * * *", |c| c.weekdays, &[0, 1, 2, 3, 4, 5, 6]);
    members("0 0 * * */2", |c| c.weekdays, &[0, 2, 4, 6]);
}

#[track_caller]
fn check_error(text: &str, field: Option<&str>, offset: usize, why: &str) {
    let error = Cron::parse(text).unwrap_err();
    assert_eq!((error.field, error.offset), (field, offset), "{text}");
    assert!(error.why.contains(why), "{text}: {}", error.why);
}

#[test]
fn errors_say_which_field_and_why() {
    check_error("0 9 * *", None, 0, "4 fields");
    check_error("", None, 0, "0 fields");
    check_error("60 9 * * *", Some("minute"), 0, "60 is not between 0 and 59");
    check_error("0 24 * * *", Some("hour"), 2, "24 is not between 0 and 23");
    check_error("0 9 0 * *", Some("day of month"), 4, "0 is not between 1 and 31");
    check_error("0 9 * FOO *", Some("month"), 6, "JAN to DEC");
    check_error("0 9 * * MON,,TUE", Some("day of week"), 12, "missing");
    check_error("0 9 * * FRI-MON", Some("day of week"), 8, "backwards");
    check_error("*/0 * * * *", Some("minute"), 0, "step of 0");
    check_error("*/x * * * *", Some("minute"), 0, "not a step");
    check_error("-5 * * * *", Some("minute"), 0, "missing");
    check_error("+5 * * * *", Some("minute"), 0, "not a number");
    check_error("0 0 30 2 *", Some("day of month"), 4, "never");
    check_error("99999999999 * * * *", Some("minute"), 0, "not a number");
}

#[test]
fn it_survives_serialization() {
    let cron = Cron::parse("0 9 * * MON-FRI").unwrap();
    let text = serde_json::to_string(&cron).unwrap();
    assert_eq!(text, "\"0 9 * * MON-FRI\"");
    assert_eq!(serde_json::from_str::<Cron>(&text).unwrap(), cron);
    assert!(serde_json::from_str::<Cron>("\"0 9\"").is_err());
    assert_eq!(Cron::parse("0 0 * * *").unwrap().minutes, Cron::default().minutes);
}

proptest! {
    #[test]
    fn any_text_parses_or_says_why(text in "[ 0-9*/,A-Z-]{0,30}") {
        if let Err(error) = Cron::parse(&text) {
            prop_assert!(!error.why.is_empty() && error.offset <= text.len());
        }
    }

    /// Minute by minute against the plain reading of an hourly expression, in UTC.
    #[test]
    fn hourly_agrees_with_arithmetic(minute in 0i64..60, lasts in 1i64..60, now in 0i64..2_000_000) {
        let hourly = calendar(&format!("{minute} * * * *"), Millis::minutes(lasts as u64), "UTC");
        let into = (now - minute).rem_euclid(60);
        let expected = (into < lasts).then(|| Timestamp((now - into + lasts) * 60_000));
        prop_assert_eq!(hourly.active(Timestamp(now * 60_000)), expected);
    }

    /// Any time and zone: an end lies ahead, and no further than the length.
    #[test]
    fn an_end_is_ahead_and_near(ms in any::<i64>(), zone in 0usize..4, lasts in 1u64..LONGEST.0) {
        let zones = ["UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
        let calendar = calendar("*/7 3,4 * * MON", Millis(lasts), zones[zone]);
        for now in [Timestamp(ms), Timestamp(ms % 4_000_000_000_000)] {
            if let Some(until) = calendar.active(now) {
                prop_assert!(until > now && until.since(now) <= Millis(lasts));
            }
        }
    }
}
