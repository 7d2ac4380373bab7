//! What the page shows, taken from one look at the database. Nothing here knows of markup.

use std::collections::HashMap;

use crate::clock::Time;
use crate::engine::{Breaker, OpenBreaker};
use crate::period::Period;
use crate::report::html::edition::Edition;
use crate::report::html::entry::{Entry, History};
use crate::report::html::event;
use crate::report::html::steps::Steps;
use crate::selection::Selection;
use crate::store::{BudgetUse, Calendar, DailySpend, Extent, ReadTx, StoreError, Totals, Wait};

const DAY: i64 = 86_400;

/// What gains are told of until a reader chooses another period, in days.
const GAINED: i64 = 30;

/// How far back the small lines in the table go.
const QUARTER: i64 = 90 * DAY;

/// What a page is about.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Whose accounts. With a tag it is the client's edition.
    pub selection: Selection,
    /// What it is headed with, where somebody said so.
    pub title: Option<String>,
    /// What of the budget is used, where there is one.
    pub budget: Option<BudgetUse>,
}

/// Everything on the page.
#[derive(Debug)]
pub struct Page {
    pub(super) edition: Edition,
    pub(super) title: String,
    pub(super) now: Time,
    pub(super) totals: Totals,
    pub(super) breaker: Option<OpenBreaker>,
    pub(super) wait: Option<Wait>,
    pub(super) budget: Option<BudgetUse>,
    pub(super) spend: Vec<DailySpend>,
    /// Most followers first; those without any, and then those taken off the list, last.
    pub(super) entries: Vec<Entry>,
    /// Who is not shown, and in the sums of the past all the same.
    pub(super) former: Vec<Entry>,
    /// Where the small lines in the table begin.
    pub(super) trend_from: Time,
}

impl Page {
    /// Reads the page for `now`.
    ///
    /// # Errors
    /// What the store says.
    pub fn read(look: &ReadTx<'_>, subject: Subject, now: Time) -> Result<Page, StoreError> {
        let Subject { selection, title, budget } = subject;
        let edition = Edition::of(&selection);
        let mut statuses: HashMap<_, _> = look
            .statuses(&selection, Extent::All, now)?
            .into_iter()
            .map(|status| (status.id.clone(), status))
            .collect();
        let mut histories: HashMap<_, History> = HashMap::new();
        look.each_reading(&selection, |account, reading| {
            histories.entry(account).or_default().readings.push(reading);
        })?;
        look.each_boundary(&selection, Calendar::Weeks, |account, time, followers| {
            let weeks = &mut histories.entry(account).or_default().weeks;
            weeks.push(Steps::week(time), followers);
        })?;
        look.each_boundary(&selection, Calendar::Months, |account, time, followers| {
            let months = &mut histories.entry(account).or_default().months;
            months.push(Steps::month(time), followers);
        })?;
        for growth in look.growth_of_all(&selection, &Period::last_days(GAINED))? {
            let key = growth.key;
            histories.entry(key).or_default().growth = Some(growth);
        }
        let mut events = event::read(look, &selection, now)?;
        let entries = look
            .report_accounts(&selection)?
            .into_iter()
            .map(|account| {
                let status = statuses.remove(&account.id);
                let history = histories.remove(&account.key).unwrap_or_default();
                let events = events.remove(account.id.as_str()).unwrap_or_default();
                Entry::new(edition, account, status, history, events)
            })
            .filter(Entry::is_counted);
        let (mut entries, former): (Vec<Entry>, Vec<Entry>) = entries.partition(Entry::is_shown);
        entries.sort_by_key(|entry| {
            (entry.status.is_none(), std::cmp::Reverse(entry.newest().map(|(_, count)| count)))
        });
        let first = entries.iter().filter_map(|entry| entry.followers.first()).map(|first| first.0);
        let trend_from = first.min().unwrap_or(now).max(now.plus(-QUARTER)).min(now);
        Ok(Page {
            edition,
            title: title.unwrap_or_else(|| format!("Growth report{selection}")),
            now,
            totals: look.totals_of(&selection)?,
            breaker: Breaker::read(look)?.as_open().cloned(),
            wait: look.wait()?.filter(|wait| wait.until > now),
            budget,
            spend: look.daily_spend()?,
            entries,
            former,
            trend_from,
        })
    }

    /// How many accounts and snapshots are on it.
    pub fn size(&self) -> (usize, usize) {
        let readings = self.entries.iter().map(|entry| entry.series.readings().len());
        (self.entries.len(), readings.sum())
    }

    pub(super) fn is_operators(&self) -> bool {
        self.edition == Edition::Operator
    }

    /// The accounts of the list.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.status.is_some())
    }
}
