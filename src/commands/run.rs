//! `growthd run`: the daemon.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tracing::debug;

use crate::commands::{CommandError, Done, runtime};
use crate::config::Config;
use crate::daemon::{self, WatchedFile};

/// Runs until it is told to end.
pub fn run(config: Config, file: Option<WatchedFile>) -> Result<Done, CommandError> {
    keep_memory_private();
    runtime()?.block_on(daemon::run(config, file))?;
    Ok(Done::Well)
}

/// The key is in this process's memory, a daemon's for years: no core dump holds it, and no other
/// process of this user reads it. Where the system does not grant that, the verb still runs.
pub fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        debug!("core dumps are not limited: {error}");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        debug!("the memory is not private: {error}");
    }
}
