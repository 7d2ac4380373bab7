//! What follows from a response for all accounts: it opens or closes the breaker, or pauses all calls.

use crate::engine::Event;
use crate::engine::account_state::AccountState;
use crate::engine::breaker::{Breaker, Trouble};
use crate::engine::own_trouble::longest_request;
use crate::engine::saved_state::{restore_state, set_state};
use crate::engine::settling::Settling;
use crate::store::{AccountKey, RefreshId, StoreError, Wait};

impl Settling<'_, '_> {
    /// Handles an ok, which ends the run of troubles. It also closes the breaker, if the call was
    /// sent after the breaker had opened.
    pub(super) fn vendor_answered(&mut self, refresh: RefreshId) -> Result<(), StoreError> {
        self.progress.troubled_lookups = 0;
        match &self.breaker {
            Breaker::Open(open) if open.is_probe(refresh) => {
                let since = open.since;
                *self.breaker = Breaker::Closed;
                self.tx.set_breaker(None)?;
                self.events.push(Event::BreakerClosed { since });
            }
            Breaker::Open(_) => return Ok(()),
            Breaker::Closed => {}
        }
        if self.has_run {
            self.tx.clear_troubled()?;
            self.has_run = false;
        }
        Ok(())
    }

    /// Handles trouble of the vendor: opens the breaker, or updates its reason. A vendor that is down
    /// may have `requested` not to be called for some seconds.
    pub(super) fn vendor_troubled(
        &mut self,
        account: AccountKey,
        trouble: Trouble,
        reason: String,
        requested: Option<i64>,
    ) -> Result<(), StoreError> {
        if trouble == Trouble::Clock {
            self.progress.clock_doubted_since = Some(self.now.into());
        }
        let (open, is_new) = match &self.breaker {
            Breaker::Open(open) => (open.clone().troubled(trouble, reason), false),
            Breaker::Closed => {
                let newest = self.tx.newest_line()?;
                (Breaker::open(trouble, reason, account, newest, self.now), true)
            }
        };
        let open = match requested {
            Some(seconds) => {
                open.wait_at_least(seconds.clamp(0, longest_request(&self.config.retry)), self.now)
            }
            None => open,
        };
        self.tx.set_breaker(Some(&(&open).into()))?;
        if is_new {
            self.restore()?;
            self.events.push(Event::BreakerOpened(open.clone()));
        }
        *self.breaker = Breaker::Open(open);
        Ok(())
    }

    /// Restores every account of the run that opened the breaker: what it owed and its number of
    /// attempts.
    fn restore(&mut self) -> Result<(), StoreError> {
        for before in self.tx.troubled()? {
            let Some(mut account) = self.tx.account(before.account)? else { continue };
            restore_state(&mut account, &before);
            account.restored = account.restored.saturating_add(1);
            let state = AccountState::try_from(account.state)?;
            let owed = account.state.open_slot.unwrap_or(self.now);
            let window = account.window(self.schedules, owed);
            set_state(&mut account, state, window);
            self.tx.save(&account)?;
        }
        self.tx.clear_troubled()?;
        self.has_run = false;
        Ok(())
    }

    /// Pauses all calls for this many seconds.
    pub(super) fn wait(&mut self, seconds: Option<i64>, reason: String) -> Result<(), StoreError> {
        let longest = self.config.retry.max_delay.max(1);
        let seconds = seconds.unwrap_or(Wait::ORDINARY).clamp(1, longest);
        let until = self.now.plus(seconds);
        let current = self.tx.wait()?.filter(|current| current.until > self.now);
        if current.as_ref().is_some_and(|current| current.until >= until) {
            return Ok(());
        }
        let from = current.as_ref().map_or(self.now, |current| current.from);
        let wait = Wait { from, until, reason };
        self.tx.set_wait(Some(&wait))?;
        if current.is_none() {
            self.events.push(Event::Waiting(wait));
        }
        Ok(())
    }
}
