//! The CPU time, memory and allocations of a process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Counts allocations, but only while enabled: counting slows down concurrent threads.
pub struct Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is forwarded to the system's allocator.
#[expect(unsafe_code, reason = "an allocator is unsafe; it is in no release of growthd")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_COUNTING.load(Ordering::Relaxed) {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

pub fn count_allocations(is_counting: bool) {
    IS_COUNTING.store(is_counting, Ordering::Relaxed);
}

pub fn allocations() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Returns the CPU time of this process so far, in microseconds.
pub fn cpu() -> u64 {
    cpu_of("self")
}

/// Returns the CPU time of a process so far, in microseconds, but only to a hundredth of a second.
pub fn cpu_of(process: &str) -> u64 {
    const TICK: u64 = 10_000;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap());
    ticks.sum::<u64>() * TICK
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    /// The peak of `resident`.
    pub peak: u64,
}

/// Returns the memory of a process; `None` once it has ended.
pub fn memory_of(process: &str) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = |name| Some(field(&status, name)? * 1024);
    Some(Memory { resident: kilobytes("VmRSS:")?, peak: kilobytes("VmHWM:")? })
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The activity of a process in a span of time.
pub struct Activity {
    pub cpu: Duration,
    /// Voluntary context switches: how often a thread waited, and so was woken again.
    pub wake_ups: u64,
}

/// Sleeps for `span`, and returns the activity meanwhile of the threads that are left at the end.
/// Accurate to the nanosecond, unlike [`cpu_of`].
pub fn activity_of(process: &str, span: Duration) -> Activity {
    let before = threads(process);
    std::thread::sleep(span);
    let mut sum = Activity { cpu: Duration::ZERO, wake_ups: 0 };
    for (thread, (cpu, switches)) in threads(process) {
        let (cpu_before, switches_before) = before.get(&thread).copied().unwrap_or_default();
        sum.cpu += Duration::from_nanos(cpu - cpu_before);
        sum.wake_ups += switches - switches_before;
    }
    sum
}

/// Returns the CPU time in nanoseconds and the voluntary context switches, by thread.
fn threads(process: &str) -> HashMap<OsString, (u64, u64)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let counters = |task: std::fs::DirEntry| {
        // A thread may end between the listing and the reading.
        let schedstat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let cpu = schedstat.split_whitespace().next()?.parse().ok()?;
        Some((task.file_name(), (cpu, field(&status, "voluntary_ctxt_switches:")?)))
    };
    tasks.filter_map(|task| counters(task.ok()?)).collect()
}
