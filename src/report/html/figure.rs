//! Numbers and dates as the page formats them.

use std::fmt;

use crate::clock::Time;
use crate::report::html::gain::Gain;
use crate::report::{Grouped, Signed, whole};

/// A number as [`Signed`], with a minus sign instead of a hyphen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change(pub i64);

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Signed(self.0).to_string().replace('-', "−"))
    }
}

/// A gain with its sign, or `≈` if it may be due to rounding alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gained(pub Gain);

impl fmt::Display for Gained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_rough() {
            true => f.write_str("≈"),
            false => Change(self.0.by).fmt(f),
        }
    }
}

/// A percentage with its sign, given in tenths of a percent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent(pub i64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.0 {
            0 => "",
            1.. => "+",
            _ => "−",
        };
        let tenths = self.0.saturating_abs();
        write!(f, "{sign}{}.{}\u{a0}%", Grouped(tenths / 10), tenths % 10)
    }
}

/// A rate on the vendor's scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate(pub f64);

impl Rate {
    /// Formats a number rounded to an integer.
    pub fn whole(number: f64) -> String {
        Grouped(whole(number)).to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.0)
    }
}

/// A day in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Date(pub Time);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.utc().strftime("%-d %b %Y"))
    }
}

/// A minute in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minute(pub Time);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.utc().strftime("%-d %b %Y %H:%M"))
    }
}

/// Returns the CSS class that colours a gain.
pub(super) fn tone(gain: Option<Gain>) -> &'static str {
    match gain.filter(|gain| !gain.is_rough()).map_or(0, |gain| gain.by) {
        0 => "soft",
        1.. => "up",
        _ => "down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_shown() {
        assert_eq!(
            [Change(0), Change(1234), Change(-5)].map(|n| n.to_string()),
            ["0", "+1,234", "−5"]
        );
        assert_eq!(
            [Percent(0), Percent(12_345), Percent(-4)].map(|n| n.to_string()),
            ["0.0\u{a0}%", "+1,234.5\u{a0}%", "−0.4\u{a0}%"]
        );
        assert_eq!(Minute(Time(1_705_401_000)).to_string(), "16 Jan 2024 10:30");
    }
}
