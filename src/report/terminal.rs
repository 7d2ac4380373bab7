//! The room there is, and texts cut to it.

use std::io::{self, IsTerminal};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::Printable;

/// Columns where nobody says how many there are.
const DEFAULT_WIDTH: usize = 80;

/// Below this no chart can be read; a line may then be broken by the terminal.
const LEAST_WIDTH: usize = 40;

/// How many columns standard output has.
pub fn width() -> usize {
    let out = io::stdout();
    if !out.is_terminal() {
        return DEFAULT_WIDTH;
    }
    let size = rustix::termios::tcgetwinsize(&out);
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    // A terminal that does not know its size says 0.
    if columns == 0 { DEFAULT_WIDTH } else { columns.max(LEAST_WIDTH) }
}

/// A text from outside, safe to show, in at most `width` columns.
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
    // Half of a joined emoji would join the ellipsis.
    let mut cut = cut.trim_end_matches('\u{200d}').to_owned();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_what_is_seen_of_it() {
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
