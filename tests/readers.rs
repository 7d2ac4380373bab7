//! Everyone whom the file's mode permits can read the history, while the daemon writes and
//! afterwards, and no one else can.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rusqlite::Connection;

use crate::harness::{Daemon, Ended, Settings, Setup, Vendor, is_root, poll};
use crate::past::Past;

/// Runs a query with Debian's `sqlite3` as a user who can read the folder but not write it; `None`
/// if that program is missing.
fn query(place: &Setup, sql: &str) -> Option<Ended> {
    let mut command = Command::new("sqlite3");
    command.current_dir(place.path()).args(["file:growth.db?mode=ro", sql]);
    if is_root() {
        // A user in the database's group who is not its owner.
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
        if let Some(ended) = query(&place, sql) {
            assert!(count(ended) >= 2);
        }
    }
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 2);
    folder_mode(0o755).expect("a mode");
    daemon.stop();
    folder_mode(0o555).expect("a mode");
    let snapshots: i64 = place.database().one("SELECT count(*) FROM snapshots");
    if let Some(ended) = query(&place, sql) {
        assert_eq!(count(ended), snapshots);
    }
    if let Some(ended) = query(&place, "DELETE FROM _pause") {
        assert_ne!(ended.code, Some(0), "it is read-only: {ended:?}");
    }
    folder_mode(0o755).expect("a mode");
}

#[test]
fn no_other_user_can_read_it_whatever_the_umask() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut shell = Command::new("sh");
    shell.current_dir(place.path()).args([
        "-c",
        "umask 0 && exec \"$0\" run",
        env!("CARGO_BIN_EXE_growthd"),
    ]);
    let mut daemon = Daemon::start(shell);
    daemon.until_all(&["refreshed", " started ("]);
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

/// Whoever can write the file could add views that never end. growthd uses only its own.
#[test]
fn views_planted_by_others_are_not_used() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070)]);
    let planted = Connection::open(past.path()).expect("a database");
    let columns = |view: &str| {
        let select = planted.prepare(&format!("SELECT * FROM {view}")).expect(view);
        let columns = select.column_names().map(|name| format!("i AS {name}"));
        columns.collect::<Vec<_>>().join(", ")
    };
    let mut views = planted.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'");
    let views: Result<Vec<String>, _> =
        views.as_mut().expect("SQL").query_map([], |row| row.get(0)).expect("views").collect();
    let views = views.expect("names");
    assert!(views.len() > 10);
    let columns: Vec<String> = views.iter().map(|view| columns(view)).collect();
    for (view, columns) in views.iter().zip(columns) {
        let endless = format!(
            "DROP VIEW {view}; CREATE VIEW {view} AS
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
             SELECT {columns} FROM n WHERE i < 0"
        );
        planted.execute_batch(&endless).expect(view);
    }
    for verb in [
        &["status", "--no-daemon"][..],
        &["plan"],
        &["history", "clx1"],
        &["growth", "--since", "2026-01-01"],
        &["digest", "--week", "2026-W02"],
        &["report", "--output", "page.html"],
        &["export", "--view", "latest"],
        &["export", "--view", "unusual"],
        &["backup", "copy.db"],
    ] {
        let ended = Ended::from(past.growthd(verb));
        assert!(matches!(ended.code, Some(0 | 1)), "{verb:?}: {ended:?}");
    }
}
