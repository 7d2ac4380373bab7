//! What paid calls are made with, by the daemon and by a verb in its place.

use crate::api::Client;
use crate::config::{ApiKey, Config, KeySource};
use crate::daemon::error::RunError;

/// The client for a configuration and its key, and where that was found.
///
/// # Errors
/// [`RunError::Key`], [`RunError::Client`].
pub fn client(config: &Config) -> Result<(Client, KeySource), RunError> {
    let (key, source) = ApiKey::find(config, |name| std::env::var_os(name))?;
    Ok((Client::new(&config.api, key)?, source))
}
