//! A line chart in braille characters. Every column covers the same length of time, and gaps in the
//! measurements stay empty.

use std::fmt;

use crate::clock::Time;
use crate::report::{Grouped, Short};

/// Height in terminal rows, of four dots each.
const ROWS: usize = 8;

/// A dot's bit in a braille character, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// A chart of one count.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// Measured values, oldest first.
    pub values: &'a [(Time, i64)],
    /// Intervals without a measurement; no line is drawn across them.
    pub gaps: &'a [(Time, Time)],
    /// In terminal columns, including the scale.
    pub width: usize,
}

/// The chart's dots, and the ranges that map times and values to them.
struct Canvas {
    columns: usize,
    cells: Vec<u8>,
    from: Time,
    to: Time,
    low: i64,
    high: i64,
}

impl Canvas {
    fn x(&self, time: Time) -> i64 {
        let dots = i64::try_from(self.columns * 2 - 1).unwrap_or(1);
        scaled(time.since(self.from), self.to.since(self.from), dots)
    }

    /// Returns the dot row of a value, counted from the top. A flat line runs through the middle.
    fn y(&self, value: i64) -> i64 {
        let dots = i64::try_from(ROWS * 4 - 1).unwrap_or(1);
        if self.high == self.low {
            return dots / 2;
        }
        dots - scaled(value.saturating_sub(self.low), self.high.saturating_sub(self.low), dots)
    }

    fn dot(&mut self, x: i64, y: i64) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            *cell |= DOTS[x % 2][y % 4];
        }
    }

    fn line(&mut self, from: (i64, i64), to: (i64, i64)) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
        for step in 0..=steps {
            let x = from.0 + scaled(step, steps, to.0 - from.0);
            let y = from.1 + scaled(step, steps, to.1 - from.1);
            self.dot(x, y);
        }
    }
}

/// Returns `part / whole * length`, rounded to the nearest integer, or 0 if `whole` is 0.
fn scaled(part: i64, whole: i64, length: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let (part, whole, length) = (i128::from(part), i128::from(whole), i128::from(length));
    let scaled = (2 * part * length + whole * length.signum()) / (2 * whole);
    i64::try_from(scaled).unwrap_or(0)
}

impl fmt::Display for Chart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.values.last() else { return Ok(()) };
        // Values are in the order of refreshes, and a clock that was set back makes times decrease.
        let times = || self.values.iter().map(|(time, _)| *time);
        let (from, to) = (times().min().unwrap_or(last.0), times().max().unwrap_or(last.0));
        let counts = || self.values.iter().map(|(_, count)| *count);
        let (low, high) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        let scale = scale(low, high);
        let margin = scale.iter().map(String::len).max().unwrap_or(0);
        let columns = self.width.saturating_sub(margin + 3).max(10);
        let cells = vec![0; columns * ROWS];
        let mut canvas = Canvas { columns, cells, from, to, low, high };
        for pair in self.values.windows(2) {
            let [(from, before), (to, after)] = pair else { continue };
            let is_gap = self.gaps.iter().any(|(start, end)| from < end && start < to);
            let (start, end) =
                ((canvas.x(*from), canvas.y(*before)), (canvas.x(*to), canvas.y(*after)));
            canvas.dot(start.0, start.1);
            canvas.dot(end.0, end.1);
            if !is_gap {
                canvas.line(start, end);
            }
        }
        canvas.dot(canvas.x(last.0), canvas.y(last.1));

        for (row, cells) in canvas.cells.chunks(columns).enumerate() {
            let label = match row {
                0 if low != high => &scale[0],
                row if row == ROWS - 1 && low != high => &scale[1],
                row if row == (ROWS - 1) / 2 && low == high => &scale[0],
                _ => "",
            };
            let drawn: String = cells.iter().map(|dots| braille(*dots)).collect();
            writeln!(f, "{}", format!("{label:>margin$} │ {drawn}").trim_end())?;
        }
        writeln!(f, "{:>margin$} └─{}", "", "─".repeat(columns))?;
        let format = match to.since(from) {
            ..600 => "%Y-%m-%d %H:%M:%S",
            600..172_800 => "%Y-%m-%d %H:%M",
            _ => "%Y-%m-%d",
        };
        let day = |time: Time| time.utc().strftime(format).to_string();
        let (from, to) = (day(from), day(to));
        if from == to {
            return writeln!(f, "{:>margin$}   {from}", "");
        }
        let room = columns.saturating_sub(from.len()).max(to.len() + 1);
        writeln!(f, "{:>margin$}   {from}{to:>room$}", "")
    }
}

