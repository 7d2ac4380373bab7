//! Why a runner ended without completing its work.

use std::io;

use crate::store::StoreError;

/// Why a runner ended without completing its work.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Nothing could be recorded, with this many calls in flight.
    #[error("{error}{}", left_in_flight(*in_flight))]
    Store {
        #[source]
        error: StoreError,
        in_flight: usize,
    },
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    #[error("the engine's thread ended unexpectedly")]
    Ended,
}

fn left_in_flight(calls: usize) -> String {
    match calls {
        0 => String::new(),
        calls => format!(" (calls in flight: {calls}; the next start marks them unknown)"),
    }
}
