//! The consequences of each kind of response, end to end: ledger, exit code, and next attempt.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

fn redirect(to: &str) -> Behaviour {
    let headers = vec![("location".to_owned(), to.to_owned())];
    Behaviour::Response { status: 307, headers, body: Vec::new() }
}

#[test]
fn each_response_has_its_row_in_the_ledger() {
    let slow_drip = Behaviour::Drip { every: Duration::from_millis(50) };
    let credits = Behaviour::Raw(br#"{"success":false,"message":"Not enough credits"}"#.to_vec());
    // One account for each, so that none pauses those that follow.
    let rows = [
        (
            Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "x"),
            "failed|404|0",
            "HTTP 404: ACCOUNT_NOT_FOUND: x",
        ),
        (Behaviour::refusal(400, "BAD_REQUEST", "x"), "failed|400|0", "HTTP 400: BAD_REQUEST: x"),
        (Behaviour::refusal(403, "FORBIDDEN", "x"), "failed|403|0", "HTTP 403: FORBIDDEN: x"),
        (Behaviour::rate_limited(Some(1)), "failed|429|0", "HTTP 429: RATE_LIMITED"),
        (
            Behaviour::refusal(401, "INVALID_API_KEY", "x"),
            "failed|401|0",
            "HTTP 401: INVALID_API_KEY: x",
        ),
        (Behaviour::refusal(402, "PAYMENT", "x"), "failed|402|0", "HTTP 402: PAYMENT: x"),
        (credits, "failed|200|1", "HTTP 200: the response reports a failure: Not enough credits"),
        (Behaviour::refusal(500, "INTERNAL", "x"), "failed|500|1", "HTTP 500: INTERNAL: x"),
        (
            redirect("https://elsewhere.invalid/"),
            "failed|307|0",
            "redirected to https://elsewhere.invalid/",
        ),
        (Behaviour::Hang, "unknown|-|1", "no response within the timeout"),
        (slow_drip, "unknown|-|1", "no response within the timeout"),
        (Behaviour::Cut, "unknown|-|1", "the connection broke"),
        (Behaviour::CutMidBody, "unknown|-|1", "the connection broke"),
        (Behaviour::BigHeaders, "unknown|-|1", "the connection broke"),
        (Behaviour::Flood, "failed|200|1", "the response is too large"),
        (Behaviour::Raw(Vec::new()), "failed|200|1", "the response is not a JSON object"),
        (
            Behaviour::Patch(json!({"id": "other"})),
            "failed|200|1",
            "the response is for another account",
        ),
        (Behaviour::Answer, "ok|200|1", ""),
        // Numbers that serve no slot.
        (
            Behaviour::ServerDate { offset: 9000, then: Box::new(Behaviour::Answer) },
            "ok|200|1",
            "the response's date is 2 h ahead of this machine's clock; check the clock",
        ),
    ];
    std::thread::scope(|scope| {
        for (behaviour, expected, error) in rows {
            scope.spawn(move || {
                let vendor = Vendor::start();
                let api = "timeout = \"1s\"".to_owned();
                let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&["a"]) });
                vendor.queue("a", [behaviour.clone()]);
                let ended = place.growthd(&["refresh", "a"]);
                let code = match expected.starts_with("ok") {
                    true => i32::from(!error.is_empty()),
                    false => 69,
                };
                let ended = ended.with_code(code);
                assert!(ended.out.contains(error), "{behaviour:?}: {ended:?}");
                let database = place.database();
                let rows = database.rows("SELECT outcome, http_status, spent FROM refreshes");
                assert_eq!(rows, [expected], "{behaviour:?}");
                let stored: String = database.one("SELECT coalesce(error, '') FROM refreshes");
                assert!(stored.contains(error), "{behaviour:?}: {stored}");
                assert_eq!(vendor.call_count(), 1, "{behaviour:?}");
            });
        }
    });
}

