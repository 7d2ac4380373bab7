//! The control socket: requests are untrusted, and delay no one else.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use growthd::clock::monotonic;

use crate::harness::{
    Daemon, Ended, PATIENCE, Settings, Setup, Vendor, command, hidden_files, poll,
};
use crate::scripted_api::Behaviour;

fn connect(place: &Setup) -> UnixStream {
    let stream = UnixStream::connect(place.file("growth.db.sock")).expect("a daemon");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Returns the response to `bytes`, after which nothing more is sent.
fn answer(place: &Setup, request: &[u8]) -> String {
    let mut stream = connect(place);
    // A request that is too long is not read completely.
    stream.write_all(request).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8(answer).expect("UTF-8")
}

fn lookup(username: &str, platform: &str, cron: &str, timezone: &str, spread: i64) -> Vec<u8> {
    let wanted = serde_json::json!({"username": username, "platform": platform, "cron": cron,
                                    "timezone": timezone, "spread": spread});
    format!("{}\n", serde_json::json!({"add": [wanted]})).into_bytes()
}

/// Returns a daemon that has nothing to do for days.
fn started() -> (Vendor, Setup, Daemon) {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until_all(&["refreshed", " started ("]);
    (vendor, place, daemon)
}

#[test]
fn an_invalid_request_is_refused_and_costs_nothing() {
    let (vendor, place, daemon) = started();
    let weekly = "0 6 * * MON";
    let many = |item: &str, count: usize| vec![item; count].join(",");
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (lookup("x", "tiktok", "whenever", "UTC", 0), "a cron pattern has five fields"),
        (lookup("x", "tiktok", "0 0 30 2 *", "UTC", 0), "never fires"),
        (lookup("x", "tiktok", weekly, "Mars/Olympus", 0), "no time zone"),
        (lookup("x", "tiktok", weekly, "../../etc/passwd", 0), "no time zone"),
        (lookup("x", "tiktok", weekly, "UTC", -1), "invalid spread"),
        (lookup("x", "tiktok", weekly, "UTC", i64::MAX), "invalid spread"),
        (lookup("x", "elsewhere", weekly, "UTC", 0), "is not a platform"),
        (lookup("", "tiktok", weekly, "UTC", 0), "is not a valid username"),
        (lookup("../../x", "tiktok", weekly, "UTC", 0), "is not a valid username"),
        (lookup("a\nb", "tiktok", weekly, "UTC", 0), "is not a valid username"),
        (lookup(&"x".repeat(201), "tiktok", weekly, "UTC", 0), "a value is too long"),
        (lookup(&"x".repeat(50 << 20), "tiktok", weekly, "UTC", 0), ""),
        (b"{\"refresh\":{\"ids\":[\"\xff\"]}}\n".to_vec(), "not a valid request"),
        (b"{\"refresh\":{\"ids\":[\"a/b\"]}}\n".to_vec(), "an account id may contain only"),
        (format!("{{\"refresh\":{{\"ids\":[{}]}}}}\n", many("\"a\"", 100_001)).into(), "too many"),
        ([b"[".repeat(200_000), b"\n".to_vec()].concat(), "not a valid request"),
        (b"{\"add\":[]}\n".to_vec(), "no name to look up"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not a valid request"),
        (b"\"health\"".to_vec(), "does not end with a newline"),
        (Vec::new(), "does not end with a newline"),
    ];
    for (request, words) in rows {
        let answer = answer(&place, &request);
        let request = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert!(answer.contains(words), "{request}: {answer}");
        // A client that is cut off while it writes may not receive a response.
        assert!(answer.is_empty() || answer.starts_with("{\"refused\":"), "{request}: {answer}");
    }
    daemon.stop();
    assert_eq!(vendor.call_count(), 1);
}

#[test]
fn a_silent_client_delays_no_other() {
    let (_vendor, place, daemon) = started();
    let silent: Vec<UnixStream> = (0..300).map(|_| connect(&place)).collect();
    let begun = monotonic();
    place.growthd(&["refresh", "a"]).with_code(0);
    // They are more than can be served at once, and each is dropped after ten seconds: to wait for
    // them would take a minute.
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    drop(silent);
    daemon.stop();
}

/// Sends a request for an account that is being refreshed already, and leaves it open.
fn waiting(place: &Setup) -> UnixStream {
    let mut stream = connect(place);
    stream.write_all(b"{\"refresh\":{\"ids\":[\"a\"]}}\n").expect("a request");
    stream
}

#[test]
fn the_health_is_answered_however_many_requests_wait() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    vendor.queue("a", [Behaviour::Hang]);
    let daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    // Requests that are never completed make way for others when they end.
    let mut begun = Vec::new();
    for _ in 0..16 {
        begun.push(connect(&place));
        begun.last_mut().expect("one").write_all(b"{").expect("the beginning of a request");
    }
    let mut served = vec![waiting(&place)];
    drop(begun);
    served[0].read_exact(&mut [0]).expect("a first step");

    served.extend((0..15).map(|_| waiting(&place)));
    for stream in &mut served {
        stream.read_exact(&mut [0]).expect("a first step");
    }
    let mut others: Vec<UnixStream> = (0..40).map(|_| waiting(&place)).collect();
    let status = place.growthd(&["status"]).with_code(0);
    assert!(status.out.contains("\ndaemon     running\n"), "{status:?}");
    // Those that waited longest made way for it, and are told so.
    let mut refused = String::new();
    others[0].read_to_string(&mut refused).expect("an answer");
    assert!(refused.contains("too many requests are waiting; try again later"), "{refused}");
    daemon.kill();
}

