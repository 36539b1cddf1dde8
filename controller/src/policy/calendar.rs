//! Spans that repeat: `cron`, `lasts`, `timezone`.

use super::known;
use super::node::Node;
use super::problem::Code;
use super::reader::{Fields, Reader};
use super::units;
use weirkeeper_core::calendar::{Cron, LONGEST};
use weirkeeper_core::policy::{Calendar, Freeze};
use weirkeeper_core::units::Millis;

/// The three fields of a span that repeats. Without `timezone` it is UTC.
pub fn read_calendar(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Calendar> {
    let cron = reader.need(fields, "cron", cron);
    let lasts = reader.need(fields, "lasts", lasts);
    let timezone = match fields.get("timezone") {
        Some(_) => reader.get(fields, "timezone", timezone),
        None => Some("UTC".to_owned()),
    };
    Some(Calendar { cron: cron?, lasts: lasts?, timezone: timezone? })
}

/// One entry of `freeze`.
pub fn freeze(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Freeze> {
    let fields = reader.fields(node, name, known::FREEZE)?;
    let when = read_calendar(reader, &fields);
    let reason = reader.get(&fields, "reason", Reader::text).unwrap_or_else(|| "a freeze of the policy".to_owned());
    Some(Freeze { when: when?, reason })
}

fn cron(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Cron> {
    let text = reader.text(node, name)?;
    match Cron::parse(&text) {
        Ok(cron) => Some(cron),
        Err(error) => {
            let hint = "minute hour day-of-month month day-of-week, such as `0 9 * * MON-FRI` for nine on weekdays";
            reader.report(node.at, Code::BadCron, format!("{name}: {error}"), hint);
            None
        }
    }
}

fn lasts(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Millis> {
    let span = reader.span(node, name)?;
    if span <= LONGEST {
        return Some(span);
    }
    let hint = "for longer, pause the job, or set mode: observe";
    reader.report(node.at, Code::OutOfRange, format!("{name} is longer than 31 days"), hint);
    None
}

fn timezone(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<String> {
    let text = reader.text(node, name)?;
    if Calendar::knows_timezone(&text) {
        return Some(text);
    }
    let zones = ["UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo"];
    let meant = units::nearest(&text, zones).map(|z| format!("did you mean {z}? ")).unwrap_or_default();
    let hint = format!("{meant}it is a name of the IANA database, such as Europe/Berlin or UTC");
    reader.report(node.at, Code::BadTimezone, format!("{name}: {text:?} is not a time zone"), hint);
    None
}
