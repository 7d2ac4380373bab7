//! What the simulated API knows: its key, its clock and its accounts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Account, Platform};
use crate::account::AccountId;
use crate::clock::{Clock, Time};

/// What an account is at a time; `None` where it does not exist then.
type Life = dyn Fn(Time) -> Option<Account> + Send + Sync;

/// What there is to ask for.
#[derive(Clone)]
pub struct World {
    pub(super) key: String,
    pub(super) clock: Clock,
    accounts: HashMap<String, Resident>,
    any_account: bool,
    pub(super) lists_calls: bool,
}

#[derive(Clone)]
enum Resident {
    /// Older by a step with each refresh.
    Account(Box<Account>),
    /// Older by the clock.
    Living(Arc<Life>),
}

impl World {
    /// Nobody yet; `key` is the one that is accepted.
    pub fn new(key: &str) -> World {
        World {
            key: key.to_owned(),
            clock: Clock::system(),
            accounts: HashMap::new(),
            any_account: false,
            lists_calls: true,
        }
    }

    /// Every id exists ([`Account::invented`] unless added by [`World::and`]), and every
    /// username that could be an id is that account's.
    pub fn with_any_account(key: &str) -> World {
        World { any_account: true, ..World::new(key) }
    }

    /// With this account too.
    #[must_use]
    pub fn and(mut self, id: &str, account: Account) -> World {
        self.accounts.insert(id.to_owned(), Resident::Account(Box::new(account)));
        self
    }

    /// With an account that is what `life` makes of the time, however often it is asked for.
    #[must_use]
    pub fn and_living(
        mut self,
        id: &str,
        life: impl Fn(Time) -> Option<Account> + Send + Sync + 'static,
    ) -> World {
        self.accounts.insert(id.to_owned(), Resident::Living(Arc::new(life)));
        self
    }

    /// By this clock, in what it answers and in every `Date`.
    #[must_use]
    pub fn on(self, clock: Clock) -> World {
        World { clock, ..self }
    }

    /// Calls are counted but not listed: for benches.
    #[must_use]
    pub fn without_call_list(mut self) -> World {
        self.lists_calls = false;
        self
    }

    pub(super) fn account(&self, id: &str, now: Time) -> Option<Cow<'_, Account>> {
        match self.accounts.get(id) {
            Some(Resident::Account(account)) => Some(Cow::Borrowed(account.as_ref())),
            Some(Resident::Living(life)) => life(now).map(Cow::Owned),
            None if self.any_account && id.parse::<AccountId>().is_ok() => {
                Some(Cow::Owned(Account::invented(id)))
            }
            None => None,
        }
    }

    /// The id of whoever is called so there.
    pub(super) fn id_of(&self, username: &str, platform: Platform, now: Time) -> Option<String> {
        let is_meant = |id: &str| {
            self.account(id, now).is_some_and(|account| {
                account.username.eq_ignore_ascii_case(username) && account.platform == platform
            })
        };
        let known = self.accounts.keys().find(|id| is_meant(id));
        known.cloned().or_else(|| is_meant(username).then(|| username.to_owned()))
    }
}
