//! Plain-text tables for a terminal.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// A table whose columns are as wide as their widest cell.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// All cells concatenated: a `String` for each takes three times the memory on a long list.
    text: String,
    /// Byte offset in `text` at which each cell ends.
    cells: Vec<usize>,
    /// Index in `cells` at which each row ends.
    rows: Vec<usize>,
    /// Width of each column, in terminal columns.
    widths: Vec<usize>,
    /// Columns that are right-aligned.
    numbers: Range<usize>,
}

impl Table {
    /// Returns a table with headings and no rows.
    pub fn new(headings: &[&str]) -> Table {
        let mut table = Table::default();
        table.row(headings.iter().map(|&heading| heading.to_owned()));
        table
    }

    /// Right-aligns these columns.
    pub fn with_numbers(mut self, columns: Range<usize>) -> Table {
        self.numbers = columns;
        self
    }

    /// Appends a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for (column, cell) in cells.into_iter().enumerate() {
            self.text.push_str(&cell);
            self.cells.push(self.text.len());
            match self.widths.get_mut(column) {
                Some(width) => *width = cell.width().max(*width),
                None => self.widths.push(cell.width()),
            }
        }
        self.rows.push(self.cells.len());
    }

    /// Returns the width in terminal columns.
    pub fn width(&self) -> usize {
        self.widths.iter().sum::<usize>() + 2 * self.widths.len().saturating_sub(1)
    }

    /// Returns whether there are no rows besides the headings.
    pub fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut begin, mut first) = (0, 0);
        let mut line = String::new();
        for &row in &self.rows {
            line.clear();
            for (column, &end) in self.cells[first..row].iter().enumerate() {
                let cell = &self.text[begin..end];
                let gap = self.widths[column].saturating_sub(cell.width());
                let (before, after) =
                    if self.numbers.contains(&column) { (gap, 2) } else { (0, gap + 2) };
                line.extend(std::iter::repeat_n(' ', before));
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', after));
                begin = end;
            }
            first = row;
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["ID", "LABEL", "LAST"]);
        table.row(["clx1", "日本", "now"].map(str::to_owned));
        table.row(["c", "emoji 🐈", "2 h ago"].map(str::to_owned));
        let shown = "ID    LABEL     LAST\nclx1  日本      now\nc     emoji 🐈  2 h ago\n";
        assert_eq!(table.to_string(), shown);
    }

    #[test]
    fn numbers_are_right_aligned() {
        let mut table = Table::new(&["ID", "COUNT", "NOTE"]).with_numbers(1..2);
        table.row(["a", "5", "few"].map(str::to_owned));
        table.row(["b", "1,000,000", "many"].map(str::to_owned));
        let shown = "ID      COUNT  NOTE\na           5  few\nb   1,000,000  many\n";
        assert_eq!(table.to_string(), shown);
    }
}
