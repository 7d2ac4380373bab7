//! A line over time in one row of a table.

use std::fmt;

use crate::clock::Time;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last value measured in each of `width` equal lengths of time, from `from` to `to`; a
/// space where nothing was measured.
#[derive(Clone, Debug)]
pub struct Sparkline<'a> {
    /// What was measured, oldest first.
    pub values: &'a [(Time, i64)],
    /// Where it begins.
    pub from: Time,
    /// Where it ends.
    pub to: Time,
    /// Columns.
    pub width: usize,
}

impl fmt::Display for Sparkline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells = vec![None; self.width];
        let length = self.to.since(self.from).max(1);
        for (time, value) in self.values {
            let place = i128::from(time.since(self.from)) * i128::try_from(self.width).unwrap_or(0)
                / i128::from(length);
            let place = usize::try_from(place).unwrap_or(0).min(self.width.saturating_sub(1));
            if let Some(cell) = cells.get_mut(place) {
                *cell = Some(*value);
            }
        }
        let shown = || cells.iter().flatten().copied();
        let (low, high) = (shown().min().unwrap_or(0), shown().max().unwrap_or(0));
        for cell in &cells {
            let block = match cell {
                None => ' ',
                Some(_) if low == high => BLOCKS[3],
                Some(value) => {
                    let height = (i128::from(*value) - i128::from(low)) * 7
                        / (i128::from(high) - i128::from(low));
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

    fn line(values: &[(i64, i64)]) -> String {
        let values: Vec<_> = values.iter().map(|(time, value)| (Time(*time), *value)).collect();
        Sparkline { values: &values, from: Time(0), to: Time(80), width: 8 }.to_string()
    }

    #[test]
    fn what_was_not_measured_is_a_space() {
        for (values, shown) in [
            (
                &[(0, 0), (10, 1), (20, 2), (30, 3), (40, 4), (50, 5), (60, 6), (80, 7)][..],
                "▁▂▃▄▅▆▇█",
            ),
            (&[(0, 9), (40, 5), (75, 1)], "█   ▄  ▁"),
            (&[(0, 5), (75, 5)], "▄      ▄"),
            (&[(0, 0), (75, i64::MAX)], "▁      █"),
            (&[], "        "),
        ] {
            assert_eq!(line(values), shown);
        }
    }
}
