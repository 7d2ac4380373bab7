//! A count at the start of each week or month.

use crate::clock::Time;
use crate::store::Boundary;

/// 1970-01-05, a Monday.
const FIRST_MONDAY: i64 = 4 * 86_400;
const WEEK: i64 = 7 * 86_400;

/// The values at consecutive boundaries, from the first known one to the last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Steps {
    /// The number of the first boundary.
    pub first: i64,
    /// `None` where a value between two known ones is unknown.
    pub values: Vec<Option<i64>>,
    /// The boundaries from which the values are rounded to another unit, and that unit. Before the first
    /// they are exact.
    pub roundings: Vec<(i64, i64)>,
}

impl Steps {
    /// Returns the number of the week that begins at `time`, counted from 5 January 1970.
    pub fn week(time: Time) -> i64 {
        (time.0 - FIRST_MONDAY).div_euclid(WEEK)
    }

    /// Returns the number of the month that begins at `time`, counted from January of the year 0.
    pub fn month(time: Time) -> i64 {
        let date = time.utc();
        i64::from(date.year()) * 12 + i64::from(date.month()) - 1
    }

    /// Appends the value at a later boundary.
    pub fn push(&mut self, boundary: i64, value: Boundary) {
        if self.values.is_empty() {
            self.first = boundary;
        }
        let index = usize::try_from(boundary - self.first).unwrap_or(0);
        self.values.resize(index.max(self.values.len()), None);
        self.values.push(Some(value.followers));
        if self.roundings.last().map_or(0, |&(_, unit)| unit) != value.rounding {
            self.roundings.push((boundary, value.rounding));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_numbered_and_a_missing_one_is_none() {
        let monday = |days: i64| Steps::week(Time(days * 86_400));
        assert_eq!([monday(4), monday(11), monday(20_000 - 20_000 % 7 + 4)], [0, 1, 2857]);
        assert_eq!(Steps::month(Time(0)), 1970 * 12);
        let mut steps = Steps::default();
        for (boundary, followers, rounding) in [(7, 100, 0), (8, 110, 10), (10, 140, 10)] {
            steps.push(boundary, Boundary { followers, rounding });
        }
        let values = vec![Some(100), Some(110), None, Some(140)];
        assert_eq!(steps, Steps { first: 7, values, roundings: vec![(8, 10)] });
    }
}
