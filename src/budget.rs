//! What may still be spent: a hard cap for a UTC day, week or month.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::clock::Time;
use crate::config::{Budget, Period};

const DAY: i64 = 24 * 3600;

/// The period around a moment, as UTC days since 1970: `from ≤ day < to`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days1970 {
    /// The period's first day.
    pub from: i64,
    /// The first day after it.
    pub to: i64,
}

impl Days1970 {
    /// When the next period begins.
    pub fn end(self) -> Time {
        Time(self.to.saturating_mul(DAY))
    }
}

impl Budget {
    /// The budget's period around `now`. A week begins on Monday.
    pub fn period(&self, now: Time) -> Days1970 {
        let today = now.date_time().date_naive();
        let (first, next) = match self.per {
            Period::Day => (today, today.checked_add_days(Days::new(1))),
            Period::Week => {
                let monday = today.week(chrono::Weekday::Mon).first_day();
                (monday, monday.checked_add_days(Days::new(7)))
            }
            Period::Month => {
                let first = today.with_day(1).unwrap_or(today);
                (first, first.checked_add_months(Months::new(1)))
            }
        };
        Days1970 { from: day(first), to: next.map_or(i64::MAX, day) }
    }

    /// How many more calls people may ask for beside the `spent` ones that they asked for.
    pub fn manual_room(&self, spent: u64) -> u64 {
        self.manual.map_or(u64::MAX, |manual| manual.saturating_sub(spent))
    }

    /// How many calls fit beside the `spent` ones.
    pub fn room(&self, spent: u64) -> u64 {
        self.refreshes.saturating_sub(spent)
    }
}

fn day(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_holds_its_moment_and_ends_where_the_next_begins() {
        let at = |text: &str| {
            Time(chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp())
        };
        for (per, now, end) in [
            (Period::Day, "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"),
            (Period::Week, "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"),
            (Period::Week, "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"),
            (Period::Month, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
            (Period::Month, "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"),
            (Period::Day, "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
        ] {
            let period = Budget { refreshes: 1, per, manual: None }.period(at(now));
            assert_eq!(period.end(), at(end), "{per:?} {now}");
            assert!(period.from * DAY <= at(now).0 && at(now) < period.end());
        }
    }
}
