//! A section for every account: its facts, its charts, its values.

use std::io::{self, Write};

use crate::report::html::document::plural;
use crate::report::html::figure::{Date, Gained, Minute, Percent, Rate, tone};
use crate::report::html::island::stride;
use crate::report::html::page::{Edition, Entry, Page};
use crate::report::html::series::Metric;
use crate::report::html::table::Byline;
use crate::report::html::text::Text;
use crate::report::{Grouped, In};
use crate::store::Reading;

/// Rows that a page without its script shows, over all accounts.
const ROWS: usize = 24_000;

/// The sections of all accounts, in the order of the table.
pub(super) fn accounts(page: &Page, is_open: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<section aria-labelledby=\"charts\"><h2 id=\"charts\">Account by account</h2>\
         <p class=\"note js-only\"><button type=\"button\" id=\"open-all\" aria-pressed=\"{is_open}\">{} all</button> \
         In a chart, the arrow keys go from value to value.</p>",
        if is_open { "Close" } else { "Open" }
    )?;
    let rows = (ROWS / page.entries.len().max(1)).clamp(12, 400);
    for (place, entry) in page.entries.iter().enumerate() {
        let open = if is_open { " open" } else { "" };
        writeln!(
            out,
            "<details class=\"account\" id=\"{}\" data-place=\"{place}\"{open}><summary>\
             <span><h3><bdi>{}</bdi></h3><span class=\"sub\">{}</span></span><span class=\"n\">{}\
             <span class=\"sub {}\">{}</span></span></summary>",
            entry.anchor(),
            Text(entry.name()),
            Byline(entry),
            entry.newest().map_or("–".to_owned(), |(_, count)| Grouped(count).to_string()),
            tone(entry.gain.or(entry.gain_since_start())),
            gained(entry),
        )?;
        facts(page, entry, out)?;
        if entry.series.readings().is_empty() {
            writeln!(out, "<p class=\"empty\">There is no snapshot yet.</p>")?;
        } else {
            charts(entry, out)?;
            values(entry, rows, out)?;
        }
        writeln!(out, "<a class=\"up-link\" href=\"#list\">Back to the list</a></details>")?;
    }
    writeln!(out, "</section>")
}

/// The gain of 30 days; of a shorter history, its whole.
fn gained(entry: &Entry) -> String {
    match (entry.gain, entry.gain_since_start(), entry.followers.first()) {
        (Some(gain), ..) => format!("{} in 30 days", Gained(gain)),
        (None, Some(gain), Some((first, _))) => {
            format!("{} since {}", Gained(gain), Date(*first))
        }
        _ => String::new(),
    }
}

fn facts(page: &Page, entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(share) = entry.gain.and_then(super::series::Gain::permille) {
        facts.push(("30 days", Percent(share).to_string()));
    }
    let portrait = &entry.portrait;
    if let Some(videos) = portrait.videos {
        facts.push(("Videos", Grouped(videos).to_string()));
    }
    if let Some(views) = portrait.avg_views {
        facts.push(("Views a video", Rate::whole(views)));
    }
    if let Some(last) = portrait.last {
        facts.push(("Measured", format!("{} UTC", Minute(last))));
    }
    // How refreshing goes is the operator's alone.
    let is_operators = page.edition == Edition::Operator;
    let status = entry.status.as_ref().filter(|_| is_operators);
    if let Some(next) = status.and_then(|status| status.next_due) {
        facts.push(("Next", In { time: next, now: page.now }.to_string()));
    }
    if is_operators {
        facts.push(("State", entry.state(page.now).to_owned()));
    }
    if portrait.is_verified {
        facts.push(("Verified", "yes".to_owned()));
    }
    facts.extend(entry.id().map(|id| ("Account id", id.to_string())));
    if let Some((host, url)) = portrait.profile_url.as_deref().and_then(link) {
        let (host, url) = (Text(&host), Text(&url));
        facts.push((
            "Profile",
            format!("<a href=\"{url}\" rel=\"noopener noreferrer external\">{host}</a>"),
        ));
    }
    write!(out, "<dl class=\"facts\">")?;
    for (name, value) in facts {
        write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>")?;
    }
    writeln!(out, "</dl>")?;
    if let Some(error) = status.and_then(|status| status.last_error.as_deref()) {
        writeln!(out, "<p class=\"notice\">Last error: {}</p>", Text(error))?;
    }
    Ok(())
}

/// A link that leads to a web page and runs nothing, with the host that it leads to.
fn link(url: &str) -> Option<(String, String)> {
    let url: reqwest::Url = url.parse().ok()?;
    (url.scheme() == "https").then_some(())?;
    Some((url.host_str()?.to_owned(), url.to_string()))
}

fn charts(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<div class=\"charts js-only\"></div>")?;
    let readings = entry.series.readings();
    let is_suspect = readings.iter().any(|reading| reading.is_suspect);
    let has_gaps = Metric::ALL
        .iter()
        .any(|&metric| !entry.series.breaks(metric, entry.portrait.interval).is_empty());
    let stride = stride(readings.len());
    let key = [
        has_gaps.then(|| "Shaded: nothing was measured.".to_owned()),
        is_suspect.then(|| "Hollow: suspect, not counted.".to_owned()),
        (stride > 1).then(|| format!("One value in {stride} is drawn.")),
    ];
    let key: Vec<String> = key.into_iter().flatten().collect();
    match key.is_empty() {
        true => Ok(()),
        false => writeln!(out, "<p class=\"key js-only\">{}</p>", key.join(" ")),
    }
}

/// The values as a table: the script's, all that are drawn; without it the newest.
fn values(entry: &Entry, rows: usize, out: &mut dyn Write) -> io::Result<()> {
    let readings = entry.series.readings();
    let shown = readings.len().min(rows);
    let drawn = readings.len().div_ceil(stride(readings.len()));
    let count = Grouped(i64::try_from(drawn).unwrap_or(i64::MAX));
    write!(
        out,
        "<details class=\"values\"><summary>{count} value{} as a table</summary>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Values\"></div><noscript>",
        plural(drawn)
    )?;
    if shown < readings.len() {
        write!(out, "<p class=\"note\">The newest {shown}; the page's script shows more.</p>")?;
    }
    write!(out, "<table><thead><tr><th scope=\"col\">Time (UTC)")?;
    let metrics = || Metric::ALL.into_iter().filter(|&metric| entry.series.has(metric));
    for metric in metrics() {
        write!(out, "<th scope=\"col\">{}", metric.title())?;
    }
    write!(out, "<th scope=\"col\">Note<tbody>")?;
    for reading in readings.iter().rev().take(rows) {
        write!(out, "<tr><th scope=\"row\">{}", Date(reading.time))?;
        for metric in metrics() {
            write!(out, "<td>{}", value(metric, reading))?;
        }
        write!(out, "<td>{}", if reading.is_suspect { "suspect" } else { "" })?;
    }
    writeln!(out, "</table></noscript></details>")
}

fn value(metric: Metric, reading: &Reading) -> String {
    let count = match metric {
        Metric::Followers => reading.followers,
        Metric::Likes => reading.likes,
        Metric::Engagement => {
            return reading.engagement.map_or("–".to_owned(), |rate| Rate(rate).to_string());
        }
    };
    count.map_or("–".to_owned(), |count| Grouped(count).to_string())
}
