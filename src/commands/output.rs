//! Standard output, for four kinds of verbs.
//!
//! - A read-only verb writes to [`stdout`] and ends at the first error: silently and with exit code
//!   0 if the reader closed the pipe (`| head`), else with a line on stderr and exit code 74.
//! - A verb whose exit code is a verdict writes to [`UntilClosed`]: once the reader has closed the
//!   pipe, it prints nothing more, and its verdict still counts.
//! - A verb that spends writes through a [`Printer`], which neither fails nor blocks midway: calls in
//!   flight are finished and recorded, and only then does [`Printer::finish`] wait for the reader and
//!   return the error.
//! - `run` writes nothing to it, and logs through [`crate::log_queue`].
//!
//! On a terminal, control characters, and those that reorder text, are shown as `\u001b`, because names
//! and texts come from the vendor. Files and pipes receive them unchanged.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use crate::commands::CommandError;
use crate::printable::{Printable, is_invisible};

/// Returns standard output for a verb that may end at the first error.
pub fn stdout() -> Box<dyn Write> {
    let out = io::stdout();
    match out.is_terminal() {
        true => Box::new(Escaped::new(out.lock())),
        false => Box::new(out.lock()),
    }
}

/// A writer that discards everything once the reader has closed the pipe.
pub struct UntilClosed<W> {
    out: W,
    is_closed: bool,
}

impl<W: Write> UntilClosed<W> {
    pub fn new(out: W) -> UntilClosed<W> {
        UntilClosed { out, is_closed: false }
    }

    /// Returns the result of a write, or `instead` if the pipe is closed.
    fn unless_closed<T>(&mut self, written: io::Result<T>, instead: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(instead)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.unless_closed(flushed, ())
    }
}

/// Writes one part of the output.
type Part = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// Standard output of a verb that must record every paid call before it ends, and must respond to
/// signals. A separate thread writes it, so that a terminal or a pipe that is not read blocks nothing.
/// After the first error, nothing more is printed.
#[derive(Debug)]
pub struct Printer {
    /// `None` once the reader has hung up.
    parts: Option<Sender<Part>>,
    /// Receives the result once everything is printed.
    end: oneshot::Receiver<io::Result<()>>,
}

impl Printer {
    /// Returns a printer on standard output.
    ///
    /// # Errors
    /// Returns an error if the system grants no thread.
    pub fn stdout() -> io::Result<Printer> {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        Printer::start(out, is_terminal)
    }

