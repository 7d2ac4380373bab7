//! The accounts of the simulated vendor.

use serde::Serialize;

use crate::account::Platform;
use crate::clock::Time;

/// `data.account.stats`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Stats {
    /// Followers or subscribers.
    pub followers: u64,
    pub following: u64,
    pub videos: u64,
    /// Likes received over all videos.
    pub likes: Option<u64>,
}

impl Stats {
    /// Returns the counts as the platform shows them. YouTube rounds followers down to three
    /// significant digits, and has no likes.
    pub(super) fn as_shown_on(self, platform: Platform) -> Stats {
        match platform {
            Platform::Tiktok => self,
            Platform::Youtube => {
                Stats { followers: three_digits(self.followers), likes: None, ..self }
            }
        }
    }
}

/// `data.account.analytics`; the scales are those of the documented example.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analytics {
    /// Percent.
    pub engagement_rate: f64,
    /// 0 to 100.
    pub virality_score: f64,
    pub avg_views: u64,
}

/// The state of an account at one time.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// Without `@`.
    pub username: String,
    pub platform: Platform,
    pub display_name: String,
    pub bio: String,
    pub avatar_url: String,
    pub profile_url: String,
    pub is_verified: bool,
    /// The exact counts, before the platform rounds them.
    pub stats: Stats,
    pub analytics: Analytics,
    /// `None` means the time of the response; a fixed time simulates a cached response.
    pub last_analyzed: Option<Time>,
    /// `createdAt` of analyze: when the vendor first saw the account.
    pub created: Time,
    pub top_hashtags: Vec<String>,
    pub keywords: Vec<String>,
}

impl Account {
    /// Returns the account of the vendor's documentation. With the id `clx123abc` its response is
    /// exactly the documented one.
    pub fn documented() -> Account {
        let when = Time(1_705_401_000);
        Account {
            username: "fitnessguru".to_owned(),
            platform: Platform::Tiktok,
            display_name: "Fitness Guru".to_owned(),
            bio: "Helping you get fit one video at a time".to_owned(),
            avatar_url: "https://cdn.tiktok.com/avatar.jpg".to_owned(),
            profile_url: "https://www.tiktok.com/@fitnessguru".to_owned(),
            is_verified: true,
            stats: Stats {
                followers: 1_520_000,
                following: 252,
                videos: 348,
                likes: Some(46_500_000),
            },
            analytics: Analytics {
                engagement_rate: 12.8,
                virality_score: 79.1,
                avg_views: 920_000,
            },
            last_analyzed: Some(when),
            created: when,
            top_hashtags: vec!["#fitness".to_owned(), "#workout".to_owned()],
            keywords: vec!["fitness".to_owned(), "home workout".to_owned()],
        }
    }
}

/// Rounds down to three significant digits, as YouTube does.
fn three_digits(value: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= 1000 {
        unit *= 10;
    }
    value / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn youtube_rounds_and_has_no_likes() {
        for (followers, shown) in
            [(0, 0), (999, 999), (1_239, 1_230), (731_999, 731_000), (9_999_999, 9_990_000)]
        {
            let stats = Stats { followers, ..Account::documented().stats };
            assert_eq!(stats.as_shown_on(Platform::Tiktok), stats);
            let rounded = stats.as_shown_on(Platform::Youtube);
            assert_eq!((rounded.followers, rounded.likes), (shown, None));
        }
    }
}
