//! A file in pieces: the settings, and the accounts a few at a time.
//!
//! Parsed whole, a long list is a tree of over a kilobyte an account, all of it in memory at once.
//! An `[[account]]` header begins something new wherever it stands, so a file may be cut in front
//! of one without changing what it says. Where that is, the parser's own lexer tells: the same
//! letters inside a text or an array are no header.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

use super::schema;

/// How long a piece of the list is, in bytes: its tree stays in the processor's cache.
const LENGTH: usize = 64 << 10;

/// Where the parts of a text lie.
pub(super) struct Pieces<'a> {
    /// The text without its accounts. What stands behind some of them stands where it stood: the
    /// accounts are blanked.
    pub settings: Cow<'a, str>,
    /// The accounts, each piece beginning with a header.
    pub lists: Vec<Range<usize>>,
}

impl<'a> Pieces<'a> {
    pub fn of(text: &'a str) -> Pieces<'a> {
        Pieces::of_length(text, LENGTH)
    }

    /// Everything in one piece.
    pub fn whole(text: &'a str) -> Pieces<'a> {
        Pieces { settings: Cow::Borrowed(text), lists: Vec::new() }
    }

    pub(super) fn of_length(text: &'a str, length: usize) -> Pieces<'a> {
        let mut lists = Vec::new();
        let mut list: Option<usize> = None;
        for header in Headers::of(text) {
            match (list, header.kind) {
                (None, Kind::Account) => list = Some(header.at),
                (Some(start), Kind::Account) if header.at - start >= length => {
                    lists.push(start..header.at);
                    list = Some(header.at);
                }
                (Some(start), Kind::Other) => {
                    lists.push(start..header.at);
                    list = None;
                }
                (_, Kind::Account | Kind::OfAccount | Kind::Other) => {}
            }
        }
        lists.extend(list.map(|start| start..text.len()));
        Pieces { settings: settings(text, &lists), lists }
    }
}

fn settings<'a>(text: &'a str, lists: &[Range<usize>]) -> Cow<'a, str> {
    let (Some(first), Some(last)) = (lists.first(), lists.last()) else {
        return Cow::Borrowed(text);
    };
    let is_one_run = lists.windows(2).all(|pair| pair[0].end == pair[1].start);
    if is_one_run && last.end == text.len() {
        return Cow::Borrowed(&text[..first.start]);
    }
    let mut settings = String::with_capacity(text.len());
    for list in lists {
        settings.push_str(&text[settings.len()..list.start]);
        settings.extend(std::iter::repeat_n(' ', list.len()));
    }
    settings.push_str(&text[settings.len()..]);
    Cow::Owned(settings)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// `[[account]]`
    Account,
    /// `[account.x]`: part of the account before it, or none.
    OfAccount,
    Other,
}

/// A table's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Header {
    kind: Kind,
    at: usize,
}

/// The headers of a text, in order.
struct Headers<'a> {
    text: &'a str,
    tokens: toml_parser::lexer::Lexer<'a>,
}

impl<'a> Headers<'a> {
    fn of(text: &'a str) -> Headers<'a> {
        Headers { text, tokens: Source::new(text).lex() }
    }

    /// Reads to the end of a line that began with a bracket.
    fn header(&mut self, first: Token) -> Header {
        let at = first.span().start();
        let mut brackets = 1;
        let mut words = Vec::new();
        for token in self.tokens.by_ref() {
            match token.kind() {
                TokenKind::Newline | TokenKind::Eof => break,
                TokenKind::Whitespace | TokenKind::Comment => {}
                TokenKind::LeftSquareBracket if words.is_empty() => brackets += 1,
                _ => words.push(token),
            }
        }
        let is_account = |token: &Token| {
            token.kind() == TokenKind::Atom
                && self.text.get(token.span().start()..token.span().end())
                    == Some(schema::ACCOUNT.name)
        };
        let kinds: Vec<TokenKind> = words.iter().map(Token::kind).collect();
        let kind = match (words.first().is_some_and(is_account), brackets, kinds.get(1..)) {
            (true, 2, Some([TokenKind::RightSquareBracket, TokenKind::RightSquareBracket])) => {
                Kind::Account
            }
            (true, _, Some([TokenKind::Dot, ..])) => Kind::OfAccount,
            _ => Kind::Other,
        };
        Header { kind, at }
    }
}

impl Iterator for Headers<'_> {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        let mut depth = 0_usize;
        // Only the first token of a statement can begin a header, and a statement ends with the
        // line on which its last bracket is closed.
        let mut is_first = true;
        while let Some(token) = self.tokens.next() {
            match token.kind() {
                TokenKind::Newline if depth == 0 => is_first = true,
                TokenKind::LeftSquareBracket if is_first => return Some(self.header(token)),
                TokenKind::Whitespace if is_first => {}
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => depth += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    depth = depth.saturating_sub(1);
                }
                _ => is_first = false,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(text: &str) -> Vec<&str> {
        let pieces = Pieces::of_length(text, 1);
        assert!(text.len() >= pieces.settings.len());
        pieces.lists.into_iter().map(|list| &text[list]).collect()
    }

    #[test]
    fn a_file_is_cut_at_its_accounts_alone() {
        for (text, expected) in [
            ("", &[][..]),
            ("[api]\n", &[]),
            ("[api]\n[[account]]\nid='a'\n[[account]]", &["[[account]]\nid='a'\n", "[[account]]"]),
            ("[[account]]\nid='a'\n[http]\nlisten='x'", &["[[account]]\nid='a'\n"]),
            (" [[ account ]] # one\r\nid='a'", &["[[ account ]] # one\r\nid='a'"]),
            (
                "[[account]]\n[account.x]\ny=1\n[[account.z]]",
                &["[[account]]\n[account.x]\ny=1\n[[account.z]]"],
            ),
            // No headers: inside a text, an array, a comment; broken; another's.
            ("a='''\n[[account]]\n'''\nb=\"\"\"\n[[account]]\"\"\"", &[]),
            ("a=[\n[[account]],\n{b=[\n[[account]]]}]", &[]),
            ("# \n#[[account]]\na=1 [[account]]", &[]),
            ("[[account]\n[account]\n[[accounts]]\n[[\"account\"]]\n[[account]] x", &[]),
        ] {
            assert_eq!(lists(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_behind_the_accounts_keeps_its_place() {
        let text = "a=1\n[[account]]\nid='ä'\n[http]\nb=2\n[[account]]\n";
        let pieces = Pieces::of_length(text, 1);
        assert_eq!(pieces.settings.find("[http]"), text.find("[http]"));
        assert_eq!(
            pieces.settings.split_whitespace().collect::<Vec<_>>(),
            ["a=1", "[http]", "b=2"]
        );
        let text = "a=1\n[[account]]\n[[account]]\n";
        assert_eq!(Pieces::of_length(text, 1).settings, "a=1\n");
    }

    #[test]
    fn pieces_are_of_some_length() {
        let text = "[[account]]\n".repeat(10);
        assert_eq!(Pieces::of_length(&text, 30).lists.len(), 4);
        assert_eq!(lists(&text).len(), 10);
        assert_eq!(Pieces::of(&text).lists.len(), 1);
        assert!(Pieces::whole(&text).lists.is_empty());
    }
}