    fn start(out: impl Write + Send + 'static, is_terminal: bool) -> io::Result<Printer> {
        let (parts, received) = channel();
        let (ends, end) = oneshot::channel();
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || ends.send(print_all(&received, out, is_terminal)).ok())?;
        Ok(Printer { parts: Some(parts), end })
    }

    /// Prints a line.
    pub fn line(&self, line: impl Display) {
        let line = line.to_string();
        self.print(move |out| writeln!(out, "{line}"));
    }

    /// Prints a line to stderr, after what was printed so far. On a terminal it replaces a progress
    /// bar, which is then drawn again.
    pub fn note(&self, line: impl Display) {
        let clear = if io::stderr().is_terminal() { "\r\u{1b}[K" } else { "" };
        let line = format!("{clear}growthd: {}\n", Printable(&line.to_string()));
        self.print(move |_| {
            // If stderr is closed, nobody wants to know.
            io::stderr().write_all(line.as_bytes()).ok();
            Ok(())
        });
    }

    /// Prints a JSON value on a line of its own.
    pub fn json(&self, value: serde_json::Value) {
        self.print(move |out| writeln!(out, "{value}"));
    }

    /// Prints whatever `part` writes.
    pub fn print(&self, part: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) {
        if let Some(parts) = &self.parts {
            // The thread receives as long as there is a sender.
            parts.send(Box::new(part)).ok();
        }
    }

    /// Stops printing, because the reader has hung up.
    pub fn close(&mut self) {
        self.parts = None;
    }

    /// Waits until everything is printed, or for `enough`. Call this once every paid call is recorded.
    ///
    /// # Errors
    /// Returns the first write error, unless the reader closed the pipe.
    pub async fn finish(self, enough: impl Future<Output = ()>) -> Result<(), CommandError> {
        let Printer { parts, end } = self;
        drop(parts);
        let end = tokio::select! {
            end = end => end.unwrap_or(Ok(())),
            () = enough => Ok(()),
        };
        match end {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn print_all(parts: &Receiver<Part>, mut out: impl Write, is_terminal: bool) -> io::Result<()> {
    let mut end = Ok(());
    for part in parts {
        if end.is_err() {
            // Parts may have other effects, such as redrawing a progress bar.
            part(&mut io::sink()).ok();
            continue;
        }
        let printed = match is_terminal {
            true => part(&mut Escaped::new(&mut out)),
            false => part(&mut out),
        };
        end = printed.and_then(|()| out.flush());
    }
    end
}

/// A writer that escapes control characters, except line feeds and tabs, and whatever else could break
/// or reorder the text around it, as in JSON.
struct Escaped<W> {
    out: W,
    /// The beginning of a character whose other bytes are still to come.
    begun: Vec<u8>,
}

impl<W: Write> Escaped<W> {
    fn new(out: W) -> Escaped<W> {
        Escaped { out, begun: Vec::new() }
    }
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(bytes);
        let last = text.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
        let rest = text.len() - last;
        let is_begun = str::from_utf8(&text[rest..]).is_err_and(|why| why.error_len().is_none());
        self.begun = if is_begun { text.split_off(rest) } else { Vec::new() };
        let mut escaped = String::with_capacity(text.len() + 8);
        for c in String::from_utf8_lossy(&text).chars() {
            match c {
                '\n' | '\t' => escaped.push(c),
                c if c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        escaped.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => escaped.push(c),
            }
        }
        self.out.write_all(escaped.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Fails every write with this error, and counts the tries.
    struct Failing(io::ErrorKind, Arc<AtomicUsize>);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Blocks forever.
    struct Stalled;

    impl Write for Stalled {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_printer_stops_after_an_error_and_returns_it_at_the_end() {
        for (kind, is_returned) in
            [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)]
        {
            let tries = Arc::new(AtomicUsize::new(0));
            let printer =
                Printer::start(Failing(kind, Arc::clone(&tries)), false).expect("a thread");
            printer.line("one");
            printer.line("two");
            printer.json(3.into());
            assert_eq!(printer.finish(pending()).await.is_err(), is_returned, "{kind}");
            assert_eq!(tries.load(Ordering::Relaxed), 1);
        }
    }

    #[tokio::test]
    async fn a_stalled_reader_delays_only_the_end_and_only_until_enough() {
        let printer = Printer::start(Stalled, true).expect("a thread");
        for line in 0..100_000 {
            printer.line(line);
        }
        printer.finish(ready(())).await.expect("enough");
    }

    #[test]
    fn a_terminal_is_sent_no_control_characters() {
        // Writes may split a character.
        let mut escaped = Escaped::new(Vec::new());
        for piece in ["a\x1b]0;b\x07\t\r\n".as_bytes(), b"\xc2", b"\x9b", "é\u{7f}ü\n".as_bytes()]
        {
            escaped.write_all(piece).expect("a vector");
        }
        let shown = String::from_utf8(escaped.out).expect("UTF-8");
        assert_eq!(shown, "a\\u001b]0;b\\u0007\t\\u000d\n\\u009bé\\u007fü\n");
    }

    #[test]
    fn a_terminal_is_sent_nothing_that_reorders_text_however_it_is_split() {
        let text = "{\"a\":\"\u{202e}x\u{2028}\u{e0041}שלום 👩\u{200d}🚀 \u{fffd}\"}\n";
        for length in 1..=text.len() {
            let mut escaped = Escaped::new(Vec::new());
            for piece in text.as_bytes().chunks(length) {
                escaped.write_all(piece).expect("a vector");
            }
            let shown = String::from_utf8(escaped.out).expect("UTF-8");
            assert!(!shown.contains(['\u{202e}', '\u{2028}', '\u{e0041}']), "{shown}");
            assert!(shown.contains("שלום 👩\u{200d}🚀"), "{shown}");
            let same = [text, &shown]
                .map(|json| serde_json::from_str::<serde_json::Value>(json).expect("JSON"));
            assert_eq!(same[0], same[1]);
        }
        let mut escaped = Escaped::new(Vec::new());
        escaped.write_all(b"a\xffb\xc2").expect("a vector");
        assert_eq!(String::from_utf8(escaped.out).expect("UTF-8"), "a\u{fffd}b");
    }
}
