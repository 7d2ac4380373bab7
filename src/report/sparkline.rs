//! A sparkline in block characters, for a cell of a table.

use std::fmt;

use crate::clock::Time;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A count over time, in `width` columns of equal duration. Between measurements it is interpolated
/// linearly; a gap is shown as spaces.
#[derive(Clone, Debug)]
pub struct Sparkline<'a> {
    /// Measured values, oldest first.
    pub values: &'a [(Time, i64)],
    /// Intervals without a measurement.
    pub gaps: &'a [(Time, Time)],
    pub from: Time,
    pub to: Time,
    /// In terminal columns.
    pub width: usize,
}

impl Sparkline<'_> {
    /// Returns the interpolated count at an instant, or `None` inside a gap or outside the history.
    fn at(&self, time: Time) -> Option<i128> {
        let after = self.values.partition_point(|(measured, _)| *measured <= time);
        let (from, before) = self.values.get(after.checked_sub(1)?)?;
        let before = i128::from(*before);
        if *from == time {
            return Some(before);
        }
        let (to, after) = self.values.get(after)?;
        if self.gaps.iter().any(|(start, end)| from < end && start < to) {
            return None;
        }
        let (part, whole) = (i128::from(time.since(*from)), i128::from(to.since(*from)).max(1));
        Some(before + (i128::from(*after) - before) * part / whole)
    }

    /// Returns the last count measured within a column, or else the interpolated one at its middle.
    fn cell(&self, column: usize) -> Option<i128> {
        let edge = |column: usize| {
            let length = i128::from(self.to.since(self.from).max(1));
            let columns = i128::try_from(self.width.max(1)).unwrap_or(1);
            let along = length * i128::try_from(column).unwrap_or(0) / columns;
            self.from.plus(i64::try_from(along).unwrap_or(0))
        };
        let (start, end) = (edge(column), edge(column + 1));
        // The last column includes the instant `to` itself.
        let is_last = column + 1 == self.width;
        let end = if is_last { end.plus(1) } else { end };
        let within = self.values.iter().rev().find(|(time, _)| (start..end).contains(time));
        let middle = start.plus(end.since(start) / 2);
        within.map(|(_, count)| i128::from(*count)).or_else(|| self.at(middle))
    }
}

impl fmt::Display for Sparkline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<_> = (0..self.width).map(|column| self.cell(column)).collect();
        let shown = || cells.iter().flatten().copied();
        let (low, high) = (shown().min().unwrap_or(0), shown().max().unwrap_or(0));
        for cell in &cells {
            let block = match cell {
                None => ' ',
                Some(_) if low == high => BLOCKS[3],
                Some(count) => {
                    let height = (count - low) * 7 / (high - low);
                    BLOCKS[usize::try_from(height).unwrap_or(0).min(7)]
                }
            };
            write!(f, "{block}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[(i64, i64)], gaps: &[(i64, i64)]) -> String {
        let values: Vec<_> = values.iter().map(|(time, value)| (Time(*time), *value)).collect();
        let gaps: Vec<_> = gaps.iter().map(|(from, to)| (Time(*from), Time(*to))).collect();
        Sparkline { values: &values, gaps: &gaps, from: Time(0), to: Time(80), width: 8 }
            .to_string()
    }

    #[test]
    fn a_line_is_straight_except_across_a_gap() {
        let steps = [(0, 0), (10, 1), (20, 2), (30, 3), (40, 4), (50, 5), (60, 6), (80, 7)];
        for (values, gaps, shown) in [
            (&steps[..], &[][..], "▁▂▃▄▅▆▇█"),
            (&[(0, 0), (80, 7)], &[], "▁▂▃▄▄▅▆█"),
            (&[(0, 9), (40, 5), (75, 1)], &[], "█▇▆▅▄▃▂▁"),
            (&[(0, 9), (40, 5), (75, 1)], &[(40, 75)], "█▇▆▅▄  ▁"),
            (&[(-80, 0), (80, 8)], &[], "▁▁▂▂▄▄▆█"),
            (&[(40, 5)], &[], "    ▄   "),
            (&[(0, 0), (80, i64::MAX)], &[(0, 80)], "▁      █"),
            (&[], &[], "        "),
        ] {
            assert_eq!(line(values, gaps), shown, "{values:?} {gaps:?}");
        }
    }
}
