//! Why there is no configuration.

use std::io;
use std::path::{Path, PathBuf};

use super::problem::Problems;
use super::source;
use super::valid::INSTALLED;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read the configuration {}: {source}; {}",
        source::visible_path(path),
        advice(path)
    )]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file is not valid.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

impl ConfigError {
    /// Whether it is the machine's trouble, which may be over by itself.
    pub fn is_machines(&self) -> bool {
        matches!(self, ConfigError::Unreadable { source, .. } if is_machines(source))
    }
}

/// Whether it is the machine's trouble and not the file's: no descriptor left, a disk or a share that
/// answers with an error.
pub(super) fn is_machines(error: &io::Error) -> bool {
    use io::ErrorKind;
    !matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::FileTooLarge
    )
}

/// What to do about a configuration that cannot be read.
fn advice(path: &Path) -> &'static str {
    match path == Path::new(INSTALLED) {
        // Nobody named it.
        true => "put one there or into ./config.toml, or name one with --config or $GROWTHD_CONFIG",
        false => "name another with --config or $GROWTHD_CONFIG",
    }
}
