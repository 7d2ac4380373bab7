//! The configuration: either entirely valid, or a list of every problem with its file and line.
//!
//! It is read in two stages: `raw` checks keys and types; `valid` and `accounts` check the values
//! and build a [`Config`] that needs no further checks. Both continue after a problem, so that all
//! problems are reported at once. The main file may `include` others with more accounts; together
//! they are one configuration. Verbs that only query the database load its [`Settings`] alone.

mod accounts;
mod at;
mod broken;
mod document;
mod duration;
mod edit;
mod error;
mod findings;
mod include;
mod key;
mod manual;
mod problem;
mod proxy;
mod raw;
mod reading;
mod schema;
mod settings;
mod source;
mod split;
#[cfg(test)]
mod tests;
mod valid;
mod watched_files;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock::Time;

use reading::Reading;

pub use duration::{InvalidSpan, Span};
pub use edit::{EditError, WatchlistFile, entry};
pub use error::ConfigError;
pub use key::{ApiKey, KeyError, KeySource, SHORTEST_SECRET, service_credential};
pub use manual::manual_page;
pub use problem::{Problem, Problems};
pub use proxy::Proxy;
pub use settings::{
    Api, Budget, CatchUp, Config, Database, Http, OnUnknown, Period, Retry, Settings, Watched,
};
pub use valid::{DEFAULT_BASE_URL, NEWER_BASE_URL, check_name};
pub use watched_files::WatchedFiles;

impl Config {
    /// Reads and validates the file at `path` and those that it includes. Schedules must fire after
    /// `now`.
    ///
    /// # Errors
    /// Returns [`ConfigError::Unreadable`] if the file cannot be read or is over 1 GiB, and
    /// [`ConfigError::Invalid`] with every problem in it and in the included files.
    pub fn load(path: &Path, now: Time) -> Result<Config, ConfigError> {
        Config::parse(path, &read_main(path)?, now)
    }

    /// Like [`Config::load`], while the configuration that consists of the files `in_use` is used.
    ///
    /// # Errors
    /// Also returns [`ConfigError::Invalid`] if `include` leads to a folder of these files that does
    /// not exist any more.
    pub fn reload(path: &Path, in_use: &[PathBuf], now: Time) -> Result<Config, ConfigError> {
        Reading { in_use, ..Reading::at(now) }.read(path, &read_main(path)?)
    }

    /// Validates `bytes` as the content of the file at `path`, which is not read. The files that it
    /// includes are. Schedules must fire after `now`.
    ///
    /// # Errors
    /// Returns [`ConfigError::Invalid`] with every problem.
    pub fn parse(path: &Path, bytes: &[u8], now: Time) -> Result<Config, ConfigError> {
        Reading::at(now).read(path, bytes)
    }

    /// Loads the configuration at `path` as if its file at `edited`, which may be the main one or
    /// an included one, contained `bytes`.
    ///
    /// # Errors
    /// See [`Config::load`].
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

    /// Returns `$GROWTHD_CONFIG`, else `config.toml` in the working folder if it exists, else
    /// `/etc/growthd/config.toml`.
    pub fn default_path() -> PathBuf {
        default_path(std::env::var_os("GROWTHD_CONFIG"), is_there)
    }
}

impl Settings {
    /// Reads and validates the settings in the file at `path`. Its accounts and included files are
    /// not read: after an invalid edit of these, the database can still be queried. That also takes
    /// a tenth of the time if the list is long.
    ///
    /// # Errors
    /// Returns [`ConfigError::Unreadable`] if the file cannot be read or is over 1 GiB, and
    /// [`ConfigError::Invalid`] with every problem of the settings.
    pub fn load(path: &Path, now: Time) -> Result<Settings, ConfigError> {
        Reading::at(now).read_settings(path, &read_main(path)?)
    }

    /// Returns the paths of the configuration's files, the main one first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns whether a file at `path`, which need not exist, would be included.
    pub fn would_include(&self, path: &Path) -> bool {
        include::would_match(&self.path, path)
    }
}

fn read_main(path: &Path) -> Result<Vec<u8>, ConfigError> {
    document::read(path, document::LARGEST)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

/// Returns whether there is anything at `path`. A dangling link is reported rather than passed over,
/// because the accounts of another configuration would cost credits.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn default_path(variable: Option<OsString>, exists: impl Fn(&Path) -> bool) -> PathBuf {
    match variable {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ if exists(Path::new("config.toml")) => PathBuf::from("config.toml"),
        _ => PathBuf::from(valid::INSTALLED),
    }
}
