//! An account's readings, for charts and for its newest values.

use crate::clock::Time;
use crate::store::{Reading, Suspect};

/// A value of a snapshot that is charted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Metric {
    Followers,
    Likes,
    Engagement,
}

impl Metric {
    pub const ALL: [Metric; 3] = [Metric::Followers, Metric::Likes, Metric::Engagement];

    pub fn title(self) -> &'static str {
        match self {
            Metric::Followers => "Followers",
            Metric::Likes => "Likes",
            Metric::Engagement => "Engagement rate",
        }
    }

    pub fn is_reported(self, reading: &Reading) -> bool {
        match self {
            Metric::Followers => reading.followers.is_some(),
            Metric::Likes => reading.likes.is_some(),
            Metric::Engagement => reading.engagement.is_some(),
        }
    }

    pub fn is_suspect(self, reading: &Reading) -> bool {
        match reading.suspect {
            Suspect::Nothing => false,
            Suspect::Likes => self == Metric::Likes,
            Suspect::Everything => true,
        }
    }
}

/// A measured count and its time.
pub(super) type Measured = (Time, i64);

/// An account's readings in chronological order. That of its refreshes, which decides what is first
/// and newest, differs if the clock was set back.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Series {
    readings: Vec<Reading>,
    first: Option<Measured>,
    likes: Option<i64>,
    engagement: Option<f64>,
}

impl Series {
    /// Takes the readings in the order of refreshes.
    pub fn new(mut readings: Vec<Reading>) -> Series {
        let trusted =
            |metric: Metric| readings.iter().filter(move |reading| !metric.is_suspect(reading));
        let first = trusted(Metric::Followers).find_map(|r| Some((r.time, r.followers?)));
        let likes = trusted(Metric::Likes).rev().find_map(|reading| reading.likes);
        let engagement = trusted(Metric::Engagement).rev().find_map(|reading| reading.engagement);
        readings.sort_by_key(|reading| reading.time);
        Series { readings, first, likes, engagement }
    }

    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    pub fn has(&self, metric: Metric) -> bool {
        self.readings.iter().any(|reading| metric.is_reported(reading))
    }

    /// Returns the first measured followers in the order of refreshes.
    pub fn first(&self) -> Option<Measured> {
        self.first
    }

    /// Returns the newest measured likes in the order of refreshes.
    pub fn newest_likes(&self) -> Option<i64> {
        self.likes
    }

    /// Returns the newest measured engagement rate in the order of refreshes.
    pub fn engagement(&self) -> Option<f64> {
        self.engagement
    }

    pub fn followers(&self) -> Vec<Measured> {
        let trusted = self.readings.iter().filter(|reading| !Metric::Followers.is_suspect(reading));
        trusted.filter_map(|reading| Some((reading.time, reading.followers?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn reading(day: i64, followers: Option<i64>, suspect: Suspect) -> Reading {
        Reading { time: Time(day * DAY), followers, likes: None, engagement: None, suspect }
    }

    fn counts(days: &[(i64, i64)]) -> Vec<Measured> {
        days.iter().map(|&(day, count)| (Time(day * DAY), count)).collect()
    }

    #[test]
    fn a_suspect_or_absent_value_is_not_measured() {
        let series = Series::new(vec![
            reading(14, Some(30), Suspect::Nothing),
            reading(0, Some(10), Suspect::Nothing),
            reading(7, Some(20), Suspect::Nothing),
            reading(21, Some(0), Suspect::Everything),
            reading(28, Some(50), Suspect::Nothing),
            reading(35, None, Suspect::Nothing),
            reading(38, Some(60), Suspect::Nothing),
        ]);
        assert_eq!(series.followers(), counts(&[(0, 10), (7, 20), (14, 30), (28, 50), (38, 60)]));
        assert!(series.has(Metric::Followers) && !series.has(Metric::Likes));
    }

    #[test]
    fn suspect_likes_are_reported_and_only_they_are_not_measured() {
        let at = |day, likes, suspect| Reading {
            likes: Some(likes),
            engagement: Some(1.5),
            ..reading(day, Some(10), suspect)
        };
        let series = Series::new(vec![at(0, 500, Suspect::Nothing), at(7, 0, Suspect::Likes)]);
        assert_eq!(series.newest_likes(), Some(500));
        assert_eq!(series.followers(), counts(&[(0, 10), (7, 10)]));
        let newest = series.readings()[1];
        let suspect = Metric::ALL.map(|metric| metric.is_suspect(&newest));
        assert_eq!((newest.likes, suspect), (Some(0), [false, true, false]));
    }

    #[test]
    fn the_newest_values_are_those_of_the_last_refresh_whatever_the_clock() {
        let at = |day, likes| Reading {
            likes: Some(likes),
            engagement: Some(f64::from(u32::try_from(likes).expect("small"))),
            ..reading(day, Some(likes * 10), Suspect::Nothing)
        };
        let series = Series::new(vec![at(50, 1), at(14, 2), at(7, 3)]);
        assert_eq!(series.newest_likes(), Some(3));
        assert_eq!(series.engagement(), Some(3.0));
        assert_eq!(series.first(), Some((Time(50 * DAY), 10)));
        assert_eq!(series.followers(), counts(&[(7, 30), (14, 20), (50, 10)]));
    }
}