/// Returns the labels of the highest and the lowest count, abbreviated unless that would make them
/// equal.
fn scale(low: i64, high: i64) -> [String; 2] {
    let short = [Short(high).to_string(), Short(low).to_string()];
    if low != high && short[0] == short[1] {
        return [Grouped(high).to_string(), Grouped(low).to_string()];
    }
    short
}

fn braille(dots: u8) -> char {
    match dots {
        0 => ' ',
        dots => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn chart(values: &[(i64, i64)], gaps: &[(i64, i64)]) -> String {
        let start = Time(1_767_225_600);
        let at = |day: i64| start.plus(day * DAY);
        let values: Vec<_> = values.iter().map(|(day, count)| (at(*day), *count)).collect();
        let gaps: Vec<_> = gaps.iter().map(|(from, to)| (at(*from), at(*to))).collect();
        Chart { values: &values, gaps: &gaps, width: 40 }.to_string()
    }

    #[test]
    fn time_is_linear_and_a_gap_is_empty() {
        insta::assert_snapshot!(chart(&[(0, 100), (7, 200), (14, 300), (56, 900), (63, 1000)], &[(14, 56)]), @r"
            1000 │                              ⣀⠤⠒⠉
                 │
                 │
                 │
                 │
                 │
                 │     ⣀⠤⠒⠁
             100 │ ⣀⠤⠒⠉
                 └──────────────────────────────────
                   2026-01-01             2026-03-05
            ");
    }

    #[test]
    fn a_line_may_fall_and_a_flat_line_is_centred() {
        insta::assert_snapshot!(chart(&[(0, 1_520_000), (30, 1_480_000), (60, 1_499_000)], &[]), @r"
            1.52M │ ⠑⢄
                  │   ⠑⢄
                  │     ⠑⢄
                  │       ⠑⢄
                  │         ⠉⠢⡀                 ⣀⠤⠒⠉
                  │           ⠈⠢⡀           ⣀⠤⠒⠉
                  │             ⠈⠢⡀     ⣀⠤⠒⠉
            1.48M │               ⠈⠢⣀⠤⠒⠉
                  └─────────────────────────────────
                    2026-01-01            2026-03-02
            ");
        insta::assert_snapshot!(chart(&[(0, 42), (7, 42)], &[]), @r"
               │
               │
               │
            42 │ ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
               │
               │
               │
               │
               └────────────────────────────────────
                 2026-01-01               2026-01-08
            ");
    }

    #[test]
    fn one_value_is_a_dot_and_no_values_draw_nothing() {
        insta::assert_snapshot!(chart(&[(0, 42)], &[]), @r"
               │
               │
               │
            42 │ ⡀
               │
               │
               │
               │
               └────────────────────────────────────
                 2026-01-01 00:00:00
            ");
        assert_eq!(chart(&[], &[]), "");
    }

    #[test]
    fn a_clock_set_back_stays_within_the_chart() {
        let drawn = chart(&[(0, 1), (1_000_000, 2), (0, 3), (-5, 4), (0, 5)], &[]);
        assert_eq!(drawn.lines().count(), ROWS + 2);
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        assert!(chart(&[(0, 0), (1, i64::MAX)], &[]).starts_with("9.22E │"));
    }

    #[test]
    fn the_labels_of_a_scale_differ() {
        assert_eq!(scale(1_480_000, 1_520_000), ["1.52M", "1.48M"]);
        assert_eq!(scale(20_256_410, 20_299_000), ["20,299,000", "20,256,410"]);
        assert_eq!(scale(15_200, 15_200), ["15.2K", "15.2K"]);
    }
}
