//! The overview: the state of refreshing, accounts that need attention, and credits spent. What
//! depends on the reader's choices is drawn by `script/overview.js` alone.

use crate::clock::Time;
use crate::printable::Printable;
use crate::report::html::edition::Edition;
use crate::report::html::entry::Entry;
use crate::report::html::figure::Minute;
use crate::report::html::page::Page;
use crate::report::{Grouped, TimeAgo, counted_are};

/// How many accounts that need attention are listed; the table has them all.
const LISTED: usize = 25;

/// How many months of spending are listed.
const MONTHS: usize = 12;

/// Something that delays all refreshes.
pub(super) struct Notice {
    pub what: &'static str,
    pub when: String,
    pub why: String,
}

/// Returns whatever delays all refreshes now.
pub(super) fn notices(page: &Page) -> Vec<Notice> {
    let breaker = page.holds.breaker.as_ref().map(|open| Notice {
        what: "The vendor is in trouble, and only probes are sent",
        when: format!("since {} UTC", Minute(open.since)),
        why: Printable(&open.reason).to_string(),
    });
    let pause = page.holds.pause.as_ref().map(|wait| Notice {
        what: "Waiting",
        when: format!("until {} UTC, as the vendor asks", Minute(wait.until)),
        why: Printable(&wait.reason).to_string(),
    });
    let held = held_back(page);
    let budget = page.holds.spent_budget().filter(|_| held > 0).map(|budget| Notice {
        what: "The budget is used up",
        when: format!("until {} UTC", Minute(budget.until)),
        why: format!("{} held back", counted_are(held, "account")),
    });
    breaker.into_iter().chain(pause).chain(budget).collect()
}

/// Returns how many accounts are due and held back.
fn held_back(page: &Page) -> usize {
    let statuses = page.listed().filter_map(|entry| entry.status.as_ref());
    page.holds.held_back(statuses.filter(|status| status.is_waiting(page.now)).count())
}

/// A headline number that no choice of a period changes.
pub(super) struct Tile {
    /// The suffix of its element id.
    pub key: &'static str,
    pub title: String,
    pub value: String,
    pub tone: &'static str,
    pub sub: String,
}

/// Returns the headline numbers.
pub(super) fn tiles(page: &Page) -> Vec<Tile> {
    if page.edition == Edition::Client {
        let shown = grouped(page.entries.len());
        return vec![tile("accounts", "Accounts", shown, "", String::new())];
    }
    let disabled = page.totals.listed.saturating_sub(page.totals.watched);
    let removed = page.entries.iter().filter(|entry| entry.status.is_none()).count();
    let parts = [(disabled, "disabled"), (removed as u64, "removed")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    let watched = grouped(page.totals.watched);
    let mut tiles = vec![tile("accounts", "Accounts watched", watched, "", parts.join(", "))];

    let overdue = page.listed().filter(|entry| entry.is_overdue(page.now)).count();
    let failing = page.listed().filter(|entry| entry.is_failing()).count();
    let troubled = troubled(page).count();
    let (tone, sub) = match (troubled, held_back(page)) {
        (0, 0) => ("", "all refreshed when due".to_owned()),
        (0, held) => ("warn", format!("{} held back", counted_are(held, "account"))),
        _ => ("warn", format!("{} overdue, {} failing", grouped(overdue), grouped(failing))),
    };
    tiles.push(tile("trouble", "Need attention", grouped(troubled), tone, sub));

    tiles.push(match page.holds.budget {
        Some(used) => {
            let sub = format!("of {} a {}", grouped(used.budget.refreshes), used.per());
            let title = format!("Credits {}", used.current());
            tile("credits", &title, grouped(used.spent), "", sub)
        }
        None => {
            let now = month_of(page.now);
            let this = months(page).into_iter().find(|month| (month.year, month.month) == now);
            let spent = Grouped(this.map_or(0, |month| month.spent)).to_string();
            tile("credits", "Credits this month", spent, "", "no budget is set".to_owned())
        }
    });
    tiles
}

fn tile(key: &'static str, title: &str, value: String, tone: &'static str, sub: String) -> Tile {
    Tile { key, title: title.to_owned(), value, tone, sub }
}

fn grouped(count: impl TryInto<i64>) -> String {
    Grouped::of(count).to_string()
}

fn troubled(page: &Page) -> impl Iterator<Item = &Entry> {
    page.listed().filter(|entry| entry.is_overdue(page.now) || entry.is_failing())
}

/// An account that is overdue or failing, and why.
pub(super) struct Troubled<'a> {
    pub entry: &'a Entry,
    pub name: Printable<'a>,
    pub error: String,
    pub state: &'static str,
    pub since: String,
}

/// Returns the overdue and failing accounts to list, and how many more there are, as text.
pub(super) fn attention(page: &Page) -> (Vec<Troubled<'_>>, String) {
    let of = |entry| -> Option<Troubled<'_>> {
        let entry: &Entry = entry;
        let status = entry.status.as_ref()?;
        let since = match entry.is_overdue(page.now) {
            true => status.owed_since,
            false => status.failing_since,
        };
        Some(Troubled {
            entry,
            name: Printable(entry.name()),
            error: Printable(&status.why_owed()).to_string(),
            state: entry.state(page.now),
            since: since
                .map_or("–".to_owned(), |time| TimeAgo { time, now: page.now }.to_string()),
        })
    };
    let more = troubled(page).count().saturating_sub(LISTED);
    let more = if more > 0 { grouped(more) } else { String::new() };
    (troubled(page).take(LISTED).filter_map(of).collect(), more)
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

/// Returns the cost of each month with a call, oldest first.
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

/// The cost of a month.
pub(super) struct Credits {
    pub name: String,
    pub spent: Grouped,
    pub calls: Grouped,
    /// In thousandths of the most expensive month; `None` for the row of earlier months.
    pub share: Option<i128>,
}

/// Returns the cost month by month, newest first, or nothing if no credit was spent.
pub(super) fn spending(page: &Page) -> Vec<Credits> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let months = months(page);
    let most = months.iter().map(|month| month.spent).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    let row = |month: &Month| Credits {
        name: format!("{} {}", NAMES.get(month.month - 1).unwrap_or(&""), month.year),
        spent: Grouped(month.spent),
        calls: Grouped(month.calls),
        share: Some(i128::from(month.spent) * 1000 / i128::from(most)),
    };
    let mut rows: Vec<Credits> = months.iter().rev().take(MONTHS).map(row).collect();
    let earlier = &months[..months.len().saturating_sub(MONTHS)];
    if !earlier.is_empty() {
        rows.push(Credits {
            name: "Earlier".to_owned(),
            spent: Grouped(earlier.iter().map(|month| month.spent).sum()),
            calls: Grouped(earlier.iter().map(|month| month.calls).sum()),
            share: None,
        });
    }
    rows
}
