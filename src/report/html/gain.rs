//! A change of a count over a period.

use crate::store::AccountGrowth;

/// A change of a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gain {
    pub by: i64,
    /// The count at the beginning of the period.
    pub from: i64,
    /// The value of one step in the count's last digit; 0 if the count is exact.
    pub rounding: i64,
}

impl Gain {
    /// Returns the gain as the store defines it, or `None` if it is not known.
    pub fn of(growth: &AccountGrowth) -> Option<Gain> {
        let (by, from) = (growth.gained?, growth.base()?);
        Some(Gain { by, from, rounding: growth.rounding })
    }

    /// Returns whether it may be due to rounding alone: less than two steps in the last digit.
    pub fn is_rough(self) -> bool {
        self.by.saturating_abs() < 2 * self.rounding
    }

    /// Returns the gain in tenths of a percent, rounded, or `None` if it is rough or starts from 0.
    pub fn permille(self) -> Option<i64> {
        let (by, from) = (i128::from(self.by), i128::from(self.from));
        let is_known = from > 0 && !self.is_rough();
        is_known.then(|| i64::try_from(rounded(by * 1000, from)).unwrap_or(i64::MAX))
    }
}

/// Returns `amount / by`, rounded to the nearest integer, and halves away from 0, as in SQLite. `by`
/// must be positive.
pub(super) fn rounded(amount: i128, by: i128) -> i128 {
    (amount * 2 + by * amount.signum()) / (by * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_and_needs_a_base() {
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
