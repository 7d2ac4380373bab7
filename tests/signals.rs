//! Signals: calls in flight are awaited and recorded before the end, unless there is a second
//! signal.

use std::io::Read;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Daemon, Ended, Settings, Setup, Vendor, full_pipe, poll};
use crate::scripted_api::Behaviour;

fn slow() -> Behaviour {
    Behaviour::After(Duration::from_millis(600), Box::new(Behaviour::Answer))
}

#[test]
fn a_call_in_flight_is_recorded_before_the_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let vendor = Vendor::start();
        let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
        vendor.always("a", slow());
        let mut daemon = place.run().once_up();
        vendor.wait_for_calls(1);
        for meaningless in [Signal::USR1, Signal::USR2, Signal::ALARM] {
            daemon.signal(meaningless);
        }
        daemon.signal(signal);
        daemon.until("stopping: waiting for the calls in flight");
        assert_eq!(daemon.end(), Some(0), "{}", daemon.log());
        let ledger = place.database().rows("SELECT cause, outcome, spent FROM refreshes");
        assert_eq!(ledger, ["first|ok|1"], "{signal:?}");
        assert_eq!(vendor.call_count(), 1);
    }
}

/// `timeout` sends two, as does anything that signals a process and then its group.
#[test]
fn signals_at_the_same_moment_are_one_request() {
    for verb in [&["run"][..], &["refresh", "--all"]] {
        let vendor = Vendor::start();
        let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
        vendor.always("a", slow());
        let mut process = Daemon::start(place.command(verb));
        vendor.wait_for_calls(1);
        process.signal(Signal::TERM);
        process.signal(Signal::INT);
        assert_eq!(process.end(), Some(0), "{verb:?}: {}", process.log());
        let ledger = place.database().rows("SELECT outcome, spent FROM refreshes");
        assert_eq!(ledger, ["ok|1"], "{verb:?}");
    }
}

#[test]
fn a_second_signal_ends_at_once_and_the_next_start_marks_the_row_unknown() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    vendor.queue("a", [Behaviour::Hang]);
    let mut daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    daemon.signal(Signal::TERM);
    daemon.until("stopping");
    daemon.signal(Signal::INT);
    assert_eq!(daemon.end(), Some(130), "{}", daemon.log());
    let ledger = "SELECT cause, outcome, spent FROM refreshes ORDER BY refresh_id";
    assert_eq!(place.database().rows(ledger), ["first|pending|1"]);

    let mut daemon = place.run();
    daemon.until("their fate is unknown, and they count as spent calls=1");
    daemon.until("refreshed account=a");
    daemon.stop();
    assert_eq!(place.database().rows(ledger), ["first|unknown|1", "retry|ok|1"]);
    place.database().is_sound();
}

#[test]
fn no_requested_call_starts_after_a_stop() {
    let vendor = Vendor::start();
    let api = "max_in_flight = 1".to_owned();
    let settings = Settings { api, ..Settings::weekly(&["a", "b", "c", "d"]) };
    let place = Setup::new(&vendor, &settings);
    let mut daemon = place.run();
    for _ in 0..4 {
        daemon.until("refreshed account=");
    }
    vendor.everywhere(Some(slow()));
    let asking = place.command(&["refresh", "--all"]);
    let asking = std::thread::spawn(|| Ended::of(asking));
    vendor.wait_for_calls(5);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), Some(0), "{}", daemon.log());
    let asked = asking.join().expect("it ended").with_code(1);
    assert!(asked.out.contains("3 not refreshed"), "{asked:?}");
    assert!(asked.out.contains("(what it had begun counts as spent)"), "{asked:?}");
    assert_eq!(vendor.call_count(), 5);
    assert!(
        place.database().one::<bool>("SELECT count(*) = 5 AND min(outcome = 'ok') FROM refreshes")
    );
}

