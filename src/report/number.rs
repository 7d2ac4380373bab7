//! Numbers formatted for people.

use std::fmt;

/// A number with commas between groups of three digits.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub i64);

impl Grouped {
    /// Converts a count, saturating at [`i64::MAX`].
    pub fn of(count: impl TryInto<i64>) -> Grouped {
        Grouped(count.try_into().unwrap_or(i64::MAX))
    }
}

/// Returns a count with its noun, such as "1 account" or "1,204 accounts".
pub fn counted(count: impl TryInto<i64>, noun: &str) -> String {
    let count = Grouped::of(count);
    let plural = if count.0 == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Returns a count with its noun and verb, such as "1 account is" or "1,204 accounts are".
pub fn counted_are(count: impl TryInto<i64>, noun: &str) -> String {
    with_verb(Grouped::of(count), noun, ["is", "are"])
}

/// Returns a count with its noun and verb, such as "1 account has" or "1,204 accounts have".
pub fn counted_have(count: impl TryInto<i64>, noun: &str) -> String {
    with_verb(Grouped::of(count), noun, ["has", "have"])
}

fn with_verb(count: Grouped, noun: &str, [one, many]: [&str; 2]) -> String {
    format!("{} {}", counted(count.0, noun), if count.0 == 1 { one } else { many })
}

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
        if self.0 < 0 {
            text.push('-');
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// A number as [`Grouped`], with a plus sign if it is positive.
#[derive(Clone, Copy, Debug)]
pub struct Signed(pub i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ..=0 => Grouped(self.0).fmt(f),
            number => f.pad(&format!("+{}", Grouped(number))),
        }
    }
}

/// Rounds a rate or an average that is shown without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// A percentage with its sign and two digits. One that rounds to zero has no sign.
#[derive(Clone, Copy, Debug)]
pub struct SignedPercent(pub f64);

impl fmt::Display for SignedPercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() < 0.005 {
            true => f.write_str("0.00%"),
            false => write!(f, "{:+.2}%", self.0),
        }
    }
}

/// A number abbreviated to at most four digits, for a chart's scale: 999, 15.2K, 1.52M.
#[derive(Clone, Copy, Debug)]
pub struct Short(pub i64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, char); 6] = [
            (1_000_000_000_000_000_000, 'E'),
            (1_000_000_000_000_000, 'P'),
            (1_000_000_000_000, 'T'),
            (1_000_000_000, 'B'),
            (1_000_000, 'M'),
            (10_000, 'K'),
        ];
        // Below ten thousand, the plain digits are just as short.
        let unit = |number: u64| {
            let found = UNITS.into_iter().find(|(least, _)| number >= *least);
            found.map(|(unit, letter)| (if letter == 'K' { 1000 } else { unit }, letter))
        };
        let sign = if self.0 < 0 { "-" } else { "" };
        let number = self.0.unsigned_abs();
        let Some((first, _)) = unit(number) else {
            return f.pad(&format!("{sign}{number}"));
        };
        let step = match number / first {
            ..10 => first / 100,
            10..100 => first / 10,
            _ => first,
        };
        // This may be a whole one of the next unit.
        let number = (number + step / 2) / step * step;
        let (unit, letter) = unit(number).unwrap_or((first, 'K'));
        let digits = match (number / unit, number % unit) {
            (whole @ ..10, rest) => format!("{whole}.{:02}", rest / (unit / 100)),
            (whole @ 10..100, rest) => format!("{whole}.{}", rest / (unit / 10)),
            (whole, _) => whole.to_string(),
        };
        f.pad(&format!("{sign}{digits}{letter}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_have_few_digits() {
        for (number, text) in [
            (0, "0"),
            (9999, "9999"),
            (15_230, "15.2K"),
            (9999, "9999"),
            (10_000, "10.0K"),
            (99_949, "99.9K"),
            (99_950, "100K"),
            (999_499, "999K"),
            (999_999, "1.00M"),
            (14_999_999, "15.0M"),
            (46_499_990, "46.5M"),
            (1_520_000, "1.52M"),
            (-1_520_000, "-1.52M"),
            (i64::MAX, "9.22E"),
        ] {
            assert_eq!(Short(number).to_string(), text);
        }
        assert_eq!(Signed(1200).to_string(), "+1,200");
        assert_eq!(Signed(-1200).to_string(), "-1,200");
        assert_eq!(Signed(0).to_string(), "0");
    }

    #[test]
    fn digits_are_grouped_in_threes() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1_520_000, "-1,520,000"),
            (i64::MIN, "-9,223,372,036,854,775,808"),
        ] {
            assert_eq!(Grouped(number).to_string(), text);
        }
    }
}
