//! Which responses count as measured, from the vendor's socket to the totals. Every number here was
//! calculated by hand.

use growthd::clock::{Clock, Now, Time};
use growthd::simulated_api::Account;
use serde_json::json;

use crate::harness::{Ended, KEY, Settings, Setup, Vendor, at};
use crate::past::{DAY, START, WEEK};
use crate::scripted_api::{Behaviour, World};

/// The responses for `odd` on Mondays at six. Measured are 1010, 1030 three weeks later, and 1070
/// after four more.
fn odd(week: i64, now: Time) -> Behaviour {
    let with = |followers: serde_json::Value, analyzed: Time| {
        let patch =
            json!({"stats": {"followers": followers}, "lastAnalyzed": analyzed.to_string()});
        Behaviour::Patch(patch)
    };
    match week {
        0 => with(json!(1010), now),
        1 | 2 => with(json!(0), now),
        // The fourth repeats the third, with the same `lastAnalyzed`.
        3 | 4 => with(json!(1030), Time(START + 3 * WEEK)),
        // Its likes are 0 too, which by itself would leave its followers measured.
        5 => {
            let stats = json!({"stats": {"followers": 9000, "likes": 0}});
            let then = Box::new(Behaviour::Patch(stats));
            Behaviour::ServerDate { offset: 2 * 3600, then }
        }
        6 => with(json!("1060"), now),
        _ => with(json!(1070), now),
    }
}

/// The responses for `plain` at the same times.
fn plain(week: i64) -> Behaviour {
    Behaviour::Patch(json!({"stats": {"followers": 2000 + 100 * week}}))
}

/// The numbers in the lines of `refresh` about the account `odd`.
fn numbers_of_odd(lines: &[String]) -> Vec<&str> {
    let told = lines.iter().filter_map(|line| line.strip_prefix("ok       odd (Odd)"));
    told.map(|numbers| numbers.split(';').next().unwrap_or_default().trim()).collect()
}

