//! Splits a file into its settings and chunks of its list of accounts.
//!
//! Parsed at once, a long list would be a tree of over a kilobyte per account in memory. An
//! `[[account]]` header starts a new table wherever it is, so a file can be split before one
//! without changing its meaning. The parser's own lexer finds the headers: the same characters
//! inside a string or an array are not one.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::{Lexer, Token, TokenKind};

use super::broken::{
    Brackets, Broken, Fault, Key, may_contain_header, open_string, starts_with_header,
};
use super::schema;

/// The minimum length of a chunk, in bytes. Its tree fits into the processor's cache.
const CHUNK_LENGTH: usize = 64 << 10;

/// How a file's text is split for parsing.
#[derive(Debug)]
pub(super) struct SplitText {
    /// The ranges of the accounts, each of which begins with a header.
    pub chunks: Vec<Range<usize>>,
    /// The malformed headers of accounts, each of which begins a chunk.
    pub malformed: Vec<MalformedHeader>,
    /// The broken statements that were noticed (see [`broken_statements`]).
    pub broken: Vec<Broken>,
    /// Where the closed strings begin of which a line may be the header of a table: one that was not
    /// closed where it was meant to be ends at the next one's quotes.
    pub doubtful_strings: Vec<usize>,
}

/// A line that was meant to be `[[account]]`, such as `[account]`. What follows is an account all
/// the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MalformedHeader {
    pub line: Range<usize>,
    pub message: &'static str,
}

impl SplitText {
    pub fn new(text: &str) -> SplitText {
        SplitText::with_chunk_length(text, CHUNK_LENGTH)
    }

    /// Leaves the accounts among the settings, so that the text is parsed at once.
    pub fn unsplit(text: &str) -> SplitText {
        SplitText { chunks: Vec::new(), ..SplitText::new(text) }
    }

    pub(super) fn with_chunk_length(text: &str, length: usize) -> SplitText {
        let mut chunks = Vec::new();
        let mut malformed = Vec::new();
        let mut chunk_start: Option<usize> = None;
        let mut headers = Headers::of(text);
        while let Some(Header { kind, at }) = headers.next() {
            let (begins, ends) = match (kind, chunk_start) {
                (Kind::Account, None) => (true, false),
                (Kind::Account, Some(start)) if at - start >= length => (true, true),
                (Kind::Malformed(message), _) => {
                    malformed.push(MalformedHeader { line: at..headers.at, message });
                    (true, true)
                }
                (Kind::Other, _) => (false, true),
                (Kind::Account | Kind::OfAccount, _) => continue,
            };
            if ends {
                chunks.extend(chunk_start.take().map(|start| start..at));
            }
            chunk_start = begins.then_some(at);
        }
        chunks.extend(chunk_start.map(|start| start..text.len()));
        let Headers { broken, doubtful_strings, .. } = headers;
        SplitText { chunks, malformed, broken, doubtful_strings }
    }

    /// Returns the text of a chunk for parsing, with a header that is well-formed, and by how many
    /// bytes that is longer.
    pub fn chunk<'t>(&self, text: &'t str, chunk: &Range<usize>) -> (Cow<'t, str>, usize) {
        let found = self.malformed.binary_search_by_key(&chunk.start, |header| header.line.start);
        let Some(MalformedHeader { line, .. }) = found.ok().map(|at| &self.malformed[at]) else {
            return (Cow::Borrowed(&text[chunk.clone()]), 0);
        };
        let header = ACCOUNT_LINE.trim_end();
        let mut part = format!("{header:width$}", width = line.len().saturating_sub(1));
        let longer = (part.len() + 1).saturating_sub(line.len());
        part.push('\n');
        part.push_str(&text[line.end..chunk.end]);
        (Cow::Owned(part), longer)
    }

    /// Returns whether a position is in the list of accounts.
    pub fn is_in_list(&self, at: usize) -> bool {
        let next = self.chunks.partition_point(|chunk| chunk.end <= at);
        self.chunks.get(next).is_some_and(|chunk| chunk.contains(&at))
    }

    /// Returns `text`, which was split like this, without its accounts. They are replaced by spaces
    /// where settings follow, so that these keep their positions.
    pub fn settings<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (Some(first), Some(last)) = (self.chunks.first(), self.chunks.last()) else {
            return Cow::Borrowed(text);
        };
        let is_one_run = self.chunks.windows(2).all(|pair| pair[0].end == pair[1].start);
        if is_one_run && last.end == text.len() {
            return Cow::Borrowed(&text[..first.start]);
        }
        let mut settings = String::with_capacity(text.len());
        for chunk in &self.chunks {
            settings.push_str(&text[settings.len()..chunk.start]);
            settings.extend(std::iter::repeat_n(' ', chunk.len()));
        }
        settings.push_str(&text[settings.len()..]);
        Cow::Owned(settings)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// `[[account]]`
    Account,
    /// `[account]` and the like, with what is to be said about it.
    Malformed(&'static str),
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

/// Returns all broken statements of a text. [`SplitText`] has those only that its shorter way passes
/// by.
pub(super) fn broken_statements(text: &str) -> Vec<Broken> {
    let mut headers = Headers { has_long_strings: true, ..Headers::of(text) };
    headers.by_ref().for_each(drop);
    headers.broken
}

/// What is said about accounts that are no list.
pub(super) const ONE_BRACKET: &str = "accounts are a list: write [[account]], with double brackets";

const NOT_ALONE: &str = "write [[account]] on a line of its own";

/// The header of an account without spaces or a comment.
const ACCOUNT_LINE: &str = "[[account]]\n";

/// The headers of a text, in order.
struct Headers<'a> {
    text: &'a str,
    /// Where the next statement begins.
    at: usize,
    /// Whether any string may span lines.
    has_long_strings: bool,
    broken: Vec<Broken>,
    doubtful_strings: Vec<usize>,
}

