//! The digest as a page that mail programs show: tables and styles in the elements, since these
//! drop style sheets; no script, no picture, nothing from any network.

use std::fmt;

use crate::report::digest::Digest;
use crate::report::digest::section::{Numbers, Section, grouped};
use crate::report::html::Text;

const BODY: &str = "margin:0;padding:16px;background:#ffffff;color:#1a1a1a;\
                    font:15px/1.45 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const TITLE: &str = "margin:0 0 2px;font-size:20px";
const HEADING: &str = "margin:18px 0 4px;font-size:13px;color:#555555";
const QUIET: &str = "margin:2px 0;color:#555555";
const CELL: &str = "padding:3px 16px 3px 0;text-align:left;border-bottom:1px solid #e5e5e5";
const NUMBER: &str = "padding:3px 0 3px 16px;text-align:right;border-bottom:1px solid #e5e5e5;\
                      white-space:nowrap";

/// A digest, in HTML.
#[derive(Clone, Copy, Debug)]
pub struct Html<'a>(pub &'a Digest);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Html(digest) = self;
        let title = digest.title();
        let title = Text(&title);
        writeln!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <title>{title}</title></head>\n<body style=\"{BODY}\">\n\
             <h1 style=\"{TITLE}\">{title}</h1>"
        )?;
        if let Some(days) = digest.days() {
            writeln!(f, "<p style=\"{QUIET}\">{}</p>", Text(&days))?;
        }
        for line in digest.lead() {
            writeln!(f, "<p style=\"margin:6px 0\">{}</p>", Text(&line))?;
        }
        digest.numbers().iter().try_for_each(|numbers| table(f, numbers))?;
        digest.sections().iter().try_for_each(|section| list(f, section))?;
        if let Some(nothing) = digest.nothing() {
            writeln!(f, "<p style=\"{QUIET};margin-top:18px\">{}</p>", Text(&nothing))?;
        }
        writeln!(f, "</body>\n</html>")
    }
}

fn table(f: &mut fmt::Formatter<'_>, numbers: &Numbers) -> fmt::Result {
    writeln!(
        f,
        "<table cellspacing=\"0\" style=\"border-collapse:collapse;margin-top:18px\">\n\
         <tr style=\"font-size:13px;color:#555555\"><th style=\"{CELL}\">{}</th>\
         <th style=\"{NUMBER}\">GAINED</th><th style=\"{NUMBER}\"></th>\
         <th style=\"{NUMBER}\">FOLLOWERS</th></tr>",
        numbers.title
    )?;
    for row in &numbers.rows {
        writeln!(
            f,
            "<tr><td style=\"{CELL}\"><bdi>{}</bdi></td><td style=\"{NUMBER}\">{}</td>\
             <td style=\"{NUMBER}\">{}</td><td style=\"{NUMBER}\">{}</td></tr>",
            Text(&row.name),
            row.gained,
            row.percent,
            row.followers
        )?;
    }
    writeln!(f, "</table>")?;
    more(f, numbers.more)
}

fn list(f: &mut fmt::Formatter<'_>, section: &Section) -> fmt::Result {
    writeln!(
        f,
        "<h2 style=\"{HEADING}\">{}</h2>\n<ul style=\"margin:0;padding-left:18px\">",
        section.title
    )?;
    for line in &section.lines {
        writeln!(f, "<li>{}</li>", Text(line))?;
    }
    writeln!(f, "</ul>")?;
    more(f, section.more)
}

fn more(f: &mut fmt::Formatter<'_>, more: usize) -> fmt::Result {
    if more > 0 {
        writeln!(f, "<p style=\"{QUIET}\">and {} more</p>", grouped(more))?;
    }
    Ok(())
}
