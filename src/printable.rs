//! Escaping and shortening of untrusted text for display.

use std::fmt::{self, Write};
use std::path::Path;

/// Displays untrusted text with control, escape and bidirectional-override characters replaced by
/// `�`, and line breaks by a space: it can neither move the cursor, nor forge a log line, nor
/// reorder the text around it.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => f.write_char(' ')?,
                c if c.is_control() || is_invisible(c) => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Returns a path as [`Printable`].
pub(crate) fn visible_path(path: &Path) -> String {
    Printable(&path.to_string_lossy()).to_string()
}

/// Displays an untrusted name within a sentence: as [`Printable`], and in quotation marks if it is empty
/// or has spaces at its ends, which nobody would see.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a>(pub &'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Printable(self.0);
        match self.0.is_empty() || self.0.trim() != self.0 {
            true => write!(f, "\"{name}\""),
            false => name.fmt(f),
        }
    }
}

/// Returns the first `most` characters of a text, and an ellipsis if that is not all of it.
pub(crate) fn cut(text: &str, most: usize) -> (&str, &'static str) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    }
}

/// Returns whether a character has no width and changes how others are laid out. The joiners
/// (U+200C, U+200D) are not among these: emoji and several scripts need them.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_reorders_the_text() {
        for (text, shown) in [
            ("Fitness Guru 👩‍🚀", "Fitness Guru 👩‍🚀"),
            ("a\u{1b}[31mred", "a\u{fffd}[31mred"),
            ("a\r\nb\tc", "a  b c"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("\u{9b}2J\0", "\u{fffd}2J\u{fffd}"),
            ("שלום", "שלום"),
        ] {
            assert_eq!(Printable(text).to_string(), shown);
        }
    }

    #[test]
    fn a_name_is_quoted_where_its_ends_cannot_be_seen() {
        for (name, shown) in [
            ("Fitness Guru", "Fitness Guru"),
            ("trailing ", "\"trailing \""),
            ("\ttab", "\" tab\""),
            ("", "\"\""),
        ] {
            assert_eq!(Named(name).to_string(), shown);
        }
    }
}
