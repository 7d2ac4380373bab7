//! Log lines on their way out: a bounded queue with a writer thread of its own, so that whoever
//! logs never waits for, nor hears of, whoever reads.
//!
//! A pipe nobody reads, a full disk, a terminal that went away or a stalled journal cost log
//! lines and nothing else. Lines that are lost are counted ([`dropped`]), and the log says so
//! itself as soon as a line gets through again.
//!
//! `tracing-appender` does much of this, but prints with `println!` while it stops, which panics
//! where stdout is closed, and never says that lines are missing.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;

/// What may wait to be written, in bytes: some thousand lines.
const CAPACITY: usize = 1 << 20;

/// How long a sink that cannot take more just now is left alone.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// How many log lines were lost since the process began.
pub fn dropped() -> u64 {
    QUEUE.get().map_or(0, LogQueue::dropped)
}

/// Waits until what was logged is written, but no longer than `patience`: for the end of the
/// process. Returns whether all of it was.
pub fn flush(patience: Duration) -> bool {
    QUEUE.get().is_none_or(|queue| queue.flush(patience))
}

/// Where lines go in the end. It may block and fail as it likes.
pub trait Sink: Send + 'static {
    /// Takes a whole line.
    ///
    /// # Errors
    /// The line is lost.
    fn take(&mut self, line: &[u8]) -> io::Result<()>;
}

/// The queue's near end.
#[derive(Clone, Debug)]
pub struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    dropped: AtomicU64,
    came: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether the writer has a line that is not in `lines` any more.
    is_writing: bool,
}

impl LogQueue {
    /// Starts the writer, and makes this the queue that [`flush`] waits for.
    ///
    /// # Errors
    /// The system grants no thread.
    pub fn start(sink: impl Sink) -> io::Result<LogQueue> {
        let queue = LogQueue::spawn(sink)?;
        // A second one is not flushed at the end; logging starts once.
        QUEUE.get_or_init(|| queue.clone());
        Ok(queue)
    }

    fn spawn(sink: impl Sink) -> io::Result<LogQueue> {
        let queue = LogQueue(Arc::default());
        let shared = Arc::clone(&queue.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(sink))?;
        Ok(queue)
    }

    /// Appends a line; one for which there is no room is lost, and counted.
    pub fn push(&self, line: Vec<u8>) {
        let mut waiting = self.0.lock();
        if waiting.bytes + line.len() > CAPACITY {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        drop(waiting);
        self.0.came.notify_one();
    }

    fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    fn flush(&self, patience: Duration) -> bool {
        let begun: Instant = clock::monotonic();
        let mut waiting = self.0.lock();
        while waiting.is_writing || !waiting.lines.is_empty() {
            let left = patience.saturating_sub(clock::monotonic().duration_since(begun));
            if left.is_zero() {
                return false;
            }
            waiting = match self.0.written.wait_timeout(waiting, left) {
                Ok((waiting, _)) => waiting,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.len();
                waiting.is_writing = true;
                return line;
            }
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write_to(&self, mut sink: impl Sink) {
        let mut reported = 0;
        loop {
            let line = self.next();
            match sink.take(&line) {
                Ok(()) => report(self.dropped.load(Ordering::Relaxed), &mut reported),
                Err(_) => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
            }
            self.lock().is_writing = false;
            self.written.notify_all();
        }
    }
}

/// Logs that lines were lost, in the log's own format, by way of the queue. The count is of all
/// there ever were, so that nothing is missing where this line is lost too.
fn report(dropped: u64, reported: &mut u64) {
    if dropped > *reported {
        *reported = dropped;
        tracing::warn!(dropped, "log lines were dropped: nobody read them in time");
    }
}

/// A line is one write of `tracing_subscriber`.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error, past the lock that Rust's own handle holds while it blocks.
#[derive(Debug)]
pub struct Stderr {
    file: File,
    /// Whether the last line was written in part.
    is_cut: bool,
}

impl Stderr {
    /// A handle of its own.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn open() -> io::Result<Stderr> {
        let file = io::stderr().as_fd().try_clone_to_owned()?.into();
        Ok(Stderr { file, is_cut: false })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            match self.file.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left = &left[written..];
                    self.is_cut = !left.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process has made the terminal or pipe that both use non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(RETRY_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Sink for Stderr {
    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_cut {
            self.write(b"\n")?;
        }
        self.write(line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

    use super::*;

    /// Takes a line only when it is let, and says which.
    struct Gate {
        may_take: Receiver<bool>,
        taken: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Sink for Gate {
        fn take(&mut self, line: &[u8]) -> io::Result<()> {
            match self.may_take.recv() {
                Ok(true) => self.taken.send(line.to_vec()).map_err(io::Error::other),
                Ok(false) => Err(io::ErrorKind::StorageFull.into()),
                Err(error) => Err(io::Error::other(error)),
            }
        }
    }

    fn gate() -> (LogQueue, SyncSender<bool>, Receiver<Vec<u8>>) {
        let (letting, may_take) = sync_channel(10_000);
        let (taken, lines) = channel();
        (LogQueue::spawn(Gate { may_take, taken }).expect("a thread"), letting, lines)
    }

    #[test]
    fn whoever_logs_does_not_wait_and_what_does_not_fit_is_counted() {
        let (queue, letting, lines) = gate();
        for _ in 0..20 {
            queue.push(vec![b'x'; CAPACITY / 8]);
        }
        let lost = queue.dropped();
        assert!((11..=12).contains(&lost), "eight in the queue, and one perhaps beyond: {lost}");
        assert!(!queue.flush(Duration::from_millis(1)), "nothing was taken");
        for _ in 0..9 {
            letting.send(true).expect("a writer");
        }
        assert!(queue.flush(Duration::from_secs(40)));
        assert_eq!(u64::try_from(lines.try_iter().count()).expect("few"), 20 - lost);
    }

    #[test]
    fn a_line_that_the_sink_refuses_is_counted_and_the_next_one_goes_on() {
        let (queue, letting, lines) = gate();
        for may_take in [false, true] {
            letting.send(may_take).expect("a writer");
        }
        queue.push(b"first".to_vec());
        queue.push(b"second".to_vec());
        assert!(queue.flush(Duration::from_secs(40)));
        assert_eq!(queue.dropped(), 1);
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"second"]);
    }
}
