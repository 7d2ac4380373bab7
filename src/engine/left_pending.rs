//! Calls that a process which has ended left pending: whether they were made, and what came of them,
//! nobody knows.

use crate::api::ClassifiedResponse;
use crate::engine::Event;
use crate::engine::breaker::Trouble;
use crate::engine::in_flight::InFlight;
use crate::engine::meaning::verdict;
use crate::engine::saved_state::{before_trouble, restore_state};
use crate::engine::settling::{Failed, Settling, settled};
use crate::store::{Account, StoreError, Suspicion};

/// The error of a call whose process ended before the response arrived.
const LEFT_PENDING: &str = "growthd ended before the response arrived";

impl Settling<'_, '_> {
    /// Settles the calls of a process that ended before their responses arrived. They count against
    /// the account's attempts, and say nothing about the vendor.
    pub(super) fn settle_left_pending(&mut self, in_flight: &InFlight) -> Result<(), StoreError> {
        let response = ClassifiedResponse::unknown(LEFT_PENDING.to_owned());
        let mut count = 0;
        for line in self.tx.lookups_left_pending()? {
            if !in_flight.has_line(None, &line) {
                self.tx.settle(&line, None, &verdict(&response), self.now)?;
                count += 1;
            }
        }
        for pending in self.tx.left_pending()? {
            let line = &pending.line;
            if in_flight.has_line(Some(&pending.id), line) {
                continue;
            }
            count += 1;
            let Some(mut account) = self.account(pending.account, &pending.id)? else { continue };
            let refresh = self.tx.settle(line, Some(account.key), &verdict(&response), self.now)?;
            let failed = Failed {
                line,
                refresh,
                trouble: Trouble::Unknown,
                retry_after: None,
                is_lost: true,
                error: LEFT_PENDING.to_owned(),
            };
            self.lose(&mut account, &failed)?;
            self.tx.save(&account)?;
            let suspicion = Suspicion::default();
            let event = settled(&account, line, refresh, &response, suspicion, self.now, true);
            self.events.push(event);
            self.skip_left_open(&account, line)?;
        }
        if count > 0 {
            self.events.push(Event::LeftPending(count));
        }
        Ok(())
    }

    /// Handles a call that was lost with an earlier process. It counts as an attempt, also in the state
    /// that an open breaker would restore, but was not the account's trouble, even if it used up the
    /// attempts.
    fn lose(&mut self, account: &mut Account, failed: &Failed<'_>) -> Result<(), StoreError> {
        if let Some(before) = self.tx.troubled_account(account.key)? {
            let mut restored = account.clone();
            restore_state(&mut restored, &before);
            self.fail_blameless(&mut restored, failed)?;
            self.tx.replace_troubled(&before_trouble(&restored))?;
        }
        self.fail_blameless(account, failed)
    }

    /// Does what [`Settling::fail`] does, but not as the account's own trouble.
    fn fail_blameless(
        &mut self,
        account: &mut Account,
        failed: &Failed<'_>,
    ) -> Result<(), StoreError> {
        let own = account.failure.own;
        self.fail(account, failed)?;
        account.failure.own = own;
        Ok(())
    }
}
