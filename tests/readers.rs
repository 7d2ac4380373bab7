//! The history is anybody's to read whom the file's mode lets, while the daemon writes it and
//! afterwards, and nobody else's.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::harness::{Daemon, Ended, Settings, Setup, Vendor, is_root, poll};

/// Asks Debian's `sqlite3`, as a user who can read the folder and not write it; `None` where
/// there is no such program.
fn ask(place: &Setup, sql: &str) -> Option<Ended> {
    let mut command = Command::new("sqlite3");
    command.current_dir(place.path()).args(["file:growth.db?mode=ro", sql]);
    if is_root() {
        // The database's group, and no owner.
        command.uid(65_534).gid(fs::metadata(place.path()).expect("a folder").gid());
    }
    match command.output() {
        Ok(output) => Some(Ended::from(output)),
        Err(error) => {
            println!("skipped: sqlite3 cannot be run: {error}");
            None
        }
    }
}

#[test]
fn it_is_read_while_the_daemon_writes_and_after_it_stopped() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::each_second(&["a", "b"]));
    let daemon = place.run();
    let folder_mode = |mode| fs::set_permissions(place.path(), fs::Permissions::from_mode(mode));
    place.database_when_made().until("SELECT count(*) >= 2 FROM snapshots");
    let sql = "SELECT count(*) FROM snapshots JOIN latest USING (account_id)";
    let count = |ended: Ended| ended.with_code(0).out.trim().parse::<i64>().expect("a number");
    for mode in [0o755, 0o555] {
        folder_mode(mode).expect("a mode");
        if let Some(ended) = ask(&place, sql) {
            assert!(count(ended) >= 2);
        }
    }
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 2);
    folder_mode(0o755).expect("a mode");
    daemon.stop();
    folder_mode(0o555).expect("a mode");
    let snapshots: i64 = place.database().one("SELECT count(*) FROM snapshots");
    if let Some(ended) = ask(&place, sql) {
        assert_eq!(count(ended), snapshots);
    }
    if let Some(ended) = ask(&place, "DELETE FROM _pause") {
        assert_ne!(ended.code, Some(0), "it is read-only: {ended:?}");
    }
    folder_mode(0o755).expect("a mode");
}

#[test]
fn nobody_else_may_read_it_whatever_the_umask() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut shell = Command::new("sh");
    shell.current_dir(place.path()).args([
        "-c",
        "umask 0 && exec \"$0\" run",
        env!("CARGO_BIN_EXE_growthd"),
    ]);
    let mut daemon = Daemon::start(shell);
    daemon.until_all(&["refreshed", " watches ("]);
    place.database().until("SELECT count(*) = 1 FROM snapshots");
    poll("the control socket", || place.has("growth.db.sock").then_some(()));
    let mode = |name: &str| fs::metadata(place.file(name)).expect(name).mode() & 0o777;
    for name in ["growth.db", "growth.db-wal", "growth.db-shm"] {
        assert_eq!(mode(name) & !0o640, 0, "{name}: {:o}", mode(name));
    }
    assert_eq!(mode("growth.db.sock"), 0o660);
    daemon.stop();
    for name in ["growth.db", "growth.db-wal", "growth.db-shm"] {
        assert_eq!(mode(name) & !0o640, 0, "{name}: {:o}", mode(name));
    }
}
