//! What the daemon makes its calls with.

use crate::api::Client;
use crate::config::{ApiKey, Config, KeySource};
use crate::daemon::error::RunError;

pub(super) fn client(config: &Config) -> Result<(Client, KeySource), RunError> {
    let (key, source) = ApiKey::find(config, |name| std::env::var_os(name))?;
    Ok((Client::new(&config.api, key)?, source))
}
