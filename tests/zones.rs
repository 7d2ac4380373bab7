//! Time zones come from the system, and `check` explains schedules.

use std::fs;
use std::path::Path;

use crate::harness::{Daemon, Ended, Settings, Setup, Vendor};

/// Returns a zone seven hours ahead of UTC in the format of zoneinfo files (RFC 8536).
fn seven_ahead() -> Vec<u8> {
    let block = |version_2: bool| {
        let mut block = b"TZif2".to_vec();
        block.extend([0; 15]);
        // Only one of its six lists has an entry; the names take four bytes.
        for count in [0u32, 0, 0, 0, 1, 4] {
            block.extend(count.to_be_bytes());
        }
        block.extend((7 * 3600i32).to_be_bytes());
        block.extend([0, 0]);
        block.extend(b"+07\0");
        if version_2 {
            block.extend(b"\n<+07>-7\n");
        }
        block
    };
    [block(false), block(true)].concat()
}

fn check(place: &Setup, zones: &Path) -> Ended {
    let mut command = place.command(&["check"]);
    command.env("TZDIR", zones);
    Ended::of(command)
}

#[test]
fn zones_come_from_the_system() {
    let vendor = Vendor::start();
    let account = |zone: &str| format!("a\ncron = \"0 6 * * *\"\ntimezone = \"{zone}\"");
    let zones = tempfile::tempdir().expect("a folder");
    fs::create_dir(zones.path().join("Europe")).expect("a folder");
    fs::write(zones.path().join("Europe/London"), seven_ahead()).expect("a zone");

    let place = Setup::new(&vendor, &Settings::weekly(&[&account("Europe/London")]));
    let ended = check(&place, zones.path()).with_code(0);
    assert!(ended.out.contains("T23:00:00Z"), "{ended:#?}");

    let place = Setup::new(&vendor, &Settings::weekly(&[&account("Asia/Tokyo")]));
    let ended = check(&place, zones.path()).with_code(78);
    assert!(ended.err.contains("there is no time zone \"Asia/Tokyo\""), "{ended:#?}");
    // An empty folder does not count.
    let empty = tempfile::tempdir().expect("a folder");
    let ended = check(&place, empty.path()).with_code(0);
    assert!(ended.out.contains("T21:00:00Z"), "{ended:#?}");
}

/// As when US/Eastern moved to a package of its own.
#[test]
fn a_zone_that_has_left_the_system_is_corrected_by_an_edit() {
    let vendor = Vendor::start();
    let zones = tempfile::tempdir().expect("a folder");
    fs::create_dir(zones.path().join("Asia")).expect("a folder");
    let old = zones.path().join("Asia/Saigon");
    fs::write(zones.path().join("Asia/Bangkok"), seven_ahead()).expect("a zone");
    let list = |accounts: &[&str]| Settings::weekly(accounts);
    let place = Setup::new(&vendor, &list(&["a\ntimezone = \"Asia/Saigon\"", "b"]));
    let run = || {
        let mut command = place.command(&["run"]);
        command.env("TZDIR", zones.path());
        Daemon::start(command)
    };
    for (number, edited) in [&["a\ntimezone = \"Asia/Bangkok\"", "b"][..], &["b"], &["b", "new"]]
        .into_iter()
        .enumerate()
    {
        fs::write(&old, seven_ahead()).expect("a zone");
        place.configure(&vendor, &list(&["a\ntimezone = \"Asia/Saigon\"", "b"]));
        let daemon = run().once_up();
        vendor.wait_for_calls(2);
        place.database().until("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'");
        daemon.stop();
        fs::remove_file(&old).expect("a zone");
        let mut daemon = run();
        daemon.until("there is no time zone \"Asia/Saigon\"");
        assert_eq!(daemon.end(), Some(78), "{}", daemon.log());

        place.configure(&vendor, &list(edited));
        let daemon = run().once_up();
        vendor.wait_for_calls(2 + usize::from(number == 2));
        daemon.stop();
    }
    assert_eq!(vendor.call_count(), 3, "two baselines, and that of the new account");
}

#[test]
fn a_zone_of_twenty_megabytes_is_refused_in_a_line() {
    let vendor = Vendor::start();
    let endless = "Europe/London".repeat(1_600_000);
    let settings = Settings::weekly(&[&format!("a\ntimezone = \"{endless}\"")]);
    let ended = Setup::new(&vendor, &settings).growthd(&["check"]).with_code(78);
    assert_eq!(ended.err.lines().count(), 1, "{} bytes", ended.err.len());
    assert!(ended.err.len() < 400 && ended.err.contains("`timezone`: too long"), "{}", ended.err);
}

#[test]
fn check_warns_where_a_pattern_means_either_day() {
    let vendor = Vendor::start();
    let settings = Settings::weekly(&[
        "a\ncron = \"0 6 1 * MON\"",
        "b\ncron = \"0 6 1 * MON\"",
        "c\ncron = \"0 6 1-7 * +MON\"",
    ]);
    let ended = Setup::new(&vendor, &settings).growthd(&["check"]).with_code(0);
    let notes: Vec<&str> = ended.out.lines().filter(|line| line.starts_with("note")).collect();
    let [note] = notes[..] else { panic!("one note: {notes:?}") };
    assert!(note.contains("\"0 6 1 * MON\"") && note.contains("match either"), "{note}");
}
