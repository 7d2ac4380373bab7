//! CSV output that a spreadsheet does not run as formulas.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::clock::Time;

/// Which kind of reader a CSV file is written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Programs: UTF-8, timestamps in RFC 3339.
    Plain,
    /// Excel and similar programs, which recognise UTF-8 only with a byte order mark and a
    /// timestamp only without `T` and `Z`.
    Excel,
}

/// A streaming CSV writer.
#[derive(Debug)]
pub struct Csv<W: Write> {
    writer: csv::Writer<W>,
    dialect: Dialect,
}

impl<W: Write> Csv<W> {
    /// Writes the headings in [`Dialect::Plain`].
    pub fn new(out: W, headings: &[&str]) -> io::Result<Csv<W>> {
        Csv::in_dialect(out, headings, Dialect::Plain)
    }

    /// Writes the headings.
    pub fn in_dialect(mut out: W, headings: &[&str], dialect: Dialect) -> io::Result<Csv<W>> {
        let mut builder = csv::WriterBuilder::new();
        if dialect == Dialect::Excel {
            out.write_all("\u{feff}".as_bytes())?;
            builder.terminator(csv::Terminator::CRLF);
        }
        let mut writer = builder.from_writer(out);
        writer.write_record(headings).map_err(io_error)?;
        Ok(Csv { writer, dialect })
    }

    /// Appends a row.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            let written = match cell {
                Cell::Nothing => self.writer.write_field(""),
                Cell::Text(text) => self.writer.write_field(&*harmless(text)),
                Cell::Id(text) => self.writer.write_field(text),
                Cell::Whole(whole) => self.writer.write_field(whole.to_string()),
                Cell::Real(real) => self.writer.write_field(real.to_string()),
                Cell::Time(time) => self.writer.write_field(self.timestamp(&time.to_string())),
                Cell::Utc(text) => self.writer.write_field(self.timestamp(text)),
                Cell::Flag(flag) => self.writer.write_field(if *flag { "1" } else { "0" }),
            };
            written.map_err(io_error)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(io_error)
    }

    fn timestamp(&self, text: &str) -> String {
        match self.dialect {
            Dialect::Plain => text.to_owned(),
            Dialect::Excel => text.trim_end_matches('Z').replace('T', " "),
        }
    }

    /// Flushes the remaining output.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A value in a table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cell<'a> {
    /// An unknown value.
    Nothing,
    /// Free text; prefixed with `'` if a spreadsheet would run it as a formula, and with its line
    /// breaks replaced by spaces, so that one row is one line.
    Text(&'a str),
    /// An account id, written unchanged because other tables are joined on it.
    Id(&'a str),
    Whole(i64),
    Real(f64),
    /// Written in RFC 3339.
    Time(Time),
    /// A timestamp that is already in RFC 3339.
    Utc(&'a str),
    Flag(bool),
}

impl From<Option<i64>> for Cell<'_> {
    fn from(whole: Option<i64>) -> Self {
        whole.map_or(Cell::Nothing, Cell::Whole)
    }
}

impl From<Option<f64>> for Cell<'_> {
    fn from(real: Option<f64>) -> Self {
        real.map_or(Cell::Nothing, Cell::Real)
    }
}

impl From<Option<Time>> for Cell<'_> {
    fn from(time: Option<Time>) -> Self {
        time.map_or(Cell::Nothing, Cell::Time)
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(text: &'a Option<String>) -> Self {
        text.as_deref().map_or(Cell::Nothing, Cell::Text)
    }
}

/// Returns the text on one line, and as no formula of a spreadsheet's.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) {
        return harmless(&text.replace(['\n', '\r'], " ")).into_owned().into();
    }
    match text.starts_with(['=', '+', '-', '@', '\t']) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// Returns the I/O error inside a CSV error, keeping its kind: callers must recognise a closed pipe.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_quoted_and_numbers_are_not() {
        let mut out = Vec::new();
        let mut csv = Csv::new(&mut out, &["account_id", "label", "delta", "rate", "suspect"])
            .expect("a vector");
        for label in ["=1+1", "+1", "-1", "@a", "\tx", "\r=1", "a \"b\", c\nd\r\ne", "1=1"] {
            let cells = [
                Cell::Id("-id"),
                Cell::Text(label),
                Cell::Whole(-5),
                Cell::Real(-0.5),
                Cell::Flag(true),
            ];
            csv.row(&cells).expect("a vector");
        }
        csv.row(&[Cell::Nothing; 5]).expect("a vector");
        csv.finish().expect("a vector");
        insta::assert_snapshot!(String::from_utf8(out).expect("UTF-8"), @r#"
            account_id,label,delta,rate,suspect
            -id,'=1+1,-5,-0.5,1
            -id,'+1,-5,-0.5,1
            -id,'-1,-5,-0.5,1
            -id,'@a,-5,-0.5,1
            -id,'	x,-5,-0.5,1
            -id, =1,-5,-0.5,1
            -id,"a ""b"", c d  e",-5,-0.5,1
            -id,1=1,-5,-0.5,1
            ,,,,
            "#);
    }

    #[test]
    fn excel_recognises_the_encoding_and_timestamps() {
        let mut out = Vec::new();
        let mut csv = Csv::in_dialect(&mut out, &["Léa", "at"], Dialect::Excel).expect("a vector");
        csv.row(&[Cell::Time(Time(1_767_592_800)), Cell::Utc("2026-01-05T06:00:00Z")])
            .expect("a vector");
        csv.finish().expect("a vector");
        let expected = "\u{feff}Léa,at\r\n2026-01-05 06:00:00,2026-01-05 06:00:00\r\n";
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    }
}
