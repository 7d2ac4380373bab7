//! What is wrong with a configuration, as it is shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source;

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file, as it was given or found.
    pub file: Arc<Path>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1; one past the line's last where something is missing there.
    pub column: usize,
    /// What is wrong and what was expected, on one line.
    pub message: String,
    /// The source line with a caret beneath; `None` where it might give the API key away.
    pub(super) excerpt: Option<source::Excerpt>,
}

/// Everything that is wrong with a configuration: by file, the main one first, and in each from
/// the top down; never empty.
///
/// Displayed as a `file:line:column: message` line each; the alternate form (`{:#}`) shows the
/// source line beneath each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    pub(super) path: PathBuf,
    pub(super) first: Vec<Problem>,
    pub(super) more: usize,
}

impl Problems {
    /// The first fifty problems.
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
        for (number, problem) in self.first.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            let file = source::visible_path(&problem.file);
            write!(f, "{file}:{}:{}: {}", problem.line, problem.column, problem.message)?;
            if let (true, Some(excerpt)) = (f.alternate(), &problem.excerpt) {
                write!(f, "\n{excerpt}")?;
            }
        }
        match self.more {
            0 => Ok(()),
            1 => write!(f, "\n{}: and 1 more problem", source::visible_path(&self.path)),
            more => write!(f, "\n{}: and {more} more problems", source::visible_path(&self.path)),
        }
    }
}

impl std::error::Error for Problems {}
