//! The calls in flight, and the accounts that must not be called because of them.

use std::collections::{HashMap, HashSet};

use crate::account::{AccountId, Handle};
use crate::engine::CompletedCall;
use crate::store::{AccountKey, CallTarget, Claim, PendingLine, ReadTx, StoreError};

/// The key of no account, for the call of a lookup.
pub(super) const NOBODY: AccountKey = AccountKey(0);

/// The calls in flight or not settled yet. By their targets: if the file is replaced, the new one may
/// use a line's id for another call.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    accounts: HashMap<AccountId, (AccountKey, PendingLine)>,
    lookups: Vec<(Handle, PendingLine)>,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.accounts.len() + self.lookups.len()
    }

    pub(super) fn has_account(&self, id: &AccountId) -> bool {
        self.accounts.contains_key(id)
    }

    pub(super) fn has_lookup(&self, handle: &Handle) -> bool {
        self.lookups.iter().any(|(known, _)| known == handle)
    }

    /// Returns whether a pending line of the file is that of a call in flight, for this account
    /// (`None`: a lookup).
    pub(super) fn has_line(&self, id: Option<&AccountId>, line: &PendingLine) -> bool {
        match id {
            Some(id) => self.accounts.get(id).is_some_and(|(_, known)| known == line),
            None => self.lookups.iter().any(|(_, known)| known == line),
        }
    }

    pub(super) fn add(&mut self, claim: &Claim) {
        match claim.target() {
            CallTarget::Account(key, id) => {
                self.accounts.insert(id.clone(), (*key, claim.line()));
            }
            CallTarget::Lookup(lookup) => {
                self.lookups.push((lookup.handle.clone(), claim.line()));
            }
        }
    }

    pub(super) fn remove(&mut self, target: &CallTarget) {
        match target {
            CallTarget::Account(_, id) => {
                self.accounts.remove(id);
            }
            CallTarget::Lookup(lookup) => {
                let index = self.lookups.iter().position(|(handle, _)| *handle == lookup.handle);
                index.map(|index| self.lookups.swap_remove(index));
            }
        }
    }

    /// Finds the accounts' keys anew, for another file.
    pub(super) fn find_keys(&mut self, tx: &ReadTx<'_>) -> Result<(), StoreError> {
        for (id, (key, _)) in &mut self.accounts {
            *key = tx.key_of(id)?.unwrap_or(NOBODY);
        }
        Ok(())
    }

    /// Returns the calls that are still in flight once the `completed` ones are settled.
    pub(super) fn without(&self, completed: &[CompletedCall]) -> Busy {
        let mut accounts: HashSet<AccountKey> =
            self.accounts.values().map(|(key, _)| *key).collect();
        for call in completed {
            if let CallTarget::Account(_, id) = call.claim.target()
                && let Some((key, _)) = self.accounts.get(id)
            {
                accounts.remove(key);
            }
        }
        let is_lookup =
            |call: &&CompletedCall| matches!(call.claim.target(), CallTarget::Lookup(_));
        let lookups = self.lookups.len() - completed.iter().filter(is_lookup).count();
        Busy { calls: self.len().saturating_sub(completed.len()), lookups, accounts }
    }
}

/// The calls in flight during a turn.
#[derive(Debug)]
pub(super) struct Busy {
    /// The number of calls, including lookups.
    pub(super) calls: usize,
    pub(super) lookups: usize,
    pub(super) accounts: HashSet<AccountKey>,
}

impl Busy {
    pub(super) fn add(&mut self, account: AccountKey) {
        self.calls += 1;
        self.lookups += usize::from(account == NOBODY);
        self.accounts.insert(account);
    }
}
