//! The problems of a configuration, as they are displayed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source;
use crate::printable::visible_path;

/// A problem of a configuration and its position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The path as given, or as found by `include`.
    pub file: Arc<Path>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1; one past the end of the line if something is missing there.
    pub column: usize,
    /// What is wrong and what was expected, on one line.
    pub message: String,
    /// The source line with a caret below it; `None` if it might reveal the API key.
    pub(super) excerpt: Option<source::Excerpt>,
}

/// All problems of a configuration: sorted by file, with the main one first, then by position.
/// Never empty.
///
/// Each is displayed as `file:line:column: message` on a line of its own; the alternate form
/// (`{:#}`) adds the source line below each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    pub(super) path: PathBuf,
    pub(super) first: Vec<Problem>,
    pub(super) more: usize,
    pub(super) may_pass: bool,
}

impl Problems {
    /// Iterates over the problems that are shown.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.first.iter()
    }

    /// Returns the number of problems, including those that are not shown.
    pub fn count(&self) -> usize {
        self.first.len() + self.more
    }

    /// Returns whether the text may be valid: every problem is a file that cannot be read now.
    pub fn may_pass(&self) -> bool {
        self.may_pass
    }
}

/// On one line, without the excerpt.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = visible_path(&self.file);
        write!(f, "{file}:{}:{}: {}", self.line, self.column, self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.first.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
            if let (true, Some(excerpt)) = (f.alternate(), &problem.excerpt) {
                write!(f, "\n{excerpt}")?;
            }
        }
        match self.more {
            0 => Ok(()),
            1 => write!(f, "\n{}: and 1 more problem", visible_path(&self.path)),
            more => write!(f, "\n{}: and {more} more problems", visible_path(&self.path)),
        }
    }
}

impl std::error::Error for Problems {}
