//! Why a runner ended without being done.

use std::io;

use crate::store::StoreError;

/// Why a runner ended without being done.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// What came back could not be recorded.
    #[error("{0} (calls in flight: {1}; the next start marks them unknown)")]
    Store(#[source] StoreError, usize),
    /// The thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The thread ended of itself.
    #[error("the engine's thread ended")]
    Ended,
}
