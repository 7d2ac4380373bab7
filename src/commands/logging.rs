//! Where log lines go and how they look.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;
use crate::commands::CommandError;

const VARIABLE: &str = "GROWTHD_LOG";

/// Starts logging to stderr, filtered by `$GROWTHD_LOG` or else `default`.
///
/// # Errors
/// A filter that is none.
pub fn start(format: LogFormat, default: &str) -> Result<(), CommandError> {
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.trim().is_empty() => filter,
        _ => default.to_owned(),
    };
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| CommandError::LogFilter(error.to_string()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => {
            let is_person = io::stderr().is_terminal();
            // The journal has a time of its own for every line.
            let has_time = std::env::var_os("JOURNAL_STREAM").is_none();
            let lines = lines.with_ansi(is_person).with_target(false);
            if has_time { lines.init() } else { lines.without_time().init() }
        }
    }
    Ok(())
}