#[test]
fn an_interrupted_refresh_records_calls_in_flight() {
    for signal in [Signal::TERM, Signal::INT] {
        let vendor = Vendor::start();
        let api = "max_in_flight = 1".to_owned();
        let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&["a", "b"]) });
        vendor.everywhere(Some(slow()));
        let mut refresh = Daemon::start(place.command(&["refresh", "--all"]));
        vendor.wait_for_calls(1);
        refresh.signal(signal);
        assert_eq!(refresh.end(), Some(1), "{}", refresh.log());
        let ledger = place.database().rows("SELECT cause, outcome FROM refreshes");
        assert_eq!(ledger, ["manual|ok"], "{signal:?}");
        assert_eq!(vendor.call_count(), 1);
    }
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::each_second(&["a"]));
    let daemon = place.run().once_up();
    let second = place.growthd(&["run"]).with_code(74);
    let line = second.err.lines().last().unwrap_or_default();
    assert!(line.starts_with("growthd: another growthd is using "), "{line}");
    assert!(line.ends_with("growth.db; wait until it ends, or stop it"), "{line}");
    assert!(place.has("growth.db.sock"), "the first one's socket stays");
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 2);
    daemon.stop();
}

/// Checking whether a daemon runs takes the same lock for a moment.
#[test]
fn a_status_at_the_same_moment_does_not_keep_a_daemon_from_starting() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "--all"]).with_code(0);
    let path = place.file("growth.db");
    let looking = std::sync::atomic::AtomicBool::new(true);
    let looking = &looking;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while looking.load(std::sync::atomic::Ordering::Relaxed) {
                    growthd::store::is_in_use(&path);
                }
            });
        }
        let opened = (0..100).map(|_| {
            growthd::store::Store::open(&path, growthd::store::Creation::Refused).map(drop)
        });
        let opened: Result<Vec<()>, _> = opened.collect();
        looking.store(false, std::sync::atomic::Ordering::Relaxed);
        assert!(opened.is_ok(), "{opened:?}");
    });
    poll("the end of every lock", || (!growthd::store::is_in_use(&path)).then_some(()));
}

#[test]
fn another_name_of_the_database_lets_no_second_daemon_in() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    let (soft, hard) = (Setup::empty(), Setup::empty());
    std::os::unix::fs::symlink(place.file("growth.db"), soft.file("growth.db")).expect("a link");
    std::fs::hard_link(place.file("growth.db"), hard.file("growth.db")).expect("a link");
    for other in [&soft, &hard] {
        other.write_key();
        other.configure(&vendor, &Settings::weekly(&["a"]));
        let ended = other.growthd(&["run"]).with_code(74);
        let line = ended.err.lines().last().unwrap_or_default();
        assert!(line.starts_with("growthd: another growthd is using "), "{line}");
    }
    // Through a symbolic link, the daemon itself is reached.
    soft.growthd(&["refresh", "a"]).with_code(0);
    daemon.stop();
    assert_eq!(vendor.call_count(), 2);
}

#[test]
fn a_start_waits_while_the_database_is_locked_for_a_moment() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "--all"]).with_code(0);
    let reader = std::fs::File::open(place.file("growth.db")).expect("a database");
    reader.lock_shared().expect("a lock");
    let mut daemon = place.run();
    let line = daemon.until("waiting for the database");
    assert!(line.contains("another program holds a shared lock"), "{line}");
    // In between, a verb may use it.
    reader.lock().expect("a lock");
    let line = daemon.until("waiting for the database");
    assert!(line.contains("another growthd is using"), "{line}");
    drop(reader);
    daemon.once_up().stop();

    let writer = rusqlite::Connection::open(place.file("growth.db")).expect("a database");
    writer.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").expect("a lock");
    let mut daemon = place.run();
    daemon.until("waiting for the database");
    // It can be stopped meanwhile.
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), Some(0), "{}", daemon.log());
    let mut daemon = place.run();
    daemon.until("waiting for the database");
    drop(writer);
    daemon.once_up().stop();
    assert_eq!(vendor.call_count(), 1);
}

