//! Durations as written in the configuration and on the command line.

use std::fmt;
use std::str::FromStr;

/// The longest duration accepted, in seconds: ten years of 365 days.
pub const LONGEST: i64 = 3650 * 86_400;

/// Seconds in each unit, the longest first.
const UNITS: [(char, i64); 5] =
    [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A duration in whole seconds, from 0 to 3650 days, written `90s`, `15m`, `6h`, `30d` or `2w`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span(i64);

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSpan {
    #[error("is not a number followed by a unit (s, m, h, d or w)")]
    Shape,
    #[error("is longer than {}", Span(LONGEST))]
    TooLong,
}

impl Span {
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Returns a duration of `seconds`, clamped to between 0 and 3650 days.
    pub fn of_seconds(seconds: i64) -> Span {
        Span(seconds.clamp(0, LONGEST))
    }

    /// Returns a duration of about `seconds`: whole ones of the largest unit, other than weeks, of which
    /// it has at least two.
    pub fn about(seconds: i64) -> Span {
        let unit = UNITS[1..].iter().map(|(_, unit)| *unit).find(|unit| seconds >= 2 * unit);
        let unit = unit.unwrap_or(1);
        Span::of_seconds(seconds / unit * unit)
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Span, InvalidSpan> {
        let (number, seconds) = UNITS
            .iter()
            .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)))
            .ok_or(InvalidSpan::Shape)?;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidSpan::Shape);
        }
        // Only digits are left, so a number that does not parse is too large.
        let count: i64 = number.parse().map_err(|_| InvalidSpan::TooLong)?;
        match count.checked_mul(*seconds) {
            Some(total) if total <= LONGEST => Ok(Span(total)),
            _ => Err(InvalidSpan::TooLong),
        }
    }
}

/// Written in the largest unit that is exact, other than weeks.
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
    fn a_duration_is_a_number_and_a_unit() {
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
    fn a_duration_is_shown_in_the_largest_exact_unit() {
        for (seconds, shown) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (5400, "90m"), (86_400, "1d"), (604_800, "7d")]
        {
            assert_eq!(Span(seconds).to_string(), shown);
        }
    }

    #[test]
    fn about_a_duration_is_in_the_largest_unit_that_it_has_twice() {
        for (seconds, shown) in [
            (0, "0s"),
            (1, "1s"),
            (119, "119s"),
            (120, "2m"),
            (7199, "119m"),
            (7300, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (2_000_000, "23d"),
        ] {
            assert_eq!(Span::about(seconds).to_string(), shown);
        }
    }
}
