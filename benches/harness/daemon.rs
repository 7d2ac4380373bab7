//! The program as a process, seen from outside.

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

/// A running `growthd run`; it is ended with this value.
pub struct Daemon {
    child: Child,
    /// What it says on stderr.
    said: Receiver<String>,
    /// From its start until it was ready.
    pub ready: Duration,
    /// The line that said so.
    pub announced: String,
}

impl Daemon {
    /// Starts it, and waits until it is ready.
    pub fn start(config: &Path) -> Daemon {
        let begin = clock::monotonic();
        let mut child = growthd(config, &["run"]).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (says, said) = channel();
        // Ends with the pipe; reads on where nobody listens, so that the daemon never waits.
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                says.send(line).ok();
            }
        });
        let mut daemon = Daemon { child, said, ready: Duration::ZERO, announced: String::new() };
        daemon.announced = daemon.said(" started (");
        daemon.ready = begin.elapsed();
        daemon
    }

    /// Waits for a line that holds `what`.
    pub fn said(&self, what: &str) -> String {
        self.said.iter().find(|line| line.contains(what)).unwrap()
    }

    pub fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Its place in /proc.
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

/// What a run of a verb took.
pub struct Run {
    pub wall: Duration,
    /// In bytes, as of the last millisecond.
    pub peak: u64,
    /// Of what it printed.
    pub lines: usize,
}

/// Runs a verb to its end, its output into a file.
pub fn run(config: &Path, arguments: &[&str]) -> Run {
    let output = tempfile::NamedTempFile::new().unwrap();
    let begin = clock::monotonic();
    let mut child = growthd(config, arguments).stdout(output.reopen().unwrap()).spawn().unwrap();
    let process = child.id().to_string();
    let mut peak = 0;
    let status = loop {
        // A process that ended has no memory, and what the system counts for its parent begins
        // with the parent's own: so it is looked at while it runs.
        peak = memory_of(&process).map_or(peak, |memory| memory.peak);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let wall = begin.elapsed();
    // 1: it did what it was asked, and something needs attention. Here no daemon runs.
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
