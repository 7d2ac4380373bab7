//! A gain over several accounts, like for like.

use crate::store::{AccountGrowth, percent};

/// The total gain of the accounts whose followers are known at both ends of the period, as in the
/// views `tag_weekly` and `tag_monthly`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Total {
    /// Number of accounts included.
    pub accounts: usize,
    /// Their followers at the end of the period.
    pub followers: i64,
    pub gained: i64,
    /// Their gain in the period before; `None` unless it is known for all of them.
    pub gained_before: Option<i64>,
}

impl Total {
    /// Returns the total, or `None` if no account's gain is known.
    pub fn of(accounts: &[AccountGrowth]) -> Option<Total> {
        let sum = |sum: Option<i64>, count: Option<i64>| Some(sum?.saturating_add(count?));
        let known = accounts.iter().filter(|account| account.gained.is_some());
        let empty = Total { accounts: 0, followers: 0, gained: 0, gained_before: Some(0) };
        let total = known.fold(empty, |total, account| Total {
            accounts: total.accounts + 1,
            followers: total.followers.saturating_add(account.followers.unwrap_or(0)),
            gained: total.gained.saturating_add(account.gained.unwrap_or(0)),
            gained_before: sum(total.gained_before, account.gained_before),
        });
        (total.accounts > 0).then_some(total)
    }

    /// Returns the gain in percent of the followers at the beginning.
    pub fn percent(&self) -> Option<f64> {
        percent(self.gained, self.followers.saturating_sub(self.gained))
    }
}
