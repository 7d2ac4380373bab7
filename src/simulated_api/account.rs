//! The accounts of a simulated world, and how they grow.

use serde::{Serialize, Serializer};

use super::behaviour;
use crate::clock::{Now, Time};
use crate::schedule::stable_hash;

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
    /// Accounts followed.
    pub following: u64,
    /// Videos published.
    pub videos: u64,
    /// Likes received over all videos; always null for YouTube.
    pub likes: Option<u64>,
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

/// What changes from one refresh to the next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Growth {
    /// Percent a refresh, over -100.
    pub followers: f64,
    /// Percent a refresh.
    pub likes: f64,
    /// Videos a refresh.
    pub videos: u64,
}

impl Growth {
    /// Every answer is the first one again.
    pub const NONE: Growth = Growth { followers: 0.0, likes: 0.0, videos: 0 };

    /// Followers by this percentage a refresh. Likes follow but never shrink, and there are
    /// three new videos a week.
    pub fn percent(followers: f64) -> Growth {
        Growth { followers, likes: (followers * 0.8).max(0.2), videos: 3 }
    }
}

/// An account as it was when it was first asked for, and what becomes of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    /// Without `@`.
    pub username: String,
    /// Where.
    pub platform: Platform,
    /// As shown.
    pub display_name: String,
    /// As shown.
    pub bio: String,
    /// The picture.
    pub avatar_url: String,
    /// The account's page.
    pub profile_url: String,
    /// The platform's mark.
    pub is_verified: bool,
    /// The first refresh's.
    pub stats: Stats,
    /// The first refresh's.
    pub analytics: Analytics,
    /// From then on.
    pub growth: Growth,
    /// None is the time of the answer; a fixed one is an answer out of a cache.
    pub last_analyzed: Option<Time>,
    /// `createdAt` of analyze: since when the vendor knows the account.
    pub created: Time,
    /// Of analyze.
    pub top_hashtags: Vec<String>,
    /// Of analyze.
    pub keywords: Vec<String>,
}

impl Account {
    /// The account of the vendor's documentation, which never changes: as `clx123abc`
    /// its answer is the documented one to the letter.
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
            growth: Growth::NONE,
            last_analyzed: Some(when),
            created: when,
            top_hashtags: vec!["#fitness".to_owned(), "#workout".to_owned()],
            keywords: vec!["fitness".to_owned(), "home workout".to_owned()],
        }
    }

    /// An invented account for an id, the same each time: named like the id, on YouTube if
    /// the id begins with `yt`, between a thousand and three million followers, growing.
    pub fn invented(id: &str) -> Account {
        let hash = noise(id, 0);
        let followers = count(10_f64.powf(3.0 + 3.5 * share(hash)));
        let youtube = id.starts_with("yt");
        let site = if youtube { "youtube" } else { "tiktok" };
        Account {
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
            growth: Growth::percent(tenths(0.3 + 3.0 * share(noise(id, 3)))),
            last_analyzed: None,
            created: Time(1_704_067_200),
            top_hashtags: vec!["#invented".to_owned()],
            keywords: vec!["invented".to_owned()],
        }
    }

    /// The answer to the refresh after `step` others, as JSON; with the three more fields of
    /// analyze if `analyzed`.
    pub(super) fn answer(&self, id: &str, step: u32, now: Now, analyzed: bool) -> Vec<u8> {
        let (stats, analytics) = self.figures(id, step);
        behaviour::to_json(&Success {
            success: true,
            message: match analyzed {
                true => "Account analyzed successfully",
                false => "Account refreshed successfully",
            },
            data: Data {
                account: Profile {
                    id,
                    username: &self.username,
                    platform: self.platform,
                    display_name: &self.display_name,
                    bio: &self.bio,
                    avatar_url: &self.avatar_url,
                    is_verified: self.is_verified,
                    stats,
                    analytics,
                    last_analyzed: self.last_analyzed.unwrap_or(now.time()),
                    profile_url: &self.profile_url,
                    analyzed: analyzed.then_some(Analyzed {
                        top_hashtags: &self.top_hashtags,
                        keywords: &self.keywords,
                        created_at: self.created,
                    }),
                },
            },
        })
    }

    /// The counts after `step` refreshes. They go by the first ones and the number of the
    /// refresh alone, so that any run over the same world sees the same numbers.
    fn figures(&self, id: &str, step: u32) -> (Stats, Analytics) {
        let shift = match step {
            0 => 0.0,
            _ => share(noise(id, step.into())) - 0.5,
        };
        // Noise moves an answer along its own curve by under half a refresh, so that one that
        // grows never falls.
        let weeks = f64::from(step) + 0.8 * shift;
        let grown = |start, percent: f64| scaled(start, (1.0 + percent / 100.0).powf(weeks));
        let restless = if self.growth == Growth::NONE { 0.0 } else { shift };

        let Stats { followers, following, videos, likes } = self.stats;
        let followers = grown(followers, self.growth.followers);
        let stats = Stats {
            followers: match self.platform {
                Platform::Tiktok => followers,
                Platform::Youtube => three_digits(followers),
            },
            following,
            videos: videos.saturating_add(self.growth.videos.saturating_mul(step.into())),
            likes: match self.platform {
                Platform::Tiktok => likes.map(|likes| grown(likes, self.growth.likes)),
                Platform::Youtube => None,
            },
        };
        let Analytics { engagement_rate, virality_score, avg_views } = self.analytics;
        let analytics = Analytics {
            engagement_rate: tenths(engagement_rate * (1.0 + 0.1 * restless)),
            virality_score: tenths((virality_score * (1.0 + 0.1 * restless)).min(100.0)),
            avg_views: scaled(grown(avg_views, self.growth.followers), 1.0 + 0.2 * restless),
        };
        (stats, analytics)
    }
}

