//! The budget: a hard cap on the calls of a UTC day, week or month.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::clock::Time;
use crate::config::{Budget, Period};

const DAY: i64 = 24 * 3600;

/// A budget period, in UTC days since 1970: `from ≤ day < to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days1970 {
    pub from: i64,
    /// The first day after the period.
    pub to: i64,
}

impl Days1970 {
    /// Returns when the next period begins.
    pub fn end(self) -> Time {
        Time(self.to.saturating_mul(DAY))
    }
}

impl Budget {
    /// Returns the budget period that contains `now`. A week begins on Monday.
    pub fn period(&self, now: Time) -> Days1970 {
        let today = now.utc().date();
        let (first, length) = match self.per {
            Period::Day => (today, 1.day()),
            Period::Week => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                (today.saturating_sub(since_monday.days()), 1.week())
            }
            Period::Month => (today.first_of_month(), 1.month()),
        };
        let next = first.checked_add(length).ok();
        Days1970 { from: day(first), to: next.map_or(i64::MAX, day) }
    }

    /// Returns how many more calls the budget allows after `spent` of them.
    pub fn room(&self, spent: u64) -> u64 {
        self.refreshes.saturating_sub(spent)
    }
}

fn day(day: Date) -> i64 {
    day.duration_since(date(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_never_negative() {
        let budget = Budget { refreshes: 10, per: Period::Day, manual: None };
        assert_eq!([0, 9, 10, 11].map(|spent| budget.room(spent)), [10, 1, 0, 0]);
    }

    #[test]
    fn a_period_contains_now_and_ends_where_the_next_begins() {
        let at = |text: &str| text.parse::<Time>().expect("a time");
        for (per, now, end) in [
            (Period::Day, "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"),
            (Period::Week, "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"),
            (Period::Week, "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
            (Period::Month, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
            (Period::Month, "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Day, "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
            (Period::Week, "1969-12-28T23:59:59Z", "1969-12-29T00:00:00Z"),
        ] {
            let period = Budget { refreshes: 1, per, manual: None }.period(at(now));
            assert_eq!(period.end(), at(end), "{per:?} {now}");
            assert!(period.from * DAY <= at(now).0 && at(now) < period.end());
        }
    }
}
