//! `growthd run`: the daemon.

use crate::commands::{CommandError, Done, runtime};
use crate::config::Config;
use crate::daemon;

/// Runs until it is told to end.
pub fn run(config: Config, watch_file: bool) -> Result<Done, CommandError> {
    runtime()?.block_on(daemon::run(config, watch_file))?;
    Ok(Done::Well)
}