#[test]
fn a_requested_pause_is_honoured_and_the_slot_served_after_it() {
    let retry = "first_delay = \"1s\"\nmax_delay = \"30s\"";
    std::thread::scope(|scope| {
        for header in ["retry-after", "x-ratelimit-reset"] {
            scope.spawn(move || {
                let vendor = Vendor::start();
                let place = Setup::new(&vendor, &Settings { retry, ..Settings::weekly(&["a"]) });
                let headers = vec![(header.to_owned(), "4".to_owned())];
                vendor.queue("a", [Behaviour::Response { status: 429, headers, body: vec![] }]);
                let mut daemon = place.run();
                let line = daemon.until("waiting, as the vendor asks");
                assert!(line.contains("WARN"), "{line}");
                let status = place.growthd(&["status"]).with_code(1);
                assert!(status.out.contains("\nwaiting    until "), "{status:?}");
                daemon.until("refreshed account=a");
                let log = daemon.stop();
                assert_eq!(log.matches("waiting, as the vendor asks").count(), 1, "{log}");
                let database = place.database();
                let ledger = database.rows("SELECT outcome, http_status, spent FROM refreshes");
                assert_eq!(ledger, ["failed|429|0", "ok|200|1"]);
                let waited: i64 =
                    database.one("SELECT max(started_time) - min(finished_time) FROM refreshes");
                assert!((4..=12).contains(&waited), "{header}: {waited} s");
            });
        }
    });
}

#[test]
fn a_refused_key_opens_the_breaker_until_it_is_replaced() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b", "c"]));
    vendor.everywhere(Some(Behaviour::refusal(401, "INVALID_API_KEY", "no such key")));
    let mut daemon = place.run();
    let line = daemon.until("the vendor is in trouble");
    assert!(line.contains("ERROR") && line.contains("HTTP 401: INVALID_API_KEY"), "{line}");
    assert!(line.contains("then reload growthd"), "{line}");
    let status = place.growthd(&["status"]).with_code(1);
    assert!(
        status.out.contains("\nBREAKER    open since ") && status.out.contains("401"),
        "{status:?}"
    );
    let quiet = place.growthd(&["status", "--quiet"]).with_code(1);
    assert!(
        quiet.out.starts_with("growthd needs attention: the vendor has been in trouble since "),
        "{quiet:?}"
    );
    let json = place.growthd(&["status", "--json"]).with_code(1).json();
    assert_eq!(
        (&json["summary"]["breaker"]["trouble"], &json["summary"]["needs_attention"]),
        (&json!("unauthorised"), &json!(true))
    );
    assert_eq!(vendor.call_count(), 3);
    let log = daemon.stop();
    assert_eq!(log.matches("the vendor is in trouble").count(), 1, "{log}");

    // One probe after the start; a request within the same minute is declined.
    let mut daemon = place.run().once_up();
    daemon.until("not refreshed");
    place.growthd(&["refresh", "a"]).with_code(1);
    assert_eq!(vendor.call_count(), 4);

    vendor.everywhere(None);
    // The next probe is sent within half a minute.
    daemon.until("the vendor answers again");
    vendor.wait_for_calls(7);
    daemon.stop();
    place.growthd(&["status", "--no-daemon"]).with_code(0);
    place.database().is_sound();
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays() {
    let vendor = Vendor::start();
    let second = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b"]));
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/v1/social/account/a/refresh", second.base_url());
        let headers = vec![("location".to_owned(), to)];
        vendor.queue("a", [Behaviour::Response { status, headers, body: Vec::new() }]);
        place.growthd(&["refresh", "a"]).with_code(69);
    }
    assert_eq!((vendor.call_count(), second.call_count()), (5, 0));

    vendor.everywhere(Some(redirect(&second.base_url())));
    let mut daemon = place.run();
    let line = daemon.until("the vendor is in trouble");
    assert!(line.contains(&second.base_url()) && line.contains("[api] base_url"), "{line}");
    daemon.stop();
    assert_eq!(second.call_count(), 0);
}

#[test]
fn an_account_that_is_not_found_delays_no_other_and_is_not_retried_at_once() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["gone\nlabel = \"Gone\"", "b"]));
    vendor.always("gone", Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "Social account not found"));
    let mut daemon = place.run();
    daemon.until("refreshed account=b");
    place.database().until("SELECT count(*) = 2 FROM refreshes WHERE outcome <> 'pending'");
    let status = place.growthd(&["status"]).with_code(1);
    assert!(status.out.contains("\nFAILING    gone (Gone) since "), "{status:?}");
    daemon.stop();
    place.run().once_up().stop();
    assert_eq!(vendor.calls_for("gone").len(), 1);
    assert_eq!(vendor.call_count(), 2);
}

