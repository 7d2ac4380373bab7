//! The digest as plain text for a mail: at most 72 columns, and no colour.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::printable::Printable;
use crate::report::digest::Digest;
use crate::report::digest::section::{Numbers, Row, grouped};
use crate::report::terminal;

/// Maximum width, in columns.
const MAIL_WIDTH: usize = 72;

/// Minimum width of a name, however wide the numbers are.
const MIN_NAME: usize = 12;

/// Formats a digest as text.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    digest: &'a Digest,
    width: usize,
}

impl<'a> Text<'a> {
    /// Formats a digest for a mail, or for a terminal with fewer columns.
    pub fn new(digest: &'a Digest, columns: usize) -> Text<'a> {
        Text { digest, width: columns.min(MAIL_WIDTH) }
    }

    /// Writes a text that begins with `bullet`, wrapped between words.
    fn wrap(&self, f: &mut fmt::Formatter<'_>, bullet: &str, text: &str) -> fmt::Result {
        let margin = bullet.width();
        let shown = Printable(text).to_string();
        let fitted = |word| terminal::fitted(word, self.width - margin);
        let words: Vec<String> = shown.split_whitespace().map(fitted).collect();
        let text = format!("{bullet}{}", words.join(" "));
        writeln!(f, "{}", terminal::wrapped(&text, margin, self.width))
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest;
        self.wrap(f, "", &digest.title())?;
        if let Some(days) = digest.days() {
            self.wrap(f, "", &days)?;
        }
        writeln!(f)?;
        digest.lead().iter().try_for_each(|line| self.wrap(f, "", &line.to_string()))?;
        let tables = digest.numbers();
        let columns = Columns::of(&tables, self.width);
        for table in &tables {
            writeln!(f)?;
            columns.write(f, table)?;
        }
        for section in digest.sections() {
            writeln!(f, "\n{}", section.title)?;
            section.lines.iter().try_for_each(|line| self.wrap(f, "- ", &line.to_string()))?;
            more(f, section.more)?;
        }
        match digest.nothing() {
            Some(nothing) => {
                writeln!(f)?;
                self.wrap(f, "", &nothing)
            }
            None => Ok(()),
        }
    }
}

/// Column widths shared by all tables, so that they line up.
struct Columns {
    name: usize,
    gained: usize,
    percent: usize,
    followers: usize,
}

impl Columns {
    const GAINED: &str = "GAINED";
    const FOLLOWERS: &str = "FOLLOWERS";
    const GAPS: usize = 3 * 2;

    fn of(tables: &[Numbers], width: usize) -> Columns {
        let rows = || tables.iter().flat_map(|table| &table.rows);
        let widest =
            |cell: fn(&Row) -> &str| rows().map(|row| cell(row).width()).max().unwrap_or(0);
        let gained = widest(|row| &row.gained).max(Columns::GAINED.len());
        let percent = widest(|row| &row.percent);
        let followers = widest(|row| &row.followers).max(Columns::FOLLOWERS.len());
        let room = width.saturating_sub(gained + percent + followers + Columns::GAPS);
        let name = rows().map(|row| terminal::fitted(&row.name, room.max(MIN_NAME)).width());
        Columns { name: name.max().unwrap_or(0).max(MIN_NAME), gained, percent, followers }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, table: &Numbers) -> fmt::Result {
        self.line(f, table.title, Columns::GAINED, "", Columns::FOLLOWERS)?;
        for row in &table.rows {
            self.line(f, &row.name, &row.gained, &row.percent, &row.followers)?;
        }
        more(f, table.more)
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        gained: &str,
        percent: &str,
        followers: &str,
    ) -> fmt::Result {
        let Columns { gained: wide, percent: share, followers: count, .. } = *self;
        let name = terminal::fitted(name, self.name);
        // Format padding counts characters, and some characters are two columns wide.
        let gap = self.name.saturating_sub(name.width());
        writeln!(f, "{name}{:gap$}  {gained:>wide$}  {percent:>share$}  {followers:>count$}", "")
    }
}

fn more(f: &mut fmt::Formatter<'_>, more: usize) -> fmt::Result {
    if more > 0 {
        writeln!(f, "and {} more", grouped(more))?;
    }
    Ok(())
}
