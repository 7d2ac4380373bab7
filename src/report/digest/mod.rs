//! The digest: a week, or another period, in about twenty lines, to be mailed.
//!
//! [`Digest::read`] reads everything in one transaction. `section.rs` decides what is shown and how
//! much of it; `text.rs` and `html.rs` format that, and `json.rs` writes the whole.

mod html;
mod json;
mod section;
mod text;
mod total;

use crate::clock::Time;
use crate::engine::Holds;
use crate::period::{Beginning, Period};
use crate::report::{Sentence, left_out};
use crate::selection::Selection;
use crate::store::{
    AccountGrowth, AccountStatus, BudgetUse, EventPeriod, Extent, Milestone, ProfileChange, ReadTx,
    SilentAccount, StoreError, Unusual,
};

pub use html::Html;
pub use text::Text;
use total::Total;

/// The contents of a digest.
#[derive(Debug)]
pub struct Digest {
    period: Period,
    selection: Selection,
    /// Number of selected accounts.
    listed: usize,
    /// `None` if no account's gain is known.
    total: Option<Total>,
    /// The accounts that the total leaves out, and those that it includes with earlier days.
    apart: Vec<Sentence>,
    /// Each tag's total, largest gain first. Empty if only part of the list is selected.
    tags: Vec<(String, Total)>,
    /// Largest gain first.
    grew: Vec<AccountGrowth>,
    /// Largest loss first.
    lost: Vec<AccountGrowth>,
    milestones: Vec<Milestone>,
    unusual: Vec<Unusual>,
    changes: Vec<ProfileChange>,
    silent: Vec<SilentAccount>,
    failing: Vec<AccountStatus>,
    holds: Holds,
    /// Number of selected accounts that are due and held back.
    held_back: u64,
}

impl Digest {
    /// Reads the digest of a period. Failing and held-back accounts are those of `now`.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the database cannot be read.
    pub fn read(
        tx: &ReadTx<'_>,
        selection: Selection,
        period: Period,
        holds: Holds,
        now: Time,
    ) -> Result<Digest, StoreError> {
        let accounts = tx.growth(&selection, &period)?;
        let newest = accounts.iter().filter_map(|account| account.newest).max().unwrap_or(now);
        let between = EventPeriod {
            from: period.begin(newest),
            // Includes measurements of this second.
            until: period.until.unwrap_or(now.plus(1)),
        };
        let failing = tx.statuses(&selection, Extent::Failing, now)?;
        let held_back = holds.held_back(tx.attention(&selection, now)?.waiting);
        let total = Total::of(&accounts);
        let mut apart = left_out::unknown(tx, &accounts, &period)?;
        apart.extend(left_out::measured_earlier(&accounts, &period, newest));
        let listed = accounts.len();
        let (grew, lost) = movers(accounts);
        Ok(Digest {
            tags: tags(tx, &selection, &period)?,
            milestones: tx.milestones(&selection, Some(between))?,
            unusual: tx.unusual(&selection, Some(between))?,
            changes: tx.profile_changes(&selection, Some(between))?,
            silent: tx.silent(&selection, between)?,
            period,
            selection,
            listed,
            total,
            apart,
            grew,
            lost,
            failing,
            holds,
            held_back,
        })
    }

    /// Returns the budget, if it is used up and holds back accounts.
    fn short_budget(&self) -> Option<&BudgetUse> {
        self.holds.spent_budget().filter(|_| self.held_back > 0)
    }

    /// Returns the heading, such as "Growth in 2026-W03 of client-a".
    fn title(&self) -> String {
        format!("Growth {}{}", self.period, self.selection)
    }

    /// Returns the first and the last day, or `None` if the period lacks a fixed start or end.
    fn days(&self) -> Option<String> {
        let Beginning::At(from) = self.period.from else { return None };
        let last = self.period.until?.plus(-1);
        Some(format!("{} to {}, UTC", day(from), day(last)))
    }
}

/// Returns the accounts that grew and those that lost. A change that may be due to rounding alone is
/// in neither.
fn movers(accounts: Vec<AccountGrowth>) -> (Vec<AccountGrowth>, Vec<AccountGrowth>) {
    let moved = accounts
        .into_iter()
        .filter(|account| account.gained.is_some_and(|gained| gained != 0) && !account.is_rough());
    let (grew, mut lost): (Vec<_>, Vec<_>) =
        moved.partition(|account| account.gained.is_some_and(|gained| gained > 0));
    lost.reverse();
    (grew, lost)
}

/// Returns each tag's total, or nothing if the digest is about part of the list only.
fn tags(
    tx: &ReadTx<'_>,
    selection: &Selection,
    period: &Period,
) -> Result<Vec<(String, Total)>, StoreError> {
    let mut found = Vec::new();
    if !selection.is_everything() {
        return Ok(found);
    }
    for tag in tx.selectable()?.0 {
        let part = Selection { tags: vec![tag], platform: None };
        let total = Total::of(&tx.growth(&part, period)?);
        found.extend(part.tags.into_iter().zip(total));
    }
    // A stable sort: ties stay in the order of the tags.
    found.sort_by_key(|(_, total)| std::cmp::Reverse(total.gained));
    Ok(found)
}

fn day(time: Time) -> String {
    time.utc().strftime("%Y-%m-%d").to_string()
}
