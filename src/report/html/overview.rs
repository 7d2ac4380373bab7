//! The list at a glance: totals, movers, what needs a look, what was paid.

use std::fmt::Display;
use std::io::{self, Write};

use crate::clock::Time;
use crate::report::html::document::plural;
use crate::report::html::figure::{Minute, Percent, Short, Signed, tone};
use crate::report::html::page::{Edition, Entry, Page};
use crate::report::html::series::Gain;
use crate::report::html::sparkline::Sparkline;
use crate::report::html::text::Text;
use crate::report::{Ago, Grouped};

/// Gainers, and losers, that are listed.
const MOVERS: usize = 5;

/// Accounts in need of a look that are listed; the table has them all.
const LISTED: usize = 25;

/// Months of spending that are listed.
const MONTHS: usize = 12;

/// What everything waits for.
pub(super) fn notices(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    if let Some(open) = &page.breaker {
        writeln!(
            out,
            "<p class=\"notice\"><strong>The vendor is in trouble</strong> since {} UTC: {}</p>",
            Minute(open.since),
            Text(&open.reason)
        )?;
    }
    if let Some(wait) = &page.wait {
        writeln!(
            out,
            "<p class=\"notice\"><strong>Waiting</strong> until {} UTC, as the vendor asks: {}</p>",
            Minute(wait.until),
            Text(&wait.reason)
        )?;
    }
    Ok(())
}

/// The list in a few numbers.
pub(super) fn tiles(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<dl class=\"tiles\">")?;
    let followers = page.listed().filter_map(Entry::newest);
    let followers = followers.fold(0_i64, |sum, (_, count)| sum.saturating_add(count));
    let exact = match Short(followers).is_rounded() {
        true => Grouped(followers).to_string(),
        false => "newest counts, added up".to_owned(),
    };
    tile("Followers", &Short(followers), "", &exact, out)?;

    let gains = || page.listed().filter(|e| e.is_current(page.now)).filter_map(|e| e.gain);
    let sum =
        |part: fn(Gain) -> i64| gains().fold(0_i64, |sum, gain| sum.saturating_add(part(gain)));
    let gain = Gain { by: sum(|gain| gain.by), from: sum(|gain| gain.from), rounding: 0 };
    match gains().count() {
        0 => tile("Gained in 30 days", &"–", "soft", "no history that long yet", out)?,
        count => {
            let share =
                gain.permille().map_or(String::new(), |share| format!("{}, ", Percent(share)));
            let sub = format!("{share}{} account{}", grouped(count), plural(count));
            tile("Gained in 30 days", &Short::signed(gain.by), tone(Some(gain)), &sub, out)?;
        }
    }

    if page.edition == Edition::Client {
        tile("Accounts", &grouped(page.entries.len()), "", "", out)?;
        return writeln!(out, "</dl>");
    }
    let disabled = page.totals.listed.saturating_sub(page.totals.watched);
    let removed = page.entries.iter().filter(|entry| entry.status.is_none()).count();
    let parts = [(disabled, "disabled"), (removed as u64, "removed")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    let watched = Grouped(i64::try_from(page.totals.watched).unwrap_or(i64::MAX));
    tile("Accounts watched", &watched, "", &parts.join(", "), out)?;

    let overdue = page.listed().filter(|entry| entry.is_overdue(page.now)).count();
    let failing = page.listed().filter(|entry| entry.is_failing()).count();
    let troubled = troubled(page).count();
    let (tone, sub) = match troubled {
        0 => ("", "all refreshed when due".to_owned()),
        _ => ("warn", format!("{} overdue, {} failing", grouped(overdue), grouped(failing))),
    };
    tile("Need a look", &grouped(troubled), tone, &sub, out)?;

    match page.allowance {
        Some(allowance) => {
            let count = |count: u64| Grouped(i64::try_from(count).unwrap_or(i64::MAX));
            let sub = format!("of {} a {}", count(allowance.refreshes), allowance.per);
            let title = format!("Credits this {}", allowance.per);
            tile(&title, &count(allowance.spent), "", &sub, out)?;
        }
        None => {
            let (year, month) = month_of(page.now);
            let this = months(page).into_iter().find(|m| (m.year, m.month) == (year, month));
            let spent = Grouped(this.map_or(0, |month| month.spent));
            tile("Credits this month", &spent, "", "no budget is set", out)?;
        }
    }
    writeln!(out, "</dl>")
}

fn tile(
    title: &str,
    value: &dyn Display,
    tone: &str,
    sub: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "<div><dt>{title}</dt><dd><span class=\"{tone}\">{value}</span><span class=\"sub\">{sub}</span></dd></div>"
    )
}

