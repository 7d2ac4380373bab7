//! The demo's accounts, as functions of the time. Pure.

use std::f64::consts::E;

use crate::account::Platform;
use crate::clock::Time;
use crate::demo::year::{WEEK, Year};
use crate::schedule::stable_hash;
use crate::simulated_api::{Account, Analytics, Population, Stats};

/// The label of the account that goes viral.
pub const VIRAL_LABEL: &str = "Dancing Toaster";

const VIRAL: &str = "clxdemo01toaster";
const RENAMED: &str = "clxdemo03robot";
const VANISHES: &str = "clxdemo06comet";
const ZERO: &str = "clxdemo08lighthouse";

/// The additional growth of the viral account in each week after it goes viral, as exponents of e.
const VIRAL_WEEKS: [f64; 4] = [1.0, 0.6, 0.25, 0.1];

/// An account as it is at the start of the year.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creator {
    pub id: &'static str,
    pub label: &'static str,
    /// The tag of the client that the account belongs to.
    pub client: &'static str,
    pub is_daily: bool,
    username: &'static str,
    platform: Platform,
    followers: f64,
    /// In percent a week.
    growth: f64,
    bio: &'static str,
}

const A: &str = "client-a";
const B: &str = "client-b";

/// The accounts that are watched from the start.
pub(super) const CREATORS: [Creator; 11] = [
    Creator {
        id: "clx123abc",
        label: "Fitness Guru",
        client: A,
        is_daily: true,
        username: "fitnessguru",
        platform: Platform::Tiktok,
        followers: 1_520_000.0,
        growth: 0.6,
        bio: "Helping you get fit one video at a time",
    },
    Creator {
        id: VIRAL,
        label: VIRAL_LABEL,
        client: A,
        is_daily: false,
        username: "dancing_toaster",
        platform: Platform::Tiktok,
        followers: 8_420.0,
        growth: 0.8,
        bio: "Bread goes in, choreography comes out",
    },
    Creator {
        id: "clxdemo02volcano",
        label: "Quiet Volcano",
        client: A,
        is_daily: false,
        username: "quiet_volcano",
        platform: Platform::Tiktok,
        followers: 264_000.0,
        growth: -0.4,
        bio: "Nothing has happened since 1821",
    },
    Creator {
        id: RENAMED,
        label: "Sourdough Robot",
        client: A,
        is_daily: false,
        username: "sourdough_robot",
        platform: Platform::Tiktok,
        followers: 51_700.0,
        growth: 1.4,
        bio: "Kneading, one servo at a time",
    },
    Creator {
        id: "clxdemo04orchestra",
        label: "Pocket Orchestra",
        client: A,
        is_daily: false,
        username: "pocket_orchestra",
        platform: Platform::Youtube,
        followers: 731_000.0,
        growth: 0.7,
        bio: "Forty musicians, very small chairs",
    },
    Creator {
        id: "clxdemo05gardener",
        label: "Midnight Gardener",
        client: A,
        is_daily: false,
        username: "midnight_gardener",
        platform: Platform::Tiktok,
        followers: 17_900.0,
        growth: 2.2,
        bio: "Pruning by torchlight",
    },
    Creator {
        id: VANISHES,
        label: "Comet Watch",
        client: B,
        is_daily: false,
        username: "comet_watch",
        platform: Platform::Tiktok,
        followers: 96_000.0,
        growth: 0.9,
        bio: "It comes back every 76 years, and so do we",
    },
    Creator {
        id: "clxdemo07penguin",
        label: "Chess Penguin",
        client: B,
        is_daily: false,
        username: "chess_penguin",
        platform: Platform::Youtube,
        followers: 1_760_000.0,
        growth: 0.5,
        bio: "Slow moves on thin ice",
    },
    Creator {
        id: ZERO,
        label: "Lighthouse Kitchen",
        client: B,
        is_daily: false,
        username: "lighthouse_kitchen",
        platform: Platform::Tiktok,
        followers: 402_000.0,
        growth: 0.9,
        bio: "Soups with a view",
    },
    Creator {
        id: "clxdemo09origami",
        label: "Origami Trains",
        client: B,
        is_daily: true,
        username: "origami_trains",
        platform: Platform::Youtube,
        followers: 44_300.0,
        growth: 1.1,
        bio: "Folded on time",
    },
    Creator {
        id: "clxdemo10cactus",
        label: "Cactus Theatre",
        client: B,
        is_daily: false,
        username: "cactus_theatre",
        platform: Platform::Tiktok,
        followers: 6_050.0,
        growth: 2.6,
        bio: "Plays without touching",
    },
];

/// The account that joins the watchlist in June.
pub(super) const NEWCOMER: Creator = Creator {
    id: "clxdemo11tides",
    label: "Tidepool Diaries",
    client: B,
    is_daily: false,
    username: "tidepool_diaries",
    platform: Platform::Tiktok,
    followers: 128_000.0,
    growth: 1.8,
    bio: "Twice a day, the sea turns the page",
};

/// All accounts over the year.
pub(super) struct Creators(pub(super) Year);

impl Creators {
    fn all() -> impl Iterator<Item = Creator> {
        CREATORS.into_iter().chain([NEWCOMER])
    }
}

impl Population for Creators {
    fn account(&self, id: &str, now: Time) -> Option<Account> {
        Creators::all().find(|creator| creator.id == id)?.at(now, &self.0)
    }

