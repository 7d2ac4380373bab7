//! Invented accounts and their growth.

use growthd::account::Platform;
use growthd::clock::Time;
use growthd::schedule::stable_hash;
use growthd::simulated_api::{Account, Analytics, Stats};

/// The changes from one refresh to the next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Growth {
    /// In percent per refresh, over -100.
    pub followers: f64,
    /// In percent per refresh.
    pub likes: f64,
    /// Per refresh.
    pub videos: u64,
}

impl Growth {
    /// Makes every response the same as the first.
    pub const NONE: Growth = Growth { followers: 0.0, likes: 0.0, videos: 0 };

    /// Grows followers by this percentage per refresh. Likes follow but never shrink, and there are
    /// three new videos a week.
    pub fn percent(followers: f64) -> Growth {
        Growth { followers, likes: (followers * 0.8).max(0.2), videos: 3 }
    }

    /// Returns the account after `step` refreshes. Its counts depend only on the first ones and on
    /// `step`, so that any run over the same world has the same numbers.
    pub fn age(self, id: &str, account: Account, step: u32) -> Account {
        let shift = match step {
            0 => 0.0,
            _ => share(noise(id, step.into())) - 0.5,
        };
        // Noise moves the counts along their curve by under half a refresh, so that a growing
        // account never falls.
        let weeks = f64::from(step) + 0.8 * shift;
        let grown = |start, percent: f64| scaled(start, (1.0 + percent / 100.0).powf(weeks));
        let restless = if self == Growth::NONE { 0.0 } else { shift };
        let Stats { followers, following, videos, likes } = account.stats;
        let Analytics { engagement_rate, virality_score, avg_views } = account.analytics;
        Account {
            stats: Stats {
                followers: grown(followers, self.followers),
                following,
                videos: videos.saturating_add(self.videos.saturating_mul(step.into())),
                likes: likes.map(|likes| grown(likes, self.likes)),
            },
            analytics: Analytics {
                engagement_rate: tenths(engagement_rate * (1.0 + 0.1 * restless)),
                virality_score: tenths((virality_score * (1.0 + 0.1 * restless)).min(100.0)),
                avg_views: scaled(grown(avg_views, self.followers), 1.0 + 0.2 * restless),
            },
            ..account
        }
    }
}

/// Returns an invented account for an id, always the same: named like the id, on YouTube if the id
/// begins with `yt`, growing, with between a thousand and three million followers.
pub fn invented(id: &str) -> (Account, Growth) {
    let hash = noise(id, 0);
    let followers = count(10_f64.powf(3.0 + 3.5 * share(hash)));
    let youtube = id.starts_with("yt");
    let site = if youtube { "youtube" } else { "tiktok" };
    let account = Account {
        username: id.to_owned(),
        platform: if youtube { Platform::Youtube } else { Platform::Tiktok },
        display_name: format!("Creator {id}"),
        bio: format!("Invented for {id}"),
        avatar_url: format!("https://cdn.example.com/{id}.jpg"),
        profile_url: format!("https://{site}.example.com/@{id}"),
        is_verified: hash.is_multiple_of(3),
        stats: Stats {
            followers,
            following: hash % 900,
            videos: 20 + hash % 700,
            likes: Some(followers.saturating_mul(5 + hash % 40)),
        },
        analytics: Analytics {
            engagement_rate: tenths(1.0 + 14.0 * share(noise(id, 1))),
            virality_score: tenths(100.0 * share(noise(id, 2))),
            avg_views: followers / 2 + 1,
        },
        last_analyzed: None,
        created: Time(1_704_067_200),
        top_hashtags: vec!["#invented".to_owned()],
        keywords: vec!["invented".to_owned()],
    };
    (account, Growth::percent(tenths(0.3 + 3.0 * share(noise(id, 3)))))
}

/// Returns a pseudorandom number that depends only on an id and a place.
fn noise(id: &str, place: u64) -> u64 {
    let [id, place] = [stable_hash(id.as_bytes()), place].map(u64::to_le_bytes);
    stable_hash([id, place].as_flattened())
}

/// Scales a hash to a number from 0 to 1.
fn share(hash: u64) -> f64 {
    let upper = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
    f64::from(upper) / f64::from(u32::MAX)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are nobody's")]
fn scaled(start: u64, factor: f64) -> u64 {
    count(start as f64 * factor)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held to 0..=10^15 before the cast"
)]
fn count(value: f64) -> u64 {
    value.round().clamp(0.0, 1e15) as u64
}
