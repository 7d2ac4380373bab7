//! Failures of the store: no call is sent that cannot be recorded, and growthd continues when the
//! store works again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::harness::{Daemon, Database, Ended, Settings, Setup, Vendor, can_mount, poll};
use crate::scripted_api::Behaviour;

/// Asserts that every call that the vendor received has a ledger row in `database`.
#[track_caller]
fn every_call_has_its_row(vendor: &Vendor, database: &Database) {
    let calls = i64::try_from(vendor.call_count()).expect("few");
    let sql = "SELECT count(*) FROM refreshes WHERE outcome <> 'skipped'";
    assert_eq!(database.one::<i64>(sql), calls);
}

fn busy_daemon(vendor: &Vendor) -> (Setup, Daemon) {
    let place = Setup::new(vendor, &Settings::each_second(&["a", "b"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    daemon.until("refreshed account=a");
    (place, daemon)
}

/// Copies the database while it is in use.
fn copy(place: &Setup) -> PathBuf {
    let copy = place.file("copy.db");
    let reader = Connection::open(place.file("growth.db")).expect("a database");
    reader.execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("a copy");
    copy
}

/// Holds the database's write lock, as another program may.
fn locked(place: &Setup) -> Connection {
    let locker = Connection::open(place.file("growth.db")).expect("a database");
    locker.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    locker.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    locker
}

#[test]
fn a_database_that_another_process_locks_is_waited_for() {
    let vendor = Vendor::start();
    let (place, mut daemon) = busy_daemon(&vendor);
    let locker = locked(&place);
    let line = daemon.until("nothing is refreshed until it can be recorded");
    assert!(line.contains("another process is holding a write lock"), "{line}");
    every_call_has_its_row(&vendor, &place.database());
    let status = place.growthd(&["status"]).with_code(1);
    assert!(
        status.out.starts_with("growthd needs attention: nothing is refreshed: "),
        "{status:?}"
    );
    assert!(status.out.contains("\ndaemon     running\n"), "{status:?}");
    every_call_has_its_row(&vendor, &place.database());
    let calls = vendor.call_count();
    locker.execute_batch("ROLLBACK").expect("the lock");
    daemon.until("the database can be written again");
    vendor.wait_for_calls(calls + 2);
    let log = daemon.stop();
    assert_eq!(log.matches("nothing is refreshed until").count(), 1, "said once: {log}");
    every_call_has_its_row(&vendor, &place.database());
    place.database().is_sound();
}

/// More of them than may be held at once.
#[test]
fn large_answers_are_not_lost_while_the_database_is_locked() {
    const AT_ONCE: usize = 16;
    let vendor = Vendor::start();
    let large = Behaviour::Patch(serde_json::json!({"note": "x".repeat(80_000)}));
    vendor.everywhere(Some(Behaviour::After(Duration::from_secs(1), Box::new(large))));
    let ids: Vec<String> = (0..AT_ONCE).map(|n| format!("a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let api = format!("max_in_flight = {AT_ONCE}\ntimeout = \"3s\"");
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&ids) });
    let daemon = place.run();
    vendor.wait_for_calls(AT_ONCE);
    let locker = locked(&place);
    std::thread::sleep(Duration::from_secs(5));
    locker.execute_batch("ROLLBACK").expect("the lock");
    let database = place.database();
    database.until("SELECT count(*) FILTER (WHERE outcome = 'pending') = 0 FROM refreshes");
    daemon.stop();
    assert_eq!(database.rows("SELECT DISTINCT outcome FROM refreshes"), ["ok"]);
    assert_eq!(vendor.call_count(), AT_ONCE);
}

#[test]
fn what_was_paid_for_is_told_although_the_request_ends_with_an_error() {
    let vendor = Vendor::start();
    let api = "max_in_flight = 1".to_owned();
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&["a", "b"]) });
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    daemon.until("refreshed account=b");
    let slow = Behaviour::After(Duration::from_millis(500), Box::new(Behaviour::Answer));
    vendor.always("b", slow);
    let mut shell = std::process::Command::new("bash");
    shell.current_dir(place.path()).args(["-c", "exec \"$0\" \"$@\" >results.json"]);
    shell.args([env!("CARGO_BIN_EXE_growthd"), "refresh", "a", "b", "--json"]);
    let mut asking = Daemon::start(shell);
    vendor.wait_for_calls(4);
    let locker = locked(&place);
    daemon.until("nothing is refreshed until it can be recorded");
    asking.signal(Signal::INT);
    assert_eq!(asking.end(), Some(74), "{}", asking.log());
    let results = std::fs::read_to_string(place.file("results.json")).expect("a file");
    let results: serde_json::Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(results[0]["account_id"], "a", "{results}");
    assert_eq!(results[0]["outcome"], "ok", "{results}");
    drop(locker);
    daemon.stop();
}

