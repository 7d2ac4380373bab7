//! What is wrong with a configuration, as it is found.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::at::At;
use super::document::Document;
use super::problem::{Problem, Problems};
use super::source::{self, Source};

/// How many problems are shown; the others are counted.
const SHOWN: usize = 50;

/// How many problems are kept until they are sorted: enough that none of the first ones is
/// missing, and bounded, for a list in which every account is wrong.
const KEPT: usize = 10_000;

/// How many characters of a message are shown: a value in it may be as long as the file.
const LONGEST_MESSAGE: usize = 500;

/// The parser's message for a key that its table has already.
const DUPLICATE: &str = "duplicate key";

/// A byte of the text of one of the files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    /// The file's number, in the order in which they are read.
    file: usize,
    at: usize,
}

struct Finding {
    place: Place,
    message: String,
    /// A place that the message ends by naming.
    first: Option<Place>,
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

/// Collects what is wrong, by place.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    beyond: usize,
    file: usize,
    start: usize,
}

impl Findings {
    /// From now on places are told as bytes of the text of file number `file`.
    pub fn in_file(&mut self, file: usize) {
        (self.file, self.start) = (file, 0);
    }

    /// The same, and tells what of the document could not be read.
    pub fn in_document(&mut self, file: usize, document: &Document<'_>) {
        self.in_file(file);
        for at in &document.not_utf8 {
            self.syntax(*at, "this is not UTF-8 text; save the file as UTF-8".to_owned());
        }
    }

    /// From now on places are told as bytes of the piece of the file's text that begins at
    /// `start`.
    pub fn in_piece(&mut self, start: usize) {
        self.start = start;
    }

    /// The place of a byte of the piece.
    pub fn place(&self, at: usize) -> Place {
        Place { file: self.file, at: self.start + at }
    }

    /// The text is not TOML at `at`, so that what was read there may not be what was meant.
    pub fn syntax(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Syntax, None);
    }

    pub fn add(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Meaning, None);
    }

    /// Something required is not there. Where the text is not TOML it may well be there, in the
    /// part that could not be read; then this is not told.
    pub fn missing(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Absence, None);
    }

    /// The value of a key is wrong: `why` follows the key's name, what is expected comes last.
    pub fn wrong<T>(&mut self, field: &At<T>, why: impl fmt::Display) {
        self.add(field.at, format!("`{}` {why}; expected {}", field.key.name, field.key.expected));
    }

    /// The same as what stands at `first`, which the message names at its end.
    pub fn again(&mut self, place: Place, message: String, first: Place) {
        self.put(place, message, Kind::Meaning, Some(first));
    }

    fn put(&mut self, place: Place, message: String, kind: Kind, first: Option<Place>) {
        match self.list.len() < KEPT {
            true => self.list.push(Finding { place, message, first, kind }),
            false => self.beyond += 1,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What was found in the files, of which the first is the main one.
    pub fn into_problems(mut self, documents: &[Document<'_>]) -> Problems {
        // Of the files with a problem, and of those that a problem refers to.
        let sources: Vec<Option<Source<'_>>> = documents
            .iter()
            .enumerate()
            .map(|(file, document)| {
                let is_named = self.list.iter().any(|finding| {
                    finding.place.file == file || finding.first.is_some_and(|at| at.file == file)
                });
                is_named.then(|| Source::new(&document.text))
            })
            .collect();
        let source = |file: usize| sources.get(file).and_then(Option::as_ref);
        for file in 0..documents.len() {
            if let Some(source) = source(file) {
                self.drop_consequences(file, source);
            }
        }
        self.list.sort_by_key(|finding| (finding.place, finding.kind));
        self.list.dedup_by_key(|finding| (finding.place, finding.kind, finding.message.clone()));
        let more = self.beyond + self.list.len().saturating_sub(SHOWN);
        self.list.truncate(SHOWN);
        let paths: Vec<Arc<Path>> =
            documents.iter().map(|file| file.path.as_path().into()).collect();
        let first = self
            .list
            .into_iter()
            .filter_map(|finding| {
                let Place { file, at } = finding.place;
                let source = source(file)?;
                let (line, column) = source.position(at);
                let mut message = source::visible(&shortened(finding.message));
                if let Some(first) = finding.first {
                    let (line, column) = self::position(&sources, first);
                    message.push_str(&match first.file == file {
                        true => format!(" (first on line {line})"),
                        false => {
                            let path = source::visible_path(&documents[first.file].path);
                            format!(" (first in {path}:{line}:{column})")
                        }
                    });
                }
                let excerpt = source.excerpt(line, column);
                Some(Problem { file: paths[file].clone(), line, column, message, excerpt })
            })
            .collect();
        let path = documents.first().map(|main| main.path.clone()).unwrap_or_default();
        Problems { path, first, more }
    }

    /// Drops what is only there because a line of the file is not TOML.
    fn drop_consequences(&mut self, file: usize, source: &Source<'_>) {
        let is_broken =
            |finding: &Finding| finding.place.file == file && finding.kind == Kind::Syntax;
        if self.list.iter().any(is_broken) {
            self.list.retain(|finding| finding.place.file != file || finding.kind != Kind::Absence);
        }
        let mut broken = HashSet::new();
        let mut astray = HashSet::new();
        for finding in self.list.iter().filter(|finding| is_broken(finding)) {
            let line = source.line_of(finding.place.at);
            if broken.insert(line) && source.is_header(line) {
                astray.extend((line + 1..=source.lines()).take_while(|&l| !source.is_header(l)));
            }
        }
        // What a broken line seems to say is not what the person meant, and what stands below a
        // broken header was read as part of the table above it.
        self.list.retain(|finding| {
            if finding.place.file != file {
                return true;
            }
            let line = source.line_of(finding.place.at);
            if finding.kind == Kind::Syntax {
                return finding.message != DUPLICATE || !astray.contains(&line);
            }
            !broken.contains(&line) && !astray.contains(&line)
        });
    }
}

fn position(sources: &[Option<Source<'_>>], place: Place) -> (usize, usize) {
    let source = sources.get(place.file).and_then(Option::as_ref);
    source.map_or((1, 1), |source| source.position(place.at))
}

fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}
