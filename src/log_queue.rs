//! A bounded queue of log lines with its own writer thread, so that logging never blocks or fails.
//!
//! A pipe that is not read, a full disk, a closed terminal or a stalled journal costs log lines and
//! nothing else. Lost lines are counted ([`dropped`]), and logged as soon as a line can be written
//! again.
//!
//! `tracing-appender` does much of this, but it calls `println!` during shutdown, which panics if
//! stdout is closed, and it never logs that lines were lost.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock;

/// The most that may be queued, in bytes: several thousand lines.
const CAPACITY: usize = 1 << 20;

/// The pause before writing again to a sink that would block.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Returns how many log lines were lost since the process started.
pub fn dropped() -> u64 {
    QUEUE.get().map_or(0, LogQueue::dropped)
}

/// Waits up to `patience` for all queued lines to be written, and returns whether they were. For
/// the end of the process.
pub fn flush(patience: Duration) -> bool {
    QUEUE.get().is_none_or(|queue| queue.flush(patience))
}

/// The destination of log lines. It may block, and it may fail.
pub trait Sink: Send + 'static {
    /// Writes one whole line. If this fails, the line is lost.
    fn take(&mut self, line: &[u8]) -> io::Result<()>;
}

/// A handle to the queue.
#[derive(Clone, Debug)]
pub struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    dropped: AtomicU64,
    arrived: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether the writer has taken a line out of `lines` and not finished writing it.
    is_writing: bool,
}

impl LogQueue {
    /// Starts the writer thread, and makes this the queue that [`flush`] waits for.
    pub fn start(sink: impl Sink) -> io::Result<LogQueue> {
        let queue = LogQueue::spawn(sink)?;
        // Logging starts only once; a second queue would not be flushed at the end.
        QUEUE.get_or_init(|| queue.clone());
        Ok(queue)
    }

    fn spawn(sink: impl Sink) -> io::Result<LogQueue> {
        let queue = LogQueue(Arc::default());
        let shared = Arc::clone(&queue.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(sink))?;
        Ok(queue)
    }

    /// Appends a line. If the queue is full, the line is dropped and counted.
    pub fn push(&self, line: Vec<u8>) {
        let mut waiting = self.0.lock();
        if waiting.bytes + line.len() > CAPACITY {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line);
        drop(waiting);
        self.0.arrived.notify_one();
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
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
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

/// Logs that lines were lost, through the queue and thus in the log's own format. The count is the
/// total since the start, so that it stays right if this line is lost too.
fn report(dropped: u64, reported: &mut u64) {
    if dropped > *reported {
        *reported = dropped;
        tracing::warn!(dropped, "log lines were dropped: they were not read in time");
    }
}

/// `tracing_subscriber` writes each line with one call.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error, bypassing the lock that Rust's own handle holds while it blocks.
#[derive(Debug)]
pub struct Stderr {
    file: File,
    /// Whether only part of the last line was written.
    is_cut: bool,
}

impl Stderr {
    /// Duplicates the descriptor of standard error.
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
                // Another process made the shared terminal or pipe non-blocking.
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

    /// Takes each line only once the test permits it, and passes it on to the test.
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
        let (permits, may_take) = sync_channel(10_000);
        let (taken, lines) = channel();
        (LogQueue::spawn(Gate { may_take, taken }).expect("a thread"), permits, lines)
    }

    #[test]
    fn logging_does_not_wait_and_lines_beyond_the_capacity_are_counted() {
        let (queue, permits, lines) = gate();
        for _ in 0..20 {
            queue.push(vec![b'x'; CAPACITY / 8]);
        }
        let lost = queue.dropped();
        assert!((11..=12).contains(&lost), "eight queued, and one perhaps being written: {lost}");
        assert!(!queue.flush(Duration::from_millis(1)), "nothing was taken");
        for _ in 0..9 {
            permits.send(true).expect("a writer");
        }
        assert!(queue.flush(Duration::from_secs(40)));
        assert_eq!(u64::try_from(lines.try_iter().count()).expect("few"), 20 - lost);
    }

    #[test]
    fn a_line_that_the_sink_refuses_is_counted_and_the_next_one_is_written() {
        let (queue, permits, lines) = gate();
        for may_take in [false, true] {
            permits.send(may_take).expect("a writer");
        }
        queue.push(b"first".to_vec());
        queue.push(b"second".to_vec());
        assert!(queue.flush(Duration::from_secs(40)));
        assert_eq!(queue.dropped(), 1);
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), [b"second"]);
    }
}
