//! The `[http]` server: metrics, health, and bounded use of resources.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Daemon, Ended, PATIENCE, Settings, Setup, Vendor, poll};
use crate::scripted_api::Behaviour;

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: growthd\r\n\r\n";

/// Returns an address that was free a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn connect(address: &str) -> TcpStream {
    let stream = poll("a listener", || TcpStream::connect(address).ok());
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn answer(mut stream: &TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn listening() -> (Vendor, Setup, String) {
    let vendor = Vendor::start();
    let address = free_address();
    let tables = format!("[http]\nlisten = \"{address}\"");
    let settings = Settings { tables, ..Settings::each_second(&["a"]) };
    let place = Setup::new(&vendor, &settings);
    (vendor, place, address)
}

#[test]
fn a_port_that_the_system_chose_is_logged() {
    let vendor = Vendor::start();
    let tables = "[http]\nlisten = \"127.0.0.1:0\"".to_owned();
    let place = Setup::new(&vendor, &Settings { tables, ..Settings::weekly(&["a"]) });
    let mut daemon = place.run();
    let line = daemon.until("listening on 127.0.0.1:");
    let (_, address) = line.rsplit_once(' ').expect("an address");
    let mut stream = connect(address);
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").expect("a request");
    assert!(answer(&stream).ends_with("\r\n\r\nok\n"));
    daemon.stop();
}

#[test]
fn a_pause_that_the_vendor_asked_for_is_a_metric() {
    let (vendor, place, address) = listening();
    vendor.everywhere(Some(Behaviour::rate_limited(Some(3600))));
    let mut daemon = place.run();
    daemon.until("waiting, as the vendor asks");
    let mut stream = connect(&address);
    stream.write_all(GET.as_bytes()).expect("a request");
    let metrics = answer(&stream);
    assert!(metrics.contains("\ngrowthd_pause_until_timestamp_seconds 1"), "{metrics}");
    daemon.stop();
}

#[test]
fn a_connection_serves_one_request_however_many_are_pipelined() {
    let (_vendor, place, address) = listening();
    let daemon = place.run().once_up();
    let stream = connect(&address);
    (&stream).write_all(GET.repeat(400).as_bytes()).ok();
    let mut first = [0; 15];
    (&stream).read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // The unread requests may reset the connection before the rest of the response is read.
    let mut rest = Vec::new();
    (&stream).read_to_end(&mut rest).ok();
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1"), "one answer");
    daemon.stop();
}

/// As `nc` does, the client closes its sending side after the request.
#[test]
fn a_client_that_has_closed_its_sending_side_is_answered() {
    let (_vendor, place, address) = listening();
    let daemon = place.run().once_up();
    let stream = connect(&address);
    (&stream).write_all(b"GET /healthz HTTP/1.0\r\n\r\n").expect("asked");
    stream.shutdown(std::net::Shutdown::Write).expect("a connection");
    let answer = answer(&stream);
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    daemon.stop();
}

#[test]
fn silent_connections_take_no_descriptors_from_the_calls() {
    let (vendor, place, address) = listening();
    let daemon = place.run().once_up();
    let silent: Vec<TcpStream> = (0..300).map(|_| connect(&address)).collect();
    let descriptors = || {
        let folder = format!("/proc/{}/fd", daemon.pid());
        std::fs::read_dir(folder).expect("a process").count()
    };
    assert!(descriptors() < 100, "{}", descriptors());
    vendor.wait_for_calls(vendor.call_count() + 2);
    // Other clients are still served.
    let stream = connect(&address);
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    (&stream).write_all(GET.as_bytes()).expect("asked");
    assert!(answer(&stream).contains("growthd_build_info"));
    drop(silent);
    daemon.stop();
}

#[test]
fn the_limit_on_descriptors_is_raised() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut shell = Command::new("sh");
    shell.current_dir(place.path()).args(["-c", "ulimit -Sn 200 && exec \"$0\" run"]);
    shell.arg(env!("CARGO_BIN_EXE_growthd"));
    let daemon = Daemon::start(shell).once_up();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid()));
    let limits = limits.expect("a process");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let [soft, hard] = [3, 4].map(|column| files.split_whitespace().nth(column));
    assert!(soft == hard && soft != Some("200"), "{files}");
    daemon.stop();
}

#[test]
fn a_start_without_descriptors_says_so_and_may_be_tried_again() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    for (verb, most) in [(&["run"][..], 16), (&["refresh", "a"], 12)] {
        for files in 5..most {
            let mut shell = Command::new("sh");
            shell.current_dir(place.path());
            // Without what the tests were started with.
            let closed = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
            let script = format!("{closed}; ulimit -n {files} && exec \"$0\" \"$@\"");
            shell.args(["-c", &script]);
            shell.arg(env!("CARGO_BIN_EXE_growthd")).args(verb);
            let ended = Ended::of(shell);
            assert!(ended.line().starts_with("growthd: "), "{files} {verb:?}: {ended:?}");
            // Enough to calculate how many connections it would take.
            let is_counted = ended.err.contains("max_in_flight = 4 needs about ");
            assert_eq!(ended.code, Some(if is_counted { 78 } else { 74 }), "{files} {verb:?}");
        }
    }
    assert_eq!(vendor.call_count(), 0);
}

#[test]
fn the_disk_space_of_responses_is_counted() {
    let (vendor, place, address) = listening();
    let note = serde_json::json!({"note": "x".repeat(50_000)});
    vendor.queue("a", [Behaviour::Patch(note)]);
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let stream = connect(&address);
    (&stream).write_all(GET.as_bytes()).expect("asked");
    let answer = answer(&stream);
    let kept = answer.lines().find_map(|line| line.strip_prefix("growthd_kept_bytes_total "));
    assert!(
        kept.is_some_and(|kept| kept.parse::<u32>().is_ok_and(|kept| kept > 50_000)),
        "{answer}"
    );
    daemon.stop();
}

#[test]
fn a_hundred_concurrent_requests_are_served_or_told_to_retry() {
    let (vendor, place, address) = listening();
    let daemon = place.run().once_up();
    let ask = |_| {
        let mut stream = connect(&address);
        stream.write_all(GET.as_bytes()).expect("asked");
        stream
    };
    let streams: Vec<TcpStream> = (0..100).map(ask).collect();
    for stream in &streams {
        let answer = answer(stream);
        let is_answer = answer.starts_with("HTTP/1.1 200 OK");
        let is_told = answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1");
        assert!(is_answer || is_told, "{answer}");
    }
    vendor.wait_for_calls(vendor.call_count() + 1);
    daemon.stop();
}
