//! Why the daemon could not start, or stopped.

use std::path::PathBuf;

use crate::api::ClientError;
use crate::config::{ConfigError, KeyError};
use crate::daemon::socket::SocketNameTooLong;
use crate::descriptors::TooFewDescriptors;
use crate::runner::RunnerError;
use crate::store::StoreError;

/// Why the daemon could not start, or stopped.
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
    /// The file descriptor limit is too low for the configured number of concurrent calls.
    #[error("{}: {source}", path.display())]
    Descriptors { path: PathBuf, source: TooFewDescriptors },
    /// Nothing could reach the daemon.
    #[error("{}: {source}", path.display())]
    SocketName { path: PathBuf, source: SocketNameTooLong },
    /// A thread, a signal handler or the heartbeat could not be started.
    #[error("cannot start: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(super) fn start_error(error: impl std::error::Error + Send + Sync + 'static) -> RunError {
    RunError::Start(Box::new(error))
}
