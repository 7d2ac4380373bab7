//! Why the daemon did not start, or ended.

use std::path::PathBuf;

use crate::api::ClientError;
use crate::config::{ConfigError, KeyError};
use crate::descriptors::TooFewDescriptors;
use crate::runner::RunnerError;
use crate::store::StoreError;

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The system does not carry as many calls as are configured.
    #[error("{}: {source}", path.display())]
    Descriptors {
        path: PathBuf,
        /// What is missing.
        source: TooFewDescriptors,
    },
    /// A thread, a signal handler or the heartbeat could not be had.
    #[error("cannot start: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(super) fn start_error(error: impl std::error::Error + Send + Sync + 'static) -> RunError {
    RunError::Start(Box::new(error))
}
