//! A sparkline as SVG, for a cell of the table.

use std::fmt;

use crate::clock::Time;
use crate::report::html::gain::rounded;
use crate::report::html::series::Measured;

/// Size of the SVG's view box; the style sheet scales it.
const WIDTH: i128 = 120;
const HEIGHT: i128 = 28;
const MARGIN: i128 = 3;

/// The measured counts between `from` and `to`, on a linear time axis.
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
        let across = |part: i128, whole: i128| match whole {
            ..=0 => WIDTH / 2,
            _ => MARGIN + rounded(part * (WIDTH - 2 * MARGIN), whole),
        };
        let span = i128::from(self.to.since(self.from));
        f.write_str("<svg class=\"spark\" viewBox=\"0 0 120 28\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path d=\"")?;
        // The height of a change is relative to the change plus a tenth of the count. So 0.1 % is
        // almost flat, 10 % takes half of the height, and a larger change is always higher.
        let change = high - low;
        let height = match change {
            0 => 0,
            change => rounded((HEIGHT - 2 * MARGIN) * change, change + low.abs() / 10),
        };
        let foot = (HEIGHT + height) / 2;
        let (mut x, mut y) = (0, 0);
        for (index, &(time, count)) in shown.iter().enumerate() {
            x = across(i128::from(time.since(self.from)).min(span), span);
            y = match change {
                0 => foot,
                change => foot - rounded((i128::from(count) - low) * height, change),
            };
            write!(f, "{}{x} {y}", if index == 0 { 'M' } else { 'L' })?;
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
    fn x_is_time_and_y_is_the_count() {
        assert_eq!(drawn(&[]), "");
        assert_eq!(drawn(&[(-5, 1)]), "");
        assert!(drawn(&[(0, 10), (50, 20), (100, 10)]).contains("\"M3 24L60 4L117 24\""));
        assert!(drawn(&[(100, 7)]).contains("\"M117 14\""), "one value is a dot in the middle");
        assert!(drawn(&[(0, 0), (100, i64::MAX)]).contains("\"M3 25L117 3\""));
    }

    #[test]
    fn the_larger_the_change_the_higher_the_line() {
        let height = |to: i64| -> i64 {
            let line = drawn(&[(0, 100_000), (100, to)]);
            let (_, path) = line.split_once("\"M3 ").expect("a path");
            let (first, rest) = path.split_once("L117 ").expect("two points");
            let second = rest.split('"').next().expect("an end");
            let number = |text: &str| text.parse::<i64>().expect("a number");
            number(first) - number(second)
        };
        let heights = [100_000, 100_100, 101_000, 110_000, 300_000, 50_000].map(height);
        assert_eq!(heights, [0, 0, 2, 11, 21, -20]);
    }
}
