//! Statements that would keep the parser from what follows them: an array, an inline table or a long
//! string that is not closed contains the rest of the file, and at a line without a key and a value
//! the parser stops.

use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// A broken statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub fault: Fault,
    /// Where the fault is.
    pub at: usize,
    /// All of the statement, up to the line that begins the next one.
    pub statement: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    OpenArray,
    OpenTable,
    /// A string in three double quotes.
    OpenBasicString,
    /// A string in three single quotes.
    OpenLiteralString,
    NoKeyAndValue,
}

impl Broken {
    /// Returns whether the statement, in `text`, may contain settings, or begin a table of them. What
    /// follows an open string may be its text or not; a bracket at the start of a line may begin a
    /// header other than those that [`starts_with_header`] is certain of; and `api]` may be one.
    pub fn may_hide_settings(&self, text: &str) -> bool {
        let statement = &text[self.statement.clone()];
        match self.fault {
            Fault::OpenBasicString | Fault::OpenLiteralString => true,
            Fault::OpenArray | Fault::OpenTable => may_contain_header(statement),
            Fault::NoKeyAndValue => {
                (statement.contains(']') && !statement.contains('['))
                    || may_contain_header(statement)
            }
        }
    }
}

/// An opening bracket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bracket {
    pub at: usize,
    pub kind: TokenKind,
}

impl Fault {
    pub fn message(self) -> &'static str {
        match self {
            Fault::OpenArray => "this array is not closed; expected `]`",
            Fault::OpenTable => "this inline table is not closed; expected `}`",
            Fault::OpenBasicString => "this string is not closed; expected `\"\"\"`",
            Fault::OpenLiteralString => "this string is not closed; expected `'''`",
            Fault::NoKeyAndValue => "expected a key, `=` and a value",
        }
    }
}

impl Bracket {
    /// Returns the fault if it is never closed.
    pub fn fault(self) -> Fault {
        match self.kind {
            TokenKind::LeftCurlyBracket => Fault::OpenTable,
            _ => Fault::OpenArray,
        }
    }
}

/// Returns the fault of a token that is a long string and not closed. The lexer makes a token of it
/// all the same, up to the end of the text.
pub(super) fn open_string(kind: TokenKind, token: &str) -> Option<Fault> {
    let fault = match kind {
        TokenKind::MlBasicString => Fault::OpenBasicString,
        TokenKind::MlLiteralString => Fault::OpenLiteralString,
        _ => return None,
    };
    // A closed one ends where it ended, whatever follows: quotes at its end may be escaped.
    let longer = format!("{token}\n");
    let first = Source::new(&longer).lex().next();
    first.is_some_and(|first| first.span().end() == longer.len()).then_some(fault)
}

/// Puts spaces in place of the broken statements, which are in order. All others keep their
/// positions.
pub(super) fn blanked(text: &str, broken: &[Broken]) -> String {
    let mut blanked = String::with_capacity(text.len());
    for Broken { statement, .. } in broken {
        blanked.push_str(&text[blanked.len()..statement.start]);
        let bytes = text[statement.clone()].bytes();
        blanked.extend(bytes.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    }
    blanked.push_str(&text[blanked.len()..]);
    blanked
}

/// The brackets that are open at a token.
#[derive(Default)]
pub(super) struct Brackets(Vec<Bracket>);

impl Brackets {
    pub fn are_closed(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the outermost open bracket.
    pub fn first(&self) -> Option<Bracket> {
        self.0.first().copied()
    }

    /// Takes the token at `at` into account.
    pub fn pass(&mut self, kind: TokenKind, at: usize) {
        match kind {
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                self.0.push(Bracket { at, kind });
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                self.0.pop();
            }
            _ => {}
        }
    }

    /// Returns whether an equals sign on the line that starts at `line` cannot belong to what is
    /// open: it has no place in an array.
    pub fn exclude_key(&self, line: usize) -> bool {
        let is_array = |bracket: &Bracket| bracket.kind == TokenKind::LeftSquareBracket;
        self.0.last().is_some_and(|last| is_array(last) && last.at < line)
    }
}

/// The key of a statement as far as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Key {
    /// A part of a key must follow.
    #[default]
    Expected,
    /// A dot or the equals sign must follow.
    Read,
    /// The equals sign was read.
    Complete,
    Invalid,
}

impl Key {
    /// Returns the key after a token that is no white space.
    pub fn then(self, kind: TokenKind) -> Key {
        use TokenKind::{Atom, BasicString, Dot, Equals, LiteralString};
        match (self, kind) {
            (Key::Complete, _) | (Key::Read, Equals) => Key::Complete,
            (Key::Expected, Atom | BasicString | LiteralString) => Key::Read,
            (Key::Read, Dot) => Key::Expected,
            _ => Key::Invalid,
        }
    }
}

/// Returns whether `text` begins with a line that can only be the header of a table: in brackets is
/// a word that is no value.
pub(super) fn starts_with_header(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split('#').next().unwrap_or_default().trim();
    let inner = |open, close| line.strip_prefix(open)?.strip_suffix(close);
    let Some(name) = inner("[[", "]]").or_else(|| inner("[", "]")) else { return false };
    let name = name.trim();
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(is_part)
        && !["true", "false", "inf", "nan"].contains(&name)
}

/// Returns whether any line of `text` but the first may be the header of a table.
pub(super) fn may_contain_header(text: &str) -> bool {
    text.split(['\r', '\n']).skip(1).any(|line| line.trim_start().starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_string_is_closed_by_quotes_that_are_not_escaped() {
        let (basic, literal) = (TokenKind::MlBasicString, TokenKind::MlLiteralString);
        for (kind, token, is_open) in [
            (basic, "\"\"\"", true),
            (basic, "\"\"\"a\nb", true),
            (basic, "\"\"\"a\"\"", true),
            (basic, "\"\"\"a\\\"\"\"", true),
            (basic, "\"\"\"a\\\\\"\"\"", false),
            (basic, "\"\"\"\"\"\"", false),
            (basic, "\"\"\"\na\"\"\"\"\"", false),
            (literal, "'''a\n", true),
            (literal, "'''a\\'''", false),
            (TokenKind::BasicString, "\"a", false),
        ] {
            assert_eq!(open_string(kind, token).is_some(), is_open, "{token}");
        }
    }

    #[test]
    fn only_a_table_has_a_header() {
        for (line, is_header) in [
            ("[[account]]", true),
            ("  [ api ] # one\nx", true),
            ("[account.x]\r\n", true),
            ("[true]", false),
            ("[1]", false),
            ("[\"api\"]", false),
            ("[[account]],", false),
            ("[]", false),
            ("id = 1", false),
            ("", false),
        ] {
            assert_eq!(starts_with_header(line), is_header, "{line}");
        }
    }

    #[test]
    fn all_other_text_keeps_its_position() {
        let text = "a = 1\nb = [\"é\",\r\nc = 2";
        let broken = Broken { fault: Fault::OpenArray, at: 10, statement: 6..17 };
        let blanked = blanked(text, &[broken]);
        assert_eq!((blanked.len(), blanked.find('c')), (text.len(), text.find('c')));
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>(), ["a", "=", "1", "c", "=", "2"]);
    }
}