#[test]
fn a_refresh_without_a_daemon_says_that_it_waits_for_the_database() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.create_database();
    let slow = Behaviour::After(Duration::from_millis(500), Box::new(Behaviour::Answer));
    vendor.everywhere(Some(slow));
    let mut asking = Daemon::start(place.command(&["refresh", "a"]));
    vendor.wait_for_calls(1);
    let locker = locked(&place);
    let line = asking.until("waiting: database error: ");
    assert!(line.contains("another process is holding a write lock"), "{line}");
    locker.execute_batch("ROLLBACK").expect("the lock");
    assert_eq!(asking.end(), Some(0), "{}", asking.log());
    assert_eq!(asking.log().matches("waiting: ").count(), 1, "{}", asking.log());
    assert_eq!(vendor.call_count(), 1);
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 1);
}

#[test]
fn a_request_can_be_ended_while_its_call_cannot_be_recorded() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    daemon.until("refreshed");
    let slow = Behaviour::After(Duration::from_millis(500), Box::new(Behaviour::Answer));
    vendor.everywhere(Some(slow));
    let mut asking = Daemon::start(place.command(&["refresh", "a"]));
    vendor.wait_for_calls(2);
    let locker = locked(&place);
    daemon.until("nothing is refreshed until it can be recorded");
    asking.signal(Signal::INT);
    assert_eq!(asking.end(), Some(74), "{}", asking.log());
    assert!(asking.log().contains("no further call starts"), "{}", asking.log());
    locker.execute_batch("ROLLBACK").expect("the lock");
    daemon.until("the database can be written again");
    daemon.stop();
    every_call_has_its_row(&vendor, &place.database());
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 2);
}

/// Everyone who can read the database can lock its index, and so block writers.
#[test]
fn a_reader_that_locks_the_index_of_the_wal_is_waited_for() {
    let vendor = Vendor::start();
    let (place, mut daemon) = busy_daemon(&vendor);
    let index = fs::File::open(place.file("growth.db-shm")).expect("the index");
    poll("a moment without a writer", || {
        rustix::fs::fcntl_lock(&index, FlockOperation::NonBlockingLockShared).ok()
    });
    daemon.until("nothing is refreshed until it can be recorded");
    let calls = vendor.call_count();
    rustix::fs::fcntl_lock(&index, FlockOperation::Unlock).expect("it is locked");
    daemon.until("the database can be written again");
    vendor.wait_for_calls(calls + 2);
    daemon.stop();
    every_call_has_its_row(&vendor, &place.database());
    place.database().is_sound();
}

#[test]
fn a_missing_database_stops_calls_until_it_is_back() {
    let vendor = Vendor::start();
    let (place, mut daemon) = busy_daemon(&vendor);
    fs::rename(place.file("growth.db"), place.file("away.db")).expect("a rename");
    let line = daemon.until("nothing is refreshed until it can be recorded");
    assert!(line.contains("was removed or replaced while in use"), "{line}");
    let calls = vendor.call_count();
    // Without its WAL, nothing in the folder tells that there was a database.
    for name in ["growth.db-wal", "growth.db-shm"] {
        fs::rename(place.file(name), place.file(&name.replace("growth", "away"))).expect(name);
    }
    for arguments in [&["refresh", "--due"][..], &["refresh", "a"], &["run"]] {
        let ended = place.growthd(arguments).with_code(74);
        assert!(ended.err.contains("was removed or replaced while in use"), "{}", ended.err);
    }
    assert!(!place.has("growth.db"), "no other is made in its place");
    assert_eq!(vendor.call_count(), calls);
    for name in ["growth.db-wal", "growth.db-shm", "growth.db"] {
        fs::rename(place.file(&name.replace("growth", "away")), place.file(name)).expect(name);
    }
    daemon.until("the database can be written again");
    vendor.wait_for_calls(calls + 2);
    daemon.stop();
    every_call_has_its_row(&vendor, &place.database());
    place.database().is_sound();
}

