//! Splits a file into its settings and chunks of its list of accounts.
//!
//! Parsed at once, a long list would be a tree of over a kilobyte per account in memory. An
//! `[[account]]` header starts a new table wherever it is, so a file can be split before one
//! without changing its meaning. The parser's own lexer finds the headers: the same characters
//! inside a string or an array are not one.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

use super::schema;

/// The minimum length of a chunk, in bytes. Its tree fits into the processor's cache.
const CHUNK_LENGTH: usize = 64 << 10;

/// A file's text, split for parsing.
pub(super) struct SplitText<'a> {
    /// The text without its accounts. They are replaced by spaces where settings follow, so that
    /// these keep their positions.
    pub settings: Cow<'a, str>,
    /// The ranges of the accounts, each of which begins with a header.
    pub chunks: Vec<Range<usize>>,
}

impl<'a> SplitText<'a> {
    pub fn new(text: &'a str) -> SplitText<'a> {
        SplitText::with_chunk_length(text, CHUNK_LENGTH)
    }

    /// Keeps the accounts in `settings`, so that the text is parsed at once.
    pub fn unsplit(text: &'a str) -> SplitText<'a> {
        SplitText { settings: Cow::Borrowed(text), chunks: Vec::new() }
    }

    pub(super) fn with_chunk_length(text: &'a str, length: usize) -> SplitText<'a> {
        let mut chunks = Vec::new();
        let mut chunk_start: Option<usize> = None;
        for header in Headers::of(text) {
            match (chunk_start, header.kind) {
                (None, Kind::Account) => chunk_start = Some(header.at),
                (Some(start), Kind::Account) if header.at - start >= length => {
                    chunks.push(start..header.at);
                    chunk_start = Some(header.at);
                }
                (Some(start), Kind::Other) => {
                    chunks.push(start..header.at);
                    chunk_start = None;
                }
                (_, Kind::Account | Kind::OfAccount | Kind::Other) => {}
            }
        }
        chunks.extend(chunk_start.map(|start| start..text.len()));
        SplitText { settings: settings(text, &chunks), chunks }
    }
}

fn settings<'a>(text: &'a str, chunks: &[Range<usize>]) -> Cow<'a, str> {
    let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
        return Cow::Borrowed(text);
    };
    let is_one_run = chunks.windows(2).all(|pair| pair[0].end == pair[1].start);
    if is_one_run && last.end == text.len() {
        return Cow::Borrowed(&text[..first.start]);
    }
    let mut settings = String::with_capacity(text.len());
    for chunk in chunks {
        settings.push_str(&text[settings.len()..chunk.start]);
        settings.extend(std::iter::repeat_n(' ', chunk.len()));
    }
    settings.push_str(&text[settings.len()..]);
    Cow::Owned(settings)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// `[[account]]`
    Account,
    /// `[account.x]`: part of the preceding account, if there is one.
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

    /// Reads the rest of a line that begins with the bracket `first`.
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
        // Only the first token of a statement can begin a header. A statement ends with the line on
        // which its last bracket is closed.
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

    fn chunks(text: &str) -> Vec<&str> {
        let split = SplitText::with_chunk_length(text, 1);
        assert!(text.len() >= split.settings.len());
        split.chunks.into_iter().map(|chunk| &text[chunk]).collect()
    }

    #[test]
    fn a_file_is_split_only_at_its_accounts() {
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
            // Not headers: inside a string, an array or a comment; broken; of another table.
            ("a='''\n[[account]]\n'''\nb=\"\"\"\n[[account]]\"\"\"", &[]),
            ("a=[\n[[account]],\n{b=[\n[[account]]]}]", &[]),
            ("# \n#[[account]]\na=1 [[account]]", &[]),
            ("[[account]\n[account]\n[[accounts]]\n[[\"account\"]]\n[[account]] x", &[]),
        ] {
            assert_eq!(chunks(text), expected, "{text}");
        }
    }

    #[test]
    fn settings_after_the_accounts_keep_their_positions() {
        let text = "a=1\n[[account]]\nid='ä'\n[http]\nb=2\n[[account]]\n";
        let split = SplitText::with_chunk_length(text, 1);
        assert_eq!(split.settings.find("[http]"), text.find("[http]"));
        assert_eq!(split.settings.split_whitespace().collect::<Vec<_>>(), ["a=1", "[http]", "b=2"]);
        let text = "a=1\n[[account]]\n[[account]]\n";
        assert_eq!(SplitText::with_chunk_length(text, 1).settings, "a=1\n");
    }

    #[test]
    fn chunks_have_a_minimum_length() {
        let text = "[[account]]\n".repeat(10);
        assert_eq!(SplitText::with_chunk_length(&text, 30).chunks.len(), 4);
        assert_eq!(chunks(&text).len(), 10);
        assert_eq!(SplitText::new(&text).chunks.len(), 1);
        assert!(SplitText::unsplit(&text).chunks.is_empty());
    }
}
