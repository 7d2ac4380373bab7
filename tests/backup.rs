//! `growthd backup`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use growthd::store::{Creation, Reader, Store};
use rusqlite::Connection;

use crate::harness::{NOBODY, Settings, Setup, Vendor, is_root};
use crate::past::Past;

fn history() -> Past {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070)]);
    past
}

#[test]
fn a_copy_is_complete_while_the_daemon_writes() {
    let past = history();
    let held = Store::open(&past.path(), Creation::Refused).expect("the lock");
    // An open transaction is not included, and does not delay the backup.
    past.run("BEGIN IMMEDIATE; UPDATE _account SET label = 'half done'");
    assert_eq!(past.output(&["backup", "copy.db"]), "copy.db: 2 snapshots, checked\n");
    past.run("COMMIT");
    drop(held);
    let copy = past.file("copy.db");
    assert_eq!(fs::metadata(&copy).expect("the copy").permissions().mode() & 0o7777, 0o640);
    let connection = Connection::open(&copy).expect("the copy");
    let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
    assert_eq!(text("SELECT label FROM latest"), "Guru");
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    drop(connection);
    for beside in ["copy.db-wal", "copy.db-shm", "copy.db-journal"] {
        assert!(!past.file(beside).exists(), "{beside}");
    }
    // The copy is a growthd database like any other.
    Reader::open(&copy).expect("to read");
    Store::open(&copy, Creation::Refused).expect("to write");
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let past = history();
    for arguments in [&["-"][..], &["copy.db", "--again-within", "0s"]] {
        let out = past.growthd(&[&["backup"], arguments].concat());
        assert_eq!(out.status.code(), Some(2), "{out:?}");
    }
    assert!(!past.file("-").exists() && !past.file("copy.db").exists());
}

#[test]
fn a_copy_is_consistent_whatever_is_written_meanwhile() {
    let past = history();
    let path = past.path();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let connection = Connection::open(path).expect("the database");
            connection.busy_timeout(Duration::from_secs(5)).expect("a timeout");
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                written += 1;
                // A ledger row and its snapshot in one transaction, as the daemon writes them.
                connection
                    .execute_batch(
                        "BEGIN IMMEDIATE;
                         INSERT INTO _refresh (account, cause, outcome, spent, started_time, took)
                         VALUES (1, 4, 1, 1, 5, 0);
                         INSERT INTO _snapshot (refresh_id, account, time, suspect, extra)
                         VALUES (last_insert_rowid(), 1, 5, 0, hex(zeroblob(2000)));
                         COMMIT;",
                    )
                    .expect("a transaction");
            }
            written
        }
    });
    for _ in 0..5 {
        past.output(&["backup", "--force", "copy.db"]);
        let copy = Connection::open(past.file("copy.db")).expect("the copy");
        let text = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
        assert_eq!(text("PRAGMA integrity_check"), "ok");
        let same = "SELECT CAST((SELECT count(*) FROM _refresh) = (SELECT count(*) FROM _snapshot) AS TEXT)";
        assert_eq!(text(same), "1");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writer.join().expect("the writer") > 0);
}

#[test]
fn an_existing_file_stays_without_force() {
    let past = history();
    fs::write(past.file("copy.db"), "mine").expect("a file");
    let (code, output) = past.refused(&["backup", "copy.db"]);
    assert_eq!(code, Some(74));
    assert!(output.contains("already exists; name another file, or use --force"), "{output}");
    assert_eq!(fs::read_to_string(past.file("copy.db")).expect("the file"), "mine");
    past.output(&["backup", "--force", "copy.db"]);
    Reader::open(&past.file("copy.db")).expect("a copy");
}

