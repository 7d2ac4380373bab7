//! Whose trouble a failed call is: the account's own, or the vendor's. It follows from how the other
//! accounts fare, which is read from the store.

use crate::config::{OnUnknown, Retry};
use crate::engine::breaker::{ACCOUNTS_TO_OPEN, Breaker, Trouble};
use crate::store::{Account, BeforeTrouble, FailureRow, ReadTx, StoreError, TRUSTED_RESTORES};

/// Up to how many accounts that fail together are counted: the cost of a failed call must not grow
/// with the list.
const MOST_TOGETHER: usize = 32;

/// Attributes troubles by the accounts in the store.
pub(super) struct Attribution<'a, 'store> {
    pub(super) tx: &'a ReadTx<'store>,
    pub(super) retry: &'a Retry,
}

impl Attribution<'_, '_> {
    /// Returns whether the run of troubles opens the breaker. What was called meanwhile will tell soon,
    /// also of an account whose trouble was long ago.
    pub(super) fn opens_breaker(&self) -> Result<bool, StoreError> {
        let pending = self.tx.pending_accounts()?;
        let is_settled = |before: &&BeforeTrouble| !pending.contains(&Some(before.account));
        let troubled = self.tx.troubled()?.iter().filter(is_settled).count();
        let has_other = !pending.is_empty() || self.tx.has_other_to_ask(TRUSTED_RESTORES)?;
        Ok(Breaker::is_due_to_open(troubled, has_other))
    }

    /// Returns whether the account's trouble says anything about the vendor. An account that an open
    /// breaker restored is as it was before, but not time and again: three accounts that always
    /// fail would reopen it whenever it closes.
    pub(super) fn may_be_vendors(&self, account: &Account) -> Result<bool, StoreError> {
        let is_as_before = account.failure.own.is_none() && account.restored <= TRUSTED_RESTORES;
        Ok(is_as_before || !self.has_failed_alone(account)?)
    }

    /// Returns whether the account had failed before, and enough others have had an ok since.
    pub(super) fn has_failed_alone(&self, account: &Account) -> Result<bool, StoreError> {
        // What failed before an open breaker restored the account was not its own trouble.
        let FailureRow { own, last, .. } = account.failure;
        let Some(since) = own.or(last) else { return Ok(false) };
        let together = match account.restored {
            0 => self.tx.count_failed_together(MOST_TOGETHER)?,
            // Others had an ok since a breaker took the blame for it.
            _ => 0,
        };
        let has_other_failed = self.tx.others_failed(account.key)?;
        let needed = oks_needed(together, has_other_failed, account.restored);
        Ok(self.tx.others_ok_since(account.key, since, needed)? >= needed)
    }

    /// Returns whether the trouble for which a slot would be given up may be the vendor's, although it
    /// answers for the others: its servers for one platform may be down, say. A slot that is given up
    /// is lost. Whether so many accounts have really died shows when the next slot comes.
    pub(super) fn may_be_shared(
        &self,
        account: &Account,
        trouble: Trouble,
        is_lost: bool,
    ) -> Result<bool, StoreError> {
        let is_of_a_third = |failed: usize| {
            let most = 2 * failed;
            Ok(failed >= ACCOUNTS_TO_OPEN && self.tx.count_well(most + 1)? <= most)
        };
        match trouble {
            // To ask once more costs nothing.
            trouble if trouble.is_refusal() => is_of_a_third(self.tx.count_refused(MOST_TOGETHER)?),
            Trouble::Unknown if self.retry.unknown == OnUnknown::Skip => Ok(false),
            _ if is_lost || account.failure.is_failing => Ok(false),
            _ => match account.last_refresh {
                Some(last) => {
                    let others = ACCOUNTS_TO_OPEN - 1;
                    Ok(self.tx.others_failed_since(account.key, last, others)? >= others)
                }
                None => is_of_a_third(self.tx.count_failed_together(MOST_TOGETHER)?),
            },
        }
    }
}

/// Returns how many others must have had an ok since an account failed, so that its next failure is its
/// own trouble, given how many accounts fail `together` for the first time, whether another one fails
/// at all, and how often an open breaker has restored the account.
///
/// If several fail together, a part of the list may be in the same trouble: then twice as many must
/// have had an ok. An ok of another closed the breaker before each restore but the first. If it did not
/// count, three accounts that always fail would open it without end if few others are due in between.
fn oks_needed(together: usize, has_other_failed: bool, restored: u32) -> usize {
    let needed = match together {
        ACCOUNTS_TO_OPEN.. => 2 * together + 1,
        _ if has_other_failed => ACCOUNTS_TO_OPEN,
        _ => 1,
    };
    let earlier = restored.saturating_sub(TRUSTED_RESTORES);
    needed.saturating_sub(earlier.try_into().unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_fail_the_more_oks_tell_that_the_vendor_is_well() {
        for (together, has_other_failed, restored, needed) in [
            (1, false, 0, 1),
            (1, true, 0, 3),
            (2, true, 0, 3),
            (3, true, 0, 7),
            (MOST_TOGETHER, true, 0, 65),
            // The oks that closed the breaker count.
            (0, true, 1, 3),
            (0, true, 2, 2),
            (0, true, 3, 1),
            (0, true, 9, 1),
            (0, false, 9, 1),
        ] {
            let found = oks_needed(together, has_other_failed, restored);
            assert_eq!(found, needed, "{together} {has_other_failed} {restored}");
        }
    }
}
