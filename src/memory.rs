//! Returning freed memory to the system.

/// Returns freed memory to the system. glibc would otherwise keep it, and a daemon would stay for
/// months as large as reading its watchlist once made it. No thread can allocate for the few
/// milliseconds that this takes, so call it only when idle.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no crate offers a safe function for it")]
pub fn release() {
    // SAFETY: it takes no pointer, has no precondition, and touches only freed memory.
    unsafe { libc::malloc_trim(0) };
}

/// Does nothing: other allocators return memory themselves, or have no such function.
#[cfg(not(target_env = "gnu"))]
pub fn release() {}
