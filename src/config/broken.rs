//! Statements that would keep the parser from what follows them: an array or an inline table that is
//! not closed contains the rest of the file, with a mistake on each line of it, and at a line without
//! a key and a value the parser stops.

use std::ops::Range;

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
    NoKeyAndValue,
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

#[cfg(test)]
mod tests {
    use super::*;

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
