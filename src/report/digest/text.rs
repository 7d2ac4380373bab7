//! The digest as plain text that reads well in a mail: at most 72 columns, fewer where there are not
//! so many, and no colour.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::printable::Printable;
use crate::report::digest::Digest;
use crate::report::digest::section::{Numbers, Row, grouped};
use crate::report::terminal;

/// What a mail may be wide.
const MAIL_WIDTH: usize = 72;

/// The least of a name that is shown, whatever its numbers take.
const LEAST_NAME: usize = 12;

/// A digest as text, on a page of so many columns.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    digest: &'a Digest,
    width: usize,
}

impl<'a> Text<'a> {
    /// The digest as it is mailed, or narrower where there are not so many columns.
    pub fn new(digest: &'a Digest, columns: usize) -> Text<'a> {
        Text { digest, width: columns.min(MAIL_WIDTH) }
    }

    /// Writes a text in lines broken between words, the first of which begins with a bullet.
    fn wrap(&self, f: &mut fmt::Formatter<'_>, bullet: &str, text: &str) -> fmt::Result {
        let margin = bullet.width();
        let shown = Printable(text).to_string();
        let fitted = |word| terminal::fitted(word, self.width - margin);
        let words: Vec<String> = shown.split_whitespace().map(fitted).collect();
        let text = format!("{bullet}{}", words.join(" "));
        writeln!(f, "{}", terminal::broken(&text, margin, self.width))
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
        digest.lead().iter().try_for_each(|line| self.wrap(f, "", line))?;
        let tables = digest.numbers();
        let columns = Columns::of(&tables, self.width);
        for table in &tables {
            writeln!(f)?;
            columns.write(f, table)?;
        }
        for section in digest.sections() {
            writeln!(f, "\n{}", section.title)?;
            section.lines.iter().try_for_each(|line| self.wrap(f, "- ", line))?;
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

/// The columns of all tables, so that they stand below each other.
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
        let name = rows().map(|row| terminal::fitted(&row.name, room.max(LEAST_NAME)).width());
        Columns { name: name.max().unwrap_or(0).max(LEAST_NAME), gained, percent, followers }
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
        // Padding counts characters, and a name may be of wide ones.
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
