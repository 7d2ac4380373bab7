//! What grows with time, and what must not.
//!
//! `cargo bench --bench long_run [-- REFRESHES]`. Three things: the memory of the daemon over so
//! many refreshes (the real program against the simulated API, as fast as it goes); its journal
//! while somebody reads, at the vendor's pace and in virtual time; and who is asked when there is
//! never time for all.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark: it may end at the first surprise, and rounds what it prints"
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
