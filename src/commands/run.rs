//! `growthd run`: the daemon.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing::debug;

use crate::commands::{CommandError, Done, runtime};
use crate::daemon::{self, WatchedFiles};
use crate::descriptors;

/// How long the process waits at its end for what still blocks, such as a configuration that is a
/// pipe nobody writes to.
const LAST_WAIT: Duration = Duration::from_millis(100);

/// Takes SIGHUP over where a daemon is about to start, before anything else is done: it asks for a
/// reload from the first moment on. Nobody needs to listen yet, since the configuration is read
/// after this.
pub fn hear_hangups(mut arguments: impl Iterator<Item = OsString>) {
    // The command line is not parsed yet. Another verb with such an argument would outlive its
    // terminal until it prints.
    if !arguments.any(|argument| argument == "run") {
        return;
    }
    // Where it fails, the verb's own runtime fails as well, and says why.
    if descriptors::check_runtime().is_ok()
        && let Ok(runtime) = Builder::new_current_thread().enable_io().build()
    {
        let _entered = runtime.enter();
        // The handler stays when nobody listens any more.
        drop(signal(SignalKind::hangup()));
    }
}

/// Runs until it is told to end.
pub fn run(path: PathBuf, is_watching: bool) -> Result<Done, CommandError> {
    let runtime = runtime()?;
    // Those to end are heard from here on: nothing before this takes time.
    let signals = runtime.block_on(async { daemon::Signals::new() })?;
    keep_memory_private();
    descriptors::raise_limit();
    // Before it is read, so that an edit meanwhile is noticed.
    let file = is_watching.then(|| WatchedFiles::new(&path));
    let ended = runtime.block_on(daemon::run(path, signals, file));
    runtime.shutdown_timeout(LAST_WAIT);
    ended?;
    Ok(Done::Well)
}

/// The key is in this process's memory, a daemon's for years: no core dump holds it, and no other
/// process of this user reads it. Where the system does not grant that, the verb still runs.
pub fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        debug!("core dumps are not limited: {error}");
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            debug!("the memory is not private: {error}");
        }
    }
}
