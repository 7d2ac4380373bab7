//! `[budget] manual`: what may be spent by hand, so that the schedules keep their share.

use growthd::clock::Time;
use serde_json::json;

use crate::harness::{Ended, Settings, Setup, Socket, Then, Vendor, at};
use crate::scripted_api::Behaviour;

/// Returns an account's outcome and error in the output of `refresh --json`.
#[track_caller]
fn outcome_and_reason(ended: &Ended) -> (String, String) {
    let json = ended.json();
    let [one] = json.as_array().expect("a list").as_slice() else { panic!("{json}") };
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("error"))
}

#[track_caller]
fn is_declined(ended: Ended) {
    let (outcome, why) = outcome_and_reason(&ended);
    assert_eq!(outcome, "declined");
    assert!(why.starts_with("[budget] manual is spent until 20"), "{why}");
    ended.with_code(1);
}

#[test]
fn refreshes_by_hand_through_a_daemon_leave_the_schedule_its_share() {
    let vendor = Vendor::start();
    let tables = "[budget]\nrefreshes = 8\nmanual = 2".to_owned();
    let weekly = Settings { tables, ..Settings::weekly(&["a", "b"]) };
    let place = Setup::new(&vendor, &weekly);
    let mut daemon = place.run();
    daemon.until_all(&["refreshed account=a", "refreshed account=b", " started ("]);
    let summary = |key: &str| {
        let status = place.growthd(&["status", "--json", "--quiet"]).with_code(0);
        status.json()["summary"]["budget"][key].take()
    };
    assert_eq!(summary("manual"), json!({"left": 2, "refreshes": 2, "spent": 0}));
    place.growthd(&["refresh", "a", "--json"]).with_code(0);
    place.growthd(&["add", "newcomer", "--platform", "tiktok"]).with_code(0);

    let list = std::fs::read(place.file("config.toml")).expect("a file");
    is_declined(place.growthd(&["refresh", "a", "--json"]));
    let all = place.growthd(&["refresh", "--all"]).with_code(1);
    assert_eq!(all.out.matches("[budget] manual is spent until 20").count(), 2, "{all:?}");
    let add = place.growthd(&["add", "another", "--platform", "tiktok"]).with_code(1);
    assert!(add.err.contains("[budget] manual is spent until 20"), "{add:?}");
    assert_eq!(std::fs::read(place.file("config.toml")).expect("a file"), list);
    assert_eq!(vendor.call_count(), 4);
    assert_eq!(summary("manual"), json!({"left": 0, "refreshes": 2, "spent": 2}));
    assert_eq!(summary("left"), json!(4));
    let status = place.growthd(&["status"]).with_code(0);
    let line = "\nbudget     4 of 8 spent this month, 2 of 2 manually; it resets 20";
    assert!(status.out.contains(line), "{status:?}");

    let each_second = Settings { tables: weekly.tables, ..Settings::each_second(&["a", "b"]) };
    place.configure(&vendor, &each_second);
    daemon.signal(rustix::process::Signal::HUP);
    daemon.until("the budget is spent");
    let (outcome, why) =
        outcome_and_reason(&place.growthd(&["refresh", "a", "--json"]).with_code(1));
    assert_eq!(outcome, "declined");
    assert!(why.starts_with("the budget is spent until 20"), "{why}");
    daemon.stop();
    let causes = "SELECT count(*), count(*) FILTER (WHERE cause IN ('manual', 'add'))
                  FROM refreshes WHERE spent";
    assert_eq!(place.database().rows(causes), ["8|2"]);
    assert_eq!(vendor.call_count(), 8);
    place.database().is_sound();
}

/// As with a timer that calls `refresh --due`.
#[test]
fn without_a_daemon_the_manual_share_starts_again_each_period_and_due_slots_do_not_count() {
    // Without a `Date`, which would contradict the clock.
    let body = r#"{"success":true,"data":{"account":{"id":"a","stats":{"followers":7}}}}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let vendor = Socket::sending(format!("{head}{body}"), Then::Close);
    let place = Setup::empty();
    place.write_key();
    let tables = "[budget]\nrefreshes = 5\nper = \"day\"\nmanual = 1".to_owned();
    let daily = Settings { tables, schedule: "cron = \"0 6 * * *\"", ..Settings::weekly(&["a"]) };
    place.configure_for(vendor.base_url(), &daily);
    let growthd = |time: &str, arguments: &[&str]| {
        let time: Time = time.parse().expect("a time");
        at(time, &place.command(arguments)).map(Ended::of)
    };
    let refresh: &[&str] = &["refresh", "a", "--json"];
    let Some(ended) = growthd("2026-03-10T12:00:00Z", refresh) else { return };
    ended.with_code(0);
    let ended = |time: &str, arguments: &[&str]| growthd(time, arguments).expect("faketime");
    is_declined(ended("2026-03-10T23:59:00Z", refresh));
    ended("2026-03-11T00:00:10Z", refresh).with_code(0);
    is_declined(ended("2026-03-11T00:00:30Z", refresh));
    is_declined(ended("2026-03-11T12:00:00Z", refresh));
    let due = ended("2026-03-11T12:00:00Z", &["refresh", "--due", "--json"]).with_code(0);
    assert_eq!(outcome_and_reason(&due).0, "ok");
    let status = ended("2026-03-11T12:00:10Z", &["status", "--no-daemon"]).with_code(0);
    let line = "\nbudget     2 of 5 spent today, 1 of 1 manually; it resets 2026-03-12T00:00:00Z\n";
    assert!(status.out.contains(line), "{status:?}");
    let ledger = "SELECT substr(started_utc, 1, 10), cause, outcome FROM refreshes ORDER BY 1, 2";
    let rows = place.database().rows(ledger);
    assert_eq!(rows, ["2026-03-10|manual|ok", "2026-03-11|catch_up|ok", "2026-03-11|manual|ok"]);
    assert_eq!(vendor.call_count(), 3);
}

#[test]
fn a_request_that_is_not_granted_sends_no_probe() {
    let vendor = Vendor::start();
    vendor.everywhere(Some(Behaviour::refusal(500, "DOWN", "Down")));
    let tables = "[budget]\nrefreshes = 100\nmanual = 0".to_owned();
    let place = Setup::new(&vendor, &Settings { tables, ..Settings::weekly(&["a", "b", "c"]) });
    let mut daemon = place.run();
    daemon.until("only probes are sent");
    let calls = vendor.call_count();
    is_declined(place.growthd(&["refresh", "a", "--json"]));
    let add = place.growthd(&["add", "another", "--platform", "tiktok"]).with_code(1);
    assert!(add.err.contains("[budget] manual is spent until 20"), "{add:?}");
    daemon.stop();
    assert_eq!(vendor.call_count(), calls);
    place.database().is_sound();
}
