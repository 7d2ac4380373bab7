//! Shared by the tests: a folder for growthd, the vendor, the daemon, the verbs and the database.
//! Whatever a value starts or creates, it ends or removes when dropped.

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
pub use program::{Ended, NOBODY, at, can_mount, command, is_root};
pub use setup::{Settings, Setup};
pub use socket::{Socket, Then};
pub use vendor::Vendor;

/// The longest wait for anything: far longer than it takes, since the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The key that the simulated vendor accepts. It resembles nothing else in a log.
pub const KEY: &str = "hk_test_4711_kept_secret";

/// A schedule whose second slot is beyond the end of any test.
pub const WEEKLY: &str = "cron = \"0 6 * * MON\"";

/// A slot every second.
pub const EACH_SECOND: &str = "cron = \"*/1 * * * * *\"\nallow_frequent = true";

/// Polls until `found` returns something, where there is no event to await.
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

/// Returns the names of a folder's hidden files, such as temporary ones that were left behind.
pub fn hidden_files(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

/// Creates a named pipe with the mode of a key file.
pub fn make_pipe(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status();
    assert!(made.expect("mkfifo").success());
}

/// Returns a pipe that is full.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("flags");
    while writer.write(b"\n").is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).expect("flags");
    (reader, writer)
}
