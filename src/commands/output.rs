//! Standard output, as three kinds of verb use it.
//!
//! - A verb that only looks writes to [`stdout`] and ends at the first error: silently with 0
//!   where the reader has left (`| head`), else with a line on stderr and 74.
//! - A verb that spends writes through a [`Printer`], which never fails in between: what is under
//!   way is finished and recorded, and only then does [`Printer::finish`] say what went wrong.
//! - `run` writes nothing there, and logs through [`crate::log_queue`].
//!
//! On a terminal control characters are shown as `\u001b`, since names and texts come from the
//! vendor; files and pipes get what was measured, unchanged.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::commands::CommandError;

/// Standard output of a verb that may end at the first error.
pub fn stdout() -> Box<dyn Write> {
    let out = io::stdout();
    match out.is_terminal() {
        true => Box::new(Escaped::new(out.lock())),
        false => Box::new(out.lock()),
    }
}

/// Standard output of a verb that must not end before what it pays for is recorded. After the
/// first error it prints no more.
#[derive(Debug)]
pub struct Printer<W = io::Stdout> {
    out: W,
    is_terminal: bool,
    failure: Option<io::Error>,
}

impl Printer {
    /// On standard output.
    pub fn stdout() -> Printer {
        let out = io::stdout();
        Printer { is_terminal: out.is_terminal(), out, failure: None }
    }
}

impl<W: Write> Printer<W> {
    /// Prints a line.
    pub fn line(&mut self, line: impl Display) {
        self.print(|out| writeln!(out, "{line}"));
    }

    /// Prints a JSON value on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) {
        self.print(|out| {
            serde_json::to_writer(&mut *out, value)?;
            writeln!(out)
        });
    }

    /// Prints no more: whoever would have read it has hung up.
    pub fn close(&mut self) {
        self.failure.get_or_insert_with(|| io::ErrorKind::BrokenPipe.into());
    }

    fn is_broken(&self) -> bool {
        self.failure.is_some()
    }

    /// To be called once everything is recorded.
    ///
    /// # Errors
    /// What kept it from printing; a reader that left is none.
    pub fn finish(self) -> Result<(), CommandError> {
        match self.failure {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn print(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.is_broken() {
            return;
        }
        let written = match self.is_terminal {
            true => write(&mut Escaped::new(&mut self.out)),
            false => write(&mut self.out),
        };
        self.failure = written.and_then(|()| self.out.flush()).err();
    }
}

/// Writes control characters, but for line ends and tabs, as JSON escapes them.
struct Escaped<W> {
    out: W,
    /// Whether the last byte, held back, begins a character that may be a C1 control.
    holds_c2: bool,
}

/// The first of the two bytes of U+0080 to U+00BF, of which the first half are controls.
const C2: u8 = 0xc2;

impl<W: Write> Escaped<W> {
    fn new(out: W) -> Escaped<W> {
        Escaped { out, holds_c2: false }
    }
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut escaped = Vec::with_capacity(bytes.len() + 8);
        for &byte in bytes {
            let held = std::mem::take(&mut self.holds_c2);
            match byte {
                0x80..=0x9f if held => write!(escaped, "\\u{byte:04x}")?,
                _ => {
                    if held {
                        escaped.push(C2);
                    }
                    match byte {
                        C2 => self.holds_c2 = true,
                        b'\n' | b'\t' => escaped.push(byte),
                        0..0x20 | 0x7f => write!(escaped, "\\u{byte:04x}")?,
                        _ => escaped.push(byte),
                    }
                }
            }
        }
        self.out.write_all(&escaped)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with an error, after it took so many writes.
    struct Failing {
        left: usize,
        kind: io::ErrorKind,
        tries: usize,
    }

    impl Write for &mut Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.tries += 1;
            if self.left == 0 {
                return Err(self.kind.into());
            }
            self.left -= 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_printer_prints_no_more_after_an_error_and_tells_it_at_the_end() {
        for (kind, is_told) in
            [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)]
        {
            let mut out = Failing { left: 0, kind, tries: 0 };
            let mut printer = Printer { out: &mut out, is_terminal: false, failure: None };
            printer.line("one");
            assert!(printer.is_broken());
            printer.line("two");
            printer.json(&3);
            assert_eq!(printer.finish().is_err(), is_told, "{kind}");
            assert_eq!(out.tries, 1);
        }
    }

    #[test]
    fn a_terminal_is_sent_no_control_characters() {
        // In pieces, as a buffer hands them over.
        let mut escaped = Escaped::new(Vec::new());
        for piece in ["a\x1b]0;b\x07\t\r\n".as_bytes(), b"\xc2", b"\x9b", "é\u{7f}ü\n".as_bytes()]
        {
            escaped.write_all(piece).expect("a vector");
        }
        let shown = String::from_utf8(escaped.out).expect("UTF-8");
        assert_eq!(shown, "a\\u001b]0;b\\u0007\t\\u000d\n\\u009bé\\u007fü\n");
    }
}
