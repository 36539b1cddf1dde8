//! The page: everything that is text as HTML, so that it can be read without scripts; the charts' points as JSON, drawn
//! by `page.js`.

use super::{Chart, Mark, Report, Shade, Table};
use serde::Serialize;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing may be loaded from anywhere, whatever a job's name holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// What the script is given.
#[derive(Serialize)]
struct Data<'a> {
    span: [i64; 2],
    charts: &'a [Chart],
    marks: Vec<Drawn<'a>>,
    shades: &'a [Shade],
}

#[derive(Serialize)]
struct Drawn<'a> {
    at: i64,
    lane: &'a str,
    kind: &'a str,
    title: &'a str,
    reason: &'a str,
    caveat: bool,
}

/// The whole page.
pub fn html(report: &Report) -> String {
    let mut page = String::new();
    let title = escape(&report.title);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{title}</h1>\n<p>{}</p>\n{}</header>\n<main>\n",
        escape(&report.summary),
        facts(report),
    );
    page.push_str(&charts(report));
    report.tables.iter().for_each(|t| page.push_str(&table(t)));
    page.push_str(&notes(report));
    page.push_str(&marks(&report.marks));
    let _ = write!(
        page,
        "</main>\n<script type=\"application/json\" id=\"data\">{}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        data(report)
    );
    page
}

fn facts(report: &Report) -> String {
    let fact =
        |(name, value): &(String, String)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
    format!("<dl class=\"facts\">\n{}</dl>\n", report.facts.iter().map(fact).collect::<String>())
}

/// Places for the script to draw in, each with what it shows in words.
fn charts(report: &Report) -> String {
    if report.charts.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<section aria-label=\"Charts\">\n<noscript><p>The charts need JavaScript; everything else is below.</p></noscript>\n\
         <div class=\"tools\" hidden>\n<button type=\"button\" data-zoom=\"in\">Zoom in</button>\n\
         <button type=\"button\" data-zoom=\"out\">Zoom out</button>\n<button type=\"button\" data-zoom=\"left\" aria-label=\"Earlier\">&#8592;</button>\n\
         <button type=\"button\" data-zoom=\"right\" aria-label=\"Later\">&#8594;</button>\n\
         <button type=\"button\" data-zoom=\"all\">All</button>\n<span class=\"range\"></span>\n\
         <span class=\"hint\">Drag over a chart to zoom into it; double click for all. Times are UTC.</span>\n</div>\n\
         <div id=\"lanes\"></div>\n",
    );
    for (i, chart) in report.charts.iter().enumerate() {
        let names: Vec<String> = chart.lines.iter().map(|l| escape(&l.name)).collect();
        let _ = write!(
            out,
            "<figure data-chart=\"{i}\">\n<figcaption>{} <small>{}</small><span class=\"legend\"></span></figcaption>\n\
             <canvas role=\"img\" aria-label=\"{}: {}\"></canvas>\n</figure>\n",
            escape(&chart.title),
            escape(&chart.unit),
            escape(&chart.title),
            names.join(", "),
        );
    }
    out.push_str("<div id=\"tip\" hidden></div>\n</section>\n");
    out
}

fn table(t: &Table) -> String {
    let cells =
        |tag: &str, row: &[String]| row.iter().map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect::<String>();
    let rows: String = t.rows.iter().map(|r| format!("<tr>{}</tr>\n", cells("td", r))).collect();
    let notes: String = t.notes.iter().map(|n| format!("<p>{}</p>\n", escape(n))).collect();
    format!(
        "<section>\n<h2>{}</h2>\n<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{notes}</section>\n",
        escape(&t.title),
        cells("th scope=\"col\"", &t.head).replace("</th scope=\"col\">", "</th>"),
    )
}

fn notes(report: &Report) -> String {
    let item = |n: &String| format!("<li>{}</li>\n", escape(n));
    let section = |(heading, all): &(String, Vec<String>)| {
        let items: String = all.iter().map(item).collect();
        format!("<section>\n<h2>{}</h2>\n<ul>\n{items}</ul>\n</section>\n", escape(heading))
    };
    report.notes.iter().filter(|n| !n.1.is_empty()).map(section).collect()
}

