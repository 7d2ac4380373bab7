//! The digest: a week, or another period, in about twenty lines, to be mailed.
//!
//! [`Digest::read`] takes everything from one look at the database. What is said of it, and how
//! much, is decided once (`section.rs`); `text.rs`, `html.rs` and `json.rs` say it.

mod html;
mod json;
mod section;
mod text;
mod total;

use crate::clock::Time;
use crate::engine::{Breaker, OpenBreaker};
use crate::period::{Beginning, Period};
use crate::selection::Selection;
use crate::store::{
    AccountGrowth, AccountStatus, Between, Extent, Milestone, ProfileChange, ReadTx, Silence,
    StoreError, Unusual,
};

pub use html::Html;
pub use text::Text;
use total::Total;

/// Accounts that the budget holds back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldBack {
    pub accounts: usize,
    pub until: Time,
}

/// Everything that is said.
#[derive(Debug)]
pub struct Digest {
    period: Period,
    selection: Selection,
    /// Accounts of the selection.
    listed: usize,
    total: Option<Total>,
    /// Of the whole list: what each tag's accounts gained, the greatest gain first.
    tags: Vec<(String, Total)>,
    /// The greatest gain first.
    grew: Vec<AccountGrowth>,
    /// The greatest loss first.
    lost: Vec<AccountGrowth>,
    milestones: Vec<Milestone>,
    unusual: Vec<Unusual>,
    changes: Vec<ProfileChange>,
    silent: Vec<Silence>,
    failing: Vec<AccountStatus>,
    breaker: Option<OpenBreaker>,
    held_back: Option<HeldBack>,
}

impl Digest {
    /// Reads the digest of a period; what fails, and what is held back, is as it is `now`.
    ///
    /// # Errors
    /// What the store says.
    pub fn read(
        look: &ReadTx<'_>,
        selection: Selection,
        period: Period,
        held_back: Option<HeldBack>,
        now: Time,
    ) -> Result<Digest, StoreError> {
        let accounts = look.growth(&selection, &period)?;
        let newest = accounts.iter().filter_map(|account| account.newest).max().unwrap_or(now);
        let between = Between {
            from: period.begin(newest),
            // What was measured this second is in it.
            until: period.until.unwrap_or(now.plus(1)),
        };
        let mut failing = look.statuses(&selection, Extent::Attention, now)?;
        failing.retain(|account| account.failing_since.is_some());
        let total = Total::of(&accounts);
        let listed = accounts.len();
        let (grew, lost) = movers(accounts);
        Ok(Digest {
            tags: tags(look, &selection, &period)?,
            milestones: look.milestones(&selection, between)?,
            unusual: look.unusual(&selection, between)?,
            changes: look.profile_changes(&selection, between)?,
            silent: look.silent(&selection, between)?,
            breaker: Breaker::read(look)?.as_open().cloned(),
            period,
            selection,
            listed,
            total,
            grew,
            lost,
            failing,
            held_back,
        })
    }

    /// What it is about: "Growth in 2026-W03 of client-a".
    fn title(&self) -> String {
        format!("Growth {}{}", self.period, self.selection)
    }

    /// The first and the last of its days, where it has both ends.
    fn days(&self) -> Option<String> {
        let Beginning::At(from) = self.period.from else { return None };
        let last = self.period.until?.plus(-1);
        Some(format!("{} to {}, UTC", day(from), day(last)))
    }
}

/// Those that grew and those that lost. What rounding may have made of nothing is neither.
fn movers(accounts: Vec<AccountGrowth>) -> (Vec<AccountGrowth>, Vec<AccountGrowth>) {
    let moved = accounts
        .into_iter()
        .filter(|account| account.gained.is_some_and(|gained| gained != 0) && !account.is_rough());
    let (grew, mut lost): (Vec<_>, Vec<_>) =
        moved.partition(|account| account.gained.is_some_and(|gained| gained > 0));
    lost.reverse();
    (grew, lost)
}

/// What each tag's accounts gained. A digest of a part of the list is about that part alone.
fn tags(
    look: &ReadTx<'_>,
    selection: &Selection,
    period: &Period,
) -> Result<Vec<(String, Total)>, StoreError> {
    let mut found = Vec::new();
    if !selection.is_everything() {
        return Ok(found);
    }
    for tag in look.selectable()?.0 {
        let part = Selection { tags: vec![tag], platform: None };
        let total = Total::of(&look.growth(&part, period)?);
        found.extend(part.tags.into_iter().zip(total));
    }
    // A stable sort: ties stay in the order of the tags.
    found.sort_by_key(|(_, total)| std::cmp::Reverse(total.gained));
    Ok(found)
}

fn day(time: Time) -> String {
    time.utc().strftime("%Y-%m-%d").to_string()
}
