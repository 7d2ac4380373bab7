//! The accounts that must not be called because a call for them is in flight.

use std::collections::HashSet;

use crate::store::{AccountKey, CallTarget};

/// The calls in flight during a turn. The ledger has a pending line for each, but no index by which
/// a pending line is found quickly.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    /// The number of calls, including lookups.
    pub(super) count: usize,
    pub(super) accounts: HashSet<AccountKey>,
}

impl InFlight {
    pub(super) fn add(&mut self, account: Option<AccountKey>) {
        self.count += 1;
        self.accounts.extend(account);
    }

    pub(super) fn contains(&self, account: AccountKey) -> bool {
        self.accounts.contains(&account)
    }
}

impl<'a> FromIterator<&'a CallTarget> for InFlight {
    fn from_iter<I: IntoIterator<Item = &'a CallTarget>>(targets: I) -> InFlight {
        let mut in_flight = InFlight::default();
        for target in targets {
            in_flight.add(match target {
                CallTarget::Account(key, _) => Some(*key),
                CallTarget::Lookup(_) => None,
            });
        }
        in_flight
    }
}
