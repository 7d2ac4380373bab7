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

/// What to do about a configuration that cannot be read.
fn advice(path: &Path) -> &'static str {
    match path == Path::new(INSTALLED) {
        // Nobody named it.
        true => "put one there or into ./config.toml, or name one with --config or $GROWTHD_CONFIG",
        false => "name another with --config or $GROWTHD_CONFIG",
    }
}