fn grouped(count: usize) -> Grouped {
    Grouped(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Who gained and who lost most in 30 days.
pub(super) fn movers(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let mut moved: Vec<(Gain, &Entry)> = page
        .listed()
        .filter(|entry| entry.is_current(page.now))
        .filter_map(|entry| Some((entry.gain?, entry)))
        .collect();
    moved.sort_by_key(|(gain, _)| std::cmp::Reverse(gain.by));
    let is_sure = |(gain, _): &&(Gain, &Entry)| !gain.is_rough();
    let gainers = moved.iter().filter(is_sure).filter(|(gain, _)| gain.by > 0).take(MOVERS);
    let losers = moved.iter().filter(is_sure).rev().filter(|(gain, _)| gain.by < 0).take(MOVERS);
    if moved.is_empty() {
        return writeln!(
            out,
            "<section><h2>Movers</h2><p class=\"empty\">Nobody has a history of 30 days yet.</p></section>"
        );
    }
    writeln!(out, "<div class=\"pair\">")?;
    moved_by("Gained most in 30 days", gainers, page, out)?;
    moved_by("Lost most in 30 days", losers, page, out)?;
    writeln!(out, "</div>")
}

fn moved_by<'a>(
    title: &str,
    movers: impl Iterator<Item = &'a (Gain, &'a Entry)>,
    page: &Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<section><h2>{title}</h2>")?;
    let mut movers = movers.peekable();
    if movers.peek().is_none() {
        return writeln!(out, "<p class=\"empty\">Nobody.</p></section>");
    }
    writeln!(
        out,
        "<table class=\"list\"><thead class=\"unseen\"><tr><th scope=\"col\">Account<th scope=\"col\">Trend\
         <th scope=\"col\">Followers gained<th scope=\"col\">Share</tr></thead><tbody>"
    )?;
    for (gain, entry) in movers {
        let share = gain.permille().map_or(String::new(), |share| Percent(share).to_string());
        writeln!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{}\"><bdi>{}</bdi></a><td>{}<td class=\"n {}\">{}<td class=\"n soft\">{share}",
            entry.anchor(),
            Text(entry.name()),
            trend(entry, page),
            tone(Some(*gain)),
            Signed(gain.by),
        )?;
    }
    writeln!(out, "</tbody></table></section>")
}

/// An account's small line.
pub(super) fn trend<'a>(entry: &'a Entry, page: &Page) -> Sparkline<'a> {
    Sparkline { measured: &entry.followers, from: page.trend_from, to: page.now }
}

fn troubled(page: &Page) -> impl Iterator<Item = &Entry> {
    page.listed().filter(|entry| entry.is_overdue(page.now) || entry.is_failing())
}

/// Who is overdue or failing, and why.
pub(super) fn attention(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let count = troubled(page).count();
    if count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "<section><h2>Need a look</h2><table class=\"list\"><thead><tr>\
         <th scope=\"col\">Account<th scope=\"col\">State<th scope=\"col\">Since\
         </tr></thead><tbody>"
    )?;
    for entry in troubled(page).take(LISTED) {
        let Some(status) = &entry.status else { continue };
        let since = match entry.is_overdue(page.now) {
            true => status.owed_since,
            false => status.failing_since,
        };
        let since = since.map_or("–".to_owned(), |time| Ago { time, now: page.now }.to_string());
        writeln!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{}\"><bdi>{}</bdi></a><span class=\"sub\">{}</span>\
             <td class=\"warn\">{}<td class=\"nowrap\">{since}",
            entry.anchor(),
            Text(entry.name()),
            Text(status.last_error.as_deref().unwrap_or("not tried yet")),
            entry.state(page.now),
        )?;
    }
    writeln!(out, "</tbody></table>")?;
    if count > LISTED {
        let more = count - LISTED;
        writeln!(out, "<p class=\"note\">and {} more, in the table below</p>", grouped(more))?;
    }
    writeln!(out, "</section>")
}

struct Month {
    year: i16,
    /// From 1.
    month: usize,
    calls: i64,
    spent: i64,
}

fn month_of(time: Time) -> (i16, usize) {
    let date = time.utc();
    (date.year(), usize::from(date.month().unsigned_abs()))
}

/// What each month cost in which something was called, oldest first.
fn months(page: &Page) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for day in &page.spend {
        let (year, month) = month_of(Time(day.day.saturating_mul(86_400)));
        match months.last_mut() {
            Some(last) if (last.year, last.month) == (year, month) => {
                last.calls += day.calls;
                last.spent += day.spent;
            }
            _ => months.push(Month { year, month, calls: day.calls, spent: day.spent }),
        }
    }
    months
}

/// What was paid, month by month.
pub(super) fn credits(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let months = months(page);
    let most = months.iter().map(|month| month.spent).max().unwrap_or(0);
    if most == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "<section class=\"credits\"><h2>Credits by month</h2><table><thead><tr><th scope=\"col\">Month\
         <th scope=\"col\" class=\"n\">Credits<th scope=\"col\" class=\"n\">Calls<th><span class=\"unseen\">Credits, drawn</span>\
         </tr></thead><tbody>"
    )?;
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let row = |out: &mut dyn Write, name: &str, month: &Month, bar: String| {
        writeln!(
            out,
            "<tr><th scope=\"row\" class=\"nowrap\">{name}<td class=\"n\">{}<td class=\"n soft\">{}<td class=\"wide\">{bar}",
            Grouped(month.spent),
            Grouped(month.calls)
        )
    };
    for month in months.iter().rev().take(MONTHS) {
        let name = NAMES.get(month.month - 1).copied().unwrap_or_default();
        let width = i128::from(month.spent) * 1000 / i128::from(most);
        let bar = format!(
            "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect width=\"{width}\" height=\"10\"/></svg>"
        );
        row(out, &format!("{name} {}", month.year), month, bar)?;
    }
    let earlier = &months[..months.len().saturating_sub(MONTHS)];
    if !earlier.is_empty() {
        let calls = earlier.iter().map(|month| month.calls).sum();
        let spent = earlier.iter().map(|month| month.spent).sum();
        row(out, "Earlier", &Month { year: 0, month: 0, calls, spent }, String::new())?;
    }
    writeln!(
        out,
        "</tbody></table><p class=\"note\">A call whose fate is unknown counts as spent.</p></section>"
    )
}
