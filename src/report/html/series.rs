//! An account's readings in chronological order.
//!
//! Only measured values count: those that are neither absent nor suspect. A rate uses the time
//! between its own two readings, so a gap in the history is a longer step and never a spike.

use crate::clock::Time;
use crate::store::Reading;

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
}

/// A measured count and its time.
pub(super) type Measured = (Time, i64);

/// An account's readings in chronological order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Series(Vec<Reading>);

impl Series {
    /// Sorts the readings, which a clock that was set back may have left out of order.
    pub fn new(mut readings: Vec<Reading>) -> Series {
        readings.sort_by_key(|reading| reading.time);
        Series(readings)
    }

    pub fn readings(&self) -> &[Reading] {
        &self.0
    }

    pub fn has(&self, metric: Metric) -> bool {
        self.0.iter().any(|reading| metric.is_reported(reading))
    }

    pub fn followers(&self) -> Vec<Measured> {
        self.measured(|reading| reading.followers)
    }

    pub fn likes(&self) -> Vec<Measured> {
        self.measured(|reading| reading.likes)
    }

    fn measured(&self, count: impl Fn(&Reading) -> Option<i64>) -> Vec<Measured> {
        let trusted = self.0.iter().filter(|reading| !reading.is_suspect);
        trusted.filter_map(|reading| Some((reading.time, count(reading)?))).collect()
    }

    /// Returns the newest measured engagement rate.
    pub fn engagement(&self) -> Option<f64> {
        let mut trusted = self.0.iter().rev().filter(|reading| !reading.is_suspect);
        trusted.find_map(|reading| reading.engagement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn reading(day: i64, followers: Option<i64>, is_suspect: bool) -> Reading {
        Reading { time: Time(day * DAY), followers, likes: None, engagement: None, is_suspect }
    }

    fn counts(days: &[(i64, i64)]) -> Vec<Measured> {
        days.iter().map(|&(day, count)| (Time(day * DAY), count)).collect()
    }

    #[test]
    fn a_suspect_or_absent_value_is_not_measured() {
        let series = Series::new(vec![
            reading(14, Some(30), false),
            reading(0, Some(10), false),
            reading(7, Some(20), false),
            reading(21, Some(0), true),
            reading(28, Some(50), false),
            reading(35, None, false),
            reading(38, Some(60), false),
        ]);
        assert_eq!(series.followers(), counts(&[(0, 10), (7, 20), (14, 30), (28, 50), (38, 60)]));
        assert!(series.has(Metric::Followers) && !series.has(Metric::Likes));
    }
}
