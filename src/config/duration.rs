//! Lengths of time as people write them.

use std::fmt;
use std::str::FromStr;

/// The longest length of time accepted, in seconds: ten years of 365 days.
pub const LONGEST: i64 = 3650 * 86_400;

/// Seconds in each unit, the longest first.
const UNITS: [(char, i64); 5] =
    [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A length of time in whole seconds, from none to 3650 days, written `90s`, `15m`, `6h`,
/// `30d` or `2w`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span(i64);

/// Why a text is not a length of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSpan {
    /// Not a whole number with a unit behind it.
    #[error("is not a number followed by a unit (s, m, h, d or w)")]
    Shape,
    /// Over 3650 days.
    #[error("is longer than {}", Span(LONGEST))]
    TooLong,
}

impl Span {
    /// The length in seconds.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// A length of so many seconds, held between none and 3650 days.
    pub fn of_seconds(seconds: i64) -> Span {
        Span(seconds.clamp(0, LONGEST))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Span, InvalidSpan> {
        let (unit, seconds) = UNITS
            .iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)))
            .ok_or(InvalidSpan::Shape)?;
        if unit.is_empty() || !unit.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidSpan::Shape);
        }
        // Only digits are left, so that a number which does not parse is too large.
        let count: i64 = unit.parse().map_err(|_| InvalidSpan::TooLong)?;
        match count.checked_mul(*seconds) {
            Some(total) if total <= LONGEST => Ok(Span(total)),
            _ => Err(InvalidSpan::TooLong),
        }
    }
}

/// In the largest unit that says it exactly; weeks are written as days.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, seconds) = UNITS[1..]
            .iter()
            .find(|(_, seconds)| self.0 != 0 && self.0 % seconds == 0)
            .unwrap_or(&('s', 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        for (text, read) in [
            ("0s", Ok(0)),
            ("90s", Ok(90)),
            ("15m", Ok(900)),
            ("6h", Ok(21_600)),
            ("30d", Ok(30 * 86_400)),
            ("2w", Ok(14 * 86_400)),
            ("007s", Ok(7)),
            ("3650d", Ok(LONGEST)),
            ("3651d", Err(InvalidSpan::TooLong)),
            ("9223372036854775807w", Err(InvalidSpan::TooLong)),
            ("99999999999999999999999s", Err(InvalidSpan::TooLong)),
            ("", Err(InvalidSpan::Shape)),
            ("s", Err(InvalidSpan::Shape)),
            ("90", Err(InvalidSpan::Shape)),
            ("-1s", Err(InvalidSpan::Shape)),
            ("+1s", Err(InvalidSpan::Shape)),
            ("1.5h", Err(InvalidSpan::Shape)),
            ("1h30m", Err(InvalidSpan::Shape)),
            ("1 h", Err(InvalidSpan::Shape)),
            ("1H", Err(InvalidSpan::Shape)),
            ("1ä", Err(InvalidSpan::Shape)),
        ] {
            assert_eq!(text.parse::<Span>().map(Span::seconds), read, "{text:?}");
        }
    }

    #[test]
    fn a_length_of_time_is_shown_in_the_largest_exact_unit() {
        for (seconds, shown) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (5400, "90m"), (86_400, "1d"), (604_800, "7d")]
        {
            assert_eq!(Span(seconds).to_string(), shown);
        }
    }
}
