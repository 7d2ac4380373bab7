//! The terminal's width, and text wrapped or truncated to it.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::printable::Printable;

/// Width assumed if it is unknown.
const DEFAULT_WIDTH: usize = 80;

/// Below this, no chart is readable. In a narrower terminal, lines wrap.
const MIN_WIDTH: usize = 40;

/// Returns the width of standard output, in columns.
pub fn width() -> usize {
    let out = io::stdout();
    if !out.is_terminal() {
        return DEFAULT_WIDTH;
    }
    let size = rustix::termios::tcgetwinsize(&out);
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    // A terminal that does not know its size reports 0.
    if columns == 0 { DEFAULT_WIDTH } else { columns.max(MIN_WIDTH) }
}

/// Returns whether `out` may be coloured: if it is a terminal, unless `NO_COLOR` or `TERM=dumb` is
/// set.
pub fn is_colourful(out: &impl IsTerminal) -> bool {
    let forbids = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    out.is_terminal() && !forbids && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Width of the word that begins each entry of `status` and `check`.
const WORD: usize = 11;

/// Writes an entry: a word and a text.
pub fn entry(out: &mut impl Write, word: &str, text: impl Display) -> io::Result<()> {
    writeln!(out, "{}", paragraph(&format!("{word:WORD$}{text}"), WORD))
}

/// Writes an entry that needs attention. Its word is highlighted if colours are allowed.
pub fn warning(out: &mut impl Write, word: &str, text: impl Display) -> io::Result<()> {
    let text = paragraph(&format!("{word:WORD$}{text}"), WORD);
    match text.strip_prefix(word) {
        Some(rest) if is_colourful(&io::stdout()) => {
            writeln!(out, "\u{1b}[1;31m{word}\u{1b}[0m{rest}")
        }
        _ => writeln!(out, "{text}"),
    }
}

/// Wraps a text between words if standard output is a terminal, which would otherwise break words. All
/// lines but the first are indented by `margin`.
pub fn paragraph(text: &str, margin: usize) -> String {
    match io::stdout().is_terminal() {
        true => wrapped(text, margin, width()),
        false => text.to_owned(),
    }
}

/// Wraps a text into lines of at most `width` columns. All lines but the first are indented by
/// `margin`.
pub fn wrapped(text: &str, margin: usize, width: usize) -> String {
    let mut lines = String::new();
    let mut taken = 0;
    for word in text.split_inclusive(' ') {
        if taken > margin && taken + word.trim_end().width() > width {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', margin));
            taken = margin;
        }
        lines.push_str(word);
        taken += word.width();
    }
    lines
}

/// Returns a text without control characters, truncated to `width` columns.
pub fn fitted(text: &str, width: usize) -> String {
    let shown = Printable(text).to_string();
    if shown.width() <= width {
        return shown;
    }
    let mut cut = String::new();
    for c in shown.chars() {
        if cut.width() + c.width().unwrap_or(0) + 1 > width {
            break;
        }
        cut.push(c);
    }
    // A trailing joiner of a truncated emoji sequence would join the ellipsis.
    let mut cut = cut.trim_end_matches('\u{200d}').to_owned();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_wrapped_between_words() {
        let line = "FAILING    clx1 (Guru) since 2026: HTTP 404: not found at all";
        assert_eq!(
            wrapped(line, 11, 34),
            "FAILING    clx1 (Guru) since 2026:\n           HTTP 404: not found at\n           all"
        );
        assert_eq!(wrapped(line, 11, 80), line);
    }

    #[test]
    fn a_text_is_truncated_by_its_visible_width() {
        for (text, width, seen) in [
            ("Fitness Guru", 12, "Fitness Guru"),
            ("Fitness Guru", 11, "Fitness Gu…"),
            ("日本語の名前", 7, "日本語…"),
            ("日本語の名前", 6, "日本…"),
            ("🐈🐈🐈", 5, "🐈🐈…"),
            ("a\u{1b}[31mred", 20, "a\u{fffd}[31mred"),
        ] {
            assert_eq!(fitted(text, width), seen);
            assert!(fitted(text, width).width() <= width);
        }
    }
}