/// The marks as a table that can be read without the charts.
fn marks(all: &[Mark]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let row = |(i, m): (usize, &Mark)| {
        let reasons: String = m.reasons.iter().map(|r| format!("<li>{}</li>", escape(r))).collect();
        let caveat = m.caveat.as_ref().map_or_else(String::new, |c| format!("<p class=\"caveat\">{}</p>", escape(c)));
        format!(
            "<tr id=\"mark-{i}\" class=\"{kind}\" data-at=\"{}\"><td><time datetime=\"{time}\">{time}</time></td><td>{}</td>\
             <td><span class=\"kind\">{kind}</span></td><td><strong>{}</strong><ul>{reasons}</ul>{caveat}</td></tr>\n",
            m.at.0,
            escape(&m.lane),
            escape(&m.title),
            kind = m.kind.word(),
            time = m.at,
        )
    };
    let rows: String = all.iter().enumerate().map(row).collect();
    format!(
        "<section>\n<h2>What happened and what was decided</h2>\n<p class=\"tools\" hidden><label>Show only rows with \
         <input type=\"search\" id=\"filter\"></label> <span id=\"shown\"></span></p>\n<div class=\"wide\"><table id=\"marks\">\n\
         <thead><tr><th scope=\"col\">When (UTC)</th><th scope=\"col\">Whose</th><th scope=\"col\">Kind</th><th scope=\"col\">What and why</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )
}

fn data(report: &Report) -> String {
    let drawn = |m: &'_ Mark| -> (i64, String) { (m.at.0, m.reasons.first().cloned().unwrap_or_default()) };
    let firsts: Vec<(i64, String)> = report.marks.iter().map(drawn).collect();
    let marks = report.marks.iter().zip(&firsts).map(|(m, (at, reason))| Drawn {
        at: *at,
        lane: &m.lane,
        kind: m.kind.word(),
        title: &m.title,
        reason,
        caveat: m.caveat.is_some(),
    });
    let data = Data {
        span: [report.span.0.0, report.span.1.0],
        charts: &report.charts,
        marks: marks.collect(),
        shades: &report.shades,
    };
    // Inside of a script element only `<` could end it; JSON may write it in another way.
    serde_json::to_string(&data).unwrap_or_else(|_| "null".into()).replace('<', "\\u003c")
}

/// Text as HTML. Control characters do not get through.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Line, MarkKind};
    use weirkeeper_core::units::Timestamp;

    const NASTY: &str = "</script><img src=x onerror=alert(1)> & \"quotes\" 'too' \u{7}";

    fn report() -> Report {
        Report {
            title: NASTY.into(),
            summary: NASTY.into(),
            facts: vec![(NASTY.into(), NASTY.into())],
            span: (Timestamp(0), Timestamp(60_000)),
            charts: vec![Chart {
                title: NASTY.into(),
                unit: "records/s".into(),
                lines: vec![Line {
                    name: NASTY.into(),
                    steps: true,
                    points: vec![(0, Some(1.0)), (1, None), (60_000, Some(2.5))],
                }],
            }],
            marks: vec![Mark {
                at: Timestamp(1_000),
                lane: NASTY.into(),
                kind: MarkKind::Up,
                title: NASTY.into(),
                reasons: vec![NASTY.into()],
                caveat: Some(NASTY.into()),
            }],
            shades: vec![Shade { from: Timestamp(0), to: Timestamp(1), why: NASTY.into() }],
            tables: vec![Table {
                title: NASTY.into(),
                head: vec![NASTY.into()],
                rows: vec![vec![NASTY.into()]],
                notes: vec![NASTY.into()],
            }],
            notes: vec![("What could not be judged".into(), vec![NASTY.into()])],
        }
    }

    #[test]
    fn what_others_have_named_cannot_become_markup() {
        let page = html(&report());
        assert!(!page.contains("<img"), "markup got through");
        assert_eq!(page.matches("</script>").count(), 2, "the data and the script, nothing else");
        assert!(!page.contains('\u{7}'));
    }

    #[test]
    fn nothing_is_loaded_from_anywhere() {
        let page = html(&report());
        for word in ["http://", "https://", "//cdn", "@import", "url(", "<link", "src="] {
            let without_text = page.replace("src=x", "");
            assert!(!without_text.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_same_report_gives_the_same_bytes() {
        assert_eq!(html(&report()), html(&report()));
    }

    #[test]
    fn the_data_is_json_with_every_point() {
        let page = html(&report());
        let from = page.find("id=\"data\">").expect("there is data") + "id=\"data\">".len();
        let to = from + page[from..].find("</script>").expect("it ends");
        let data: serde_json::Value = serde_json::from_str(&page[from..to]).expect("it is JSON");
        assert_eq!(data["charts"][0]["lines"][0]["points"], serde_json::json!([[0, 1.0], [1, null], [60_000, 2.5]]));
        assert_eq!(data["marks"][0]["title"], NASTY);
        assert_eq!(data["shades"][0]["to"], 1);
    }
}
