//! What is wrong with a configuration, as it is found and as it is shown.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::raw::At;
use super::source::{self, Source};

/// How many problems are shown; the others are counted.
const SHOWN: usize = 100;

/// The parser's message for a key that its table has already.
const DUPLICATE: &str = "duplicate key";

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// In characters, from 1; one past the line's last where something is missing there.
    pub column: usize,
    /// What is wrong and what was expected, on one line.
    pub message: String,
    /// The source line with a caret beneath; `None` where it might give the API key away.
    excerpt: Option<source::Excerpt>,
}

/// Everything that is wrong with a configuration, in the order of the file; never empty.
///
/// Displayed as a `file:line:column: message` line each; the alternate form (`{:#}`) shows the
/// source line beneath each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    path: PathBuf,
    first: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// The first hundred problems.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.first.iter()
    }

    /// How many there are, those not shown included.
    pub fn count(&self) -> usize {
        self.first.len() + self.more
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = source::visible_path(&self.path);
        for (number, problem) in self.first.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{path}:{}:{}: {}", problem.line, problem.column, problem.message)?;
            if let (true, Some(excerpt)) = (f.alternate(), &problem.excerpt) {
                write!(f, "\n{excerpt}")?;
            }
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{path}: and {more} more problems"),
        }
    }
}

impl std::error::Error for Problems {}

struct Finding {
    /// A byte of the text.
    at: usize,
    message: String,
    /// A byte on the line that the message ends by naming.
    earlier: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The text is not TOML there.
    Syntax,
    /// Something required is not there.
    Absence,
    /// A value, a name.
    Meaning,
}

/// Collects what is wrong, by place in the text.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    start: usize,
}

impl Findings {
    /// From now on places are told as bytes of the piece of the text that begins at `start`.
    pub fn in_piece(&mut self, start: usize) {
        self.start = start;
    }

    /// The place in the text of a place in the piece.
    pub fn place(&self, at: usize) -> usize {
        self.start + at
    }

    /// The text is not TOML at `at`, so that what was read there may not be what was meant.
    pub fn syntax(&mut self, at: usize, message: String) {
        self.put(at, message, Kind::Syntax);
    }

    pub fn add(&mut self, at: usize, message: String) {
        self.put(at, message, Kind::Meaning);
    }

    /// Something required is not there. Where the text is not TOML it may well be there, in the
    /// part that could not be read; then this is not told.
    pub fn missing(&mut self, at: usize, message: String) {
        self.put(at, message, Kind::Absence);
    }

    fn put(&mut self, at: usize, message: String, kind: Kind) {
        let at = self.place(at);
        self.list.push(Finding { at, message, earlier: None, kind });
    }

    /// The value of a key is wrong: `why` follows the key's name, what is expected comes last.
    pub fn wrong<T>(&mut self, field: &At<T>, why: impl fmt::Display) {
        self.add(field.at, format!("`{}` {why}; expected {}", field.key.name, field.key.expected));
    }

    /// The same as an `earlier` place, whose line the message names at its end; both are places
    /// in the text.
    pub fn again(&mut self, at: usize, message: String, earlier: usize) {
        self.list.push(Finding { at, message, earlier: Some(earlier), kind: Kind::Meaning });
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What was found in `text`, the text of the file at `path`.
    pub fn into_problems(mut self, path: &Path, text: &str) -> Problems {
        let source = Source::new(text);
        if self.list.iter().any(|finding| finding.kind == Kind::Syntax) {
            self.list.retain(|finding| finding.kind != Kind::Absence);
        }
        let mut broken = HashSet::new();
        let mut astray = HashSet::new();
        for finding in self.list.iter().filter(|finding| finding.kind == Kind::Syntax) {
            let line = source.line_of(finding.at);
            if broken.insert(line) && source.is_header(line) {
                astray.extend((line + 1..=source.lines()).take_while(|&l| !source.is_header(l)));
            }
        }
        // What a broken line seems to say is not what the person meant, and what stands below a
        // broken header was read as part of the table above it.
        self.list.retain(|finding| {
            let line = source.line_of(finding.at);
            if finding.kind == Kind::Syntax {
                return finding.message != DUPLICATE || !astray.contains(&line);
            }
            !broken.contains(&line) && !astray.contains(&line)
        });
        self.list.sort_by_key(|finding| (finding.at, finding.kind));
        self.list.dedup_by_key(|finding| (finding.at, finding.kind, finding.message.clone()));
        let more = self.list.len().saturating_sub(SHOWN);
        self.list.truncate(SHOWN);
        let first = self
            .list
            .into_iter()
            .map(|finding| {
                let (line, column) = source.position(finding.at);
                let mut message = source::visible(&finding.message);
                if let Some(earlier) = finding.earlier {
                    message.push_str(&format!(" (line {})", source.line_of(earlier)));
                }
                Problem { line, column, message, excerpt: source.excerpt(line, column) }
            })
            .collect();
        Problems { path: path.to_owned(), first, more }
    }
}
