//! `growthd run`: the daemon.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing::debug;

use crate::commands::{CommandError, Done, runtime};
use crate::config::WatchedFiles;
use crate::daemon;
use crate::descriptors;

/// How long the process waits at its end for blocking tasks, such as one that reads its configuration
/// from a pipe without a writer.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// Installs handlers for signals that would end the process, before anything else is done. They stay
/// installed, and do nothing.
///
/// SIGXFSZ: a file that reaches its size limit is an error like a full disk. SIGHUP if a daemon is about
/// to start: from its first moment on, that means a reload. Such an early signal needs no response,
/// because the configuration is read afterwards.
pub fn handle_signals(mut arguments: impl Iterator<Item = OsString>) {
    // If this fails, the verb's own runtime fails too, and reports why.
    if descriptors::check_runtime().is_ok()
        && let Ok(runtime) = Builder::new_current_thread().enable_io().build()
    {
        let _entered = runtime.enter();
        // A handler stays installed after its receiver is dropped.
        drop(signal(SignalKind::from_raw(libc::SIGXFSZ)));
        // The command line is not parsed yet. Another verb with the argument `run` would outlive its
        // terminal until it prints.
        if arguments.any(|argument| argument == "run") {
            drop(signal(SignalKind::hangup()));
        }
    }
}

/// Runs the daemon until a signal ends it.
pub fn run(path: PathBuf, is_watching: bool) -> Result<Done, CommandError> {
    let runtime = runtime()?;
    // Stop signals are handled from here on. Nothing before this takes time.
    let signals = runtime.block_on(async { daemon::Signals::new() })?;
    keep_memory_private();
    descriptors::raise_limit();
    // Before the configuration is read, so that an edit in between is noticed.
    let file = is_watching.then(|| WatchedFiles::new(&path));
    let ended = runtime.block_on(daemon::run(path, signals, file));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    ended?;
    Ok(Done::Well)
}

/// Keeps the API key, which is in this process's memory, out of core dumps and away from other
/// processes of this user. If the system does not allow that, the verb runs anyway.
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
