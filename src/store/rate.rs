//! A rate of the vendor's, as it is stored.

use rusqlite::types::Value;

/// In whole thousandths, two or three bytes for what vendors tell, where that is the same number;
/// else the eight bytes that it is. The table's own columns read both.
pub(super) fn stored(rate: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "what it became is held against it")]
    let thousandths = (rate * 1000.0).round() as i32;
    match f64::from(thousandths) / 1000.0 == rate {
        true => Value::Integer(thousandths.into()),
        false => Value::Real(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_whole_and_nothing_else_is() {
        for (rate, thousandths) in [
            (12.8, 12_800),
            (0.0, 0),
            (-0.0, 0),
            (-0.001, -1),
            (100.0, 100_000),
            (2_147_483.647, 2_147_483_647),
        ] {
            assert_eq!(stored(rate), Value::Integer(thousandths));
        }
        for rate in [0.0005, 0.1 + 0.2, 2_147_483.648, 1e300, f64::INFINITY, f64::MIN] {
            assert_eq!(stored(rate), Value::Real(rate));
        }
    }
}
