//! `refresh` beside a daemon: it goes through the daemon, and is paid once.

use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Daemon, Ended, Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

const LEDGER: &str = "SELECT account_id, cause, outcome, spent FROM refreshes ORDER BY refresh_id";

fn start(command: Command) -> JoinHandle<Ended> {
    thread::spawn(|| Ended::of(command))
}

/// Starts a daemon, and waits for its baselines.
fn settled(place: &Setup, accounts: usize) -> Daemon {
    let mut daemon = place.run();
    for _ in 0..accounts {
        daemon.until("refreshed account=");
    }
    daemon
}

#[test]
fn a_refresh_beside_the_daemon_is_one_row_of_its_ledger() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a\nlabel = \"Ann\"", "b"]));
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
fn two_concurrent_requests_for_one_account_spend_once() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
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
fn a_refresh_of_an_account_in_flight_waits_for_that_call() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    vendor.always("a", Behaviour::After(Duration::from_millis(1500), Box::new(Behaviour::Answer)));
    let daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    let ended = place.growthd(&["refresh", "a"]).with_code(0);
    assert!(ended.out.contains("1 of 1 refreshed"), "{ended:?}");
    daemon.stop();
    assert_eq!(place.database().rows(LEDGER), ["a|first|ok|1"]);
}

#[test]
fn an_invalid_request_does_not_harm_the_daemon() {
    use std::io::{Read, Write};
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let daemon = settled(&place, 1);
    let lookup = |cron: &str, zone: &str, platform: &str| {
        format!(
            r#"{{"add":[{{"username":"guru","platform":"{platform}","cron":"{cron}","timezone":"{zone}","spread":0}}]}}"#
        ) + "\n"
    };
    let many: Vec<String> = (0..300_000).map(|number| format!("nobody-{number}")).collect();
    for request in [
        "".to_owned(),
        "\n".to_owned(),
        "{}\n".to_owned(),
        "{\"refresh\":{\"ids\":[\"no/id\"]}}\n".to_owned(),
        "\"buy\"\n".to_owned(),
        lookup("whenever", "UTC", "tiktok"),
        lookup("0 6 * * MON", "Mars/Olympus", "tiktok"),
        lookup("0 6 * * MON", "UTC", "myspace"),
        lookup("0 6 * * MON", "UTC", &"x".repeat(1 << 20)),
        serde_json::json!({"refresh": {"ids": many}}).to_string() + "\n",
    ] {
        let begin: String = request.chars().take(80).collect();
        let mut socket = std::os::unix::net::UnixStream::connect(place.file("growth.db.sock"))
            .expect("a socket");
        socket.write_all(request.as_bytes()).expect("it is read");
        socket.shutdown(std::net::Shutdown::Write).expect("an end");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an end");
        assert!(answer.starts_with("{\"refused\":\""), "{begin}: {answer}");
        assert_eq!(answer.lines().count(), 1, "{begin}");
    }
    place.growthd(&["refresh", "a"]).with_code(0);
    daemon.stop();
    assert_eq!(vendor.call_count(), 2);
}

/// Nobody reads the responses, and nothing is logged for each of the accounts.
#[test]
fn requests_that_name_very_many_unknown_accounts_delay_nobody() {
    use std::io::Write;
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let daemon = settled(&place, 1);
    let mut ids: Vec<String> = (0..100_000).map(|number| format!("nobody-{number}")).collect();
    ids[1] = ids[0].clone();
    let request = serde_json::json!({"refresh": {"ids": ids}}).to_string() + "\n";
    let sockets: Vec<_> = (0..8)
        .map(|_| {
            let path = place.file("growth.db.sock");
            let mut socket = std::os::unix::net::UnixStream::connect(path).expect("a socket");
            socket.write_all(request.as_bytes()).expect("it is read");
            socket
        })
        .collect();
    place.growthd(&["refresh", "a"]).with_code(0);
    drop(sockets);
    let log = daemon.stop();
    let lines = log.lines().filter(|line| line.contains("not in the watchlist")).count();
    assert!((1..=8).contains(&lines), "{lines}");
    assert!(log.contains("accounts=99999"), "{log}");
    assert_eq!(vendor.call_count(), 2);
}

/// Starts a daemon with slow calls, one after the other.
fn slow(vendor: &Vendor, accounts: &[&str]) -> (Setup, Daemon) {
    let api = "max_in_flight = 1".to_owned();
    let place = Setup::new(vendor, &Settings { api, ..Settings::weekly(accounts) });
    let daemon = settled(&place, accounts.len());
    vendor.everywhere(Some(Behaviour::After(
        Duration::from_millis(600),
        Box::new(Behaviour::Answer),
    )));
    (place, daemon)
}

