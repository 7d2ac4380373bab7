//! Collects the problems of a configuration while it is read.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::at::At;
use super::document::Document;
use super::problem::{Problem, Problems};
use super::source::Source;
use crate::printable::{Printable, cut, visible_path};

/// How many problems are shown; the others are counted.
const SHOWN: usize = 1000;

/// How many problems are kept until they are sorted: enough that none of those shown is lost,
/// but bounded, in case every account of a long list is wrong.
const KEPT: usize = 10_000;

/// How many characters of a message are shown. It may quote a value as long as the file.
const LONGEST_MESSAGE: usize = 500;

/// The parser's message for a key that is already in its table. The key is added to it.
pub(super) const DUPLICATE: &str = "duplicate key";

const NOT_UTF8: &str = "this is not UTF-8 text; save the file as UTF-8";

/// A position in one of the files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    /// The index of the file, in the order of reading.
    file: usize,
    /// The byte offset in the text.
    at: usize,
}

struct Finding {
    place: Place,
    message: String,
    /// The first occurrence of a duplicate, which the message names at its end.
    first: Option<Place>,
    kind: Kind,
    /// Whether it concerns the list of accounts only.
    is_of_list: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The text is not TOML.
    Syntax,
    /// Something required is missing.
    Absence,
    /// A value or a name is invalid.
    Meaning,
    /// A file that is named cannot be read.
    Unavailable,
}

/// The problems found so far.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    /// How many were not kept.
    beyond: usize,
    /// The current file, and the start in it of the current chunk.
    file: usize,
    start: usize,
    /// By how many bytes the chunk's header is longer when it is parsed.
    longer: usize,
    is_of_list: bool,
}

impl Findings {
    /// Makes further positions relative to the text of file number `file`.
    pub fn in_file(&mut self, file: usize) {
        (self.file, self.start, self.longer) = (file, 0, 0);
    }

    /// Like [`Findings::in_file`], and reports the lines of `document` that are not UTF-8.
    pub fn in_document(&mut self, file: usize, document: &Document<'_>) {
        self.in_file(file);
        for at in &document.not_utf8 {
            self.not_utf8(*at);
        }
    }

    pub fn not_utf8(&mut self, at: usize) {
        self.syntax(at, NOT_UTF8.to_owned());
    }

    /// Sets whether further problems concern the list of accounts only.
    pub fn of_list(&mut self, is_of_list: bool) {
        self.is_of_list = is_of_list;
    }

    /// Makes further positions relative to the chunk of the file's text that starts at `start`, whose
    /// header is parsed as one that is `longer` by some bytes.
    pub fn in_chunk(&mut self, start: usize, longer: usize) {
        (self.start, self.longer) = (start, longer);
    }

    /// Returns the place of a position in the current chunk.
    pub fn place(&self, at: usize) -> Place {
        Place { file: self.file, at: self.start + at.saturating_sub(self.longer) }
    }