#[test]
fn requests_without_an_end_take_little_memory() {
    let (_vendor, place, daemon) = started();
    let endless = vec![b'x'; 63 << 20];
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| answer(&place, &endless));
        }
    });
    let status = format!("/proc/{}/status", daemon.pid());
    let status = std::fs::read_to_string(status).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 200_000, "{kilobytes} kB");
    place.growthd(&["refresh", "a"]).with_code(0);
    daemon.stop();
}

/// A socket's address holds at most 107 bytes.
#[test]
fn a_database_in_a_deep_folder_is_reached_from_everywhere() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let deep = "x".repeat(60) + "/" + &"y".repeat(60);
    std::fs::create_dir_all(place.file(&deep)).expect("a folder");
    for name in ["config.toml", "api-key"] {
        std::fs::copy(place.file(name), place.file(&deep).join(name)).expect("a copy");
    }
    let mut daemon = Daemon::start(command(&place.file(&deep), &["run"]));
    daemon.until_all(&["refreshed", " started ("]);
    let config = place.file(&deep).join("config.toml").into_os_string();
    let config = config.into_string().expect("UTF-8");
    let elsewhere = Path::new("/");
    for (folder, config) in [(place.file(&deep), "config.toml"), (elsewhere.into(), &config)] {
        for verb in [&["refresh", "a"][..], &["status"]] {
            let arguments = [&["--config", config], verb].concat();
            let ended = Ended::of(command(&folder, &arguments)).with_code(0);
            assert!(ended.out.contains("a ") || ended.out.contains("is well"), "{ended:?}");
        }
    }
    let log = daemon.stop();
    assert!(!log.contains("WARN"), "{log}");
    assert_eq!(vendor.call_count(), 3);
}

#[test]
fn a_socket_that_was_removed_is_created_again() {
    let (vendor, place, mut daemon) = started();
    std::fs::remove_file(place.file("growth.db.sock")).expect("a socket");
    daemon.until("the control socket was removed, or the database moved; creating it again");
    poll("a socket", || place.has("growth.db.sock").then_some(()));
    place.growthd(&["refresh", "a"]).with_code(0);
    assert_eq!(hidden_files(place.path()), [""; 0]);
    daemon.stop();
    assert!(!place.has("growth.db.sock"));
    assert_eq!(vendor.call_count(), 2);
}

/// As after the data folder was moved away and another daemon was started in a new one.
#[test]
fn a_daemon_without_its_database_leaves_the_socket_of_the_one_that_has_it() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml", &text.replace("growth.db", "data/growth.db"));
    std::fs::create_dir(place.file("data")).expect("a folder");
    let mut first = place.run();
    first.until_all(&["refreshed", " started ("]);
    std::fs::rename(place.file("data"), place.file("moved")).expect("renamed");
    std::fs::create_dir(place.file("data")).expect("a folder");
    let mut second = place.run();
    second.until_all(&["refreshed", " started ("]);
    first.stop();
    assert!(place.has("data/growth.db.sock"));
    place.growthd(&["refresh", "a"]).with_code(0);
    second.stop();
    assert!(!place.has("data/growth.db.sock"));
    assert_eq!(vendor.call_count(), 3);
}

#[test]
fn a_daemon_is_reached_after_its_database_was_moved_and_linked() {
    let (vendor, place, mut daemon) = started();
    std::fs::create_dir(place.file("larger")).expect("a folder");
    std::fs::rename(place.file("growth.db"), place.file("larger/big.db")).expect("renamed");
    std::os::unix::fs::symlink("larger/big.db", place.file("growth.db")).expect("a link");
    daemon.until("the control socket was removed, or the database moved; creating it again");
    poll("a socket", || place.has("larger/big.db.sock").then_some(()));
    place.growthd(&["refresh", "a"]).with_code(0);
    place.growthd(&["status", "--quiet"]).with_code(0);
    daemon.kill();
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 2);
    assert_eq!(vendor.call_count(), 2);
}

#[test]
fn a_database_whose_socket_cannot_have_its_name_is_refused() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    let name = "y".repeat(100) + ".db";
    place.write("config.toml", &text.replace("growth.db", &name));
    for verb in ["check", "run"] {
        let ended = place.growthd(&[verb]).with_code(78);
        let why = "config.toml: the name of the control socket";
        assert!(ended.err.contains(why) && ended.err.contains("[database] path"), "{ended:?}");
    }
    assert!(!place.has(&name));
}
