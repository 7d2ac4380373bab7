//! A running daemon and its log.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use growthd::clock::monotonic;
use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, poll};

/// A running daemon, killed when dropped.
pub struct Daemon {
    child: Child,
    log: Arc<Log>,
    /// Reads the log until its end.
    follower: JoinHandle<()>,
    /// How many lines have been searched.
    read: usize,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    came: Condvar,
}

impl Log {
    fn follow(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            self.came.notify_all();
        }
    }
}

impl Daemon {
    pub fn start(mut command: Command) -> Daemon {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("growthd can be run");
        let log = Arc::<Log>::default();
        let stderr = child.stderr.take().expect("a pipe");
        let followed = Arc::clone(&log);
        let follower = thread::spawn(move || followed.follow(stderr));
        Daemon { child, log, follower, read: 0 }
    }

    /// Waits for a line of the log that contains `words`, after the last one that was waited for.
    #[track_caller]
    pub fn until(&mut self, words: &str) -> String {
        let begun = monotonic();
        let mut lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some(line) = lines.get(self.read) {
                self.read += 1;
                if line.contains(words) {
                    return line.clone();
                }
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "no {words:?} in the log:\n{}", lines.join("\n"));
            lines = match self.log.came.wait_timeout(lines, left) {
                Ok((lines, _)) => lines,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for a line for each of `words`, in any order, after the last one that was waited for.
    /// The next search starts after all of them.
    #[track_caller]
    pub fn until_all(&mut self, words: &[&str]) {
        let begin = self.read;
        let mut end = begin;
        for words in words {
            self.read = begin;
            self.until(words);
            end = end.max(self.read);
        }
        self.read = end;
    }

    /// Waits until the daemon has started, after which it can be signalled.
    pub fn once_up(mut self) -> Daemon {
        self.until(" started (");
        self
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for the end, also of the log, and returns the exit code; `None` if a signal ended it.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let status = poll("the daemon's end", || child.try_wait().expect("a child"));
        poll("the end of its log", || self.follower.is_finished().then_some(()));
        status.code()
    }

    /// Stops the daemon with SIGTERM, and returns its whole log.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let code = self.end();
        assert_eq!(code, Some(0), "{}", self.log());
        self.log()
    }

    /// Kills the daemon.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