impl<'a> Headers<'a> {
    fn of(text: &'a str) -> Headers<'a> {
        let contains = |quotes: &str| memchr::memmem::find(text.as_bytes(), quotes.as_bytes());
        let has_long_strings = ["\"\"\"", "'''"].into_iter().any(|q| contains(q).is_some());
        let (broken, doubtful_strings) = (Vec::new(), Vec::new());
        Headers { text, at: 0, has_long_strings, broken, doubtful_strings }
    }

    /// Skips lines that are statements of their own and no headers. The lexer takes several times as
    /// long.
    fn skip_plain_lines(&mut self) {
        if self.has_long_strings {
            return;
        }
        let bytes = self.text.as_bytes();
        while let Some(length) = memchr::memchr(b'\n', &bytes[self.at..]) {
            if !is_plain(&bytes[self.at..self.at + length]) {
                return;
            }
            self.at += length + 1;
        }
    }

    /// Reads a header as nearly everybody writes it.
    fn common_header(&mut self) -> Option<Header> {
        let rest = self.text[self.at..].strip_prefix(ACCOUNT_LINE)?;
        let at = self.at;
        self.at = self.text.len() - rest.len();
        Some(Header { kind: Kind::Account, at })
    }

    /// Reads the next statement, and returns its header if it is one.
    fn statement(&mut self) -> Option<Header> {
        let start = self.at;
        self.at = self.text.len();
        let mut tokens = Source::new(&self.text[start..]).lex();
        let mut brackets = Brackets::default();
        let (mut first, mut key) = (None, Key::default());
        let mut line = start;
        // Only the first token of a statement can begin a header. A statement ends with the line on
        // which its last bracket is closed.
        while let Some(token) = tokens.next() {
            let (at, end) = (start + token.span().start(), start + token.span().end());
            match token.kind() {
                TokenKind::Newline if brackets.are_closed() || key == Key::Invalid => {
                    self.at = end;
                    break;
                }
                TokenKind::Newline => {
                    line = end;
                    if starts_with_header(&self.text[line..]) {
                        self.at = line;
                        break;
                    }
                }
                TokenKind::Equals if brackets.exclude_key(line) => {
                    self.at = line;
                    break;
                }
                TokenKind::LeftSquareBracket if first.is_none() => {
                    let kind = self.kind(&mut tokens, start);
                    return Some(Header { kind, at });
                }
                TokenKind::Whitespace | TokenKind::Comment | TokenKind::Eof => {}
                kind => {
                    if self.ends_in_string(kind, at..end, start) {
                        return None;
                    }
                    first = first.or(Some(at));
                    key = key.then(kind);
                    brackets.pass(kind, at);
                }
            }
        }
        let fault = match (first, key, brackets.first()) {
            (None, ..) | (_, Key::Complete, None) => None,
            (_, Key::Complete, Some(bracket)) => Some((bracket.fault(), bracket.at)),
            (Some(at), ..) => Some((Fault::NoKeyAndValue, at)),
        };
        let statement = start..self.at;
        self.broken.extend(fault.map(|(fault, at)| Broken { fault, at, statement }));
        None
    }

    /// Looks at a string that may span lines. If it is not closed, ends the statement that begins at
    /// `start` before the next header, and returns true.
    fn ends_in_string(&mut self, kind: TokenKind, token: Range<usize>, start: usize) -> bool {
        if !matches!(kind, TokenKind::MlBasicString | TokenKind::MlLiteralString) {
            return false;
        }
        let (text, at) = (&self.text[token.clone()], token.start);
        let is_last = token.end == self.text.len();
        if let Some(fault) = is_last.then(|| open_string(kind, text)).flatten() {
            let mut lines = memchr::memchr_iter(b'\n', text.as_bytes()).map(|line| at + line + 1);
            let next = lines.find(|line| starts_with_header(&self.text[*line..]));
            self.at = next.unwrap_or(self.text.len());
            self.broken.push(Broken { fault, at, statement: start..self.at });
            return true;
        }
        if may_contain_header(text) {
            self.doubtful_strings.push(at);
        }
        false
    }

    /// Reads the rest of a header's line after its first bracket. `start` is where the lexer began.
    fn kind(&mut self, tokens: &mut Lexer<'_>, start: usize) -> Kind {
        let mut brackets = 1;
        let mut words = Vec::new();
        for token in tokens {
            let (at, end) = (start + token.span().start(), start + token.span().end());
            match token.kind() {
                TokenKind::Newline => {
                    self.at = end;
                    break;
                }
                kind if self.ends_in_string(kind, at..end, at) => break,
                TokenKind::Eof => break,
                TokenKind::Whitespace | TokenKind::Comment => {}
                TokenKind::LeftSquareBracket if words.is_empty() => brackets += 1,
                _ => words.push(token),
            }
        }
        let is_account = |token: &Token| {
            token.kind() == TokenKind::Atom
                && self.text.get(start + token.span().start()..start + token.span().end())
                    == Some(schema::ACCOUNT.name)
        };
        const CLOSED: [TokenKind; 2] = [TokenKind::RightSquareBracket; 2];
        let kinds: Vec<TokenKind> = words.iter().map(Token::kind).collect();
        match (words.first().is_some_and(is_account), brackets, kinds.get(1..).unwrap_or_default())
        {
            (false, ..) => Kind::Other,
            (true, _, [TokenKind::Dot, ..]) => Kind::OfAccount,
            (true, 2, kinds) if *kinds == CLOSED => Kind::Account,
            (true, 2, kinds) if kinds.starts_with(&CLOSED) => Kind::Malformed(NOT_ALONE),
            (true, ..) => Kind::Malformed(ONE_BRACKET),
        }
    }
}

/// Returns whether a line without long strings is certainly a whole statement and no header.
fn is_plain(line: &[u8]) -> bool {
    if memchr::memchr3(b'[', b'{', b']', line).is_none() {
        return true;
    }
    let (mut depth, mut is_string) = (0_usize, false);
    for byte in line.strip_suffix(b"\r").unwrap_or(line) {
        match byte {
            // An escape, another string, a comment or an end of a line: for the lexer to see.
            b'\\' | b'\'' | b'#' | b'\r' => return false,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                // Perhaps a header that lacks its beginning.
                None => return false,
            },
            _ => {}
        }
    }
    depth == 0 && !is_string && line.trim_ascii_start().first() != Some(&b'[')
}