#[test]
fn an_interrupted_request_buys_nothing_more() {
    let vendor = Vendor::start();
    let (place, daemon) = slow(&vendor, &["a", "b", "c", "d"]);
    let mut asking = Daemon::start(place.command(&["refresh", "--all"]));
    vendor.wait_for_calls(5);
    asking.signal(Signal::INT);
    assert_eq!(asking.end(), Some(1), "{}", asking.log());
    // The next request is served at once.
    place.growthd(&["refresh", "d"]).with_code(0);
    daemon.stop();
    assert_eq!(vendor.call_count(), 6);
    assert!(place.database().one::<bool>("SELECT min(outcome = 'ok') FROM refreshes"));
}

#[test]
fn interrupting_one_of_two_requests_does_not_end_the_other() {
    let vendor = Vendor::start();
    let (place, daemon) = slow(&vendor, &["a", "b", "c"]);
    let mut first = Daemon::start(place.command(&["refresh", "a", "b", "c"]));
    vendor.wait_for_calls(4);
    let (mut output, second) = {
        use std::io::{BufRead, BufReader, Write};
        let mut socket = std::os::unix::net::UnixStream::connect(place.file("growth.db.sock"))
            .expect("a socket");
        socket.write_all(b"{\"refresh\":{\"ids\":[\"c\"]}}\n").expect("it is read");
        (BufReader::new(socket.try_clone().expect("a socket")).lines(), socket)
    };
    let line = output.next().expect("a line").expect("a line");
    assert!(line.contains("\"accounts\":1"), "{line}");
    first.signal(Signal::INT);
    assert_eq!(first.end(), Some(1), "{}", first.log());
    let rest: Vec<String> = output.map_while(Result::ok).collect();
    assert!(rest.last().is_some_and(|line| line.contains("\"outcome\":\"ok\"")), "{rest:?}");
    drop(second);
    daemon.stop();
    let asked = "SELECT account_id FROM refreshes WHERE cause = 'manual' ORDER BY refresh_id";
    assert_eq!(place.database().rows(asked).len(), 2, "one for each");
    assert_eq!(place.database().rows(asked)[1], "c");
}

#[test]
fn a_request_to_a_daemon_that_is_just_starting_waits_for_its_socket() {
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.create_database();
    // The lock, and the socket a moment later.
    let lock = std::fs::File::open(place.file("growth.db")).expect("a database");
    lock.lock().expect("a lock");
    let refresh = start(place.command(&["refresh", "a"]));
    thread::sleep(Duration::from_millis(300));
    let socket = UnixListener::bind(place.file("growth.db.sock")).expect("a socket");
    let (mut client, _) = socket.accept().expect("a client");
    // Without its request, the connection would have failed.
    client.read_exact(&mut [0]).expect("its request");
    drop(client);
    let ended = refresh.join().expect("it ended").with_code(1);
    assert!(ended.out.contains("nothing was refreshed"), "{ended:?}");
    assert_eq!(vendor.call_count(), 0);
}

/// With a daemon and without one.
#[test]
fn a_request_is_declined_during_a_long_pause_and_waits_for_a_short_one() {
    let vendor = Vendor::start();
    let retry = "first_delay = \"1s\"\nmax_delay = \"6h\"";
    let place = Setup::new(&vendor, &Settings { retry, ..Settings::weekly(&["a", "b"]) });
    let mut daemon = Some(settled(&place, 2));
    let said = "the vendor asked for a pause until 20";
    vendor.queue("a", [Behaviour::rate_limited(Some(5))]);
    place.growthd(&["refresh", "a"]).with_code(69);
    let ended = place.growthd(&["refresh", "b"]).with_code(0);
    assert!(ended.err.starts_with(&format!("growthd: waiting: {said}")), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");

    // Another account: a second time, it would be the first one's own trouble.
    vendor.queue("b", [Behaviour::rate_limited(Some(3600))]);
    place.growthd(&["refresh", "b"]).with_code(69);
    let calls = vendor.call_count();
    for _ in 0..2 {
        let ended = place.growthd(&["refresh", "a"]).with_code(1);
        assert!(ended.out.starts_with(&format!("not done a  {said}")), "{ended:?}");
        let ended = place.growthd(&["refresh", "a", "--json"]).with_code(1);
        let result = &ended.json()[0];
        assert_eq!(result["outcome"], "declined");
        assert!(result["error"].as_str().is_some_and(|why| why.starts_with(said)), "{result}");
        let ended = place.growthd(&["add", "somebody", "--platform", "tiktok"]).with_code(1);
        assert!(ended.err.contains(said), "{ended:?}");
        daemon.take().map(Daemon::stop);
    }
    assert_eq!(vendor.call_count(), calls);
}
