//! The cost of a process and its children.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use growthd::clock;
use rustix::process::{Pid, Signal, kill_process};

/// The interval at which memory is sampled.
pub const SAMPLE: Duration = Duration::from_millis(10);

/// The cost of a number of refreshes.
pub struct Cost {
    /// Refreshes a second.
    pub rate: f64,
    /// CPU time per refresh, in microseconds.
    pub cpu: f64,
    /// The largest sample of memory, in megabytes.
    pub peak: f64,
}

/// A process in a process group of its own.
pub struct Watched {
    child: Child,
    begin: Instant,
    cpu: u64,
    peak: u64,
}

impl Watched {
    pub fn start(command: &mut Command) -> Watched {
        let (begin, cpu) = (clock::monotonic(), cpu_of_the_ended());
        let child = command.process_group(0).spawn().unwrap();
        Watched { child, begin, cpu, peak: 0 }
    }

    /// Returns whether the process has ended. Also samples its memory.
    pub fn has_ended(&mut self) -> bool {
        self.peak = self.peak.max(memory_of_group(self.child.id()));
        self.child.try_wait().unwrap().is_some_and(|status| {
            assert!(status.success(), "{status}");
            true
        })
    }

    /// Returns the cost until now, and ends the process if it still runs.
    pub fn cost(mut self, count: usize) -> Cost {
        let span = self.begin.elapsed();
        if !self.has_ended() {
            kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        }
        self.child.wait().unwrap();
        let count = count as f64;
        Cost {
            rate: count / span.as_secs_f64(),
            cpu: (cpu_of_the_ended() - self.cpu) as f64 / count,
            peak: self.peak as f64 / 1e6,
        }
    }
}

/// Returns the CPU time of all children that have ended, in microseconds, but only to a hundredth
/// of a second.
fn cpu_of_the_ended() -> u64 {
    const TICK: u64 = 10_000;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2).map(|t| t.parse::<u64>().unwrap());
    ticks.sum::<u64>() * TICK
}

/// Returns the memory of a process group in bytes. Shared pages count once for each process.
fn memory_of_group(group: u32) -> u64 {
    const PAGE: u64 = 4096;
    let group = group.to_string();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let resident = processes.filter_map(|process| {
        // A process may end meanwhile.
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(2);
        (fields.next()? == group).then(|| fields.nth(18)?.parse::<u64>().ok()).flatten()
    });
    resident.sum::<u64>() * PAGE
}
