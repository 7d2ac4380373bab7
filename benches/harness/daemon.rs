//! Processes that run growthd.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use growthd::clock;
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::cost::memory_of;
use crate::harness::server::KEY;

/// A running `growthd run`. It ends when dropped.
pub struct Daemon {
    child: Child,
    /// Its lines on stderr.
    lines: Receiver<String>,
    /// The time from the start until it was ready.
    pub ready: Duration,
    /// The line that it logged when it was ready.
    pub announced: String,
}

impl Daemon {
    /// Starts the daemon, and waits until it is ready.
    pub fn start(config: &Path) -> Daemon {
        let begin = clock::monotonic();
        let mut child = growthd(config, &["run"]).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        // Ends with the pipe. Reads on without a receiver, so that the daemon never blocks.
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        let mut daemon = Daemon { child, lines, ready: Duration::ZERO, announced: String::new() };
        daemon.announced = daemon.wait_for(" started (");
        daemon.ready = begin.elapsed();
        daemon
    }

    /// Waits for a line that contains `text`.
    pub fn wait_for(&self, text: &str) -> String {
        self.lines.iter().find(|line| line.contains(text)).unwrap()
    }

    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Returns the name of its folder in /proc.
    pub fn process(&self) -> String {
        self.child.id().to_string()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        self.child.wait().unwrap();
    }
}

/// The cost of a run of a verb.
pub struct Run {
    pub wall: Duration,
    /// Peak memory in bytes, perhaps without the last millisecond.
    pub peak: u64,
    /// The number of lines printed.
    pub lines: usize,
}

/// Runs a verb to its end, with its output to a file.
pub fn run(config: &Path, arguments: &[&str]) -> Run {
    let output = tempfile::NamedTempFile::new().unwrap();
    let begin = clock::monotonic();
    let mut child = growthd(config, arguments).stdout(output.reopen().unwrap()).spawn().unwrap();
    let process = child.id().to_string();
    let mut peak = 0;
    let status = loop {
        // Read while it runs: an ended process has no memory, and the peak that the system reports
        // to its parent includes the parent's own before exec.
        peak = memory_of(&process).map_or(peak, |memory| memory.peak);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let wall = begin.elapsed();
    // 1 means done, but something needs attention: here, that no daemon runs.
    assert!(matches!(status.code(), Some(0 | 1)), "{arguments:?}: {status}");
    let lines = BufReader::new(File::open(output.path()).unwrap()).lines().count();
    Run { wall, peak, lines }
}

pub fn growthd(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growthd"));
    command.arg("--config").arg(config).args(arguments);
    command.env("GROWTHD_API_KEY", KEY).env_remove("GROWTHD_LOG");
    command
}
