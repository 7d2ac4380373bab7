//! What one answer of the vendor says about an account.

use crate::clock::Time;

/// What an answer said of one field.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Field<T> {
    /// It was absent, or nothing that can be believed: what is stored stays.
    #[default]
    Nothing,
    /// It was `null`.
    Null,
    /// It was this.
    Value(T),
}

/// A whole number or one with a fraction, stored as it came.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    Whole(i64),
    /// With a fraction.
    Real(f64),
}

/// How the account presents itself. Stored when it changes, not with every snapshot.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Profile {
    /// `tiktok`, `youtube`.
    pub platform: Field<String>,
    /// The handle, without `@`.
    pub username: Field<String>,
    pub display_name: Field<String>,
    /// The description the account gives of itself.
    pub bio: Field<String>,
    /// Where its picture lies.
    pub avatar_url: Field<String>,
    /// Where the account lies on its platform.
    pub profile_url: Field<String>,
    /// Whether the platform vouches for it.
    pub is_verified: Field<bool>,
}

/// The numbers of one answer. `None` is what was not told, told as `null`, or not believable;
/// in the last case the original stands in `extra`.
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
    /// How the account presents itself.
    pub profile: Profile,
    /// Every other field of the answer, as JSON, each as it was written, up to
    /// [`crate::api::MAX_KEPT`]; under `_dropped` how many were over that.
    pub extra: Option<String>,
}

impl Measurement {
    /// How many bytes are kept of it besides its numbers.
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

    /// The four counts, in a fixed order.
    pub fn counts(&self) -> [Option<i64>; 4] {
        [self.followers, self.following, self.videos, self.likes]
    }
}