#[derive(Serialize)]
struct Success<'a> {
    success: bool,
    message: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    account: Profile<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    id: &'a str,
    username: &'a str,
    platform: Platform,
    display_name: &'a str,
    bio: &'a str,
    avatar_url: &'a str,
    is_verified: bool,
    stats: Stats,
    analytics: Analytics,
    #[serde(serialize_with = "as_text")]
    last_analyzed: Time,
    profile_url: &'a str,
    #[serde(flatten)]
    analyzed: Option<Analyzed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Analyzed<'a> {
    top_hashtags: &'a [String],
    keywords: &'a [String],
    #[serde(serialize_with = "as_text")]
    created_at: Time,
}

fn as_text<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// A number that looks random, the same for an id and a place at all times.
fn noise(id: &str, place: u64) -> u64 {
    let [id, place] = [stable_hash(id.as_bytes()), place].map(u64::to_le_bytes);
    stable_hash([id, place].as_flattened())
}

/// A hash as a number from 0 to 1.
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

    fn followers(id: &str, account: &Account) -> Vec<u64> {
        (0..60).map(|step| account.figures(id, step).0.followers).collect()
    }

    fn growing(percent: f64) -> Account {
        Account { growth: Growth::percent(percent), ..Account::documented() }
    }

    #[test]
    fn the_documented_answer_is_given_to_the_letter_every_time() {
        let documented = concat!(
            r#"{"success":true,"message":"Account refreshed successfully","data":{"account":{"#,
            r#""id":"clx123abc","username":"fitnessguru","platform":"tiktok","#,
            r#""displayName":"Fitness Guru","bio":"Helping you get fit one video at a time","#,
            r#""avatarUrl":"https://cdn.tiktok.com/avatar.jpg","isVerified":true,"#,
            r#""stats":{"followers":1520000,"following":252,"videos":348,"likes":46500000},"#,
            r#""analytics":{"engagementRate":12.8,"viralityScore":79.1,"avgViews":920000},"#,
            r#""lastAnalyzed":"2024-01-16T10:30:00Z","#,
            r#""profileUrl":"https://www.tiktok.com/@fitnessguru"}}}"#
        );
        let account = Account::documented();
        for step in [0, 1, 500] {
            let answer = account.answer("clx123abc", step, Now(0), false);
            assert_eq!(String::from_utf8(answer).unwrap(), documented);
        }
        let growing = Account { growth: Growth::percent(5.0), ..account };
        assert_eq!(growing.answer("clx123abc", 0, Now(0), false), documented.as_bytes());
        assert_ne!(growing.answer("clx123abc", 1, Now(0), false), documented.as_bytes());
    }

    #[test]
    fn analyze_answers_three_more_fields() {
        let answer = Account::documented().answer("clx123abc", 0, Now(0), true);
        let answer = String::from_utf8(answer).unwrap();
        let end = concat!(
            r#""profileUrl":"https://www.tiktok.com/@fitnessguru","#,
            r##""topHashtags":["#fitness","#workout"],"keywords":["fitness","home workout"],"##,
            r#""createdAt":"2024-01-16T10:30:00Z"}}}"#
        );
        assert!(answer.ends_with(end), "{answer}");
    }

    #[test]
    fn who_grows_never_falls_and_who_shrinks_never_rises() {
        for number in 0..200 {
            let id = format!("a{number}");
            let account = Account::invented(&id);
            let series = followers(&id, &account);
            assert!(series.is_sorted() && series[59] > series[0], "{account:?}: {series:?}");
            let (first, last) = (account.figures(&id, 0).0, account.figures(&id, 59).0);
            assert!(last.likes > first.likes && last.videos > first.videos);
        }
        let mut shrinking = followers("v", &growing(-3.2));
        shrinking.reverse();
        assert!(shrinking.is_sorted() && shrinking[0] < shrinking[59]);
        let huge = growing(90.0);
        assert_eq!(huge.figures("h", u32::MAX).0.followers, 1_000_000_000_000_000);
    }

    #[test]
    fn growth_is_noisy_but_the_same_each_time() {
        let account = growing(24.0);
        let series = followers("t", &account);
        assert_eq!(series, followers("t", &account));
        let steps: Vec<u64> = series.windows(2).map(|pair| pair[1] * 1000 / pair[0]).collect();
        assert!(steps.iter().min() < steps.iter().max());
        assert!(series[10] > 4 * series[0]);
    }

    #[test]
    fn youtube_rounds_and_has_no_likes() {
        assert_eq!([0, 999, 1_239, 731_999, 9_999_999].map(three_digits), {
            [0, 999, 1_230, 731_000, 9_990_000]
        });
        let tube = Account { platform: Platform::Youtube, ..growing(0.6) };
        let (stats, _) = tube.figures("y", 7);
        assert_eq!((stats.likes, stats.followers % 10_000), (None, 0));
    }
}
