//! A line of a few millimetres in a table.

use std::fmt;

use crate::clock::Time;
use crate::report::html::series::{Measured, rounded};

/// Units of the drawing, which the style sheet scales.
const WIDTH: i128 = 120;
const HEIGHT: i128 = 28;
const MARGIN: i128 = 3;

/// The measured counts from `from` to `to`, on an axis that is linear in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sparkline<'a> {
    pub measured: &'a [Measured],
    pub from: Time,
    pub to: Time,
}

impl fmt::Display for Sparkline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.measured.partition_point(|&(time, _)| time < self.from);
        let shown = self.measured.get(start..).unwrap_or_default();
        let counts = || shown.iter().map(|&(_, count)| i128::from(count));
        let (Some(low), Some(high)) = (counts().min(), counts().max()) else { return Ok(()) };
        let across = |margin: i128, size: i128, part: i128, whole: i128| match whole {
            ..=0 => size / 2,
            _ => margin + rounded(part * (size - 2 * margin), whole),
        };
        let span = i128::from(self.to.since(self.from));
        f.write_str("<svg class=\"spark\" viewBox=\"0 0 120 28\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"")?;
        let (mut x, mut y) = (0, 0);
        for (place, &(time, count)) in shown.iter().enumerate() {
            x = across(MARGIN, WIDTH, i128::from(time.since(self.from)).min(span), span);
            y = HEIGHT - across(MARGIN, HEIGHT, i128::from(count) - low, high - low);
            write!(f, "{}{x} {y}", if place == 0 { 'M' } else { 'L' })?;
        }
        write!(f, "\"/><path class=\"end\" d=\"M{x} {y}h0\"/></svg>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(counts: &[(i64, i64)]) -> String {
        let measured: Vec<Measured> =
            counts.iter().map(|&(time, count)| (Time(time), count)).collect();
        Sparkline { measured: &measured, from: Time(0), to: Time(100) }.to_string()
    }

    #[test]
    fn time_runs_across_and_counts_upwards() {
        assert_eq!(drawn(&[]), "");
        assert_eq!(drawn(&[(-5, 1)]), "");
        assert!(drawn(&[(0, 10), (50, 20), (100, 10)]).contains("\"M3 25L60 3L117 25\""));
        assert!(drawn(&[(100, 7)]).contains("\"M117 14\""), "one value is a dot in the middle");
        assert!(drawn(&[(0, 0), (100, i64::MAX)]).contains("\"M3 25L117 3\""));
    }
}
