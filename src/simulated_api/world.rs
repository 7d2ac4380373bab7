//! What the simulated API knows: its key, its accounts, and what the demo is made of.

use std::borrow::Cow;
use std::collections::HashMap;

use super::account::{Account, Analytics, Growth, Platform, Stats};
use super::behaviour::Behaviour;
use crate::account::AccountId;

/// What there is to ask for.
#[derive(Clone)]
pub struct World {
    pub(super) key: String,
    accounts: HashMap<String, Account>,
    any_account: bool,
    pub(super) scripted: Vec<(String, Vec<Behaviour>)>,
    pub(super) lists_calls: bool,
}

impl World {
    /// The accounts of the demo in the order of its watchlist, as id and label.
    pub const DEMO: [(&str, &str); 6] = [
        ("clx123abc", "Fitness Guru"),
        ("clxdemo1toaster", "Dancing Toaster"),
        ("clxdemo2volcano", "Quiet Volcano"),
        ("clxdemo3robot", "Sourdough Robot"),
        ("clxdemo4orchestra", "Pocket Orchestra"),
        ("clxdemo5comet", "Vanished Comet"),
    ];

    /// Nobody yet; `key` is the one that is accepted.
    pub fn new(key: &str) -> World {
        World {
            key: key.to_owned(),
            accounts: HashMap::new(),
            any_account: false,
            scripted: Vec::new(),
            lists_calls: true,
        }
    }

    /// Every id exists ([`Account::invented`] unless added by [`World::and`]), and every
    /// username that could be an id is that account's.
    pub fn with_any_account(key: &str) -> World {
        World { any_account: true, ..World::new(key) }
    }

    /// The creators of `growthd demo`, made to be looked at for about ten refreshes: one as
    /// documented but growing, one that takes off, one that shrinks, one that changes its
    /// bio, one on YouTube, and one that is not found. The first call for the robot is
    /// answered with 429 and `Retry-After: 1`.
    pub fn demo(key: &str) -> World {
        let [documented, toaster, volcano, robot, orchestra, _] = World::DEMO.map(|(id, _)| id);
        let stats =
            |followers, following, videos, likes| Stats { followers, following, videos, likes };
        let accounts = [
            Account { growth: Growth::percent(1.4), last_analyzed: None, ..Account::documented() },
            Account {
                username: "demo_dancing_toaster".to_owned(),
                bio: "Bread goes in, choreography comes out".to_owned(),
                stats: stats(8_420, 61, 37, Some(96_300)),
                growth: Growth::percent(24.0),
                ..Account::invented(toaster)
            },
            Account {
                username: "demo_quiet_volcano".to_owned(),
                bio: "Nothing has happened since 1821".to_owned(),
                stats: stats(264_000, 12, 910, Some(5_120_000)),
                growth: Growth::percent(-3.2),
                ..Account::invented(volcano)
            },
            Account {
                username: "demo_sourdough_robot".to_owned(),
                bio: "Kneading, one servo at a time".to_owned(),
                later_bio: Some((4, "Kneading, now with two servos. New book out!".to_owned())),
                stats: stats(51_700, 318, 142, Some(803_000)),
                growth: Growth::percent(4.5),
                ..Account::invented(robot)
            },
            Account {
                username: "demo_pocket_orchestra".to_owned(),
                platform: Platform::Youtube,
                bio: "Forty musicians, very small chairs".to_owned(),
                profile_url: "https://youtube.example.com/@demo_pocket_orchestra".to_owned(),
                stats: stats(731_000, 0, 205, None),
                growth: Growth::percent(0.6),
                ..Account::invented(orchestra)
            },
        ];
        let mut world = World::new(key);
        for ((id, label), account) in World::DEMO.into_iter().zip(accounts) {
            let views = account.stats.followers / 3;
            let analytics = Analytics { avg_views: views, ..account.analytics };
            let invented = Account {
                display_name: label.to_owned(),
                profile_url: account.profile_url.replace(id, &account.username),
                analytics,
                ..account.clone()
            };
            world = world.and(id, if id == documented { account } else { invented });
        }
        world.scripted.push((robot.to_owned(), vec![Behaviour::rate_limited(Some(1))]));
        world
    }

    /// With this account too.
    #[must_use]
    pub fn and(mut self, id: &str, account: Account) -> World {
        self.accounts.insert(id.to_owned(), account);
        self
    }

    /// Calls are counted but not listed: for benches.
    #[must_use]
    pub fn without_call_list(mut self) -> World {
        self.lists_calls = false;
        self
    }

    pub(super) fn account(&self, id: &str) -> Option<Cow<'_, Account>> {
        match self.accounts.get(id) {
            Some(account) => Some(Cow::Borrowed(account)),
            None if self.any_account && id.parse::<AccountId>().is_ok() => {
                Some(Cow::Owned(Account::invented(id)))
            }
            None => None,
        }
    }

    /// The id of whoever is called so there.
    pub(super) fn id_of(&self, username: &str, platform: Platform) -> Option<String> {
        let is_meant = |account: &Account| {
            account.username.eq_ignore_ascii_case(username) && account.platform == platform
        };
        match self.accounts.iter().find(|(_, account)| is_meant(account)) {
            Some((id, _)) => Some(id.clone()),
            None => self.account(username).is_some_and(|a| is_meant(&a)).then(|| username.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_all_its_accounts_but_one() {
        let world = World::demo("k");
        let found = |id: &str| world.account(id).is_some();
        let found: Vec<bool> = World::DEMO.iter().map(|(id, _)| found(id)).collect();
        assert_eq!(found, [true, true, true, true, true, false]);
    }
}
