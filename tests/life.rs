//! The daemon's life: baselines at once, slots when they are due, and nothing bought again after a
//! restart.

use std::time::Duration;

use growthd::clock::Time;
use rusqlite::types::Value;

use crate::harness::{Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

#[test]
fn a_baseline_is_bought_at_once_and_a_restart_buys_nothing_again() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b", "c"]));
    let mut daemon = place.run();
    for _ in 0..3 {
        daemon.until("refreshed account=");
    }
    let log = daemon.stop();
    assert!(log.contains("started (+3 accounts, -0, 0 changed)"), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");

    for _ in 0..2 {
        place.run().once_up().stop();
    }
    assert_eq!(vendor.call_count(), 3);
    let database = place.database();
    database.is_sound();
    assert_eq!(
        database.rows(
            "SELECT account_id, cause, scheduled_time, outcome, http_status, error, spent
             FROM refreshes ORDER BY 1"
        ),
        ["a|first|-|ok|200|-|1", "b|first|-|ok|200|-|1", "c|first|-|ok|200|-|1"]
    );
    assert_eq!(database.rows("SELECT calls, spent FROM spend"), ["3|3"]);
    assert!(!place.has("growth.db.sock"), "the socket goes with the daemon");
}

/// Removes the columns of a time and its UTC twin from `row`, and checks that they agree.
#[track_caller]
fn take_twins(row: &mut Vec<(String, Value)>, name: &str) -> Time {
    let mut take = |name: &str| {
        let place = row.iter().position(|(column, _)| column == name).expect(name);
        row.remove(place).1
    };
    let (seconds, text) = match name {
        "time" => (take("time"), take("time_utc")),
        _ => (take(&format!("{name}_time")), take(&format!("{name}_utc"))),
    };
    let Value::Integer(seconds) = seconds else { panic!("{name}: {seconds:?}") };
    assert_eq!(text, Value::Text(Time(seconds).to_string()), "{name}");
    Time(seconds)
}

fn columns(row: &[(&str, Value)]) -> Vec<(String, Value)> {
    row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn the_documented_response_is_stored_in_its_columns() {
    use Value::{Integer, Null, Real};
    let vendor = Vendor::start();
    let account = "clx123abc\nlabel = \"Fitness Guru\"\ntags = [\"client-a\", \"fit\"]";
    let place = Setup::new(&vendor, &Settings::weekly(&[account]));
    let mut daemon = place.run();
    let line = daemon.until("refreshed account=clx123abc");
    assert!(line.contains("cause=\"first\"") && line.contains("followers=1520000"), "{line}");
    daemon.stop();

    let database = place.database();
    let figures = columns(&[
        ("account_id", text("clx123abc")),
        ("name", text("Fitness Guru")),
        ("label", text("Fitness Guru")),
        ("username", text("fitnessguru")),
        ("platform", text("tiktok")),
        ("followers", Integer(1_520_000)),
        ("following", Integer(252)),
        ("videos", Integer(348)),
        ("likes", Integer(46_500_000)),
        ("engagement_rate", Real(12.8)),
        ("virality_score", Real(79.1)),
        ("avg_views", Integer(920_000)),
        ("is_suspect", Integer(0)),
        ("suspect", Null),
        ("source", text("refresh")),
        ("extra", Null),
        ("refresh_id", Integer(1)),
    ]);
    let mut snapshot = database.row("SELECT * FROM snapshots");
    let time = take_twins(&mut snapshot, "time");
    assert_eq!(take_twins(&mut snapshot, "analyzed"), Time(1_705_401_000));
    assert_eq!(snapshot, figures);

    let mut latest = database.row("SELECT * FROM latest");
    assert_eq!(take_twins(&mut latest, "time"), time);
    assert_eq!(take_twins(&mut latest, "analyzed"), Time(1_705_401_000));
    latest.retain(|(name, _)| figures.iter().any(|(known, _)| known == name));
    assert_eq!(latest, figures);
    assert!(database.one::<bool>("SELECT age_days BETWEEN 0 AND 0.1 FROM latest"));

    let mut account = database.row("SELECT * FROM accounts");
    assert_eq!(take_twins(&mut account, "last"), time);
    assert!(take_twins(&mut account, "added") <= time);
    assert!(take_twins(&mut account, "next") > time);
    assert_eq!(
        account,
        columns(&[
            ("account_id", text("clx123abc")),
            ("name", text("Fitness Guru")),
            ("label", text("Fitness Guru")),
            ("username", text("fitnessguru")),
            ("platform", text("tiktok")),
            ("tags", text(r#"["client-a","fit"]"#)),
            ("display_name", text("Fitness Guru")),
            ("bio", text("Helping you get fit one video at a time")),
            ("avatar_url", text("https://cdn.tiktok.com/avatar.jpg")),
            ("profile_url", text("https://www.tiktok.com/@fitnessguru")),
            ("is_verified", Integer(1)),
            ("cron", text("0 6 * * MON")),
            ("timezone", text("UTC")),
            ("enabled", Integer(1)),
            ("removed_time", Null),
            ("removed_utc", Null),
        ])
    );

    let mut refresh = database.row("SELECT * FROM refreshes");
    assert!(take_twins(&mut refresh, "started") <= time);
    assert!(take_twins(&mut refresh, "finished") >= time);
    assert_eq!(
        refresh,
        columns(&[
            ("account_id", text("clx123abc")),
            ("name", text("Fitness Guru")),
            ("label", text("Fitness Guru")),
            ("username", text("fitnessguru")),
            ("platform", text("tiktok")),
            ("refresh_id", Integer(1)),
            ("cause", text("first")),
            ("scheduled_time", Null),
            ("scheduled_utc", Null),
            ("outcome", text("ok")),
            ("http_status", Integer(200)),
            ("error", Null),
            ("answer", Null),
            ("spent", Integer(1)),
        ])
    );
}

#[test]
fn slots_are_served_when_they_are_due() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::each_second(&["a"]));
    let daemon = place.run();
    vendor.wait_for_calls(4);
    daemon.stop();
    let database = place.database();
    database.is_sound();
    let calls = i64::try_from(vendor.call_count()).expect("few");
    assert_eq!(database.one::<i64>("SELECT count(*) FROM refreshes WHERE outcome = 'ok'"), calls);
    assert!(database.one::<bool>(
        "SELECT count(*) = count(scheduled_time) AND min(scheduled_time <= started_time)
         FROM refreshes WHERE cause <> 'first'"
    ));
}

#[test]
fn a_thousand_accounts_over_three_starts_cost_a_thousand_calls() {
    let vendor = Vendor::start();
    let ids: Vec<String> = (0..1000).map(|n| format!("a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let api = "max_in_flight = 16".to_owned();
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&ids) });
    vendor
        .everywhere(Some(Behaviour::After(Duration::from_millis(5), Box::new(Behaviour::Answer))));
    for calls in [300, 650] {
        let daemon = place.run();
        vendor.wait_for_calls(calls);
        daemon.stop();
        assert!(vendor.call_count() < 1000, "stopped in the middle");
    }
    let daemon = place.run();
    vendor.wait_for_calls(1000);
    place.database().until("SELECT count(*) = 1000 FROM snapshots");
    daemon.stop();
    assert_eq!((vendor.call_count(), vendor.most_in_flight() <= 16), (1000, true));
    let database = place.database();
    database.is_sound();
    assert_eq!(database.rows("SELECT calls, spent FROM spend"), ["1000|1000"]);
}