    fn id_of(&self, username: &str, platform: Platform, now: Time) -> Option<String> {
        let matches =
            |account: &Account| account.username == username && account.platform == platform;
        let found =
            Creators::all().find(|creator| creator.at(now, &self.0).as_ref().is_some_and(matches));
        found.map(|creator| creator.id.to_owned())
    }
}

/// Returns whether an account is one of the demo's.
pub(super) fn is_creator(id: &str) -> bool {
    Creators::all().any(|creator| creator.id == id)
}

/// Returns the ids of the accounts that are refreshed by hand for a while.
pub(super) fn of_campaign() -> impl Iterator<Item = &'static str> {
    CREATORS
        .iter()
        .filter(|creator| creator.client == A && !creator.is_daily)
        .map(|creator| creator.id)
}

impl Creator {
    /// Returns the account at `time`; `None` if it does not exist then.
    fn at(&self, time: Time, year: &Year) -> Option<Account> {
        if self.id == VANISHES && time >= year.vanished {
            return None;
        }
        let weeks = weeks(time.since(year.start));
        let followers = self.followers * self.grown(weeks, year);
        let is_zero = self.id == ZERO && year.zero.0 <= time && time < year.zero.1;
        let is_renamed = self.id == RENAMED && time >= year.renamed;
        let (username, display_name, bio) = match is_renamed {
            true => ("sourdough.robotics", "Sourdough Robotics", "Kneading, now with two servos"),
            false => (self.username, self.label, self.bio),
        };
        let likes = self.followers * (9.0 + 20.0 * self.random(0)) * (1.0 + weeks / 90.0);
        let mood = self.random(whole(weeks * 7.0));
        let site = self.platform.as_str();
        Some(Account {
            username: username.to_owned(),
            platform: self.platform,
            display_name: display_name.to_owned(),
            bio: bio.to_owned(),
            profile_url: format!("https://{site}.example.com/@{username}"),
            stats: Stats {
                followers: if is_zero { 0 } else { whole(followers) },
                following: whole(300.0 * self.random(1)),
                videos: whole(40.0 + 400.0 * self.random(2) + 2.6 * weeks),
                likes: Some(whole(likes + 3.0 * (followers - self.followers).max(0.0))),
            },
            analytics: Analytics {
                engagement_rate: tenths(3.0 + 8.0 * self.random(3) + mood),
                virality_score: tenths(30.0 + 40.0 * self.random(4) + 6.0 * mood),
                avg_views: whole(followers * (0.2 + 0.4 * self.random(5) + 0.05 * mood)),
            },
            avatar_url: format!("https://cdn.example.com/{}.jpg", self.id),
            last_analyzed: None,
            ..Account::documented()
        })
    }

    /// Returns the factor of growth after `weeks`, which vary.
    fn grown(&self, weeks: f64, year: &Year) -> f64 {
        let viral = self::weeks(year.viral.since(year.start));
        let mut exponent = 0.0;
        let mut week = 0.0;
        while week < weeks {
            let part = (weeks - week).min(1.0);
            exponent += part * self.growth / 100.0 * (0.4 + 1.2 * self.random(10 + whole(week)));
            week += 1.0;
        }
        if self.id == VIRAL {
            let gains = VIRAL_WEEKS.iter().zip(0_i32..);
            exponent += gains
                .map(|(gain, nth)| gain * (weeks - viral - f64::from(nth)).clamp(0.0, 1.0))
                .sum::<f64>();
        }
        E.powf(exponent)
    }

    /// Returns a pseudorandom number from 0 to 1 that depends only on the account and `seed`.
    fn random(&self, seed: u64) -> f64 {
        let words = [stable_hash(self.id.as_bytes()), seed].map(u64::to_le_bytes);
        let upper = u32::try_from(stable_hash(words.as_flattened()) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / f64::from(u32::MAX)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a year of seconds is far below 2^53")]
fn weeks(seconds: i64) -> f64 {
    seconds.max(0) as f64 / WEEK as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=10^15 before the cast"
)]
fn whole(value: f64) -> u64 {
    value.clamp(0.0, 1e15) as u64
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_changes_as_the_year_has_it() {
        let year = Year::ending(Time(1_795_591_800));
        let by_id = |id: &str| *CREATORS.iter().find(|creator| creator.id == id).expect("one");
        let followers = |id: &str, time| by_id(id).at(time, &year).map(|it| it.stats.followers);
        for creator in CREATORS.iter().chain([&NEWCOMER]) {
            let first = creator.at(year.start, &year).expect("it is there").stats.followers;
            assert_eq!(first, whole(creator.followers));
            let last = creator.at(year.end, &year).map_or(0, |it| it.stats.followers);
            assert_eq!(last > first, creator.growth > 0.0 && creator.id != VANISHES, "{creator:?}");
        }
        assert_eq!(followers(VANISHES, year.vanished), None);
        assert!(followers(VANISHES, year.vanished.plus(-1)) > Some(96_000));
        assert_eq!(followers(ZERO, year.zero.0), Some(0));
        assert!(followers(ZERO, year.zero.1) > Some(402_000));
        let viral = [0, 1, 4].map(|week| followers(VIRAL, year.viral.plus(week * WEEK)));
        assert!(viral[1] > viral[0].map(|n| n * 5 / 2) && viral[2] > viral[1].map(|n| n * 2));
        let name = |time| by_id(RENAMED).at(time, &year).expect("it is there").username;
        assert_ne!(name(year.renamed), name(year.renamed.plus(-1)));
    }
}
