//! The calls in flight, and the accounts that must not be called because of them.

use std::collections::{HashMap, HashSet};

use crate::account::{AccountId, Handle};
use crate::engine::CompletedCall;
use crate::engine::settling::NOBODY;
use crate::store::{AccountKey, CallTarget, ReadTx, StoreError};

/// The calls in flight or not settled yet. By their targets and not by their ledger lines: if the
/// file is replaced, the new one may use a line's id for another call.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    accounts: HashMap<AccountId, AccountKey>,
    lookups: Vec<Handle>,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.accounts.len() + self.lookups.len()
    }

    pub(super) fn has_account(&self, id: &AccountId) -> bool {
        self.accounts.contains_key(id)
    }

    pub(super) fn has_lookup(&self, handle: &Handle) -> bool {
        self.lookups.contains(handle)
    }

    pub(super) fn add(&mut self, target: &CallTarget) {
        match target {
            CallTarget::Account(key, id) => {
                self.accounts.insert(id.clone(), *key);
            }
            CallTarget::Lookup(lookup) => self.lookups.push(lookup.handle.clone()),
        }
    }

    pub(super) fn remove(&mut self, target: &CallTarget) {
        match target {
            CallTarget::Account(_, id) => {
                self.accounts.remove(id);
            }
            CallTarget::Lookup(lookup) => {
                let index = self.lookups.iter().position(|handle| *handle == lookup.handle);
                index.map(|index| self.lookups.swap_remove(index));
            }
        }
    }

    /// Finds the accounts' keys anew, for another file.
    pub(super) fn find_keys(&mut self, tx: &ReadTx<'_>) -> Result<(), StoreError> {
        for (id, key) in &mut self.accounts {
            *key = tx.key_of(id)?.unwrap_or(NOBODY);
        }
        Ok(())
    }

    /// Returns the calls that are still in flight once the `completed` ones are settled.
    pub(super) fn without(&self, completed: &[CompletedCall]) -> Busy {
        let mut accounts: HashSet<AccountKey> = self.accounts.values().copied().collect();
        for call in completed {
            if let CallTarget::Account(_, id) = call.claim.target()
                && let Some(key) = self.accounts.get(id)
            {
                accounts.remove(key);
            }
        }
        Busy { calls: self.len().saturating_sub(completed.len()), accounts }
    }
}

/// The calls in flight during a turn.
#[derive(Debug)]
pub(super) struct Busy {
    /// The number of calls, including lookups.
    pub(super) calls: usize,
    pub(super) accounts: HashSet<AccountKey>,
}

impl Busy {
    pub(super) fn add(&mut self, account: AccountKey) {
        self.calls += 1;
        self.accounts.insert(account);
    }
}
