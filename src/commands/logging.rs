//! The destination and the format of the log.

use std::io;
use std::os::unix::fs::MetadataExt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;
use crate::commands::journald::{Journal, JournalLayer};
use crate::commands::{CommandError, STDERR_TIMEOUT};
use crate::log_queue::{self, LogQueue, Stderr};
use crate::report::terminal;

const VARIABLE: &str = "GROWTHD_LOG";

/// The scheduler logs its own start at the level at which growthd logs refreshes. A filter in
/// `$GROWTHD_LOG` that names the scheduler overrides this one.
const QUIET: &str = "tokio_cron_scheduler=warn";

/// Starts logging, filtered by `$GROWTHD_LOG` or else `default`: to the journal, with fields, if
/// stderr is connected to it, else to stderr.
///
/// # Errors
/// Returns an error if the filter is invalid, or if there is no thread or descriptor for the log.
pub fn start(format: LogFormat, default: &str) -> Result<(), CommandError> {
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.trim().is_empty() => filter,
        _ => default.to_owned(),
    };
    if let Some(word) = filter.split(',').map(str::trim).find(|word| !is_level_or_target(word)) {
        return Err(CommandError::LogFilter(format!("{word:?} is not a level")));
    }
    let filter = EnvFilter::builder()
        .parse(format!("{QUIET},{filter}"))
        .map_err(|error| CommandError::LogFilter(error.to_string()))?;
    if format == LogFormat::Text
        && leads_to_journal()
        && let Ok(journal) = Journal::connect()
    {
        let layer = JournalLayer(LogQueue::start(journal).map_err(CommandError::Log)?);
        tracing_subscriber::registry().with(filter).with(layer).init();
        log_panics();
        return Ok(());
    }
    let queue = Stderr::open().and_then(LogQueue::start).map_err(CommandError::Log)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // They would be written to stderr directly, and panic if that fails.
        .log_internal_errors(false)
        .with_writer(move || queue.clone());
    match format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => {
            lines.with_ansi(terminal::is_colourful(&io::stderr())).with_target(false).init();
        }
    }
    log_panics();
    Ok(())
}

/// Returns whether a part of a filter is a level, or names a target. Any other word would be taken for
/// the name of a target without any lines, and so would silence the log.
fn is_level_or_target(part: &str) -> bool {
    part.contains(['=', '['])
        || part.parse::<LevelFilter>().is_ok()
        || part.split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

/// Logs panics. The default hook writes to stderr directly, where a reader that does not read would
/// block the thread before anything learns that it has ended.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("of an unknown kind");
        tracing::error!(place, %backtrace, "a panic, which is a bug: {message}");
        // The process ends with this thread, and does not wait for the queue's.
        if std::thread::current().name() == Some("main") {
            log_queue::flush(STDERR_TIMEOUT);
        }
    }));
}

/// Returns whether systemd connected stderr to the journal. The device and inode are compared because
/// child processes inherit the variable even if their stderr is redirected.
fn leads_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    // Follows the link to the socket, whose device and inode the variable holds.
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", stderr.dev(), stderr.ino())
}

#[cfg(test)]
mod tests {
    /// They are logged by this module.
    #[test]
    fn every_default_filter_lets_a_panic_pass() {
        for filter in [crate::commands::QUIET, crate::commands::PANICS] {
            let shown = "growthd::commands::logging=error";
            assert!(module_path!().starts_with(shown.trim_end_matches("=error")));
            assert!(filter.split(',').any(|part| part == shown), "{filter}");
        }
    }
}
