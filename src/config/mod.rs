//! The configuration: wholly valid, or every problem with its file and line.
//!
//! Two stages: `raw` sorts out what was typed, `valid` and `accounts` make of it a
//! [`Config`] that nothing later need check again. Both go on after a problem, so that a person
//! sees all of them at once. The main file may `include` others, with more accounts; all of them
//! are one configuration.

mod accounts;
mod at;
mod document;
mod duration;
mod edit;
mod error;
mod findings;
mod include;
mod key;
mod manual;
mod pieces;
mod problem;
mod proxy;
mod raw;
mod reading;
mod schema;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod valid;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock::Time;

use reading::Reading;

pub use duration::{InvalidSpan, Span};
pub use edit::{EditError, WatchlistFile, entry};
pub use error::ConfigError;
pub use include::{FileSet, Look};
pub use key::{ApiKey, KeyError, KeySource};
pub use manual::manual_page;
pub use problem::{Problem, Problems};
pub use proxy::Proxy;
pub use settings::{
    Api, Budget, CatchUp, Config, Database, Http, OnUnknown, Period, Retry, Watched,
};

impl Config {
    /// Reads and checks the file at `path`, and those that it includes. Schedules must fire after
    /// `now`.
    ///
    /// # Errors
    /// The file cannot be read or is over 1 GiB; or everything that is wrong in it and in the
    /// others.
    pub fn load(path: &Path, now: Time) -> Result<Config, ConfigError> {
        Config::parse(path, &read_main(path)?, now)
    }

    /// Checks `bytes` as the content of the file at `path`, which is not read; those that it
    /// includes are. Schedules must fire after `now`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with everything that is wrong.
    pub fn parse(path: &Path, bytes: &[u8], now: Time) -> Result<Config, ConfigError> {
        Reading::at(now).read(path, bytes)
    }

    /// The configuration at `path` as it would be if the file at `edited`, one of those that it
    /// includes or itself, held `bytes`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_edited(
        path: &Path,
        edited: &Path,
        bytes: &[u8],
        now: Time,
    ) -> Result<Config, ConfigError> {
        match path == edited {
            true => Config::parse(path, bytes, now),
            false => Reading { edited: Some((edited, bytes)), ..Reading::at(now) }
                .read(path, &read_main(path)?),
        }
    }

    /// The files it came from, the main one first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether a file at `path`, which may not be there yet, would be read as one more of them.
    pub fn would_include(&self, path: &Path) -> bool {
        include::would_find(&self.path, path)
    }

    /// `$GROWTHD_CONFIG`, else `config.toml` in the working folder if it is there, else
    /// `/etc/growthd/config.toml`.
    pub fn default_path() -> PathBuf {
        default_path(std::env::var_os("GROWTHD_CONFIG"), Path::exists)
    }
}

fn read_main(path: &Path) -> Result<Vec<u8>, ConfigError> {
    document::read(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn default_path(variable: Option<OsString>, is_there: impl Fn(&Path) -> bool) -> PathBuf {
    match variable {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ if is_there(Path::new("config.toml")) => PathBuf::from("config.toml"),
        _ => PathBuf::from(valid::INSTALLED),
    }
}
