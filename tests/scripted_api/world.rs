//! The accounts of the scripted API.

use std::collections::HashMap;

use growthd::account::AccountId;
use growthd::account::Platform;
use growthd::clock::{Clock, Time};
use growthd::simulated_api::{Account, Population};

use super::account::{Growth, invented};

/// The API's key, clock and accounts.
#[derive(Clone)]
pub struct World {
    pub(super) key: String,
    pub(super) clock: Clock,
    pub(super) lists_calls: bool,
    pub(super) residents: Residents,
}

/// The accounts as of their first refresh.
#[derive(Clone, Default)]
pub struct Residents {
    known: HashMap<String, (Account, Growth)>,
    has_any: bool,
}

impl World {
    /// Creates a world without accounts that accepts `key`.
    pub fn new(key: &str) -> World {
        World {
            key: key.to_owned(),
            clock: Clock::system(),
            lists_calls: true,
            residents: Residents::default(),
        }
    }

    /// Creates a world in which every id exists (invented unless added by [`World::and`]), and
    /// every username that could be an id is that account's.
    pub fn with_any_account(key: &str) -> World {
        let mut world = World::new(key);
        world.residents.has_any = true;
        world
    }

    /// Adds an account that never changes.
    #[must_use]
    pub fn and(self, id: &str, account: Account) -> World {
        self.and_growing(id, account, Growth::NONE)
    }

    /// Adds an account that is a step older with each refresh.
    #[must_use]
    pub fn and_growing(mut self, id: &str, account: Account, growth: Growth) -> World {
        self.residents.known.insert(id.to_owned(), (account, growth));
        self
    }

    /// Uses this clock for responses and for every `Date`.
    #[must_use]
    pub fn on(self, clock: Clock) -> World {
        World { clock, ..self }
    }

    /// Counts calls without listing them, for benchmarks.
    #[must_use]
    pub fn without_call_list(mut self) -> World {
        self.lists_calls = false;
        self
    }
}

impl Residents {
    /// Returns an account and its growth.
    pub(super) fn find(&self, id: &str) -> Option<(Account, Growth)> {
        match self.known.get(id) {
            Some(known) => Some(known.clone()),
            None if self.has_any && id.parse::<AccountId>().is_ok() => Some(invented(id)),
            None => None,
        }
    }
}

impl Population for Residents {
    fn account(&self, id: &str, _: Time) -> Option<Account> {
        self.find(id).map(|(account, _)| account)
    }

    fn id_of(&self, username: &str, platform: Platform, _: Time) -> Option<String> {
        let is_meant = |account: &Account| {
            account.username.eq_ignore_ascii_case(username) && account.platform == platform
        };
        let known = self.known.iter().find(|(_, (account, _))| is_meant(account));
        known.map(|(id, _)| id.clone()).or_else(|| {
            let (account, _) = self.find(username)?;
            is_meant(&account).then(|| username.to_owned())
        })
    }
}