/// The content of the WAL is then in no named file, and a crash would lose it.
#[test]
fn a_removed_wal_is_restored_without_losing_its_content() {
    let vendor = Vendor::start();
    let (place, mut daemon) = busy_daemon(&vendor);
    for removed in ["growth.db-wal", "growth.db-shm"] {
        fs::remove_file(place.file(removed)).expect(removed);
        daemon.until("was removed by another program; continuing with a new one");
        daemon.until("refreshed account=a");
    }
    let log = daemon.log();
    assert!(!log.contains("nothing is refreshed") && !log.contains("unknown"), "{log}");
    daemon.kill();
    every_call_has_its_row(&vendor, &place.database());
    place.database().is_sound();
}

#[test]
fn no_call_is_made_for_a_lost_database() {
    let vendor = Vendor::start();
    let (place, mut daemon) = busy_daemon(&vendor);
    fs::remove_file(place.file("growth.db")).expect("a file");
    daemon.until("nothing is refreshed until it can be recorded");
    // Calls sent by then have arrived once the vendor has responded.
    crate::harness::poll("the end of the last call", || (vendor.in_flight() == 0).then_some(()));
    let calls = vendor.call_count();
    // A running daemon creates no other one.
    let ended = place.growthd(&["status"]).with_code(74);
    assert!(ended.err.contains("was removed or replaced while in use"), "{}", ended.err);
    place.write("growth.db", "something else entirely");
    daemon.signal(rustix::process::Signal::HUP);
    daemon.until("could not be applied; retrying");
    assert_eq!(vendor.call_count(), calls);
    daemon.signal(rustix::process::Signal::TERM);
    // At once, or after ten seconds if a response arrived that it cannot record.
    let code = daemon.end();
    assert!([Some(0), Some(74)].contains(&code), "{}", daemon.log());
    let text = fs::read(place.file("growth.db")).expect("a file");
    assert!(text == b"something else entirely", "somebody's file was written");
}

#[test]
fn an_older_copy_in_its_place_is_used() {
    let vendor = Vendor::start();
    let (place, mut daemon) = busy_daemon(&vendor);
    let copy = copy(&place);
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 4);
    fs::rename(&copy, place.file("growth.db")).expect("a rename");
    daemon.until("the database file was replaced; continuing with the new one");
    // The copy may have another watchlist.
    daemon.until("reloaded: ");
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 4);
    daemon.stop();
    place.database().is_sound();
}

#[test]
fn an_older_copy_restored_into_the_file_keeps_no_account_from_being_watched() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let copy = copy(&place);
    place.configure(&vendor, &Settings::weekly(&["a", "b"]));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.until("refreshed account=b");
    let mut live = Connection::open(place.file("growth.db")).expect("a database");
    live.restore("main", &copy, None::<fn(_)>).expect("a restored copy");
    drop(live);
    // Else it is noticed within half a minute.
    place.growthd(&["refresh", "a"]);
    daemon.until("the database file was replaced; continuing with the new one");
    daemon.until("refreshed account=b");
    daemon.stop();
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM accounts"), 2);
    place.database().is_sound();
}

#[test]
fn a_backup_restored_after_a_stop_is_used_at_the_next_start() {
    let vendor = Vendor::start();
    let (place, daemon) = busy_daemon(&vendor);
    let copy = copy(&place);
    let snapshots: i64 = Database::open(&copy).one("SELECT count(*) FROM snapshots");
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 6);
    daemon.stop();
    let before: i64 = place.database().one("SELECT count(*) FROM snapshots");
    assert!(before > snapshots);
    // As people do it who copy only the one file.
    fs::copy(&copy, place.file("growth.db")).expect("a copy");
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), snapshots);
    place.run().once_up().stop();
    place.database().is_sound();
}

