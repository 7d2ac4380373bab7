//! Errors of the demo.

use std::io;

use crate::api::ClientError;
use crate::config::{ConfigError, KeyError};
use crate::runner::RunnerError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder is not a demo's.
    #[error("./{0} exists and is not from a demo; run the demo in another folder")]
    Taken(&'static str),
    /// The folder was a demo's, and may now hold what cannot be replaced.
    #[error(
        "./{folder} is not the demo's any more: its {what}; move it away, or run the demo in another folder"
    )]
    Changed { folder: &'static str, what: &'static str },
    /// From the folder or the simulated API.
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The store failed while the engine ran.
    #[error("{0}")]
    StoreFailed(String),
    /// The user interrupted the demo.
    #[error("interrupted")]
    Stopped,
}
