//! A person beside the daemon: what they ask for goes through it, and is paid for once.

use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use growthd::simulated_api::Behaviour;

use crate::harness::{Daemon, Ended, Settings, SlotWindow, Vendor};

const LEDGER: &str = "SELECT account_id, cause, outcome, spent FROM refreshes ORDER BY refresh_id";

fn start(command: Command) -> JoinHandle<Ended> {
    thread::spawn(|| Ended::of(command))
}

/// A daemon that has its baselines.
fn settled(place: &SlotWindow, accounts: usize) -> Daemon {
    let mut daemon = place.run();
    for _ in 0..accounts {
        daemon.until("refreshed account=");
    }
    daemon
}

#[test]
fn a_refresh_beside_the_daemon_is_one_line_of_its_ledger() {
    let vendor = Vendor::start();
    let place = SlotWindow::new(&vendor, &Settings::weekly(&["a\nlabel = \"Ann\"", "b"]));
    let daemon = settled(&place, 2);
    let ended = place.growthd(&["refresh", "a"]).with_code(0);
    assert!(ended.out.starts_with("ok       a (Ann)  "), "{ended:?}");
    assert!(ended.out.ends_with("1 of 1 refreshed\n"), "{ended:?}");
    let ended = place.growthd(&["refresh", "a", "--json"]).with_code(0);
    assert_eq!(ended.json()[0]["outcome"], "ok");
    let ended = place.growthd(&["refresh", "stranger"]).with_code(1);
    assert!(ended.out.contains("not in the watchlist"), "{ended:?}");
    let ended = place.growthd(&["refresh", "--due"]).with_code(0);
    assert_eq!(ended.out, "nothing to refresh\n");
    vendor.queue("b", [Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "gone")]);
    let ended = place.growthd(&["refresh", "b"]).with_code(69);
    assert!(ended.out.contains("HTTP 404"), "{ended:?}");
    daemon.stop();
    let ledger = place.database().rows(LEDGER);
    assert_eq!(ledger[2..], ["a|manual|ok|1", "a|manual|ok|1", "b|manual|failed|0"]);
    assert_eq!(vendor.call_count(), 5);
}

#[test]
fn two_who_ask_for_one_account_at_once_spend_once() {
    let vendor = Vendor::start();
    let place = SlotWindow::new(&vendor, &Settings::weekly(&["a"]));
    let daemon = settled(&place, 1);
    vendor.always("a", Behaviour::After(Duration::from_millis(1500), Box::new(Behaviour::Answer)));
    let first = start(place.command(&["refresh", "a"]));
    vendor.wait_for_calls(2);
    let second = start(place.command(&["refresh", "--all"]));
    for asked in [first, second] {
        let ended = asked.join().expect("it ended").with_code(0);
        assert!(ended.out.contains("1 of 1 refreshed"), "{ended:?}");
    }
    daemon.stop();
    assert_eq!(place.database().rows(LEDGER), ["a|first|ok|1", "a|manual|ok|1"]);
}

#[test]
fn a_refresh_of_what_the_daemon_is_refreshing_waits_for_that() {
    let vendor = Vendor::start();
    let place = SlotWindow::new(&vendor, &Settings::weekly(&["a"]));
    vendor.always("a", Behaviour::After(Duration::from_millis(1500), Box::new(Behaviour::Answer)));
    let daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    let ended = place.growthd(&["refresh", "a"]).with_code(0);
    assert!(ended.out.contains("1 of 1 refreshed"), "{ended:?}");
    daemon.stop();
    assert_eq!(place.database().rows(LEDGER), ["a|first|ok|1"]);
}

#[test]
fn what_is_no_request_does_the_daemon_no_harm() {
    use std::io::{Read, Write};
    let vendor = Vendor::start();
    let place = SlotWindow::new(&vendor, &Settings::weekly(&["a"]));
    let daemon = settled(&place, 1);
    for request in ["", "\n", "{}\n", "{\"ids\":[\"no/id\"]}\n", "\"buy\"\n"] {
        let mut socket = std::os::unix::net::UnixStream::connect(place.file("growth.db.sock"))
            .expect("a socket");
        socket.write_all(request.as_bytes()).expect("it is read");
        socket.shutdown(std::net::Shutdown::Write).expect("an end");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an end");
        assert_eq!(answer, "", "{request:?}");
    }
    place.growthd(&["refresh", "a"]).with_code(0);
    daemon.stop();
    assert_eq!(vendor.call_count(), 2);
}