#[test]
fn a_refresh_without_a_reader_still_records_everything() {
    type Prepare = fn(&mut std::process::Command);
    let full: Prepare = |command| {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
        command.stderr(full.try_clone().expect("a device")).stdout(full);
    };
    let closed: Prepare = |command| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        command.stderr(writer.try_clone().expect("a pipe")).stdout(writer);
    };
    // A closed pipe is not an error; a full disk is reported.
    for (prepare, code) in [(full, 74), (closed, 0)] {
        for form in [&["refresh", "--all"][..], &["refresh", "--all", "--json"]] {
            let vendor = Vendor::start();
            let place = Setup::new(&vendor, &Settings::weekly(&["a", "b", "c"]));
            let mut command = place.command(form);
            prepare(&mut command);
            let ended = command.status().expect("growthd can be run");
            assert_eq!(ended.code(), Some(code), "{form:?}");
            let ok = "SELECT count(*) FROM refreshes WHERE outcome = 'ok'";
            assert_eq!(place.database().one::<i64>(ok), 3);
        }
    }
}

/// As with a pager, or a terminal that was stopped with Ctrl-S.
#[test]
fn a_stalled_reader_blocks_no_call_no_lock_and_no_stop() {
    for (verb, calls) in [
        (&["refresh", "--all"][..], 3),
        (&["refresh", "--all", "--json"], 3),
        (&["add", "x", "y", "--platform", "tiktok"], 2),
    ] {
        let vendor = Vendor::start();
        let api = "max_in_flight = 1".to_owned();
        let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&["a", "b", "c"]) });
        place.create_database();
        let (reader, writer) = full_pipe();
        let mut command = place.command(verb);
        let mut child = command.stdout(writer).spawn().expect("growthd can be run");
        vendor.wait_for_calls(calls);
        let path = place.file("growth.db");
        poll("the end of the lock", || (!growthd::store::is_in_use(&path)).then_some(()));
        let ok = place.database().one::<i64>("SELECT sum(outcome = 'ok') FROM refreshes");
        assert_eq!(usize::try_from(ok).expect("few"), calls, "{verb:?}");
        assert!(child.try_wait().expect("a child").is_none(), "{verb:?} waits for its reader");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id")).expect("a process");
        kill_process(pid, Signal::TERM).expect("it runs");
        let code = poll("its end", || child.try_wait().expect("a child")).code();
        assert_eq!(code, Some(0), "{verb:?}");
        drop(reader);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_no_refresh() {
    let vendor = Vendor::start();
    let api = "max_in_flight = 1".to_owned();
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&["a", "b"]) });
    vendor.everywhere(Some(slow()));
    let mut refresh = Daemon::start(place.command(&["refresh", "--all"]));
    vendor.wait_for_calls(1);
    refresh.signal(Signal::HUP);
    assert_eq!(refresh.end(), Some(0), "{}", refresh.log());
    let ok = "SELECT count(*) FROM refreshes WHERE outcome = 'ok'";
    assert_eq!(place.database().one::<i64>(ok), 2);
}

/// Returns whether a process handles a signal.
fn is_caught(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).expect("a mask");
    let mask = u64::from_str_radix(caught, 16).expect("a mask");
    mask >> (signal.as_raw() - 1) & 1 == 1
}

/// The output of `--help` is blocked, and with it the parsing of the command line.
#[test]
fn a_hangup_before_the_command_line_is_parsed_ends_no_daemon() {
    let (mut reader, writer) = full_pipe();
    let mut command = Setup::empty().command(&["run", "--help"]);
    let mut child = command.stdout(writer).current_dir("/").spawn().expect("growthd can be run");
    drop(command);
    poll("a handler", || is_caught(child.id(), Signal::HUP).then_some(()));
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id")).expect("a process");
    for _ in 0..3 {
        kill_process(pid, Signal::HUP).expect("it runs");
    }
    assert!(child.try_wait().expect("a child").is_none(), "its output waits for a reader");
    let mut help = String::new();
    reader.read_to_string(&mut help).expect("help");
    assert!(help.contains("Reload when a configuration file changes"), "{help}");
    assert_eq!(child.wait().expect("a child").code(), Some(0));
}

#[test]
fn a_hangup_during_the_start_is_a_reload_or_nothing() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    for _ in 0..5 {
        let daemon = place.run();
        while !is_caught(daemon.pid(), Signal::HUP) {
            std::hint::spin_loop();
        }
        while !daemon.log().contains(" started (") {
            daemon.signal(Signal::HUP);
        }
        daemon.stop();
    }
    assert_eq!(vendor.call_count(), 1);
}
