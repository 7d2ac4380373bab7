//! Measures what may grow over time.
//!
//! `cargo bench --bench long_run [-- REFRESHES]`. Measures the memory of the daemon over that many
//! refreshes (the real program against the simulated API, as fast as possible); the size of the WAL
//! while a reader is active, at the vendor's rate and in virtual time; and the order of refreshes
//! when there is never time for all of them.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, and rounds what it prints"
)]

use harness::server::serve_if_asked;

#[path = "long_run/fairness.rs"]
mod fairness;
mod harness;
#[path = "long_run/journal.rs"]
mod journal;
#[path = "long_run/memory.rs"]
mod memory;

fn main() {
    if serve_if_asked() {
        return;
    }
    memory::measure(harness::number(1_000_000));
    journal::measure();
    fairness::measure();
}
