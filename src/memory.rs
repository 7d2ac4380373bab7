//! Memory that was needed once and is free now.

/// Gives freed memory back to the system. glibc keeps it for the process otherwise, and a daemon
/// would stay as large for months as reading its watchlist once made it. Takes milliseconds, in
/// which no thread can allocate: for when there is nothing to do.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no crate offers a safe function for it")]
pub fn release() {
    // SAFETY: it takes no pointer, has no precondition, and touches only what is free.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give it back by themselves, or have no such function.
#[cfg(not(target_env = "gnu"))]
pub fn release() {}
