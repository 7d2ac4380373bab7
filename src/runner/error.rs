//! Why a runner ended without completing its work.

use std::io;

use crate::store::StoreError;

/// Why a runner ended without completing its work.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Completed calls could not be recorded.
    #[error("{0} (calls in flight: {1}; the next start marks them unknown)")]
    Store(#[source] StoreError, usize),
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    #[error("the engine's thread ended unexpectedly")]
    Ended,
}
