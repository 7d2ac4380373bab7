//! An account of the simulated vendor's.

use serde::Serialize;

use crate::clock::Time;

/// Where a creator publishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Shows every count as it is.
    Tiktok,
    /// Rounds followers down to three significant digits and has no likes.
    Youtube,
}

impl Platform {
    /// By the name the API uses.
    pub(super) fn named(name: &str) -> Option<Platform> {
        match name {
            "tiktok" => Some(Platform::Tiktok),
            "youtube" => Some(Platform::Youtube),
            _ => None,
        }
    }
}

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
    /// What the platform shows of them.
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
    /// Views a video.
    pub avg_views: u64,
}

/// An account at one time.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// Without `@`.
    pub username: String,
    /// Where it is.
    pub platform: Platform,
    /// The name that the platform shows.
    pub display_name: String,
    /// What it says of itself.
    pub bio: String,
    pub avatar_url: String,
    /// The account's page.
    pub profile_url: String,
    /// Whether it has the platform's mark.
    pub is_verified: bool,
    /// Its counts, before the platform rounds them.
    pub stats: Stats,
    pub analytics: Analytics,
    /// `None` is the time of the answer; a fixed one is an answer out of a cache.
    pub last_analyzed: Option<Time>,
    /// `createdAt` of analyze: since when the vendor knows the account.
    pub created: Time,
    pub top_hashtags: Vec<String>,
    pub keywords: Vec<String>,
}

impl Account {
    /// The account of the vendor's documentation: as `clx123abc` its answer is the documented one
    /// to the letter.
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
