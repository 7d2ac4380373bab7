//! Columns for a terminal.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// Rows of cells, shown in columns as wide as their widest cell.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    /// Columns whose cells end where the column ends.
    numbers: Range<usize>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Table {
        let headings = headings.iter().map(|&heading| heading.to_owned()).collect();
        Table { rows: vec![headings], numbers: 0..0 }
    }

    /// The same table, with numbers in these columns.
    pub fn with_numbers(mut self, columns: Range<usize>) -> Table {
        self.numbers = columns;
        self
    }

    /// Appends a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Columns of the terminal that it takes.
    pub fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    /// Whether there is nothing but the headings.
    pub fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = width.saturating_sub(cell.width());
                let (before, after) =
                    if self.numbers.contains(&column) { (gap, 2) } else { (0, gap + 2) };
                line.extend(std::iter::repeat_n(' ', before));
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', after));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_seen() {
        let mut table = Table::new(&["ID", "LABEL", "LAST"]);
        table.row(["clx1", "日本", "now"].map(str::to_owned));
        table.row(["c", "emoji 🐈", "2 h ago"].map(str::to_owned));
        let shown = "ID    LABEL     LAST\nclx1  日本      now\nc     emoji 🐈  2 h ago\n";
        assert_eq!(table.to_string(), shown);
    }

    #[test]
    fn numbers_end_where_their_column_ends() {
        let mut table = Table::new(&["ID", "COUNT", "NOTE"]).with_numbers(1..2);
        table.row(["a", "5", "few"].map(str::to_owned));
        table.row(["b", "1,000,000", "many"].map(str::to_owned));
        let shown = "ID      COUNT  NOTE\na           5  few\nb   1,000,000  many\n";
        assert_eq!(table.to_string(), shown);
    }
}