#[test]
fn a_snapshot_that_is_not_measured_is_stored_but_does_not_count() {
    let (clock, hand) = Clock::by_hand(Time(START));
    let vendor =
        Vendor::of(World::with_any_account(KEY).and("odd", Account::documented()).on(clock));
    let accounts = ["odd\nlabel = \"Odd\"\ntags = [\"client-a\"]", "plain\ntags = [\"client-a\"]"];
    let place = Setup::new(&vendor, &Settings::weekly(&accounts));
    let growthd = |now: i64, arguments: &[&str]| -> Option<Ended> {
        hand.move_to(Now::from(Time(now)));
        Some(Ended::of(at(Time(now), &place.command(arguments))?))
    };
    let mut told = Vec::new();
    for week in 0..8 {
        let now = START + week * WEEK;
        vendor.queue("plain", [plain(week)]);
        vendor.queue("odd", [odd(week, Time(now))]);
        for account in ["plain", "odd"] {
            let Some(ended) = growthd(now, &["refresh", account]) else { return };
            // A date that contradicts the clock needs attention.
            let ended = ended.with_code(i32::from(account == "odd" && week == 5));
            told.extend(ended.out.lines().next().map(str::to_owned));
        }
    }
    let database = place.database();
    let rows = |sql: &str| database.rows(sql);
    assert_eq!(
        rows("SELECT followers, is_suspect, suspect FROM snapshots WHERE label = 'Odd'"),
        [
            "1010|0|-",
            "0|1|zero",
            "0|1|zero",
            "1030|0|-",
            "1030|1|cached",
            "9000|1|clock",
            "-|0|-",
            "1070|0|-",
        ]
    );
    assert_eq!(
        numbers_of_odd(&told),
        [
            "1,010 followers",
            "0 followers, suspect (zero)",
            "0 followers, suspect (zero)",
            "1,030 followers",
            "1,030 followers, suspect (cached)",
            "9,000 followers, suspect (clock)",
            "",
            "1,070 followers",
        ]
    );
    assert_eq!(
        rows("SELECT extra FROM snapshots WHERE followers IS NULL"),
        [r#"{"stats":{"followers":"1060"}}"#]
    );
    let growth = "SELECT followers, followers_delta, followers_per_7d FROM growth
                  WHERE label = 'Odd' AND followers_delta IS NOT NULL";
    assert_eq!(rows(growth), ["1030|20|6.67", "1070|40|10"]);
    // Weeks end six hours before a refresh.
    let weeks = "SELECT week, followers, followers_delta FROM weekly WHERE label = 'Odd'";
    assert_eq!(
        rows(weeks),
        [
            "2026-W02|1016|6",
            "2026-W03|1023|7",
            "2026-W04|1030|7",
            "2026-W05|1040|10",
            "2026-W06|1050|10",
            "2026-W07|1060|10",
            "2026-W08|1070|10",
        ]
    );
    assert_eq!(
        rows(&weeks.replace("label = 'Odd'", "account_id = 'plain' AND week = '2026-W04'")),
        ["2026-W04|2296|100"]
    );
    let tags = "SELECT week, accounts, followers, followers_delta FROM tag_weekly";
    assert_eq!(
        rows(tags),
        [
            "2026-W02|2|3112|102",
            "2026-W03|2|3219|107",
            "2026-W04|2|3326|107",
            "2026-W05|2|3436|110",
            "2026-W06|2|3546|110",
            "2026-W07|2|3656|110",
            "2026-W08|2|3766|110",
        ]
    );
    let latest = "SELECT followers, followers_gained_7d, followers_gained_30d FROM latest";
    // 30 days before the newest, 19 of the 21 days over which it gained the first 20 had passed.
    assert_eq!(rows(&format!("{latest} WHERE label = 'Odd'")), ["1070|10|42"]);
    for (arguments, expected) in [
        (&["growth", "--since", "7d", "--csv"][..], ",1070,10,"),
        (&["growth", "--week", "2026-W03", "--csv"], ",1023,7,"),
        (&["growth", "--week", "2026-W07", "--csv"], ",1060,10,"),
        (&["digest", "--week", "2026-W04"], "+107 followers"),
        (&["digest", "--week", "2026-W08", "--tag", "client-a"], "+110 followers"),
    ] {
        let Some(ended) = growthd(START + 7 * WEEK + DAY, arguments) else { return };
        let output = ended.with_code(0).out;
        assert!(output.contains(expected), "{arguments:?}: {output}");
    }
}

#[test]
fn a_response_without_a_usable_count_is_no_measurement() {
    let (clock, hand) = Clock::by_hand(Time(START));
    let vendor =
        Vendor::of(World::with_any_account(KEY).and("odd", Account::documented()).on(clock));
    let place = Setup::new(&vendor, &Settings::weekly(&["odd\nlabel = \"Odd\""]));
    let growthd = |now: i64, arguments: &[&str]| -> Option<Ended> {
        hand.move_to(Now::from(Time(now)));
        Some(Ended::of(at(Time(now), &place.command(arguments))?))
    };
    let stats = |count: serde_json::Value| {
        let stats =
            json!({"followers": count, "following": count, "videos": count, "likes": count});
        Behaviour::Patch(json!({"stats": stats}))
    };
    let monday = |week: i64| START + week * WEEK;
    for (now, count, arguments) in [
        (START, json!(1000), &["refresh", "odd"][..]),
        // Ten minutes before a slot, which it leaves open.
        (monday(1) - 600, json!(null), &["refresh", "odd"]),
        (monday(1), json!(1084), &["refresh", "--due"]),
        // These serve their slots: the vendor has answered.
        (monday(2), json!("1,168"), &["refresh", "--due"]),
        (monday(3), json!("1,252"), &["refresh", "--due"]),
        (monday(4), json!("1,336"), &["refresh", "--due"]),
    ] {
        vendor.queue("odd", [stats(count)]);
        let Some(ended) = growthd(now, arguments) else { return };
        ended.with_code(0);
    }
    let database = place.database();
    assert_eq!(
        database.rows("SELECT cause, outcome, spent FROM refreshes"),
        [
            "manual|ok|1",
            "manual|ok|1",
            "schedule|ok|1",
            "schedule|ok|1",
            "schedule|ok|1",
            "schedule|ok|1"
        ]
    );
    let Some(digest) = growthd(monday(4) + DAY, &["digest"]) else { return };
    let digest = digest.with_code(0).out;
    assert!(digest.contains("SILENT\n- Odd since 2026-01-12"), "{digest}");

    vendor.queue("odd", [stats(json!(1420))]);
    let Some(ended) = growthd(monday(5), &["refresh", "--due"]) else { return };
    ended.with_code(0);
    assert_eq!(
        database.rows("SELECT week, followers_delta, is_measured FROM weekly"),
        // Weeks end six hours before a refresh, and 162 of 168 hours have passed: a few seconds more
        // change no whole number.
        ["2026-W02|81|1", "2026-W03|84|1", "2026-W04|84|0", "2026-W05|84|0", "2026-W06|84|0"]
    );
    assert_eq!(
        database.rows("SELECT from_utc, to_utc, days FROM gaps"),
        ["2026-01-12T06:00:00Z|2026-02-09T06:00:00Z|28"]
    );
    assert_eq!(
        database.rows("SELECT gap_days, followers_delta FROM growth WHERE followers IS NOT NULL"),
        ["-|-", "7|84", "28|336"]
    );
}