#[test]
fn a_wal_that_a_reader_holds_is_logged_once() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let reader = Connection::open(place.file("growth.db")).expect("a database");
    reader.execute_batch("BEGIN; SELECT * FROM snapshots").expect("an open transaction");
    // While the reader reads only from the database file, the WAL may be restarted once more.
    place.growthd(&["refresh", "a"]);
    // As large as after thousands of refreshes: SQLite reads only as far as it has written.
    let journal = fs::OpenOptions::new().write(true).open(place.file("growth.db-wal"));
    journal.and_then(|journal| journal.set_len(300 << 20)).expect("a long journal");
    for _ in 0..2 {
        place.growthd(&["refresh", "a"]);
    }
    let line = daemon.until("the write-ahead log grows with every refresh");
    assert!(line.contains("megabytes=300"), "{line}");
    drop(reader);
    let log = daemon.stop();
    assert_eq!(log.matches("the write-ahead log grows").count(), 1, "{log}");
    place.database().is_sound();
}

/// The WAL alone would fill it, long before the history does.
#[test]
fn a_small_disk_is_not_filled_by_the_wal() {
    if !can_mount() {
        return;
    }
    let vendor = Vendor::start();
    let ids: Vec<String> = (0..60).map(|n| format!("a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let place = Setup::new(&vendor, &Settings::each_second(&ids));
    fs::create_dir(place.file("small")).expect("a folder");
    let mut unshare = Command::new("unshare");
    unshare.current_dir(place.path()).args(["-m", "sh", "-c"]);
    let script = "mount -t tmpfs -o size=2m none small && cp config.toml api-key small && cd small \
                  && exec \"$0\" run";
    unshare.args([script, env!("CARGO_BIN_EXE_growthd")]);
    let daemon = Daemon::start(unshare).once_up();
    vendor.wait_for_calls(400);
    let log = daemon.stop();
    assert!(!log.contains("nothing is refreshed"), "{log}");
}

#[test]
fn a_full_disk_needs_attention_without_a_daemon_too() {
    if !can_mount() {
        return;
    }
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    fs::create_dir(place.file("small")).expect("a folder");
    let mut unshare = Command::new("unshare");
    unshare.current_dir(place.path()).args(["-m", "sh", "-c"]);
    let script = "mount -t tmpfs -o size=4m none small && cp config.toml api-key small && cd small \
                  && \"$0\" refresh --all && \"$0\" status --no-daemon >/dev/null \
                  && { dd if=/dev/zero of=filler status=none 2>/dev/null; \"$0\" status --no-daemon; }";
    unshare.args([script, env!("CARGO_BIN_EXE_growthd")]);
    let ended = Ended::of(unshare).with_code(1);
    // The database's path is relative, and `.` would tell nobody which disk it is.
    assert!(ended.out.contains("growthd needs attention: the disk of /"), "{ended:?}");
    assert!(ended.out.contains("/small is full"), "{ended:?}");
}

/// As after a start on a full disk, or one that was killed. The file has only its first page, which
/// the switch to WAL mode writes, and at most a WAL without a commit.
#[test]
fn a_creation_that_was_cut_short_is_completed_by_the_next_start() {
    let vendor = Vendor::start();
    for is_spilled in [false, true] {
        let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
        let file = Connection::open(place.file("partial")).expect("a file");
        file.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA cache_size = 1;
             BEGIN; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000));",
        )
        .expect("SQL");
        fs::copy(place.file("partial"), place.file("growth.db")).expect("a copy");
        if is_spilled {
            fs::copy(place.file("partial-wal"), place.file("growth.db-wal")).expect("a copy");
        }
        for verb in [&["status"][..], &["growth"], &["backup", "copy.db"], &["import", "x.csv"]] {
            let ended = place.growthd(verb).with_code(74);
            assert!(ended.err.contains("there is no database at growth.db"), "{ended:?}");
        }
        place.growthd(&["check"]).with_code(0);
        place.growthd(&["refresh", "a"]).with_code(0);
        place.database().is_sound();
        assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 1);
    }
}
