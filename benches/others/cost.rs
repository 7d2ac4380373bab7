//! What a process costs with all that it starts.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use growthd::clock;
use rustix::process::{Pid, Signal, kill_process};

/// How often memory is looked at.
pub const LOOK: Duration = Duration::from_millis(10);

/// What so many refreshes took.
pub struct Cost {
    /// A second.
    pub rate: f64,
    /// Microseconds each.
    pub cpu: f64,
    /// The most that was seen in memory, in megabytes.
    pub most: f64,
}

/// A process in a group of its own.
pub struct Watched {
    child: Child,
    begin: Instant,
    cpu: u64,
    most: u64,
}

impl Watched {
    pub fn start(command: &mut Command) -> Watched {
        let (begin, cpu) = (clock::monotonic(), cpu_of_the_ended());
        let child = command.process_group(0).spawn().unwrap();
        Watched { child, begin, cpu, most: 0 }
    }

    /// Whether it has ended. Looks at its memory too.
    pub fn has_ended(&mut self) -> bool {
        self.most = self.most.max(memory_of_group(self.child.id()));
        self.child.try_wait().unwrap().is_some_and(|status| {
            assert!(status.success(), "{status}");
            true
        })
    }

    /// What it took until now; ends it where it has not.
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
            most: self.most as f64 / 1e6,
        }
    }
}

/// Processor time of all that this process started and that has ended, in microseconds, to a
/// hundredth of a second.
fn cpu_of_the_ended() -> u64 {
    const TICK: u64 = 10_000;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2).map(|t| t.parse::<u64>().unwrap());
    ticks.sum::<u64>() * TICK
}

/// What the processes of a group have in memory, in bytes. Pages that they share count for each.
fn memory_of_group(group: u32) -> u64 {
    const PAGE: u64 = 4096;
    let group = group.to_string();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let resident = processes.filter_map(|process| {
        // It may end while it is looked at.
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(2);
        (fields.next()? == group).then(|| fields.nth(18)?.parse::<u64>().ok()).flatten()
    });
    resident.sum::<u64>() * PAGE
}
