//! The API client of the daemon, or of a command that runs the engine itself.

use crate::api::Client;
use crate::config::{ApiKey, KeySource, Settings};
use crate::daemon::error::RunError;

/// Creates the client for a configuration. Also returns where its API key was found.
///
/// # Errors
/// Returns [`RunError::Key`] if there is no usable key, and [`RunError::Client`] if the client
/// cannot be built.
pub fn client(settings: &Settings) -> Result<(Client, KeySource), RunError> {
    let (key, source) = ApiKey::find(settings)?;
    Ok((Client::new(&settings.api, key)?, source))
}
