//! All accounts in a table, to sort and to search.

use std::io::{self, Write};

use crate::report::Grouped;
use crate::report::html::figure::{Date, Gained, Percent, Rate, tone};
use crate::report::html::overview::trend;
use crate::report::html::page::{Edition, Entry, Page};
use crate::report::html::text::Text;

/// The table. A cell's `data-v` is what it is sorted by; columns of class `c3` go first where
/// there is little room, then `c2`.
pub(super) fn accounts(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let (searched, state) = match page.edition {
        Edition::Operator => {
            ("name, handle, id or tag", "<th scope=\"col\" data-sort=\"text\" class=\"c2\">State")
        }
        Edition::Client => ("name or handle", ""),
    };
    writeln!(
        out,
        "<section aria-labelledby=\"list\"><h2 id=\"list\">Accounts</h2>\
         <div class=\"tools js-only\"><input type=\"search\" id=\"search\" aria-label=\"Search accounts\" \
         placeholder=\"Search by {searched}\" autocomplete=\"off\" spellcheck=\"false\">\
         <span class=\"count\" id=\"count\" role=\"status\"></span></div>\
         <div class=\"scroll\"><table class=\"list\" id=\"accounts\"><caption class=\"unseen\">Accounts; the buttons in the \
         headings sort the table</caption><thead><tr>\
         <th scope=\"col\" data-sort=\"text\">Account\
         <th scope=\"col\" data-sort=\"number\" class=\"n\" aria-sort=\"descending\">Followers\
         <th scope=\"col\" data-sort=\"number\" class=\"n\">30 days\
         <th scope=\"col\" data-sort=\"number\" class=\"n c2\">%\
         <th scope=\"col\" class=\"c2\">90 days\
         <th scope=\"col\" data-sort=\"number\" class=\"n c3\">Likes\
         <th scope=\"col\" data-sort=\"number\" class=\"n c3\"><abbr title=\"Engagement rate\">Eng.</abbr>\
         <th scope=\"col\" data-sort=\"number\" class=\"n c2\">Measured{state}</tr></thead><tbody>"
    )?;
    for (place, entry) in page.entries.iter().enumerate() {
        row(page, place, entry, out)?;
    }
    writeln!(
        out,
        "</tbody></table></div><p id=\"more\" hidden><button type=\"button\"></button></p></section>"
    )
}

fn row(page: &Page, place: usize, entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<tr data-place=\"{place}\"><th scope=\"row\"><a href=\"#{}\"><bdi>{}</bdi></a>\
         <span class=\"sub\">{}</span>",
        entry.anchor(),
        Text(entry.name()),
        Byline(entry)
    )?;
    let count = |out: &mut dyn Write, class: &str, count: Option<i64>| match count {
        Some(count) => write!(out, "<td class=\"n{class}\" data-v=\"{count}\">{}", Grouped(count)),
        None => write!(out, "<td class=\"n{class}\">–"),
    };
    count(out, "", entry.newest().map(|(_, count)| count))?;
    match entry.gain {
        Some(gain) => {
            let tone = tone(Some(gain));
            write!(out, "<td class=\"n {tone}\" data-v=\"{}\">{}", gain.by, Gained(gain))?;
        }
        None => write!(out, "<td class=\"n\">–")?,
    }
    match entry.gain.and_then(super::series::Gain::permille) {
        Some(share) => {
            write!(out, "<td class=\"n c2 soft\" data-v=\"{share}\">{}", Percent(share))?;
        }
        None => write!(out, "<td class=\"n c2\">–")?,
    }
    write!(out, "<td class=\"c2\">{}", trend(entry, page))?;
    count(out, " c3", entry.likes)?;
    match entry.series.engagement() {
        Some(rate) => write!(out, "<td class=\"n c3\" data-v=\"{rate}\">{}", Rate(rate))?,
        None => write!(out, "<td class=\"n c3\">–")?,
    }
    match entry.portrait.last {
        Some(last) => write!(out, "<td class=\"n c2\" data-v=\"{}\">{}", last.0, Date(last))?,
        None => write!(out, "<td class=\"n c2\">never")?,
    }
    if page.edition == Edition::Client {
        return writeln!(out);
    }
    let state = entry.state(page.now);
    let tone = match state {
        "overdue" | "failing" => "warn",
        _ => "soft",
    };
    writeln!(out, "<td class=\"c2 {tone}\">{state}")
}

/// An account's handle, platform, id and tags.
pub(super) struct Byline<'a>(pub &'a Entry);

impl std::fmt::Display for Byline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let portrait = &self.0.portrait;
        if let Some(username) = &portrait.username {
            write!(f, "<bdi>@{}</bdi> ", Text(username))?;
        }
        match portrait.platform.as_deref() {
            Some("tiktok") => f.write_str("TikTok ")?,
            Some("youtube") => f.write_str("YouTube ")?,
            Some(other) => write!(f, "{} ", Text(other))?,
            None => self.0.id().map_or(Ok(()), |id| write!(f, "{id} "))?,
        }
        self.0
            .tags()
            .iter()
            .try_for_each(|tag| write!(f, "<span class=\"tag\">{}</span>", Text(tag)))
    }
}
