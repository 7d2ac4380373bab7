//! The numbers and the profile in one response of the vendor.

use crate::clock::Time;

/// A profile field of a response.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Field<T> {
    /// Absent, or not credible: the stored value stays.
    #[default]
    Nothing,
    Null,
    Value(T),
}

/// A number, stored as an integer or a real as it was received.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Whole(i64),
    Real(f64),
}

/// The account's own description of itself. Stored when it changes, not with every snapshot.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Profile {
    /// `tiktok`, `youtube`.
    pub platform: Field<String>,
    /// The handle, without `@`.
    pub username: Field<String>,
    pub display_name: Field<String>,
    pub bio: Field<String>,
    pub avatar_url: Field<String>,
    pub profile_url: Field<String>,
    pub is_verified: Field<bool>,
}

/// The numbers of one response. `None` if a number was absent, `null`, or not credible; in the last
/// case the original is in `extra`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Measurement {
    /// Followers (subscribers).
    pub followers: Option<i64>,
    pub following: Option<i64>,
    pub videos: Option<i64>,
    pub likes: Option<i64>,
    /// The vendor's engagement rate, on the vendor's scale.
    pub engagement_rate: Option<f64>,
    /// The vendor's virality score, on the vendor's scale.
    pub virality_score: Option<f64>,
    /// Average views of a video.
    pub avg_views: Option<Number>,
    /// When the vendor last scraped the platform.
    pub analyzed: Option<Time>,
    pub profile: Profile,
    /// All other fields of the response, verbatim, as one JSON object of up to
    /// [`crate::api::MAX_KEPT`]; its `_dropped` counts those that exceeded the limit.
    pub extra: Option<String>,
}

impl Measurement {
    /// Returns the size of the texts and of `extra`, in bytes.
    pub fn kept_bytes(&self) -> usize {
        let Profile { platform, username, display_name, bio, avatar_url, profile_url, .. } =
            &self.profile;
        let texts = [platform, username, display_name, bio, avatar_url, profile_url];
        let length = |text: &Field<String>| match text {
            Field::Value(text) => text.len(),
            Field::Nothing | Field::Null => 0,
        };
        texts.into_iter().map(length).sum::<usize>() + self.extra.as_ref().map_or(0, String::len)
    }

    /// Returns followers, following, videos and likes, in that order.
    pub fn counts(&self) -> [Option<i64>; 4] {
        [self.followers, self.following, self.videos, self.likes]
    }
}
