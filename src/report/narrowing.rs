//! A table with as many of its columns as the terminal has room for.

use unicode_width::UnicodeWidthStr;

use crate::report::{Table, terminal};

/// Of a column that is never left out.
pub const MOST_USE: u8 = u8::MAX;

/// The least of a name that is worth a column, in columns of the terminal.
const LEAST_NAME: usize = 10;

/// Between two columns.
const GAP: usize = 2;

/// How a column's cells are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Cut where there is not the room; there is one such column.
    Name,
    /// Whole, and ending where the column ends. Such columns stand side by side.
    Number,
    Text,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// What stands over it.
    heading: &'static str,
    /// How its cells are shown.
    shape: Shape,
    /// Where there is not the room for all, the columns of the least use are left out.
    use_of: u8,
    /// The cells one after the other: of a long list, a text for each takes three times that.
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<usize>,
    /// How wide the widest is, and the heading.
    width: usize,
}

impl Column {
    /// A column without a cell.
    pub fn new(heading: &'static str, shape: Shape, use_of: u8) -> Column {
        let width = heading.width();
        Column { heading, shape, use_of, text: String::new(), ends: Vec::new(), width }
    }

    /// The same column, with these cells.
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

/// The table of these columns in at most `width` columns of the terminal, as far as those that are
/// never left out allow. All have a cell for each row.
pub fn narrowed(mut columns: Vec<Column>, width: usize) -> Table {
    loop {
        let (names, others): (Vec<&Column>, Vec<&Column>) =
            columns.iter().partition(|column| column.shape == Shape::Name);
        let taken: usize = others.iter().map(|column| column.width + GAP).sum();
        let room = width.saturating_sub(taken);
        let wanted = names.iter().map(|column| column.width).max().unwrap_or(0);
        let expendable = columns.iter().map(|column| column.use_of).min().unwrap_or(MOST_USE);
        if room >= wanted.min(LEAST_NAME) || expendable == MOST_USE {
            return table(&columns, room.max(LEAST_NAME));
        }
        columns.retain(|column| column.use_of != expendable);
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
    fn names_are_cut_first_and_then_columns_left_out() {
        let column = |heading, shape, use_of, cell: &str| {
            Column::new(heading, shape, use_of).with([cell.to_owned()])
        };
        let columns = vec![
            column("ACCOUNT", Shape::Name, MOST_USE, "A name of some length"),
            column("COUNT", Shape::Number, MOST_USE, "1,000,000"),
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
