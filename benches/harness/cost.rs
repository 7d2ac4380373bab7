//! What a piece of work costs this process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counts allocations while it is told to: counting them slows several threads down.
pub struct Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is left to the system's allocator.
#[expect(unsafe_code, reason = "an allocator is; nothing of it is in growthd")]
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

/// Processor time of this process so far, in microseconds.
pub fn cpu() -> u64 {
    cpu_of("self")
}

/// Processor time of a process so far, in microseconds, to a hundredth of a second.
pub fn cpu_of(process: &str) -> u64 {
    const TICK: u64 = 10_000;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap());
    ticks.sum::<u64>() * TICK
}
