//! The output of `growthd check`: everything that was checked, or only the problems.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::commands::CommandError;
use crate::report::terminal;

/// How much is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    Everything,
    Problems,
}

/// Where the results of the checks are printed.
pub struct CheckOutput<W> {
    pub out: W,
    pub scope: Scope,
}

impl<W: Write> CheckOutput<W> {
    /// Prints the result of a check that found no problem.
    pub fn entry(&mut self, word: &str, text: impl Display) -> io::Result<()> {
        match self.scope {
            Scope::Everything => terminal::entry(&mut self.out, word, text),
            Scope::Problems => Ok(()),
        }
    }

    /// Prints a problem.
    pub fn warning(&mut self, word: &str, text: impl Display) -> io::Result<()> {
        terminal::warning(&mut self.out, word, text)
    }
}

/// Returns an error that stands on stdout already. It goes to stderr as well, unless it would stand twice
/// on a terminal.
pub fn shown(error: CommandError) -> CommandError {
    match io::stdout().is_terminal() {
        true => CommandError::Told(Box::new(error)),
        false => error,
    }
}