    /// Reports that the text is not TOML at `at`, so that nothing read on that line can be trusted.
    pub fn syntax(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Syntax, None);
    }

    pub fn add(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Meaning, None);
    }

    pub fn add_at(&mut self, place: Place, message: String) {
        self.put(place, message, Kind::Meaning, None);
    }

    /// Reports that something required is missing from the table at `at`. This is dropped for a table
    /// with syntax errors, since it may be in the part that could not be parsed.
    pub fn missing(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Absence, None);
    }

    /// Reports that a file cannot be read, which is no mistake in the text.
    pub fn unavailable(&mut self, at: usize, message: String) {
        self.put(self.place(at), message, Kind::Unavailable, None);
    }

    /// Reports an invalid value. In the message, `why` comes between the key's name and what is
    /// expected.
    pub fn wrong<T>(&mut self, field: &At<T>, why: impl fmt::Display) {
        self.add(field.at, format!("`{}` {why}; expected {}", field.key.name, field.key.expected));
    }

    /// Reports a duplicate of what is at `first`.
    pub fn duplicate(&mut self, place: Place, message: String, first: Place) {
        self.put(place, message, Kind::Meaning, Some(first));
    }

    fn put(&mut self, place: Place, message: String, kind: Kind, first: Option<Place>) {
        let is_of_list = self.is_of_list;
        match self.list.len() < KEPT {
            true => self.list.push(Finding { place, message, first, kind, is_of_list }),
            false => self.beyond += 1,
        }
    }

    /// Returns whether a text is not TOML somewhere.
    pub fn have_syntax(&self) -> bool {
        self.list.iter().any(|finding| finding.kind == Kind::Syntax)
    }

    /// Returns whether any problem concerns the settings.
    pub fn concern_settings(&self) -> bool {
        self.list.iter().any(|finding| !finding.is_of_list)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the problems of `documents`, the first of which is the main file.
    pub fn into_problems(mut self, documents: &[Document<'_>]) -> Problems {
        // Only of the files with a problem, and of those that a problem refers to.
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
        let may_pass =
            self.beyond == 0 && self.list.iter().all(|finding| finding.kind == Kind::Unavailable);
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
                let mut message = Printable(&shortened(&finding.message)).to_string();
                if let Some(first) = finding.first {
                    let (line, column) = self::position(&sources, first);
                    message.push_str(&match first.file == file {
                        true => format!(" (first on line {line})"),
                        false => {
                            let path = visible_path(&documents[first.file].path);
                            format!(" (first in {path}:{line}:{column})")
                        }
                    });
                }
                let excerpt = source.excerpt(line, column);
                Some(Problem { file: paths[file].clone(), line, column, message, excerpt })
            })
            .collect();
        let path = documents.first().map(|main| main.path.clone()).unwrap_or_default();
        Problems { path, first, more, may_pass }
    }

    /// Drops findings that are only consequences of a syntax error.
    fn drop_consequences(&mut self, file: usize, source: &Source<'_>) {
        let is_broken =
            |finding: &Finding| finding.place.file == file && finding.kind == Kind::Syntax;
        let mut broken = HashSet::new();
        let mut astray = HashSet::new();
        let mut not_utf8 = HashSet::new();
        for finding in self.list.iter().filter(|finding| is_broken(finding)) {
            let line = source.line_of(finding.place.at);
            if finding.message == NOT_UTF8 {
                not_utf8.insert(line);
            }
            if broken.insert(line) && source.is_header(line) {
                astray.extend((line + 1..=source.lines()).take_while(|&l| !source.is_header(l)));
            }
        }
        let is_whole = |table: usize| {
            let next = (table + 1..=source.lines()).find(|line| source.is_header(*line));
            let lines = table..next.unwrap_or(source.lines() + 1);
            !broken.iter().any(|line| lines.contains(line))
        };
        // What was read from a broken line is not what was meant, and the lines below a broken
        // header were read as part of the table above it.
        self.list.retain(|finding| {
            if finding.place.file != file {
                return true;
            }
            let line = source.line_of(finding.place.at);
            if finding.kind == Kind::Syntax {
                let is_astray = finding.message.starts_with(DUPLICATE) && astray.contains(&line);
                return !is_astray && (finding.message == NOT_UTF8 || !not_utf8.contains(&line));
            }
            let is_trusted = !broken.contains(&line) && !astray.contains(&line);
            is_trusted && (finding.kind != Kind::Absence || is_whole(line))
        });
    }
}

fn position(sources: &[Option<Source<'_>>], place: Place) -> (usize, usize) {
    let source = sources.get(place.file).and_then(Option::as_ref);
    source.map_or((1, 1), |source| source.position(place.at))
}

fn shortened(message: &str) -> String {
    let (beginning, more) = cut(message, LONGEST_MESSAGE);
    format!("{beginning}{more}")
}
