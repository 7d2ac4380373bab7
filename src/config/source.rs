//! The text of a configuration: lines, columns, and excerpts that are safe to show.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::printable::Printable;

/// How many characters of a source line are shown.
const WIDTH: usize = 100;

pub(super) struct Source<'a> {
    text: &'a str,
    /// The offset of each line.
    starts: Vec<usize>,
}

/// A source line, or the part of it around the caret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Excerpt {
    text: String,
    /// How many terminal columns precede the caret.
    caret: usize,
}

impl Excerpt {
    /// Puts the caret under the character after the first `before`.
    fn new(text: String, before: usize) -> Excerpt {
        let end = text.char_indices().nth(before).map_or(text.len(), |(at, _)| at);
        let beyond = before.saturating_sub(text.chars().count());
        let caret = text[..end].width() + beyond;
        Excerpt { text, caret }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    {}\n    {:caret$}^", self.text, "", caret = self.caret)
    }
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str) -> Source<'a> {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Source { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Returns the number of lines.
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// Returns whether a line looks like a table's header.
    pub fn is_header(&self, line: usize) -> bool {
        is_header(self.line(line))
    }

    /// Returns the line, from 1, that contains a byte of the text.
    pub fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|&start| start <= at)
    }

    /// Returns the line and the column of a byte of the text, both from 1, the column in
    /// characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_of(at);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.line(line).char_indices().take_while(|(index, _)| start + index < at);
        (line, before.count() + 1)
    }

    /// Returns a line without its line break.
    fn line(&self, line: usize) -> &'a str {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(start..end).unwrap_or("");
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// Returns the excerpt for a problem at `line` and `column`. Of a line that may contain the API
    /// key it shows only the name of the setting, or nothing.
    pub fn excerpt(&self, line: usize, column: usize) -> Option<Excerpt> {
        let text = self.line(line);
        let caret = column - 1;
        if self.may_hold_key(line) {
            let (name, _) = text.split_once('=')?;
            if !is_plain_name(name.trim()) {
                return None;
            }
            let shown = format!("{}= …", Printable(name));
            let caret = caret.min(shown.chars().count() - 1);
            return Some(Excerpt::new(shown, caret));
        }
        // Two thirds of the width before the caret, so that text on both sides of it is shown.
        let skipped = if caret < WIDTH { 0 } else { caret - WIDTH * 2 / 3 };
        let shown: String = text.chars().skip(skipped).take(WIDTH).collect();
        Some(Excerpt::new(Printable(&shown).to_string(), caret - skipped))
    }

    /// Returns whether a line may contain an API key that was put there by mistake: before the
    /// first table, in `[api]`, and wherever a word on the line suggests a secret.
    fn may_hold_key(&self, line: usize) -> bool {
        const WORDS: [&str; 5] = ["key", "token", "secret", "password", "bearer"];
        let text = self.line(line).to_lowercase();
        if WORDS.iter().any(|word| text.contains(word)) {
            return true;
        }
        if is_header(&text) {
            return !is_plain_name(text.trim().trim_matches(['[', ']']));
        }
        let header = (1..line).rev().map(|line| self.line(line)).find(|line| is_header(line));
        header.is_none_or(|header| header.to_lowercase().contains("api"))
    }
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// Returns whether a name may be a setting's, and not an API key in its place.
pub(super) fn is_plain_name(name: &str) -> bool {
    name.len() <= 24 && !name.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_from_one() {
        let source = Source::new("äb\r\nc\n");
        for (at, position) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (3, (1, 3)),
            (5, (2, 1)),
            (6, (2, 2)),
            (7, (3, 1)),
            (99, (3, 1)),
        ] {
            assert_eq!(source.position(at), position, "byte {at}");
        }
    }

    #[test]
    fn a_source_line_is_cut_around_its_caret() {
        let line = format!("[x]\n{}\u{1b}{}", "a".repeat(300), "b".repeat(300));
        let excerpt = Source::new(&line).excerpt(2, 301).expect("a line");
        assert_eq!(excerpt.text.chars().count(), WIDTH);
        assert_eq!(excerpt.text.chars().nth(excerpt.caret), Some('\u{fffd}'));
    }

    #[test]
    fn the_caret_accounts_for_wide_characters() {
        let excerpt = Source::new("[x]\nlabel = '日本' oops").excerpt(2, 14).expect("a line");
        assert_eq!(excerpt.to_string(), "    label = '日本' oops\n                   ^");
    }

    #[test]
    fn a_line_that_may_contain_a_key_shows_only_its_name() {
        for (text, line, shown) in [
            ("api_key = \"hk\"", 1, Some("api_key = …")),
            ("[api]\ntimeout = \"hk\"", 2, Some("timeout = …")),
            ("[api]\nhk_live_1234", 2, None),
            ("[api]\nhk_live_1234==", 2, None),
            ("[http]\ntoken = \"hk\"", 2, Some("token = …")),
            ("[http]\nlisten = 1", 2, Some("listen = 1")),
            ("[ap", 1, Some("[ap")),
            ("[api.hk_1234]", 1, None),
        ] {
            let excerpt = Source::new(text).excerpt(line, 1);
            assert_eq!(excerpt.map(|excerpt| excerpt.text).as_deref(), shown, "{text}");
        }
    }
}
