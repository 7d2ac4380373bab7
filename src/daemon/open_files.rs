//! Whether the process may open as many files as a configuration requires.

use crate::config::Settings;
use crate::daemon::error::RunError;
use crate::daemon::http::MAX_HTTP_CONNECTIONS;
use crate::descriptors;

/// Checks that the process may open enough file descriptors for the configured concurrent calls.
///
/// # Errors
/// Returns [`RunError::Descriptors`] if it may not.
pub fn check_descriptors(settings: &Settings) -> Result<(), RunError> {
    let connections = if settings.http.is_some() { MAX_HTTP_CONNECTIONS } else { 0 };
    descriptors::check(settings.api.max_in_flight, connections)
        .map_err(|source| RunError::Descriptors { path: settings.path.clone(), source })
}
