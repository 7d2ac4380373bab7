//! Plain-text tables for people, which drop columns to fit the terminal.

use std::fmt::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::printable::Printable;
use crate::report::terminal;

/// The priority of a column that is never dropped.
pub const ALWAYS_SHOWN: u8 = u8::MAX;

/// The minimum width of the name column, in terminal columns.
const MIN_NAME: usize = 10;

/// Spaces between two columns.
const GAP: usize = 2;

/// How a column's cells are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Truncated if there is not enough room. A table has at most one such column.
    Name,
    /// Never truncated, and right-aligned.
    Number,
    /// Never truncated, and left-aligned.
    Text,
}

/// A column of a table.
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

    /// Appends a cell, without control characters.
    fn push(&mut self, cell: &str) {
        let cell = Printable(cell).to_string();
        self.width = self.width.max(cell.width());
        self.text.push_str(&cell);
        self.ends.push(self.text.len());
    }

    /// Returns the heading, then the cells.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(&0).chain(&self.ends);
        let cells = begins.zip(&self.ends).map(|(&begin, &end)| &self.text[begin..end]);
        std::iter::once(self.heading).chain(cells)
    }
}

#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    /// The maximum width of the name column, in terminal columns.
    room: usize,
}

impl Table {
    /// Returns a table of columns that have the same number of cells.
    pub fn new(columns: impl Into<Vec<Column>>) -> Table {
        Table { columns: columns.into(), room: usize::MAX }
    }

    /// Appends a row. Missing cells are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells = cells.into_iter();
        for column in &mut self.columns {
            column.push(&cells.next().unwrap_or_default());
        }
    }

    /// Makes the table at most `width` terminal columns wide, unless the columns that are never
    /// dropped need more.
    #[must_use]
    pub fn narrowed(mut self, width: usize) -> Table {
        loop {
            let columns = &self.columns;
            let (names, others): (Vec<&Column>, Vec<&Column>) =
                columns.iter().partition(|column| column.shape == Shape::Name);
            let gaps = GAP * columns.len().saturating_sub(1);
            let taken = others.iter().map(|column| column.width).sum::<usize>() + gaps;
            let name = names.iter().map(|column| column.width).max().unwrap_or(0);
            let expendable =
                columns.iter().map(|column| column.priority).min().unwrap_or(ALWAYS_SHOWN);
            if taken + name.min(MIN_NAME) <= width || expendable == ALWAYS_SHOWN {
                self.room = width.saturating_sub(taken).max(MIN_NAME);
                return self;
            }
            self.columns.retain(|column| column.priority != expendable);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns: Vec<_> =
            self.columns.iter().map(|column| (column, column.lines())).collect();
        let rows = self.columns.iter().map(|column| column.ends.len()).min().unwrap_or(0);
        let mut line = String::new();
        for _ in 0..=rows {
            line.clear();
            for (column, lines) in &mut columns {
                let cell = lines.next().unwrap_or_default();
                match column.shape {
                    Shape::Name => {
                        let name = terminal::fitted(cell, self.room);
                        let pad = column.width.min(self.room).saturating_sub(name.width()) + GAP;
                        write!(line, "{name}{:pad$}", "")?;
                    }
                    Shape::Number => {
                        let pad = column.width.saturating_sub(cell.width());
                        write!(line, "{:pad$}{cell}{:GAP$}", "", "")?;
                    }
                    Shape::Text => {
                        let pad = column.width.saturating_sub(cell.width()) + GAP;
                        write!(line, "{cell}{:pad$}", "")?;
                    }
                }
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
            let table = Table::new(columns.clone()).narrowed(width).to_string();
            assert_eq!(table.lines().nth(1), Some(shown), "{width}");
        }
    }
    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_numbers_are_right_aligned() {
        let column = |heading, shape, cells: [&str; 2]| {
            Column::new(heading, shape, ALWAYS_SHOWN).with(cells.map(str::to_owned))
        };
        let columns = vec![
            column("ID", Shape::Text, ["clx1", "c"]),
            column("LABEL", Shape::Name, ["日本", "emoji 🐈"]),
            column("COUNT", Shape::Number, ["5", "1,000,000"]),
            column("LAST", Shape::Text, ["now", "2 h ago"]),
        ];
        let shown = "ID    LABEL         COUNT  LAST\n\
                     clx1  日本              5  now\n\
                     c     emoji 🐈  1,000,000  2 h ago\n";
        assert_eq!(Table::new(columns).to_string(), shown);
    }
}
