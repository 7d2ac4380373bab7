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

    fn is_measured(self, reading: &Reading) -> bool {
        !reading.is_suspect && self.is_reported(reading)
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

    /// Returns the indices of the readings that follow a gap in the metric, by the rule of the view
    /// `gaps`: a distance to the previous measured reading of over 1.5 times its interval (else
    /// this one's, else `default`), in seconds.
    pub fn breaks(&self, metric: Metric, default: i64) -> Vec<usize> {
        let measured = self.0.iter().enumerate().filter(|(_, reading)| metric.is_measured(reading));
        let measured: Vec<(usize, &Reading)> = measured.collect();
        let pairs = measured.windows(2).filter_map(|pair| {
            let &[(_, before), (index, reading)] = pair else { return None };
            let interval = before.interval.or(reading.interval).unwrap_or(default);
            let distance = reading.time.since(before.time);
            let is_gap = interval > 0 && distance.saturating_mul(2) > interval.saturating_mul(3);
            is_gap.then_some(index)
        });
        pairs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn reading(day: i64, followers: Option<i64>, is_suspect: bool) -> Reading {
        Reading {
            time: Time(day * DAY),
            followers,
            likes: None,
            engagement: None,
            is_suspect,
            interval: Some(7 * DAY),
        }
    }

    fn counts(days: &[(i64, i64)]) -> Vec<Measured> {
        days.iter().map(|&(day, count)| (Time(day * DAY), count)).collect()
    }

    #[test]
    fn a_gap_depends_on_the_interval_that_was_to_follow() {
        let every = |day: i64, interval: i64| Reading {
            interval: Some(interval * DAY),
            ..reading(day, Some(day), false)
        };
        // Mondays to Fridays, without a Thursday.
        let week = [(0, 1), (1, 1), (2, 1), (4, 3), (7, 1), (8, 1)];
        let series = Series::new(week.map(|(day, interval)| every(day, interval)).to_vec());
        assert_eq!(series.breaks(Metric::Followers, 0), [3]);
    }

    #[test]
    fn a_suspect_or_absent_value_is_not_measured_and_a_gap_is_a_break() {
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
        assert_eq!(series.breaks(Metric::Followers, 0), [4]);
        assert!(series.breaks(Metric::Likes, 0).is_empty() && !series.has(Metric::Likes));
    }
}