impl Iterator for Headers<'_> {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        while self.at < self.text.len() {
            self.skip_plain_lines();
            if let Some(header) = self.common_header().or_else(|| self.statement()) {
                return Some(header);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks(text: &str) -> Vec<&str> {
        let split = SplitText::with_chunk_length(text, 1);
        assert!(text.len() >= split.settings(text).len());
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
            // Also after a carriage return alone, which the parser refuses.
            ("[[account]]\nid=\"a\"\r[http]\rx=1\n", &["[[account]]\nid=\"a\"\r"]),
            ("[[accounts]]\n[[\"account\"]]\n", &[]),
            ("[http]\n[[account]\nid='a'\n[http]", &["[[account]\nid='a'\n"]),
            ("[account]\n[[account]]\n[accounts]", &["[account]\n", "[[account]]\n"]),
        ] {
            assert_eq!(chunks(text), expected, "{text}");
        }
    }

    #[test]
    fn a_malformed_header_begins_an_account() {
        for (line, parsed, message, longer) in [
            ("[account]", "[[account]]", ONE_BRACKET, 2),
            ("[account", "[[account]]", ONE_BRACKET, 3),
            ("[ account ]  # é", "[[account]]      ", ONE_BRACKET, 0),
            ("[account]]", "[[account]]", ONE_BRACKET, 1),
            ("[[account]", "[[account]]", ONE_BRACKET, 1),
            ("[[account]] id = 1", "[[account]]       ", NOT_ALONE, 0),
        ] {
            for begin in ["", "[http]\n", "[[account]]\n"] {
                let text = format!("{begin}{line}\nid = 'a'\n[[account]]\n");
                let split = SplitText::new(&text);
                let [header] = &split.malformed[..] else { panic!("{line}: {split:?}") };
                assert_eq!(
                    (&text[header.line.clone()], header.message),
                    (&*format!("{line}\n"), message)
                );
                let chunk = split.chunks.iter().find(|chunk| chunk.start == begin.len());
                let part = split.chunk(&text, chunk.expect("a chunk"));
                assert_eq!(part, (format!("{parsed}\nid = 'a'\n[[account]]\n").into(), longer));
            }
        }
    }

    #[test]
    fn settings_after_the_accounts_keep_their_positions() {
        let text = "a=1\n[[account]]\nid='ä'\n[http]\nb=2\n[[account]]\n";
        let settings = SplitText::with_chunk_length(text, 1).settings(text);
        assert_eq!(settings.find("[http]"), text.find("[http]"));
        assert_eq!(settings.split_whitespace().collect::<Vec<_>>(), ["a=1", "[http]", "b=2"]);
        let text = "a=1\n[[account]]\n[[account]]\n";
        assert_eq!(SplitText::with_chunk_length(text, 1).settings(text), "a=1\n");
    }

    #[test]
    fn a_statement_that_is_not_closed_ends_before_the_next_one() {
        for (text, statements) in [
            ("a = [1\nb = 2\n", &["a = [1\n"][..]),
            ("x = 1\na = [1,\n  'b', # [\n  c.d = 2\n", &["a = [1,\n  'b', # [\n"]),
            ("a = ['x'\n\n[[account]]\nb = {\n[api]", &["a = ['x'\n\n", "b = {\n"]),
            ("a = [{b = [\nc = 1}\n", &["a = [{b = [\n"]),
            ("a = [[1], 2", &["a = [[1], 2"]),
            ("x = \"\"\"a\n[api]\ny = 1", &["x = \"\"\"a\n"]),
            ("x = ['''a\n[1]\nb = 1\n\n[[account]]\n", &["x = ['''a\n[1]\nb = 1\n\n"]),
            ("x = '''a'''\ny = \"\"\"a\\\"\"\"", &["y = \"\"\"a\\\"\"\""]),
            ("[[account]] \"\"\"\n[api]\n", &["\"\"\"\n"]),
            ("x = \"\"\"\n[api]\n\"\"\"\n", &[]),
            ("a = [\n[true],\n[1], {b = 1,\n c = 2},\n]\nb = [{a = 1}]", &[]),
        ] {
            let broken = SplitText::new(text).broken;
            let found: Vec<&str> =
                broken.into_iter().map(|broken| &text[broken.statement]).collect();
            assert_eq!(found, statements, "{text}");
        }
    }

    #[test]
    fn a_line_without_a_key_and_a_value_is_broken() {
        let broken = |text: &str| -> Vec<usize> {
            broken_statements(text).into_iter().map(|broken| broken.at).collect()
        };
        for line in [
            "a: 'b'",
            "a",
            "a 'b'",
            "a b = 1",
            "- a",
            "=======",
            "<<<<<<< HEAD",
            "a. = 1",
            "'a",
            "}",
        ] {
            assert_eq!(broken(&format!("x = 1\n {line}\ny = [1]")), [7], "{line}");
        }
        for line in ["a.'b'.\"c d\" = [\n1]", "1.2 = 3", "# a", "", " ", "[a] b", "a = b c", "a ="]
        {
            assert_eq!(broken(&format!("x = 1\n{line}\ny = [1]")), [0; 0], "{line}");
        }
    }

    #[test]
    fn chunks_have_a_minimum_length() {
        let text = "[[account]]\n".repeat(10);
        assert_eq!(SplitText::with_chunk_length(&text, 30).chunks.len(), 4);
        assert_eq!(chunks(&text).len(), 10);
        assert_eq!(SplitText::new(&text).chunks.len(), 1);
        assert!(SplitText::unsplit(&text).chunks.is_empty());
    }

    proptest! {
        /// The lines that are skipped contain nothing that the lexer would have seen.
        #[test]
        fn plain_lines_change_no_header(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "[[account]]", "[account.x]", "[http]", "id = ", "\"a\"", "'b'", "\"\\\"[\"",
                    "[", "]", "{", "}", ", ", "\n", "\r\n", "\r", "# ", "1", "\"\"\"", "'''", " ", "é",
                ]),
                0..40,
            ),
        ) {
            let text = parts.concat();
            let lexed = Headers { has_long_strings: true, ..Headers::of(&text) };
            prop_assert_eq!(Headers::of(&text).collect::<Vec<_>>(), lexed.collect::<Vec<_>>());
        }
    }
}
