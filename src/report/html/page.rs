//! The page's contents, read in one transaction, without markup.

use std::collections::HashMap;

use crate::clock::Time;
use crate::config::Budget;
use crate::engine::Holds;
use crate::period::Period;
use crate::report::html::edition::Edition;
use crate::report::html::entry::{Entry, History};
use crate::report::html::event;
use crate::report::html::steps::Steps;
use crate::selection::Selection;
use crate::store::{Calendar, DailySpend, Extent, Gap, ReadTx, StoreError, Totals};

const DAY: i64 = 86_400;

/// The default period of gains, in days.
const GAINED: i64 = 30;

/// How far back the sparklines in the table go.
const QUARTER: i64 = 90 * DAY;

/// What to put on a page.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Which accounts. With a tag, the page is the client's edition.
    pub selection: Selection,
    /// A heading that replaces the default one.
    pub title: Option<String>,
    /// `None` if no budget is configured.
    pub budget: Option<Budget>,
}

/// The contents of a page.
#[derive(Debug)]
pub struct Page {
    pub(super) edition: Edition,
    pub(super) title: String,
    pub(super) now: Time,
    pub(super) totals: Totals,
    pub(super) holds: Holds,
    pub(super) spend: Vec<DailySpend>,
    /// Most followers first, then accounts without a count, then those removed from the watchlist.
    pub(super) entries: Vec<Entry>,
    /// Removed accounts that are not shown but still count in past totals.
    pub(super) former: Vec<Entry>,
    /// Start of the sparklines in the table.
    pub(super) trend_from: Time,
}

impl Page {
    /// Reads the page as of `now`.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the database cannot be read.
    pub fn read(tx: &ReadTx<'_>, subject: Subject, now: Time) -> Result<Page, StoreError> {
        let Subject { selection, title, budget } = subject;
        let edition = Edition::of(&selection);
        let mut statuses: HashMap<_, _> = tx
            .statuses(&selection, Extent::All, now)?
            .into_iter()
            .map(|status| (status.id.clone(), status))
            .collect();
        let mut histories: HashMap<_, History> = HashMap::new();
        tx.each_reading(&selection, |account, reading| {
            histories.entry(account).or_default().readings.push(reading);
        })?;
        tx.each_boundary(&selection, Calendar::Weeks, |account, time, value| {
            let weeks = &mut histories.entry(account).or_default().weeks;
            weeks.push(Steps::week(time), value);
        })?;
        tx.each_boundary(&selection, Calendar::Months, |account, time, value| {
            let months = &mut histories.entry(account).or_default().months;
            months.push(Steps::month(time), value);
        })?;
        for growth in tx.growth_of_all(&selection, &Period::last_days(GAINED))? {
            let key = growth.key;
            histories.entry(key).or_default().growth = Some(growth);
        }
        let mut events = event::read(tx, &selection)?;
        let mut gaps: HashMap<String, Vec<Gap>> = HashMap::new();
        tx.each_gap(&selection, |id, gap| gaps.entry(id).or_default().push(gap))?;
        let entries = tx
            .report_accounts(&selection)?
            .into_iter()
            .map(|account| {
                let status = statuses.remove(&account.id);
                let mut history = histories.remove(&account.key).unwrap_or_default();
                history.gaps = gaps.remove(account.id.as_str()).unwrap_or_default();
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
            totals: tx.totals_of(&selection)?,
            holds: Holds::read(tx, budget.as_ref(), now)?,
            spend: tx.daily_spend()?,
            entries,
            former,
            trend_from,
        })
    }

    /// Returns the number of accounts and of snapshots on the page.
    pub fn size(&self) -> (usize, usize) {
        let readings = self.entries.iter().map(|entry| entry.series.readings().len());
        (self.entries.len(), readings.sum())
    }

    pub(super) fn is_operators(&self) -> bool {
        self.edition == Edition::Operator
    }

    /// Returns the accounts that are on the watchlist.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.status.is_some())
    }
}
