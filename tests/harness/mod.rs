//! What the tests are written with: a folder of growthd's own, the vendor, the daemon, its verbs
//! and its database. Whatever a value starts or makes, it ends or removes when it is dropped.

mod daemon;
mod database;
mod program;
mod setup;
mod socket;
mod vendor;

use std::io::{PipeReader, PipeWriter, Write};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};

pub use daemon::Daemon;
pub use database::Database;
pub use program::{Ended, at, can_mount, is_root};
pub use setup::{Settings, Setup};
pub use socket::{Socket, Then};
pub use vendor::Vendor;

/// How long anything is waited for: far longer than it takes, since a machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The key that the simulated vendor accepts. Unlike anything else that could be in a log.
pub const KEY: &str = "hk_test_4711_kept_secret";

/// A schedule that no test sees a second slot of.
pub const WEEKLY: &str = "cron = \"0 6 * * MON\"";

/// A slot every second.
pub const EACH_SECOND: &str = "cron = \"*/1 * * * * *\"\nallow_frequent = true";

/// Looks until `found` finds something: for what says nothing by itself.
pub fn poll<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = growthd::clock::monotonic();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a named pipe, with the mode of a key.
pub fn make_pipe(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status();
    assert!(made.expect("mkfifo").success());
}

/// A pipe that takes not a byte more.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("flags");
    while writer.write(b"\n").is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).expect("flags");
    (reader, writer)
}