/// Whatever failure all accounts share for some seconds, none loses its slot, and few credits are
/// spent.
#[test]
fn a_shared_failure_costs_no_slot() {
    let refusal = |status| Behaviour::refusal(status, "X", "x");
    let headers = vec![("retry-after".to_owned(), "1".to_owned())];
    let down = Behaviour::Response { status: 503, headers, body: Vec::new() };
    let page = Behaviour::Raw(b"<html>back soon</html>".to_vec());
    let mixture = vec![refusal(404), Behaviour::Cut, page.clone(), refusal(500), refusal(409)];
    let kinds = [
        vec![refusal(404)],
        vec![refusal(408)],
        vec![refusal(409)],
        vec![refusal(403)],
        vec![refusal(401)],
        vec![refusal(402)],
        vec![redirect("https://elsewhere.invalid/")],
        vec![refusal(500)],
        vec![down],
        vec![page],
        vec![Behaviour::Raw(Vec::new())],
        vec![Behaviour::Cut],
        vec![Behaviour::Hang],
        mixture,
    ];
    std::thread::scope(|scope| {
        for kinds in kinds {
            scope.spawn(move || {
                let vendor = Vendor::start();
                let ids: Vec<String> = (0..12).map(|n| format!("a{n}")).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                let api = "timeout = \"2s\"".to_owned();
                let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&ids) });
                for (id, trouble) in ids.iter().zip(kinds.iter().cycle()) {
                    vendor.always(id, trouble.clone());
                }
                let mut daemon = place.run();
                daemon.until("the vendor is in trouble");
                let database = place.database();
                database.until("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'");
                for id in &ids {
                    vendor.always(id, Behaviour::Answer);
                }
                // Without a reload, the next probe would be a minute away where it may cost a
                // credit.
                daemon.signal(Signal::HUP);
                database.until("SELECT count(*) = 12 FROM latest");
                daemon.stop();
                assert!(vendor.call_count() <= 12 + 12, "{kinds:?}: {}", vendor.call_count());
                database.is_sound();
            });
        }
    });
}

/// The same without a reload, for failures that cost nothing.
#[test]
fn the_end_of_a_shared_failure_is_noticed() {
    let kinds = [
        (Behaviour::refusal(404, "NOT_FOUND", "x"), "the vendor is in trouble"),
        (Behaviour::rate_limited(Some(1)), "waiting, as the vendor asks"),
    ];
    std::thread::scope(|scope| {
        for (trouble, line) in kinds {
            scope.spawn(move || {
                let vendor = Vendor::start();
                let ids: Vec<String> = (0..12).map(|n| format!("a{n}")).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                let place = Setup::new(&vendor, &Settings::weekly(&ids));
                vendor.everywhere(Some(trouble));
                let mut daemon = place.run();
                daemon.until(line);
                vendor.everywhere(None);
                let database = place.database();
                database.until("SELECT count(*) = 12 FROM latest");
                daemon.stop();
                let spent = "SELECT sum(spent) FROM refreshes";
                assert_eq!(database.one::<i64>(spent), 12, "{line}");
            });
        }
    });
}

#[test]
fn a_name_in_a_message_decides_nothing() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b", "c", "d", "e"]));
    let text = "Account @credit.queen with an api key and a subscription not found";
    vendor.always("b", Behaviour::refusal(404, "NOT_FOUND", text));
    let daemon = place.run();
    place.database_when_made().until("SELECT count(*) = 4 FROM latest");
    let log = daemon.stop();
    assert!(!log.contains("the vendor is in trouble"), "{log}");
}

