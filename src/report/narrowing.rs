//! A table that drops columns to fit the terminal.

use unicode_width::UnicodeWidthStr;

use crate::report::{Table, terminal};

/// The priority of a column that is never dropped.
pub const ALWAYS_SHOWN: u8 = u8::MAX;

/// The minimum width of the name column, in terminal columns.
const MIN_NAME: usize = 10;

/// Spaces between two columns.
const GAP: usize = 2;

/// How a column's cells are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Truncated if there is not enough room. A table has one such column.
    Name,
    /// Never truncated, and right-aligned. These columns must be adjacent.
    Number,
    /// Never truncated, and left-aligned.
    Text,
}

/// A column of a table that may be narrowed.
#[derive(Clone, Debug)]
pub struct Column {
    heading: &'static str,
    shape: Shape,
    /// If there is not enough room, columns of the lowest priority are dropped first.
    priority: u8,
    /// All cells concatenated: a `String` for each takes three times the memory on a long list.
    text: String,
    /// Byte offset in `text` at which each cell ends.
    ends: Vec<usize>,
    /// Width of the widest cell or the heading, in terminal columns.
    width: usize,
}

impl Column {
    /// Returns a column without cells.
    pub fn new(heading: &'static str, shape: Shape, priority: u8) -> Column {
        let width = heading.width();
        Column { heading, shape, priority, text: String::new(), ends: Vec::new(), width }
    }

    /// Appends cells.
    pub fn with(mut self, cells: impl IntoIterator<Item = String>) -> Column {
        cells.into_iter().for_each(|cell| self.push(&cell));
        self
    }

    /// Appends the next row's cell.
    pub fn push(&mut self, cell: &str) {
        self.width = self.width.max(cell.width());
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(&0).chain(&self.ends);
        begins.zip(&self.ends).map(|(&begin, &end)| &self.text[begin..end])
    }
}

/// Returns a table of these columns that is at most `width` terminal columns wide, unless the columns
/// that are never dropped need more. Every column must have a cell for each row.
pub fn narrowed(mut columns: Vec<Column>, width: usize) -> Table {
    loop {
        let (names, others): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|column| column.shape == Shape::Name);
        let taken: usize = others.iter().map(|column| column.width + GAP).sum();
        let room = width.saturating_sub(taken);
        let wanted = names.iter().map(|column| column.width).max().unwrap_or(0);
        let expendable = columns.iter().map(|column| column.priority).min().unwrap_or(ALWAYS_SHOWN);
        if room >= wanted.min(MIN_NAME) || expendable == ALWAYS_SHOWN {
            return table(&columns, room.max(MIN_NAME));
        }
        columns.retain(|column| column.priority != expendable);
    }
}

fn table(columns: &[Column], room: usize) -> Table {
    let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
    let is_number = |column: &Column| column.shape == Shape::Number;
    let first = columns.iter().position(is_number).unwrap_or(0);
    let count = columns.iter().filter(|column| is_number(column)).count();
    let mut table = Table::new(&headings).with_numbers(first..first + count);
    let mut cells: Vec<_> = columns.iter().map(|column| (column.shape, column.cells())).collect();
    let rows = columns.iter().map(|column| column.ends.len()).min().unwrap_or(0);
    for _ in 0..rows {
        table.row(cells.iter_mut().filter_map(|(shape, cells)| {
            let cell = cells.next()?;
            Some(match shape {
                Shape::Name => terminal::fitted(cell, room),
                Shape::Number | Shape::Text => cell.to_owned(),
            })
        }));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_truncated_before_columns_are_dropped() {
        let column = |heading, shape, use_of, cell: &str| {
            Column::new(heading, shape, use_of).with([cell.to_owned()])
        };
        let columns = vec![
            column("ACCOUNT", Shape::Name, ALWAYS_SHOWN, "A name of some length"),
            column("COUNT", Shape::Number, ALWAYS_SHOWN, "1,000,000"),
            column("BEFORE", Shape::Number, 0, "+10,000"),
            column("TREND", Shape::Text, 1, "▁▂▃▄▅▆▇█"),
        ];
        for (width, shown) in [
            (80, "A name of some length  1,000,000  +10,000  ▁▂▃▄▅▆▇█"),
            (44, "A name of som…  1,000,000  +10,000  ▁▂▃▄▅▆▇█"),
            (40, "A name of…  1,000,000  +10,000  ▁▂▃▄▅▆▇█"),
            (38, "A name of some l…  1,000,000  ▁▂▃▄▅▆▇█"),
            (30, "A name of some len…  1,000,000"),
            (5, "A name of…  1,000,000"),
        ] {
            let table = narrowed(columns.clone(), width).to_string();
            assert_eq!(table.lines().nth(1), Some(shown), "{width}");
        }
    }
}