/// As from root's crontab, in the folder of a service that runs as another user.
#[test]
fn what_root_writes_in_a_users_folder_is_the_users() {
    if !is_root() {
        println!("skipped: only root can give files away");
        return;
    }
    let past = history();
    for name in ["", "growth.db"] {
        chown(past.file(name), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    past.output(&["backup", "copy.db"]);
    past.output(&["report", "--output", "page.html"]);
    for entry in fs::read_dir(past.folder()).expect("the folder").flatten() {
        let owner = entry.metadata().expect("a file").uid();
        let is_mine = entry.file_name() == "config.toml";
        assert_eq!(owner, if is_mine { 0 } else { NOBODY }, "{entry:?}");
    }
}

#[test]
fn a_database_is_never_replaced() {
    let past = history();
    for arguments in [&["backup", "--force", "growth.db"][..], &["backup", "--force", "./link.db"]]
    {
        std::os::unix::fs::symlink("growth.db", past.file("link.db")).ok();
        let (code, output) = past.refused(arguments);
        assert_eq!(code, Some(74));
        assert!(output.contains("is the database itself"), "{output}");
    }
    let other = Past::new();
    other.series("clx9", "Other", "other", &[(0, 1)]);
    let path = other.path();
    let (_, output) = past.refused(&["backup", "--force", path.to_str().expect("UTF-8")]);
    assert!(output.contains("belongs to a database with a journal"), "{output}");
    assert_eq!(other.query("SELECT label FROM latest"), ["Other"]);
}

/// As after a program that wrote to a backup was killed: SQLite would roll the new file back.
#[test]
fn a_file_with_a_rollback_journal_is_not_replaced() {
    let past = history();
    past.output(&["backup", "copy.db"]);
    let (before, journal) = (fs::read(past.file("copy.db")).expect("a file"), "copy.db-journal");
    fs::write(past.file(journal), [0xd9, 0xd5, 5]).expect("a file");
    for arguments in [&["backup", "--force", "copy.db"][..], &["export", "--output", "copy.db"]] {
        let (code, output) = past.refused(arguments);
        assert_eq!(code, Some(74), "{output}");
        assert!(output.contains("belongs to a database with a journal"), "{output}");
        assert_eq!(fs::read(past.file("copy.db")).expect("a file"), before);
    }
    // An empty one is not applied.
    fs::write(past.file(journal), "").expect("a file");
    past.output(&["backup", "--force", "copy.db"]);
}

/// As a member of the service's group does.
#[test]
fn a_backup_that_may_not_be_noted_is_made_and_says_so() {
    let past = history();
    // A folder cannot be replaced, whoever runs this.
    fs::create_dir(past.file("growth.db.backup")).expect("a folder");
    let made = past.growthd(&["backup", "one.db"]);
    assert!(made.status.success(), "{made:?}");
    let error = String::from_utf8_lossy(&made.stderr).into_owned();
    let words = "growthd: the backup was made, but could not be noted beside ";
    assert!(error.starts_with(words) && error.lines().count() == 1, "{error}");
    let (code, error) = past.refused(&["backup", "two.db", "--again-within", "1d"]);
    assert_eq!(code, Some(74), "{error}");
    assert!(error.contains("could not be noted beside ") && !error.contains(".tmp"), "{error}");
    assert!(past.file("two.db").exists());
}

#[test]
fn a_failed_copy_leaves_nothing() {
    let past = history();
    let (code, output) = past.refused(&["backup", "nowhere/copy.db"]);
    assert_eq!(code, Some(74));
    assert!(
        output.contains("nowhere/copy.db cannot be written: its folder does not exist"),
        "{output}"
    );
    fs::write(past.file("foreign.db"), "not a database, but long enough to be read as one")
        .expect("a file");
    fs::write(
        past.file("config.toml"),
        "[database]\npath = \"foreign.db\"\n[[account]]\nid = \"a\"\n",
    )
    .expect("a file");
    assert_eq!(past.refused(&["backup", "copy.db"]).0, Some(74));
    assert!(!past.file("copy.db").exists());
}

/// Kills a daemon, so that its WAL holds the newest rows.
fn crashed(vendor: &Vendor) -> Setup {
    let place = Setup::new(vendor, &Settings::weekly(&["a", "b"]));
    let daemon = place.run().once_up();
    place.database().until("SELECT count(*) = 2 FROM snapshots");
    place.growthd(&["backup", "copy.db"]).with_code(0);
    place.growthd(&["refresh", "--all"]).with_code(0);
    daemon.kill();
    assert!(fs::metadata(place.file("growth.db-wal")).expect("a WAL").len() > 0);
    place
}

#[test]
fn the_wal_of_a_killed_growthd_is_not_applied_to_a_restored_backup() {
    let vendor = Vendor::start();
    let place = crashed(&vendor);
    let calls = vendor.call_count();
    let copy = fs::read(place.file("copy.db")).expect("a file");
    fs::write(place.file("growth.db"), &copy).expect("a file");
    for verb in [&["run"][..], &["refresh", "a"], &["status"], &["export"], &["backup", "b.db"]] {
        let ended = place.growthd(verb).with_code(74);
        let line = ended.err.lines().last().expect("an error");
        assert!(line.contains("would be applied to") && line.contains("rm -f '"), "{ended:?}");
        assert_eq!(fs::read(place.file("growth.db")).expect("a file"), copy, "{verb:?}");
    }
    assert_eq!(vendor.call_count(), calls);
    for removed in ["growth.db-wal", "growth.db-shm"] {
        fs::remove_file(place.file(removed)).expect(removed);
    }
    place.run().once_up().stop();
    place.database().is_sound();
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 2);
}

#[test]
fn no_database_is_created_beside_the_wal_of_another() {
    let vendor = Vendor::start();
    let place = crashed(&vendor);
    let calls = vendor.call_count();
    fs::rename(place.file("growth.db"), place.file("away.db")).expect("a rename");
    for verb in [&["run"][..], &["refresh", "a"], &["status"]] {
        let ended = place.growthd(verb).with_code(74);
        let line = ended.err.lines().last().expect("an error");
        assert!(line.contains("put the database back"), "{ended:?}");
        assert!(!place.has("growth.db"), "{verb:?}");
    }
    assert_eq!(vendor.call_count(), calls);
    fs::rename(place.file("away.db"), place.file("growth.db")).expect("a rename");
    place.run().once_up().stop();
    place.database().is_sound();
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 4);
}
