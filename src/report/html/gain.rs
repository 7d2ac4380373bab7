//! A change of a count over a period.

use crate::store::AccountGrowth;

/// A change of a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gain {
    /// By how much.
    pub by: i64,
    pub from: i64,
    /// What one step in the last digit of the count is worth; 0 where it is exact.
    pub rounding: i64,
}

impl Gain {
    /// What the store's one definition says of a period; `None` where it is not known.
    pub fn of(growth: &AccountGrowth) -> Option<Gain> {
        let (by, from) = (growth.gained?, growth.base()?);
        Some(Gain { by, from, rounding: growth.rounding })
    }

    /// Whether it is less than twice what rounding makes of nothing.
    pub fn is_rough(self) -> bool {
        self.by.saturating_abs() < 2 * self.rounding
    }

    /// Tenths of a percent, rounded; `None` from nothing, and of what may be nothing.
    pub fn permille(self) -> Option<i64> {
        let (by, from) = (i128::from(self.by), i128::from(self.from));
        let is_known = from > 0 && !self.is_rough();
        is_known.then(|| i64::try_from(rounded(by * 1000, from)).unwrap_or(i64::MAX))
    }
}

/// `amount / by`, to the nearest whole, and a half away from 0, as SQLite rounds; `by` is positive.
pub(super) fn rounded(amount: i128, by: i128) -> i128 {
    (amount * 2 + by * amount.signum()) / (by * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_and_of_something() {
        let gain = |by, from, rounding| Gain { by, from, rounding };
        for (gain, permille) in [
            (gain(1, 3, 0), Some(333)),
            (gain(-1, 3, 0), Some(-333)),
            (gain(5, 0, 0), None),
            (gain(-10_000, 1_230_000, 10_000), None),
            (gain(20_000, 1_000_000, 10_000), Some(20)),
        ] {
            assert_eq!(gain.permille(), permille, "{gain:?}");
        }
    }
}
