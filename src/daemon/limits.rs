//! What the system has to allow for a configuration to be used.

use crate::config::Settings;
use crate::daemon::error::RunError;
use crate::daemon::http::MAX_HTTP_CONNECTIONS;
use crate::daemon::socket;
use crate::descriptors;

/// Checks that the process may open enough file descriptors for the configured concurrent calls,
/// and that the control socket can have its name.
///
/// # Errors
/// Returns [`RunError::Descriptors`] or [`RunError::SocketName`].
pub fn check_limits(settings: &Settings) -> Result<(), RunError> {
    let connections = if settings.http.is_some() { MAX_HTTP_CONNECTIONS } else { 0 };
    let path = || settings.path.clone();
    descriptors::check(settings.api.max_in_flight, connections)
        .map_err(|source| RunError::Descriptors { path: path(), source })?;
    socket::check_name(&settings.database.path)
        .map_err(|source| RunError::SocketName { path: path(), source })
}
