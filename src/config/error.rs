//! Errors of loading a configuration.

use std::io;
use std::path::{Path, PathBuf};

use super::problem::Problems;
use super::valid::INSTALLED;
use crate::printable::visible_path;

/// The configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "cannot read the configuration {}: {source}; {}",
        visible_path(path),
        advice(path, source)
    )]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Invalid(#[from] Problems),
}

impl ConfigError {
    /// Returns whether the same text may be accepted later: a file is missing or cannot be read.
    pub fn may_pass(&self) -> bool {
        match self {
            ConfigError::Unreadable { .. } => true,
            ConfigError::Invalid(problems) => problems.may_pass(),
        }
    }

    /// Returns whether the cause is a failure of the machine, which may pass.
    pub fn is_system_failure(&self) -> bool {
        matches!(self, ConfigError::Unreadable { source, .. } if is_system_failure(source))
    }
}

/// Returns whether an error is a failure of the machine and not of the file: no descriptor is left,
/// or a disk or a share responds with an error.
pub(super) fn is_system_failure(error: &io::Error) -> bool {
    use io::ErrorKind;
    // A symbolic link that leads to itself.
    const LOOP: i32 = rustix::io::Errno::LOOP.raw_os_error();
    error.raw_os_error() != Some(LOOP)
        && !matches!(
            error.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::InvalidFilename
                | ErrorKind::InvalidInput
                | ErrorKind::InvalidData
                | ErrorKind::FileTooLarge
        )
}

/// Returns whether an error means that there is no such file.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns what to do about a configuration that cannot be read.
fn advice(path: &Path, error: &io::Error) -> &'static str {
    match path == Path::new(INSTALLED) {
        _ if error.kind() == io::ErrorKind::PermissionDenied => {
            "let the user that growthd runs as read it"
        }
        // The default, if none was named.
        true => "create it or ./config.toml, or name one with --config or $GROWTHD_CONFIG",
        false => "name another with --config or $GROWTHD_CONFIG",
    }
}
