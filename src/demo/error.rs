//! Why there was no demo.

use std::io;

use crate::api::ClientError;
use crate::config::{ConfigError, KeyError};
use crate::runner::RunnerError;
use crate::store::StoreError;

/// Why there was no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder is somebody's.
    #[error("./{0} is there and not from a demo; run it in another folder")]
    Taken(&'static str),
    /// The folder, the simulated API or the terminal.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The configuration that was written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key that was written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The database, while the engine ran.
    #[error("{0}")]
    StoreFailed(String),
    /// Somebody has seen enough.
    #[error("ended early")]
    Stopped,
}