#[test]
fn a_wrong_clock_opens_the_breaker_and_makes_the_snapshot_suspect() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b"]));
    let offset = 7200;
    vendor.everywhere(Some(Behaviour::ServerDate { offset, then: Box::new(Behaviour::Answer) }));
    let mut daemon = place.run();
    let line = daemon.until("the vendor is in trouble");
    assert!(
        line.contains("clock is 2 h behind the vendor's") || line.contains("clock is 1 h behind"),
        "{line}"
    );
    place.database().until("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'");
    assert!(place.database().one::<bool>("SELECT min(is_suspect) FROM snapshots"));
    place.growthd(&["status"]).with_code(1);
    vendor.everywhere(None);
    daemon.signal(Signal::HUP);
    daemon.until("the vendor answers again");
    daemon.stop();
}

#[test]
fn a_call_of_unknown_fate_is_repeated_within_its_allowance() {
    let vendor = Vendor::start();
    let retry = "first_delay = \"1s\"\nmax_delay = \"1s\"\nmax_paid_attempts = 2";
    let place = Setup::new(&vendor, &Settings { retry, ..Settings::weekly(&["a", "b"]) });
    vendor.always("a", Behaviour::Cut);
    let daemon = place.run();
    let database = place.database_when_made();
    database.until("SELECT count(*) = 2 FROM refreshes WHERE outcome = 'unknown'");
    daemon.stop();
    place.run().once_up().stop();
    assert_eq!(vendor.calls_for("a").len(), 2);
    let spent = "SELECT sum(spent) FROM refreshes WHERE account_id = 'a'";
    assert_eq!(place.database().one::<i64>(spent), 2);
    let status = place.growthd(&["status"]).with_code(1);
    assert!(status.out.contains("FAILING    a since "), "{status:?}");

    let skip = Settings { retry: "unknown = \"skip\"", ..Settings::weekly(&["a", "b"]) };
    let place = Setup::new(&vendor, &skip);
    let mut daemon = place.run();
    daemon.until("not refreshed");
    daemon.stop();
    place.run().once_up().stop();
    assert_eq!(vendor.calls_for("a").len(), 3);
}

#[test]
fn a_call_that_hangs_delays_no_other() {
    let vendor = Vendor::start();
    let api = "timeout = \"1s\"\nmax_in_flight = 2".to_owned();
    let place = Setup::new(&vendor, &Settings { api, ..Settings::each_second(&["sick", "b"]) });
    vendor.always("sick", Behaviour::Hang);
    let daemon = place.run();
    place.database_when_made().until("SELECT count(*) >= 4 FROM snapshots WHERE account_id = 'b'");
    daemon.stop();
}

/// As from a timer without a daemon: what the schedule owes is probed at the breaker's distances, and
/// only a person's request for an account earlier.
#[test]
fn a_timer_costs_a_few_probes_in_an_outage_however_often_it_runs() {
    let vendor = Vendor::start();
    let api = "max_in_flight = 1".to_owned();
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&["a", "b", "c", "d"]) });
    vendor.everywhere(Some(Behaviour::refusal(500, "INTERNAL", "try later")));
    let five_minutes_later = || {
        let database = rusqlite::Connection::open(place.file("growth.db")).expect("a database");
        let changed = database.execute(
            "UPDATE _breaker SET since_time = since_time - 300, probe_time = probe_time - 300,
                fresh_probe_time = fresh_probe_time - 300, half_open_time = half_open_time - 300",
            [],
        );
        assert_eq!(changed, Ok(1), "the breaker is open");
    };
    place.growthd(&["refresh", "--due"]).with_code(69);
    assert_eq!(vendor.call_count(), 3);
    for _ in 0..48 {
        five_minutes_later();
        place.growthd(&["refresh", "--due"]);
    }
    let of_timer = vendor.call_count() - 3;
    assert!((4..=10).contains(&of_timer), "{of_timer} probes in four hours");
    five_minutes_later();
    place.growthd(&["refresh", "a"]);
    assert_eq!(vendor.call_count(), 3 + of_timer + 1, "a person's");
    let ended = place.growthd(&["refresh", "--due"]).with_code(1);
    assert!(ended.out.contains("a named refresh or `add` probes it"), "{ended:?}");
    vendor.everywhere(None);
    five_minutes_later();
    place.growthd(&["refresh", "a"]).with_code(0);
    place.growthd(&["refresh", "--due"]).with_code(0);
    assert_eq!(place.database().one::<i64>("SELECT count(*) FROM snapshots"), 4);
}
